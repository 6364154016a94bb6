"""From how many steps on XLA pays on a CPU: `python benchmarks/xla.py` writes results/xla.json.

For dense models of several sizes: seconds of the first `fit` beyond its steps, and seconds of a step, both with and
without XLA, in turns. Their quotient is the number of steps after which XLA has saved what its compiling costs; that
number times the weights is what `keras_gen.core.execution.XLA_PAYS_FROM` is a rule for.
"""

import os
import time
from pathlib import Path

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
from racing import write

import keras_gen as kg

STEPS, ROUNDS = 64, 7
DENSE = {"encoder": "dense", "decoder": "dense"}
MODELS = {
    "VAE of 8 x 8, batch 32": (lambda: kg.VAE((8, 8, 1), 8, **DENSE), 32),
    "VAE of 28 x 28, batch 32": (lambda: kg.VAE((28, 28, 1), 16, **DENSE), 32),
    "VAE of 28 x 28, batch 128": (lambda: kg.VAE((28, 28, 1), 16, **DENSE), 128),
    "AAE of 28 x 28, batch 128": (lambda: kg.AdversarialAutoencoder((28, 28, 1), 8, **DENSE), 128),
    "RBM of 500 units, batch 100": (lambda: kg.RBM((28, 28, 1), 500), 100),
    "autoencoder of 8 x 8, batch 32": (lambda: kg.Autoencoder((8, 8, 1), 8, **DENSE), 32),
}


def seconds_of_fit(model, x, size):
    start = time.perf_counter()
    model.fit(x, batch_size=size, verbose=0)
    return time.perf_counter() - start


def measured(make, size):
    """What XLA costs and saves, of a model."""
    first, rounds = {}, {False: [], True: []}
    models = {jit: make() for jit in rounds}
    x = np.random.default_rng(0).random((size * STEPS, *models[True].data_shape)).astype("float32")
    for jit, model in models.items():
        model.compile(**model.default_optimizers(), jit_compile=jit)
        first[jit] = seconds_of_fit(model, x, size)
    for _ in range(ROUNDS):
        for jit, model in models.items():
            rounds[jit].append(seconds_of_fit(model, x, size))
    steps = {jit: np.asarray(seconds) / STEPS for jit, seconds in rounds.items()}
    cost = first[True] - first[False] - STEPS * (np.median(steps[True]) - np.median(steps[False]))
    saved = steps[False] - steps[True]
    return {
        "weights": models[True].count_params(),
        "seconds_to_compile": cost,
        "milliseconds_saved_per_step": [1e3 * float(value) for value in np.quantile(saved, (0, 0.5, 1))],
        "steps_until_it_pays": cost / float(np.median(saved)),
    }


def main():
    start = time.time()
    found = {name: measured(*model) for name, model in MODELS.items()}
    products = {name: row["steps_until_it_pays"] * row["weights"] for name, row in found.items()}
    write(
        "xla",
        {
            "what": "Steps after which XLA has saved what its compiling costs, dense models on a CPU",
            "published": "none",
            "ours": "; ".join(f"{name}: {row['steps_until_it_pays']:,.0f}" for name, row in found.items()),
            "figures": {"models": found, "steps_times_weights": products},
            "settings": f"median of {ROUNDS} rounds of {STEPS} steps, in turns; steps times weights "
            + ", ".join(f"{value:.1e}" for value in products.values()),
            "seed": 0,
            "minutes": (time.time() - start) / 60,
        },
    )


if __name__ == "__main__":
    os.chdir(Path(__file__).parent.parent)
    main()
