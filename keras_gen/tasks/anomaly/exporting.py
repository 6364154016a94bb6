"""A fitted detector as one graph: its measure, its pooling and its heat map, in tensors instead of arrays.

Whatever is linear in a map, blurs and bilinear sizes, is a matrix for its rows and one for its columns.
"""

import contextlib
import functools
import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from scipy import ndimage

from keras_gen.export import Graph, Value, check, summary, write
from keras_gen.tasks.anomaly import calibration, choosing, memory, methods
from keras_gen.tasks.anomaly.features import TINY, batches
from keras_gen.version import __version__

SMOOTHED = 0.5  # positions of a feature map, of its heat map
UNSEEN = 8  # random examples that a file is compared on, where none are given


def write_detector(detector: Any, path: str | Path, format: str, images, anomalies, quantize, limit, verbose) -> Path:
    """See `AnomalyDetector.export`."""
    path = check(path, format, quantize)
    if quantize == "int8" and images is None:
        raise ValueError("quantize='int8' needs real data to learn ranges from. Received: images=None")
    if images is None:
        rng, shape = np.random.default_rng(0), (UNSEEN, *detector.data_shape_)
        data = rng.random(shape) if len(shape) == 4 else rng.standard_normal(shape)
    else:
        data = detector.taken(images)
    data = np.asarray(batches(data)[0], "float32")
    odd = None if anomalies is None else np.asarray(batches(detector.taken(anomalies))[0], "float32")
    written = write(graph_of(detector), path, format, {"data": data}, odd, quantize, limit)
    if verbose:
        print(summary(path, written, images is None))
    return path


def graph_of(detector: Any) -> Graph:
    """Of data (B, ...) to "score", (B,), and where the method has maps "heatmap", (B, H, W, 1), of series (B, T).

    Raises:
        ValueError: if its features are those of a function of arrays.
    """
    features = getattr(detector.measure_, "features", None)
    if features is not None and features.of_tensors is None:
        raise ValueError(
            "Features must be those of a keras.Model: a function of arrays cannot leave Python. "
            f"Received: a detector with the function {getattr(detector.model, '__name__', detector.model)}"
        )
    shape, has_maps = detector.data_shape_, detector.pixel_threshold_ is not None
    ends = getattr(detector.model, "variable_length", False)
    pooling = choosing.pooling_of(detector, detector.method_, len(shape) + 1)

    def function(x):
        found = measured(detector.measure_, x)
        outputs = {"score": -(found if len(found.shape) == 1 else _pooled(found, pooling, ends))}
        if has_maps:
            outputs["heatmap"] = _upsampled(found, shape[:2])[..., None] if len(shape) == 3 else found
        return outputs

    def truth(given):
        heat = {"heatmap": np.asarray(detector.heatmap(given["data"]))} if has_maps else {}
        return {"score": detector.score_samples(given["data"]), **heat}

    table = getattr(detector.model, "table", None)
    about = {
        "made_by": f"keras_gen {__version__}",
        "model": type(detector).__name__,
        "of": type(detector.model).__name__,
        "part": "detector",
        "method": detector.method_,
        "threshold": detector.threshold_,
        "pixel_threshold": detector.pixel_threshold_,
        "false_alarms": detector.false_alarms,
        "meaning": "anomaly where score < threshold; unusual pixel where heatmap > pixel_threshold",
        "preprocessing": "float32, as under `inputs`; nothing else",
        **({} if table is None else {"table": table.get_config()}),
    }
    is_image = len(shape) == 3
    unit = "pixels divided by 255, channels last" if is_image else "slots of a row" if table is not None else ""
    if ends:
        unit = "NaN in all features of the steps after the end of a series"
    data = Value(shape, "float32", (0.0, 1.0) if is_image else None, unit)
    outputs = {"score": Value(unit="higher is more normal")}
    if has_maps:
        outputs["heatmap"] = Value(unit="as of the method")
    lending = getattr(detector.model, "using_averages", contextlib.nullcontext)
    return Graph(function, {"data": data}, outputs, about, lending, truth=truth)


@functools.singledispatch
def measured(measure: Any, x: tf.Tensor) -> tf.Tensor:
    """The same as its `measure`. (B, ...) -> (B,), or maps."""
    raise ValueError(f"This method cannot be exported. Received: {type(measure).__name__}")


@measured.register
def _(measure: methods.Reconstruction, x):
    made = measure.model.reconstruct(x)
    blur = [_smoothing(size, measure.blur) for size in x.shape[1:3]] if measure.blur else None
    x, made = (part if blur is None else _by_rows_and_columns(part, *blur) for part in (x, made))
    errors = tf.square(x - made)
    if len(x.shape) == 4:
        smoothing = (_smoothing(size, methods.SMOOTHED) for size in x.shape[1:3])
        errors = _by_rows_and_columns(tf.reduce_mean(errors, axis=-1, keepdims=True), *smoothing)[..., 0]
    elif len(x.shape) == 3:
        errors = tf.reduce_mean(errors, axis=-1)
    if measure.relative:
        axes, ends = list(range(1, len(x.shape))), getattr(measure.model, "variable_length", False)
        ground = _mean(x, axes, ends, keepdims=True) if measure.relative == "variation" else 0.0
        there = tf.maximum(_mean(tf.square(x - ground), axes, ends), methods.FAINTEST)
        errors /= tf.reshape(there, (-1, *[1] * (len(errors.shape) - 1)))
    return errors


@measured.register
def _(measure: methods.OwnScore, x):
    return -measure.model.score(x)


@measured.register
def _(measure: methods.Latent, x):
    codes = measure.model.code_vectors(x) - measure.mean.astype("float32")
    return tf.reduce_sum(tf.matmul(codes, measure.precision.astype("float32")) * codes, axis=1)


@measured.register
def _(measure: memory.Neighbors, x):
    vectors = _vectors(_maps(measure, x), measure.features.scaling, measure.pooling)
    vectors = (vectors - measure.centre.astype("float32")) / measure.scale.astype("float32")
    nearest = _nearest(vectors, measure.memory.astype("float32"), min(measure.k, len(measure.memory)))
    return tf.reduce_mean(nearest, axis=1)


@measured.register
def _(measure: memory.Gaussian, x):
    maps = _maps(measure, x)
    is_map = len(maps[0].shape) == 4
    found = (_patches if is_map else _vectors)(maps, measure.features.scaling)
    found = tf.gather(found, measure.chosen, axis=-1)
    positions = tf.reshape(found, (-1, len(measure.mean), len(measure.chosen))) - measure.mean.astype("float32")
    white = tf.einsum("npd,pde->npe", positions, measure.whitening.astype("float32"))
    lengths = tf.sqrt(tf.reduce_sum(tf.square(white), axis=-1))
    return tf.reshape(lengths, (-1, *measure.shape.tolist()))


@measured.register
def _(measure: memory.Patches, x):
    maps = _patches(_maps(measure, x), measure.features.scaling, averaged=True)
    size, width = maps.shape[1:3], maps.shape[3]
    nearest = _nearest(tf.reshape(maps, (-1, width)), measure.memory.astype("float32"), 1)
    return tf.reshape(nearest, (-1, *size))


# === Features ===


def _maps(measure, x):
    """A list, as of `features.Features`; `graph_of` has seen to it that there is one."""
    return measure.features.of_tensors(x)


def _vectors(maps, scaling, pooling="mean"):
    """As `features.pooled`."""
    last = maps[-1]
    if len(last.shape) == 4:
        last = (tf.reduce_max if pooling == "max" else tf.reduce_mean)(last, axis=[1, 2])
    vectors = tf.reshape(last, (-1, math.prod(last.shape[1:])))
    return _to_length(vectors) if scaling == "length" else vectors


def _patches(maps, scaling, averaged=False):
    """As `features.patches`."""
    size, parts = maps[0].shape[1:3], []
    for part in maps:
        if averaged:
            part = keras.ops.average_pool(part, 3, strides=1, padding="same")
        if part.shape[1:3] != size:
            part = _by_rows_and_columns(part, *(_resizing(*pair) for pair in zip(part.shape[1:3], size, strict=True)))
        parts.append(_to_length(part) if scaling == "length" else part)
    together = tf.concat(parts, axis=-1)
    return _to_length(together) if scaling == "length" and len(parts) > 1 else together


def _to_length(vectors):
    return vectors / tf.maximum(tf.sqrt(tf.reduce_sum(tf.square(vectors), axis=-1, keepdims=True)), TINY)


def _nearest(vectors, memory, k):
    """Distances to the k nearest of a memory. (N, D), (M, D) -> (N, k)."""
    squares = tf.reduce_sum(tf.square(memory), axis=1) - 2 * tf.matmul(vectors, memory, transpose_b=True)
    found = tf.gather(memory, tf.math.top_k(-squares, k).indices)  # by differences: squares of lengths cancel
    return tf.sqrt(tf.reduce_sum(tf.square(found - vectors[:, None]), axis=-1))


# === Maps ===


def _pooled(maps, pooling, ends=False):
    """As `calibration.pool`."""
    flat = tf.reshape(maps, (-1, math.prod(maps.shape[1:])))
    if pooling == "mean":
        return _mean(flat, [1], ends)
    if pooling == "max":
        return tf.reduce_max(tf.where(tf.math.is_nan(flat), 0.0, flat) if ends else flat, axis=1)
    lowest = tf.where(tf.math.is_nan(flat), -1.0, flat) if ends else flat  # errors are 0 or more
    top = tf.math.top_k(lowest, math.ceil(calibration.TOP * flat.shape[1])).values
    return _mean(tf.where(top < 0, float("nan"), top) if ends else top, [1], ends)


def _mean(x, axes, ends, keepdims=False):
    """The mean; of series that may have ended, where x is NaN, over what is there."""
    if not ends:
        return tf.reduce_mean(x, axes, keepdims=keepdims)
    there = ~tf.math.is_nan(x)
    count = tf.reduce_sum(tf.cast(there, tf.float32), axes, keepdims=keepdims)
    return tf.reduce_sum(tf.where(there, x, 0.0), axes, keepdims=keepdims) / count


def _upsampled(maps, size):
    """As of the detector."""
    if maps.shape[1:] == size:
        return maps
    matrices = (
        _smoothing(full, SMOOTHED * full / small) @ _resizing(small, full)
        for full, small in zip(size, maps.shape[1:], strict=True)
    )
    return _by_rows_and_columns(maps[..., None], *matrices)[..., 0]


def _by_rows_and_columns(maps, rows, columns):
    """(B, h, w, C) by (H, h) and (W, w) -> (B, H, W, C)."""
    rows, columns = rows.astype("float32"), columns.astype("float32")
    return tf.einsum("ih,bhwc,jw->bijc", rows, maps, columns)


def _smoothing(size, deviation):
    """The blur of scipy along an axis. -> (size, size)."""
    return ndimage.gaussian_filter1d(np.eye(size), deviation, axis=0)


def _resizing(size, to):
    """The bilinear resizing of Keras along an axis. -> (to, size)."""
    columns = np.eye(size, dtype="float32")[None, :, :, None]
    with tf.init_scope():  # at once, though a graph is being traced
        made = keras.ops.image.resize(columns, (to, size), interpolation="bilinear", data_format="channels_last")
    return keras.ops.convert_to_numpy(made)[0, :, :, 0]
