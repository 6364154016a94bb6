"""Arrays that remember which model made them, so that a file made from them can say so."""

import hashlib
import secrets

import keras
import numpy as np

from keras_gen.core import arguments


class GeneratedImages(np.ndarray):
    """A numpy array of images with `provenance`, a dict that says what made them.

    Slices, reshapes and transposes keep it; arithmetic gives plain arrays, which are no longer what the model
    made.
    """

    def __new__(cls, images, provenance):
        generated = np.asarray(images).view(cls)
        generated.provenance = provenance
        return generated

    def __array_finalize__(self, parent):
        self.provenance = dict(getattr(parent, "provenance", {}))

    def __array_wrap__(self, array, context=None, return_scalar=False):
        return array[()] if return_scalar else np.asarray(array)


def weights_hash(model: keras.Model) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a model's weights, in order."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()[:16]


def mark(images, model: keras.Model, **details) -> GeneratedImages:
    """Images with the provenance of a model: its class, the hash of its weights, and details such as the seed."""
    return GeneratedImages(images, {"model": type(model).__name__, "weights": weights_hash(model), **details})


def note(images, model: keras.Model, **details) -> np.ndarray:
    """Images with details added to their provenance; marked first, where a user's own `decode` did not."""
    images = images if hasattr(images, "provenance") else mark(images, model)
    images.provenance.update(details)
    return images


def seed_for(seed: int | None) -> int:
    """The seed of a draw, to be recorded with what it made: the given one, checked, or a fresh one for None."""
    return secrets.randbits(31) if seed is None else arguments.whole(0).check("seed", seed)
