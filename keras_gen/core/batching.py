"""Inference on whole arrays and datasets, batch by batch."""

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
        if isinstance(x, tf.Tensor | keras.KerasTensor):
            return method(self, x, *args, **kwargs)
        labels = None
        if takes_labels and self.labelling is not None:
            labels = args[0] if args else kwargs.pop("labels", None)
            labels, args = _checked_labels(self, x, labels), ()
        results = None
        start = 0
        for batch, y, total in _batches(x, max(1, min(500, VALUES_PER_BATCH // math.prod(self.data_shape)))):
            if method.__name__ != "decode":  # codes have any value
                self.check_range(batch)
            if labels is not None:
                kwargs["labels"] = tf.constant(labels[start : start + len(batch)])
            elif takes_labels and self.labelling == "required":
                check_labels(y, self.num_classes, type(self).__name__)
                kwargs["labels"] = tf.constant(y)
            result = np.asarray(method(self, tf.convert_to_tensor(batch, tf.float32), *args, **kwargs))
            if total is None:
                results = (results or []) + [result]
                continue
            if results is None:
                results = np.empty((total, *result.shape[1:]), result.dtype)
            results[start : start + len(result)] = result
            start += len(result)
        if results is None:
            raise ValueError(
                f"`{type(self).__name__}.{method.__name__}` needs at least one example. Received: an empty input"
            )
        results = np.concatenate(results) if isinstance(results, list) else results
        return provenance.mark(results, self) if images else results

    return wrapper


def _checked_labels(model, x, labels):
    """Labels of an array x: one for each example, or one for all; None where there are none to be had yet."""
    if labels is None and (isinstance(x, tf.data.Dataset) or model.labelling == "partial"):
        return None
    if labels is not None and np.ndim(labels) == 0:
        labels = np.full(len(x), labels)
    check_labels(labels, model.num_classes, type(model).__name__, model.labelling == "partial")
    if len(labels) != len(x):
        raise ValueError(f"There must be as many labels as examples. Received: {len(labels)} labels, {len(x)} examples")
    return np.asarray(labels)


def _batches(x, batch_size):
    """Yields (batch, its labels or None, total number of examples or None where only the end will tell)."""
    if isinstance(x, tf.data.Dataset):
        for element in x:
            yield *keras.utils.unpack_x_y_sample_weight(element)[:2], None
    else:
        x = np.asarray(x)
        for start in range(0, len(x), batch_size):
            yield x[start : start + batch_size], None, len(x)
