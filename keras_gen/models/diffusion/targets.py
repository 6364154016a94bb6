"""Paths between noise and data, and what a network is trained to say of their states. Time goes from noise, 0, to data.

A state is `x_t = alpha_t x + sigma_t e`. Each of these has alpha and sigma (`path`), their derivatives (`rates`), the
times of training (`quantile`), what the network says (`target`) and what follows from it (`split`), what a state is
multiplied by for the network (`network_scale`), and the time of a log signal-to-noise ratio `2 log(alpha / sigma)`.
"""

import math
from typing import Any

import tensorflow as tf
from keras import ops

MARGIN = 0.008  # of the angle, at both ends: the noise that is left on data is less than a gray level of 8 bits


class CosinePath:
    """`alpha = sin a, sigma = cos a`, the angle a linear in time (Nichol and Dhariwal 2021, equation 17).

    Args:
        deviation: of a value of the data; not used.
    """

    low, high = MARGIN, math.pi / 2 - MARGIN

    def __init__(self, deviation: float = 1.0):
        self.deviation = deviation

    def _angle(self, t):
        return self.low + (self.high - self.low) * t

    def path(self, t) -> tuple[Any, Any]:
        return ops.sin(self._angle(t)), ops.cos(self._angle(t))

    def rates(self, t) -> tuple[Any, Any]:
        speed = self.high - self.low
        return speed * ops.cos(self._angle(t)), -speed * ops.sin(self._angle(t))

    def quantile(self, u) -> tf.Tensor:
        return u

    def time_of(self, log_snr) -> tf.Tensor:
        return (ops.arctan(ops.exp(0.5 * log_snr)) - self.low) / (self.high - self.low)

    def network_scale(self, t) -> Any:
        return 1.0


class V(CosinePath):
    """`v = alpha e - sigma x` (Salimans and Ho 2022, section 4): e where there is little noise, else -x."""

    def target(self, x, e, t) -> tf.Tensor:
        alpha, sigma = self.path(t)
        return alpha * e - sigma * x

    def split(self, said, x_t, t) -> tuple[tf.Tensor, tf.Tensor]:
        alpha, sigma = self.path(t)
        return alpha * x_t - sigma * said, sigma * x_t + alpha * said


class Epsilon(CosinePath):
    """The noise e (Ho et al. 2020, equation 14)."""

    def target(self, x, e, t) -> tf.Tensor:
        return e

    def split(self, said, x_t, t) -> tuple[tf.Tensor, tf.Tensor]:
        alpha, sigma = self.path(t)
        return (x_t - sigma * said) / alpha, said


class EDM:
    """`x_t = x + sigma e`, and a network whose input and target have variance 1 (Karras et al. 2022, table 1).

    `sigma^(1/7)` falls linearly in time, with sigma from 80 to 0.002 (equation 5); it is trained at sigmas whose
    logarithms are N(-1.2, 1.2^2). With d the deviation of the data the network predicts
    `(sigma x / d - d e) / sqrt(sigma^2 + d^2)`, which is the paper's F where D = c_skip x_t + c_out F is x.

    Args:
        deviation: d, of a value of the data.
    """

    RHO, LARGEST, SMALLEST = 7.0, 80.0, 0.002
    MEAN, SPREAD = -1.2, 1.2  # of log sigma in training

    def __init__(self, deviation: float = 0.5):
        self.deviation = deviation
        self.first, self.last = (sigma ** (1 / self.RHO) for sigma in (self.LARGEST, self.SMALLEST))

    def _root(self, t):
        return self.first + (self.last - self.first) * t

    def _norm(self, sigma):
        return ops.sqrt(sigma**2 + self.deviation**2)

    def path(self, t) -> tuple[Any, Any]:
        return 1.0, self._root(t) ** self.RHO

    def rates(self, t) -> tuple[Any, Any]:
        return 0.0, self.RHO * self._root(t) ** (self.RHO - 1) * (self.last - self.first)

    def quantile(self, u) -> tf.Tensor:
        normal = math.sqrt(2.0) * ops.erfinv(ops.clip(2.0 * u - 1.0, -0.999999, 0.999999))
        return self._time(ops.exp(self.MEAN + self.SPREAD * normal))

    def time_of(self, log_snr) -> tf.Tensor:
        return self._time(ops.exp(-0.5 * log_snr))

    def _time(self, sigma):
        return ops.clip((self.first - sigma ** (1 / self.RHO)) / (self.first - self.last), 0.0, 1.0)

    def network_scale(self, t) -> Any:
        return 1.0 / self._norm(self.path(t)[1])

    def target(self, x, e, t) -> tf.Tensor:
        sigma = self.path(t)[1]
        return (sigma * x / self.deviation - self.deviation * e) / self._norm(sigma)

    def split(self, said, x_t, t) -> tuple[tf.Tensor, tf.Tensor]:
        sigma, d = self.path(t)[1], self.deviation
        norm = self._norm(sigma)
        return (d / norm) ** 2 * x_t + sigma * d / norm * said, sigma / norm**2 * x_t - d / norm * said


TARGETS: dict[str, Any] = {"v": V, "epsilon": Epsilon, "edm": EDM}
