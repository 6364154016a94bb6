"""The variational autoencoder with a player who looks for dependent units."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_gen import losses, networks
from keras_gen.core import Adjustable, AdversarialModel, Player, distribution
from keras_gen.core.arguments import Count
from keras_gen.models.variational.base import BaseVAE
from keras_gen.models.variational.divergences import draw_apart

RATE = 1e-3  # of Adam, for both players
GAME = losses.ADVERSARIAL["non_saturating"]


@keras.saving.register_keras_serializable("keras_gen")
class FactorVAE(AdversarialModel, BaseVAE):
    """Variational autoencoder whose units are to be independent, as judged by a discriminator.

    Minimises `mean_b E_q(z|x)[-log p(x|z)] + beta * KL(q(z|x) || N(0, I)) + gamma * TC(q(z))`, TC the total correlation
    of the codes of all data, `KL(q(z) || prod_d q(z_d))`. `log D(z) - log(1 - D(z))` estimates it; D tells codes z from
    codes with independent units, made by permuting each unit over the batch. A batch is that of all replicas; the
    permutations are the same on each.

    Each batch, in this order: the discriminator learns to tell codes from permuted ones; encoder and decoder
    minimise the above. Both look at the same codes, where the paper takes two batches.

    Reported: `reconstruction_loss`, `kl_loss`, `total_correlation`, as the discriminator estimates it, `active_units`
    as in `VAE`, `vae_loss` and `d_loss`, which is 1.39 where the units cannot be told from independent ones.

    Args:
        latent_dim: size of the code, at least 2.
        gamma: weight of the total correlation.
        discriminator: "dense", None for the same, or a built `keras.Model` of codes to features.
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        (B, *data_shape) -> mean and log variance (B, latent_dim) -> (B, *data_shape).

    Score unit:
        The ELBO at beta = 1, nats per image.

    Reference:
        Kim and Mnih 2018, "Disentangling by factorising", equation 2 and algorithm 2.

    Example:
        >>> model = kg.FactorVAE(data_shape=(8, 8, 1), latent_dim=4)
        >>> model.compile()
        >>> history = model.fit(kg.data.load("digits"), epochs=5, verbose=0)
        >>> codes = model.encode(kg.data.load("digits", split="test"))
    """

    reported = (*BaseVAE.reported, "total_correlation", "vae_loss", "d_loss")
    betas = (0.9, 0.999)
    gamma = Adjustable(minimum=0)

    def __init__(
        self,
        data_shape: tuple[int, ...],
        latent_dim: Count = 10,
        gamma: float = 10.0,
        *,
        encoder: str | keras.Model | None = None,
        decoder: str | keras.Model | None = None,
        discriminator: str | keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(data_shape, latent_dim=latent_dim, **kwargs)
        if latent_dim < 2:
            raise ValueError(f"One unit depends on no other: `latent_dim` must be 2 or more. Received: {latent_dim}")
        if self.divergence != "kl" or self.bound != "elbo":
            raise ValueError(
                "FactorVAE has its own divergence: `divergence` must be 'kl' and `bound` 'elbo'. Received: "
                f"divergence={self.divergence!r}, bound={self.bound!r}"
            )
        self.gamma = gamma
        self.build_networks(encoder, decoder)
        self.discriminator = networks.make_discriminator(discriminator, (latent_dim,))
        self.critic = networks.critic_head(self.discriminator)

    # === The game ===

    @property
    def players(self) -> tuple[Player, ...]:
        parts = (self.encoder, self.posterior_head, self.decoder, self.image, self.pixel_loss)
        own = tuple(part for part in parts if isinstance(part, keras.Layer))  # few likelihoods have weights
        return (
            Player("d", (self.discriminator, self.critic), learning_rate=RATE),
            Player("vae", own, learning_rate=RATE),
        )

    def fakes(self, x, y, turn, training: bool) -> Any:
        """The posterior, and a draw of it."""
        mean, log_variance = self.posterior(x, y, training=training)
        return mean, log_variance, draw_apart(self, mean, log_variance)

    def d_terms(self, x, y, fakes, training: bool) -> dict:
        *_, z = fakes
        codes, others = self.logits(z), self.logits(self.permuted(z, training))
        return {"codes": GAME.real(codes), "permuted": GAME.fake(others)}

    def vae_terms(self, x, y, fakes, training: bool) -> dict:
        mean, log_variance, drawn = fakes
        z = self._draws(mean, log_variance, training)
        nll = self.negative_log_likelihood(x, self.decode_draws(z, y, training), z.shape[0])
        terms = self._bound.terms(self, nll, z, mean, log_variance, training)
        return {**terms, "total_correlation": self.logits(drawn), "active_units": mean}

    def term_weights(self, training: bool) -> dict:
        return {**super().term_weights(training), "total_correlation": self._warm(self.gamma, training)}

    def logits(self, z) -> tf.Tensor:
        """`log D(z) - log(1 - D(z))`. (B, latent_dim) -> (B,)."""
        return self.critic(self.discriminator(z))[:, 0]

    def permuted(self, z, training: bool) -> tf.Tensor:
        """Codes of which each unit is that of an example of the whole batch, each of them once. -> (B, latent_dim)."""
        codes = distribution.gather(z)
        key = self.key("permutation", training, shared=True)
        order = ops.argsort(distribution.uniform(tf.shape(codes), key), axis=0)
        own = distribution.examples_before(z) + ops.arange(ops.shape(z)[0])
        return ops.take(ops.take_along_axis(codes, order, axis=0), own, axis=0)
