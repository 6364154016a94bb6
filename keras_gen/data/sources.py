"""Where examples come from. A source knows its shape, classes and splits, and opens one split at a time.

Sources of random access give `Examples`; a TensorFlow Datasets set too large for memory gives a `Stream`.
"""

import dataclasses
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from keras_gen.table.spec import TableSpec

SMALLEST_SIDE = 8  # of gray images without an axis of channels, whose values are floats
MNIST_MINI = Path(__file__).with_name("mnist_mini.webp")  # made by benchmarks/mnist_mini.py


@dataclasses.dataclass
class Info:
    """What a source holds: data_shape, number and names of classes (None without labels), examples per split.

    Of a table `spec` is that of its columns, which models take in place of the `data_shape`.
    """

    name: str
    data_shape: tuple
    num_classes: int | None
    class_names: list | None
    splits: dict
    spec: TableSpec | None = None

    @property
    def shape(self) -> Any:
        """What a model of the data takes as its `data_shape`: the shape, or of a table its spec."""
        return self.data_shape if self.spec is None else self.spec


@dataclasses.dataclass
class Examples:
    """A split with random access: `fetch(indices)` gives images, (B, H, W, C) uint8 or float, of int64 indices."""

    count: int
    fetch: Callable
    labels: np.ndarray | None
    array: np.ndarray | None = None  # the whole, where it is in memory


@dataclasses.dataclass
class Stream:
    """A split read in order: `open(slice)` gives a dataset of (image uint8, label) of a part like "[:90%]"."""

    count: int
    open: Callable


class Source:
    """What can be read: `info`, and `open(split)` -> `Examples` or `Stream`."""

    info: Info
    notes: Sequence[str] = ()  # of what `info` does not tell

    def describe(self) -> str:
        """What was found, in a line: "train 300 of 3 classes, validation 40, test 80; ground_truth left out: masks"."""
        parts: list[str] = []
        told = 0
        for split, count in self.info.splits.items():
            classes = self.classes_in(split)  # said where there are others than in the split before
            new = f" of {classes:,} class{'es' * (classes > 1)}" if classes not in (0, told) else ""
            parts.append(f"{split} {count:,}{new}")
            told = classes
        return "; ".join([", ".join(parts), *self.notes])

    def classes_in(self, split: str) -> int:
        """How many classes there are in a split, 0 without any."""
        return self.info.num_classes or 0

    @property
    def has_defects(self) -> bool:
        """Whether the test split has classes that the training split lacks, as in MVTec's layout."""
        return self.classes_in("test") > self.classes_in("train") > 0

    def open(self, split: str) -> Examples | Stream:
        raise NotImplementedError


class ArraySource(Source):
    """Arrays in memory: `splits` maps a name to (x, y), y may be None."""

    def __init__(self, name, splits, class_names=None):
        self.splits = splits
        x = next(iter(splits.values()))[0]
        labels = [y for _, y in splits.values()]
        if class_names is None and all(y is not None for y in labels):
            class_names = [str(label) for label in range(max(int(np.max(y)) for y in labels) + 1)]
        self.info = Info(
            name,
            x.shape[1:],
            class_names and len(class_names),
            class_names,
            {split: len(images) for split, (images, _) in splits.items()},
        )

    def open(self, split: str) -> Examples:
        x, y = self.splits[split]
        images = tf.constant(x)  # an eager tensor is captured by the pipeline, not copied into its graph
        return Examples(len(x), lambda indices: tf.gather(images, indices), y, x)


def digits() -> ArraySource:
    """The 1,797 handwritten digits, 8 x 8, inside scikit-learn; a fixed random fifth of them is the test split."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    x = (bunch.images / 16.0).astype("float32")[..., None]
    y = bunch.target.astype("int64")
    order = np.random.default_rng(0).permutation(len(x))
    test, train = np.sort(order[:360]), np.sort(order[360:])
    return ArraySource("digits", {"train": (x[train], y[train]), "test": (x[test], y[test])})


def mnist_mini() -> ArraySource:
    """6,000 digits of MNIST inside the package: 5,000 of its training images and 1,000 of its test images.

    The picture holds 100 of 28 x 28 in a row, the digit of each its column modulo 10; the test images come last.
    """
    with Image.open(MNIST_MINI) as picture:
        pixels = np.asarray(picture.convert("L"))
    x = pixels.reshape(-1, 28, 100, 28).swapaxes(1, 2).reshape(-1, 28, 28, 1)
    y = np.arange(len(x)) % 10
    return ArraySource("mnist_mini", {"train": (x[:5000], y[:5000]), "test": (x[5000:], y[5000:])})


def array_file(path: Path) -> ArraySource:
    """A .npy file (x) or a .npz file with x and optionally y, or x_train, y_train, x_test, y_test.

    An x of three axes holds gray images (N, H, W) if its values are whole numbers, or in [0, 1] on sides of 8 or more;
    else series (N, T, F).
    """
    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = {"x": loaded} if path.suffix == ".npy" else {name.lower(): loaded[name] for name in loaded.files}
    except (ValueError, OSError, EOFError, KeyError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is not a readable .npy or .npz file of plain arrays: {error}") from None
    if "x" in arrays:
        arrays["x_train"], arrays["y_train"] = arrays["x"], arrays.get("y")
    splits = {
        name.removeprefix("x_"): (_as_data(path, x), _as_labels(path, arrays.get("y_" + name.removeprefix("x_")), x))
        for name, x in arrays.items()
        if name.startswith("x_")
    }
    if not splits:
        raise ValueError(f"{path} must hold an array x (and y), or x_train and x_test. Received: {sorted(arrays)}")
    return ArraySource(str(path), splits)


def _is_gray(x):
    """Whether (N, A, B) are images, not series; NaN, the end of a series, is not in [0, 1]."""
    return x.dtype.kind != "f" or (min(x.shape[1:]) >= SMALLEST_SIDE and x.min() >= 0 and x.max() <= 1)


def _as_data(path, x):
    if x.ndim == 3 and len(x) and _is_gray(x):
        x = x[..., None]
    if x.ndim not in (2, 3, 4) or len(x) == 0:
        raise ValueError(
            f"{path} must hold images (N, H, W[, C]), series (N, T, F) of floats or vectors (N, D). "
            f"Received: shape={x.shape}"
        )
    if x.dtype == np.uint8:
        return x
    x = x.astype("float32")
    if not (np.isfinite(x) | (np.isnan(x) if x.ndim == 3 else False)).all():  # NaN: a series has ended
        raise ValueError(f"{path} must hold finite numbers. Received: {np.sum(~np.isfinite(x))} NaN or infinite values")
    if x.ndim == 4 and (x.min() < 0 or x.max() > 1):
        raise ValueError(
            f"{path} must hold images as uint8, or as floats in [0, 1]. Received: {x.dtype} in [{x.min()}, {x.max()}]"
        )
    return x


def _as_labels(path, y, x):
    if y is None:
        return None
    y = np.asarray(y)
    if y.dtype.kind not in "iu" or y.shape not in ((len(x),), (len(x), 1)):
        raise ValueError(
            f"{path} must hold one integer label per example. "
            f"Received: y of {y.dtype}, shape={y.shape}, x.shape={x.shape}"
        )
    return y.reshape(-1).astype("int64")
