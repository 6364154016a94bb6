"""`Arrays`: examples with random access, of all that numpy or scipy hold as one array."""

import dataclasses
import math
import numbers
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen.core.spec import DataSpec


@dataclasses.dataclass(frozen=True)
class Arrays:
    """Examples with random access.

    Args:
        x: (N, ...) array or tensor, or a sparse matrix of scipy; of any number type.
        y: (N, ...) array, or None.
    """

    x: Any
    y: np.ndarray | None = None

    def __len__(self) -> int:
        return self.x.shape[0]

    def __getitem__(self, part) -> "Arrays":
        return Arrays(self.x[part], None if self.y is None else self.y[part])

    def rows(self, indices) -> np.ndarray:
        """x of some examples, as an array."""
        if tf.is_tensor(self.x):
            return (self.x[indices] if isinstance(indices, slice) else tf.gather(self.x, indices)).numpy()
        rows = self.x[indices]
        return rows.toarray() if hasattr(rows, "toarray") else rows


def is_array_like(x) -> bool:
    """Whether numpy, or scipy, holds x as one array: it has a shape, or is a list of such or of numbers."""
    if hasattr(x, "shape"):
        return True
    return isinstance(x, list | tuple) and (
        not x or isinstance(x[0], numbers.Number | list | tuple) or hasattr(x[0], "shape")
    )


def as_array(x, spec: DataSpec) -> Any:
    """An array, eager tensor or sparse matrix of what is array-like."""
    if isinstance(x, tuple) and len(x) in (1, 2, 3) and getattr(x[0], "ndim", 0) == len(spec.shape) + 1:
        raise ValueError(f"{spec.takes}; labels or targets go beside them, as fit(x, y). Received: a tuple of {len(x)}")
    if spec.table is not None and hasattr(x, "columns"):
        return spec.table.encode(x)
    if isinstance(x, np.ma.MaskedArray):
        if np.ma.is_masked(x):
            raise ValueError(f"{spec.name} cannot learn from masked values. Received: {x.mask.sum()} masked values")
        return x.data
    if isinstance(x, tf.RaggedTensor | tf.SparseTensor):
        raise ValueError(f"{spec.takes}, dense. Received: {type(x).__name__}")
    if isinstance(x, tf.Variable | keras.Variable):
        return np.asarray(x)
    if tf.is_tensor(x) and not hasattr(x, "numpy"):
        return x
    if hasattr(x, "tocsr"):
        return x.tocsr()
    if isinstance(x, np.ndarray) or tf.is_tensor(x):
        array = x
    else:
        try:
            array = np.asarray(x)
        except ValueError:
            hint = ": of series, `kg.data.pad` makes them equal" if len(spec.shape) == 2 else ""
            raise ValueError(f"{spec.takes}{hint}. Received: a {type(x).__name__} of parts of unequal shapes") from None
    if isinstance(array, np.ndarray) and array.dtype.kind not in "biuf" and str(array.dtype) != "bfloat16":
        raise ValueError(f"{spec.takes}, of real numbers. Received: values of {array.dtype}")
    return array[..., None] if spec.lacks_channel(array) else array


def split_off(opened, share: float) -> tuple[Arrays, Arrays]:
    """The first examples, and the last ones of a share."""
    if not isinstance(opened, Arrays):
        raise ValueError(
            "`validation_split` is for arrays; give validation_data. Received: "
            f"validation_split={share}, with data that come in batches"
        )
    at = math.floor(len(opened) * (1 - share))
    if not 0 < at < len(opened):
        raise ValueError(
            "`validation_split` must leave examples to train on and to validate on. "
            f"Received: {share}, of {len(opened)}"
        )
    return opened[:at], opened[at:]
