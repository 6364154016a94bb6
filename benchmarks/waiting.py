"""What a user waits for, in two commits: `python benchmarks/waiting.py FOLDER_OF_THE_OLD_COMMIT [ROUNDS]`.

Seconds of `keras-gen --help`, of importing Keras and the package, of the first `fit` of a VAE on digits (3 epochs, the
model's making included), of an epoch of another length right after it, and of a search of 3 trials of 3 epochs. Each is
measured in a process of its own, the commits in turns. Writes results/waiting.json.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
FITS = """
import time, keras_gen as kg
x = kg.data.stack(kg.data.load("digits", shuffle=False))
start = time.perf_counter()
model = kg.VAE((8, 8, 1), 8)
model.compile("adam")
model.fit(x[:1280], batch_size=32, epochs=3, verbose=0)
first = time.perf_counter() - start
start = time.perf_counter()
model.fit(x[:1120], batch_size=32, verbose=0)
print(first, time.perf_counter() - start)
"""
SEARCH = """
import sys, time, keras_gen as kg
start = time.perf_counter()
kg.tuning.search("vae", "digits", max_trials=3, epochs=3, objective="squared_error", out=sys.argv[1], verbose=0)
print(time.perf_counter() - start)
"""
IMPORT = """
import time
start = time.perf_counter()
import keras
between = time.perf_counter()
import keras_gen
keras_gen.GenerativeModel
print(between - start, time.perf_counter() - between)
"""


def run(folder, *command):
    """(seconds of a process, the numbers that it prints)."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "CUDA_VISIBLE_DEVICES": "-1"}
    start = time.perf_counter()
    done = subprocess.run([sys.executable, *command], env=environment, cwd=folder, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(done.stderr)
    return seconds, done.stdout


def waits(folder):
    """Name of a wait -> seconds, in a commit."""
    found = {"--help": run(folder, "-m", "keras_gen.cli", "--help")[0]}
    found["list"] = run(folder, "-m", "keras_gen.cli", "list")[0]
    _, found["import, beyond Keras"] = map(float, run(folder, "-c", IMPORT)[1].split())
    fits = map(float, run(folder, "-c", FITS)[1].split())
    found["first fit of digits"], found["an epoch of another length after it"] = fits
    with tempfile.TemporaryDirectory() as out:
        found["search of 3 trials of 3 epochs"] = float(run(folder, "-c", SEARCH, f"{out}/search")[1])
    return found


def main(old, rounds=3):
    from racing import write

    start, found = time.time(), {"old": [], "new": []}
    for _ in range(int(rounds)):
        for which, folder in (("old", Path(old).resolve()), ("new", ROOT)):
            found[which].append(waits(folder))
            print(which, found[which][-1], flush=True)
    seconds = {name: {which: [row[name] for row in rows] for which, rows in found.items()} for name in found["new"][0]}
    said = {
        name: ", ".join(
            f"{which} {statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
            for which, values in rows.items()
        )
        for name, rows in seconds.items()
    }
    write(
        "waiting",
        {
            "what": "Seconds that a user waits, in version 0.1.0 and now",
            "published": "none",
            "ours": "; ".join(f"{name}: {text}" for name, text in said.items()),
            "figures": seconds,
            "settings": f"median of {rounds} rounds, and their range; each in a new process, the versions in turns",
            "seed": 0,
            "minutes": (time.time() - start) / 60,
        },
    )


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*sys.argv[1:])
