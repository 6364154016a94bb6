"""Augmentation: Keras' own random layers in the pipeline, drawn by (seed, epoch, batch) as the order is."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

UNUSED = 0  # seed of layers that are given keys; without one, a layer would take it from the global random numbers
SHIFT, TURN, COLOUR = 1 / 8, 15 / 360, 0.2  # shares of the side, of a full turn, of the range of values


class _Keyed(keras.random.SeedGenerator):
    """A generator of seeds that follow from a key, where Keras' own come from what was drawn before.

    Args:
        key: (2,) int64 tensor.
    """

    def __init__(self) -> None:
        super().__init__(seed=0)
        self.key: Any = None
        self.draws = 0

    def at(self, key: tf.Tensor) -> "_Keyed":
        """The generator, at the beginning of a key's seeds."""
        self.key, self.draws = key, 0
        return self

    def next(self, ordered: bool = True) -> tf.Tensor:
        self.draws += 1
        return tf.cast(tf.random.experimental.stateless_fold_in(self.key, self.draws) % 2**31, tf.int32)


def _flip(channels):
    return [keras.layers.RandomFlip("horizontal", seed=UNUSED)]


def _crop(channels):
    # To fill the border and to cut a window of the old size is to shift (He et al. 2016, section 4.2).
    return [keras.layers.RandomTranslation(SHIFT, SHIFT, fill_mode="reflect", interpolation="nearest", seed=UNUSED)]


def _rotate(channels):
    return [keras.layers.RandomRotation(TURN, fill_mode="reflect", seed=UNUSED)]


def _colour(channels):
    values = (0.0, 1.0)
    jitter = [
        keras.layers.RandomBrightness(COLOUR, values, seed=UNUSED),
        keras.layers.RandomContrast(COLOUR, values, seed=UNUSED),
    ]
    if channels == 3:  # 0.5 leaves the saturation as it is
        jitter += [
            keras.layers.RandomSaturation((0.5 - COLOUR / 2, 0.5 + COLOUR / 2), values, seed=UNUSED),
            keras.layers.RandomHue((0.0, COLOUR / 4), values, seed=UNUSED),
        ]
    return jitter


AUGMENTATIONS: dict[str, Callable] = {"flip": _flip, "crop": _crop, "colour": _colour, "rotate": _rotate}


def as_names(augment: str | Sequence[Any] | None) -> tuple:
    """What `augment` of `load` asks for, as a tuple.

    Raises:
        ValueError: if one of them is neither a name of AUGMENTATIONS nor such a layer.
    """
    if augment is None:
        return ()
    asked = (augment,) if isinstance(augment, str | keras.Layer) else tuple(augment)
    for one in asked:
        known = isinstance(one, str) and one in AUGMENTATIONS
        if not known and not (hasattr(one, "get_random_transformation") and hasattr(one, "transform_images")):
            raise ValueError(
                f"`augment` must hold names of {', '.join(AUGMENTATIONS)}, or random layers of Keras for images, such "
                f"as keras.layers.RandomZoom(0.1). Received: augment={augment!r}"
            )
    return asked


def augmentation(augment: str | Sequence[Any] | None, shape: tuple) -> Callable | None:
    """The function of a batch (B, H, W, C) in [0, 1] and a key that augments it; None where nothing is asked for.

    With the same key, images of another size are transformed alike: pairs stay pairs.

    Args:
        augment: as `load` takes it.
        shape: of the examples.

    Raises:
        ValueError: if these are no images, or no augmentations.
    """
    asked = as_names(augment)
    if not asked:
        return None
    if len(shape) != 3:
        raise ValueError(f"`augment` is for images. Received: augment={augment!r}, vectors {tuple(shape)}")
    layers = [layer for one in asked for layer in (AUGMENTATIONS[one](shape[2]) if isinstance(one, str) else [one])]
    generator = _Keyed()

    def augmented(x: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
        for number, layer in enumerate(layers):
            of_layer = generator.at(tf.random.experimental.stateless_fold_in(key, number))
            x = layer.transform_images(
                x, layer.get_random_transformation(x, training=True, seed=of_layer), training=True
            )
        return tf.clip_by_value(x, 0.0, 1.0)

    return augmented
