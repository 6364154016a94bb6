"""Memory of a table that is read in parts, by its rows: `python benchmarks/large_table.py [ROWS ...]`.

Makes CSV files of network flows of so many rows, and in a process of its own for each looks at it, fits its columns and
gives an epoch of encoded rows: once read in parts, as files of more than `LARGEST_IN_MEMORY` bytes are, once held. The
parts, and the rows that columns are fitted on, are smaller than by default: small files then show what large ones do.
Prints megabytes above those of the process before, and seconds. What is read in parts must not grow with the rows.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROWS = (50_000, 200_000, 800_000)
PART = 20_000
LOOK = "--look"  # in a process of its own


def write(path, rows):
    """A CSV file, part by part."""
    from tables import flows

    for seed, start in enumerate(range(0, rows, PART)):
        part = flows(min(PART, rows - start), seed)
        part.to_csv(path, index=False, mode="a" if start else "w", header=not start)


def look(path, in_parts):
    """Prints megabytes and seconds of looking at a table, and of an epoch of it."""
    import pandas  # noqa: F401  what is always there

    import keras_gen as kg
    from keras_gen.data import tables
    from keras_gen.table import files

    files.ROWS_OF_A_PART = tables.ROWS_FOR_FIT = PART
    tables.LARGEST_IN_MEMORY = 0 if in_parts else 2**40
    before, start = peak(), time.perf_counter()
    rows = sum(len(x) for x in kg.data.load(path, "train", target="attack"))
    print(f"{rows:,} rows: {peak() - before:,.0f} MB, {time.perf_counter() - start:.0f} s", flush=True)


def peak():
    """Megabytes that the process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(counts):
    with tempfile.TemporaryDirectory() as folder:
        for rows in counts:
            path = Path(folder) / f"{rows}.csv"
            write(path, rows)
            for how in ("parts", "held"):
                command = [sys.executable, __file__, LOOK, str(path), how]
                environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
                said = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
                print(f"{path.stat().st_size / 2**20:.0f} MB of {how}: {said.strip()}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == [LOOK]:
        look(sys.argv[2], sys.argv[3] == "parts")
    else:
        main([int(count) for count in sys.argv[1:]] or ROWS)
