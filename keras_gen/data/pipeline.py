"""`load` and `info`: from a source to batches, shuffled by (seed, epoch) so that a run can be repeated and resumed."""

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_gen.core import epochs
from keras_gen.data import sources
from keras_gen.data.augment import augmentation
from keras_gen.data.layout import ClassesFrom
from keras_gen.data.open import as_size, opened
from keras_gen.data.reading import preparation, read_examples, read_stream
from keras_gen.data.sources import Info


def info(source: Any, **options) -> Info:
    """What a source holds.

    Args:
        source: as for `load`.
        **options: of `load`: `image_size`, `channels`, `on_error`, `split_folders` and `classes_from` for a folder,
            `target` and `kinds` for a table.

    Returns:
        An object with `data_shape`, `num_classes`, `class_names`, and `splits`, a dict of name to size. Of a folder
        the names are "train", "validation" and "test", whatever its folders are called.
    """
    return opened(source, **options).info


def load(
    source: Any,
    split: str = "train",
    *,
    batch_size: int = 128,
    labels: bool = False,
    num_labels: int | None = None,
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    binarize: str | None = None,
    augment: str | Sequence[Any] | None = None,
    balance: bool = False,
    shuffle: bool | None = None,
    seed: int = 0,
    drop_remainder: bool = False,
    limit: int | None = None,
    on_error: str = "stop",
    split_folders: bool | None = None,
    classes_from: ClassesFrom | None = None,
    target: str | None = None,
    kinds: Mapping[str, str] | None = None,
    first_epoch: int = 0,
) -> tf.data.Dataset:
    """Images as a `tf.data.Dataset` of float32 batches in [0, 1].

    Args:
        source: "digits" (8 x 8 handwritten digits, embedded); "mnist_mini" (5,000 + 1,000 digits of MNIST, 28 x 28,
            embedded); "waves" (2,500 made-up series: `kg.data.waves`); "glyphs" (28 x 28 printed digits, rendered once,
            of which the true factors are known: `kg.data.glyphs`); the name of an image dataset of TensorFlow Datasets
            ("mnist", "fashion_mnist", "cifar10", ...); a folder of images, at any depth; a .npy or .npz file of images,
            series or vectors (x, optionally y); or a table, as `kg.data.table` takes it, whose rows become vectors.
        split: a split of the source, or a part of one: "train[:90%]", "train[90%:]", "test[:1000]". Parts are cut
            from a fixed random order, so that a folder sorted by class gives every part its share of each (of a
            dataset too large for memory, from the stored order, which TensorFlow Datasets has shuffled).
        batch_size: examples per batch.
        labels: whether to give (images, labels) instead of images. Of a folder the class of an image is the name of the
            first folder within its split: see `classes_from`.
        num_labels: how many labels are known, as many of each class; the others are -1. In shuffled batches
            labelled examples are repeated, so that each batch has some; an epoch passes once over the unlabelled ones.
        image_size: side, or (height, width), to crop and resize to.
        channels: 1 (gray) or 3 (RGB); None for what the source has.
        binarize: None; "dynamic" samples each pixel from its intensity each time; "static" samples it once, from
            `seed`.
        augment: None, or which random changes images undergo, in this order: "flip" (left and right), "crop" (shifts of
            up to an eighth of the side, the border reflected), "colour" (brightness, contrast; of colour images also
            saturation and hue), "rotate" (by up to 15 degrees), or random layers of Keras for images. They are drawn
            anew in each epoch of a shuffled split, from `seed`; before pixels are binarized.
        balance: whether examples of the smaller classes are repeated, so that all classes are as large as the largest.
        shuffle: None for the training split only. Epoch k is shuffled by (seed, k): the same seed gives the same
            batches in the same order. `fit` knows the epoch. Outside of it each pass is the first epoch, whatever was
            read before; `kg.data.epoch(k)` gives another.
        seed: seed of shuffling and binarization.
        drop_remainder: whether to leave out a last batch that is not full.
        limit: use that many examples, a fixed random choice.
        on_error: for a folder, "stop" to list files that cannot be read, "skip" to leave them out with a warning.
        split_folders: for a folder, whether folders in it named like splits (train, training, val, valid, dev, test,
            "Test Set", ...) are splits. None takes them as splits if no other images lie beside them, leaves out
            folders of masks such as ground_truth, and raises an error where a folder can be read in two ways.
        classes_from: for a folder, which folder of an image is its class: "first" (None), the outermost within its
            split, or "last", the one that it lies in.
        target: of a table, the column of classes.
        kinds: of a table, as for `kg.data.table`.
        first_epoch: added to the number of each epoch.

    Returns:
        A dataset of (B, H, W, C) or (B, D), or of pairs with (B,) int64 labels.

    Raises:
        ValueError, FileNotFoundError: if the source, the split or an option is not what it should be.
    """
    options: dict[str, Any] = {
        "batch_size": batch_size, "labels": labels, "num_labels": num_labels, "image_size": image_size,
        "channels": channels, "binarize": binarize, "augment": augment, "balance": balance, "shuffle": shuffle,
        "seed": seed, "drop_remainder": drop_remainder, "limit": limit,
    }  # fmt: skip
    source = opened(source, image_size, channels, on_error, split_folders, classes_from, target, kinds)
    reader = open_reader(source, split, **options)
    dataset = reader.batches(epochs.numbers(first_epoch) if reader.varies else epochs.always())
    return dataset.apply(tf.data.experimental.assert_cardinality(reader.steps)).prefetch(tf.data.AUTOTUNE)


class Reader(NamedTuple):
    """A part of a source, opened.

    Args:
        batches: function of a dataset of epochs, their numbers, to the batches of these epochs.
        count: examples in an epoch.
        steps: batches in an epoch.
        varies: whether epochs differ from each other.
    """

    batches: Callable
    count: int  # type: ignore[assignment]  # tuples have a method of that name
    steps: int
    varies: bool


def open_reader(
    source: sources.Source,
    split: str,
    *,
    batch_size: int,
    labels: bool,
    num_labels: int | None,
    image_size: int | tuple[int, int] | None,
    channels: int | None,
    binarize: str | None,
    augment: str | Sequence[Any] | None,
    balance: bool,
    shuffle: bool | None,
    seed: int,
    drop_remainder: bool,
    limit: int | None,
) -> Reader:
    """The `Reader` of an open source, with the options of `load`."""
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1. Received: batch_size={batch_size}")
    if limit is not None and limit < 1:
        raise ValueError(f"`limit` must be at least 1. Received: limit={limit}")
    if binarize not in (None, "dynamic", "static"):
        raise ValueError(f"`binarize` must be None, 'dynamic' or 'static'. Received: binarize={binarize!r}")
    size = as_size(image_size)
    name, part = _parse_split(split, source.info)
    if labels and source.info.num_classes is None:
        raise ValueError(f"labels=True needs a source with classes. Received: {source.info.name}, which has none")
    if num_labels is not None and not labels:
        raise ValueError(f"`num_labels` goes with labels=True. Received: num_labels={num_labels}, labels={labels}")
    shape = source.info.data_shape
    if len(shape) != 3 and (size or channels or binarize):
        raise ValueError(
            f"image_size, channels and binarize are for images. Received: {source.info.name} of shape {shape}"
        )
    if balance and (source.info.num_classes is None or num_labels is not None):
        raise ValueError(
            "balance=True needs a source with classes, all of which are known. Received: "
            + (f"num_labels={num_labels}" if num_labels is not None else f"{source.info.name}, which has none")
        )
    if augment and binarize == "static":
        raise ValueError(
            "Augmented pixels cannot be binarized once and for all: use binarize='dynamic'. "
            f"Received: augment={augment!r}, binarize='static'"
        )
    shuffle = name == "train" if shuffle is None else shuffle
    examples = source.open(name)
    prepare = preparation(shape, size, channels)
    if isinstance(examples, sources.Stream):
        if num_labels is not None or balance:
            name_of_it = "balance" if balance else "num_labels"
            raise ValueError(f"`{name_of_it}` needs a source that fits in memory. Received: {source.info.name}")
        read: Callable = read_stream
    else:
        read = partial(read_examples, num_labels=num_labels, balance=balance)
    batches, count, steps = read(
        examples,
        part=part,
        limit=limit,
        batch_size=batch_size,
        drop_remainder=drop_remainder,
        shuffle=shuffle,
        seed=seed,
        binarize=binarize,
        pixel_seed=zlib.crc32(f"{name} {seed}".encode()),  # so that no two splits are drawn with the same noise
        prepare=prepare,
        labels=labels,
        augment=augmentation(augment, (*shape[:-1], channels or shape[-1])),
    )
    return Reader(batches, count, steps, shuffle or binarize == "dynamic")


def stack(dataset: tf.data.Dataset) -> Any:
    """All of a dataset in memory: an array, or a tuple of arrays where it gives images and labels."""
    batches = list(dataset.as_numpy_iterator())
    if isinstance(batches[0], tuple):
        return tuple(np.concatenate(part) for part in zip(*batches, strict=True))
    return np.concatenate(batches)


def _parse_split(split, source_info):
    """ "train[:90%]" -> ("train", ("", "90%")); (name, None) for a whole split."""
    match = re.fullmatch(r"(\w+)(?:\[(-?\d+%?)?:(-?\d+%?)?\])?", split)
    if match is None or match[1] not in source_info.splits:
        available = ", ".join(f"{name} ({count:,})" for name, count in source_info.splits.items())
        raise ValueError(
            f"`split` must be one of {available} of {source_info.name}, or a part like train[:90%]. "
            f"Received: split={split!r}"
        )
    return match[1], (match[2], match[3]) if "[" in split else None
