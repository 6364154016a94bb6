"""Inference on whole arrays and datasets, batch by batch."""

import contextlib
import functools
import inspect
import math

import keras
import numpy as np
import tensorflow as tf

from keras_gen.core import provenance
from keras_gen.core.checks import check_labels

VALUES_PER_BATCH = 1_000_000  # of the data, in one batch: bounds memory whatever the size of an image


def batched(method=None, *, images=False):
    """Lets a method written for one batch of tensors take whole arrays or datasets, and return numpy.

    A tensor goes straight through, so that models can call each other's methods inside a graph. An array, or a
    `tf.data.Dataset` (of x, or of tuples that begin with x), is cut into batches whose results are put together
    in numpy. With `images=True` the result carries its provenance.

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
        if isinstance(x, tf.Tensor | keras.KerasTensor):
            if labels is not None and tf.executing_eagerly():
                labels = tf.constant(labels_of(self, x, labels))
            with self.using_averages() if tf.executing_eagerly() else contextlib.nullcontext():
                return method(self, x, *args, **kwargs, **({} if labels is None else {"labels": labels}))
        if labels is not None or (takes_labels and not isinstance(x, tf.data.Dataset)):
            labels = labels_of(self, x, labels)
        with self.using_averages():
            results = _in_batches(self, method, x, labels, takes_labels, args, kwargs)
        return provenance.mark(results, self) if images else results

    return wrapper


def _in_batches(self, method, x, labels, takes_labels, args, kwargs):
    """What a method gives for the batches of arrays or of a dataset x, together."""
    results = None
    start = 0
    # A model that translates takes images of other sizes than it was built for.
    per_example = max(math.prod(self.data_shape), math.prod(getattr(x, "shape", (0, 0))[1:])) * self.memory_factor
    for batch, y, total in _batches(x, max(1, min(500, VALUES_PER_BATCH // per_example))):
        if method.__name__ != "decode":  # codes have any value
            self.check_range(batch)
        if labels is not None:
            part = labels if np.ndim(labels) == 0 else labels[start : start + len(batch)]
            kwargs["labels"] = tf.constant(labels_of(self, batch, part))
        elif takes_labels and self.labelling == "required":
            kwargs["labels"] = tf.constant(labels_of(self, batch, None if y is None else np.asarray(y)))
        result = np.asarray(method(self, tf.convert_to_tensor(batch, tf.float32), *args, **kwargs))
        start += len(batch)
        if total is None:
            results = (results or []) + [result]
            continue
        if results is None:
            results = np.empty((total, *result.shape[1:]), result.dtype)
        results[start - len(batch) : start] = result
    if labels is not None and np.ndim(labels) and len(labels) != start:
        raise ValueError(_UNEQUAL.format(len(labels), start))
    if results is None:
        raise ValueError(
            f"`{type(self).__name__}.{method.__name__}` needs at least one example. Received: an empty input"
        )
    return np.concatenate(results) if isinstance(results, list) else results


_UNEQUAL = "There must be as many labels as examples. Received: {} labels, {} examples"


def labels_of(model, x, labels):
    """Labels of an array, tensor or dataset x, checked: one for each example, where one is given for all likewise.

    Returns:
        An array of int64 (of a dataset and one label for all, a scalar), or None where none are given nor needed.
    """
    if labels is None and model.labelling != "required":
        return None
    if getattr(model, "num_classes", None) is None:
        raise ValueError(f"{type(model).__name__} takes no labels. Received: labels={labels}")
    check_labels(
        np.ravel(labels) if labels is not None and np.ndim(labels) == 0 else labels,
        model.num_classes,
        type(model).__name__,
        model.labelling == "partial",
    )
    labels = np.asarray(labels, "int64")
    if isinstance(x, tf.data.Dataset):
        return labels
    if labels.ndim == 0:
        return np.full(len(x), labels)
    if len(labels) != len(x):
        raise ValueError(_UNEQUAL.format(len(labels), len(x)))
    return labels


def _batches(x, batch_size):
    """Yields (batch, its labels or None, total number of examples or None where only the end will tell)."""
    if isinstance(x, tf.data.Dataset):
        for element in x:
            yield *keras.utils.unpack_x_y_sample_weight(element)[:2], None
    else:
        x = np.asarray(x)
        for start in range(0, len(x), batch_size):
            yield x[start : start + batch_size], None, len(x)
