"""The denoising autoencoder."""

from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen import layers
from keras_gen.core import Adjustable, Targets, batched, checked
from keras_gen.core.arguments import Seed
from keras_gen.models.autoencoders.base import BaseAutoencoder

EVALUATION_DRAWS = 4


class _Level(Adjustable):
    """What a level may be depends on the corruption."""

    def validate(self, model, value) -> None:
        if model.corruption != "given":
            layers.check_level(model.corruption, value)


@keras.saving.register_keras_serializable("keras_gen")
class DenoisingAutoencoder(BaseAutoencoder):
    """Denoising autoencoder: learns to reconstruct the clean image from a corrupted one.

    Minimises `mean_b E_noise l(x_b, decode(encode(corrupt(x_b, noise))))`, l as of the autoencoder, against the clean
    image. In training, each step corrupts each image with new noise. Validation uses the same four noise samples each
    time: it measures denoising, and is deterministic. `denoise` and `reconstruct` corrupt nothing: they
    take images as they are.

    Args:
        corruption: "gaussian" adds N(0, level^2) and, to data in [0, 1], clips as an image file does; "masking" sets a
            share of the values to 0; "salt_pepper" to 0 or 1. "given" adds nothing and trains on pairs:
            `fit(noisy, clean)`.
        level: standard deviation of "gaussian"; share of the values, 0 to 1, of the others.
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        (B, *data_shape) -> code (B, latent_dim) -> (B, *data_shape).

    Score unit:
        Minus the reconstruction term of the image as it is, without corruption: nats per image for "bernoulli", squared
        error per image for "gaussian".

    Reference:
        Vincent et al. 2010, "Stacked denoising autoencoders", equation 10.

    Example:
        >>> model = kg.DenoisingAutoencoder(data_shape=(8, 8, 1), latent_dim=32, corruption="gaussian", level=0.3)
        >>> model.compile(optimizer="adam")
        >>> history = model.fit(kg.data.load("digits"), epochs=5, verbose=0)
        >>> noisy = model.corrupt(kg.data.stack(kg.data.load("digits", split="test")), seed=1)
        >>> restored = model.denoise(noisy)
    """

    level = _Level(minimum=0)

    def __init__(
        self,
        data_shape: tuple[int, ...],
        latent_dim: int = 128,
        corruption: Literal["gaussian", "masking", "salt_pepper", "given"] = "gaussian",
        level: float = 0.3,
        **kwargs,
    ):
        super().__init__(data_shape, latent_dim, **kwargs)

        # === Config ===
        self.corruption = corruption
        self.level = level

        # === Layers ===
        self.corrupter = None
        if corruption != "given":
            self.corrupter = layers.Corruption(corruption, level, clip=self.bounded, seed=self.seed, name="corrupter")
            self.corrupter.build((None, *self.data_shape))

    def call(self, x, training: bool = False) -> tf.Tensor:
        self.check_shape(x)
        return super().call(self._drawn(x) if self.corrupter and training else x)

    def terms(self, x, y, training: bool) -> dict:
        given = x
        if self.corrupter and training:
            given = self._drawn(x)
        elif self.corrupter:  # what an evaluation measures is denoising
            noise = self._noise(np.random.default_rng(self.seed), (EVALUATION_DRAWS, 1, *self.data_shape))
            given = ops.concatenate([self._corrupted(x, draw) for draw in noise])
        code, switches = self._code_and_switches(given, training)
        images = self._image(code, switches, training)
        return {
            "reconstruction_loss": self.reconstruction_term(x if self.corrupter else y, images),
            **self.penalties(code[: ops.shape(x)[0]], training),
        }

    def _drawn(self, x):
        """x, corrupted as in training."""
        return self.ended_like(x, self.corrupter(x, training=True, level=self.level))

    def _corrupted(self, x, noise):
        return self.ended_like(x, self.corrupter.corrupt(x, noise, self.level))

    @property
    def targets(self) -> Targets | None:
        if self.corrupter:
            return None
        return Targets(self.data_shape, self.bounded, True, "pairs with corruption='given': fit(noisy, clean)")

    def reconstruction_term(self, target, y_pred) -> tf.Tensor:
        x, beside = self.known(target)
        return ops.mean(layers.per_draw(self.data_loss, x, y_pred, **beside), axis=0)

    def _noise(self, rng, shape):
        draw = rng.standard_normal if self.corrupter.noise == "normal" else rng.random
        return draw(shape).astype("float32")

    @checked
    def corrupt(self, x, seed: Seed = 0) -> np.ndarray:
        """What the model is trained to undo. (N, *data_shape) -> (N, *data_shape), an array.

        Args:
            x: an array of clean data.
            seed: the same seed gives the same noise.
        """
        if self.corrupter is None:
            raise ValueError(
                "A model with corruption='given' cannot corrupt: it does not know how its data were corrupted. Give it "
                "noisy data as they are (--as-given). Received: corruption='given'"
            )
        x, _ = self.in_memory(x)
        return np.asarray(self._corrupted(x, self._noise(np.random.default_rng(seed), x.shape)))

    @batched(images=True)
    def denoise(self, x) -> np.ndarray:
        """The clean images of corrupted ones. (B, *data_shape) -> (B, *data_shape)."""
        return self.reconstruct(x)

    def reconstruction_pairs(self, x, y=None) -> tuple | None:
        return (self.denoise(self.corrupt(x)), x) if self.corrupter else (self.denoise(x), y)

    def pictures(self, originals, seed: int = 0) -> dict:  # type: ignore[override]  # by `label_kwargs`
        if self.corrupter is None:
            return super().pictures(originals, seed)
        corrupted = self.corrupt(originals, seed)
        return {"denoised": [originals, corrupted, self.denoise(corrupted)], **super().pictures(originals, seed)}
