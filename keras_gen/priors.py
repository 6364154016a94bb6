"""Priors p(z) of codes: their density, how far a posterior is from them, and draws."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen import losses
from keras_gen.face import names_of
from keras_gen.layers import bounded_log_variance


class NormalPrior:
    """N(0, I).

    Args:
        size: of the code.
    """

    def __init__(self, size):
        self.size = size

    def log_density(self, z) -> tf.Tensor:
        """Log density. (..., D) -> (...), nats."""
        return losses.normal_log_density(z)

    def kl(self, mean, log_variance, z) -> tf.Tensor:
        """KL divergence of normal posteriors, exact, for each unit. (B, D), (B, D), draws -> (B, D), nats."""
        return losses.normal_kl(mean, log_variance)

    num_components = 1

    def transform(self, noise, share, component) -> tf.Tensor:
        """The noise itself; as of the patterns below. (n, D) -> (n, D)."""
        return noise

    def draw(self, n: int, rng: np.random.Generator, components: np.ndarray | None = None) -> np.ndarray:
        """n codes, (n, D) float32, by a `numpy.random.Generator`."""
        return rng.standard_normal((n, self.size)).astype("float32")

    def draw_by(self, draws) -> tf.Tensor:
        """Codes by an `export.Draws`, inside a graph. -> (B, D)."""
        return draws.normal(self.size)


class LearnedPrior(keras.layers.Layer):
    """A prior with weights, whose KL divergence has no closed form. A subclass has a `log_density`."""

    def log_density(self, z) -> tf.Tensor:
        """Log density. (..., D) -> (...), nats."""
        raise NotImplementedError(f"A prior must define `log_density`. Received: {type(self).__name__} without")

    def kl(self, mean, log_variance, z) -> tf.Tensor:
        """KL divergence of normal posteriors, by the mean over draws from them. -> (B, 1), nats.

        Args:
            mean: (B, D).
            log_variance: (B, D).
            z: (k, B, D), draws of the posteriors.
        """
        log_ratio = losses.normal_log_density(z, mean, log_variance) - self.log_density(z)
        return ops.mean(log_ratio, axis=0)[:, None]


class MixtureOfNormals(LearnedPrior):
    """`p(z) = sum_k pi_k N(z; m_k, diag v_k)`. A subclass says in `components` where pi, m and v come from.

    Call: z (..., D) -> log p(k, z) (..., K), nats.
    """

    def components(self) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """log pi (K,), means (K, D), log variances (K, D)."""
        raise NotImplementedError(f"A prior must define `components`. Received: {type(self).__name__} without")

    def call(self, z) -> tf.Tensor:
        """`log pi_k + log N(z; m_k, v_k)`. (..., D) -> (..., K), nats."""
        log_weights, means, log_variances = self.components()
        return log_weights + losses.normal_log_density(ops.expand_dims(z, -2), means, log_variances)

    def log_density(self, z) -> tf.Tensor:
        """Log density. (..., D) -> (...), nats."""
        return ops.logsumexp(self(z), axis=-1)

    def responsibilities(self, z) -> tf.Tensor:
        """`p(k | z)`. (..., D) -> (..., K)."""
        return ops.softmax(self(z), axis=-1)

    def draw(self, n: int, rng: np.random.Generator, components: np.ndarray | None = None) -> np.ndarray:
        """n codes, (n, D) float32, from given components (n,) or from any."""
        log_weights, means, log_variances = (np.asarray(ops.convert_to_numpy(part)) for part in self.components())
        if components is None:
            weights = np.exp(log_weights.astype("float64"))
            components = rng.choice(len(weights), size=n, p=weights / weights.sum())
        noise = rng.standard_normal((n, means.shape[1]))
        return (means[components] + np.exp(0.5 * log_variances[components]) * noise).astype("float32")

    def draw_by(self, draws) -> tf.Tensor:
        """Codes from any components by an `export.Draws`, inside a graph. -> (B, D)."""
        log_weights, means, log_variances = self.components()
        below = ops.cumsum(ops.exp(log_weights))[:-1]
        component = ops.sum(ops.cast(draws.uniform(1) > below, "int32"), axis=-1)
        deviation = ops.exp(0.5 * ops.take(log_variances, component, axis=0))
        return ops.take(means, component, axis=0) + deviation * draws.normal(means.shape[1])


@keras.saving.register_keras_serializable("keras_gen")
class MixturePrior(MixtureOfNormals):
    """A mixture whose weights, means and variances are learned (Jiang et al. 2017, "VaDE", equation 1).

    Args:
        num_components: K.
        size: D, of the code.
    """

    def __init__(self, num_components, size, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.num_components, self.size = num_components, size

    def build(self, input_shape=None) -> None:
        shape = (self.num_components, self.size)
        self.logits = self.add_weight(name="logits", shape=shape[:1], initializer="zeros")
        self.means = self.add_weight(name="means", shape=shape, initializer=keras.initializers.RandomNormal(stddev=1.0))
        self.raw_log_variances = self.add_weight(name="raw_log_variances", shape=shape, initializer="zeros")

    def components(self) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        log_variances = bounded_log_variance(ops.convert_to_tensor(self.raw_log_variances))
        return ops.log_softmax(self.logits), ops.convert_to_tensor(self.means), log_variances

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_components": self.num_components, "size": self.size}


class VampPrior(MixtureOfNormals):
    """The mean of the posteriors of K learned pseudo-inputs, `p(z) = 1/K sum_k q(z | u_k)`.

    Source: Tomczak and Welling 2018, "VAE with a VampPrior", equation 9.

    Args:
        num_components: K.
        data_shape: (H, W, C) or (D,).
        bounded: whether data, and so the pseudo-inputs, lie in [0, 1].
        posterior: function of data to mean and log variance.
    """

    START = -3.0  # of the pseudo-inputs before their sigmoid: dark, as most pixels of most images

    def __init__(self, num_components, data_shape, bounded, posterior, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        start = keras.initializers.RandomNormal(self.START if bounded else 0.0, 1.0)
        self.bounded, self.posterior = bounded, posterior
        self.raw_inputs = self.add_weight(name="raw_inputs", shape=(num_components, *data_shape), initializer=start)
        self.built = True

    @property
    def pseudo_inputs(self) -> tf.Tensor:
        """(K, *data_shape)."""
        raw = ops.convert_to_tensor(self.raw_inputs)
        return ops.sigmoid(raw) if self.bounded else raw

    def components(self) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        means, log_variances = self.posterior(self.pseudo_inputs)
        return ops.full((means.shape[0],), -math.log(means.shape[0])), means, log_variances


class FlowPrior(LearnedPrior):
    """A normalizing flow: p(z) is the density of what invertible layers make of standard normal noise u.

    `log p(z) = log N(u; 0, I) + log |det du/dz|`. A layer keeps the first half of the units, a, and moves and scales
    the others by it: `b = u_b exp(s(a)) + t(a)`, with the determinant `exp(sum s(a))`. The next layer sees the units in
    reverse order. Every layer starts close to the identity: p(z) starts as N(0, I).

    Source: Dinh et al. 2017, "Density estimation using Real NVP", equations 4 to 8.

    Args:
        size: D, of the code, at least 2.
        num_couplings: how many layers.
        width: hidden units of each of their networks.
    """

    LIMIT = 2.0  # of |s|: no layer scales by more than exp(2)

    def __init__(self, size, num_couplings=4, width=64, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.size, self.kept = size, size // 2
        self.couplings = []
        for _ in range(num_couplings):
            small = keras.initializers.RandomNormal(stddev=1e-3)
            hidden = keras.layers.Dense(width, "relu", dtype="float32")
            last = keras.layers.Dense(2 * (size - self.kept), kernel_initializer=small, dtype="float32")
            self.couplings.append(keras.Sequential([keras.Input((self.kept,)), hidden, last]))
        self.built = True

    def _scale_and_shift(self, coupling, a):
        scale, shift = ops.split(coupling(ops.reshape(a, (-1, self.kept))), 2, axis=-1)
        shape = (*ops.shape(a)[:-1], self.size - self.kept)
        return ops.reshape(self.LIMIT * ops.tanh(scale / self.LIMIT), shape), ops.reshape(shift, shape)

    def to_noise(self, z) -> tuple[tf.Tensor, tf.Tensor]:
        """The noise that a code is made of, and `log |det du/dz|`. (..., D) -> (..., D), (...)."""
        log_det = ops.zeros_like(z[..., 0])
        for coupling in reversed(self.couplings):
            z = ops.flip(z, axis=-1)
            a, b = z[..., : self.kept], z[..., self.kept :]
            scale, shift = self._scale_and_shift(coupling, a)
            z = ops.concatenate([a, (b - shift) * ops.exp(-scale)], axis=-1)
            log_det -= ops.sum(scale, axis=-1)
        return z, log_det

    def of_noise(self, u) -> tf.Tensor:
        """The code that noise makes, the inverse of `to_noise`. (..., D) -> (..., D)."""
        for coupling in self.couplings:
            a, b = u[..., : self.kept], u[..., self.kept :]
            scale, shift = self._scale_and_shift(coupling, a)
            u = ops.flip(ops.concatenate([a, b * ops.exp(scale) + shift], axis=-1), axis=-1)
        return u

    def log_density(self, z) -> tf.Tensor:
        u, log_det = self.to_noise(z)
        return losses.normal_log_density(u) + log_det

    def draw(self, n: int, rng: np.random.Generator, components: np.ndarray | None = None) -> np.ndarray:
        """n codes, (n, D) float32, by a `numpy.random.Generator`."""
        return ops.convert_to_numpy(self.of_noise(rng.standard_normal((n, self.size)).astype("float32")))

    def draw_by(self, draws) -> tf.Tensor:
        """Codes by an `export.Draws`, inside a graph. -> (B, D)."""
        return self.of_noise(draws.normal(self.size))


# === Patterns: priors that are only drawn from ===


class Ring:
    """Normals of the plane in a ring, each long towards the middle (Makhzani et al. 2016, figure 2).

    Further dimensions are N(0, 1).

    Args:
        size: of the code, 2 or more.
        num_components: how many normals.
    """

    RADIUS, LENGTH, WIDTH = 3.0, 0.8, 0.2  # distance from the middle; standard deviations

    def __init__(self, size, num_components):
        self.size, self.num_components = size, num_components

    def transform(self, noise, share, component) -> tf.Tensor:
        """Codes made of N(0, I) noise (n, D) and components (n,). -> (n, D)."""
        angle = ops.cast(component, "float32") * (2 * math.pi / self.num_components)
        along = self.RADIUS + self.LENGTH * noise[:, 0]
        across = self.WIDTH * noise[:, 1]
        x = along * ops.cos(angle) - across * ops.sin(angle)
        y = along * ops.sin(angle) + across * ops.cos(angle)
        return ops.concatenate([ops.stack([x, y], axis=-1), noise[:, 2:]], axis=-1)


class SwissRoll:
    """A spiral of two turns in the plane, uniform along its length; component c is its c-th part of equal length.

    Further dimensions are N(0, 1).

    Args:
        size: of the code, 2 or more.
        num_components: how many parts.
    """

    TURNS, RADIUS, WIDTH = 2.0, 4.0, 0.05  # WIDTH: standard deviation across the spiral

    def __init__(self, size, num_components):
        self.size, self.num_components = size, num_components

    def transform(self, noise, share, component) -> tf.Tensor:
        """Codes made of N(0, I) noise (n, D), shares of the part in [0, 1) (n,), and parts (n,). -> (n, D)."""
        along = ops.sqrt((ops.cast(component, "float32") + share) / self.num_components)  # length grows as its square
        angle = 2 * math.pi * self.TURNS * along
        x = self.RADIUS * along * ops.cos(angle)
        y = self.RADIUS * along * ops.sin(angle)
        return ops.concatenate([ops.stack([x, y], axis=-1) + self.WIDTH * noise[:, :2], noise[:, 2:]], axis=-1)


PATTERNS = {"normal": NormalPrior, "mixture": Ring, "swiss_roll": SwissRoll}

__dir__ = names_of(globals())
