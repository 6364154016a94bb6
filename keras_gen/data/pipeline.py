"""`load` and `info`: from a source to batches, shuffled by (seed, epoch) so that a run can be repeated and resumed."""

import math
import re
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_gen.core import epochs
from keras_gen.core.labels import hide, known_per_batch
from keras_gen.data import sources, tasks
from keras_gen.data.open import as_size, opened
from keras_gen.data.sources import Info

SHUFFLE_MEMORY = 2**29  # bytes of the examples that a stream shuffles at a time


def info(source: Any, **options) -> Info:
    """What a source holds.

    Args:
        source: as for `load`.
        **options: `image_size`, `channels`, `on_error` of `load`, for a folder.

    Returns:
        An object with `data_shape`, `num_classes`, `class_names`, and `splits`, a dict of name to size.
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
    shuffle: bool | None = None,
    seed: int = 0,
    drop_remainder: bool = False,
    limit: int | None = None,
    on_error: str = "stop",
    first_epoch: int = 0,
) -> tf.data.Dataset:
    """Images as a `tf.data.Dataset` of float32 batches in [0, 1].

    Args:
        source: "digits" (8 x 8 handwritten digits, embedded); "glyphs" (28 x 28 printed digits, rendered once, of which
            the true factors are known: `kg.data.glyphs`); the name of an image dataset of TensorFlow Datasets
            ("mnist", "fashion_mnist", "cifar10", ...); a folder of images, at any depth; or a .npy or .npz file of
            images or vectors (x, optionally y).
        split: a split of the source, or a part of one: "train[:90%]", "train[90%:]", "test[:1000]". Parts are cut
            from a fixed random order, so that a folder sorted by class gives every part its share of each (of a
            dataset too large for memory, from the stored order, which TensorFlow Datasets has shuffled).
        batch_size: examples per batch.
        labels: whether to give (images, labels) instead of images; of a folder, its first level is the class.
        num_labels: how many labels are known, as many of each class; the others are -1. In shuffled batches examples
            of known label are repeated, so that each batch has some; a pass is one over those of unknown label.
        image_size: side, or (height, width), to crop and resize to.
        channels: 1 (gray) or 3 (RGB); None for what the source has.
        binarize: None; "dynamic" draws each pixel anew from its intensity each time; "static" draws it once, from
            `seed`.
        shuffle: None for the training split only. Epoch k is shuffled by (seed, k): the same seed gives the same
            batches in the same order. `fit` says which epoch it is; outside of it a pass is the first one, whatever was
            read before, and `kg.data.epoch(k)` gives another.
        seed: seed of shuffling and binarization.
        drop_remainder: whether to leave out a last batch that is not full.
        limit: use that many examples, a fixed random choice.
        on_error: for a folder, "stop" to list files that cannot be read, "skip" to leave them out with a warning.
        first_epoch: added to the number of each epoch.

    Returns:
        A dataset of (B, H, W, C) or (B, D), or of pairs with (B,) int64 labels.

    Raises:
        ValueError, FileNotFoundError: if the source, the split or an option is not what it should be.
    """
    options: dict[str, Any] = {
        "batch_size": batch_size, "labels": labels, "num_labels": num_labels, "image_size": image_size,
        "channels": channels, "binarize": binarize, "shuffle": shuffle, "seed": seed, "drop_remainder": drop_remainder,
        "limit": limit, "on_error": on_error,
    }  # fmt: skip
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
    source: Any,
    split: str,
    *,
    batch_size: int,
    labels: bool,
    num_labels: int | None,
    image_size: int | tuple[int, int] | None,
    channels: int | None,
    binarize: str | None,
    shuffle: bool | None,
    seed: int,
    drop_remainder: bool,
    limit: int | None,
    on_error: str,
) -> Reader:
    """The `Reader` of a source, with the options of `load`."""
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1. Received: batch_size={batch_size}")
    if limit is not None and limit < 1:
        raise ValueError(f"`limit` must be at least 1. Received: limit={limit}")
    if binarize not in (None, "dynamic", "static"):
        raise ValueError(f"`binarize` must be None, 'dynamic' or 'static'. Received: binarize={binarize!r}")
    if on_error not in ("stop", "skip"):
        raise ValueError(f"`on_error` must be 'stop' or 'skip'. Received: on_error={on_error!r}")
    if channels not in (None, 1, 3):
        raise ValueError(f"`channels` must be 1, 3 or None. Received: channels={channels}")
    size = as_size(image_size)
    source = opened(source, size, channels, on_error)
    name, part = _parse_split(split, source.info)
    if labels and source.info.num_classes is None:
        raise ValueError(f"labels=True needs a source with classes. Received: {source.info.name}, which has none")
    if num_labels is not None and not labels:
        raise ValueError(f"`num_labels` goes with labels=True. Received: num_labels={num_labels}, labels={labels}")
    shape = source.info.data_shape
    if len(shape) == 1 and (size or channels or binarize):
        raise ValueError(
            f"image_size, channels and binarize are for images. Received: {source.info.name} of vectors {shape}"
        )
    shuffle = name == "train" if shuffle is None else shuffle
    examples = source.open(name)
    prepare = _preparation(shape, size, channels)
    if isinstance(examples, sources.Stream) and num_labels is not None:
        raise ValueError(f"`num_labels` needs a source that fits in memory. Received: {source.info.name}")
    read = _read_stream if isinstance(examples, sources.Stream) else partial(_read_examples, num_labels=num_labels)
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
    )
    return Reader(batches, count, steps, shuffle or binarize == "dynamic")


def stack(dataset: tf.data.Dataset) -> Any:
    """All of a dataset in memory: an array, or a tuple of arrays where it gives images and labels."""
    batches = list(dataset.as_numpy_iterator())
    if isinstance(batches[0], tuple):
        return tuple(np.concatenate(part) for part in zip(*batches, strict=True))
    return np.concatenate(batches)


def _read_examples(
    examples,
    *,
    part,
    limit,
    batch_size,
    drop_remainder,
    shuffle,
    seed,
    binarize,
    pixel_seed,
    prepare,
    labels,
    num_labels,
):
    """Function of epochs to batches, and how many examples and batches are in one."""
    order = np.random.default_rng(0).permutation(examples.count)  # the same whatever the seed: parts stay apart
    chosen = order[_bounds(part, examples.count)][:limit]
    if len(chosen) == 0:
        raise ValueError(f"The split must hold at least one example. Received: the part {part} of {examples.count}")
    chosen = np.sort(chosen)
    y, known, repeated = examples.labels, np.empty(0, "int64"), 0
    if num_labels is not None:
        y = np.full(examples.count, -1, "int64")
        y[chosen] = hide(examples.labels[chosen], num_labels, seed)
        repeated = known_per_batch(num_labels, len(chosen), batch_size) if shuffle else 0
    if repeated:
        known, chosen = chosen[y[chosen] >= 0], chosen[y[chosen] < 0]
    count = len(chosen)
    read = examples.fetch
    if binarize == "static" and examples.array is not None:  # drawn once and for all
        fixed = tf.constant(_binarize_in_memory(examples.array, prepare, np.random.default_rng(pixel_seed)))
        read, prepare, binarize = lambda indices: tf.gather(fixed, indices), lambda x: tf.cast(x, tf.float32), None
    y = None if y is None else tf.constant(y)

    def to_batch(epoch, batch, indices):
        x = prepare(read(indices))
        if binarize == "dynamic":
            x = _bernoulli(x, tf.random.experimental.stateless_fold_in(tf.stack([np.int64(pixel_seed), epoch]), batch))
        elif binarize == "static":
            x = tf.map_fn(
                lambda pair: _bernoulli(pair[0], tf.stack([np.int64(pixel_seed), pair[1]])),
                (x, indices),
                fn_output_signature=tf.float32,
            )
        return (x, tf.gather(y, indices)) if labels else x

    def indices_of(numbers):
        return epochs.index_batches(numbers, chosen, batch_size, seed if shuffle else None, known, repeated,
                                    drop_remainder)  # fmt: skip

    def batches_of(numbers):
        return indices_of(numbers)[0].map(to_batch, num_parallel_calls=tf.data.AUTOTUNE)

    return batches_of, count, indices_of(epochs.always())[1]


def _read_stream(
    examples, *, part, limit, batch_size, drop_remainder, shuffle, seed, binarize, pixel_seed, prepare, labels
):
    """Function of epochs to batches, and how many examples and batches are in one."""
    bounds = range(examples.count)[_bounds(part, examples.count)]
    count = min(len(bounds), limit or len(bounds))
    batches = count // batch_size if drop_remainder else math.ceil(count / batch_size)

    def to_example(index, image, label):
        x = prepare(image[None])[0]
        return index, _bernoulli(x, tf.stack([np.int64(pixel_seed), index])) if binarize == "static" else x, label

    stream = examples.open(f"[{bounds.start}:{bounds.stop}]").take(count).enumerate(bounds.start)
    stream = stream.map(lambda index, example: to_example(index, *example), num_parallel_calls=tf.data.AUTOTUNE)
    block = max(1, min(10_000, SHUFFLE_MEMORY // (4 * math.prod(stream.element_spec[1].shape))))

    def epoch_examples(epoch):
        def shuffled(index, x, label):
            key = tf.stack([np.int64(seed) + epoch * 1_000_003, index[0]])
            order = tf.random.experimental.stateless_shuffle(tf.range(tf.shape(index)[0]), seed=key)
            return tf.gather(index, order), tf.gather(x, order), tf.gather(label, order)

        # Not Dataset.shuffle: it takes no seed from a tensor where the global seed is 0.
        examples_of_epoch = stream.batch(block).map(shuffled).unbatch() if shuffle else stream
        return examples_of_epoch.map(lambda index, x, label: (epoch, index, x, label))

    def finish(epoch, index, x, label):
        if binarize == "dynamic":
            key = tf.random.experimental.stateless_fold_in(tf.stack([np.int64(pixel_seed), index]), epoch)
            x = _bernoulli(x, key)
        return (x, label) if labels else x

    def batches_of(numbers):
        examples = numbers.flat_map(epoch_examples).map(finish, num_parallel_calls=tf.data.AUTOTUNE)
        return examples.batch(batch_size, drop_remainder=drop_remainder)

    return batches_of, count, batches


def _bernoulli(x, key):
    return tf.cast(tf.random.stateless_uniform(tf.shape(x), seed=key) < x, tf.float32)


def _binarize_in_memory(array, prepare, rng):
    """uint8 zeros and ones, drawn in the order of the source; in blocks, to need no float copy of the whole."""
    blocks = []
    for start in range(0, len(array), 1000):
        x = prepare(tf.constant(array[start : start + 1000])).numpy()
        blocks.append((rng.random(x.shape, dtype="float32") < x).astype("uint8"))
    return np.concatenate(blocks)


def _preparation(shape, size, channels):
    """The function of a batch, uint8 or float, to float32 in [0, 1] of the asked size and channels."""

    def prepare(x):
        x = tf.cast(x, tf.float32) / 255.0 if x.dtype == tf.uint8 else tf.cast(x, tf.float32)
        if channels == 1 and x.shape[-1] == 3:
            x = tasks.gray(x)
        elif channels == 3 and x.shape[-1] == 1:
            x = tf.repeat(x, 3, axis=-1)
        if size is not None and tuple(x.shape[1:3]) != size:
            x = tf.clip_by_value(tf.image.resize(_crop_to_aspect(x, size), size, antialias=True), 0.0, 1.0)
        return x

    if len(shape) == 3 and None in shape[:2] and size is None:
        raise ValueError(
            f"Images of unequal size need `image_size`, for example image_size=64. Received: shape={shape}"
        )
    return prepare


def _crop_to_aspect(x, size):
    """The largest middle part of (B, H, W, C) with the aspect of `size`."""
    height, width = tf.shape(x)[1], tf.shape(x)[2]
    cropped_height = tf.minimum(height, width * size[0] // size[1])
    cropped_width = tf.minimum(width, height * size[1] // size[0])
    top, left = (height - cropped_height) // 2, (width - cropped_width) // 2
    return x[:, top : top + cropped_height, left : left + cropped_width]


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


def _bounds(part, count):
    """The slice of a part of `count` examples."""

    def position(text):
        if not text:
            return None
        return round(int(text[:-1]) / 100 * count) if text.endswith("%") else int(text)

    return slice(*map(position, part)) if part else slice(None)
