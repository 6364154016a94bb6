"""Series that end early."""

import keras
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable("keras_gen")
class EndingSeries(keras.layers.Wrapper):
    """A network of series for series that end early: NaN becomes 0, and a Keras mask says which steps are there.

    As `keras.layers.Masking`, for values of any size. Recurrent layers skip what the mask hides; where the first layer
    does not know masks, as a convolution, it is given the zeros only.

    Args:
        layer: a built `keras.Model`, of series (T, F).

    Call: (B, T, F) -> what the network makes of them.
    """

    def call(self, x, training: bool = False) -> tf.Tensor:
        missing = ops.isnan(x)
        first = next(layer for layer in self.layer.layers if not isinstance(layer, keras.layers.InputLayer))
        given = {"mask": ~missing[..., 0]} if first.supports_masking else {}
        # Not by `__call__`, which warns that a model lets no mask out again.
        return self.layer.call(ops.where(missing, ops.zeros_like(x), x), training=training, **given)

    def compute_output_shape(self, input_shape) -> tuple:
        return self.layer.compute_output_shape(input_shape)
