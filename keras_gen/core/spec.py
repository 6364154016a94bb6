"""`DataSpec`: what a model takes as data, labels and targets, and the sentences for what it does not."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from keras_gen.table.spec import TableSpec

LARGEST = 1e15  # of unbounded data: a sum of squares of many of them is still a float32
MAX_SHOWN = 60  # characters of a value that a sentence quotes


@dataclasses.dataclass(frozen=True)
class Targets:
    """What a model is trained towards.

    Args:
        shape: of one target; None for any.
        bounded: whether its values lie in [0, 1].
        required: whether there have to be targets.
        takes: what `fit` of the model takes, for sentences, such as "pairs: fit(noisy, clean)".
    """

    shape: tuple | None = None
    bounded: bool = False
    required: bool = False
    takes: str = "data and targets"


@dataclasses.dataclass(frozen=True)
class DataSpec:
    """What a model takes.

    Args:
        shape: of one example, (H, W, C) or (D,); None for a size that may be any.
        bounded: whether values lie in [0, 1].
        labels: None, "required", or "partial", where -1 says unknown.
        num_classes: of the labels.
        targets: a `Targets`, or None.
        name: who takes it, for sentences.
        one_for_all: whether one label may stand for that of every example.
        table: the columns, where examples are the rows of a table: a data frame of them is taken too.
        may_end: whether series (T, F) may end early, which NaN in all features of all later steps says.
    """

    shape: tuple
    bounded: bool = True
    labels: str | None = None
    num_classes: int | None = None
    targets: Targets | None = None
    name: str = "This model"
    one_for_all: bool = False
    table: TableSpec | None = None
    may_end: bool = False

    @property
    def is_image(self) -> bool:
        return len(self.shape) == 3

    @property
    def lowest_label(self) -> int:
        return -1 if self.labels == "partial" else 0

    @property
    def of_inputs(self) -> "DataSpec":
        """What abilities and `predict` take: no targets, and one label for all."""
        return dataclasses.replace(self, targets=None, one_for_all=True)

    @property
    def needs_y(self) -> bool:
        """Whether there is no training without labels or targets."""
        return self.labels == "required" or (self.targets is not None and self.targets.required)

    def refuse_missing_y(self) -> None:
        """Raises the sentence of a batch without the labels or targets that it needs."""
        self.as_labels(None) if self.labels is not None else self.check_target_shape(None)

    @property
    def takes(self) -> str:
        shape = ", ".join(str(size) for size in (None, *self.shape))
        return f"{self.name} takes data of shape ({shape})"

    # === Data ===

    def check_shape(self, x) -> None:
        """Raises a ValueError if x, anything with a `shape`, is no batch of data of this shape."""
        shape = getattr(x, "shape", None)
        shape = None if shape is None else tuple(shape)
        if shape is None or not _fits(shape[1:], self.shape) or not shape:
            raise ValueError(f"{self.takes}{self._axis_hint(shape)}. Received: shape={shape}")

    def _axis_hint(self, shape):
        """What to write where an axis is missing."""
        if shape is None or None in self.shape:
            return ""
        if shape == self.shape:
            return f". One {'image' if self.is_image else 'example'} alone needs its batch axis: " + (
                "images[None]" if self.is_image else "x[None]"
            )
        if len(self.shape) == 2 and self.shape[1] == 1 and shape[1:] == self.shape[:1]:
            return ". Series of one feature need its axis: x[..., None]"
        if self.is_image and shape == self.shape[:2] and self.shape[2] == 1:
            return ". One gray image alone needs its batch and channel axes: images[None, ..., None]"
        if self.is_image and len(shape) == 4 and (*shape[2:], shape[1]) == self.shape:
            return ". Channels come last: np.moveaxis(images, 1, -1)"
        return ""

    def lacks_channel(self, x) -> bool:
        """Whether x, anything with a `shape`, holds gray images without their channel axis, as keras.datasets does."""
        shape = getattr(x, "shape", None)
        if shape is None or not self.is_image or None in self.shape or self.shape[2] != 1:
            return False
        return len(shape) == 3 and tuple(shape) != self.shape and _fits(tuple(shape)[1:], self.shape[:2])

    def check_dtype(self, dtype) -> None:
        """Raises a ValueError if values of a dtype, numpy's or TensorFlow's, are no numbers that data are made of."""
        name = tf.as_dtype(dtype).name if not isinstance(dtype, np.dtype) or dtype.kind in "biuf" else str(dtype)
        if not (name == "bool" or name.startswith(("int", "uint", "float", "bfloat"))):
            raise ValueError(f"{self.takes}, numbers that are not complex. Received: dtype={name}")

    def check_values(self, x) -> None:
        """Raises a ValueError if values, an array or eager tensor of a good dtype, are not finite or out of range."""
        x = np.asarray(x)
        if x.size == 0 or x.dtype == bool:
            return
        if self.may_end:
            self._check_ends(x)
            x = x[~np.isnan(x)]
        low, high = x.min(), x.max()  # not a number, if there is one
        if self.scales(x.dtype):
            if high == 1:
                raise ValueError(
                    f"{self.name} takes images of uint8 as gray levels from 0 to 255. For black and white give "
                    "`x.astype(bool)`. Received: uint8 values of 0 and 1 only"
                )
            return
        if not (np.isfinite(low) and np.isfinite(high)):
            bad = ~np.isfinite(x.astype("float32"))
            is_series = len(self.shape) == 2 and not self.may_end
            hint = " Series that end early take variable_length=True." if is_series else ""
            raise ValueError(
                f"{self.name} takes finite numbers: neither NaN nor infinite ones.{hint} Received: "
                f"{int(bad.sum())} such values, the first in example {int(np.argwhere(bad)[0][0])}"
            )
        if not (low >= -LARGEST and high <= LARGEST):
            raise ValueError(
                f"{self.name} takes numbers of less than {LARGEST:.0e}, whose squares float32 can sum: scale the data. "
                f"Received: values in [{low}, {high}]"
            )
        if self.bounded and not (low >= 0 and high <= 1):
            hint = ' (or the likelihood "gaussian")'
            if self.is_image:
                hint = ": scale by (x + 1) / 2" if -1 <= low < 0 and high <= 1 else ": divide by 255, or give uint8"
            raise ValueError(f"{self.takes} with values in [0, 1]{hint}. Received: values in [{low}, {high}]")

    def _check_ends(self, x):
        """Raises a ValueError if a NaN is no end of a series."""
        there = ~np.isnan(x)
        good = (there == there[..., :1]).all((1, 2)) & (there[:, 1:] <= there[:, :-1]).all((1, 2)) & there[:, 0, 0]
        if not good.all():
            raise ValueError(
                f"{self.name} takes finite numbers; a series that ends early is NaN in all features of every later "
                "step, as `kg.data.pad` makes it, and has one step at least. Received: others, the first of them "
                f"example {int(good.argmin())}"
            )

    def scales(self, dtype) -> bool:
        """Whether values of a dtype are gray levels from 0 to 255."""
        return self.is_image and self.bounded and tf.as_dtype(dtype) == tf.uint8

    def to_float(self, x) -> Any:
        """Values as the model computes with them: float32, gray levels divided by 255. (B, ...), array or tensor."""
        if isinstance(x, np.ndarray):
            return x.astype("float32") / np.float32(255) if self.scales(x.dtype) else x.astype("float32", copy=False)
        as_float = tf.cast(x, tf.float32)
        return as_float / 255.0 if self.scales(x.dtype) else as_float

    def are_good(self, x) -> tf.Tensor:
        """Whether the values of a tensor are finite and in range, as a scalar tensor, in a graph."""
        if x.dtype == tf.bool:
            return tf.constant(True)
        if self.scales(x.dtype):
            return tf.reduce_max(tf.cast(x, tf.int32)) != 1
        x = tf.cast(x, tf.float32)
        if self.may_end:
            there = ~tf.math.is_nan(x)
            before = tf.concat([tf.ones_like(there[:, :1]), there[:, :-1]], axis=1)
            ends = (there == there[..., :1]) & (before | ~there)
            good = (x >= 0) & (x <= 1) if self.bounded else tf.abs(x) <= LARGEST
            return tf.reduce_all(ends & (good | ~there)) & tf.reduce_all(there[:, 0])
        return tf.reduce_all((x >= 0) & (x <= 1) if self.bounded else tf.abs(x) <= LARGEST)  # false of NaN

    # === Labels ===

    @property
    def label_sentence(self) -> str:
        """What labels the model takes."""
        also = ", -1 where it is unknown" if self.labels == "partial" else ""
        last = (self.num_classes or 0) - 1
        return f"{self.name} takes the label of each example, a whole number from 0 to {last}{also}."

    def as_labels(self, y, count: int | None = None) -> np.ndarray:
        """Labels as (N,) int64 of whole numbers, (N,) or (N, 1), or of one-hot rows (N, num_classes).

        Args:
            y: labels, array-like.
            count: how many there must be; one for all is repeated as often. None for as many as there are.

        Raises:
            ValueError: if they are none, too many or too few, or no labels of these classes.
        """
        if y is None:
            raise ValueError(f"{self.label_sentence} Received: no labels")
        if self.num_classes is None:
            raise ValueError(f"{self.name} takes no labels. Received: labels={_shown(y)}")
        given = np.asarray(y)
        if given.dtype.kind in "USO":
            raise ValueError(
                f"{self.label_sentence} Number them: `names, labels = np.unique(labels, return_inverse=True)`. "
                f"Received: {_shown(given.ravel()[:3].tolist())}"
            )
        if given.ndim == 2 and given.shape[1] == self.num_classes > 1:
            if not (np.isin(given, (0, 1)).all() and (given.sum(axis=1) == 1).all()):
                raise ValueError(f"{self.label_sentence} Of one-hot rows each must hold one 1. Received: others")
            given = given.argmax(axis=1)
        if given.ndim == 2 and given.shape[1] == 1:
            given = given[:, 0]
        if given.ndim > 1 or given.dtype.kind not in "biu":
            raise ValueError(f"{self.label_sentence} Received: labels of shape {given.shape}, {given.dtype}")
        self._check_labels(np.ravel(given))
        labels = np.ravel(given).astype("int64")
        if given.ndim == 0 and self.one_for_all and count is not None:
            return np.full(count, labels[0])
        if count is not None and len(labels) != count:
            raise ValueError(
                f"There must be as many labels as examples. Received: {len(labels)} labels, {count} examples"
            )
        return labels

    def _check_labels(self, labels):
        if not len(labels) or (labels.min() >= self.lowest_label and labels.max() < self.num_classes):
            return
        hint = ""
        if labels.min() == 1 and labels.max() == self.num_classes:
            hint = " Labels that begin at 1 become these by `labels - 1`."
        raise ValueError(f"{self.label_sentence}{hint} Received: labels from {labels.min()} to {labels.max()}")

    def labels_in_graph(self, y) -> tuple[tf.Tensor, tf.Tensor]:
        """The same of a tensor of a dataset: (B,) int64, and whether they are good."""
        if y.dtype == tf.string:
            self.as_labels(np.array(["..."]))
        if y.shape.rank == 2 and y.shape[1] == self.num_classes and y.shape[1] > 1:
            hot = tf.cast(y, tf.float32)
            good = tf.reduce_all((hot == 0) | (hot == 1)) & tf.reduce_all(tf.reduce_sum(hot, axis=1) == 1)
            return tf.argmax(hot, axis=1), good
        if y.shape.rank == 2 and y.shape[1] == 1:
            y = y[:, 0]
        if (y.shape.rank or 1) != 1 or not (y.dtype.is_integer or y.dtype == tf.bool):
            raise ValueError(f"{self.label_sentence} Received: labels of shape {tuple(y.shape)}, {y.dtype.name}")
        y = tf.cast(tf.reshape(y, (-1,)), tf.int64)
        return y, tf.reduce_all((y >= self.lowest_label) & (y < self.num_classes))

    # === Targets ===

    @property
    def target_spec(self) -> "DataSpec | None":
        """The `DataSpec` of the targets, None where they may be anything."""
        targets = self.targets
        if targets is None or targets.shape is None:
            return None
        return DataSpec(targets.shape, targets.bounded, name=f"{self.name}, for targets,")

    def has_no_target(self, y) -> bool:
        """Whether y, anything with a `shape` or None, is nothing to be trained towards: where there may be targets or
        not, labels are none."""
        targets = self.targets or Targets()
        return y is None or (not targets.required and targets.shape is not None and is_like_labels(y))

    def check_target_shape(self, y) -> None:
        """Raises a ValueError if y is not what the model is trained towards; None may be all right."""
        targets, shape = self.targets or Targets(), None if y is None else tuple(y.shape)
        if targets.shape is None or (self.has_no_target(y) and not targets.required):
            return
        if shape is None or not _fits(shape[1:], targets.shape):
            expected = ", ".join(map(str, (None, *targets.shape)))
            raise ValueError(
                f"{self.name} takes {targets.takes}; the second must have the shape ({expected}). "
                f"Received: {'nothing' if shape is None else f'shape={shape}'}"
            )

    def check_unused(self, x, y) -> None:
        """Raises a ValueError if y, of a model that has no use for it, looks like something else than labels."""
        shape = tuple(getattr(y, "shape", ()))
        if shape[1:] == self.shape and not (shape == tuple(x.shape) and np.array_equal(x, y)):
            raise ValueError(self.unused_sentence)

    @property
    def unused_sentence(self) -> str:
        return (
            f"{self.name} learns to give back x, so that targets that differ from x would have no effect. To learn "
            "x -> y use DenoisingAutoencoder(corruption='given') or Pix2Pix. Received: y of x's shape, which is not x"
        )


def is_like_labels(y) -> bool:
    """Whether y, anything with a `shape`, may be labels by its shape: (N,) or (N, 1)."""
    shape = tuple(y.shape)
    return len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)


def _fits(shape, expected):
    return len(shape) == len(expected) and all(
        size == wanted or wanted is None or size is None for size, wanted in zip(shape, expected, strict=True)
    )


def _shown(value):
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "..."
