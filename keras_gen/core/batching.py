"""Inference on whole arrays and datasets, batch by batch."""

import functools
import math

import keras
import numpy as np
import tensorflow as tf

from keras_gen.core import provenance

VALUES_PER_BATCH = 1_000_000  # of the data, in one batch: bounds memory whatever the size of an image


def batched(method=None, *, images=False):
    """Lets a method written for one batch of tensors take whole arrays or datasets, and return numpy.

    A tensor goes straight through, so that models can call each other's methods inside a graph. An array, or a
    `tf.data.Dataset` (of x, or of tuples that begin with x), is cut into batches whose results are put together
    in numpy. With `images=True` the result carries its provenance.
    """
    if method is None:
        return functools.partial(batched, images=images)

    @functools.wraps(method)
    def wrapper(self, x, *args, **kwargs):
        if isinstance(x, tf.Tensor | keras.KerasTensor):
            return method(self, x, *args, **kwargs)
        results = None
        start = 0
        for batch, total in _batches(x, max(1, min(500, VALUES_PER_BATCH // math.prod(self.data_shape)))):
            if method.__name__ != "decode":  # codes have any value
                self.check_range(batch)
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


def _batches(x, batch_size):
    """Yields (batch, total number of examples or None where only the end will tell)."""
    if isinstance(x, tf.data.Dataset):
        for element in x:
            yield keras.utils.unpack_x_y_sample_weight(element)[0], None
    else:
        x = np.asarray(x)
        for start in range(0, len(x), batch_size):
            yield x[start : start + batch_size], len(x)
