"""How well clusters agree with classes."""

import numpy as np


def clustering_accuracy(labels, clusters):
    """Share of examples whose cluster is the one matched to their class, by the best one-to-one matching.

    `max_m 1/N sum_i [label_i = m(cluster_i)]`, by the Hungarian method (Xie et al. 2016, equation 10).

    Args:
        labels: (N,) ints, the true classes.
        clusters: (N,) ints.

    Returns:
        Between 0 and 1. Where there are more clusters than classes, those left over count as wrong.
    """
    from scipy.optimize import linear_sum_assignment

    labels, clusters = np.asarray(labels), np.asarray(clusters)
    if labels.shape != clusters.shape or labels.ndim != 1 or len(labels) == 0:
        raise ValueError(f"There must be one cluster for each label. Received: {clusters.shape} and {labels.shape}")
    if labels.min() < 0 or clusters.min() < 0:
        raise ValueError(f"Labels and clusters count from 0. Received: {labels.min()} and {clusters.min()}")
    together = np.zeros((clusters.max() + 1, labels.max() + 1), "int64")
    np.add.at(together, (clusters, labels), 1)
    return float(together[linear_sum_assignment(-together)].sum() / len(labels))
