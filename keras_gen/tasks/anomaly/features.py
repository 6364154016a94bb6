"""Features by which images are compared: what a network, a function or a model of the package makes of them."""

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_gen.core.abilities import MAX_BATCH, VALUES_PER_BATCH

SMALLEST = 4  # positions on a side, below which a feature map says little of where
ENOUGH = 3  # maps, above which the deepest is left out
TINY = 1e-12


class Features(NamedTuple):
    """Where features come from.

    Args:
        of: function of (N, ...) to a list of one array (N, D), or of feature maps (N, h, w, C), the finest first.
        scaling: what suits them: "length" 1 for the activations of a network, "standard" for codes and plain vectors.
        of_tensors: the same of a tensor, inside a graph; None where `of` knows arrays only.
    """

    of: Callable[[np.ndarray], list[np.ndarray]]
    scaling: str
    of_tensors: Callable[[Any], list] | None = None


def features_of(model: Any, wants_maps: bool, layers: Sequence[str] | None = None) -> Features:
    """The features of whatever a detector is given.

    Args:
        model: None for vectors as they are; a model of the package; a `keras.Model`; or a function of images.
        wants_maps: whether to take feature maps, and of several depths; else one vector for each image will do.
        layers: names of the layers of a `keras.Model`, or of the body of one of the package, to take.

    Raises:
        ValueError: if maps are wanted and there are none, or there is no such layer.
    """
    if model is None:
        return Features(_as_they_are, "standard", _as_they_are)
    if hasattr(model, "offers"):
        return _of_ours(model, wants_maps, layers)
    if isinstance(model, keras.Model):
        network = _chosen(model, wants_maps, layers)
        return Features(_by_network(network), "length", functools.partial(_tensors, network))
    if layers is not None:
        raise ValueError(f"`layers` are those of a keras.Model. Received: layers={layers!r} of a function")
    return Features(lambda x: [np.concatenate([np.asarray(model(part)) for part in batches(x)])], "length")


def _as_they_are(x):
    return [x]


def batches(x: np.ndarray) -> list[np.ndarray]:
    """Parts of a size that fits into memory, whatever the size of an image."""
    size = int(np.clip(VALUES_PER_BATCH // max(1, x[:1].size), 1, MAX_BATCH))
    return [x[start : start + size] for start in range(0, len(x), size)]


def pooled(maps: list[np.ndarray], scaling: str, pooling: str = "mean") -> np.ndarray:
    """One vector for each image: of the coarsest map the mean or the maximum over its positions. -> (N, D)."""
    last = maps[-1]
    if last.ndim == 4:
        last = last.max(axis=(1, 2)) if pooling == "max" else last.mean(axis=(1, 2))
    vectors = last.reshape(len(last), -1)
    return to_length(vectors) if scaling == "length" else vectors


def patches(maps: list[np.ndarray], scaling: str, averaged: bool) -> np.ndarray:
    """One vector for each position of the finest map: those of all depths side by side. -> (N, h, w, C).

    Each depth is scaled to length 1 first, so that none outweighs the others; coarser ones are resized bilinearly.

    Args:
        maps: (N, h, w, C) each, the finest first.
        scaling: "length", or another for none.
        averaged: whether each position is averaged with its neighbours, 3 x 3, those that there are (Roth et al. 2022,
            equations 1 to 3).
    """
    size = maps[0].shape[1:3]
    parts = []
    for part in maps:
        if averaged:
            part = keras.ops.average_pool(part, 3, strides=1, padding="same")
        if part.shape[1:3] != size:
            part = keras.ops.image.resize(part, size, interpolation="bilinear", data_format="channels_last")
        part = np.asarray(part, "float32")
        parts.append(to_length(part) if scaling == "length" else part)
    together = np.concatenate(parts, axis=-1)
    return to_length(together) if scaling == "length" and len(parts) > 1 else together


def to_length(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1, along the last axis."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), TINY)


def stages(network: keras.Model) -> list:
    """The last feature map of each size on the way in, the finest first: symbolic (B, h, w, C).

    Of a network that halves, these are its sizes rounded up; paddings on the way are none of them. Where another
    network lies inside, after layers that prepare images for it, they are those of the inner one.
    """
    for before, inner in itertools.pairwise(network.layers):
        if isinstance(inner, keras.Model) and len(getattr(inner, "inputs", None) or ()) == 1:
            start, inside = _output(before), stages(inner)
            if inside and start is not None and start.shape[1:] == inner.inputs[0].shape[1:]:
                return keras.tree.flatten(keras.Model(inner.inputs[0], inside)(start))
    made = getattr(network, "operations", network.layers)  # layers, and functions of keras.ops
    outputs = [_output(layer) for layer in made if not isinstance(layer, keras.layers.InputLayer)]
    found = {output.shape[1:3]: output for output in outputs if output is not None and len(output.shape) == 4}
    sizes = [size for size in found if None not in size and min(size) > 1]
    halved: list = max((_halved(start, sizes) for start in (network.inputs[0].shape[1:3], *sizes)), key=len, default=[])
    reduced = [size for size in sizes if 2 * size[0] <= max(start[0] for start in sizes) + 1]
    return [found[size] for size in sorted(halved or reduced or sizes, reverse=True)]


def _halved(start, sizes):
    """Those of the sizes that halving leads to, rounded up: an image may be resized inside, and maps padded."""
    halves = {math.ceil(start[0] / 2**k) for k in range(1, 12)} if start[0] else ()
    return [size for size in sizes if size[0] in halves]


def _output(layer):
    """The output of a layer that has one; None of others, and of those that are called never or more than once."""
    try:
        output = layer.output
    except (AttributeError, ValueError):
        return None
    return None if isinstance(output, list | tuple | dict) else output


def _of_ours(model, wants_maps, layers):
    """Of a model of the package: feature maps of the convolutional body that its images go through, else its codes."""
    body = _body(model)
    if body is not None and (wants_maps or layers is not None or stages(body)):
        network = _chosen(body, wants_maps or layers is None, layers)
        return Features(_with_averages(model, _by_network(network)), "length", functools.partial(_tensors, network))
    if wants_maps:
        raise ValueError(
            "Patches need feature maps, as those of a convolutional network (encoder='conv'); with method='neighbors' "
            f"vectors will do. Received: {type(model).__name__}, which has none"
        )
    if "encode" not in model.offers:
        raise ValueError(f"Features are those of an encoder or of a critic. Received: {type(model).__name__}")

    def codes(x):
        return [np.asarray(model.code_vectors(x), "float32")]

    return Features(codes, "standard", lambda x: [model.code_vectors(x)])


def _body(model):
    """The network of a model that its images go through first, None where it has none with feature maps."""
    for part in ("encoder", "critic"):
        if part not in model.network_parts():
            continue
        whole = model.network(part)
        for network in (*whole.layers, whole):
            is_model = isinstance(network, keras.Model) and len(getattr(network, "inputs", None) or ()) == 1
            if is_model and tuple(network.inputs[0].shape[1:]) == model.data_shape and stages(network):
                return network
    return None


def _with_averages(model, of):
    def averaged(x):
        with model.using_averages():
            return of(x)

    return averaged


def _chosen(network, wants_maps, layers):
    """The network that gives the features that are wanted: its inputs to one output or several."""
    if not getattr(network, "inputs", None):
        return network  # of a class of its own: what it gives is what there is
    if layers is not None:
        named = {layer.name: _output(layer) for layer in network.layers}
        if not layers or any(named.get(name) is None for name in layers):
            raise ValueError(
                f"`layers` must be names of layers of {network.name}: {', '.join(named)}. Received: layers={layers!r}"
            )
        outputs = [named[name] for name in layers]
        return keras.Model(network.inputs[0], sorted(outputs, key=lambda output: -(output.shape[1] or 0)))
    maps = stages(network)
    if not wants_maps:
        last = network.layers[-1]
        is_classifier = getattr(getattr(last, "activation", None), "__name__", "") in ("softmax", "sigmoid")
        output = network.outputs[0]
        if len(output.shape) == 2 and is_classifier:  # classes say less than what they are told by
            output = maps[-1] if maps else last.input
        return keras.Model(network.inputs[0], output)
    large = [part for part in maps if min(part.shape[1:3]) >= SMALLEST] or maps
    if not large:
        raise ValueError(
            "Patches need feature maps, as those of a convolutional network; with method='neighbors' vectors will do. "
            f"Received: {network.name}, which has none"
        )
    if len(large) > ENOUGH:  # the deepest tell classes apart, not defects
        large = large[:-1]
    return keras.Model(network.inputs[0], large[-2:])


def _tensors(network, x):
    """As of `_by_network`."""
    channels = network.inputs[0].shape[-1] if getattr(network, "inputs", None) else None
    x = keras.ops.repeat(x, 3, axis=-1) if len(x.shape) == 4 and x.shape[-1] == 1 and channels == 3 else x
    return [keras.ops.cast(part, "float32") for part in keras.tree.flatten(network(x, training=False))]


def _by_network(network):
    """A function of images to the outputs of a network, each (N, ...) float32."""
    inputs = getattr(network, "inputs", None)
    channels = inputs[0].shape[-1] if inputs else None

    def of(x):
        x = np.repeat(x, 3, axis=-1) if x.ndim == 4 and x.shape[-1] == 1 and channels == 3 else x
        found = [keras.tree.flatten(network.predict_on_batch(part)) for part in batches(x)]
        return [np.concatenate(parts).astype("float32") for parts in zip(*found, strict=True)]

    return of
