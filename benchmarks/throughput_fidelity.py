"""Time and memory of the figures of fidelity; writes results/throughput_fidelity.json.

10,000 against 10,000 features, as many as this package's classifier gives (64) and as many as an Inception network does
(2,048), with torchmetrics' kernel distance and prdc beside, on the same arrays in the same process.
"""

import os
import resource
import time
from pathlib import Path

import numpy as np
import prdc
import torch
import torchmetrics
from racing import write
from torchmetrics.image.kid import KernelInceptionDistance

import keras_gen as kg

COUNT, SUBSETS, SIZE, NEIGHBORS = 10_000, 100, 1000, 5


class Given(torch.nn.Module):
    """torchmetrics wants a network: this one gives back the features that it is given."""

    num_features = 64

    def forward(self, x):
        return x


def theirs(real, generated):
    metric = KernelInceptionDistance(Given(), subsets=SUBSETS, subset_size=SIZE)
    metric.update(torch.from_numpy(real), real=True)
    metric.update(torch.from_numpy(generated), real=False)
    return float(metric.compute()[0])


def timed(function, *arguments, **options):
    start = time.perf_counter()
    value = function(*arguments, **options)
    return value, time.perf_counter() - start


def main():
    start, figures = time.time(), {}
    for dimensions in (64, 2048):
        rng = np.random.default_rng(0)
        real = rng.standard_normal((COUNT, dimensions)).astype("float32")
        generated = (1.1 * rng.standard_normal((COUNT, dimensions)) + 0.05).astype("float32")
        kernel, kernel_seconds = timed(kg.evaluation.kernel_distance, real, generated, SUBSETS, SIZE)
        coverage, coverage_seconds = timed(kg.evaluation.precision_recall, real, generated, NEIGHBORS)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # of all before the others come
        their_kernel, their_kernel_seconds = timed(theirs, real, generated)
        their_coverage, their_coverage_seconds = timed(prdc.compute_prdc, real, generated, NEIGHBORS)
        figures[f"{dimensions} features"] = {
            "kernel_distance": kernel.value,
            "kernel_distance_error": kernel.error,
            "torchmetrics": their_kernel,
            "coverage": coverage._asdict(),
            "prdc": {name: float(value) for name, value in their_coverage.items()},
            "seconds": {
                "kernel_distance": kernel_seconds,
                "torchmetrics": their_kernel_seconds,
                "precision_recall": coverage_seconds,
                "prdc": their_coverage_seconds,
            },
            "peak_memory_gib": memory,
        }
        print(dimensions, figures[f"{dimensions} features"], flush=True)
    write(
        "throughput_fidelity",
        {
            "what": "Kernel distance, then precision, recall, density, coverage, of 10,000 against 10,000 images: "
            "seconds, and the largest memory of the whole process up to then",
            "published": "none; under 120 s and 4 GiB were aimed at",
            "ours": "; ".join(
                f"{name}: {f['seconds']['kernel_distance']:.1f} + {f['seconds']['precision_recall']:.1f} s, "
                f"{f['peak_memory_gib']:.1f} GiB"
                for name, f in figures.items()
            ),
            "figures": figures,
            "settings": f"{SUBSETS} subsets of {SIZE}, {NEIGHBORS} neighbors; torchmetrics {torchmetrics.__version__} "
            + " and ".join(f"{f['seconds']['torchmetrics']:.1f}" for f in figures.values())
            + " s, prdc "
            + " and ".join(f"{f['seconds']['prdc']:.1f}" for f in figures.values())
            + " s; the memory of the second includes the first and the other libraries",
            "seed": 0,
            "minutes": (time.time() - start) / 60,
        },
    )


if __name__ == "__main__":
    os.chdir(Path(__file__).parent.parent)
    main()
