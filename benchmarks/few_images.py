"""Adversarial networks of few images, with and without what is said to help; run by `reproduce.py`."""

import time
from pathlib import Path

import keras
import numpy as np
from common import labelled
from measuring import PHOTOGRAPHS

import keras_gen as kg

RESULTS = Path(__file__).parent / "results"
ARMS = {
    "plain": {},
    "augmented": {"augment": "diff"},
    "augmented, R1": {"augment": "diff", "r1": 0.1},
    "augmented, spectral norm": {"augment": "diff", "spectral_norm": True, "loss": "hinge"},
}
FEW_DIGITS, FEW_PHOTOGRAPHS = 1_000, 1_500
DIGITS = {"arms": tuple(ARMS), "bodies": "infogan", "batch_size": 64, "steps": 2_000}
RESIDUAL = {"arms": ("plain", "augmented, spectral norm"), "bodies": "residual", "batch_size": 32, "steps": 1_500}


def photographs():
    """Automobiles and ships, 1,500 for training, and 2,100 others with their labels."""
    train, test = (
        kg.data.stack(kg.data.load(f"{PHOTOGRAPHS}/{folder}", labels=True, shuffle=False))
        for folder in ("train", "test")
    )
    order = np.random.default_rng(0).permutation(len(train[0]))
    few, others = np.split(order, [FEW_PHOTOGRAPHS])
    held_out = [np.concatenate([of_train[others], of_test]) for of_train, of_test in zip(train, test, strict=True)]
    return train[0][few], *held_out


def trained(images, arguments, bodies, batch_size, steps, seed=0):
    """A GAN of so many steps on few images."""
    keras.utils.set_random_seed(seed)
    model = kg.GAN(images.shape[1:], ema=0.999, generator=bodies, discriminator=bodies, seed=seed, **arguments)
    model.compile()
    per_epoch = len(images) // batch_size
    model.fit(images[: per_epoch * batch_size], batch_size=batch_size, epochs=steps // per_epoch, verbose=0)
    return model


def judged(model, images, held_out, features, count=1_000):
    """Distances of samples to held-out images, what they cover, and how near they are to the training images."""
    made = np.asarray(model.sample(count, seed=1))
    found = kg.evaluation.fidelity(made, held_out, features)
    distances = kg.evaluation.nearest(made, images)[1]
    others = kg.evaluation.nearest(held_out[:count], images)[1]
    figures = {
        name: found["generated"][name] for name in ("kernel_distance", "kernel_distance_error", "precision", "recall")
    }
    figures |= {"nearest": float(np.median(distances)), "nearest of held-out": float(np.median(others))}
    return figures, found["floor"], made[:16]


def gan_from_few_images(seed=0):
    """Two sets of few images, four discriminators."""
    digits, digit_labels = labelled("train")
    test, _ = labelled("test")
    few_photographs, other_photographs, kinds = photographs()
    tasks = {
        "digits": (
            digits[:FEW_DIGITS],
            test,
            kg.evaluation.classifier_features(digits, digit_labels, verbose=2),
            DIGITS,
        ),
        "photographs": (
            few_photographs,
            other_photographs,
            kg.evaluation.classifier_features(other_photographs, kinds, epochs=12, verbose=2),
            RESIDUAL,
        ),
    }
    figures, floors = {}, {}
    for task, (images, held_out, features, settings) in tasks.items():
        figures[task], shown = {}, [images[:16]]
        for arm in settings["arms"]:
            start = time.perf_counter()
            model = trained(images, ARMS[arm], settings["bodies"], settings["batch_size"], settings["steps"], seed)
            figures[task][arm], floors[task], samples = judged(model, images, held_out, features)
            shown.append(samples)
            figures[task][arm]["minutes"] = (time.perf_counter() - start) / 60
            print(task, arm, figures[task][arm], flush=True)
            kg.images.save_grid(np.concatenate(shown), RESULTS / f"few_{task}.png", columns=16)
    return {
        "what": f"GANs of {FEW_DIGITS:,} digits and of {FEW_PHOTOGRAPHS:,} photographs of 32 x 32 pixels: kernel "
        "distance of 1,000 samples to held-out images; `results/few_digits.png` and `few_photographs.png` show "
        "real images and samples of each discriminator",
        "published": "none on these features",
        "ours": "; ".join(
            f"{task}: " + ", ".join(f"{arm} {part['kernel_distance']:.3g}" for arm, part in arms.items())
            for task, arms in figures.items()
        ),
        "figures": {"arms": figures, "floor": floors},
        "settings": f"digits: half-width DCGAN of InfoGAN, batch {DIGITS['batch_size']}, {DIGITS['steps']:,} steps; "
        f"photographs: residual networks with attention, batch {RESIDUAL['batch_size']}, {RESIDUAL['steps']:,} steps; "
        "Adam 2e-4, moving average 0.999; R1 of weight 0.1; spectral normalisation with the hinge loss; 64 features "
        "of a classifier; median distance of a sample to the nearest training image in `figures`",
        "seed": seed,
    }
