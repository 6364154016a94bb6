"""What models can do, on whole arrays and datasets; and the sentence for what a model cannot.

A model writes its abilities for tensors and plain numbers: `batched` and `at_once` bring it data, `drawn` what it takes
to draw, all of it checked.
"""

import dataclasses
import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar, overload

import keras
import numpy as np
import tensorflow as tf

from keras_gen.core import arguments, provenance
from keras_gen.core.intake import Intake
from keras_gen.core.rows import Rows
from keras_gen.core.spec import DataSpec

ABILITIES = (
    "encode", "decode", "reconstruct", "sample", "score", "denoise", "separate", "translate", "log_weights", "unit_kl",
)  # fmt: skip
Method = TypeVar("Method", bound=Callable)
VALUES_PER_BATCH = 1_000_000  # of the data, in one batch: bounds memory whatever the size of an image
MAX_BATCH = 500


@overload
def batched(method: Method) -> Method: ...
@overload
def batched(*, images: bool) -> Callable[[Method], Method]: ...
def batched(method: Callable | None = None, *, images: bool = False) -> Callable:
    """Lets a method written for one batch of tensors take whole arrays or datasets, and return numpy.

    A tensor or a variable goes straight through, so that models can call each other's methods inside a graph, and
    gradients flow back to it. Everything else that `fit` takes is cut into batches whose results are put together in
    numpy. With `images=True` the result carries its provenance.

    A method may take `labels` after x: they are checked and cut likewise, and those of a dataset are taken where the
    model needs labels.
    """
    if method is None:
        return functools.partial(batched, images=images)
    takes_labels = "labels" in inspect.signature(method).parameters

    @functools.wraps(method)
    def wrapper(self, x, *args, **kwargs):
        labels = None
        if takes_labels:
            labels, args = args[0] if args else kwargs.pop("labels", None), ()
        if _is_tensor(x):
            x = x if isinstance(x, keras.KerasTensor) else tf.convert_to_tensor(x)
            if labels is not None and tf.executing_eagerly():
                labels = tf.constant(self.data_spec.of_inputs.as_labels(labels, len(x)))
            with self.using_averages():
                return method(self, x, *args, **kwargs, **({} if labels is None else {"labels": labels}))
        with self.using_averages():
            batches = _slices(self, method.__name__, x, labels, takes_labels)
            results = _together(self, functools.partial(method, self), batches, args, kwargs)
        if not images:
            return results
        made = provenance.mark(results, self)
        return made if method.__name__ == "decode" else self.as_given(x, made)

    return wrapper


def at_once(method: Callable) -> Callable:
    """Lets a method written for tensors take whole arrays or datasets in one batch, and return numpy.

    For what sees examples together, or whose draws must differ from example to example. A tensor or a variable goes
    straight through, as by `batched`; `labels`, wherever the method takes them, are checked likewise.
    """
    signature = inspect.signature(method)

    @functools.wraps(method)
    def wrapper(self, x, *args, **kwargs):
        with self.using_averages():
            if _is_tensor(x):
                return method(self, x, *args, **kwargs)
            given = signature.bind_partial(self, x, *args, **kwargs)
            x, labels = self.in_memory(x, given.arguments.pop("labels", None), method.__name__)
            if labels is not None:
                given.arguments["labels"] = tf.constant(labels)
            _, _, *others = given.args
            return tf.nest.map_structure(np.asarray, method(self, tf.constant(x), *others, **given.kwargs))

    return wrapper


def drawn(method: Callable) -> Callable:
    """Lets a method that draws images take `n`, `labels` and `seed` from users: checked, and noted with the images.

    The method gets at least 1 for n; labels as (n,) int64, or None: where none are given, a model with classes draws
    them in turn; and a seed, a fresh one where none is given.
    """

    @functools.wraps(method)
    def wrapper(self, n, labels=None, seed=None, *args, **kwargs):
        n, seed = arguments.whole(1).check("n", n), provenance.seed_for(seed)
        if labels is not None:
            labels = self.spec_of("sample").as_labels(labels, n)
        elif self.data_spec.num_classes is not None:
            labels = np.arange(n) % self.data_spec.num_classes
        with self.using_averages():
            made = method(self, n, labels, seed, *args, **kwargs)
            return provenance.note(made, self, seed=seed) if self.table is None else self.drawn_rows(made, seed)

    return wrapper


def _is_tensor(x):
    """Whether abilities let x through as it is."""
    return isinstance(x, tf.Tensor | tf.Variable | keras.Variable | keras.KerasTensor)


def _slices(model, ability, x, labels, takes_labels):
    """Yields (x, labels or None, number of all examples or None) of one batch after the other."""
    spec = model.spec_of(ability)
    needs_labels = takes_labels and (labels is not None or model.supervision == "required")
    if needs_labels and model.data_spec.num_classes is None:
        model.data_spec.as_labels(labels)
    kind = ("partial" if model.supervision == "partial" else "required") if needs_labels else None
    # A model that translates takes images of other sizes than it was built for.
    given = math.prod(side or 0 for side in getattr(x, "shape", ())[1:])
    size = model.per_batch(given)
    if not isinstance(x, tf.data.Dataset) or labels is None:
        yield from Intake(dataclasses.replace(spec, labels=kind)).slices(x, labels, size)
        return
    labels, start = model.data_spec.as_labels(labels), 0
    for batch, _, _ in Intake(dataclasses.replace(spec, labels=None)).slices(x):
        own = np.full(len(batch), labels[0]) if len(labels) == 1 else labels[start : start + len(batch)]
        start += len(batch)
        if len(own) < len(batch):
            break
        yield batch, own, None
    if len(labels) not in (1, start):
        raise ValueError(f"There must be as many labels as examples. Received: {len(labels)} labels, {start} examples")


def _together(model, method, batches, args, kwargs):
    """What a method gives for batches, in one array."""
    results, start = None, 0
    for x, labels, total in batches:
        given = {} if labels is None else {"labels": tf.constant(labels)}
        result = np.asarray(method(tf.convert_to_tensor(x, tf.float32), *args, **kwargs, **given))
        if total is None:
            results = (results or []) + [result]
            continue
        if results is None:
            results = np.empty((total, *result.shape[1:]), result.dtype)
        results[start : start + len(x)] = result
        start += len(x)
    return np.concatenate(results) if isinstance(results, list) else results


class Abilities(Rows):
    """Part of `GenerativeModel`: each ability, with the sentence of a model that does not have it."""

    offers: frozenset[str] = frozenset()  # what the class can do, of ABILITIES; derived below from what it defines
    slow = False  # whether abilities call a network many times for each image: a report takes few images for them
    num_codes: int | None = None  # of codes that are whole numbers, how many there are
    # What a model that encodes and decodes says where it is asked for samples.
    without_prior = (
        "; fit one to the codes of data, `kg.tasks.CodeSampler(model).fit(data)`, or `sample --prior mixture`"
    )
    memory_factor = 1  # how many times the data an ability holds in memory, for batches of a size that fits

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        defined = {name for name in ABILITIES if getattr(cls, name) is not getattr(Abilities, name)}
        cls.offers = frozenset(defined | ({"reconstruct"} if {"encode", "decode"} <= defined else set()))

    def __dir__(self):
        """What TAB shows: no ability that the model does not have."""
        return [name for name in super().__dir__() if name not in ABILITIES or name in self.offers]

    def per_batch(self, values: int = 0) -> int:
        """How many examples an ability takes at once; those of more `values` than the data have are fewer."""
        values = max(math.prod(self.data_shape), values) * self.memory_factor
        return max(1, min(MAX_BATCH, VALUES_PER_BATCH // values))

    def spec_of(self, ability: str) -> DataSpec:
        """The `DataSpec` of what an ability takes, by its name: codes for `decode`, labels for `sample`, else data."""
        spec = self.data_spec.of_inputs
        if ability == "decode":
            return dataclasses.replace(
                spec, name=f"{spec.name}.decode", shape=self.code_shape, bounded=False, labels=None, may_end=False
            )
        return dataclasses.replace(spec, labels="required") if ability == "sample" else spec

    @property
    def code_shape(self) -> tuple:
        """Of one code."""
        return (getattr(self, "latent_dim", None),)

    def _cannot(self, what: str, reason: str = "") -> NoReturn:
        offered = ", ".join(sorted(self.offers)) or "nothing else"
        raise NotImplementedError(f"{type(self).__name__} does not {what}{reason}. It offers: {offered}.")

    def encode(self, x) -> np.ndarray:
        """Deterministic codes. (B, H, W, C) -> (B, latent_dim)."""
        self._cannot("encode", ": it has no encoder")

    def code_vectors(self, x, **labels) -> np.ndarray:
        """Codes as points between which there are distances: what `encode` gives, flat. (B, H, W, C) -> (B, D).

        Of discrete codes, the vectors that stand for them: what maps, probes and detectors look at.
        """
        codes = self.encode(x, **labels)
        shape = (codes.shape[0], math.prod(codes.shape[1:]))
        return tf.reshape(codes, (-1, shape[1])) if _is_tensor(codes) else codes.reshape(shape)

    def decode(self, z) -> np.ndarray:
        """Images of codes. (B, latent_dim) -> (B, H, W, C) in [0, 1]."""
        self._cannot("decode", ": it has no decoder")

    @batched(images=True)
    def reconstruct(self, x) -> np.ndarray:
        """`decode(encode(x))`. (B, H, W, C) -> (B, H, W, C) in [0, 1]."""
        if "reconstruct" not in self.offers:
            self._cannot("reconstruct", ": that takes an encoder and a decoder")
        self.check_shape(x)
        return self.decode(self.encode(x))

    def sample(self, n: int, labels=None, seed: int | None = None) -> np.ndarray:
        """Draws n images from the model; the same seed gives the same images. -> (n, H, W, C) in [0, 1]."""
        fits = {"encode", "decode"} <= self.offers
        self._cannot("sample", f": it has no distribution of codes to draw from{self.without_prior if fits else ''}")

    def score(self, x) -> np.ndarray:
        """Higher = more like the training data; deterministic, the unit is the model's. (B, H, W, C) -> (B,)."""
        self._cannot("score")

    def denoise(self, x) -> np.ndarray:
        """The clean images of corrupted ones. (B, H, W, C) -> (B, H, W, C) in [0, 1]."""
        self._cannot("denoise", ": it was not trained on corrupted images")

    def separate(self, x) -> np.ndarray:
        """The sources of mixtures, in any order. (B, H, W, C) -> (B, S, H, W, C) in [0, 1]."""
        self._cannot("separate", ": it was not trained on mixtures")

    def reconstruction_pairs(self, x, y=None) -> tuple | None:
        """What a report compares: (images that the model makes of a batch, what they should be), None for nothing."""
        return (self.reconstruct(x, **self.label_kwargs(y)), x) if "reconstruct" in self.offers else None

    def pictures(self, originals, seed: int = 0, **given) -> dict[str, list]:
        """What shows how far a training is: name -> groups of images, (N, H, W, C) each, to lie above each other."""
        if "reconstruct" not in self.offers:
            return {}
        return {"reconstructions": [originals, self.reconstruct(originals, **given)]}

    def label_kwargs(self, labels) -> dict[str, Any]:
        """Labels as keyword arguments of `encode`, `reconstruct`, `score`, ..., if those need them."""
        return {"labels": labels} if self.supervision == "required" else {}

    def translate(self, x) -> np.ndarray:
        """Images of the other domain. (B, H, W, C) -> (B, H, W, C) in [0, 1]."""
        self._cannot("translate", ": it knows one kind of image only")

    def log_weights(self, x, num_samples: int, seed: int = 0) -> np.ndarray:
        """`log p(x, z_k) - log q(z_k | x)` for draws z_k ~ q(z | x). (B, H, W, C) -> (num_samples, B), nats."""
        self._cannot("give importance weights", ": it has no approximate posterior")

    def unit_kl(self, x) -> np.ndarray:
        """KL divergence of each code unit's posterior from N(0, 1). (B, H, W, C) -> (B, latent_dim), nats."""
        self._cannot("tell the KL divergence of its units", ": it has no approximate posterior")
