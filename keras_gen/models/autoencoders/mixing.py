"""Mixtures: the means of several examples, for training and measuring what takes them apart."""

import tensorflow as tf
from keras import ops

SHUFFLED_TOGETHER = 2_000


def mix(images, num_sources: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Each example with those that follow it, the first after the last.

    Args:
        images: (B, ...), an array or tensor.
        num_sources: S.

    Returns:
        Mixtures (B, ...), the means of their sources, (B, S, ...), as tensors.
    """
    sources = ops.stack([ops.roll(images, -s, axis=0) for s in range(num_sources)], axis=1)
    return ops.mean(sources, axis=1), sources


def mix_dataset(examples, count: int, num_sources: int, seed: int) -> tf.data.Dataset:
    """The same over a whole dataset of examples, not batched, in an order that is fixed by the seed.

    The order is shuffled in blocks, so that of a source sorted by class not only equals meet.

    Args:
        examples: dataset of (...).
        count: how many; Keras warns of datasets that do not know it.
        num_sources: S.
        seed: int.
    """
    key = tf.constant([seed, 0])
    blocks = examples.batch(SHUFFLED_TOGETHER)
    examples = blocks.map(lambda block: tf.random.experimental.stateless_shuffle(block, key)).unbatch()
    followers = [examples.skip(s).concatenate(examples.take(s)) for s in range(num_sources)]
    sources = tf.data.Dataset.zip(tuple(followers)).map(lambda *group: tf.stack(group))
    pairs = sources.map(lambda group: (tf.reduce_mean(group, axis=0), group))
    return pairs.apply(tf.data.experimental.assert_cardinality(count))
