"""Memory of a folder of photographs, by its images: `python benchmarks/large_folder.py [IMAGES ...]`.

Makes folders of so many JPEG files of 256 x 256, and in a process of its own for each gives an epoch of shuffled
batches. Prints megabytes above those of the process before, and seconds. Memory must not grow with the folder.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from large_table import LOOK, peak
from PIL import Image

IMAGES = (2_000, 20_000)
SIDE, KINDS = 256, 16  # files of one kind are links to one: what they show plays no part


def write(folder, count):
    """A folder of two classes, whose files are a few photographs under many names."""
    rng = np.random.default_rng(0)
    for kind in range(KINDS):
        small = Image.fromarray(rng.integers(0, 256, (8, 8, 3), "uint8"))
        small.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(folder / f"{kind}.jpg")
    for i in range(count):
        path = folder / "images" / ("cats", "dogs")[i % 2] / f"{i:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(folder / f"{i % KINDS}.jpg", path)
    return folder / "images"


def look(folder):
    """Prints megabytes and seconds of an epoch."""
    import keras_gen as kg

    list(kg.data.load(folder, batch_size=32, limit=64))
    before, start = peak(), time.perf_counter()
    count = sum(len(x) for x in kg.data.load(folder, batch_size=32))
    print(f"{count:,} images: {peak() - before:,.0f} MB, {time.perf_counter() - start:.0f} s", flush=True)


def main(counts):
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, __file__, LOOK, str(write(Path(folder), count))]
            environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
            subprocess.run(command, env=environment, check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == [LOOK]:
        look(sys.argv[2])
    else:
        main([int(count) for count in sys.argv[1:]] or IMAGES)
