"""Rows on anomalies by features: photographs of another kind, and one digit against the rest.

PYOD_PYTHON and IMAGENET_PYTHON name interpreters that have PyOD, and torch with the network of `imagenet_features.py`;
without one of them its figures are left out. IMAGENET_FEATURES names a file that the latter has written before.
"""

import os
import subprocess
import tempfile
from pathlib import Path

import keras
import numpy as np
from common import labelled
from measuring import PHOTOGRAPHS

import keras_gen as kg

HERE = Path(__file__).parent
KINDS = ("automobile", "ship")
BOOTSTRAPS = 2000


def interval(normal, odd, seed=0):
    """The area under the ROC of scores, and 95 % of it over bootstraps of both kinds. -> area, low, high."""
    rng = np.random.default_rng(seed)
    ranks = lambda a, b: (np.searchsorted(np.sort(b), a, "left") + np.searchsorted(np.sort(b), a, "right")).mean()  # noqa: E731
    area = lambda a, b: float(ranks(a, b) / 2 / len(b))  # noqa: E731
    drawn = [area(rng.choice(normal, len(normal)), rng.choice(odd, len(odd))) for _ in range(BOOTSTRAPS)]
    return [area(normal, odd), *map(float, np.quantile(drawn, [0.025, 0.975]))]


def elsewhere(program, arrays, python, *options):
    """What a program with libraries of its own makes of arrays."""
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "given.npz", Path(folder) / "found.npz"
        np.savez(given, **arrays)
        subprocess.run([python, HERE / program, given, found, *options], check=True)
        return dict(np.load(found))


def photographs_by_features():
    """AUROC of ships among cars and of cars among ships, of detectors that have seen the one kind only.

    Colour, cells and neighbours of the gradients were chosen on training images: 1,200 of them to fit, 300 others and
    300 training images of the other kind to judge.
    """
    load = lambda part, kind: kg.data.stack(kg.data.load(f"{PHOTOGRAPHS}/{part}/{kind}", shuffle=False))  # noqa: E731
    x = {f"{part}_{kind}": load(part, kind) for part in ("train", "test") for kind in KINDS}
    imagenet = _imagenet(x)
    areas = {}
    for normal, odd in (KINDS, KINDS[::-1]):
        direction = f"{odd}s among {normal}s"

        count = len(x[f"test_{normal}"])

        def note(name, scores, direction=direction, count=count):
            areas.setdefault(direction, {})[name] = found = interval(scores[:count], scores[count:])
            print(f"{direction}, {name}: {found[0]:.3f} ({found[1]:.3f} to {found[2]:.3f})", flush=True)

        train, test = x[f"train_{normal}"], np.concatenate([x[f"test_{normal}"], x[f"test_{odd}"]])
        keras.utils.set_random_seed(0)
        model = kg.VAE(train.shape[1:], latent_dim=64, likelihood="gaussian")
        model.compile()
        model.fit(train[:-300], epochs=60, batch_size=32, verbose=2)
        for method in ("reconstruction", "likelihood", "latent", "neighbors", "gaussian", "patches"):
            remembers = method in ("neighbors", "gaussian", "patches")
            detector = kg.tasks.AnomalyDetector(model, method).fit(train if remembers else train[-300:])
            note(f"VAE of the normal ones: {method}", detector.score_samples(test))
        for colour in (0.0, 1.0):
            network = kg.tasks.oriented_gradients(train.shape[1:], colour=colour)
            for method in ("neighbors", "gaussian", "patches"):
                detector = kg.tasks.AnomalyDetector(network, method).fit(train)
                note(f"oriented gradients, colour {colour:g}: {method}", detector.score_samples(test))
        if imagenet:
            features = np.concatenate([imagenet[f"test_{normal}"], imagenet[f"test_{odd}"]])
            for method in ("neighbors", "gaussian"):
                detector = kg.tasks.AnomalyDetector(np.asarray, method).fit(imagenet[f"train_{normal}"])
                note(f"EfficientNet-Lite0: {method}", detector.score_samples(features))
        if "PYOD_PYTHON" in os.environ:
            flat = {"normal": train.reshape(len(train), -1), "test": test.reshape(len(test), -1)}
            for name, scores in elsewhere("pyod_scores.py", flat, os.environ["PYOD_PYTHON"], "more").items():
                note(f"{name} on pixels", scores)
    ours = "; ".join(
        f"{direction}: " + ", ".join(f"{name} {part[name][0]:.2f}" for name in (best_of(part, "oriented"), *named))
        for direction, part in areas.items()
        for named in [[name for name in (best_of(part, w) for w in ("VAE", "EfficientNet", "PyOD")) if name]]
    )
    return {
        "what": "Photographs of another kind: AUROC of detectors that remember features of 1,500 photographs of one "
        "kind, on 300 of it and 300 of the other",
        "published": "none on these images",
        "ours": ours,
        "figures": areas,
        "settings": "The VAE has its default networks and 64 codes, 60 epochs of 1,200 of the images; 5 nearest "
        "neighbours; a coreset of a tenth; intervals of 2,000 bootstraps; EfficientNet-Lite0 of ImageNet at 160 "
        "pixels; PyOD by its defaults",
        "seed": 0,
    }


def best_of(part, word):
    """The detector with the largest area of those with a word in their name; None without any."""
    names = [name for name in part if word in name]
    return max(names, key=lambda name: part[name][0], default=None)


def _imagenet(x):
    if "IMAGENET_FEATURES" in os.environ:
        return dict(np.load(os.environ["IMAGENET_FEATURES"]))
    if "IMAGENET_PYTHON" in os.environ:
        return elsewhere("imagenet_features.py", x, os.environ["IMAGENET_PYTHON"])
    return {}


def digits_by_features():
    """AUROC in percent of one digit against the rest, by features of oriented gradients; nothing is chosen."""
    x, y = labelled("train")
    test, test_y = labelled("test")
    areas = {}
    network = kg.tasks.oriented_gradients(x.shape[1:])
    for digit in range(10):
        for method in ("neighbors", "patches"):
            scores = kg.tasks.AnomalyDetector(network, method).fit(x[y == digit]).score_samples(test)
            areas.setdefault(method, []).append(
                100 * kg.evaluation.roc(scores[test_y == digit], scores[test_y != digit])
            )
            print(f"{digit}, {method}: {areas[method][-1]:.2f}", flush=True)
    means = {method: float(np.mean(values)) for method, values in areas.items()}
    return {
        "what": "One digit against the rest, MNIST, by features: AUROC in percent, mean over the ten digits, of "
        "detectors that remember one digit, judged on the whole test set",
        "published": "beside 98.3 of the best of 23 detectors, which was chosen on the test set",
        "ours": ", ".join(f"{method} {mean:.1f}" for method, mean in means.items()),
        "figures": {"mean": means, "digits": areas},
        "settings": "oriented gradients, defaults of all methods; nothing is trained, and nothing was chosen",
        "seed": 0,
    }
