"""How time and memory grow: `python benchmarks/scaling.py` writes results/scaling.json and scaling.png.

Each point is a process of its own: a VAE trains for one epoch that does not count and one that does; its time per
image, and the most memory that the process ever held. Against batch size and latent size (dense, 784-512-256), image
size (convolutional, RGB), and the number of files of a folder (32 x 32 RGB, one epoch). `waiting` is the share of an
epoch that a step waits for data: one less the time of an epoch over one batch that is held in memory, again and again.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from racing import keras_epoch, write

import keras_gen as kg

RESULTS = Path(__file__).parent / "results"
POINTS = {
    "batch size": (16, 32, 64, 128, 256, 512, 1024),
    "latent size": (2, 8, 32, 128, 512),
    "image size": (16, 32, 64, 128),
    "files": (1_000, 10_000, 100_000),
}
SHOWN = {"batch size": 12_800, "latent size": 12_800, "image size": 512, "files": None}  # images per epoch


def point(axis, value, folder):
    """One measurement; in a process of its own."""
    if axis in ("batch size", "latent size"):
        batch, latent = (value, 16) if axis == "batch size" else (128, value)
        data = kg.data.load("mnist", batch_size=batch, limit=SHOWN[axis])
        model = kg.VAE((28, 28, 1), latent, encoder="dense")
    elif axis == "image size":
        images = np.random.default_rng(0).random((SHOWN[axis], value, value, 3), dtype="float32")
        path = Path(folder) / f"{value}.npy"
        np.save(path, images)
        data = kg.data.load(path, batch_size=32)
        model = kg.VAE((value, value, 3), 16, encoder="conv", decoder="conv")
    else:
        data = kg.data.load(Path(folder) / str(value), batch_size=128, image_size=32)
        model = kg.VAE((32, 32, 3), 16, encoder="dense", decoder="dense")
    model.compile()
    steps = int(data.cardinality())
    held = data.take(1).cache().repeat(min(steps, 200))
    keras_epoch(model, held)  # traces the step
    start = time.perf_counter()
    keras_epoch(model, data)
    seconds = time.perf_counter() - start
    if axis != "files":  # of a folder the first pass is the one that decodes
        seconds = min(seconds, keras_epoch(model, data))
    without = keras_epoch(model, held) / int(held.cardinality())
    size = next(iter(data)).shape[0]
    return {
        "microseconds_per_image": 1e6 * seconds / (steps * size),
        "waiting": max(0.0, 1 - without * steps / seconds),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def make_files(folder):
    """A folder of so many PNG files for each point; small pictures of smooth colours and noise."""
    rng = np.random.default_rng(0)
    for count in POINTS["files"]:
        (folder / str(count)).mkdir()
        for i in range(count):
            colours = rng.integers(0, 255, (4, 4, 3), dtype="uint8")
            Image.fromarray(colours).resize((32, 32)).save(folder / str(count) / f"{i:06}.png", compress_level=1)


def picture(found):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 6), layout="constrained")
    panels = figure.subplots(2, len(found), sharey="row")
    for column, (axis, points) in zip(panels.T, found.items(), strict=True):
        for axes, key, label in zip(
            column, ("microseconds_per_image", "megabytes"), ("microseconds per image", "MB at most"), strict=True
        ):
            axes.plot(list(points), [entry[key] for entry in points.values()], "o-")
            axes.set(xscale="log", xlabel=axis, yscale="log" if key.startswith("micro") else "linear")
            axes.set_xticks(list(points), [f"{value:,}" for value in points])
            axes.minorticks_off()
            if axes is panels[0, 0] or axes is panels[1, 0]:
                axes.set(ylabel=label)
    most = max(entry["megabytes"] for points in found.values() for entry in points.values())
    panels[1, 0].set(ylim=(0, 1.1 * most))
    figure.savefig(RESULTS / "scaling.png", dpi=100)


def main():
    start = time.time()
    with tempfile.TemporaryDirectory() as name:
        make_files(Path(name))
        found = {}
        for axis, values in POINTS.items():
            for value in values:
                command = [sys.executable, __file__, axis, str(value), name]
                words = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
                found.setdefault(axis, {})[value] = json.loads(words)
                print(axis, value, words, file=sys.stderr, flush=True)
    picture(found)

    def growth(key):
        few, *_, many = found["files"].values()
        return many[key] / few[key]

    write(
        "scaling",
        {
            "what": "Time per image and memory against batch size, latent size, image size and number of files",
            "published": "none",
            "ours": f"1,000 to 100,000 files: {growth('microseconds_per_image'):.2f} times the time per image, "
            f"{growth('megabytes'):.2f} times the memory",
            "figures": found,
            "settings": "microseconds per image (share waiting for data): "
            + "; ".join(
                f"{axis} "
                + ", ".join(
                    f"{value} {entry['microseconds_per_image']:.0f} ({entry['waiting']:.0%})"
                    for value, entry in points.items()
                )
                for axis, points in found.items()
            ),
            "seed": 0,
            "minutes": (time.time() - start) / 60,
        },
    )


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(json.dumps(point(sys.argv[1], int(sys.argv[2]), sys.argv[3])))
    else:
        main()
