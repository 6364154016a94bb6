"""The shipped models: `python benchmarks/ship.py NAME` trains one into saved_models/, with card and picture.

`python benchmarks/ship.py index` writes index.json, by which an installation knows the files that it fetches.

TFDS_DATA_DIR must lead to the prepared MNIST.
"""

import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

import keras_gen as kg
from keras_gen.downloads import sha256_of
from keras_gen.files import write_json

FOLDER = Path(__file__).parents[1] / "saved_models"
RECIPES = {}
UNITS = (
    "nats per image for the loss, its terms and `score` (of a VAE the ELBO); squared error summed over the\n"
    "pixels of an image; PSNR in dB of the mean squared error."
)
UNITS_OF_ROWS = "nats per row for the loss, its terms and `score`, the ELBO; squared error summed over encoded values."


def recipe(function):
    """Registers a recipe: returns `kg.training.train`'s arguments, a limits text, and what draws images and columns."""
    RECIPES[function.__name__] = function
    return function


@recipe
def vae_mnist_2d():
    settings = {"model": "vae", "data": "mnist", "latent_dim": 2, "encoder": "dense", "epochs": 100,
                "schedule": "cosine", "seed": 0}  # fmt: skip
    limits = (
        "Two numbers do not hold a handwriting: reconstructions are blurred, and digits that look alike (4 and 9, 3, 5 "
        "and 8) share regions of the plane. It knows centred 28 x 28 digits, light on dark, and nothing else. The "
        "training images are gray, so the cross entropy and with it the figures in nats are not comparable with those "
        "of binarized MNIST."
    )
    return settings, limits, lambda model: (kg.tasks.manifold(model, size=20), 20)


@recipe
def denoiser_mnist():
    settings = {"model": "denoising_autoencoder", "data": "mnist", "latent_dim": 128, "level": 0.4,
                "encoder": "dense", "epochs": 60, "schedule": "cosine", "seed": 0}  # fmt: skip
    limits = (
        "It restores centred 28 x 28 digits, light on dark, and makes digits of everything else. It was trained on one "
        "kind and one level of noise, Gaussian of standard deviation 0.4, clipped; it also restores other levels and "
        "salt and pepper, and hardly masked pixels. Where noise hides a stroke it invents a likely one."
    )

    def picture(model):
        images = kg.data.stack(kg.data.load("mnist", "test", limit=16))
        noisy = model.corrupt(images, seed=1)
        return kg.images.rows(images, noisy, model.denoise(noisy)), 16

    return settings, limits, picture


@recipe
def vae_mnist_conv16():
    settings = {"model": "vae", "data": "mnist", "latent_dim": 16, "encoder": "conv", "decoder": "conv", "epochs": 25,
                "schedule": "cosine", "seed": 0}  # fmt: skip
    limits = (
        "Sixteen numbers hold most of a handwriting: reconstructions are close, and codes drawn from the prior give "
        "digits of which some are between two classes. It knows centred 28 x 28 digits, light on dark, and nothing "
        "else. The training images are gray, so the cross entropy and with it the figures in nats are not comparable "
        "with those of binarized MNIST."
    )
    return settings, limits, lambda model: (model.sample(200, seed=1), 20)


@recipe
def conditional_vae_mnist():
    settings = {"model": "conditional_vae", "data": "mnist", "latent_dim": 8, "encoder": "dense", "epochs": 60,
                "schedule": "cosine", "seed": 0}  # fmt: skip
    limits = (
        "It draws the digit that it is asked for; the code holds the handwriting: slant, width, stroke. Rare shapes "
        "are smoothed. It knows centred 28 x 28 digits, light on dark. Figures in nats are of log p(x | label) of gray "
        "images, not comparable with those of binarized MNIST."
    )

    def picture(model):  # a row for each digit; each column one handwriting
        z = np.random.default_rng(1).standard_normal((20, model.latent_dim)).astype("float32")
        return model.decode(np.tile(z, (10, 1)), np.repeat(np.arange(10), 20)), 20

    return settings, limits, picture


@recipe
def dcgan_mnist():
    settings = {"model": "gan", "data": "mnist", "ema": 0.999, "epochs": 10, "batch_size": 64, "seed": 0}
    limits = (
        "Most samples are digits, some are between two or belong to none. It gives no likelihood, and its classes are "
        "as frequent as the game left them. It knows centred 28 x 28 digits, light on dark. The samples are those "
        "of the average of the generator."
    )
    return settings, limits, lambda model: (model.sample(200, seed=1), 20)


@recipe
def infogan_mnist():
    settings = {"model": "infogan", "data": "mnist", "ema": 0.999, "epochs": 25, "batch_size": 64,
                "schedule": "cosine", "seed": 0}  # fmt: skip
    limits = (
        "Its ten categories were found without labels: most are a digit each, some mix digits that look alike. The "
        "continuous codes change slant and width, more in some categories than in others. It knows centred 28 x 28 "
        "digits, light on dark."
    )

    def picture(model):  # each category along each of the two codes
        walks = [model.traversal(unit, steps=10, rows=10, seed=1) for unit in range(2)]
        return kg.images.like(np.concatenate(walks, axis=1).reshape(-1, *model.data_shape), walks[0]), 20

    return settings, limits, picture


@recipe
def aae_mnist_2d():
    settings = {"model": "adversarial_autoencoder", "data": "mnist", "latent_dim": 2, "encoder": "dense", "epochs": 40,
                "schedule": "cosine", "seed": 0}  # fmt: skip
    limits = (
        "Two numbers do not hold a handwriting: reconstructions are blurred, and digits that look alike share regions "
        "of the plane. Its codes are close to N(0, I), not equal to it. It knows centred 28 x 28 digits, light on dark."
    )
    return settings, limits, lambda model: (kg.tasks.manifold(model, size=20), 20)


@recipe
def super_resolution_mnist():
    settings = {"model": "pix2pix", "data": "mnist", "task": "super_resolution", "epochs": 4, "batch_size": 32,
                "limit": 20_000, "schedule": "cosine", "seed": 0}  # fmt: skip
    limits = (
        "It makes 28 x 28 digits of 14 x 14 ones whose pixels are means of four, light on dark, and strokes of "
        "everything else. Where a small image does not say how a stroke runs, it invents a likely one."
    )

    def picture(model):
        small, sharp = kg.data.stack(kg.data.pairs("mnist", split="test", task="super_resolution", limit=16))
        given = np.asarray(model.resize(small))
        return kg.images.rows(given, model.translate(small), sharp), 16

    return settings, limits, picture


@recipe
def rbm_mnist():
    settings = {"model": "rbm", "data": "mnist", "binarize": "dynamic", "hidden_units": 500, "persistent": True,
                "epochs": 40, "batch_size": 100, "schedule": "cosine", "seed": 0}  # fmt: skip
    limits = (
        "Its samples are the ends of Gibbs chains, which move slowly from digit to digit: a thousand steps from noise "
        "are not enough to visit all kinds as often as the data do, and some ends are no digit. It knows centred 28 x "
        "28 digits, light on dark, as zeros and ones. The score lacks log Z, which "
        "`kg.evaluation.annealed_importance_sampling` estimates."
    )

    def picture(model):  # a row for each chain, that begins at a test image: means after so many steps
        states = kg.data.stack(kg.data.load("mnist", "test", limit=10))
        strips = [states]
        for i, steps in enumerate((1, 1, 3, 5, 10, 30, 50, 100, 300, 500, 1000)):
            states = model.gibbs(states, steps=steps, seed=i)
            strips.append(model.reconstruct(states))
        return kg.images.like(np.stack(strips, axis=1).reshape(-1, *model.data_shape), strips[1]), len(strips)

    return settings, limits, picture


@recipe
def flow_mnist():
    settings = {"model": "flow_matching", "data": "mnist", "num_classes": 10, "epochs": 28, "batch_size": 128,
                "schedule": "cosine", "seed": 0}  # fmt: skip
    limits = (
        "It draws the digit that it is asked for, in fifty calls of its network, each of which costs as much as a "
        "whole sample of a VAE or GAN. About one sample in ten has a broken or a wrong stroke; with `guidance=0.5` few "
        "have, and the handwritings are more alike. It knows centred 28 x 28 digits, light on dark."
    )
    return settings, limits, lambda model: (model.sample(200, np.repeat(np.arange(10), 20), seed=1), 20)


@recipe
def vqvae_mnist_prior():
    first = {"model": "vqvae", "data": "mnist", "epochs": 8, "schedule": "cosine", "seed": 0}
    kg.training.train(out="vqvae", verbose=2, **first)
    settings = {"model": "code_prior", "data": "mnist", "vqvae": "vqvae", "num_classes": 10,
                "epochs": 7, "schedule": "cosine", "seed": 0}  # fmt: skip
    limits = (
        "It draws the digit that it is asked for, 49 whole numbers from 0 to 511 in the order of reading, each given "
        "those before; what it draws early it cannot take back, so that some strokes do not meet. Its VQVAE, which it "
        f"holds, was trained before by `kg.training.train({', '.join(f'{key}={first[key]!r}' for key in first)}, "
        "out='vqvae')`. It knows centred 28 x 28 digits, light on dark. The score is log p of the codes without the "
        "label, nats per image; `code_loss` is minus that with it."
    )
    return settings, limits, lambda model: (model.sample(200, labels=np.repeat(np.arange(10), 20), seed=1), 20)


@recipe
def vae_wine():
    from sklearn.datasets import load_wine

    rows = load_wine(as_frame=True).frame
    rows["cultivar"] = rows.pop("target").map({0: "Barolo", 1: "Grignolino", 2: "Barbera"})
    rows.to_csv("wine.csv", index=False)
    settings = {"model": "vae", "data": "wine.csv", "latent_dim": 4, "encoder": "dense*0.125",
                "decoder": "dense*0.125", "epochs": 150, "batch_size": 32, "patience": 40, "seed": 0}  # fmt: skip
    limits = (
        "It learned from some 130 wines of three cultivars of one region of Italy; the whole table (Aeberhard and "
        "Forina, UCI, CC BY 4.0; inside scikit-learn) holds 178, too few for exact figures. Samples lie within the "
        "range of the training rows. It shows what a model of a table can do: sample, impute, score columns, detect."
    )

    def picture(model):
        table = kg.data.table("wine.csv")
        return kg.plots.columns(table.frame(), model.sample(1000, seed=1), path=FOLDER / "vae_wine.png"), None

    return settings, limits, picture


def index():
    """What index.json must say: name, file, size and SHA-256 of each shipped model and detector."""
    files = sorted(path for path in FOLDER.iterdir() if path.suffix in (".keras", ".zip"))
    return [
        {"name": path.stem, "file": path.name, "size": path.stat().st_size, "sha256": sha256_of(path)} for path in files
    ]


def main():
    name = sys.argv[1] if len(sys.argv) == 2 else None
    if name == "index":
        write_json(FOLDER / "index.json", index())
        return
    if name not in RECIPES:
        sys.exit(f"usage: python benchmarks/ship.py NAME, one of index, {', '.join(RECIPES)}")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        settings, limits, picture = RECIPES[name]()
        model = kg.training.train(out=f"{folder}/run", verbose=2, **settings)
        metrics = json.loads(Path(folder, "run", "metrics.json").read_text())
        FOLDER.mkdir(exist_ok=True)
        kg.training.save(model, FOLDER / f"{name}.keras", optimizer=False)
        images, columns = picture(model)
    if columns is not None:  # or it is drawn
        kg.images.save_grid(images, FOLDER / f"{name}.png", columns)
    figures = "\n".join(
        f"| {figure} | {value:,.4f} |" if isinstance(value, float) else f"| {figure} | {value:,} |"
        for figure, value in metrics["figures"].items()
    )
    arguments = ", ".join(f"{key}={value!r}" for key, value in settings.items())
    (FOLDER / f"{name}.md").write_text(
        f"""# {name}

![{name}]({name}.png)

`kg.load("{name}")`

- **What**: {type(model).__name__}, {model.count_params():,} parameters, without the optimizer.
- **Trained by**: `python benchmarks/ship.py {name}`, which is `kg.training.train({arguments})`.
- **Data**: the training split of {settings["data"]}, nine tenths of it; metrics on all of its test split.
- **Seed** {settings["seed"]}, **{metrics["minutes"]:.1f} minutes**, {os.cpu_count()} cores, keras_gen {kg.__version__}.
- **Limits**: {limits}

| held-out metric | value |
|---|---|
{figures}

Units: {UNITS if model.table is None else UNITS_OF_ROWS}
"""
    )
    write_json(FOLDER / "index.json", index())


if __name__ == "__main__":
    main()
