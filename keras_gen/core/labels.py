"""Few known labels among many examples: which are known, and how they are spread over the batches. -1 is unknown."""

from typing import Any

import numpy as np
from keras import ops

from keras_gen.core import distribution

KNOWN_SHARE = 10  # at least one in so many examples of a batch has a known label


def known_per_batch(known: int, total: int, batch_size: int) -> int:
    """How many examples of known label to repeat in each batch; 0 where a shuffled batch has enough of them."""
    wanted = max(1, batch_size // KNOWN_SHARE)
    return wanted if known > 0 and batch_size > 1 and known * batch_size < wanted * total else 0


def mask_labels(labels: np.ndarray, num_labels: int, seed: int) -> np.ndarray:
    """Labels of which `num_labels` stay, as many of each class, and the others become -1. (N,) ints -> (N,).

    Raises:
        ValueError: if that many cannot be had.
    """
    classes = np.unique(labels[labels >= 0])
    if not len(classes) <= num_labels <= np.sum(labels >= 0):
        raise ValueError(
            f"`num_labels` must be at least one for each of {len(classes)} classes, and at most "
            f"{int(np.sum(labels >= 0)):,}, all there are. Received: num_labels={num_labels}"
        )
    order = np.random.default_rng(seed).permutation(len(labels))
    # Of each class the first, then of each class the second, ...
    rank = np.empty(len(labels), "int64")
    for c in classes:
        of_class = order[labels[order] == c]
        rank[of_class] = np.arange(len(of_class))
    candidates = order[labels[order] >= 0]
    kept = candidates[np.argsort(rank[candidates], kind="stable")][:num_labels]
    hidden = np.full(len(labels), -1, "int64")
    hidden[kept] = labels[kept]
    return hidden


def classification_terms(log_q, labels) -> dict[str, Any]:
    """What a classifier minimises and reports where some labels are known.

    Args:
        log_q: (B, C), log probabilities of the classes.
        labels: (B,) ints, -1 where unknown; None for all unknown.

    Returns:
        Terms by name: "classification", (B,), whose mean over the batch is the mean cross entropy of the known labels;
        "classification_loss" and "accuracy", pairs of values and weights to be reported.
    """
    labels = -ops.ones((ops.shape(log_q)[0],), "int32") if labels is None else ops.cast(labels, "int32")
    known = ops.cast(labels >= 0, "float32")
    one_hot = ops.one_hot(labels, log_q.shape[-1], dtype="float32")  # 0 where unknown
    cross_entropy = -ops.sum(one_hot * log_q, axis=-1)
    right = ops.cast(ops.cast(ops.argmax(log_q, axis=-1), "int32") == labels, "float32")
    return {
        "classification": cross_entropy / ops.maximum(distribution.global_mean(known), 1e-6),
        "classification_loss": (cross_entropy, known),
        "accuracy": (right, known),
    }
