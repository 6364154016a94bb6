"""Records what training gives, so that a change of the machinery can be shown to change nothing.

    python benchmarks/recorder.py record before.json      # on the old commit
    python benchmarks/recorder.py record after.json       # on the new one
    python benchmarks/recorder.py compare before.json after.json

For every row of the zoo and for the networks of three benchmark rows it trains 8 steps, with validation, on one device
compiled, on one device eagerly, and on two devices compiled; and keeps the history and of each weight a checksum: its
product with fixed random numbers. (Keras does not run a MirroredStrategy eagerly.)
"""

import json
import os
import sys
import zlib
from pathlib import Path

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_GEN_XLA"] = "0"

import keras
import numpy as np
import tensorflow as tf

_cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(_cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from zoo import ZOO  # noqa: E402

import keras_gen as kg  # noqa: E402
from keras_gen.testing import Case, two_devices  # noqa: E402

TOLERANCE = 1e-6  # relative, of float32
_images = np.random.default_rng(0).random((16, 28, 28, 1)).astype("float32")
_vae = {"data_shape": (28, 28, 1), "latent_dim": 16, "encoder": "dense"}
BENCHMARKS = [
    Case(
        "benchmark_dense_vae",
        kg.VAE,
        lambda: dict(_vae),
        _images,
    ),
    Case("benchmark_dcgan", kg.GAN, lambda: {"data_shape": (28, 28, 1), "latent_dim": 64}, _images),
    Case("benchmark_rbm", kg.RBM, lambda: {"data_shape": (28, 28, 1), "hidden_units": 500}, _images),
]


def checksum(weight):
    """A weight times fixed random numbers, and its size, for relative differences."""
    values = np.asarray(weight, "float64").ravel()
    numbers = np.random.default_rng(zlib.crc32(str(values.size).encode())).standard_normal(values.size)
    return [float(values @ numbers), float(np.abs(values) @ np.abs(numbers))]


def train(case, strategy=None, **options):
    with (strategy or tf.distribute.get_strategy()).scope():
        model = case.model(optimizer=keras.optimizers.SGD(1e-3), **options)
    x, y = case.pair()
    held_out = case.x[:8] if y is None else (case.x[:8], y[:8])
    fitted = model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0, validation_data=held_out)
    # A name in the model without the number that Keras appends to those of other models.
    names = [f"{i} {'x'.join(map(str, weight.shape))}" for i, weight in enumerate(model.trainable_weights)]
    weights = dict(zip(names, map(checksum, model.trainable_weights), strict=True))
    return {"history": fitted.history, "weights": weights}


def record(path):
    found = json.loads(path.read_text()) if path.exists() else {}
    for case in [*BENCHMARKS, *ZOO]:
        for mode, run in {
            "compiled": lambda case=case: train(case),
            "eager": lambda case=case: train(case, run_eagerly=True),
            "two devices": lambda case=case: train(case, two_devices()),
        }.items():
            name = f"{case.name}, {mode}"
            if name not in found:
                found[name] = run()
                path.write_text(json.dumps(found, indent=1))
                print(name, flush=True)


def compare(before, after):
    before, after = (json.loads(Path(path).read_text()) for path in (before, after))
    differing = 0
    for name in before:
        if name not in after:
            print(f"{name}: not recorded")
            continue
        old, new = before[name], after[name]
        found = [f"no {key}" for key in old["history"] if key not in new["history"]]
        for key in old["history"].keys() & new["history"].keys():
            a, b = np.array(old["history"][key]), np.array(new["history"][key])
            relative = np.max(np.abs(a - b) / np.maximum(np.abs(a), 1e-3))
            if not relative <= 10 * TOLERANCE:
                found.append(f"{key} by {relative:.1e} ({a.tolist()} became {b.tolist()})")
        if len(old["weights"]) != len(new["weights"]):
            found.append(f"{len(old['weights'])} weights became {len(new['weights'])}")
        for (key, (a, size)), (b, _) in zip(old["weights"].items(), new["weights"].values(), strict=False):
            if not abs(a - b) / max(size, 1e-3) <= TOLERANCE:
                found.append(f"weight {key} by {abs(a - b) / max(size, 1e-3):.1e}")
        differing += bool(found)
        print(f"{name}: {'; '.join(found) or 'equal'}")
    print(f"{len(before) - differing} of {len(before)} equal to {TOLERANCE:g} (figures to {10 * TOLERANCE:g})")
    return differing


if __name__ == "__main__":
    if sys.argv[1:2] == ["record"] and len(sys.argv) == 3:
        record(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["compare"] and len(sys.argv) == 4:
        sys.exit(bool(compare(*sys.argv[2:])))
    else:
        sys.exit(__doc__)
