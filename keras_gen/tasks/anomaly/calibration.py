"""From how unlike normal data are to a threshold that keeps a rate of false alarms, and from maps to one number."""

import math

import numpy as np

POOLINGS = ("mean", "max", "top")
TOP = 0.01  # share of a map that "top" takes the mean of


def check_rate(false_alarms: float) -> None:
    """Raises a ValueError if a rate of false alarms is none."""
    if not 0 < false_alarms < 1:
        raise ValueError(f"`false_alarms` must be a share between 0 and 1. Received: {false_alarms}")


def check_enough(count: int, false_alarms: float) -> None:
    """Raises a ValueError if so few normal examples cannot keep such a rate."""
    needed = math.ceil(1 / false_alarms - 1e-9) - 1
    if count < needed:
        raise ValueError(
            f"For {false_alarms:.3g} of false alarms the threshold needs at least {needed} normal examples: give more "
            f"of them (--normal FOLDER), or allow more false alarms. Received: n_samples={count}"
        )


def threshold(scores: np.ndarray, false_alarms: float) -> float:
    """The score below which one more of the same kind falls with a probability of `false_alarms` at most.

    It is the k-th smallest of n, k = floor(q (n + 1)): a new one is as likely to be in each place among the n + 1, and
    below the k-th with probability k / (n + 1), averaged over the n as well (split conformal prediction).

    Args:
        scores: (n,), higher is more normal, of normal examples that the detector has not learnt.
        false_alarms: q.

    Raises:
        ValueError: if k is 0.

    Reference:
        Vovk, Gammerman and Shafer 2005, "Algorithmic learning in a random world"; for anomalies Laxhammar 2014.
    """
    check_enough(len(scores), false_alarms)
    k = math.floor(false_alarms * (len(scores) + 1) + 1e-9)
    return float(np.partition(scores, k - 1)[k - 1])


def pool(maps: np.ndarray, pooling: str) -> np.ndarray:
    """One number for each example: the mean of its map, its maximum, or the mean of its top hundredth. -> (N,).

    Of a series that has ended, where its map is NaN, over the steps that are there.
    """
    flat = maps.reshape(len(maps), -1)
    if pooling == "mean":
        return np.nanmean(flat, axis=1)
    count = 1 if pooling == "max" else math.ceil(TOP * flat.shape[1])
    flat = np.where(np.isnan(flat), -np.inf, flat)
    top = np.partition(flat, flat.shape[1] - count, axis=1)[:, -count:]
    return np.mean(top, axis=1, where=np.isfinite(top))
