"""From the examples of a source to the batches of epochs, shuffled and binarized by (seed, epoch)."""

import math

import numpy as np
import tensorflow as tf

from keras_gen.core import epochs
from keras_gen.core.labels import known_per_batch, mask_labels
from keras_gen.data import degradations

SHUFFLE_MEMORY = 2**29  # bytes of the examples that a stream shuffles at a time


def read_examples(
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
    balance,
    augment,
):
    """Function of epochs to batches, and how many examples and batches are in one."""
    order = np.random.default_rng(0).permutation(examples.count)  # the same whatever the seed: parts stay apart
    chosen = order[bounds_of(part, examples.count)][:limit]
    if len(chosen) == 0:
        raise ValueError(f"The split must hold at least one example. Received: the part {part} of {examples.count}")
    chosen = np.sort(chosen)
    if balance:
        chosen = balanced(chosen, examples.labels[chosen], seed)
    y, known, repeated = examples.labels, np.empty(0, "int64"), 0
    if num_labels is not None:
        y = np.full(examples.count, -1, "int64")
        y[chosen] = mask_labels(examples.labels[chosen], num_labels, seed)
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
        key = tf.random.experimental.stateless_fold_in(tf.stack([np.int64(pixel_seed), epoch]), batch)
        if augment is not None:
            x = augment(x, key)
        if binarize == "dynamic":
            x = _bernoulli(x, key)
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


def read_stream(
    examples, *, part, limit, batch_size, drop_remainder, shuffle, seed, binarize, pixel_seed, prepare, labels, augment
):
    """Function of epochs to batches, and how many examples and batches are in one."""
    bounds = range(examples.count)[bounds_of(part, examples.count)]
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
        key = tf.random.experimental.stateless_fold_in(tf.stack([np.int64(pixel_seed), index]), epoch)
        if augment is not None:
            x = augment(x[None], key)[0]
        if binarize == "dynamic":
            x = _bernoulli(x, key)
        return (x, label) if labels else x

    def batches_of(numbers):
        examples = numbers.flat_map(epoch_examples).map(finish, num_parallel_calls=tf.data.AUTOTUNE)
        return examples.batch(batch_size, drop_remainder=drop_remainder)

    return batches_of, count, batches


def balanced(indices, labels, seed):
    """Indices with those of the smaller classes repeated, until each class is as large as the largest, to within one.

    Which of a class come once more is chosen by the seed.
    """
    rng = np.random.default_rng(seed)
    classes = [rng.permutation(indices[labels == label]) for label in np.unique(labels)]
    largest = max(map(len, classes))
    return np.sort(np.concatenate([np.resize(members, largest) for members in classes]))


def _bernoulli(x, key):
    return tf.cast(tf.random.stateless_uniform(tf.shape(x), seed=key) < x, tf.float32)


def _binarize_in_memory(array, prepare, rng):
    """uint8 zeros and ones, drawn in the order of the source; in blocks, to need no float copy of the whole."""
    blocks = []
    for start in range(0, len(array), 1000):
        x = prepare(tf.constant(array[start : start + 1000])).numpy()
        blocks.append((rng.random(x.shape, dtype="float32") < x).astype("uint8"))
    return np.concatenate(blocks)


def preparation(shape, size, channels):
    """The function of a batch, uint8 or float, to float32 in [0, 1] of the asked size and channels."""

    def prepare(x):
        x = tf.cast(x, tf.float32) / 255.0 if x.dtype == tf.uint8 else tf.cast(x, tf.float32)
        if channels == 1 and x.shape[-1] == 3:
            x = degradations.gray(x)
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


def bounds_of(part, count):
    """The slice of a part of `count` examples."""

    def position(text):
        if not text:
            return None
        return round(int(text[:-1]) / 100 * count) if text.endswith("%") else int(text)

    return slice(*map(position, part)) if part else slice(None)
