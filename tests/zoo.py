"""Every model once, or once per variant that runs other code, tiny: 8 x 8 images, about a thousand weights."""

import numpy as np

import keras_gen as kg
from keras_gen.testing import Case

SHAPE = (8, 8, 1)
_rng = np.random.default_rng(0)
# Blobs, so that a few steps have something to learn.
_row, _column = np.mgrid[0:8, 0:8]
_centres = _rng.uniform(1, 6, (16, 2))
IMAGES = np.exp(-((_row - _centres[:, :1, None]) ** 2 + (_column - _centres[:, 1:, None]) ** 2) / 4)[..., None].astype(
    "float32"
)
VECTORS = (_rng.standard_normal((16, 2)) @ _rng.standard_normal((2, 6)) + 3).astype("float32")
LABELS = (_centres[:, 0] > 3.5).astype("int64")


def dense(latent_dim, shape=SHAPE, width=8):
    """Tiny dense networks, made anew."""
    return {
        "encoder": kg.networks.dense_encoder(shape, (width,)),
        "decoder": kg.networks.dense_decoder(latent_dim, shape, (width,)),
    }


def conv(latent_dim):
    """Tiny convolutional networks, made anew."""
    return {
        "encoder": kg.networks.conv_encoder(SHAPE, (4,), features=8),
        "decoder": kg.networks.conv_decoder(latent_dim, SHAPE, (4,)),
    }


ZOO = [
    Case("autoencoder", kg.Autoencoder, lambda: {"data_shape": SHAPE, "latent_dim": 3, **dense(3)}, IMAGES, LABELS),
    Case(
        "autoencoder_conv",
        kg.Autoencoder,
        lambda: {"data_shape": SHAPE, "latent_dim": 3, "likelihood": "gaussian", **conv(3)},
        IMAGES,
    ),
    Case("vae", kg.VAE, lambda: {"data_shape": SHAPE, "latent_dim": 3, "beta": 0.5, **dense(3)}, IMAGES, LABELS),
    Case(
        "vae_conv_gaussian",
        kg.VAE,
        lambda: {
            "data_shape": SHAPE,
            "latent_dim": 3,
            "likelihood": "gaussian",
            "num_samples": 2,
            "free_bits": 0.1,
            **conv(3),
        },
        IMAGES,
    ),
    Case(
        "vae_vectors",
        kg.VAE,
        lambda: {"data_shape": (6,), "latent_dim": 2, "likelihood": "gaussian", **dense(2, (6,))},
        VECTORS,
    ),
]
