"""The pictures that the pages need beside those of shipped models and results: `python docs/make_gallery.py [NAME]`.

Each model is trained on the 5,000 digits that come with the package, for a minute at most. Written to docs/pictures/.
"""

import sys
import time
from pathlib import Path

import numpy as np

import keras_gen as kg

PICTURES = Path(__file__).parent / "pictures"
SHAPE = (28, 28, 1)
RECIPES = {}


def recipe(function):
    """Registers a function that returns images and how many stand in a row, or writes the file of its name itself."""
    RECIPES[function.__name__] = function
    return function


def digits(split="train", **options):
    return kg.data.load("mnist_mini", split, **options)


def trained(model, epochs, data=None, **options):
    model.compile(**options)
    model.fit(digits(batch_size=64) if data is None else data, epochs=epochs, verbose=0)
    return model


def reconstructions(model):
    images = kg.data.stack(digits("test", limit=12))
    return kg.images.rows(images, model.reconstruct(images)), 12


@recipe
def start():
    """What the five lines make."""
    model = kg.VAE((8, 8, 1), latent_dim=2)
    trained(model, 100, kg.data.load("digits"), optimizer="adam")
    return model.sample(64, seed=1), 16


@recipe
def linear_autoencoder():
    return reconstructions(trained(kg.LinearAutoencoder(SHAPE, 32), 20, optimizer="adam"))


@recipe
def autoencoder():
    return reconstructions(trained(kg.Autoencoder(SHAPE, 32, encoder="dense", decoder="dense"), 30, optimizer="adam"))


@recipe
def sparse_autoencoder():
    """What 48 units look for."""
    model = kg.SparseAutoencoder(SHAPE, 100, rho=0.05, beta=3.0, encoder="shallow", decoder="tied")
    return kg.tasks.filters(trained(model, 60, optimizer="adam"), 48), 12


@recipe
def contractive_autoencoder():
    model = kg.ContractiveAutoencoder(SHAPE, 100, weight=0.1, encoder="shallow", decoder="tied")
    return kg.tasks.filters(trained(model, 60, optimizer="adam"), 48), 12


@recipe
def source_separator():
    """Mixtures of two digits, and the two."""
    model = trained(kg.SourceSeparator(SHAPE, num_sources=2, encoder="dense", decoder="dense"), 60, optimizer="adam")
    mixtures, _ = model.mix(kg.data.stack(digits("test", limit=12)))
    return kg.images.rows(mixtures, *model.separate(mixtures).swapaxes(0, 1)), 12


@recipe
def semi_supervised_vae():
    """A row for each class, a column for each style."""
    model = kg.SemiSupervisedVAE(SHAPE, num_classes=10, latent_dim=8, encoder="dense", decoder="dense")
    trained(model, 40, digits(labels=True, num_labels=200, batch_size=64))
    z = np.random.default_rng(1).standard_normal((12, model.latent_dim)).astype("float32")
    return model.decode(np.tile(z, (10, 1)), np.repeat(np.arange(10), 12)), 12


@recipe
def mixture_vae():
    """A row for each component."""
    model = kg.MixtureVAE(SHAPE, latent_dim=8, num_components=10, encoder="dense", decoder="dense")
    trained(model, 40, optimizer="adam")
    return model.sample(120, labels=np.repeat(np.arange(10), 12), seed=1), 12


@recipe
def factor_vae():
    """What each of ten units does to a digit."""
    model = trained(kg.FactorVAE(SHAPE, 10, encoder="dense", decoder="dense"), 40)
    return kg.tasks.traverse(model, kg.data.stack(digits("test", limit=1))[0]), None


@recipe
def hierarchical_vae():
    model = kg.HierarchicalVAE(SHAPE, 16, 4, encoder="dense", decoder="dense")
    return trained(model, 40, optimizer="adam").sample(60, seed=1), 12


@recipe
def diffusion():
    """The way from noise to digits of 8 x 8 pixels."""
    model = trained(kg.Diffusion((8, 8, 1), ema=0.99), 200, kg.data.load("digits"))
    return np.concatenate(model.trajectory(16, seed=1, frames=6)), 16


@recipe
def vqvae():
    """Digits above what 49 whole numbers keep of them, by the VQVAE inside of a shipped prior."""
    images = kg.data.stack(digits("test", limit=12))
    model = kg.load("vqvae_mnist_prior")
    return kg.images.rows(images, model.decode(model.encode(images))), 12


def machine(model):
    steps = 100 * 60
    return trained(model, 60, digits(binarize="static", batch_size=50), **model.default_optimizers(None, steps))


@recipe
def deep_belief_network():
    """Reconstructions: the samples of so short a training are all alike."""
    return reconstructions(machine(kg.DeepBeliefNetwork(SHAPE, (200, 200))))


@recipe
def deep_boltzmann_machine():
    return machine(kg.DeepBoltzmannMachine(SHAPE, (200, 200), pretraining=0.3)).sample(60, seed=1, steps=1000), 12


@recipe
def traversal():
    """What each of eight units of a shipped VAE does to a digit."""
    image = kg.data.stack(digits("test", limit=1))
    model = kg.load("vae_mnist_conv16")
    return kg.tasks.traverse(model, image[0]), None


@recipe
def heat_map():
    """Digits, the same with a stroke across, and where a detector of normal digits finds the stroke."""
    normal = kg.data.stack(digits())
    images = kg.data.stack(digits("test", limit=12))
    odd = images.copy()
    for i, image in enumerate(odd):
        image[4 + i : 6 + i, 4:24] = 1.0
    detector = kg.tasks.AnomalyDetector(kg.load("vae_mnist_conv16"), "reconstruction").fit(normal)
    maps = np.asarray(detector.heatmap(odd)).reshape(images.shape)
    return kg.images.rows(images, odd, maps / maps.max(axis=(1, 2, 3), keepdims=True)), 12


@recipe
def rate_distortion():
    model = trained(kg.Autoencoder(SHAPE, 32, encoder="dense", decoder="dense"), 30, optimizer="adam")
    test = kg.data.stack(digits("test"))
    kg.tasks.compression.rate_distortion(model, test, PICTURES / "rate_distortion.png")


@recipe
def codes():
    """The plane of a shipped VAE, coloured by class."""
    images, labels = kg.data.stack(digits("test", labels=True))
    kg.tasks.latent_map(kg.load("vae_mnist_2d"), images, labels, path=PICTURES / "codes.png")


def main():
    PICTURES.mkdir(exist_ok=True)
    for name in sys.argv[1:] or RECIPES:
        start = time.time()
        made = RECIPES[name]()
        if made is not None:
            images, columns = made
            columns = columns or int(np.shape(images)[1] if np.ndim(images) == 5 else 12)
            images = np.reshape(images, (-1, *np.shape(images)[-3:]))
            kg.images.save_grid(images, PICTURES / f"{name}.png", columns=columns)
        print(f"{name}: {time.time() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
