"""Scores of PyOD's detectors, higher for normal: `python benchmarks/pyod_scores.py IN.npz OUT.npz`.

A program of its own, for its torch and TensorFlow crash in one process. IN holds `normal`, (N, D), and `test`, (M, D);
OUT gets (M,) for each detector, by its defaults.
"""

import sys

import numpy as np
from pyod.models.auto_encoder import AutoEncoder
from pyod.models.iforest import IForest


def main():
    given = np.load(sys.argv[1])
    detectors = {
        "PyOD isolation forest": IForest(random_state=0),
        "PyOD autoencoder": AutoEncoder(random_state=0, verbose=0),
    }
    scores = {name: -d.fit(given["normal"]).decision_function(given["test"]) for name, d in detectors.items()}
    np.savez(sys.argv[2], **scores)


if __name__ == "__main__":
    main()
