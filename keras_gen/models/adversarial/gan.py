"""The generative adversarial network."""

from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from keras_gen.core import batched, distribution, drawn
from keras_gen.core.arguments import Classes, Count
from keras_gen.models.adversarial.base import BaseGAN


@keras.saving.register_keras_serializable("keras_gen")
class GAN(BaseGAN):
    """Generative adversarial network: a generator that learns to fool a discriminator. With "dcgan" bodies, a DCGAN.

    With D(x) = sigmoid(d(x)) the discriminator minimises `-log D(x) - log(1 - D(G(z)))`, z ~ N(0, I), and the generator
    `-log D(G(z))` ("non_saturating") or `log(1 - D(G(z)))` ("minimax"); for the other losses see
    `keras_gen.losses.ADVERSARIAL`. Each has an optimizer: `compile(d_optimizer=..., g_optimizer=...)`, one
    `optimizer` for both, or none for Adam at 2e-4 with beta_1 = 0.5.

    The discriminator's update and the generator's update after it use the same batch of generated images.

    With `num_classes` both players see the label (Mirza and Osindero 2014; in the discriminator as a projection, Miyato
    and Koyama 2018): `fit(images, labels)`, `sample(n, labels=...)`.

    Reported: `d_loss`, `g_loss`; `d_real` and `d_fake`, the means of D(x) and D(G(z)), which come close to 0.5 when
    neither player wins (for losses without logits, the means of d itself); `gradient_penalty`, `r1_penalty`.

    Args:
        latent_dim: size of the latent z.
        num_classes: None, or how many classes; labels are whole numbers from 0 to num_classes - 1.
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        z (B, latent_dim) -> (B, *data_shape) -> d (B,).

    Score unit:
        The discriminator's d(x), for "minimax" and "non_saturating" a logit. It compares images with those of the
        present generator, and is no likelihood.

    Reference:
        Goodfellow et al. 2014, "Generative adversarial nets", equation 1; Radford et al. 2016, "Unsupervised
        representation learning with deep convolutional generative adversarial networks".

    Example:
        >>> model = kg.GAN(data_shape=(8, 8, 1), latent_dim=16, ema=0.99)
        >>> model.compile()
        >>> history = model.fit(kg.data.load("digits"), epochs=5, verbose=0)
        >>> images = model.sample(16, seed=1)
    """

    has_normal_prior = True
    takes_tables = True

    def __init__(
        self,
        data_shape: tuple[int, ...],
        latent_dim: Count = 64,
        loss: Literal["non_saturating", "minimax", "least_squares", "hinge", "wasserstein_gp"] = "non_saturating",
        discriminator_steps: int = 1,
        discriminator_warmup: int = 0,
        generator_warmup: int = 0,
        num_classes: Classes | None = None,
        ema: float | None = None,
        generator: str | keras.Model | None = None,
        discriminator: str | keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(data_shape, loss, discriminator_steps, discriminator_warmup, generator_warmup, ema, **kwargs)
        self.latent_dim = latent_dim
        self.num_classes = num_classes
        self.supervision = self.supervision_of({"num_classes": num_classes})
        self.build_networks(generator, discriminator, latent_dim + (num_classes or 0))

    @classmethod
    def supervision_of(cls, arguments) -> str | None:
        return "required" if arguments.get("num_classes") is not None else None

    def draw_latents(self, n, labels, turn, training: bool) -> tf.Tensor:
        z = distribution.normal((n, self.latent_dim), self.key(f"latents {turn}", training))
        return self.with_label(z, labels)

    @batched(images=True)
    def decode(self, z, labels=None) -> np.ndarray:
        """Images of latents. (B, latent_dim) -> (B, *data_shape)."""
        return self.generate(self.with_label(z, labels))

    def drawn_by(self, draws, labels=None) -> tf.Tensor:
        """What `sample` draws, by an `export.Draws`. -> (B, *data_shape)."""
        return self.decode(draws.normal(self.latent_dim), **({} if labels is None else {"labels": labels}))

    @drawn
    def sample(self, n: int, labels=None, seed: int | None = None) -> np.ndarray:
        z = np.random.default_rng(seed).standard_normal((n, self.latent_dim)).astype("float32")
        return self.decode(z, **({} if labels is None else {"labels": labels}))
