"""Which epoch it is, and the order of its examples: a function of (seed, epoch), whoever has looked at them before.

`fit` says which epoch it is. Outside of `fit` every pass over a dataset is its first epoch, so that to look at it
changes nothing; `epoch(3)` gives another one.
"""

import contextlib
import itertools
import math
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf


class _Clock:
    """The epoch that datasets give. Of an endless dataset each pass is one epoch more."""

    def __init__(self, epoch, counts_passes=False):
        self.epoch, self.counts_passes = epoch, counts_passes


_clock = _Clock(0)  # tf.data reads it from threads of its own, so that it is no context variable


@contextlib.contextmanager
def epoch(number: int) -> Iterator[None]:
    """Within it, datasets give the batches of an epoch, by number from 0.

        with kg.data.epoch(3):
            for batch in dataset:
                ...

    For loops of one's own; `fit` of a model of this package does it by itself.
    """
    global _clock
    before, _clock = _clock, _Clock(number)
    try:
        yield
    finally:
        _clock = before


class EpochClock(keras.callbacks.Callback):
    """Says which epoch it is. For a plain `keras.Model`: `fit(kg.data.load(...), callbacks=[kg.data.EpochClock()])`.

    Args:
        offset: epochs that were over before the first of this `fit`, besides its `initial_epoch`.
        is_endless: whether the data never end, so that one pass is not one epoch.
    """

    def __init__(self, offset: int = 0, is_endless: bool = False) -> None:
        super().__init__()
        self.offset, self.is_endless = offset, is_endless
        self._outer: _Clock | None = None
        self._own: _Clock | None = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._outer, self._own = _clock, None

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        global _clock
        if self._own is None or not self.is_endless:
            self._own = _Clock(epoch + self.offset, self.is_endless)
        _clock = self._own

    def on_train_end(self, logs: dict | None = None) -> None:
        self.close()

    def close(self) -> None:
        """Ends it, where the training broke off."""
        global _clock
        if self._outer is not None:
            _clock, self._outer = self._outer, None


def _passes(first: int = 0) -> Callable[[], int]:
    """Function that gives the number of the epoch, and `first` more, at the beginning of a pass."""
    seen: list = [None, itertools.count()]  # the clock, and how many passes there were by it

    def number() -> int:
        clock = _clock
        if seen[0] is not clock:
            seen[:] = [clock, itertools.count()]
        return first + clock.epoch + (next(seen[1]) if clock.counts_passes else 0)

    return number


def numbers(first: int = 0) -> tf.data.Dataset:
    """A dataset of one number, int64: that of the epoch, and `first` more."""
    number = _passes(first)
    return tf.data.Dataset.from_generator(lambda: iter([number()]), output_signature=tf.TensorSpec((), tf.int64))


def array_batches(size: int, batch_size: int, seed: int | None = None) -> tuple[tf.data.Dataset, int]:
    """Batches of the indices of arrays, and how many: what `index_batches` does, and made in a third of its time.

    Args:
        size: of the arrays.
        batch_size: indices per batch; the last may have fewer.
        seed: of the order, None to keep it.
    """
    steps = math.ceil(size / batch_size)
    if seed is None:
        return tf.data.Dataset.range(size).batch(batch_size), steps
    number = _passes()

    def orders() -> Iterator[np.ndarray]:
        yield np.random.default_rng((seed, number())).permutation(size)

    order = tf.data.Dataset.from_generator(orders, output_signature=tf.TensorSpec((size,), tf.int64))
    return order.unbatch().batch(batch_size), steps


def always(epoch: int = 0) -> tf.data.Dataset:
    """A dataset of one number, the same on every pass; for data without order or noise."""
    return tf.data.Dataset.from_tensors(np.int64(epoch))


def shuffled(indices, seed, epoch) -> tf.Tensor:
    """(N,) int64 indices in the order of an epoch."""
    return tf.random.experimental.stateless_shuffle(indices, seed=tf.stack([np.int64(seed), epoch]))


def index_batches(
    epochs: tf.data.Dataset,
    indices: np.ndarray,
    batch_size: int,
    seed: int | None = None,
    known: np.ndarray | None = None,
    num_repeated: int = 0,
    drop_remainder: bool = False,
) -> tuple[tf.data.Dataset, int]:
    """Batches of indices, epoch by epoch.

    Args:
        epochs: dataset of the numbers of epochs.
        indices: (N,) int64, of which each epoch has each once.
        batch_size: of the batches, with what is repeated.
        seed: of the order, None for the order of `indices`.
        known: (K,) int64, examples that are repeated as needed, so that each batch has some.
        num_repeated: how many of them end each batch.
        drop_remainder: whether to leave out a last batch that is not full.

    Returns:
        A dataset of (epoch, number of the batch, (B,) int64 indices), and how many batches are in an epoch.
    """
    size = batch_size - num_repeated
    steps = len(indices) // size if drop_remainder else math.ceil(len(indices) / size)
    indices = tf.constant(indices, tf.int64)
    known = tf.constant([] if known is None else known, tf.int64)

    @tf.autograph.experimental.do_not_convert  # which takes longer than the rest
    def batches_of(epoch):
        order, again = (part if seed is None else shuffled(part, seed, epoch) for part in (indices, known))

        @tf.autograph.experimental.do_not_convert
        def batch_of(number):
            batch = order[number * size : (number + 1) * size]
            if num_repeated:
                turn = (number * num_repeated + tf.range(num_repeated, dtype=tf.int64)) % tf.size(again, tf.int64)
                batch = tf.concat([batch, tf.gather(again, turn)], 0)
            return epoch, number, batch

        return tf.data.Dataset.range(steps).map(batch_of)

    return epochs.flat_map(batches_of), steps


def batches(arrays, batch_size: int, seed: int | None = None) -> tf.data.Dataset:
    """Arrays as a dataset of batches.

    Keras makes its own, which once a global seed is set come in the same order in every epoch.

    Args:
        arrays: (N, ...), or a tuple of such; floats become float32.
        batch_size: examples per batch; the last may have fewer.
        seed: of the order, which is another in each epoch; None keeps them in order.

    Returns:
        A `tf.data.Dataset` of tensors (batch_size, ...) in the same structure.

    Raises:
        ValueError: if there are none, or not as many in each array.
    """
    sizes = {len(array) for array in keras.tree.flatten(arrays)}
    if len(sizes) != 1 or 0 in sizes:
        raise ValueError(f"Arrays must hold as many examples each, and at least one. Received: {sorted(sizes)}")
    (size,) = sizes

    def as_tensor(array):
        tensor = tf.convert_to_tensor(array)
        return tf.cast(tensor, tf.float32) if tensor.dtype.is_floating else tensor

    with tf.device("CPU:0"):
        tensors = keras.tree.map_structure(as_tensor, arrays)
    indices, steps = array_batches(size, batch_size, seed)

    @tf.autograph.experimental.do_not_convert  # which takes longer than the rest
    def fetch(batch):
        return keras.tree.map_structure(lambda tensor: tf.gather(tensor, batch), tensors)

    dataset = indices.map(fetch, num_parallel_calls=2).apply(tf.data.experimental.assert_cardinality(steps))
    return dataset.prefetch(2)
