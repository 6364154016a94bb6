"""`Intake`: whatever a user gives to `fit`, `evaluate`, `predict` and the abilities, made into checked batches, once.

What comes out is a `tf.data.Dataset` of x, (B, ...) float32, or of (x, y), y (B,) int64 labels or (B, ...) float32
targets. Arrays are checked as a whole, what comes batch by batch is checked on the way. Taken in are arrays and what
numpy makes arrays of (tensors, lists, data frames), sparse rows of scipy, `tf.data.Dataset`, `keras.utils.PyDataset`,
and Python iterables.
"""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn

import keras
import numpy as np
import tensorflow as tf

from keras_gen.core import epochs
from keras_gen.core.arrays import Arrays, as_array, is_array_like, split_off
from keras_gen.core.labels import known_per_batch
from keras_gen.core.spec import DataSpec
from keras_gen.core.streams import PyDatasetCallback, Streams, first_examples, refuse_weights, x_of

BATCH_SIZE = 32  # of arrays, Keras' own

TAKEN = (
    "`x` must be an array, a tensor, a data frame, a tf.data.Dataset, a keras.utils.PyDataset or an iterable of batches"
)


@dataclasses.dataclass
class Taken:
    """Data as they go on to Keras.

    Args:
        dataset: of x or of (x, y).
        count: of examples in an epoch, None where it is not known.
        steps: batches in an epoch, likewise.
        is_endless: whether the data never end.
        sample: function of a number to so many examples at most, (N, ...) float32.
        callbacks: that belong to the data.
        is_repeatable: whether they can be looked at and read again after that.
        total_steps: of the whole training, None where it is not known.
    """

    dataset: tf.data.Dataset
    count: int | None
    steps: int | None
    is_endless: bool
    sample: Callable
    callbacks: list = dataclasses.field(default_factory=list)
    is_repeatable: bool = True
    total_steps: int | None = None

    @property
    def has_y(self) -> bool:
        """Whether there are labels or targets."""
        return isinstance(self.dataset.element_spec, tuple)


class Intake(Streams):
    """Takes in data of a specification.

    Args:
        spec: the `DataSpec`.
        replicas: how many share each batch.
        all_get_some: whether each of them must get an example of each batch.
    """

    def __init__(self, spec: DataSpec, replicas: int = 1, all_get_some: bool = False) -> None:
        self.spec, self.replicas, self.all_get_some = spec, replicas, all_get_some
        self.refusal = None

    @contextlib.contextmanager
    def refusals(self) -> Iterator[None]:
        """Raises the sentence about a batch, where TensorFlow would raise an error of its own that wraps it."""
        try:
            yield
        except (tf.errors.OpError, StopIteration) as error:
            if self.refusal is None:
                raise
            raise self.refusal from (None if isinstance(error, tf.errors.OpError) else error)

    def refuse_none(self):
        """Raises the sentence about data that hold no example."""
        raise ValueError(f"{self.spec.takes}, at least one example. Received: none")

    # === Opening ===

    def open(self, x, y=None, seed: int | None = None) -> Arrays | tf.data.Dataset:
        """`Arrays`, checked, or a dataset of checked batches, of what a user gives.

        Args:
            x: as `fit` takes it.
            y: labels or targets.
            seed: of the order of a PyDataset, None to keep it.
        """
        if x is None:
            raise ValueError(f"{TAKEN}. Received: x=None")
        if isinstance(x, tf.data.Dataset | keras.utils.PyDataset) and y is not None:
            raise ValueError(
                f"A {type(x).__name__} must give labels or targets itself, as (x, y). Received: y={type(y).__name__}"
            )
        if isinstance(x, tf.data.Dataset):
            return x if self.has_taken(x) else self._checked(self._as_images(x))
        if isinstance(x, keras.utils.PyDataset):
            return self._of_py_dataset(x, seed)
        if is_array_like(x):
            return self.arrays(x, y)
        if isinstance(x, Iterable) and not isinstance(x, str | bytes | dict):
            return self._of_iterable(x, y)
        raise ValueError(f"{TAKEN}. Received: {type(x).__name__}")

    def open_held_out(self, validation_data) -> Arrays | tf.data.Dataset:
        """The same of the `validation_data` of `fit`: x, or a pair (x, y)."""
        first = validation_data[0] if isinstance(validation_data, list) and len(validation_data) in (2, 3) else None
        if isinstance(validation_data, tuple) or getattr(first, "ndim", 0) == len(self.spec.shape) + 1:
            x, y, weight = keras.utils.unpack_x_y_sample_weight(tuple(validation_data))
            if weight is not None:
                refuse_weights(self.spec.name)
            return self.open(x, y)
        return self.open(validation_data)

    def has_taken(self, x) -> bool:
        """Whether x is a dataset that has gone through such an intake: Keras hands validation data to `evaluate`."""
        return getattr(x, "taken_by", None) == self.spec

    def arrays(self, x, y=None) -> Arrays:
        """`Arrays` of what is array-like, checked."""
        x = as_array(x, self.spec)
        self.spec.check_shape(x)
        if x.shape[0] == 0:
            self.refuse_none()
        self.spec.check_dtype(x.dtype)
        self.spec.check_values(x.data if hasattr(x, "toarray") else x)
        y = self._as_y(x, y)
        return Arrays(x, y)

    def _as_y(self, x, y):
        """Labels or targets of x, checked; None where the model has no use for them."""
        spec, count = self.spec, x.shape[0]
        if spec.targets is not None:
            if y is not None:
                y = np.asarray(y)
            spec.check_target_shape(y)
            if spec.has_no_target(y):
                return None
            if spec.target_spec is not None:
                spec.check_dtype(y.dtype)
                spec.target_spec.check_values(y)
            if len(y) != count:
                raise ValueError(
                    f"There must be as many targets as examples. Received: {len(y)} targets, {count} examples"
                )
            return y
        if spec.labels is None:
            if y is not None:
                spec.check_unused(x, y)
            return None
        return None if y is None and spec.labels == "partial" else spec.as_labels(y, count)

    def batch(self, x, y=None) -> tuple:
        """One batch as arrays that are checked and converted: x float32, y or None."""
        arrays = self.arrays(x, y)
        return self.spec.to_float(arrays.rows(slice(None))), self._as_numbers(arrays.y)

    def _as_numbers(self, y):
        if y is None or self.spec.labels is not None:
            return y
        target = self.spec.target_spec
        return y if target is None else target.to_float(y)

    # === Data of `fit`, `evaluate`, `predict` and the abilities ===

    def training(
        self,
        x,
        y=None,
        *,
        batch_size: int | None = None,
        seed: int | None = None,
        split: float = 0.0,
        steps_per_epoch: int | None = None,
    ) -> tuple[Taken, Arrays | None]:
        """Data to train on, and those that are held out of them.

        Args:
            x: as `fit` takes it.
            y: labels or targets.
            batch_size: of arrays; None for 32.
            seed: of the order of arrays and of PyDatasets, None to keep it.
            split: share of arrays that is held out, the last ones.
            steps_per_epoch: of `fit`.

        Returns:
            A `Taken`, and `Arrays` or None.
        """
        opened, held_out = self.open(x, y, seed), None
        if split:
            opened, held_out = split_off(opened, split)
        if isinstance(opened, Arrays):
            size = min(len(opened), batch_size or BATCH_SIZE)
            if even_batch(size, self.replicas) != size:
                refuse_odd_batch(size, self.replicas)
            dataset, steps = self._batches_of(opened, size, seed)
            sample = functools.partial(self._sample_of_arrays, opened, seed)
            return Taken(dataset, len(opened), steps_per_epoch or steps, False, sample), held_out
        cardinality = int(opened.cardinality())
        is_endless = cardinality == tf.data.INFINITE_CARDINALITY
        if is_endless and not steps_per_epoch:
            raise ValueError("`steps_per_epoch` must be given for data that never end. Received: steps_per_epoch=None")
        steps = steps_per_epoch or (cardinality if cardinality >= 0 else None)
        if isinstance(x, Iterator):
            return Taken(opened, None, steps, is_endless, self._sample_of_generator, is_repeatable=False), None
        first = len(x_of(next(iter(opened.take(1)), np.zeros(0))))
        if first == 0:
            self.refuse_none()
        if even_batch(first, self.replicas) != first:
            refuse_odd_batch(first, self.replicas)
        sample = functools.partial(first_examples, opened)
        callbacks = [PyDatasetCallback(x)] if isinstance(x, keras.utils.PyDataset) else []
        return Taken(opened, steps and steps * first, steps, is_endless, sample, callbacks), None

    def _sample_of_arrays(self, arrays, seed, count):
        everything = count >= len(arrays)
        chosen = slice(None) if everything else np.random.default_rng(seed or 0).permutation(len(arrays))[:count]
        return self.spec.to_float(arrays.rows(chosen))

    def _sample_of_generator(self, count):
        raise ValueError(
            f"{self.spec.name} looks at its data before it trains on them: they must be an array, a PyDataset or a "
            "tf.data.Dataset. Received: a generator"
        )

    def _batches_of(self, arrays, batch_size, seed=None):
        """Arrays as a dataset of batches, and how many there are."""
        chosen, known, repeated = np.arange(len(arrays)), None, 0
        if self.spec.labels == "partial" and arrays.y is not None and seed is not None:
            is_known = arrays.y >= 0
            repeated = known_per_batch(int(is_known.sum()), len(arrays), batch_size)
            if repeated:
                known, chosen = chosen[is_known], chosen[~is_known]
        if repeated:
            indices, steps = epochs.index_batches(epochs.numbers(), chosen, batch_size, seed, known, repeated)
            indices = indices.map(lambda epoch, number, batch: batch)
        else:
            indices, steps = epochs.array_batches(len(arrays), batch_size, seed)
        dataset = indices.map(self._fetch(arrays), num_parallel_calls=2)
        return dataset.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(2), steps

    def _fetch(self, arrays):
        """Function of (B,) indices to the batch of these examples."""
        x, y = arrays.x, self._as_numbers(arrays.y)
        is_sparse = hasattr(x, "toarray")
        with tf.device("CPU:0"):
            y = None if y is None else tf.constant(y)
            if not is_sparse:
                x = tf.convert_to_tensor(x)
                x = tf.cast(x, tf.float32) if x.dtype in (tf.float64, tf.float16) else x

        def rows(indices):
            if not is_sparse:
                return tf.gather(x, indices)
            return tf.ensure_shape(tf.numpy_function(arrays.rows, [indices], x.dtype), (None, *x.shape[1:]))

        @tf.autograph.experimental.do_not_convert  # which takes longer than the rest
        def fetch(indices):
            batch = self.spec.to_float(rows(indices))
            return batch if y is None else (batch, tf.gather(y, indices))

        return fetch

    def held_out(self, x, y=None, batch_size: int | None = None) -> tf.data.Dataset:
        """Data in their order, as a dataset of x or of (x, y)."""
        opened = x if isinstance(x, Arrays) else self.open(x, y)
        if not isinstance(opened, Arrays):
            return opened
        size = even_batch(min(len(opened), batch_size or BATCH_SIZE), self.replicas)
        while self.all_get_some and size > self.replicas and 0 < len(opened) % size < self.replicas:
            size -= self.replicas
        return self._batches_of(opened, size)[0]

    def open_inputs(self, x, y=None) -> Arrays | tf.data.Dataset:
        """The same as `open` of what abilities and `predict` take: without labels or targets that nobody asks for."""
        if self.spec.labels is None and isinstance(x, tf.data.Dataset) and isinstance(x.element_spec, tuple):
            x = self._as_images(x).map(lambda *batch: batch[0])
        return self.open(x, y)

    def slices(self, x, y=None, size: int = BATCH_SIZE) -> Iterator[tuple]:
        """Yields (x, y or None, total number of examples or None) of one batch after the other, arrays."""
        opened = self.open_inputs(x, y)
        if isinstance(opened, Arrays):
            for start in range(0, len(opened), size):
                part = opened[start : start + size]
                yield self.spec.to_float(part.rows(slice(None))), part.y, len(opened)
            return
        found = False
        with self.refusals():
            for batch in opened.as_numpy_iterator():
                found = True
                yield *(batch if isinstance(batch, tuple) else (batch, None)), None
        if not found:
            self.refuse_none()


def even_batch(size: int, replicas: int) -> int:
    """The largest size up to this one of which the replicas get equal parts.

    Keras averages the first batch over the replicas to learn its shape, and fails if they are unequal.
    """
    return max(size - size % replicas, 1)


def refuse_odd_batch(size: int, replicas: int) -> NoReturn:
    raise ValueError(
        f"The batch is shared by {replicas} devices; its size must be a multiple of {replicas}. "
        f"Received: a first batch of {size}"
    )
