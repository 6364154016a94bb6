"""Rows on measuring and using: anomalies, disentanglement, fidelity, fakes."""

import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
from claims import CLAIMS
from common import SHAPE, labelled
from sklearn.decomposition import PCA

import keras_gen as kg

RESULTS = Path(__file__).parent / "results"

# === One digit against the rest ===


def one_digit_against_the_rest():
    """AUROC of detectors that have seen one digit only, on the whole test set; PCA and PyOD beside."""
    x, y = labelled("train")
    test, test_y = labelled("test")
    flat, areas = test.reshape(len(test), -1), {}
    plain = {"pooling": "mean"}
    better = {"relative": "energy", "blur": 1.0, **plain}
    for digit in range(10):
        normal = x[y == digit]
        flat_normal = normal.reshape(len(normal), -1)

        def note(name, scores, is_normal=test_y == digit):
            areas.setdefault(name, []).append(100 * kg.evaluation.roc(scores[is_normal], scores[~is_normal]))
            print(f"{name}: {areas[name][-1]:.2f}", flush=True)

        models = {
            "Autoencoder, 8 units": (kg.Autoencoder(SHAPE, 8, encoder="dense"), 30),
            "VAE, 16 units": (kg.VAE(SHAPE, 16, encoder="dense"), 30),
            "denoising autoencoder, 16 units": (kg.DenoisingAutoencoder(SHAPE, 16, level=0.3, encoder="dense"), 30),
            "convolutional VAE, 16 units": (kg.VAE(SHAPE, 16, encoder="conv", decoder="conv"), 10),
            "RBM, 200 units": (kg.RBM(SHAPE, 200), 20),
        }
        for name, (model, epochs) in models.items():
            keras.utils.set_random_seed(0)
            model.compile()
            model.fit(normal, epochs=epochs, batch_size=64, verbose=0)
            scores = [("reconstruction", plain), ("reconstruction", better), ("latent", {})]
            if not isinstance(model, kg.Autoencoder):
                scores.append(("likelihood", {}))
            for score, options in scores:
                detector = kg.tasks.AnomalyDetector(model, score, **options).fit(normal)
                note(
                    f"{name}: {score}{', relative and blurred' if options == better else ''}",
                    detector.score_samples(test),
                )
        pca = _Pca(20).fit(normal)
        note(
            "PCA, 20 components: reconstruction", kg.tasks.AnomalyDetector(pca, **plain).fit(normal).score_samples(test)
        )
        detector = kg.tasks.AnomalyDetector(pca, **better).fit(normal)
        note("PCA, 20 components: reconstruction, relative and blurred", detector.score_samples(test))
        for name, scores in pyod_scores(flat_normal, flat).items():
            note(name, scores)
    return digits_row(areas)


def digits_row(areas):
    """The row, of the AUROC of each detector on each digit."""
    means = {name: float(np.mean(values)) for name, values in areas.items()}
    order = sorted(means, key=means.get, reverse=True)
    return {
        "what": "One digit against the rest, MNIST: AUROC in percent, mean over the ten digits, trained on one digit, "
        "judged on the whole test set",
        "published": "Deep SVDD 94.8, OCGAN 97.5, convolutional autoencoder 92.9 +- 5.7 (not re-checked)",
        "ours": CLAIMS["one_digit_against_the_rest"]({"mean": means}),
        "figures": {"mean": means, "digits": areas},
        "settings": f"PyOD {version('pyod')} by its defaults; means: "
        + "; ".join(f"{name} {means[name]:.1f}" for name in order),
        "seed": 0,
    }


def pyod_scores(normal, test):
    """Of PyOD's detectors, in a process of its own, by name."""
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "given.npz", Path(folder) / "found.npz"
        np.savez(given, normal=normal, test=test)
        subprocess.run([sys.executable, Path(__file__).parent / "pyod_scores.py", given, found], check=True)
        return dict(np.load(found))


class _Pca:
    """Principal components as what a detector takes: something that reconstructs."""

    offers, data_shape = frozenset({"reconstruct"}), SHAPE

    def __init__(self, components):
        self.pca = PCA(components, random_state=0)

    def fit(self, images):
        self.pca.fit(images.reshape(len(images), -1))
        return self

    def reconstruct(self, images):
        made = self.pca.inverse_transform(self.pca.transform(np.reshape(images, (len(images), -1))))
        return made.reshape(np.shape(images)).astype("float32")


# === Photographs ===

PHOTOGRAPHS = "../shared/images"  # a folder of train/ and test/, each with automobile/ and ship/


def ships_among_cars():
    """AUROC of ships among cars, for a model of cars, by every score."""
    load = lambda folder: kg.data.stack(kg.data.load(f"{PHOTOGRAPHS}/{folder}", shuffle=False))  # noqa: E731
    train, cars, ships = load("train/automobile"), load("test/automobile"), load("test/ship")
    keras.utils.set_random_seed(0)
    model = kg.VAE(train.shape[1:], 64, likelihood="gaussian", encoder="conv", decoder="conv")
    model.compile()
    model.fit(train, epochs=30, batch_size=128, verbose=2)
    plain = {"pooling": "mean"}
    options = {
        "reconstruction": plain,
        "relative to energy": {"relative": "energy", **plain},
        "relative to variation": {"relative": "variation", **plain},
        "relative to variation, blurred": {"relative": "variation", "blur": 1.0, **plain},
        "likelihood": {"method": "likelihood"},
        "latent": {"method": "latent"},
    }
    areas = {}
    for name, chosen in options.items():
        detector = kg.tasks.AnomalyDetector(model, **chosen).fit(train)
        areas[name] = kg.evaluation.roc(detector.score_samples(cars), detector.score_samples(ships))
    return {
        "what": f"Ships among cars: AUROC of a VAE that was trained on {len(train):,} photographs of cars, on "
        f"{len(cars)} cars and {len(ships)} ships",
        "published": "none on these images",
        "ours": ", ".join(f"{name} {area:.2f}" for name, area in areas.items()),
        "figures": areas,
        "settings": "a failure: below 0.5 a ship looks more like a car than cars do, because it is smoother; "
        "convolutional, 64 units, Gaussian likelihood, 30 epochs",
        "seed": 0,
    }


# === Disentanglement ===


def disentanglement():
    """MIG, SAP, DCI and the FactorVAE score of codes of glyphs, by three seeds of each model."""
    train, truth = kg.data.glyphs("train"), kg.data.glyphs("test")
    makers = {
        f"VAE, beta {beta:g}": (lambda beta=beta: kg.VAE(SHAPE, 10, beta=beta, encoder="dense"), 20)
        for beta in (1.0, 2.0, 4.0, 8.0)
    }
    makers["InfoGAN, 10 + 6"] = (lambda: kg.InfoGAN(SHAPE, num_categories=10, num_continuous=6, ema=0.99), 10)
    figures = {}
    for name, (make, epochs) in makers.items():
        for seed in range(3):
            start = time.time()
            keras.utils.set_random_seed(seed)
            model = make()
            batch_size = 128 if "reconstruct" in model.offers else 64
            model.compile(**model.default_optimizers(decay_steps=epochs * len(train.images) // batch_size))
            model.fit(train.images, epochs=epochs, batch_size=batch_size, verbose=0)
            codes = codes_of(model, truth.images)
            dci = kg.evaluation.dci(codes, truth.factors)
            found = {
                "MIG": kg.evaluation.mutual_information_gap(codes, truth.factors),
                "SAP": kg.evaluation.sap(codes, truth.factors),
                **{f"DCI {name}": value for name, value in dci._asdict().items()},
                "FactorVAE score": kg.evaluation.factor_vae_score(codes, truth.factors),
                "minutes": (time.time() - start) / 60,
            }
            if "reconstruct" in model.offers:
                found["squared error"] = kg.evaluation.report(model, truth.images[:2000])["squared_error"]
            figures.setdefault(name, []).append(found)
            print(name, seed, found, flush=True)
    kg.images.save_grid(model.sample(40, seed=0), RESULTS / "disentanglement_infogan.png", columns=20)
    means = {
        name: {key: float(np.mean([one[key] for one in of_seeds])) for key in of_seeds[0]}
        for name, of_seeds in figures.items()
    }
    spread = {name: float(np.std([one["MIG"] for one in of_seeds], ddof=1)) for name, of_seeds in figures.items()}
    return {
        "what": "Disentanglement of `glyphs` (class and six continuous factors), mean of 3 seeds: MIG",
        "published": "of dSprites, another dataset and 300,000 steps: VAE .10, beta-VAE .21; only the order compares",
        "ours": "; ".join(f"{name}: {found['MIG']:.3f} +- {spread[name]:.3f}" for name, found in means.items()),
        "figures": {"mean": means, "seeds": figures},
        "settings": "30,000 images; VAE: 10 units, batch 128, 20 epochs; InfoGAN: batch 64, 10 epochs; SAP, DCI "
        "(disentanglement, completeness, informativeness), FactorVAE score: "
        + "; ".join(
            f"{name} {m['SAP']:.3f}, {m['DCI disentanglement']:.2f} {m['DCI completeness']:.2f} "
            f"{m['DCI informativeness']:.2f}, {m['FactorVAE score']:.2f}"
            for name, m in means.items()
        ),
        "seed": "0, 1, 2",
    }


def codes_of(model, images):
    """(N, D); of an InfoGAN what it infers: the category, as one unit, and the continuous codes.

    Ten probabilities would share what they know of the class, and have no gap between the best and the second best.
    """
    if "encode" in model.offers:
        return model.encode(images)
    probabilities, continuous = model.infer_codes(images)
    return np.column_stack([np.argmax(probabilities, axis=1), continuous])


# === Fidelity of the shipped generators ===

GENERATORS = (
    "vae_mnist_conv16",
    "vae_mnist_2d",
    "conditional_vae_mnist",
    "aae_mnist_2d",
    "dcgan_mnist",
    "infogan_mnist",
    "rbm_mnist",
)


def samples_of(name, count, seed=0):
    """Images of a shipped generator; of one that takes labels, of all classes alike."""
    model = kg.load(name)
    labels = np.arange(count) % 10 if model.supervision == "required" else None
    return np.asarray(model.sample(count, labels=labels, seed=seed))


def fidelity_of_generators():
    """Kernel distance, precision, recall, classes, memorisation and sharpness of everything shipped that samples."""
    count = 5_000
    x, y = labelled("train")
    test, _ = labelled("test")
    features = kg.evaluation.classifier_features(x, y, verbose=2)
    figures, shown = {}, []
    for name in GENERATORS:
        made = samples_of(name, count)
        found = kg.evaluation.fidelity(made, test, features)
        shares, confidence = kg.evaluation.class_histogram(made, features)
        indices, distances = kg.evaluation.nearest(made[:1000], x)
        figures[name] = found["generated"] | {
            "rarest class": float(shares.min()),
            "most frequent class": float(shares.max()),
            "confidence": confidence,
            "sharpness": sharpness(made),
            "nearest of the training images": float(np.median(distances)),
        }
        shown.append(kg.images.rows(made[:12], x[indices[:12]]))
        print(name, figures[name], flush=True)
    _, confidence = kg.evaluation.class_histogram(test, features)
    _, distances = kg.evaluation.nearest(test[:1000], x)
    beside = {"confidence": confidence, "sharpness": sharpness(test), "nearest": float(np.median(distances))}
    kg.images.save_grid(np.concatenate(shown), RESULTS / "nearest.png", columns=12)
    all_figures = {"generators": figures, "floor": found["floor"], "control": found["control"], "real": beside}
    return {
        "what": "Fidelity of the shipped generators, 5,000 samples against 5,000 test images of MNIST: kernel distance "
        "x 1000, precision, recall on classifier features; `results/nearest.png` shows 12 "
        "samples of each above the nearest training images",
        "published": "none on these features",
        "ours": CLAIMS["fidelity_of_generators"](all_figures),
        "figures": all_figures,
        "settings": f"{found['features']}; 50 subsets of 1,000, 5 neighbors; squared gradient beside that of real "
        "images: "
        + ", ".join(f"{name} {part['sharpness'] / beside['sharpness']:.2f}" for name, part in figures.items())
        + f"; median distance to the nearest training image: test images {beside['nearest']:.2f}, "
        + ", ".join(f"{name} {part['nearest of the training images']:.2f}" for name, part in figures.items()),
        "seed": 0,
    }


def mixtures_of_codes(name="vae_mnist_conv16", count=5_000):
    """Fidelity of a shipped VAE: codes from its prior, and from mixtures that are fitted to codes."""
    x, y = labelled("train")
    test, _ = labelled("test")
    features, model = kg.evaluation.classifier_features(x, y, verbose=2), kg.load(name)
    samplers = {"prior": model}
    for components in (1, 10, 50):
        samplers[f"{components} component{'s' * (components > 1)}"] = kg.tasks.CodeSampler(model, components).fit(x)
    figures = {}
    for prior, sampler in samplers.items():
        compared = kg.evaluation.fidelity(np.asarray(sampler.sample(count, seed=0)), test, features)
        figures[prior] = compared["generated"]
        print(prior, figures[prior], flush=True)
    return {
        "what": f"Samples of {name}, {count:,} against {count:,} test images of MNIST: kernel distance x 1000, "
        "precision, recall on classifier features; codes from the prior, or from normals fitted to 20,000 codes",
        "published": "Ghosh et al. 2020: a mixture fitted afterwards beats the prior of a VAE",
        "ours": "; ".join(
            f"{prior}: {1000 * found['kernel_distance']:.0f} +- {1000 * found['kernel_distance_error']:.0f}, "
            f"{found['precision']:.3f}, {found['recall']:.3f}"
            for prior, found in figures.items()
        ),
        "figures": figures,
        "settings": f"{compared['features']}; 50 subsets of 1,000; full covariances, fitted to posterior means",
        "seed": 0,
    }


def sharpness(images):
    """The mean squared difference of a pixel to its right and its lower neighbor: what blur takes away."""
    return float(np.mean(np.diff(images, axis=1) ** 2) + np.mean(np.diff(images, axis=2) ** 2))


# === Fakes ===


def fakes():
    """AUROC of detectors of fakes on generators that they have seen, and have not."""
    many, few = 3_000, 1_000
    real, test = labelled("train")[0][:many], labelled("test")[0][:few]
    made = {name: samples_of(name, many + few) for name in GENERATORS}

    def areas(detector):
        of_real = detector.score_samples(test)
        return {name: kg.evaluation.roc(of_real, detector.score_samples(part[many:])) for name, part in made.items()}

    def detector_of(names):
        generated = np.concatenate([made[name][:many] for name in names])
        return kg.tasks.FakeDetector(SHAPE).fit(real, generated, verbose=0)

    table = {name: areas(detector_of([name])) for name in GENERATORS}
    for name in GENERATORS:
        print(name, table[name], flush=True)
    others = {name: areas(detector_of([other for other in GENERATORS if other != name]))[name] for name in GENERATORS}
    normal = labelled("train")[0][many : many + few]
    anomaly = kg.tasks.AnomalyDetector(kg.load("vae_mnist_conv16"), relative="energy", blur=1.0, pooling="mean").fit(
        normal
    )
    unusual = areas(anomaly)
    own = np.mean([table[name][name] for name in GENERATORS])
    one = np.mean([table[name][other] for name in GENERATORS for other in GENERATORS if other != name])
    six, none = (np.mean(list(part.values())) for part in (others, unusual))
    return {
        "what": "Fake detection, MNIST: AUROC on generators that the detector was trained on, and on others",
        "published": "none on MNIST; that detectors carry over to like generators only is Wang et al. 2020",
        "ours": f"seen {own:.3f}; not seen, trained on one other {one:.3f}, on the six others {six:.3f}; without any "
        f"fake, by the errors of a VAE {none:.3f}",
        "figures": {"trained on, judged on": table, "trained on the others": others, "anomaly detector": unusual},
        "settings": f"{many:,} real and {many:,} generated images of each, 5 epochs, rounded to 8 bits; judged on "
        f"{few:,} and {few:,} others; the worst of each: "
        + ", ".join(f"{name} -> {min(row, key=row.get)} {min(row.values()):.3f}" for name, row in table.items()),
        "seed": 0,
    }
