"""The rows of flow matching and diffusion; run by `reproduce.py`."""

import time
from pathlib import Path

import keras
import numpy as np
from common import SHAPE, classifier, labelled
from measuring import samples_of

import keras_gen as kg

RESULTS = Path(__file__).parent / "results"
SAMPLERS = (  # of the default sampler, without guidance, unless it says so
    {"steps": 10},
    {"steps": 25},
    {"steps": 50},
    {"steps": 100},
    {"steps": 100, "sampler": "ddpm"},
    {"steps": 50, "guidance": 0.25},
    {"steps": 50, "guidance": 0.5},
)
OTHERS = ("dcgan_mnist", "conditional_vae_mnist", "infogan_mnist")


def trained_diffusion(x, y, epochs, seed, batch_size=128):
    """A diffusion model of digits, as large as the shipped flow model."""
    keras.utils.set_random_seed(seed)
    model = kg.Diffusion(SHAPE, target="v", num_classes=10, seed=seed)
    model.compile(**model.default_optimizers(decay_steps=epochs * (len(x) // batch_size)))
    model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=2)
    return model


def likelihoods(model, x, labels):
    """Bits per dimension of dequantised images, by the bound and by the integral."""
    x = ((255 * x + np.random.default_rng(0).random(SHAPE)) / 256).astype("float32")
    bits = {
        method: 8 - model.score(x, labels=labels, method=method) / (np.log(2) * x[0].size) for method in ("elbo", "ode")
    }
    found = {method: [float(of.mean()), float(of.std() / np.sqrt(len(x)))] for method, of in bits.items()}
    print(found, flush=True)
    return found


def flow_and_diffusion_samples(seed=0, epochs=6, count=1_000):
    """Kernel distance, precision, recall and what a classifier says of samples, by sampler; beside other generators."""
    (x, y), (test, test_y) = labelled("train"), labelled("test")
    features = kg.evaluation.classifier_features(x, y, verbose=2)
    judge, right = classifier(x, y, test, test_y, seed)
    models = {"flow matching": kg.load("flow_mnist"), "diffusion": trained_diffusion(x, y, epochs, seed)}
    labels, figures, shown, floor = np.arange(count) % 10, {}, [], {}

    def note(name, made, labels=None, seconds=None):
        found = kg.evaluation.fidelity(made, test, features)
        said = judge.predict(made, verbose=0)
        floor.update(found["floor"])
        kept = ("kernel_distance", "kernel_distance_error", "precision", "recall")
        figures[name] = {key: found["generated"][key] for key in kept} | {"sure": float(np.mean(said.max(1) > 0.9))}
        if labels is not None:
            figures[name] |= {"as asked": float(np.mean(said.argmax(1) == labels))}
        if seconds is not None:
            figures[name] |= {"seconds of 64": seconds}
        print(name, figures[name], flush=True)
        shown.append(made[:20])

    for name, model in models.items():
        for how in SAMPLERS:
            made = np.asarray(model.sample(count, labels, seed, **how))
            start = time.perf_counter()
            model.sample(64, labels[:64], seed, **how)
            seconds = time.perf_counter() - start
            note(f"{name}, " + ", ".join(f"{key} {value}" for key, value in how.items()), made, labels, seconds)
    bits = likelihoods(models["diffusion"], test[:200], test_y[:200])
    for name in OTHERS:
        made = samples_of(name, count, seed)
        note(name, made, labels if kg.load(name).supervision == "required" else None)
    kg.images.save_grid(np.concatenate(shown), RESULTS / "flow_and_diffusion.png", columns=20)
    sure_of_real = float(np.mean(judge.predict(test, verbose=0).max(1) > 0.9))
    return {
        "what": f"Flow matching and diffusion of MNIST beside other generators, {count:,} samples: kernel distance "
        "and, in brackets, the share % of which a classifier of real digits is more than 90 % sure. "
        "`results/flow_and_diffusion.png`: a row for each of these",
        "published": "none on these features",
        "ours": "; ".join(
            f"{name} {part['kernel_distance']:.1f} ({100 * part['sure']:.1f})" for name, part in figures.items()
        )
        + f"; real test images ({100 * sure_of_real:.1f})",
        "figures": {
            "generators": figures,
            "floor": floor,
            "sure of real": sure_of_real,
            "bits per dimension of 200 dequantised test images by the diffusion model": bits,
        },
        "settings": f"flow matching: the shipped model; diffusion: v-target, {epochs} epochs, Adam 1e-3, cosine to 0, "
        f"batch 128; classes in turn; {features.name}; judge 784-512-64-10, right on {100 * right:.1f} %",
        "seed": seed,
    }


def likelihood_by_ode(seed=0, count=500, epochs=6, batch_size=128):
    """Bits per dimension of 8-bit MNIST: by the probability-flow equation, and by the bound of a VAE."""
    (x, _), (test, test_y) = labelled("train"), labelled("test")
    chosen = np.random.default_rng(seed).permutation(len(test))[:count]
    flow = kg.load("flow_mnist")
    figures = {}
    for steps in (25, 50):
        bits = flow.bits_per_dimension(test[chosen], test_y[chosen], steps=steps)
        figures[f"flow matching, {steps} steps"] = [float(bits.mean()), float(bits.std() / np.sqrt(count))]
        print(figures, flush=True)
    keras.utils.set_random_seed(seed)
    vae = kg.VAE(SHAPE, 32, likelihood="discretized_logistic", seed=seed)
    vae.compile(**vae.default_optimizers(decay_steps=epochs * (len(x) // batch_size)))
    vae.fit(x, batch_size=batch_size, epochs=epochs, verbose=2)
    bits = -vae.score(test[chosen]) / (np.log(2) * np.prod(SHAPE))
    figures["VAE, discretized logistic"] = [float(bits.mean()), float(bits.std() / np.sqrt(count))]
    return {
        "what": f"Bits per dimension of 8-bit MNIST, {count} test images, mean and its error: upper bounds, of the "
        "flow model by uniform dequantisation, given the class; of the VAE by the ELBO",
        "published": "none of 8-bit MNIST by these",
        "ours": ", ".join(f"{name} {mean:.3f} +- {error:.3f}" for name, (mean, error) in figures.items()),
        "figures": figures,
        "settings": "flow: the shipped model, Heun's method, one probe of Hutchinson's trace; VAE: default "
        f"convolutional networks, 32 units, {epochs} epochs, Adam 1e-3, cosine to 0, batch {batch_size}",
        "seed": seed,
    }
