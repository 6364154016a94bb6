"""The autoencoder."""

from typing import Literal

import keras

from keras_gen import losses, networks
from keras_gen.core import GenerativeModel, batched, check_at_least, check_choice

RECONSTRUCTION = {"bernoulli": losses.bernoulli, "gaussian": losses.squared_error}


@keras.saving.register_keras_serializable("keras_gen")
class Autoencoder(GenerativeModel):
    """Autoencoder: a code small enough that keeping the image in it takes learning what images are like.

    Minimises `mean_b l(x_b, decode(encode(x_b)))`, where l is the cross entropy `-sum_i x_i log m_i +
    (1 - x_i) log(1 - m_i)` in nats per image ("bernoulli") or the squared error `sum_i (x_i - m_i)^2` per image
    ("gaussian", the likelihood of fixed variance without its constants).

    Args:
        data_shape: (H, W, C) of images in [0, 1], or (D,) of vectors.
        latent_dim: size of the code.
        likelihood: "bernoulli" for data in [0, 1], "gaussian" for vectors of any value, or for images.
        encoder: "dense", "conv", None to choose by the data's size, or a built `keras.Model` of data to features.
        decoder: likewise, a built `keras.Model` of codes to features, or straight to images.
        seed: seed of all noise of training.
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        (B, *data_shape) -> code (B, latent_dim) -> (B, *data_shape).

    Score unit:
        Minus the reconstruction term: nats per image for "bernoulli", squared error per image for "gaussian".

    Reference:
        Hinton and Salakhutdinov 2006, "Reducing the dimensionality of data with neural networks".

    Example:
        >>> model = kg.Autoencoder(data_shape=(8, 8, 1), latent_dim=16)
        >>> model.compile(optimizer="adam")
        >>> history = model.fit(kg.data.load("digits"), epochs=5, verbose=0)
        >>> codes = model.encode(kg.data.load("digits", split="test"))
    """

    def __init__(
        self,
        data_shape: tuple[int, ...],
        latent_dim: int = 16,
        likelihood: Literal["bernoulli", "gaussian"] = "bernoulli",
        encoder: str | keras.Model | None = None,
        decoder: str | keras.Model | None = None,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(data_shape, seed=seed, **kwargs)
        check_at_least(1, latent_dim=latent_dim)
        check_choice("likelihood", likelihood, RECONSTRUCTION)

        # === Config ===
        self.latent_dim = latent_dim
        self.likelihood = likelihood

        # === Layers ===
        self.encoder = networks.make_encoder(encoder, self.data_shape)
        self.code = networks.code_head(self.encoder, latent_dim)
        self.decoder = networks.make_decoder(decoder, latent_dim, self.data_shape)
        self.image = networks.image_head(self.decoder, self.data_shape, "sigmoid" if self.bounded else "linear")
        self.built = True

    def call(self, x, training=False):
        self.check_shape(x)
        code = self.code(self.encoder(x, training=training))
        return self.image(self.decoder(code, training=training))

    def reconstruction_term(self, x, y_pred):
        return RECONSTRUCTION[self.likelihood](x, y_pred)

    @batched
    def encode(self, x):
        self.check_shape(x)
        return self.code(self.encoder(x))

    @batched(images=True)
    def decode(self, z):
        return self.image(self.decoder(z))

    @batched
    def score(self, x):
        self.check_shape(x)
        return -self.reconstruction_term(x, self.reconstruct(x))
