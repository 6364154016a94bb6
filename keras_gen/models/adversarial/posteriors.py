"""The posteriors q(z | x) of an adversarial autoencoder: how a code is made of features, and of noise."""

import keras
import tensorflow as tf
from keras import ops

from keras_gen import layers, networks


class Deterministic:
    """The code is a function of the image.

    Args:
        latent_dim: size of the code.
        noise_dim: size of the noise, of the universal posterior.
    """

    noise_size = 0  # how many standard normal numbers a draw takes

    def __init__(self, latent_dim, noise_dim):
        self.latent_dim = latent_dim

    def make_head(self, encoder) -> keras.layers.Layer:
        """What makes codes, or their distribution, of the features of an encoder."""
        return networks.code_head(encoder, self.latent_dim)

    def codes(self, head, features, noise=None) -> tf.Tensor:
        """Draws by noise (B, noise_size); without noise the mean, or the code of noise 0. (B, F) -> (B, latent_dim)."""
        return head(features)


class Gaussian(Deterministic):
    """The code is drawn from a normal distribution, of which mean and variance are functions of the image."""

    def __init__(self, latent_dim, noise_dim):
        super().__init__(latent_dim, noise_dim)
        self.noise_size = latent_dim

    def make_head(self, encoder) -> keras.layers.Layer:
        return networks.gaussian_head(encoder, self.latent_dim)

    def codes(self, head, features, noise=None) -> tf.Tensor:
        mean, log_variance = head(features)
        return mean if noise is None else layers.draw_codes(mean, log_variance, noise)


class Universal(Deterministic):
    """The code is a function of the image and of noise."""

    def __init__(self, latent_dim, noise_dim):
        super().__init__(latent_dim, noise_dim)
        self.noise_size = noise_dim

    def make_head(self, encoder) -> keras.layers.Layer:
        return networks.joint_head(encoder, self.latent_dim, self.noise_size)

    def codes(self, head, features, noise=None) -> tf.Tensor:
        if noise is None:  # made of the features, for a symbolic tensor does not know the size of its batch
            noise = ops.repeat(ops.zeros_like(features[:, :1], dtype="float32"), self.noise_size, axis=1)
        return head([features, noise])


POSTERIORS = {"deterministic": Deterministic, "gaussian": Gaussian, "universal": Universal}
