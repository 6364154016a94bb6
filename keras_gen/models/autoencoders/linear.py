"""The linear autoencoder, which is principal component analysis."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen import losses
from keras_gen.core import GenerativeModel, Parts, WholeModel, batched, distribution
from keras_gen.core.arguments import Count


@keras.saving.register_keras_serializable("keras_gen")
class LinearAutoencoder(GenerativeModel):
    """Linear autoencoder: its optimum is principal component analysis.

    Minimises `mean_b |x_b - x_hat_b|^2` with `x_hat = m + W^T W (x - m)` (tied) or `m + V W (x - m)`, where m is the
    mean of all data that the model was trained on so far. At the optimum the code spans the space of the first
    latent_dim principal components; its axes are rotated among themselves, and unless tied also sheared.

    Args:
        data_shape: (H, W, C) of images in [0, 1], or (D,) of vectors.
        latent_dim: size of the code, at most the number of values of an example.
        tied: whether the decoder is the transpose of the encoder.
        seed: int.
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        (B, *data_shape) -> code (B, latent_dim) -> (B, *data_shape). Of images, `decode` and `reconstruct` clip to
        [0, 1]; `call`, the loss and `score` are those of the linear map itself.

    Score unit:
        Minus the squared error per image.

    Reference:
        Baldi and Hornik 1989, "Neural networks and principal component analysis: learning from examples without
        local minima".

    Example:
        >>> model = kg.LinearAutoencoder(data_shape=(8, 8, 1), latent_dim=8)
        >>> model.compile(optimizer="adam")
        >>> history = model.fit(kg.data.load("digits"), epochs=5, verbose=0)
        >>> model.components.shape
        (8, 64)
    """

    def __init__(self, data_shape: tuple[int, ...], latent_dim: Count = 16, tied: bool = True, seed: int = 0, **kwargs):
        super().__init__(data_shape, seed=seed, **kwargs)
        size = int(np.prod(self.data_shape))
        if latent_dim > size:
            raise ValueError(
                f"`latent_dim` must be at most {size}, the size of an example. Received: latent_dim={latent_dim}"
            )

        # === Config ===
        self.latent_dim = latent_dim
        self.tied = tied

        # === Weights ===
        shape = (size, latent_dim)
        state = {"initializer": "zeros", "trainable": False, "aggregation": "mean", "autocast": False}
        self.offset = self.add_weight(name="offset", shape=(size,), **state)  # m
        self.seen = self.add_weight(name="seen", shape=(), **state)  # examples that m is the mean of
        matrix = {"shape": shape, "initializer": keras.initializers.Orthogonal(), "autocast": False}
        self.analysis = self.add_weight(name="analysis", **matrix)
        self.synthesis = self.analysis if tied else self.add_weight(name="synthesis", **matrix)
        self.built = True

    @property
    def components(self) -> np.ndarray:
        """An orthonormal basis of the space that images are reconstructed in, (latent_dim, D), as of PCA."""
        with self.using_averages():
            return np.linalg.qr(np.array(self.synthesis))[0].T

    def call(self, x, training: bool = False) -> tf.Tensor:
        self.check_shape(x)
        return self._synthesize(self._analyze(x))

    def terms(self, x, y, training: bool) -> dict:
        if training:
            self._centre(x)
        return {"reconstruction_loss": losses.squared_error(x, self(x))}

    def network_parts(self) -> Parts:
        return {
            "encoder": ({"data": self.data_shape}, WholeModel(self, "_analyze")),
            "decoder": ({"code": (self.latent_dim,)}, WholeModel(self, "_decoded")),
        }

    def _centre(self, x):
        """Takes a batch of all devices into the mean."""
        count = distribution.global_batch_size(x)
        mean = distribution.global_mean(ops.cast(ops.reshape(x, (-1, self.offset.shape[0])), "float32"))
        share = count / (self.seen + count)
        self.offset.assign(self.offset + share * (mean - self.offset))
        self.seen.assign(self.seen + count)

    def _analyze(self, x):
        return ops.matmul(ops.reshape(x, (-1, self.offset.shape[0])) - self.offset, self.analysis)

    def _synthesize(self, z):
        x = ops.matmul(z, ops.transpose(self.synthesis)) + self.offset
        return ops.cast(ops.reshape(x, (-1, *self.data_shape)), "float32")

    @batched
    def encode(self, x) -> np.ndarray:
        self.check_shape(x)
        return self._analyze(x)

    @batched(images=True)
    def decode(self, z) -> np.ndarray:
        return self._decoded(z)

    def _decoded(self, z):
        x = self._synthesize(z)
        return ops.clip(x, 0.0, 1.0) if self.bounded else x

    @batched
    def score(self, x) -> np.ndarray:
        return -losses.squared_error(x, self(x))
