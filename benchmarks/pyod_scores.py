"""Scores of PyOD's detectors, higher for normal: `python benchmarks/pyod_scores.py IN.npz OUT.npz [more]`.

A program of its own, for its torch and TensorFlow crash in one process. IN holds `normal`, (N, D), and `test`, (M, D);
OUT gets (M,) for each detector, by its defaults; with "more", of others that take no more than minutes on photographs.
"""

import sys

import numpy as np
from pyod.models.auto_encoder import AutoEncoder
from pyod.models.hbos import HBOS
from pyod.models.iforest import IForest
from pyod.models.knn import KNN
from pyod.models.loda import LODA
from pyod.models.lof import LOF


def main():
    given = np.load(sys.argv[1])
    detectors = {"PyOD isolation forest": IForest(random_state=0)}
    if sys.argv[3:] == ["more"]:
        others = {"nearest neighbours": KNN(), "local outlier factor": LOF(), "histograms": HBOS(), "LODA": LODA()}
        detectors |= {f"PyOD {name}": detector for name, detector in others.items()}
    else:
        detectors["PyOD autoencoder"] = AutoEncoder(random_state=0, verbose=0)
    scores = {name: -d.fit(given["normal"]).decision_function(given["test"]) for name, d in detectors.items()}
    np.savez(sys.argv[2], **scores)


if __name__ == "__main__":
    main()
