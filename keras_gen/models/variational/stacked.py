"""What a model describes: the data, or the codes of another model that was trained on them before."""

from collections.abc import Callable

import keras
import tensorflow as tf
from keras import ops

from keras_gen import layers, losses
from keras_gen.core import distribution
from keras_gen.models.variational.base import BaseVAE


class Data:
    """The data themselves.

    Args:
        shape: (H, W, C) or (D,).
    """

    noise_size = 0  # how many standard normal numbers a draw takes

    def __init__(self, shape):
        self.shape = shape

    @property
    def likelihood(self) -> str | None:
        """Of the data, where they are not what is described."""
        return None

    @property
    def weights(self) -> list:
        return []

    @property
    def metrics(self) -> list:
        return []

    @property
    def encoder(self) -> Callable:
        """The mean of what is described, as a function of symbolic tensors; see `network`."""
        return lambda x: x

    @property
    def decoder(self) -> Callable:
        """The way back, as a function of symbolic tensors."""
        return lambda codes: codes

    def codes(self, x, key=None) -> tf.Tensor:
        """What is described: drawn by a key of `distribution.noise_key`, else the mean. (B, ...) -> (B, *shape)."""
        return x

    def images(self, codes) -> tf.Tensor:
        """Data of what is described. (B, *shape) -> (B, ...)."""
        return codes

    def draws(self, x, noise=None) -> tuple[tf.Tensor, tf.Tensor]:
        """Draws v of what is described, and `log p(x | v) - log q(v | x)`. -> (k * B, *shape), (k, B) or (1, 1).

        Args:
            x: (B, ...).
            noise: (k, B, noise_size), standard normal; None for that of an evaluation.
        """
        return x if noise is None else layers.repeat_batch(x, noise.shape[0]), ops.zeros((1, 1))


class FrozenFeatures(Data):
    """Codes of a model with a posterior that is not trained any more.

    Args:
        model: a `BaseVAE` without labels.
    """

    def __init__(self, model):
        super().__init__((model.latent_dim,))
        self.model, self.noise_size = model, model.latent_dim

    @property
    def likelihood(self) -> str | None:
        return self.model.data_likelihood

    @property
    def weights(self) -> list:
        return self.model.weights

    @property
    def metrics(self) -> list:
        return self.model.metrics

    @property
    def encoder(self) -> Callable:
        return self.model.network("encoder")

    @property
    def decoder(self) -> Callable:
        return self.model.network("decoder")

    def codes(self, x, key=None) -> tf.Tensor:
        mean, log_variance = self.model.posterior(x)
        if key is None:
            return mean
        return layers.draw_codes(mean, log_variance, distribution.normal(tf.shape(mean), key))

    def images(self, codes) -> tf.Tensor:
        return self.model.images(codes)

    def draws(self, x, noise=None) -> tuple[tf.Tensor, tf.Tensor]:
        mean, log_variance = self.model.posterior(x)
        if noise is None:
            z = self.model._draws(mean, log_variance)
        else:
            z = layers.draw_codes(mean, log_variance, noise)
        log_p = -self.model.negative_log_likelihood(x, self.model.decode_draws(z))
        return ops.reshape(z, (-1, *self.shape)), log_p - losses.normal_log_density(z, mean, log_variance)


def frozen_copy(model, data_shape: tuple[int, ...], argument="features") -> keras.Model:
    """A copy of a trained VAE that is neither compiled nor trained: the user's own goes on as it was.

    Raises:
        ValueError: if it is not a VAE without labels for data of that shape.
    """
    if not isinstance(model, BaseVAE) or model.supervision is not None or model.data_shape != data_shape:
        raise ValueError(
            f"`{argument}` must be a VAE of data_shape={data_shape}. Received: {type(model).__name__} "
            f"of data_shape={getattr(model, 'data_shape', None)}"
        )
    return model.frozen_copy()
