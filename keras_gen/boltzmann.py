"""Restricted Boltzmann machines as numbers: energies, conditionals, chains and the exact partition function.

Pure functions of a `Machine`. Everything that has two sides without connections inside a side is one: an RBM, the top
of a deep belief network, and a deep Boltzmann machine, whose odd layers are one side and whose even ones the other.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keras_gen.core import distribution

MAX_SIDE_UNITS = 20  # units of which all 2^n states are visited
STATES_AT_ONCE = 2**14


class Machine(NamedTuple):
    """The energy of a restricted Boltzmann machine.

    Binary visible units: `E(v, h) = -b.v - c.h - v W h`. Gaussian ones of standard deviation sigma:
    `E(v, h) = |v - b|^2 / (2 sigma^2) - c.h - (v / sigma) W h`.

    Args:
        kernel: W, (D, H).
        visible_bias: b, (D,).
        hidden_bias: c, (H,).
        sigma: None for binary visible units.
    """

    kernel: tf.Tensor
    visible_bias: tf.Tensor
    hidden_bias: tf.Tensor
    sigma: float | None = None

    def hidden_logits(self, v) -> tf.Tensor:
        """`c + v W`, of which the sigmoid is p(h = 1 | v). (B, D) -> (B, H)."""
        return self.hidden_bias + tf.matmul(v if self.sigma is None else v / self.sigma, self.kernel)

    def hidden_mean(self, v) -> tf.Tensor:
        """p(h = 1 | v). (B, D) -> (B, H)."""
        return tf.sigmoid(self.hidden_logits(v))

    def visible_mean(self, h) -> tf.Tensor:
        """E[v | h]: p(v = 1 | h) of binary units. (B, H) -> (B, D)."""
        field = tf.matmul(h, self.kernel, transpose_b=True)
        if self.sigma is None:
            return tf.sigmoid(self.visible_bias + field)
        return self.visible_bias + self.sigma * field

    def visible_energy(self, v) -> tf.Tensor:
        """The part of the energy in which only v takes part. (B, D) -> (B,)."""
        if self.sigma is None:
            return -tf.linalg.matvec(v, self.visible_bias)
        return tf.reduce_sum(tf.square((v - self.visible_bias) / self.sigma), axis=-1) / 2

    def free_energy(self, v) -> tf.Tensor:
        """`F(v) = -log sum_h exp(-E(v, h))`, in nats; p(v) = exp(-F(v)) / Z. (B, D) -> (B,)."""
        return self.visible_energy(v) - tf.reduce_sum(tf.nn.softplus(self.hidden_logits(v)), axis=-1)

    def hidden_free_energy(self, h) -> tf.Tensor:
        """The same of the other side, with the visible units summed (or integrated) out. (B, H) -> (B,)."""
        field = tf.matmul(h, self.kernel, transpose_b=True)
        if self.sigma is None:
            seen = tf.reduce_sum(tf.nn.softplus(self.visible_bias + field), axis=-1)
        else:
            normal = math.log(2 * math.pi * self.sigma**2) / 2
            seen = tf.reduce_sum(self.visible_bias * field / self.sigma + tf.square(field) / 2 + normal, axis=-1)
        return -tf.linalg.matvec(h, self.hidden_bias) - seen

    def draw_hidden(self, v, key) -> tf.Tensor:
        """h from p(h | v). (B, D) -> (B, H)."""
        return draw(self.hidden_mean(v), key)

    def draw_visible(self, h, key) -> tf.Tensor:
        """v from p(v | h). (B, H) -> (B, D)."""
        mean = self.visible_mean(h)
        return draw(mean, key) if self.sigma is None else mean + self.sigma * distribution.normal(tf.shape(mean), key)

    def gibbs(self, v, steps, key) -> tf.Tensor:
        """Alternately h from p(h | v) and v from p(v | h), `steps` times. (B, D) -> (B, D)."""

        def step(i, v):
            own = tf.random.experimental.stateless_fold_in(key, i)
            h = self.draw_hidden(v, tf.random.experimental.stateless_fold_in(own, 0))
            return i + 1, self.draw_visible(h, tf.random.experimental.stateless_fold_in(own, 1))

        return tf.while_loop(lambda i, v: i < steps, step, (tf.constant(0), v))[1]


def draw(mean, key) -> tf.Tensor:
    """Binary units that are 1 with given probabilities, float32."""
    return tf.cast(distribution.uniform(tf.shape(mean), key) < mean, tf.float32)


def log_odds(rates, margin: float) -> np.ndarray:
    """Biases with which independent units are on as often as that, at least `margin` away from 0 and 1. float32."""
    rates = np.clip(np.asarray(rates, "float64"), margin, 1 - margin)
    return (np.log(rates) - np.log1p(-rates)).astype("float32")


def log_partition(machine: Machine) -> float:
    """log Z, exactly, in float64: by a visit to every state of the smaller side.

    Args:
        machine: a `Machine`, one side of which has at most 20 binary units.

    Returns:
        float, nats.

    Raises:
        ValueError: if both sides are larger.
    """
    visible, hidden = machine.kernel.shape
    by_hidden = machine.sigma is not None or hidden <= visible
    units = hidden if by_hidden else visible
    if units > MAX_SIDE_UNITS:
        sides = f"{visible} {'visible' if machine.sigma is None else 'gaussian visible'} and {hidden} hidden units"
        raise ValueError(
            f"The exact partition function visits all states of one side; that side may have at most {MAX_SIDE_UNITS} "
            f"binary units. Use kg.evaluation.annealed_importance_sampling. Received: {sides}"
        )
    kernel, visible_bias, hidden_bias = (tf.cast(part, tf.float64) for part in machine[:3])
    exact = Machine(kernel, visible_bias, hidden_bias, machine.sigma)
    energy = exact.hidden_free_energy if by_hidden else exact.free_energy
    total = -np.inf
    for states in all_states(units):
        total = np.logaddexp(total, np.logaddexp.reduce(-energy(tf.constant(states, tf.float64)).numpy()))
    return float(total)


def all_states(units: int, at_once: int = STATES_AT_ONCE) -> Iterator[np.ndarray]:
    """All 2^units states of binary units, in parts of (at most at_once, units), in the order of binary numbers."""
    places = np.arange(units)[::-1]
    for start in range(0, 2**units, at_once):
        numbers = np.arange(start, min(start + at_once, 2**units))
        yield (numbers[:, None] >> places) & 1
