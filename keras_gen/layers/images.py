"""Layers on images: the range of pixels, and the history of generated images."""

from typing import Any

import keras
import tensorflow as tf

from keras_gen.core import distribution


@keras.saving.register_keras_serializable("keras_gen")
class UnitInterval(keras.layers.Layer):
    """Clips to [0, 1], with a gradient that brings back what lies outside, and never drives it further out.

    That of clipping alone would leave it there; that of no clipping would let a critic drive it away without end.

    Call: x (...) -> (...), float32.
    """

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})

    def call(self, x) -> tf.Tensor:
        return _clipped(x)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape


@tf.custom_gradient
def _clipped(x):
    def gradient(upstream):
        outward = ((x < 0) & (upstream > 0)) | ((x > 1) & (upstream < 0))  # a descent goes against the gradient
        return tf.where(outward, tf.zeros_like(upstream), upstream)

    return tf.clip_by_value(x, 0.0, 1.0), gradient


@keras.saving.register_keras_serializable("keras_gen")
class HistoryBuffer(keras.layers.Layer):
    """Images that were made before, of which a critic sees some again (Shrivastava et al. 2017, section 2.3).

    Each place in turn meets an image. Where the place is empty, it keeps the image; else, with probability 1/2, the two
    change places. Of a batch with more images than places the rest pass by. What it keeps is saved with the model, and
    is the same on every replica: it holds images of all of them.

    Args:
        size: how many images it keeps; 50 in the paper.
        seed: int.

    Call: images (B, H, W, C) -> (B, H, W, C), as they are or from the past if `training` is True.
    """

    def __init__(self, size=50, seed=0, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.size, self.seed = size, seed

    def build(self, input_shape: tuple) -> None:
        state = {"initializer": "zeros", "trainable": False, "aggregation": "only_first_replica"}
        self.past = self.add_weight(name="past", shape=(self.size, *input_shape[1:]), **state)
        self.seen = self.add_weight(name="seen", shape=(), dtype="int64", **state)

    def call(self, images, training: bool = False) -> tf.Tensor:
        if not training:
            return images
        count = tf.shape(images)[0]
        index = distribution.examples_before(images) + tf.range(count)  # in the batch of all replicas
        turn = tf.cast(self.seen, tf.int64) + tf.cast(index, tf.int64)
        draws = distribution.uniform((count,), distribution.noise_key(self.seed, self.seen, self.name))
        place = tf.cast(turn % self.size, tf.int32)
        met = tf.gather(tf.convert_to_tensor(self.past), place)
        shape = (-1, *[1] * (len(images.shape) - 1))
        takes_part, full = index < self.size, turn >= self.size
        given = tf.reshape(takes_part & full & (draws < 0.5), shape)
        kept = tf.reshape(takes_part & (~full | (draws < 0.5)), shape)
        change = tf.where(kept, images - met, 0.0)
        # Each replica changes places of its own.
        self.past.assign_add(distribution.cross_replica_sum(tf.scatter_nd(place[:, None], change, self.past.shape)))
        self.seen.assign_add(tf.cast(distribution.global_batch_size(images), tf.int64))
        return tf.where(given, met, images)

    def compute_output_spec(self, images, training: bool = False) -> keras.KerasTensor:
        return images

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size, "seed": self.seed}
