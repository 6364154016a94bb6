"""The row of divergences of the VAE that ask for independent units, at matched reconstruction; run by `reproduce.py`.

Each training is kept in a file of its own, so that a run that was cut goes on where it was.
"""

import json
import sys
import time
from pathlib import Path

import keras
import numpy as np
from common import SHAPE

import keras_gen as kg

FOLDER = Path(__file__).parent / "results" / "disentangling"
SEEDS, EPOCHS, UNITS = range(5), 12, 10
# By which a training with seed 100 errs alike on 5,000 training images: by 11.8, 11.8, 11.6 and 11.5.
WEIGHTS = {"VAE": 0, "beta-VAE": 2.6, "beta-TC-VAE": 3.5, "FactorVAE": 40.0, "DIP-VAE-II": 10.0}
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


def measured(name, seed, train, truth):
    """What the codes of one training are worth; kept in a file, and read from it if it is there."""
    path = FOLDER / f"{name}_{seed}.json"
    if path.is_file():
        return json.loads(path.read_text())
    start = time.time()
    model = trained(name, WEIGHTS[name], seed, train.images)
    minutes = (time.time() - start) / 60
    codes = model.encode(truth.images)
    dci = kg.evaluation.dci(codes, truth.factors)
    found = {
        "MIG": kg.evaluation.mutual_information_gap(codes, truth.factors),
        **{f"DCI {key}": value for key, value in dci._asdict().items()},
        "FactorVAE score": kg.evaluation.factor_vae_score(codes, truth.factors),
        "squared error": error_of(model, truth.images),
        "active units": float(np.sum(np.var(codes, axis=0) > 0.01)),
        "largest correlation": float(np.abs(np.corrcoef(codes.T) - np.eye(UNITS)).max()),
        "minutes": minutes,
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, default=float) + "\n")
    print(name, seed, found, flush=True)
    return found


def disentanglement_of_divergences():
    """MIG and DCI of codes of glyphs by five seeds of each model, with weights that make their errors alike."""
    train, truth = kg.data.glyphs("train"), kg.data.glyphs("test")
    seeds = {name: [] for name in WEIGHTS}
    for seed in SEEDS:  # all models of a seed first: what is there of a run that was cut compares
        for name in WEIGHTS:
            seeds[name].append(measured(name, seed, train, truth))

    def spread(name, key, digits=2):
        values = [one[key] for one in seeds[name]]
        return f"{np.mean(values):.{digits}f} +- {np.std(values, ddof=1):.{digits}f}"

    said = {name: f"{name} ({weight:g})" if weight else name for name, weight in WEIGHTS.items()}
    return {
        "what": "Disentanglement of `glyphs` (class and six continuous factors) by divergences of the VAE at like "
        "reconstruction: MIG; DCI disentanglement, completeness; squared error",
        "published": "none on these images; of dSprites, beta-TC and FactorVAE above beta-VAE at like reconstruction",
        "ours": "; ".join(
            f"{said[name]}: {spread(name, 'MIG', 3)}; {spread(name, 'DCI disentanglement')}, "
            f"{spread(name, 'DCI completeness')}; {spread(name, 'squared error', 1)}"
            for name in WEIGHTS
        ),
        "figures": {"weights": WEIGHTS, "seeds": seeds},
        "settings": f"30,000 images, 784-256-256-{UNITS}-256-256-784, {EPOCHS} epochs, batch 128, Adam 1e-3 with a "
        "cosine to 0; judged by 5,000 test images and their factors; the weight, in brackets, is that of the KL "
        "divergence (beta-VAE), or of what is added to it. Informativeness, FactorVAE score, active units: "
        + "; ".join(
            f"{name} {spread(name, 'DCI informativeness')}, {spread(name, 'FactorVAE score')}, "
            f"{spread(name, 'active units', 1)}"
            for name in WEIGHTS
        ),
        "seed": ", ".join(map(str, SEEDS)),
    }


def pilot(name, *weights):
    """Squared errors of training images, by weight, of a seed that the row does not have."""
    images = kg.data.glyphs("train").images
    for weight in weights:
        start = time.time()
        model = trained(name, float(weight), 100, images)
        print(name, weight, round(error_of(model, images[:5000]), 3), f"{time.time() - start:.0f} s", flush=True)


if __name__ == "__main__":
    pilot(*sys.argv[1:])
