"""Noise that a denoising autoencoder removes."""

import math
import numbers
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_gen.core import check_choice, distribution


def _add_gaussian(x, level, noise):
    return x + level * noise


def _mask(x, level, noise):
    return ops.where(noise < level, 0.0, x)


def _salt_pepper(x, level, noise):
    return ops.where(noise < level / 2, 0.0, ops.where(noise >= 1 - level / 2, 1.0, x))


CORRUPTIONS = {  # kind: (the noise that it takes, what the noise does)
    "gaussian": ("normal", _add_gaussian),
    "masking": ("uniform", _mask),
    "salt_pepper": ("uniform", _salt_pepper),
}


def check_level(kind: str, level: float) -> None:
    """Raises a ValueError if a level is none of that kind of corruption."""
    if not isinstance(level, numbers.Real) or not 0 <= level <= (math.inf if kind == "gaussian" else 1):
        expected = "a standard deviation of at least 0" if kind == "gaussian" else "a probability between 0 and 1"
        raise ValueError(f"`level` of {kind} corruption must be {expected}. Received: level={level!r}")


@keras.saving.register_keras_serializable("keras_gen")
class Corruption(keras.layers.Layer):
    """Corrupts data in training, and leaves them alone at inference.

    "gaussian" adds N(0, level^2) to each value; "masking" sets each value to 0 with probability `level`; "salt_pepper"
    sets each to 0 or to 1, each with probability `level / 2` (Vincent et al. 2010, section 3.3).

    Its noise is a function of (seed, name, calls so far, replica): replicas differ, and a model that was saved goes on
    with the noise that it would have drawn. `keras.layers.GaussianNoise` and `Dropout` draw the same on every replica.

    Args:
        kind: "gaussian", "masking" or "salt_pepper".
        level: standard deviation of "gaussian"; probability of the others.
        clip: whether to bring corrupted values back into [0, 1].
        seed: int.

    Call: (B, ...) -> (B, ...), corrupted if `training` is True; at another `level`, if one is given.
    """

    def __init__(self, kind="gaussian", level=0.3, clip=False, seed=0, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        check_choice("kind", kind, CORRUPTIONS)
        check_level(kind, level)
        self.kind, self.level, self.clip, self.seed = kind, level, clip, seed

    def build(self, input_shape) -> None:
        self.calls = self.add_weight(
            name="calls",
            shape=(),
            dtype="int64",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
        )

    def call(self, x, training: bool = False, level: float | None = None) -> tf.Tensor:
        if not training:
            return x
        key = distribution.noise_key(self.seed, self.calls, self.name)
        self.calls.assign_add(1)
        draw = distribution.normal if self.noise == "normal" else distribution.uniform
        return self.corrupt(x, draw(tf.shape(x), key), level)

    @property
    def noise(self) -> str:
        """Which noise `corrupt` takes, "normal" or "uniform"."""
        return CORRUPTIONS[self.kind][0]

    def corrupt(self, x, noise, level: float | None = None) -> tf.Tensor:
        """What given noise makes of x, at a level or at the layer's own. (B, ...), (B or 1, ...) -> (B, ...)."""
        corrupted = CORRUPTIONS[self.kind][1](x, self.level if level is None else level, noise)
        return ops.clip(corrupted, 0.0, 1.0) if self.clip else corrupted

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kind": self.kind, "level": self.level, "clip": self.clip, "seed": self.seed}
