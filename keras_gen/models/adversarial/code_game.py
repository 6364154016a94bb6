"""The games that an adversarial autoencoder plays over its codes."""

import dataclasses
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_gen import losses
from keras_gen.core import Part, distribution

ADVERSARIAL_LOSS = losses.ADVERSARIAL["non_saturating"]


@dataclasses.dataclass(frozen=True)
class CodeGame:
    """A discriminator learns to tell draws of a prior from codes, and the encoder learns to fool it.

    Args:
        discriminator: body, from codes, followed by the label where it is told that, to features.
        head: from features to the logit.
        prior: makes codes by its `transform`, as those of `priors.PATTERNS` do.
        num_told: None, or of how many classes the discriminator is told the label, which are then as many components.
        suffix: of the names of the terms, where several games are played.
    """

    discriminator: keras.Model
    head: keras.Model
    prior: Any
    num_told: int | None = None
    suffix: str = ""

    @property
    def networks(self) -> tuple:
        """What the discriminator moves."""
        return self.discriminator, self.head

    def draws(self, noise, share, choice, labels=None) -> tf.Tensor:
        """Draws of the prior: of the component of a label that is told and known, else of any.

        Args:
            noise: standard normal, (n, D), or None where the prior needs none.
            share: uniform on [0, 1), (n,): where in its component a draw lies; or None.
            choice: uniform on [0, 1), (n,): which component.
            labels: (n,), -1 where unknown, or None.
        """
        component = ops.cast(ops.floor(choice * self.prior.num_components), "int32")
        if self.num_told and labels is not None:
            labels = ops.cast(labels, "int32")
            component = ops.where(labels >= 0, labels, component)
        return self.prior.transform(noise, share, component)

    def told(self, labels, n: int) -> tf.Tensor | None:
        """Labels as the discriminator is told them, one-hot with a last class for unknown. -> (n, C + 1), or None."""
        if not self.num_told:
            return None
        labels = -ops.ones((n,), "int32") if labels is None else ops.cast(labels, "int32")
        return ops.one_hot(ops.where(labels >= 0, labels, self.num_told), self.num_told + 1, dtype="float32")

    def logits(self, codes, told=None) -> tf.Tensor:
        """The discriminator's logits. (B, D), what `told` gives -> (B,)."""
        return self.head(self.discriminator(codes if told is None else ops.concatenate([codes, told], axis=-1)))[:, 0]

    def d_terms(self, real, fake) -> dict:
        """What the discriminator minimises, of its logits of draws and of codes. (B,), (B,) -> (B,) each, by name."""
        return {
            f"real{self.suffix}": ADVERSARIAL_LOSS.real(real),
            f"fake{self.suffix}": ADVERSARIAL_LOSS.fake(fake),
        }

    def g_terms(self, fake) -> dict:
        """What the encoder minimises, of the discriminator's logits of codes. (B,) -> (B,), by name."""
        return {f"fooling{self.suffix}": ADVERSARIAL_LOSS.generator(fake)}


class Categories:
    """The uniform prior of a category, drawn as one-hot vectors.

    Args:
        num_components: how many classes.
    """

    def __init__(self, num_components):
        self.num_components = num_components

    def transform(self, noise, share, component) -> tf.Tensor:
        """One-hot vectors of classes; the other arguments are those of `priors.PATTERNS`. (n,) -> (n, C)."""
        return ops.one_hot(component, self.num_components, dtype="float32")


class PlaysForCodes(Part):
    """Part of a model whose encoder gives z, and y where it `has_category`: the games over both.

    The model has `code_game`, `category_game`, and codes (z, y) as its `fakes`.
    """

    def d_terms(self, x, y, fakes, training: bool) -> dict:
        z, category = fakes
        prior, prior_category, told = self._prior_draws(ops.shape(x)[0], y, training)
        real, fake = self.code_game.logits(prior, told), self.code_game.logits(z, told)
        terms = {**self.code_game.d_terms(real, fake), "d_real": ops.sigmoid(real), "d_fake": ops.sigmoid(fake)}
        if self.has_category:
            game = self.category_game
            terms |= game.d_terms(game.logits(prior_category), game.logits(category))
        return terms

    def g_terms(self, x, y, fakes, training: bool) -> dict:
        z, category = fakes
        terms = self.code_game.g_terms(self.code_game.logits(z, self.code_game.told(y, ops.shape(x)[0])))
        if self.has_category:
            terms |= self.category_game.g_terms(self.category_game.logits(category))
        return terms

    def _prior_draws(self, n, y, training):
        """Draws of p(z) and of p(y), and what the discriminator is told of the former's labels."""
        noise = distribution.normal((n, self.latent_dim), self.key("prior", training))
        component, share, category = ops.unstack(
            distribution.uniform((n, 3), self.key("prior shares", training)), axis=1
        )
        return (
            self.code_game.draws(noise, share, component, y),
            self.category_game.draws(None, None, category) if self.has_category else None,
            self.code_game.told(y, n),
        )
