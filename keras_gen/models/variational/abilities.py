"""What a variational autoencoder can do once it is trained."""

import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen import losses
from keras_gen.core import Part, at_once, batched, checked, distribution, drawn
from keras_gen.core.arguments import Count


class VariationalAbilities(Part):
    """Part of `BaseVAE`: codes, images and likelihoods by its `posterior`, its `code_prior` and its decoder."""

    @batched
    def encode(self, x, labels=None) -> np.ndarray:
        return self._encoded(x, labels)

    def _encoded(self, x, labels=None):
        return self.codes_of(*self.posterior(x, labels))

    def draw_code(self, x, rng, labels=None) -> np.ndarray:
        """A draw of q(z | x) for each image, by a `numpy.random.Generator`. (B, *data_shape) -> (B, latent_dim)."""
        mean, log_variance = np.split(self._joined_posterior(x, labels), 2, axis=-1)
        return np.asarray(self.codes_of(mean, log_variance, rng.standard_normal(mean.shape).astype("float32")))

    @batched
    def _joined_posterior(self, x, labels=None):
        return ops.concatenate(self.posterior(x, labels), axis=-1)

    @batched(images=True)
    def decode(self, z, labels=None) -> np.ndarray:
        return self.images(z, labels)

    @batched(images=True)
    def reconstruct(self, x, labels=None) -> np.ndarray:
        return self.ended_like(x, self.images(self._encoded(x, labels), labels))

    @batched
    def score(self, x, labels=None) -> np.ndarray:
        mean, log_variance = self.posterior(x, labels)
        z = self._draws(mean, log_variance)
        images = self.decode_draws(z, labels)
        nll = self.negative_log_likelihood(x, images, z.shape[0])
        return self._bound.value(self, nll, z, mean, log_variance)

    @batched
    def unit_kl(self, x, labels=None) -> np.ndarray:
        """KL divergence of the posterior of each code unit from N(0, 1). (B, *data_shape) -> (B, latent_dim), nats."""
        return losses.normal_kl(*self.posterior(x, labels))

    @drawn
    def sample(self, n: int, labels=None, seed: int | None = None) -> np.ndarray:
        codes = self.code_prior.draw(n, np.random.default_rng(seed))
        return self.decode(codes, **({} if labels is None else {"labels": labels}))

    def drawn_by(self, draws, labels=None) -> tf.Tensor:
        """What `sample` draws, by an `export.Draws`. -> (B, *data_shape)."""
        return self.decode(self.code_prior.draw_by(draws), **({} if labels is None else {"labels": labels}))

    @at_once
    @checked
    def log_weights(self, x, num_samples: Count, seed=0, labels=None) -> np.ndarray:
        mean, log_variance = self.posterior(x, labels)
        noise = distribution.normal((num_samples, *mean.shape), distribution.noise_key(0, seed, "log_weights"))
        z = self.codes_of(mean, log_variance, noise)
        nll = self.negative_log_likelihood(x, self.decode_draws(z, labels), num_samples)
        return self.log_ratio(z, mean, log_variance) - nll
