"""A dense layer with the transposed kernel of another."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable("keras_gen")
class TiedDense(keras.layers.Layer):
    """A dense layer whose kernel is the transpose of another's: `activation(x W^T + b)`, with a bias of its own.

    Call `tie` with the other layer before use, and again after loading: a config cannot hold another model's layer.

    Args:
        units: size of the other layer's input.
        activation: as in `keras.layers.Dense`.
    """

    def __init__(self, units, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)
        self._kernel = None

    def build(self, input_shape) -> None:
        self.features = input_shape[-1]
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")

    def tie(self, dense: keras.layers.Dense) -> None:
        """Takes the kernel of a built Dense layer.

        Raises:
            ValueError: if its shape is not (units, features of the input).
        """
        if tuple(dense.kernel.shape) != (self.units, self.features):
            raise ValueError(
                f"Tied weights need equal shapes: {self.name} needs the transpose of a kernel of shape "
                f"{(self.units, self.features)}. Received: {dense.name} with a kernel of shape {dense.kernel.shape}"
            )
        self._kernel = lambda: dense.kernel  # behind a function, or Keras would track the other layer here too

    @property
    def kernel(self) -> tf.Tensor:
        """The other layer's kernel, (units, features): the transpose of what this layer applies."""
        if self._kernel is None:
            raise ValueError(f"{self.name} is not tied to a layer yet: call its `tie`.")
        return self._kernel()

    def call(self, x) -> tf.Tensor:
        kernel = ops.cast(self.kernel, self.compute_dtype)
        return self.activation(ops.matmul(x, ops.transpose(kernel)) + ops.cast(self.bias, self.compute_dtype))

    def compute_output_spec(self, x) -> keras.KerasTensor:
        return keras.KerasTensor((*x.shape[:-1], self.units), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "units": self.units, "activation": activation}
