"""Two commits train the same networks in turns, in one run: what a change of the step costs.

    python benchmarks/step_speed.py FOLDER_OF_THE_OLD_COMMIT [ROUNDS]

Each commit has a process of its own, which waits while the other trains. Writes results/step_speed.json.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
IMAGES = {"dense_vae": 20_000, "conv_vae": 4_000, "dcgan": 1_500, "aae": 15_000}  # about two seconds each


def contender():
    """Trains an epoch of what is asked for on standard input, and prints its seconds."""
    import keras
    import numpy as np

    import keras_gen as kg

    shape, models = (28, 28, 1), {}
    x = np.random.default_rng(0).random((max(IMAGES.values()), *shape)).astype("float32")
    makers = {
        "dense_vae": lambda: kg.VAE(
            shape,
            16,
            encoder=kg.networks.dense_encoder(shape, (512,)),
            decoder=kg.networks.dense_decoder(16, shape, (512,)),
        ),
        "conv_vae": lambda: kg.VAE(
            shape,
            16,
            encoder=kg.networks.conv_encoder(shape, (32, 64)),
            decoder=kg.networks.conv_decoder(16, shape, (64, 32)),
        ),
        "dcgan": lambda: kg.GAN(shape, 64),
        "aae": lambda: kg.AdversarialAutoencoder(shape, 16, encoder="dense"),
    }
    for line in sys.stdin:
        name = line.strip()
        if name not in models:
            keras.utils.set_random_seed(0)
            models[name] = makers[name]()
            models[name].compile()
            models[name].fit(x[: IMAGES[name]], batch_size=100, verbose=0)
        start = time.perf_counter()
        models[name].fit(x[: IMAGES[name]], batch_size=100, verbose=0)
        print(time.perf_counter() - start, flush=True)


def race(old, rounds):
    """Seconds per epoch of the new commit as a share of those of the old one, a round at a time."""
    processes = {}
    for name, folder in (("old", old), ("new", ROOT)):
        environment = {**os.environ, "PYTHONPATH": str(folder), "CUDA_VISIBLE_DEVICES": "-1"}
        processes[name] = subprocess.Popen(
            [sys.executable, __file__, "--contender"],
            env=environment,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def epoch(which, model):
        processes[which].stdin.write(f"{model}\n")
        processes[which].stdin.flush()
        return float(processes[which].stdout.readline())

    found, start = {}, time.time()
    for model, images in IMAGES.items():
        for which in processes:
            epoch(which, model)
        seconds = {"old": [], "new": []}
        for i in range(rounds):
            for which in ("old", "new") if i % 2 else ("new", "old"):
                seconds[which].append(epoch(which, model))
        ratios = [b / a for a, b in zip(seconds["old"], seconds["new"], strict=True)]
        found[model] = {
            "median_ratio_of_seconds": statistics.median(ratios),
            "range": [min(ratios), max(ratios)],
            "ratio_of_medians": statistics.median(seconds["new"]) / statistics.median(seconds["old"]),
            "images_per_second": {name: images / statistics.median(values) for name, values in seconds.items()},
        }
        print(model, json.dumps(found[model]), flush=True)
    for process in processes.values():
        process.stdin.close()
        process.wait()
    return found, (time.time() - start) / 60


if __name__ == "__main__":
    if sys.argv[1:] == ["--contender"]:
        contender()
    elif len(sys.argv) in (2, 3):
        from claims import CLAIMS
        from racing import write

        rounds = int(sys.argv[2]) if len(sys.argv) == 3 else 15
        found, minutes = race(Path(sys.argv[1]).resolve(), rounds)
        write(
            "step_speed",
            {
                "what": "Seconds of an epoch of the current version, as a share of those of version 0.1.0",
                "published": "none",
                "ours": CLAIMS["step_speed"](found),
                "figures": found,
                "settings": f"random images, batch 100, in turns, {rounds} rounds; median of the rounds' ratios, range",
                "seed": 0,
                "minutes": minutes,
            },
        )
    else:
        sys.exit(__doc__)
