"""Max pooling that remembers where the maximum was, and its inverse."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

WINDOW = 2  # side of the window that one value is pooled from


@keras.saving.register_keras_serializable("keras_gen")
class SwitchPooling(keras.layers.Layer):
    """Max pooling over 2 x 2 windows that also tells where each maximum was (Zeiler et al. 2011, section 2).

    By reshaping and one-hot switches: `tf.nn.max_pool_with_argmax` does not compile under XLA. An odd side is
    padded, so it halves rounding up. Of equal values the first counts.

    Call: (B, H, W, C) -> (B, H / 2, W / 2, C) and switches (B, H / 2, W / 2, 4, C), one-hot over the 4 places.
    """

    def call(self, x) -> tuple[tf.Tensor, tf.Tensor]:
        height, width, channels = x.shape[1:]
        rows, columns = -(-height // WINDOW), -(-width // WINDOW)
        lowest = tf.constant(x.dtype.min, x.dtype)
        x = ops.pad(
            x, ((0, 0), (0, rows * WINDOW - height), (0, columns * WINDOW - width), (0, 0)), constant_values=lowest
        )
        x = ops.reshape(x, (-1, rows, WINDOW, columns, WINDOW, channels))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))  # (B, rows, columns, 2, 2, C)
        x = ops.reshape(x, (-1, rows, columns, WINDOW * WINDOW, channels))
        first = tf.argmax(x, axis=3, output_type="int32")  # not Keras' argmax, which fewer formats can hold
        switches = ops.one_hot(first, WINDOW * WINDOW, axis=3, dtype=self.compute_dtype)
        return ops.max(x, axis=3), switches

    def compute_output_spec(self, x) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        height, width, channels = x.shape[1:]
        rows, columns = -(-height // WINDOW), -(-width // WINDOW)
        pooled = keras.KerasTensor((x.shape[0], rows, columns, channels), dtype=self.compute_dtype)
        return pooled, keras.KerasTensor(
            (x.shape[0], rows, columns, WINDOW * WINDOW, channels), dtype=self.compute_dtype
        )


@keras.saving.register_keras_serializable("keras_gen")
class Unpooling(keras.layers.Layer):
    """Puts each value where its switch says, and zeros elsewhere: the reverse of `SwitchPooling`.

    Args:
        size: (H, W) of the output; an odd side is cropped.

    Call: [(B, H / 2, W / 2, C), switches (B, H / 2, W / 2, 4, C)] -> (B, H, W, C).
    """

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = tuple(size)

    def call(self, inputs) -> tf.Tensor:
        x, switches = inputs
        rows, columns, channels = x.shape[1:]
        x = x[:, :, :, None, :] * switches  # (B, rows, columns, 4, C)
        x = ops.reshape(x, (-1, rows, columns, WINDOW, WINDOW, channels))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))  # (B, rows, 2, columns, 2, C)
        x = ops.reshape(x, (-1, rows * WINDOW, columns * WINDOW, channels))
        return x[:, : self.size[0], : self.size[1]]

    def compute_output_spec(self, inputs) -> keras.KerasTensor:
        x, _ = inputs
        return keras.KerasTensor((x.shape[0], *self.size, x.shape[-1]), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}
