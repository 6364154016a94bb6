"""Likelihoods of diffusion models: by the change of variables along the way to noise, and by a bound."""

import math

import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen import losses
from keras_gen.core import Part, batched, checked, distribution
from keras_gen.core.arguments import Count
from keras_gen.models.diffusion.samplers import traced

LIKELIHOOD_STEPS = 50
BOUND_STEPS = 100
EXACT = 16  # values of an example, up to which the divergence is summed over all of them
LEVELS = 256


class Likelihoods(Part):
    """Part of `BaseDiffusion`: likelihoods of examples, in nats."""

    @batched
    @checked
    def log_likelihood(self, x, labels=None, *, steps: Count = LIKELIHOOD_STEPS, probes: Count = 1) -> np.ndarray:
        """log p(x) by the probability-flow equation `dx/dt = f(x, t)`, nats per example. (B, *data_shape) -> (B,).

            log p(x_1) = log N(x_0; 0, sigma_0^2 I) - int_0^1 div f(x_t, t) dt

        (Chen et al. 2018, equation 8; Song et al. 2021b, section 4.3), by Heun's method from x_1 = x to x_0. The
        divergence is the mean of `r^T (df/dx) r` over probes r of random signs (Hutchinson; Grathwohl et al. 2019,
        equation 7), the same in every call; for 16 values or fewer it is exact. With `latent` it is the density of the
        code.

        Args:
            x: (B, *data_shape).
            labels: (B,), of a model with classes: log p(x | y).
            steps: from data to noise, of two calls each.
            probes: of the divergence.
        """
        self.check_shape(x)
        size = self.latent_dim
        if size <= EXACT:
            directions = np.eye(size)[None] * math.sqrt(size)  # whose mean is the sum
        else:
            directions = np.random.default_rng(0).choice((-1.0, 1.0), (probes, 1, size))  # one at a time: memory
        times = tf.constant(1.0 - np.linspace(0, 1, steps + 1) ** self.crowding, tf.float32)
        given = {"x": self.normalised(x), "labels": self._labels(labels)}
        found = [
            traced(self, log_density, **given, times=times, directions=tf.constant(part, tf.float32))
            for part in (of_call.reshape(-1, *self.described_shape) for of_call in directions)
        ]
        return sum(found) / len(found) + self._log_volume()

    def bits_per_dimension(self, x, labels=None, *, steps: int = LIKELIHOOD_STEPS, probes: int = 1) -> np.ndarray:
        """Upper bound of `-log2 P(x) / D` of images of 256 gray levels. (B, *data_shape) -> (B,).

        By uniform dequantisation (Theis et al. 2016, equation 3), `log P(x) >= E log p((255 x + u) / 256) - D log 256`,
        with one draw of u, the same for each image.

        Args:
            x: (B, *data_shape), of 256 levels.
            labels: as of `log_likelihood`.
            steps: as of `log_likelihood`.
            probes: as of `log_likelihood`.
        """
        if len(self.data_shape) != 3 or self.latent is not None:
            raise ValueError(
                "`bits_per_dimension` needs a model of images without `latent`. Received: "
                f"data_shape={self.data_shape}, latent={None if self.latent is None else type(self.latent).__name__}"
            )
        x, labels = self.in_memory(x, labels, "score")
        if np.abs(x * (LEVELS - 1) - np.rint(x * (LEVELS - 1))).max(initial=0) > 1e-3:
            raise ValueError("`x` must be images of 256 gray levels, k / 255. Received: other values")
        u = np.random.default_rng(0).random(self.data_shape)
        given = {} if labels is None else {"labels": labels}
        nats = self.log_likelihood(
            ((x * (LEVELS - 1) + u) / LEVELS).astype("float32"), **given, steps=steps, probes=probes
        )
        return math.log2(LEVELS) - nats / (math.log(2) * math.prod(self.data_shape))

    def _log_volume(self):
        """log |dv / dx| of what the path leads to."""
        if not self.is_scaled:
            return math.log(2.0) * self.latent_dim
        return -ops.sum(ops.log(self.scale))


class Bound(Part):
    """Part of `Diffusion`: the ELBO. A path that begins at noise alone, as that of flow matching, has none."""

    @batched
    @checked
    def elbo(self, x, labels=None, *, steps: Count = BOUND_STEPS) -> np.ndarray:
        """A lower bound of log p(x), nats per example. (B, *data_shape) -> (B,).

        With the log signal-to-noise ratio l = 2 log(alpha / sigma) it is minus

            |alpha_0 x|^2 / (2 sigma_0^2) + 1/2 int E|e - e_hat(x_t)|^2 dl + D/2 (1 + log(2 pi sigma_1^2 / alpha_1^2))

        (Kingma et al. 2021, equations 11 and 15), the integral by the midpoints of so many equal steps of l, with a
        draw of e for each, the same for each example. It bounds the density of samples by many small steps of
        "ddpm". If the network is inexact, `log_likelihood` has another density.

        Args:
            x: (B, *data_shape).
            labels: (B,), of a model with classes: of log p(x | y).
            steps: of the integral, a call each.
        """
        self.check_shape(x)
        first, last = (2 * math.log(alpha / sigma) for alpha, sigma in self._ends())
        log_snrs = first + (last - first) * (np.arange(steps) + 0.5) / steps
        times = tf.cast(self.time_of(tf.constant(log_snrs, tf.float32)), tf.float32)
        v, width = self.normalised(x), (last - first) / steps
        key = distribution.noise_key(0, 0, "bound")
        errors = traced(self, noise_errors, x=v, times=times, key=key, labels=self._labels(labels))
        (alpha_0, sigma_0), (alpha_1, sigma_1) = self._ends()
        prior = 0.5 * (alpha_0 / sigma_0) ** 2 * losses.sum_per_example(ops.square(v))
        remains = 0.5 * self.latent_dim * (1 + losses.LOG_2_PI + 2 * math.log(sigma_1 / alpha_1))
        return self._log_volume() - prior - 0.5 * width * errors - remains

    def _ends(self):
        """alpha and sigma at noise and at data, as numbers."""
        return tuple(tuple(float(part) for part in self.path(np.float32(t))) for t in (0.0, 1.0))


def log_density(model, x, times, directions, labels=None) -> tf.Tensor:
    """log p(x) of what the path leads to; see `log_likelihood`. (B, ...) -> (B,).

    Args:
        model: with `path` and `velocity`.
        x: (B, ...).
        times: (K + 1,), from 1 to 0.
        directions: (P, ...), of the divergence, the mean over which is it.
        labels: (B,) or None.
    """
    count = tf.shape(directions)[0]

    def field(x, t):
        """Velocity, and its divergence. (B, ...) -> (B, ...), (B,)."""
        repeated = tf.repeat(x[None], count, axis=0)
        flat = tf.reshape(repeated, (-1, *x.shape[1:]))
        given = None if labels is None else tf.tile(labels, [count])
        with tf.GradientTape() as tape:
            tape.watch(flat)
            velocity = tf.reshape(model.velocity(flat, t, given), tf.shape(repeated))
            along = tf.reduce_sum(velocity * directions[:, None])
        gradient = tf.reshape(tape.gradient(along, flat), tf.shape(repeated)) * directions[:, None]
        return velocity[0], tf.reduce_mean(tf.reduce_sum(gradient, axis=list(range(2, len(x.shape) + 1))), axis=0)

    def step(i, x, change):
        t, s = times[i], times[i + 1]
        v1, d1 = field(x, t)
        v2, d2 = field(x + (s - t) * v1, s)
        moved = x + 0.5 * (s - t) * (v1 + v2)
        return i + 1, tf.ensure_shape(moved, x.shape), change + 0.5 * (s - t) * (d1 + d2)

    begin = (tf.constant(0), x, tf.zeros((tf.shape(x)[0],)))
    _, noise, change = tf.while_loop(lambda i, x, change: i < tf.shape(times)[0] - 1, step, begin)
    sigma = model.path(times[-1])[1]
    log_prior = -losses.gaussian(noise / sigma, tf.zeros_like(noise)) - model.latent_dim * tf.math.log(sigma)
    return log_prior + change


def noise_errors(model, x, times, key, labels=None) -> tf.Tensor:
    """Sum of |e - e_hat|^2 over times, (K,). (B, ...) -> (B,).

    A control variate: for data ~ N(0, I), e - e_hat is `share e` plus a part without e, with the share of the data in
    the variance of a state, so that share^2 (|e|^2 - D), of mean 0, is subtracted.
    """

    def step(i, total):
        alpha, sigma = model.path(times[i])
        e = distribution.normal((1, *x.shape[1:]), tf.random.experimental.stateless_fold_in(key, i))
        _, e_hat = model.predicted(alpha * x + sigma * e, times[i], labels)
        share = alpha**2 / (alpha**2 + sigma**2)
        surplus = share**2 * (ops.sum(ops.square(e)) - model.latent_dim)
        return i + 1, total + losses.squared_error(e_hat, e) - surplus

    begin = (tf.constant(0), tf.zeros((tf.shape(x)[0],)))
    return tf.while_loop(lambda i, total: i < tf.shape(times)[0], step, begin)[1]
