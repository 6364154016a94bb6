"""Random numbers by plain integer arithmetic, which every format can hold: a function of (seed, draw, unit).

TensorFlow's generators cannot leave TensorFlow. This one is a Feistel network over pairs of numbers below a prime p,
whose squares are below 2^31: (l, r) -> (r, l + (r + k)^2 + (r + k) mod p), first of the seed alone, then of the seed
and the unit. It is for pictures, not for secrets.
"""

import math

import numpy as np
import tensorflow as tf

PRIME = 46337  # the largest below 2^15.5
ROUNDS = 8
LARGEST = 1 - 2**-24  # below 1 in float32


class Draws:
    """Numbers for a batch, each row by a seed of its own; the first draw, the second, ... are independent.

    Args:
        seeds: (B,) int32, 0 or more.
    """

    def __init__(self, seeds: tf.Tensor):
        parts = seeds[:, None], tf.truncatediv(seeds, PRIME)[:, None]
        self._right, self._left = (_remainder(_remainder(part) + PRIME) for part in parts)  # 0 or more, whatever comes
        self._count = 0

    def uniform(self, size: int) -> tf.Tensor:
        """Uniform on (0, 1). -> (B, size)."""
        keys = np.random.default_rng(self._count).integers(PRIME, size=(2, ROUNDS))
        self._count += 1
        units = np.arange(size)[None]
        left, right = _mixed(self._left, self._right, keys[0])
        left, right = left + tf.constant(units // PRIME, tf.int32), right + tf.constant(units % PRIME, tf.int32)
        left, right = _mixed(_remainder(left), _remainder(right), keys[1])
        shares = (tf.cast(left, tf.float32) + (tf.cast(right, tf.float32) + 0.5) / PRIME) / PRIME
        return tf.minimum(shares, LARGEST)

    def normal(self, size: int) -> tf.Tensor:
        """N(0, 1), by the method of Box and Muller. -> (B, size)."""
        half = (size + 1) // 2
        shares = self.uniform(2 * half)
        radius, angle = tf.sqrt(-2 * tf.math.log(shares[:, :half])), 2 * math.pi * shares[:, half:]
        return tf.concat([radius * tf.cos(angle), radius * tf.sin(angle)], axis=1)[:, :size]

    def whole(self, count: int) -> tf.Tensor:
        """Uniform on 0, ..., count - 1. -> (B,) int32."""
        return tf.cast(self.uniform(1)[:, 0] * count, tf.int32)


def _remainder(x):
    """Of a division by the prime, as all formats compute it exactly: that of OpenVINO goes through float32."""
    return x - PRIME * tf.truncatediv(x, PRIME)


def _mixed(left, right, keys):
    for key in keys:
        x = _remainder(right + int(key))
        left, right = right, _remainder(left + _remainder(x * x) + x)
    return left, right
