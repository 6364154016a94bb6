"""Receiver operating characteristics: how many are found at each rate of false alarms."""

from pathlib import Path
from typing import Any

import numpy as np

from keras_gen import plots


def roc(normal: np.ndarray, others: np.ndarray | dict[str, np.ndarray], path: str | Path | None = None) -> Any:
    """Area under the ROC of scores that are higher for normal data: 1 tells all apart, 0.5 is chance.

    The probability that a normal example scores higher than another, ties counted by half.

    Args:
        normal: (N,) scores of normal, or real, data.
        others: (M,) scores of anomalies, or of generated images; or a dict of name to such scores.
        path: PNG file to draw the curves to, one for each name.

    Returns:
        float, or a dict of name to float.

    Raises:
        ValueError: if there are no scores, or some are NaN.

    Reference:
        Fawcett 2006, "An introduction to ROC analysis".
    """
    from sklearn.metrics import roc_auc_score, roc_curve

    named = others if isinstance(others, dict) else {"others": others}
    areas, curves = {}, {}
    for name, scores in named.items():
        both = [np.asarray(part, "float64") for part in (normal, scores)]
        if any(part.ndim != 1 or not len(part) or not np.isfinite(part).all() for part in both):
            raise ValueError(
                "Scores must be finite, (N,), at least one of each kind. "
                f"Received: shapes {both[0].shape} of normal and {both[1].shape} of {name}"
            )
        found = np.repeat([0, 1], [len(part) for part in both])  # 1 is what there is to find, which scores low
        areas[name] = float(roc_auc_score(found, -np.concatenate(both)))
        curves[name] = roc_curve(found, -np.concatenate(both))[:2]
    if path is not None:
        plots.roc(curves, areas, path)
    return areas if isinstance(others, dict) else areas["others"]
