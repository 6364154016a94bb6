"""The variational autoencoder."""

import warnings
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen import layers, losses, networks
from keras_gen.core import GenerativeModel, batched, check_at_least, check_choice, distribution, provenance
from keras_gen.core.metrics import ActiveUnits

EVALUATION_DRAWS = 8


@keras.saving.register_keras_serializable("keras_gen")
class VAE(GenerativeModel):
    """Variational autoencoder: codes with a distribution, so that images can be drawn.

    Minimises `mean_b E_q(z|x)[-log p(x|z)] + beta * KL(q(z|x) || p(z))` with p(z) = N(0, I) and q(z|x) =
    N(mean(x), diag exp(log_variance(x))), in nats per image. At beta = 1 that is minus the ELBO, and the ELBO is a
    lower bound of log p(x).

    In training, one draw (or `num_samples` draws) of z per image. In validation and in `score`, the same eight
    draws for each image, balanced to mean 0 and variance 1: an estimate of the ELBO that is deterministic, where the
    reconstruction of the posterior mean would flatter. It is reported at the full beta, whatever the warm-up.

    Reported: `reconstruction_loss`, `kl_loss`, and `active_units`, the number of code units whose posterior mean
    varies by more than 0.01 over the data.

    Args:
        data_shape: (H, W, C) of images in [0, 1], or (D,) of vectors.
        latent_dim: size of the code.
        beta: weight of the KL divergence (Higgins et al. 2017); 1 for the ELBO.
        likelihood: "bernoulli" for data in [0, 1]; "gaussian", with one learned variance, for any values.
        num_samples: draws of z per image and step.
        warmup_steps: training steps over which beta grows from 0 to its value (Sonderby et al. 2016).
        free_bits: nats of KL divergence per code unit, averaged over the batch, that cost nothing (Kingma et al.
            2016, equation 15).
        encoder: "dense", "conv", None to choose by the data's size, or a built `keras.Model` of data to features.
        decoder: likewise, a built `keras.Model` of codes to features, or straight to images (to vectors, if its last
            layer is named "image").
        seed: seed of all noise of training and evaluation.
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        (B, *data_shape) -> mean and log variance (B, latent_dim) -> (B, *data_shape).

    Score unit:
        The ELBO at beta = 1, nats per image.

    Reference:
        Kingma and Welling 2014, "Auto-encoding variational Bayes", equation 10.

    Example:
        >>> model = kg.VAE(data_shape=(8, 8, 1), latent_dim=2)
        >>> model.compile(optimizer="adam")
        >>> history = model.fit(kg.data.load("digits"), epochs=5, verbose=0)
        >>> images = model.sample(16, seed=1)
    """

    terms = ("reconstruction_loss", "kl_loss")

    def __init__(
        self,
        data_shape: tuple[int, ...],
        latent_dim: int = 2,
        beta: float = 1.0,
        likelihood: Literal["bernoulli", "gaussian"] = "bernoulli",
        num_samples: int = 1,
        warmup_steps: int = 0,
        free_bits: float = 0.0,
        encoder: str | keras.Model | None = None,
        decoder: str | keras.Model | None = None,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(data_shape, seed=seed, **kwargs)
        check_at_least(1, latent_dim=latent_dim, num_samples=num_samples)
        check_at_least(0, beta=beta, warmup_steps=warmup_steps, free_bits=free_bits)
        check_choice("likelihood", likelihood, ("bernoulli", "gaussian"))

        # === Config ===
        self.latent_dim = latent_dim
        self.beta = beta
        self.likelihood = likelihood
        self.num_samples = num_samples
        self.warmup_steps = warmup_steps
        self.free_bits = free_bits

        # === Layers ===
        self.encoder = networks.make_encoder(encoder, self.data_shape)
        self.posterior_head = networks.gaussian_head(self.encoder, latent_dim)
        self.decoder = networks.make_decoder(decoder, latent_dim, self.data_shape)
        self.image = networks.image_head(self.decoder, self.data_shape, "sigmoid" if self.bounded else "linear")
        self.pixel_loss = layers.likelihood(likelihood, self.data_shape)
        self.active_units = ActiveUnits(latent_dim)
        self.built = True

    def before_training(self, total_steps):
        last_step = int(ops.convert_to_numpy(self.step)) + total_steps
        if self.warmup_steps > last_step:
            warnings.warn(
                f"The run ends before the warm-up: beta will reach {last_step / self.warmup_steps:.0%} of its value. "
                f"Received: warmup_steps={self.warmup_steps}, last step of the run={last_step}",
                stacklevel=3,
            )

    def posterior(self, x, training=False):
        """Mean and log variance of q(z | x). (B, *data_shape) -> two of (B, latent_dim)."""
        self.check_shape(x)
        return self.posterior_head(self.encoder(x, training=training))

    def call(self, x, training=False):
        if self.free_bits and (training or distribution.in_step()):
            distribution.barrier()
        mean, log_variance = self.posterior(x, training)
        if training or distribution.in_step():
            self.add_kl(losses.normal_kl(mean, log_variance), training)
            self.active_units.update_state(mean)
        if not training:
            return self.image(self.decoder(mean))
        noise = distribution.normal((self.num_samples, *tf.unstack(tf.shape(mean))), self.noise_key("posterior"))
        return self.decode_draws(layers.draw_codes(mean, log_variance, noise), training)

    def add_kl(self, kl, training):
        """Reports the KL divergence, (B, latent_dim), and adds its weighted mean to the loss."""
        weight = self.beta
        if training and self.warmup_steps:
            weight = weight * ops.minimum(1.0, ops.cast(self.step, "float32") / self.warmup_steps)
        per_example = ops.sum(kl, axis=-1)
        if self.free_bits:
            self.trackers["kl_loss"].update_state(per_example)
            per_unit = distribution.global_mean(kl)
            self.add_loss(weight * ops.sum(ops.maximum(per_unit, self.free_bits)))
        else:
            self.add_term("kl_loss", per_example, weight)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if not training:  # the bound takes draws of z; call gave the reconstruction of its mean
            y_pred = self.decode_draws(self._fixed_draws(*self.posterior(x)))
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def _fixed_draws(self, mean, log_variance):
        return layers.draw_codes(mean, log_variance, layers.fixed_noise(EVALUATION_DRAWS, self.latent_dim, self.seed))

    def decode_draws(self, z, training=False):
        """(k, B, latent_dim) -> (k * B, *data_shape), draw by draw."""
        return self.image(self.decoder(ops.reshape(z, (-1, self.latent_dim)), training=training))

    def negative_log_likelihood(self, x, images):
        """`-log p(x | z_k)` of the images of k draws. (B, ...), (k * B, ...) -> (k, B), nats."""
        return layers.per_draw(self.pixel_loss, x, images)

    def reconstruction_term(self, target, y_pred):
        return ops.mean(self.negative_log_likelihood(target, y_pred), axis=0)

    @batched
    def encode(self, x):
        return self.posterior(x)[0]

    @batched(images=True)
    def decode(self, z):
        return self.image(self.decoder(z))

    @batched
    def score(self, x):
        mean, log_variance = self.posterior(x)
        images = self.decode_draws(self._fixed_draws(mean, log_variance))
        return -self.reconstruction_term(x, images) - ops.sum(losses.normal_kl(mean, log_variance), axis=-1)

    def sample(self, n, labels=None, seed=None):
        seed = provenance.fresh_seed() if seed is None else seed
        z = np.random.default_rng(seed).standard_normal((n, self.latent_dim)).astype("float32")
        images = self.decode(z)
        images.provenance["seed"] = seed
        return images

    def log_weights(self, x, num_samples, seed=0):
        x = tf.convert_to_tensor(x, tf.float32)
        mean, log_variance = self.posterior(x)
        key = distribution.noise_key(seed, 0, "log_weights")
        z = layers.draw_codes(mean, log_variance, distribution.normal((num_samples, *mean.shape), key))
        log_likelihood = -self.negative_log_likelihood(x, self.decode_draws(z))
        return log_likelihood + losses.normal_log_density(z) - losses.normal_log_density(z, mean, log_variance)
