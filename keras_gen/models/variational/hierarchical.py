"""The variational autoencoder with codes of two levels."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen import losses
from keras_gen.core import batched
from keras_gen.core.arguments import Count
from keras_gen.layers import bounded_log_variance, draw_codes
from keras_gen.models.variational.base import BaseVAE
from keras_gen.priors import LearnedPrior


@keras.saving.register_keras_serializable("keras_gen")
class HierarchicalVAE(BaseVAE):
    """Variational autoencoder with codes of two levels: the units of the lower one depend on those of the upper one.

    A code z is the upper level u, its first `top_dim` units, and the lower level v, the others. The prior is `p(z) =
    N(u; 0, I) N(v; m(u), diag s(u))`, with m and s learned. So is the posterior, from the top down: `q(z|x) = q(u|x)
    q(v|x,u)`, where q(v|x,u) is the product of the encoder's N(v; a(x), diag b(x)) and the prior's N(v; m(u), diag
    s(u)), normalised: of precision `1/b + 1/s` and mean `(a/b + m/s) / (1/b + 1/s)`. The decoder is given both levels.

    Minimises `mean_b E_q(z|x)[-log p(x|z)] + beta * KL(q(z|x) || p(z))`, in nats per image; the part of v in the KL
    divergence is the mean over draws of u.

    Reported: `reconstruction_loss`, `kl_loss`, and `active_units`, as in `VAE`.

    Args:
        latent_dim: size of the code, both levels together.
        top_dim: size of the upper level, less than that; None for a quarter.
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        (B, *data_shape) -> mean and log variance (B, latent_dim), for v those of the encoder alone -> (B, *data_shape).

    Score unit:
        The ELBO at beta = 1, nats per image.

    Reference:
        Sonderby et al. 2016, "Ladder variational autoencoders", section 2, for two levels, with a decoder of both.

    Example:
        >>> model = kg.HierarchicalVAE(data_shape=(8, 8, 1), latent_dim=8, top_dim=2)
        >>> model.compile(optimizer="adam")
        >>> history = model.fit(kg.data.load("digits"), epochs=5, verbose=0)
        >>> images = model.sample(16, seed=1)
    """

    def __init__(
        self,
        data_shape: tuple[int, ...],
        latent_dim: Count = 16,
        top_dim: Count | None = None,
        *,
        encoder: str | keras.Model | None = None,
        decoder: str | keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(data_shape, latent_dim=latent_dim, **kwargs)
        top_dim = max(1, latent_dim // 4) if top_dim is None else top_dim
        if top_dim >= latent_dim:
            raise ValueError(
                "The upper level is a part of the code: `top_dim` must be less than `latent_dim`. Received: "
                f"top_dim={top_dim}, latent_dim={latent_dim}"
            )
        if self.free_bits:
            raise ValueError(f"`free_bits` must be 0 without a normal prior. Received: free_bits={self.free_bits}")
        self.top_dim = top_dim
        self.build_networks(encoder, decoder)
        self.code_prior = TwoLevels(latent_dim, top_dim)

    def codes_of(self, mean, log_variance, noise=None) -> tf.Tensor:
        noise = ops.zeros_like(mean) if noise is None else noise
        upper = draw_codes(mean, log_variance, noise)[..., : self.top_dim]
        lower_mean, lower_log_variance = self.code_prior.weighed(mean, log_variance, upper)
        lower = draw_codes(lower_mean, lower_log_variance, noise[..., self.top_dim :])
        return ops.concatenate([upper, lower], axis=-1)

    def log_posterior(self, z, mean, log_variance) -> tf.Tensor:
        upper, lower = z[..., : self.top_dim], z[..., self.top_dim :]
        of_upper = losses.normal_log_density(upper, mean[..., : self.top_dim], log_variance[..., : self.top_dim])
        return of_upper + losses.normal_log_density(lower, *self.code_prior.weighed(mean, log_variance, upper))

    @batched
    def unit_kl(self, x, labels=None) -> np.ndarray:
        """KL divergence of each code unit from the prior, of v given the mean of u. -> (B, latent_dim), nats."""
        mean, log_variance = self.posterior(x, labels)
        return self.code_prior.kl(mean, log_variance, self.codes_of(mean, log_variance)[None])


class TwoLevels(LearnedPrior):
    """`p(z) = N(u; 0, I) N(v; m(u), diag s(u))`, and what a posterior becomes beside it.

    Args:
        size: D, of the code.
        top_size: of u.
        width: hidden units of the network of m and s.
    """

    def __init__(self, size, top_size, width=64, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.size, self.top_size = size, top_size
        self.hidden = keras.layers.Dense(width, "relu", dtype="float32")
        self.last = keras.layers.Dense(2 * (size - top_size), dtype="float32")
        self.hidden.build((None, top_size))
        self.last.build((None, width))
        self.built = True

    def given(self, upper) -> tuple[tf.Tensor, tf.Tensor]:
        """m(u) and log s(u). (..., top_size) -> two of (..., D - top_size)."""
        mean, log_variance = ops.split(self.last(self.hidden(upper)), 2, axis=-1)
        return mean, bounded_log_variance(log_variance)

    def weighed(self, mean, log_variance, upper) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and log variance of q(v | x, u). (B, D), (B, D), (..., B, top_size) -> two of (..., B, D - top_size)."""
        of_prior, log_s = self.given(upper)
        of_data, log_b = mean[..., self.top_size :], log_variance[..., self.top_size :]
        share = ops.sigmoid(log_s - log_b)  # of the data in the precision
        return share * of_data + (1 - share) * of_prior, log_b + ops.log(share)

    def log_density(self, z) -> tf.Tensor:
        upper, lower = z[..., : self.top_size], z[..., self.top_size :]
        return losses.normal_log_density(upper) + losses.normal_log_density(lower, *self.given(upper))

    def kl(self, mean, log_variance, z) -> tf.Tensor:
        """As of `LearnedPrior`, for each unit: of u exact, of v by draws of u. -> (B, D), nats."""
        upper = z[..., : self.top_size]
        of_prior, log_s = self.given(upper)
        weighed, log_w = self.weighed(mean, log_variance, upper)
        # KL(N(a, b) || N(m, s)) is that of N((a - m) / sqrt(s), b / s) from N(0, 1).
        of_lower = losses.normal_kl((weighed - of_prior) * ops.exp(-0.5 * log_s), log_w - log_s)
        of_upper = losses.normal_kl(mean[..., : self.top_size], log_variance[..., : self.top_size])
        return ops.concatenate([of_upper, ops.mean(of_lower, axis=0)], axis=-1)

    def _of_noise(self, noise):
        upper, lower = noise[..., : self.top_size], noise[..., self.top_size :]
        return ops.concatenate([upper, draw_codes(*self.given(upper), lower)], axis=-1)

    def draw(self, n: int, rng: np.random.Generator, components: np.ndarray | None = None) -> np.ndarray:
        """n codes, (n, D) float32, by a `numpy.random.Generator`."""
        return ops.convert_to_numpy(self._of_noise(rng.standard_normal((n, self.size)).astype("float32")))

    def draw_by(self, draws) -> tf.Tensor:
        """Codes by an `export.Draws`, inside a graph. -> (B, D)."""
        return self._of_noise(draws.normal(self.size))
