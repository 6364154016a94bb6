"""Likelihoods p(x | z): how a decoder's output accounts for data. Callable of x and mean, (B, ...) -> (B,), nats."""

import math
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_gen import losses
from keras_gen.face import names_of

LOG_GAIN = 10.0  # a log variance has far to go, in steps of an optimizer made for weights of a network


@keras.saving.register_keras_serializable("keras_gen")
class GaussianLikelihood(keras.layers.Layer):
    """Negative log-likelihood of independent normal values.

    A fixed variance of 1 is far too wide for images in [0, 1] and makes a VAE ignore its codes; the variance that
    maximises the likelihood needs no tuning (Rybkin et al. 2021, "sigma-VAE"). A learned standard deviation stays above
    1/1000, finer than the steps of an 8-bit image, so that a perfect reconstruction cannot reach infinite density.

    Args:
        variance: "learned", one for all values; "per_value", one learned for each; or a number, which stays.

    Call: x (B, ...), mean (B, ...) -> (B,), nats per image.
    """

    FLOOR = 2 * math.log(1e-3)

    def __init__(self, variance="learned", **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})  # a sum over pixels is too much for float16
        self.variance = variance

    def build(self, x_shape, mean_shape) -> None:
        if isinstance(self.variance, str):
            shape = tuple(x_shape[1:]) if self.variance == "per_value" else ()
            self.scaled_log_variance = self.add_weight(name="scaled_log_variance", shape=shape, initializer="zeros")

    @property
    def log_variance(self) -> float | tf.Tensor:
        """The log variance, a scalar or one for each value; a learned one stays above FLOOR."""
        if not isinstance(self.variance, str):
            return math.log(self.variance)
        return self.FLOOR + ops.softplus(LOG_GAIN * self.scaled_log_variance - self.FLOOR)

    def call(self, x, mean) -> tf.Tensor:
        return losses.gaussian(x, mean, self.log_variance)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "variance": self.variance}


@keras.saving.register_keras_serializable("keras_gen")
class LogisticLikelihood(keras.layers.Layer):
    """Negative log-likelihood of the 256 levels of 8-bit images, `losses.discretized_logistic`.

    One scale is learned for each channel. It stays above 1/2,000, a tenth of a bin's width.

    Call: x (B, ..., C) in [0, 1], mean (B, ..., C) -> (B,), nats per image.
    """

    FLOOR = math.log(5e-4)
    START = math.log(0.1)

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})

    def build(self, x_shape, mean_shape) -> None:
        self.scaled_log_scale = self.add_weight(name="scaled_log_scale", shape=(x_shape[-1],), initializer="zeros")

    @property
    def log_scale(self) -> tf.Tensor:
        """(C,), the learned log scales, above FLOOR."""
        return self.FLOOR + ops.softplus(LOG_GAIN * self.scaled_log_scale + self.START - self.FLOOR)

    def call(self, x, mean) -> tf.Tensor:
        return losses.discretized_logistic(x, mean, self.log_scale)


def _bernoulli(data_shape, variance):
    return losses.bernoulli


def _built(layer, data_shape):
    layer.build((None, *data_shape), (None, *data_shape))
    return layer


LIKELIHOODS = MappingProxyType(
    {
        "bernoulli": _bernoulli,
        "gaussian": lambda shape, variance: _built(GaussianLikelihood(variance, name="likelihood"), shape),
        "discretized_logistic": lambda shape, variance: _built(LogisticLikelihood(name="likelihood"), shape),
    }
)


def likelihood(name: str, data_shape: tuple[int, ...], variance: str | float = "learned") -> Callable:
    """The negative log-likelihood of a name of LIKELIHOODS, built; `variance` is for "gaussian"."""
    return LIKELIHOODS[name](data_shape, variance)


__dir__ = names_of(globals())
