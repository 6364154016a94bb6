"""Parzen-window log-likelihood: a metric of the literature, and a weak one."""

import math
import warnings
from collections.abc import Sequence

import numpy as np

BATCH = 500  # images at a time
WIDTHS = tuple(np.logspace(-1, 0, 10))


def parzen_log_likelihood(
    samples: np.ndarray, validation: np.ndarray, images: np.ndarray, widths: Sequence[float] = WIDTHS
) -> tuple[np.ndarray, float]:
    """Log density of images under normals of one width on samples, `log 1/N sum_n N(x; s_n, sigma^2 I)`.

    The width is the one of `widths` that suits the validation images best. Published for models that have no
    likelihood (Goodfellow et al. 2014, section 5, whose authors warn that it "has somewhat high variance and does not
    perform well in high dimensional spaces"). Better samples may get a lower one (Theis et al. 2016): it does not
    rank models.

    Args:
        samples: (N, ...), of a model.
        validation: (V, ...), images that choose the width.
        images: (M, ...), held-out images.
        widths: candidates for sigma, in units of the data.

    Returns:
        (log density of each image (M,) in nats, sigma).

    Raises:
        ValueError: if shapes differ.
    """
    samples, validation, images = (np.asarray(part, "float32") for part in (samples, validation, images))
    if not samples.shape[1:] == validation.shape[1:] == images.shape[1:]:
        raise ValueError(
            "Samples, validation images and images must be of one shape. Received: "
            f"{samples.shape[1:]}, {validation.shape[1:]} and {images.shape[1:]}"
        )
    if not len(widths) or not min(widths) > 0:
        raise ValueError(f"`widths` must hold one or more, all above 0. Received: widths={widths}")
    samples = samples.reshape(len(samples), -1)
    distances = _squared_distances(samples, validation)
    best = max(widths, key=lambda width: _log_density(distances, width, samples.shape[1]).mean())
    if best in (min(widths), max(widths)) and len(widths) > 1:
        warnings.warn(
            f"The best width is the last of those tried. Received: widths from {min(widths):g} to {max(widths):g}",
            stacklevel=2,
        )
    return _log_density(_squared_distances(samples, images), best, samples.shape[1]), float(best)


def _squared_distances(samples, images):
    """Squared Euclidean distance of each image from each sample. (N, D), (M, ...) -> (M, N)."""
    images = images.reshape(len(images), -1)
    lengths = np.einsum("nd,nd->n", samples, samples)
    distances = np.empty((len(images), len(samples)), "float32")
    for start in range(0, len(images), BATCH):
        x = images[start : start + BATCH]
        distances[start : start + BATCH] = lengths - 2 * x @ samples.T + np.einsum("md,md->m", x, x)[:, None]
    return np.maximum(distances, 0)


def _log_density(distances, width, dimension):
    from scipy.special import logsumexp

    normaliser = math.log(distances.shape[1]) + 0.5 * dimension * math.log(2 * math.pi * width**2)
    parts = [
        logsumexp(-distances[start : start + BATCH].astype("float64") / (2 * width**2), axis=1)
        for start in range(0, len(distances), BATCH)
    ]
    return np.concatenate(parts) - normaliser
