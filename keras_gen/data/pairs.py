"""`pairs` and `unpaired`: images of two kinds, for models that translate one into the other."""

import math
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_gen.core import epochs
from keras_gen.data.augment import as_names
from keras_gen.data.degradations import TASKS
from keras_gen.data.folder import FolderSource
from keras_gen.data.image_files import Half
from keras_gen.data.open import opened
from keras_gen.data.pipeline import load, open_reader
from keras_gen.data.sources import Source


def pairs(
    source: Any,
    target: Any = None,
    split: str = "train",
    *,
    task: str | None = None,
    level: float | None = None,
    input_half: Half | None = None,
    input_suffix: str | None = None,
    target_suffix: str | None = None,
    batch_size: int = 128,
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    augment: str | Sequence[Any] | None = None,
    shuffle: bool | None = None,
    seed: int = 0,
    drop_remainder: bool = False,
    limit: int | None = None,
    on_error: str = "stop",
    split_folders: bool | None = None,
    first_epoch: int = 0,
) -> tf.data.Dataset:
    """Pairs (input, target) of images as a `tf.data.Dataset` of float32 batches in [0, 1].

    They come from one of

    - a source and a `task`, which makes inputs out of its images;
    - two folders, in which the files of a pair have the same name, `a/1.jpg` and `b/1.png`, at any depth;
    - a folder of images with input and target side by side, and `input_half`;
    - a folder whose names tell them apart, as `1.jpg` and `1_mask.png`, and `target_suffix="_mask"` or `input_suffix`.

    Args:
        source: with `task` as for `load`: the targets; else the folder of the inputs, or of both.
        target: the folder of the targets.
        split: as for `load`.
        task: "super_resolution", "inpainting", "colorization", "denoising" or "edges".
        level: of the task: the whole factor of super_resolution (2 if not given), the share of the shorter side that
            inpainting hides (0.4), the standard deviation of the noise of denoising (0.2). Noise and places are drawn
            anew in each epoch where the dataset is shuffled, and are the same in each pass where it is not, for one
            batch_size.
        input_half: "left" or "right": which half of each image is the input; the other is the target.
        input_suffix: what the names of the inputs end in, before the file's own suffix; None for those of all files
            that are not targets.
        target_suffix: the same for the targets.
        batch_size: pairs per batch.
        image_size: side, or (height, width), of the images that a task starts from; else of inputs and targets each.
        channels: 1 (gray) or 3 (RGB), likewise.
        augment: as for `load`; input and target are changed alike. Leave out "colour" where a target is a mask.
        shuffle: None for the training split only.
        seed: of shuffling and of the task's noise.
        drop_remainder: whether to leave out a last batch that is not full.
        limit: use that many pairs, a fixed random choice.
        on_error: of folders, "stop" to list files that cannot be read or have no partner, "skip" to leave them out with
            a warning.
        split_folders: as for `load`.
        first_epoch: added to the number of each epoch.

    Returns:
        A dataset of (inputs, targets).

    Raises:
        ValueError, FileNotFoundError: if the sources do not make pairs, or an option is not what it should be.
    """
    options: dict[str, Any] = {
        "batch_size": batch_size, "image_size": image_size, "channels": channels, "augment": augment, "seed": seed,
        "shuffle": shuffle, "drop_remainder": drop_remainder, "limit": limit, "first_epoch": first_epoch,
    }  # fmt: skip
    by_name = input_suffix is not None or target_suffix is not None
    if [target is not None, task is not None, input_half is not None, by_name].count(True) != 1:
        raise ValueError(
            f"Pairs come from a source and a task ({', '.join(TASKS)}), or from two folders, or from one folder and "
            f"`input_half`, `input_suffix` or `target_suffix`. Received: source={str(source)!r}, "
            f"target={None if target is None else str(target)!r}, task={task!r}, input_half={input_half!r}, "
            f"input_suffix={input_suffix!r}, target_suffix={target_suffix!r}"
        )
    if task is None:
        if level is not None:
            raise ValueError(f"`level` goes with a task. Received: level={level}, task=None")
        both = [source] if target is None else [source, target]
        folders = [_opened_folder(folder, image_size, channels, on_error, split_folders) for folder in both]
        a, b = folders if target is not None else views(folders[0], input_half, input_suffix, target_suffix)
        _match(a, b, on_error)
        inputs, targets = load(a, split, **options), load(b, split, **options)
        depths = inputs.element_spec.shape[-1], targets.element_spec.shape[-1]
        if "colour" in as_names(augment) and depths[0] != depths[1]:
            raise ValueError(
                "Colours can be changed alike only in inputs and targets of as many channels: leave 'colour' out. "
                f"Received: augment={augment!r}, channels {depths[0]} and {depths[1]}"
            )
        return tf.data.Dataset.zip(inputs, targets)  # one seed: of the same order, and augmented alike
    if task not in TASKS:
        raise ValueError(f"`task` must be one of {', '.join(TASKS)}. Received: task={task!r}")
    chosen = TASKS[task]
    if level is not None and chosen.level is None:
        raise ValueError(f"{task} has no level. Received: level={level}")
    level = chosen.level if level is None else level
    if level is not None and not (isinstance(level, int | float) and math.isfinite(level)):
        raise ValueError(f"The level of {task} must be a number. Received: level={level!r}")
    source = opened(source, image_size, channels, on_error, split_folders)
    images = load(source, split, **options)
    if len(images.element_spec.shape) != 4:
        raise ValueError(f"Tasks are for images. Received: {source.info.name} of vectors {source.info.data_shape}")
    # Whether the task can be done with them, before it is done in a graph, where sentences get lost.
    chosen.make(tf.zeros((1, *images.element_spec.shape[1:])), level, tf.zeros(2, tf.int64))

    noise_seed = tf.constant(zlib.crc32(f"{task} {split} {seed}".encode()), tf.int64)  # no two splits have the same

    def epoch_pairs(epoch):
        def to_pair(batch, x):
            key = tf.random.experimental.stateless_fold_in(tf.stack([noise_seed, epoch]), batch)
            return chosen.make(x, level, key), x

        return images.enumerate().map(to_pair, num_parallel_calls=tf.data.AUTOTUNE)

    shuffled = split.startswith("train") if shuffle is None else shuffle
    made = (epochs.numbers(first_epoch) if shuffled else epochs.always()).flat_map(epoch_pairs)
    return made.apply(tf.data.experimental.assert_cardinality(images.cardinality())).prefetch(tf.data.AUTOTUNE)


def unpaired(
    source_a: Any,
    source_b: Any,
    split: str = "train",
    *,
    batch_size: int = 128,
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    augment: str | Sequence[Any] | None = None,
    shuffle: bool | None = None,
    seed: int = 0,
    drop_remainder: bool = False,
    limit: int | None = None,
    on_error: str = "stop",
    split_folders: bool | None = None,
    first_epoch: int = 0,
) -> tf.data.Dataset:
    """Images of two sources that do not belong together, as a `tf.data.Dataset` of (images a, images b).

    A pass is as long as the longer source; the shorter one is repeated, shuffled anew each time. Each source has an
    order of its own.

    Args:
        source_a: as for `load`.
        source_b: as for `load`.
        split: of both.
        batch_size: images of each per batch.
        image_size: side, or (height, width), of both.
        channels: 1 (gray) or 3 (RGB), of both.
        augment: as for `load`; the images of each source are changed on their own.
        shuffle: None for the training split only.
        seed: of shuffling.
        drop_remainder: whether to leave out a last batch that is not full.
        limit: use at most that many images of each, a fixed random choice.
        on_error: of folders, "stop" to list files that cannot be read, "skip" to leave them out with a warning.
        split_folders: as for `load`.
        first_epoch: added to the number of each epoch.

    Returns:
        A dataset of (images a, images b), as many of each.
    """
    options: dict[str, Any] = {
        "batch_size": batch_size, "image_size": image_size, "channels": channels, "augment": augment, "limit": limit,
        "shuffle": shuffle, "drop_remainder": False, "labels": False, "num_labels": None, "binarize": None,
        "balance": False,
    }  # fmt: skip
    sources = [opened(source, image_size, channels, on_error, split_folders) for source in (source_a, source_b)]
    # Two seeds: by one, sources of as many images would be shuffled alike, and be pairs after all.
    readers = [open_reader(source, split, seed=seed + i, **options) for i, source in enumerate(sources)]
    count = max(reader.count for reader in readers)

    def epoch_pairs(epoch):
        def examples(reader):
            passes = math.ceil(count / reader.count)
            numbers = tf.data.Dataset.range(epoch * passes, (epoch + 1) * passes)
            return reader.batches(numbers if reader.varies else numbers.map(tf.zeros_like)).unbatch()

        return tf.data.Dataset.zip(*map(examples, readers)).take(count).batch(batch_size, drop_remainder=drop_remainder)

    varies = any(reader.varies for reader in readers)
    batches = (epochs.numbers(first_epoch) if varies else epochs.always()).flat_map(epoch_pairs)
    number = count // batch_size if drop_remainder else math.ceil(count / batch_size)
    return batches.apply(tf.data.experimental.assert_cardinality(number)).prefetch(tf.data.AUTOTUNE)


def views(
    source: Source, input_half: Half | None, input_suffix: str | None, target_suffix: str | None
) -> tuple[FolderSource, FolderSource]:
    """The inputs and the targets of a folder that holds both; the options are those of `pairs`."""
    if not isinstance(source, FolderSource):
        raise ValueError(f"Inputs and targets of one source come from a folder of images. Received: {source.info.name}")
    if input_half is not None:
        if input_half not in ("left", "right"):
            raise ValueError(f"`input_half` must be 'left' or 'right'. Received: input_half={input_half!r}")
        return source.view(half=input_half), source.view(half="right" if input_half == "left" else "left")
    if "" in (input_suffix, target_suffix) or input_suffix == target_suffix:
        raise ValueError(
            "`input_suffix` and `target_suffix` must be two endings of names, such as '_mask'. "
            f"Received: input_suffix={input_suffix!r}, target_suffix={target_suffix!r}"
        )
    return (
        source.view(ending=input_suffix or "", but=None if input_suffix else target_suffix),
        source.view(ending=target_suffix or "", but=None if target_suffix else input_suffix),
    )


def _opened_folder(folder, image_size, channels, on_error, split_folders):
    """A folder of pairs, opened."""
    if not isinstance(folder, FolderSource) and not Path(folder).expanduser().is_dir():
        raise FileNotFoundError(
            f"Pairs without a task come from two folders, or from one of both. Received: {folder}, which is none"
        )
    return opened(folder, image_size, channels, on_error, split_folders)


def _match(first, second, on_error):
    """Leaves in two folders as many files each, in the order of their common names."""
    both = (first, second)
    if set(first.files) != set(second.files):
        raise ValueError(
            "Two folders of pairs must have the same splits, train, validation or test: name the subfolders of both "
            f"alike. Received: {first.root} with {', '.join(first.files)}; {second.root} with {', '.join(second.files)}"
        )
    alone = []
    for split in first.files:
        named = [source.by_name(split) for source in both]
        common = sorted(set(named[0]) & set(named[1]))
        alone += [str(path) for one, other in (named, named[::-1]) for name, path in one.items() if name not in other]
        if not common:
            raise ValueError(
                "The names of inputs and targets must be the same, whatever the suffix of the files. "
                f"Received: no common name in {first.root} and {second.root} ({split}), such as "
                f"{', '.join(list(named[0])[:2])} and {', '.join(list(named[1])[:2])}"
            )
        for source, names in zip(both, named, strict=True):
            source.keep(split, [names[name] for name in common])
    if alone:
        listed = ", ".join(alone[:20]) + (f", and {len(alone) - 20} more" if len(alone) > 20 else "")
        if on_error == "stop":
            raise ValueError(
                f'{len(alone)} files have no partner of their name; leave them out with on_error="skip". '
                f"Received: {listed}"
            )
        warnings.warn(f"Left out {len(alone)} files that have no partner of their name: {listed}", stacklevel=3)
