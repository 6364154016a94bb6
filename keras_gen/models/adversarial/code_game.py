"""The game that an adversarial autoencoder plays over a code, and the priors that are not patterns of the plane."""

import dataclasses

import keras
from keras import ops

from keras_gen import losses

ADVERSARIAL_LOSS = losses.ADVERSARIAL["non_saturating"]


@dataclasses.dataclass(frozen=True)
class CodeGame:
    """A discriminator learns to tell draws of a prior from codes, and the encoder learns to fool it.

    Args:
        discriminator: body, from codes, followed by their label where it is told that, to features.
        head: from features to the logit.
        prior: makes codes by its `place`, as those of `priors.PATTERNS` do.
        suffix: of the names of the terms, where several games are played.
    """

    discriminator: keras.Model
    head: keras.Model
    prior: object
    suffix: str = ""

    @property
    def networks(self) -> tuple:
        """What the discriminator moves."""
        return self.discriminator, self.head

    def components(self, shares):
        """Components of the prior by numbers uniform on [0, 1), each as likely. (n,) -> (n,) int32."""
        return ops.cast(ops.floor(shares * self.prior.num_components), "int32")

    def logits(self, codes, told=None):
        """The discriminator's logits. (B, D), one-hot labels (B, C + 1) or None -> (B,)."""
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

    def place(self, noise, share, component):
        """One-hot vectors of classes; the other arguments are those of `priors.PATTERNS`. (n,) -> (n, C)."""
        return ops.one_hot(component, self.num_components, dtype="float32")
