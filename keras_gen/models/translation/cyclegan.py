"""Translation of images that do not come in pairs.

Longer than other models: everything is there in both directions.
"""

from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from keras_gen import layers, networks
from keras_gen.core import Adjustable, Parts, Player, batched, check_choice
from keras_gen.core.arguments import Count
from keras_gen.models.translation.base import PIXEL_RANGE, BaseTranslator, absolute_error, in_one_colour, over_pixels

DIRECTIONS = ("forward", "backward")


@keras.saving.register_keras_serializable("keras_gen")
class CycleGAN(BaseTranslator):
    """Image to image and back, learned from two sets of images without pairs.

    G turns images a into images b, and F does the reverse. A patch critic for each kind tells generated images from
    real ones. With the least-squares loss, where d is the output of a critic, the generators minimise

        (d_b(G(a)) - 1)^2 + (d_a(F(b)) - 1)^2 + cycle_weight (|F(G(a)) - a| + |G(F(b)) - b|)
            + identity_weight (|G(b) - b| + |F(a) - a|)

    with means over patches and over pixels in [-1, 1]; the critics' own squares are halved. The critics also see
    generated images of earlier steps. Train by `fit(images_a, images_b)`, or on a dataset of `kg.data.unpaired`.

    Reported: `d_loss`, `g_loss`, `cycle_loss`, the mean absolute error of values in [0, 1] after both ways,
    `identity_loss`, and `d_real`, `d_fake`, the critics' mean value of real and of generated images.

    Args:
        cycle_weight: weight of the error of translating there and back.
        identity_weight: weight of leaving images of the target kind unchanged; None for half of cycle_weight, or for 0
            where the two kinds differ in channels.
        buffer_size: how many generated images of each kind are kept for the critics.
        generator: "resnet", "unet", None for "resnet", or a built `keras.Model` of images a to images b.
        inverse_generator: the same of images b to images a.
        discriminator: "patch", None, or a built `keras.Model` of images b to a map of values (H', W', 1).
        inverse_discriminator: the same of images a.
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        (B, *data_shape) -> `call` and `translate` (B, *target_shape); with `direction="backward"` the reverse.
        `translate` takes images of every size that the generators can halve as often.

    Score unit:
        None: it does not score.

    Reference:
        Zhu et al. 2017, "Unpaired image-to-image translation using cycle-consistent adversarial networks", equation 3;
        the identity loss section 5.2; the history section 4.

    Example:
        >>> train = kg.data.unpaired("digits", "digits")
        >>> model = kg.CycleGAN(data_shape=(8, 8, 1), generator="unet", inverse_generator="unet")
        >>> model.compile()
        >>> history = model.fit(train.take(2), verbose=0)
        >>> digits = kg.data.stack(kg.data.load("digits", split="test"))
        >>> model.translate(digits, direction="backward").shape
        (360, 8, 8, 1)
    """

    reported = ("d_loss", "g_loss", "cycle_loss", "identity_loss", "d_real", "d_fake")
    target_mode = "unpaired"
    cycle_weight = Adjustable(minimum=0)
    identity_weight = Adjustable(minimum=0, optional=True)
    takes = "images of two kinds, as many of each"

    def __init__(
        self,
        data_shape: tuple[int, ...],
        target_shape: tuple[int, ...] | None = None,
        cycle_weight: float = 10.0,
        identity_weight: float | None = None,
        loss: Literal["least_squares", "non_saturating", "minimax", "hinge"] = "least_squares",
        buffer_size: Count = 50,
        generator: str | keras.Model | None = None,
        inverse_generator: str | keras.Model | None = None,
        discriminator: str | keras.Model | None = None,
        inverse_discriminator: str | keras.Model | None = None,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(data_shape, target_shape, loss, seed, **kwargs)
        if self.data_shape[:2] != self.target_shape[:2]:
            raise ValueError(
                "Images of both kinds must have one height and width: resize them, for example with image_size. "
                f"Received: data_shape={self.data_shape}, target_shape={self.target_shape}"
            )
        self.check_setting("identity_weight", identity_weight)

        # === Config ===
        self.cycle_weight = cycle_weight
        self.identity_weight = identity_weight
        self.buffer_size = buffer_size

        # === Layers ===
        a, b = self.data_shape, self.target_shape
        self.generator = networks.make_translator(generator, a, b[-1], "resnet")
        self.inverse_generator = networks.make_translator(inverse_generator, b, a[-1], "resnet", "inverse_generator")
        self.discriminator = networks.make_patch_critic(discriminator, b)
        self.inverse_discriminator = networks.make_patch_critic(
            inverse_discriminator, a, argument="inverse_discriminator"
        )
        self.made_b = layers.HistoryBuffer(buffer_size, seed, name="made_b")
        self.made_a = layers.HistoryBuffer(buffer_size, seed, name="made_a")
        self.made_b.build((None, *b))
        self.made_a.build((None, *a))
        self.built = True

    def check_setting(self, name, value) -> None:
        if name == "identity_weight" and value and self.data_shape != self.target_shape:
            raise ValueError(
                "`identity_weight` must be 0 or None unless both kinds have as many channels. Received: "
                f"identity_weight={value}, data_shape={self.data_shape}, target_shape={self.target_shape}"
            )

    # === The game ===

    @property
    def players(self) -> tuple[Player, ...]:
        return (
            Player("d", (self.discriminator, self.inverse_discriminator)),
            Player("g", (self.generator, self.inverse_generator)),
        )

    def term_weights(self, training: bool) -> dict:
        # The paper does not halve the squares that its weights stand beside.
        fooling = 2.0 if self.loss == "least_squares" else 1.0
        weights = {"cycle_loss": PIXEL_RANGE * self.cycle_weight, "identity_loss": PIXEL_RANGE * self._identity}
        return {**weights, "fooling_a": fooling, "fooling_b": fooling}

    @property
    def _has_identity(self):
        weight = self.setting("identity_weight")
        return self.data_shape == self.target_shape and (self.setting("cycle_weight") if weight is None else weight) > 0

    @property
    def _identity(self):
        if not self._has_identity:
            return 0.0
        return self.cycle_weight / 2 if self.identity_weight is None else self.identity_weight

    def fakes(self, x, y, turn, training: bool) -> Any:
        return self.generator(x, training=training), self.inverse_generator(y, training=training)

    def d_terms(self, x, y, fakes, training: bool) -> dict:
        made_b, made_a = self.made_b(fakes[0], training=training), self.made_a(fakes[1], training=training)
        terms = {}
        for kind, critic, real, made in (
            ("b", self.discriminator, y, made_b),
            ("a", self.inverse_discriminator, x, made_a),
        ):
            values = (self.judged(critic, images, training) for images in (real, made))
            for name, term in self.told_apart(*values).items():
                terms[f"{name}_{kind}"] = term
        for name in self.watched:  # of both critics
            terms[name] = (terms.pop(f"{name}_a") + terms.pop(f"{name}_b")) / 2
        return terms

    def g_terms(self, x, y, fakes, training: bool) -> dict:
        made_b, made_a = fakes
        fooling = self.adversarial.generator
        terms = {
            "fooling_b": over_pixels(fooling(self.judged(self.discriminator, made_b, training))),
            "fooling_a": over_pixels(fooling(self.judged(self.inverse_discriminator, made_a, training))),
            "cycle_loss": absolute_error(self.inverse_generator(made_b, training=training), x)
            + absolute_error(self.generator(made_a, training=training), y),
        }
        if self._has_identity:
            terms["identity_loss"] = absolute_error(self.generator(y, training=training), y) + absolute_error(
                self.inverse_generator(x, training=training), x
            )
        return terms

    # === Abilities ===

    def network_parts(self) -> Parts:
        a, b = {"data": self.data_shape}, {"data": self.target_shape}
        return {
            "generator": (a, self.generator),
            "inverse_generator": (b, self.inverse_generator),
            "critic": (b, lambda images: self.judged(self.discriminator, images, training=False)),
            "inverse_critic": (a, lambda images: self.judged(self.inverse_discriminator, images, training=False)),
        }

    def call(self, x, training: bool = False) -> tf.Tensor:
        self.check_shape(x)
        return self.generator(x, training=training)

    @batched(images=True)
    def translate(self, x, direction: str = "forward") -> np.ndarray:
        """Images of the other kind, of any size that the generator takes. (B, H, W, C) -> (B, H, W, C') in [0, 1].

        Args:
            x: images a, or with "backward" images b.
            direction: "forward" or "backward".
        """
        check_choice("direction", direction, DIRECTIONS)
        network, shape = (
            (self.generator, self.data_shape) if direction == "forward" else (self.inverse_generator, self.target_shape)
        )
        self.check_fits(x, shape, networks.multiples_of(network, shape))
        return network(x)

    def reconstruction_pairs(self, x, y=None) -> tuple | None:
        """The way there and back, and what it began with."""
        return self.translate(self.translate(x), direction="backward"), x

    def pictures(self, originals, seed: int = 0, targets=None) -> dict:  # type: ignore[override]  # by `label_kwargs`
        def there_and_back(images, direction, reverse):
            made = self.translate(images, direction=direction)
            return [images, made, np.asarray(self.translate(made, direction=reverse))]

        pictures = {"forward": there_and_back(originals, *DIRECTIONS)}
        if targets is not None:
            pictures["backward"] = there_and_back(targets, *DIRECTIONS[::-1])
        return {name: in_one_colour(groups) for name, groups in pictures.items()}
