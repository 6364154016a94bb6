"""Translation of images that come in pairs.

Longer than other models: it trains with the game, or without it by the distance alone.
"""

import math
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen import networks
from keras_gen.core import Adjustable, Parts, Player, batched
from keras_gen.models.translation.base import PIXEL_RANGE, BaseTranslator, absolute_error, in_one_colour, over_pixels

NO_WEIGHT = "One weight must be above 0. Received: l1_weight=0, adversarial_weight=0"


@keras.saving.register_keras_serializable("keras_gen")
class Pix2Pix(BaseTranslator):
    """Image to image, learned from pairs: a U-Net whose images are close to the targets and look real to a critic.

    With D(x, y) = sigmoid(d(x, y)) for each patch, the generator minimises

        adversarial_weight * mean_patch -log D(x, G(x)) + l1_weight * mean |y - G(x)|

    and the discriminator `mean_patch -log D(x, y) - log(1 - D(x, G(x)))`. G is deterministic: the noise of the paper,
    dropout, hardly changed its output (section 3.1). Inputs are resized to the target's size first. Train by
    `fit(inputs, targets)`, or on a dataset of `kg.data.pairs`.

    Reported: `d_loss`, `g_loss`, `l1_loss`, the mean absolute error of values in [0, 1], and `d_real`, `d_fake`, the
    discriminator's mean value of real and of generated images; without a discriminator, its metrics are 0.

    Args:
        l1_weight: weight of the mean absolute error, of pixels in [-1, 1] as in the paper.
        adversarial_weight: weight of the adversarial loss; 0 for the absolute error alone, without a discriminator.
        generator: "unet", "resnet", None for "unet", or a built `keras.Model` of images of the target's size, with the
            channels of the input, to targets, in [0, 1].
        discriminator: "patch", None, or a built `keras.Model` of images of the target's size, with the channels of
            both, to a map of values (H', W', 1).
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        (B, *data_shape) -> `call` and `translate` (B, *target_shape). `translate` takes images of every size that the
        generator can halve as often.

    Score unit:
        None: it does not score.

    Reference:
        Isola et al. 2017, "Image-to-image translation with conditional adversarial networks", equation 4.

    Example:
        >>> train = kg.data.pairs("digits", task="denoising")
        >>> model = kg.Pix2Pix(data_shape=(8, 8, 1))
        >>> model.compile()
        >>> history = model.fit(train, epochs=2, verbose=0)
        >>> noisy, clean = kg.data.stack(kg.data.pairs("digits", split="test", task="denoising"))
        >>> model.translate(noisy).shape
        (360, 8, 8, 1)
    """

    reported = ("d_loss", "g_loss", "l1_loss", "d_real", "d_fake")
    target_mode = "pairs"
    l1_weight = Adjustable(minimum=0)
    adversarial_weight = Adjustable(minimum=0)
    takes = "pairs of images, inputs and targets"

    def __init__(
        self,
        data_shape: tuple[int, ...],
        target_shape: tuple[int, ...] | None = None,
        l1_weight: float = 100.0,
        adversarial_weight: float = 1.0,
        loss: Literal["non_saturating", "minimax", "least_squares", "hinge"] = "non_saturating",
        generator: str | keras.Model | None = None,
        discriminator: str | keras.Model | None = None,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(data_shape, target_shape, loss, seed, **kwargs)
        if l1_weight == adversarial_weight == 0:
            raise ValueError(NO_WEIGHT)
        if adversarial_weight == 0 and discriminator is not None:
            raise ValueError(
                "`discriminator` must be None where adversarial_weight=0: there is no game. "
                f"Received: discriminator={discriminator!r}"
            )

        # === Config ===
        self.l1_weight = l1_weight
        self.adversarial_weight = adversarial_weight

        # === Layers ===
        self.resize = networks.resizer(self.data_shape, self.target_shape)
        channels, made = self.data_shape[-1], self.target_shape[-1]
        given_shape = (*self.target_shape[:2], channels)
        self.generator = networks.make_translator(generator, given_shape, made, "unet")
        self.discriminator = None
        if adversarial_weight:  # without it, no weight can bring the game back
            self.discriminator = networks.make_patch_critic(discriminator, self.target_shape, channels + made)
        self.built = True

    def check_setting(self, name, value) -> None:
        weights = {"l1_weight": self.l1_weight, "adversarial_weight": self.adversarial_weight, name: value}
        if not any(weights.values()):
            raise ValueError(NO_WEIGHT)
        if (self.discriminator is None) != (weights["adversarial_weight"] == 0):
            raise ValueError(
                "Whether a Pix2Pix has a discriminator is settled at construction: an adversarial_weight above 0 must "
                f"stay above 0, and one of 0 must stay 0. Received: adversarial_weight={weights['adversarial_weight']}"
            )

    # === The game ===

    @property
    def players(self) -> tuple[Player, ...]:
        if self.discriminator is None:
            return (Player("g", (self.generator,), learning_rate=1e-3),)
        return Player("d", (self.discriminator,)), Player("g", (self.generator,))

    def term_weights(self, training: bool) -> dict:
        return {"l1_loss": PIXEL_RANGE * self.l1_weight, "fooling": self.adversarial_weight}

    def fakes(self, x, y, turn, training: bool) -> Any:
        given = self._resized(x)
        return given, self.generator(given, training=training)

    def _values(self, given, images, training):
        return self.judged(self.discriminator, ops.concatenate([given, images], axis=-1), training)

    def d_terms(self, x, y, fakes, training: bool) -> dict:
        given, images = fakes
        return self.told_apart(self._values(given, y, training), self._values(given, images, training))

    def g_terms(self, x, y, fakes, training: bool) -> dict:
        given, images = fakes
        terms = {"l1_loss": absolute_error(y, images)}
        if self.discriminator is not None:
            values = self.adversarial.generator(self._values(given, images, training))
            terms["fooling"] = over_pixels(values)
        return terms

    # === Abilities ===

    def network_parts(self) -> Parts:
        given = {"data": self.data_shape}
        parts: Parts = {"generator": (given, lambda x: self.generator(self._resized(x)))}
        if self.discriminator is not None:
            judged = {**given, "images": self.target_shape}
            parts["critic"] = (judged, lambda x, images: self._values(self._resized(x), images, training=False))
        return parts

    def call(self, x, training: bool = False) -> tf.Tensor:
        self.check_shape(x)
        return self.generator(self._resized(x), training=training)

    def _resized(self, x):
        return x if self.resize is None else self.resize(x)

    @batched(images=True)
    def translate(self, x) -> np.ndarray:
        """The targets of inputs, of any size that the generator takes. (B, H, W, C) -> (B, H', W', C') in [0, 1]."""
        self.check_fits(x, self.data_shape, self._multiples)
        return self.generator(self._resized(x))

    @property
    def _multiples(self):
        """By what height and width of an input may differ from those that the model was built for."""

        def before_resizing(side, to_side, multiple):
            if multiple is None:
                return None
            return multiple * side // to_side if side > to_side else multiple // math.gcd(multiple, to_side // side)

        multiples = networks.multiples_of(self.generator, (*self.target_shape[:2], self.data_shape[-1]))
        return tuple(map(before_resizing, self.data_shape[:2], self.target_shape[:2], multiples))

    def reconstruction_pairs(self, x, y=None) -> tuple | None:
        return None if y is None else (self.translate(x), y)

    def pictures(self, originals, seed: int = 0, targets=None) -> dict:  # type: ignore[override]  # by `label_kwargs`
        made = self.translate(originals)
        given = np.asarray(self._resized(originals))
        groups = [given, made] if targets is None else [given, made, targets]
        return {"translations": in_one_colour(groups)}
