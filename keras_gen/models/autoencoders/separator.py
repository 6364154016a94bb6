"""The source separator.

Longer than other models: it mixes its own training data.
"""

import itertools
import math
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen import losses, networks
from keras_gen.core import GenerativeModel, Parts, Targets, at_once, batched
from keras_gen.core.arguments import Count, whole
from keras_gen.models.autoencoders import mixing

MOST_SOURCES = 5  # 120 assignments


@keras.saving.register_keras_serializable("keras_gen")
class SourceSeparator(GenerativeModel):
    """Source separator: encodes a mixture of several images, and decodes each of them.

    A mixture is the mean of its sources, `x = 1/S sum_s x_s`. The code has a part for each source, and one decoder
    turns each part into an image. Minimises

        mean_b min_p 1/S sum_s |x_bs - x_hat_bp(s)|^2

    over the permutations p, because sources have no order (Yu et al. 2017). `fit(images)` mixes the
    images of each batch with their neighbours in it; `evaluate(images)` mixes over all of the data, in a fixed order;
    `fit(mixtures, sources)` takes pairs, sources (B, S, *data_shape).

    Reported: `reconstruction_loss`, and `si_sdr`, the scale-invariant ratio of signal to distortion, in dB, mean over
    the sources; and `si_sdr_of_mixture`, the same of the mixture taken as an estimate of each source.

    Args:
        data_shape: (H, W, C) of images in [0, 1], or (D,) of vectors.
        num_sources: S, images in a mixture.
        latent_dim: size of the whole code, a multiple of num_sources.
        encoder: "dense", "shallow", "conv", "pool", None to choose by the data's size, or a built `keras.Model`.
        decoder: "dense", "shallow", "conv", None, or a built `keras.Model`, of codes of size latent_dim / num_sources.
        seed: seed of the order in which images meet.
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        (B, *data_shape) -> code (B, latent_dim) -> `call` and `separate` (B, S, *data_shape); `decode` and
        `reconstruct` give their mean, the mixture, (B, *data_shape).

    Score unit:
        None: it does not score.

    Reference:
        Yu et al. 2017, "Permutation invariant training of deep models for speaker-independent multi-talker speech
        separation", equation 5.

    Example:
        >>> model = kg.SourceSeparator(data_shape=(8, 8, 1), num_sources=2, latent_dim=32)
        >>> model.compile(optimizer="adam")
        >>> history = model.fit(kg.data.load("digits"), epochs=5, verbose=0)
        >>> mixtures, sources = model.mix(kg.data.stack(kg.data.load("digits", split="test")))
        >>> model.separate(mixtures).shape
        (360, 2, 8, 8, 1)
    """

    def __init__(
        self,
        data_shape: tuple[int, ...],
        num_sources: Annotated[int, whole(2, MOST_SOURCES)] = 2,  # every assignment of images to sources is tried
        latent_dim: Count = 64,
        encoder: str | keras.Model | None = None,
        decoder: str | keras.Model | None = None,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(data_shape, seed=seed, **kwargs)
        if latent_dim % num_sources:
            raise ValueError(
                "`latent_dim` must be a multiple of `num_sources`: the code has a part for each. "
                f"Received: latent_dim={latent_dim}, num_sources={num_sources}"
            )

        # === Config ===
        self.num_sources = num_sources
        self.latent_dim = latent_dim

        # === Layers ===
        part = latent_dim // num_sources
        self.encoder = networks.make_encoder(encoder, self.data_shape)
        self.code = networks.code_head(self.encoder, latent_dim)
        self.decoder = networks.make_decoder(decoder, part, self.data_shape, beside=encoder)
        self.image = networks.image_head(self.decoder, self.data_shape, networks.data_activation(self.bounded))
        self.separation = keras.metrics.Mean(name="si_sdr")
        self.no_separation = keras.metrics.Mean(name="si_sdr_of_mixture")
        self.built = True

    # === Mixtures ===

    @at_once
    def mix(self, images) -> tuple:
        """Each image with those that follow it, the first after the last. (B, ...) -> (B, ...), (B, S, ...).

        Returns:
            Mixtures and their sources, arrays for arrays.
        """
        if images.shape[0] is not None and images.shape[0] < self.num_sources:
            raise ValueError(f"A mixture takes {self.num_sources} images. Received: {images.shape[0]}")
        return mixing.mix(images, self.num_sources)

    @property
    def targets(self) -> Targets:
        shape = (self.num_sources, *self.data_shape)
        return Targets(shape, self.bounded, takes="images, which it mixes, or mixtures and their sources")

    def prepare_batch(self, x, y) -> tuple:
        return self.mix(x) if y is None else (x, y)

    def prepare_evaluation(self, dataset) -> tf.data.Dataset:
        """Images are mixed over all of the data, whatever the batches."""
        if isinstance(dataset.element_spec, tuple):
            return dataset
        sizes = [len(batch) for batch in dataset.as_numpy_iterator()]
        pairs = mixing.mix_dataset(dataset.unbatch(), sum(sizes), self.num_sources, self.seed)
        return pairs.batch(sizes[0])

    # === Training ===

    watched = ("si_sdr", "si_sdr_of_mixture")

    def terms(self, x, y, training: bool) -> dict:
        estimates = self(x, training=training)
        matched = self.match(y, estimates)
        return {
            "reconstruction_loss": losses.squared_error(matched, estimates) / self.num_sources,
            "si_sdr": self._si_sdr(matched, estimates),
            "si_sdr_of_mixture": self._si_sdr(y, x[:, None] * ops.ones_like(y)),
        }

    def _si_sdr(self, sources, estimates):
        flat = (-1, *self.data_shape)
        return losses.si_sdr(ops.reshape(sources, flat), ops.reshape(estimates, flat))

    def match(self, sources, estimates) -> tf.Tensor:
        """The sources in the order of the estimates that they are closest to. Three times (B, S, *data_shape)."""
        flat = (-1, self.num_sources, math.prod(self.data_shape))
        sources_, estimates_ = ops.reshape(sources, flat), ops.reshape(estimates, flat)
        errors = ops.sum(ops.square(sources_[:, :, None] - estimates_[:, None]), axis=-1)  # (B, S, S)
        orders = np.array(list(itertools.permutations(range(self.num_sources))))  # (S!, S)
        totals = sum(ops.take(errors[:, :, s], orders[:, s], axis=1) for s in range(self.num_sources))  # (B, S!)
        best = ops.take(orders, ops.argmin(totals, axis=1), axis=0)  # (B, S)
        return tf.gather(sources, best, batch_dims=1)

    # === Inference ===

    def call(self, x, training: bool = False) -> tf.Tensor:
        self.check_shape(x)
        return self._sources(self.code(self.encoder(x, training=training)), training)

    def _sources(self, z, training=False):
        parts = ops.reshape(z, (-1, self.latent_dim // self.num_sources))  # (B * S, ...)
        images = self.image(self.decoder(parts, training=training))
        return ops.reshape(images, (-1, self.num_sources, *self.data_shape))

    @batched(images=True)
    def separate(self, x) -> np.ndarray:
        """The sources of mixtures, in any order. (B, *data_shape) -> (B, S, *data_shape)."""
        return self(x)

    @batched
    def encode(self, x) -> np.ndarray:
        self.check_shape(x)
        return self._encoded(x)

    @batched(images=True)
    def decode(self, z) -> np.ndarray:
        """The mixtures of codes: the means of their sources. (B, latent_dim) -> (B, *data_shape)."""
        return self._decoded(z)

    def _encoded(self, x):
        return self.code(self.encoder(x))

    def _decoded(self, z):
        return ops.mean(self._sources(z), axis=1)

    def network_parts(self) -> Parts:
        data, code = {"data": self.data_shape}, {"code": (self.latent_dim,)}
        return {
            "encoder": (data, self._encoded),
            "decoder": (code, self._decoded),
            "separator": (data, lambda x: self._sources(self._encoded(x))),
        }

    def reconstruction_pairs(self, x, y=None) -> tuple | None:
        mixtures, sources = self.mix(x) if y is None or np.ndim(y) == 1 else (x, y)
        separated = self.separate(mixtures)
        return separated, np.asarray(self.match(tf.convert_to_tensor(sources), tf.convert_to_tensor(separated)))

    def pictures(self, originals, seed: int = 0) -> dict:  # type: ignore[override]  # by `label_kwargs`
        mixtures, _ = self.mix(originals)
        separated = self.separate(mixtures)
        return {"separated": [mixtures, *(separated[:, s] for s in range(self.num_sources))]}
