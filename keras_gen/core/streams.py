"""Data that come batch by batch: checked on the way."""

import itertools
from typing import Any, NoReturn

import keras
import numpy as np
import tensorflow as tf

from keras_gen.core import epochs
from keras_gen.core.arrays import as_array


class Streams:
    """Part of `Intake`: a user's dataset, PyDataset or iterable as a dataset of checked batches."""

    def _checked(self, dataset):
        """A user's dataset as one of checked x or (x, y)."""
        element = dataset.element_spec
        if isinstance(element, dict) or (isinstance(element, tuple) and not 1 <= len(element) <= 3):
            raise ValueError(
                f"A dataset must give x or (x, y) in batches. Received: elements of {type(element).__name__}"
            )
        spec_x, spec_y, weight = keras.utils.unpack_x_y_sample_weight(element)
        if weight is not None:
            refuse_weights(self.spec.name)
        for part in tf.nest.flatten([spec_x, spec_y]):
            if part is not None and not isinstance(part, tf.TensorSpec):
                raise ValueError(f"A dataset must give dense tensors. Received: {type(part).__name__}")
        if isinstance(spec_x, tuple | dict | list):
            raise ValueError(f"{self.spec.takes}, one tensor. Received: {type(spec_x).__name__}")
        if spec_x.shape.rank is not None:
            self.spec.check_shape(spec_x)
        self.spec.check_dtype(spec_x.dtype)
        self._check_y_spec(spec_y)
        if int(dataset.cardinality()) == 0:
            self.refuse_none()

        @tf.autograph.experimental.do_not_convert  # which takes longer than the rest
        def check(*batch):
            x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
            x = tf.ensure_shape(x, (None, *self.spec.shape))
            good = self.spec.are_good(x)
            converted, y_good = self._y_in_graph(x, y)
            good, given = good & y_good, 0 if y is None else y
            good = good | tf.cond(good, lambda: True, lambda: tf.numpy_function(self._say, [x, given], tf.bool))
            with tf.control_dependencies([tf.debugging.Assert(good, [f"{self.spec.name} refuses a batch"])]):
                x = self.spec.to_float(tf.identity(x))
            return x if converted is None else (x, converted)

        return dataset.map(check)

    def _as_images(self, dataset):
        """A dataset of images as others make them: gray ones without channel axis get theirs, and those of
        `keras.utils.image_dataset_from_directory`, float32 from 0 to 255, are scaled."""
        spec_x, *_ = dataset.element_spec if isinstance(dataset.element_spec, tuple) else (dataset.element_spec,)
        is_of_directory = hasattr(dataset, "file_paths") and hasattr(dataset, "class_names") and self.spec.bounded
        lacks_channel = self.spec.lacks_channel(spec_x)
        if not (self.spec.is_image and (is_of_directory or lacks_channel)):
            return dataset

        def complete(x, *rest):
            x = tf.cast(x, tf.float32) / 255.0 if is_of_directory else x
            x = x[..., None] if lacks_channel else x
            return (x, *rest) if rest else x

        return dataset.map(complete, num_parallel_calls=2)

    def _check_y_spec(self, y):
        spec = self.spec
        if spec.labels == "required" and y is None:
            spec.as_labels(None)
        if spec.labels is not None and y is not None:
            spec.labels_in_graph(tf.zeros([size or 1 for size in (y.shape.as_list() if y.shape.rank else [1])], y.dtype)
                                 if y.dtype != tf.string else tf.constant(["a"]))  # fmt: skip
        if spec.targets is not None:
            spec.check_target_shape(y)

    def _y_in_graph(self, x, y):
        """y of a batch as it goes on, or None, and whether it is good."""
        spec, fine = self.spec, tf.constant(True)
        if y is None:
            return None, fine
        if spec.labels is not None:
            return spec.labels_in_graph(y)
        if spec.targets is not None:
            target = spec.target_spec
            if spec.has_no_target(y):
                return None, fine
            if target is None:
                return y, fine
            return target.to_float(y), target.are_good(y)
        if y.shape.rank == x.shape.rank and y.shape[1:].is_compatible_with(x.shape[1:]) and y.dtype == x.dtype:
            return None, tf.reduce_all(tf.equal(x, y))
        return None, fine

    def _say(self, x, y):
        """Keeps the sentence for the first bad batch, whatever is read ahead: TensorFlow raises an error of its own."""
        try:
            self.arrays(x, None if np.ndim(y) == 0 else y)
        except ValueError as error:
            self.refusal = self.refusal or error
        return False

    def _raw(self, item):
        """A batch of a Python object, as arrays: (x,) or (x, y)."""
        if isinstance(item, dict) or (isinstance(item, tuple) and not 1 <= len(item) <= 3):
            raise ValueError(f"Batches must be x or (x, y). Received: {type(item).__name__}")
        x, y, weight = keras.utils.unpack_x_y_sample_weight(item)
        if weight is not None:
            refuse_weights(self.spec.name)
        x = as_array(x, self.spec)
        x = x.toarray() if hasattr(x, "toarray") else np.asarray(x)
        return (x,) if y is None else (x, np.asarray(y))

    def _signature(self, item):
        """The specification of batches like this one, which is checked."""
        parts = self._raw(item)
        self.arrays(*parts)
        return tuple(tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in parts)

    def _of_py_dataset(self, py_dataset, seed):
        """The batches of a PyDataset, whose `__getitem__` runs in as many threads as it has workers."""
        count = py_dataset.num_batches
        signature = self._signature(py_dataset[0])
        if count is None:
            numbers = tf.data.Dataset.range(np.iinfo("int64").max)
        else:
            order = epochs.always() if seed is None else epochs.numbers()
            numbers = epochs.index_batches(order, np.arange(count), 1, seed)[0].map(lambda _, n, index: index[0])

        def get(number):
            types = [part.dtype for part in signature]
            parts = tf.numpy_function(lambda number: self._raw(py_dataset[int(number)]), [number], types)
            return tuple(tf.ensure_shape(part, spec.shape) for part, spec in zip(parts, signature, strict=True))

        dataset = numbers.map(get, num_parallel_calls=max(1, py_dataset.workers), deterministic=True)
        known = tf.data.INFINITE_CARDINALITY if count is None else count
        return self._checked(dataset.apply(tf.data.experimental.assert_cardinality(known)))

    def _of_iterable(self, iterable, y):
        """The batches of a generator, once, or of an iterable, as often as it is asked."""
        if y is not None:
            raise ValueError("An iterable must give labels or targets itself, as (x, y). Received: y besides it")
        iterator = iter(iterable)
        try:
            first = next(iterator)
        except StopIteration:
            raise ValueError(f"{self.spec.takes}, at least one batch. Received: an empty iterable") from None
        signature = self._signature(first)
        once = itertools.chain([first], iterator)

        def batches():
            yield from map(self._raw, once if iterable is iterator else iterable)

        dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
        if hasattr(iterable, "__len__"):
            dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(iterable)))
        return self._checked(dataset)


class PyDatasetCallback(keras.callbacks.Callback):
    """Tells a PyDataset where an epoch begins and ends.

    Args:
        py_dataset: the `keras.utils.PyDataset`.
    """

    def __init__(self, py_dataset):
        super().__init__()
        self.py_dataset = py_dataset

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.py_dataset.on_epoch_begin()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.py_dataset.on_epoch_end()


def x_of(batch) -> Any:
    return batch[0] if isinstance(batch, tuple) else batch


def first_examples(dataset: tf.data.Dataset, count: int) -> np.ndarray:
    """Up to `count` examples of a dataset, the first."""
    batches, found = [], 0
    for batch in dataset.as_numpy_iterator():
        batches.append(x_of(batch))
        found += len(batches[-1])
        if found >= count:
            break
    return np.concatenate(batches)[:count]


def refuse_weights(name: str) -> NoReturn:
    raise ValueError(
        f"{name} weighs every example alike: its objective is a sum of terms of which some have no weight. Repeat "
        "examples instead. Received: weights of examples or classes"
    )
