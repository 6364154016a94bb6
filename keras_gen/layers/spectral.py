"""Spectral normalisation: layers whose matrix has largest singular value 1, the same in all calls of a step."""

from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

FIRST_ITERATIONS = 10  # of a new layer


class SpectrallyNormalised:
    """Part of a layer with a kernel: the kernel W is divided by an estimate of its largest singular value.

    The estimate is |W u| for a unit vector u, a weight that is not trained. u is the same for all calls of a training
    step; `iterate`, once per step, replaces it by the unit vector along W^T W u (power iteration). The gradient takes u
    as a constant. Kernels of convolutions are matrices (height * width * channels, filters).

    Keras' `SpectralNormalization` iterates in each call, so that the calls of a step, of real and of generated images,
    have other weights (issue 20309).

    Source: Miyato et al. 2018, "Spectral normalization for generative adversarial networks", algorithm 1.
    """

    kernel: Any  # this, `add_weight` and `weights` are the layer's

    def build(self, input_shape) -> None:
        super().build(input_shape)  # type: ignore[misc]  # the layer's
        self.direction = self.add_weight(  # type: ignore[attr-defined]  # the layer's
            name="direction", shape=(self.kernel.shape[-1],), dtype="float32", trainable=False, autocast=False,
            initializer=self._first_direction, aggregation="only_first_replica",
        )  # fmt: skip

    def _first_direction(self, shape, dtype=None):
        u = _unit(ops.ones(shape, dtype))
        for _ in range(FIRST_ITERATIONS):
            u = self._next(u)
        return u

    # Dense and Conv2D of Keras save kernel and bias alone; `direction` would be lost.

    def save_own_variables(self, store) -> None:
        for i, weight in enumerate(self.weights):  # type: ignore[attr-defined]  # the layer's
            store[str(i)] = weight

    def load_own_variables(self, store) -> None:
        for i, weight in enumerate(self.weights):  # type: ignore[attr-defined]  # the layer's
            weight.assign(store[str(i)])

    def iterate(self) -> None:
        """One step of the power iteration."""
        self.direction.assign(self._next(ops.convert_to_tensor(self.direction)))

    def _next(self, u):
        matrix = self._matrix()
        v = ops.matmul(ops.transpose(matrix), ops.matmul(matrix, u[:, None]))[:, 0]
        return ops.where(ops.norm(v) > 0, _unit(v), u)  # a matrix of zeros has no direction

    def _matrix(self):
        return ops.cast(ops.reshape(ops.convert_to_tensor(self.kernel), (-1, self.kernel.shape[-1])), "float32")

    def normalised(self, kernel) -> tf.Tensor:
        """The kernel, in whatever type it is computed with, divided by the estimate."""
        u = ops.stop_gradient(ops.convert_to_tensor(self.direction))
        square = ops.sum(ops.square(ops.matmul(self._matrix(), u[:, None])))
        norm = ops.sqrt(ops.where(square > 0, square, 1.0))  # at a matrix of zeros the root has no gradient
        return kernel / ops.cast(norm, kernel.dtype)


def _unit(vector):
    return vector / ops.maximum(ops.norm(vector), 1e-12)


@keras.saving.register_keras_serializable("keras_gen")
class SpectralConv2D(SpectrallyNormalised, layers.Conv2D):
    """`keras.layers.Conv2D` with spectral normalisation."""

    def convolution_op(self, inputs, kernel) -> tf.Tensor:
        return super().convolution_op(inputs, self.normalised(kernel))


@keras.saving.register_keras_serializable("keras_gen")
class SpectralDense(SpectrallyNormalised, layers.Dense):
    """`keras.layers.Dense` with spectral normalisation."""

    def call(self, inputs, training=None) -> tf.Tensor:
        x = ops.matmul(inputs, self.normalised(ops.cast(ops.convert_to_tensor(self.kernel), inputs.dtype)))
        x = x if self.bias is None else x + ops.cast(ops.convert_to_tensor(self.bias), x.dtype)
        return x if self.activation is None else self.activation(x)


SPECTRAL: dict[type, Any] = {layers.Conv2D: SpectralConv2D, layers.Dense: SpectralDense}
