"""Layers that networks and models share."""

import math

import keras
import numpy as np
from keras import ops

from keras_gen import losses

LOG_VARIANCE_LIMIT = 10.0  # variances between 4.5e-5 and 2.2e4: exp never overflows, not even in float16


@keras.saving.register_keras_serializable("keras_gen")
def bounded_log_variance(x):
    """Activation of a head that gives log variances: `L * tanh(x / L)`, smooth, within (-L, L), about x near 0.

    A clipped head stops learning where it is clipped; this one does not.
    """
    return LOG_VARIANCE_LIMIT * ops.tanh(x / LOG_VARIANCE_LIMIT)


@keras.saving.register_keras_serializable("keras_gen")
class GaussianLikelihood(keras.layers.Layer):
    """Negative log-likelihood of independent normal pixels with one learned variance for all of them.

    A fixed variance of 1 is far too wide for images in [0, 1] and makes a VAE ignore its codes; the variance that
    maximises the likelihood needs no tuning (Rybkin et al. 2021, "sigma-VAE"). The standard deviation stays above
    1/1000, finer than the steps of an 8-bit image, so that a perfect reconstruction cannot reach infinite density.

    Call: x (B, ...), mean (B, ...) -> (B,), nats per image.
    """

    FLOOR = 2 * math.log(1e-3)
    GAIN = 10.0  # the log variance has far to go, in steps of an optimizer made for weights of a network

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})  # a sum over pixels is too much for float16

    def build(self, x_shape, mean_shape):
        self.scaled_log_variance = self.add_weight(name="scaled_log_variance", shape=(), initializer="zeros")

    @property
    def log_variance(self):
        """Scalar, the learned log variance, above FLOOR."""
        return self.FLOOR + ops.softplus(self.GAIN * self.scaled_log_variance - self.FLOOR)

    def call(self, x, mean):
        return losses.gaussian(x, mean, self.log_variance)


def likelihood(name, data_shape):
    """Negative log-likelihood of a name, "bernoulli" or "gaussian": callable of x and mean, (B, ...) -> (B,), nats."""
    if name == "bernoulli":
        return losses.bernoulli
    layer = GaussianLikelihood(name="likelihood")
    layer.build((None, *data_shape), (None, *data_shape))
    return layer


def draw_codes(mean, log_variance, noise):
    """The reparametrised draw `mean + sd * noise`. (B, D), (B, D), (k, B or 1, D) -> (k, B, D)."""
    return mean + ops.exp(0.5 * log_variance) * noise


def fixed_noise(draws, size, seed):
    """Noise that is the same for every example: antithetic pairs, scaled to variance 1. -> (draws, 1, size).

    Its means of linear functions are exact, and so are those of squares of single units.
    """
    half = np.random.default_rng(seed).standard_normal((draws // 2, 1, size))
    half /= np.sqrt(np.mean(half**2, axis=0))
    return np.concatenate([half, -half]).astype("float32")


def repeat_batch(x, times):
    """The batch, `times` times over. (B, ...) -> (times * B, ...)."""
    return ops.tile(x, (times, *[1] * (len(x.shape) - 1)))
