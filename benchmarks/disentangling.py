"""The row of divergences of the VAE that ask for independent units, at matched reconstruction; run by `reproduce.py`.

Each training is kept in a file of its own, so that a run that was cut goes on where it was.
"""

import sys
import time
from pathlib import Path

import keras
from common import SHAPE

import keras_gen as kg

FOLDER = Path(__file__).parent / "results" / "disentangling"
SEEDS, EPOCHS, UNITS = range(5), 12, 10
MAKERS = {
    "VAE": lambda weight, **given: kg.VAE(SHAPE, UNITS, **given),
    "beta-VAE": lambda weight, **given: kg.VAE(SHAPE, UNITS, beta=weight, **given),
    "beta-TC-VAE": lambda weight, **given: kg.VAE(SHAPE, UNITS, divergence="tc", divergence_weight=weight, **given),
    "FactorVAE": lambda weight, **given: kg.FactorVAE(SHAPE, UNITS, gamma=weight, **given),
    "DIP-VAE-II": lambda weight, **given: kg.VAE(SHAPE, UNITS, divergence="dip", divergence_weight=weight, **given),
}


def networks():
    """The bodies of every model of the row."""
    return {
        "encoder": kg.networks.dense_encoder(SHAPE, (256, 256)),
        "decoder": kg.networks.dense_decoder(UNITS, SHAPE, (256, 256)),
    }


def trained(name, weight, seed, images, epochs=EPOCHS):
    keras.utils.set_random_seed(seed)
    model = MAKERS[name](weight, seed=seed, **networks())
    model.compile(**model.default_optimizers(decay_steps=epochs * len(images) // 128))
    model.fit(images, epochs=epochs, batch_size=128, verbose=0)
    return model


def error_of(model, images):
    """Squared error per image of the posterior mean."""
    return kg.evaluation.report(model, images)["squared_error"]


def pilot(name, *weights):
    """Squared errors of training images, by weight, of a seed that the row does not have."""
    images = kg.data.glyphs("train").images
    for weight in weights:
        start = time.time()
        model = trained(name, float(weight), 100, images)
        print(name, weight, round(error_of(model, images[:5000]), 3), f"{time.time() - start:.0f} s", flush=True)


if __name__ == "__main__":
    pilot(*sys.argv[1:])
