"""Default networks beside dense and earlier ones: `python benchmarks/defaults.py` writes results/defaults.json and .md.

Each contender is a VAE in a process of its own that trains for the same time of processors and is then measured on
held-out images: MNIST (Bernoulli, 16 codes), and photographs of cars and ships in a folder, enlarged from 32 x 32
pixels (Gaussian, 64 codes): `python benchmarks/defaults.py FOLDER` if it is not ../shared/images. Time of processors,
not of the clock: other loads on the machine change it little. Compiling does not count. `previous` are the
convolutional networks of version 0.1.0, with a dense layer of whatever three halvings leave.
"""

import json
import math
import resource
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
from claims import CLAIMS
from keras import layers
from racing import write
from reproduce import FOLDER
from table import lines

import keras_gen as kg

PHOTOGRAPHS = Path(__file__).parents[2] / "shared/images"
SECONDS = {28: 90, 32: 25, 64: 25, 128: 25, 256: 25}  # of processors, by side
MOST_VALUES = 40_000_000  # of a channel, of the photographs: 610 of 256 x 256
WARM_UP, CHUNK = 2, {28: 64, 32: 8, 64: 8, 128: 4, 256: 2}  # chunks that do not count; steps of one
CONTENDERS = ("dense", "previous", "default")
HEAD = ("images", "networks", "parameters", "MB at most", "ms per step (times dense)", "steps", "held-out error")
TEXT = """A VAE with dense networks, with the convolutional ones of version 0.1.0 ("previous"), and with its default
ones, after the same time of processors. MNIST: minus the ELBO in nats, 16 codes, batches of 128, 2,000 test images.
Photographs, enlarged from 32 x 32: squared error per value times 10,000, 64 codes, batches of 32, 600 test images. The
milliseconds of a step are of processors, on a machine with other loads: compare the ratios. Memory is that of the whole
process, with the images. One training each.
"""


def previous(data_shape, latent_dim):
    """Encoder and decoder "conv" of version 0.1.0."""
    filters, sizes = (32, 64, 128), [data_shape[:2]]
    encoder_input = x = keras.Input(data_shape)
    for count in filters:
        x = layers.Conv2D(count, 3, 2, padding="same", activation="relu")(x)
        sizes.append(x.shape[1:3])
    bottom = x.shape[1:]
    encoder = keras.Model(encoder_input, layers.Dense(256, "relu")(layers.Flatten()(x)))
    code = keras.Input((latent_dim,))
    x = layers.Reshape(bottom)(layers.Dense(math.prod(bottom), "relu")(code))
    for count, (height, width) in zip((64, 32, 32), sizes[-2::-1], strict=True):
        x = layers.Conv2DTranspose(count, 4, 2, padding="same", activation="relu")(x)[:, :height, :width]
    return {"encoder": encoder, "decoder": keras.Model(code, x)}


def images(side, folder, split):
    if side == 28:
        return kg.data.stack(kg.data.load("mnist", split, limit=None if split == "train" else 2000))
    return kg.data.stack(kg.data.load(folder, split, image_size=side, limit=MOST_VALUES // side**2))


def point(side, contender, folder):
    """One measurement; in a process of its own."""
    train, test = (images(side, folder, split) for split in ("train", "test"))
    shape, latent_dim = train.shape[1:], 16 if side == 28 else 64
    networks = {"dense": {"encoder": "dense"}, "previous": previous(shape, latent_dim), "default": {}}[contender]
    keras.utils.set_random_seed(0)
    model = kg.VAE(shape, latent_dim, likelihood="bernoulli" if side == 28 else "gaussian", **networks)
    model.compile("adam", jit_compile=True if contender == "dense" else "auto")  # as `fit` chooses for a long training
    batch = 128 if side == 28 else 32
    size = batch * CHUNK[side]
    rng, used, steps, chunks = np.random.default_rng(0), 0.0, 0, 0
    while used < SECONDS[side]:
        chunk = train[rng.permutation(len(train))[:size]]
        start = time.process_time()
        model.fit(chunk, batch_size=batch, verbose=0)
        chunks += 1
        steps += size // batch
        used += (time.process_time() - start) * (chunks > WARM_UP)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # now: evaluation draws eight codes an image
    loss = model.evaluate(test, verbose=0, return_dict=True)["loss"] if side == 28 else None
    error = float(np.mean(np.square(model.reconstruct(test) - test)))
    return {
        "parameters": model.count_params(),
        "megabytes": megabytes,
        "milliseconds_per_step": 1e3 * used / (steps - WARM_UP * size // batch),
        "steps": steps,
        "loss": loss,
        "squared_error": error,
    }


def table(found):
    """A row for each size and contender, in Markdown."""
    rows = []
    for side, points in found.items():
        for name, point in points.items():
            error = f"{point['loss']:.1f} nats" if side == 28 else f"{10_000 * point['squared_error']:.1f}"
            times = point["milliseconds_per_step"] / points["dense"]["milliseconds_per_step"]
            rows.append(
                (
                    f"{side} x {side}",
                    name,
                    f"{point['parameters'] / 1e6:.2f} M",
                    f"{point['megabytes']:,.0f}",
                    f"{point['milliseconds_per_step']:.0f} ({times:.1f})",
                    f"{point['steps']:,}",
                    error,
                )
            )
    return lines(HEAD, rows)


def main():
    start = time.time()
    folder = sys.argv[1] if len(sys.argv) == 2 else str(PHOTOGRAPHS)
    found = {}
    for side in SECONDS:
        found[side] = {}
        for contender in CONTENDERS:
            command = [sys.executable, __file__, str(side), contender, folder]
            words = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
            found[side][contender] = json.loads(words)
            print(side, contender, words, file=sys.stderr, flush=True)
    record(found, (time.time() - start) / 60)


def record(found, minutes):
    """Writes the row and the table."""
    (FOLDER / "results" / "defaults.md").write_text(
        f"# Default networks\n\nMade by `python benchmarks/defaults.py`; not edited by hand.\n\n{TEXT}\n{table(found)}"
    )
    write(
        "defaults",
        {
            "what": "Default networks of a VAE beside dense ones and the convolutional ones of version 0.1.0, after "
            "the same time of processors: held-out nats (MNIST), squared error per value times 10,000 (photographs)",
            "published": "none",
            "ours": CLAIMS["defaults"](found),
            "figures": found,
            "settings": "seconds of processors by side "
            + ", ".join(f"{side}: {seconds}" for side, seconds in SECONDS.items())
            + "; Adam; MNIST 16 codes, Bernoulli, batch 128; photographs 64 codes, Gaussian, batch 32; parameters, "
            "memory and times of a step are in `results/defaults.md`",
            "seed": 0,
            "minutes": minutes,
        },
    )


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(json.dumps(point(int(sys.argv[1]), sys.argv[2], sys.argv[3])))
    else:
        main()
