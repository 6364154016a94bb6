"""How well clusters agree with classes."""

import warnings

import numpy as np


def clustering_accuracy(labels: np.ndarray, clusters: np.ndarray) -> float:
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
        raise ValueError(f"Labels and clusters must count from 0. Received: minima {labels.min()} and {clusters.min()}")
    together = np.zeros((clusters.max() + 1, labels.max() + 1), "int64")
    np.add.at(together, (clusters, labels), 1)
    return float(together[linear_sum_assignment(-together)].sum() / len(labels))


def label_clusters(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The class of each cluster: the label of the example that is the most certain to be in it.

    For more clusters than classes (Makhzani et al. 2016, section 6); unlike a matching it looks at one label for each
    cluster only.

    Args:
        probabilities: (N, K), of each example to be in each cluster.
        labels: (N,) ints, the classes of these examples.

    Returns:
        (K,) ints: `classes[clusters]` are the answers for examples in clusters.
    """
    probabilities, labels = np.asarray(probabilities), np.asarray(labels)
    if probabilities.ndim != 2 or len(probabilities) != len(labels) or len(labels) == 0:
        raise ValueError(
            "There must be a row of probabilities for each label. Received: probabilities of shape "
            f"{probabilities.shape}, {len(labels)} labels"
        )
    return labels[np.argmax(probabilities, axis=0)]


def named_by_the_most_confident(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The old name of `label_clusters`."""
    warnings.warn("`named_by_the_most_confident` is called `label_clusters` now.", DeprecationWarning, stacklevel=2)
    return label_clusters(probabilities, labels)
