"""What the models that translate images share. The models themselves are in files of their own."""

import dataclasses
from typing import Any, cast

import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen import losses
from keras_gen.core import AdversarialModel, DataSpec, Targets
from keras_gen.core.arguments import DataShape

PIXEL_RANGE = 2.0  # the papers' pixels lie in [-1, 1], ours in [0, 1]: their mean absolute errors are twice ours


class BaseTranslator(AdversarialModel):
    """Generators from images to images, and critics of patches. Abstract.

    Args:
        data_shape: (H, W, C) of the images that are given.
        target_shape: (H', W', C') of the images that are made; None for data_shape.
        loss: "non_saturating", "minimax", "least_squares" or "hinge".
        seed: seed of all noise of training.
        **kwargs: `name` and the other arguments of `keras.Model`.
    """

    def __init__(self, data_shape, target_shape: DataShape | None = None, loss="non_saturating", seed=0, **kwargs):
        super().__init__(data_shape, seed=seed, **kwargs)

        # === Config ===
        self.target_shape = self.data_shape if target_shape is None else target_shape
        self.loss = loss
        for name, shape in (("data_shape", self.data_shape), ("target_shape", self.target_shape)):
            if len(shape) != 3:
                raise ValueError(
                    f"{type(self).__name__} is for images only: `{name}` must be (height, width, channels). Received: "
                    f"{name}={shape}"
                )

    @property
    def adversarial(self) -> losses.AdversarialLoss:
        """The functions of the loss; see `losses.ADVERSARIAL`."""
        return losses.ADVERSARIAL[cast(str, self.loss)]

    def judged(self, critic, images, training: bool) -> tf.Tensor:
        """A critic's values, one for each patch, (B, H', W')."""
        return critic(images, training=training)[..., 0]

    watched = ("d_real", "d_fake")

    def told_apart(self, real, fake) -> dict:
        """The discriminator's terms of its values of real and of made images, means over patches, and the values."""
        shown = ops.sigmoid if self.adversarial.is_logit else tf.identity
        return {
            "real": over_pixels(self.adversarial.real(real)),
            "fake": over_pixels(self.adversarial.fake(fake)),
            "d_real": over_pixels(shown(real)),
            "d_fake": over_pixels(shown(fake)),
        }

    # === Checks ===

    @property
    def targets(self) -> Targets:
        return Targets(self.target_shape, True, True, f"{self.takes}; see kg.data.{self.target_mode}")

    def spec_of(self, ability: str) -> DataSpec:
        """Of images of any size, for `translate`: `check_fits` says which sizes it can do."""
        spec = super().spec_of(ability)
        return dataclasses.replace(spec, shape=(None, None, None)) if ability == "translate" else spec

    def check_fits(self, x, shape, multiples) -> None:
        """Raises a ValueError if images x, (B, H, W, C), cannot be translated, though of another size than trained on.

        Args:
            x: the images.
            shape: (H, W, C) that the model was built for.
            multiples: by what height and width may differ from that; None for not at all.
        """
        received = tuple(x.shape)
        if len(received) != 4 or received[3] != shape[2]:
            raise ValueError(
                f"{type(self).__name__} translates images (batch, height, width, {shape[2]}); of files, "
                f"channels={shape[2]} makes such images. Received: shape={received}"
            )
        for name, side, built, multiple in zip(("height", "width"), received[1:3], shape[:2], multiples, strict=True):
            if side is None or side == built:
                continue
            if multiple is None or (side - built) % multiple:
                others = "" if multiple is None else f", or a multiple of {multiple} pixels more or less"
                raise ValueError(
                    f"{type(self).__name__} translates images of {name} {built}{others}. Received: {name} {side}"
                )

    # === Pictures ===

    def label_kwargs(self, labels) -> dict[str, Any]:
        """What belongs to the images, for `pictures`."""
        return {} if labels is None else {"targets": labels}


def over_pixels(values) -> tf.Tensor:
    """Mean over all axes but the first. (B, ...) -> (B,)."""
    return ops.mean(values, axis=tuple(range(1, len(values.shape))))


def absolute_error(x, y) -> tf.Tensor:
    """Mean absolute error of an image's values. (B, ...), (B, ...) -> (B,)."""
    return over_pixels(ops.abs(x - y))


def in_one_colour(groups) -> list:
    """Groups of images for one picture: the gray ones with three channels, where others have colours."""
    colour = any(group.shape[-1] == 3 for group in groups)
    return [np.repeat(group, 3, axis=-1) if colour and group.shape[-1] == 1 else group for group in groups]
