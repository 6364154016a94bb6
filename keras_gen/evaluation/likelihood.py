"""Held-out likelihood of latent-variable models."""

import math

import keras
import numpy as np

VALUES_AT_ONCE = 3_000_000  # of the decoded images; bounds memory whatever num_samples and the image size


def log_likelihood(model, images, num_samples=200, batch_size=100, seed=0, verbose=1):
    """Importance-sampled log-likelihood, an estimate from below of log p(x) that tightens with num_samples.

    `log p(x) >= E[log 1/K sum_k p(x, z_k) / q(z_k | x)]`, z_k ~ q(z | x) (Burda et al. 2015, equation 8).

    Args:
        model: a model that offers `log_weights`.
        images: (N, H, W, C) in [0, 1]; of a Bernoulli likelihood, zeros and ones.
        num_samples: K, draws per image.
        batch_size: images at a time.
        seed: seed of the draws.
        verbose: 1 for a progress bar, 0 for silence.

    Returns:
        (N,) float64, nats per image.

    Raises:
        ValueError: if num_samples or batch_size is below 1.
        NotImplementedError: if the model has no importance weights.
    """
    if num_samples < 1 or batch_size < 1:
        raise ValueError(
            "`num_samples` and `batch_size` must be at least 1. "
            f"Received: num_samples={num_samples}, batch_size={batch_size}"
        )
    seeds = np.random.default_rng(seed)
    at_once = max(1, VALUES_AT_ONCE // math.prod(model.data_shape))  # images
    batch_size = min(batch_size, at_once)
    chunk = max(1, at_once // batch_size)
    result = np.empty(len(images))
    progress = keras.utils.Progbar(len(images), verbose=verbose, unit_name="image")
    for start in range(0, len(images), batch_size):
        x = images[start : start + batch_size]
        total = np.full(len(x), -np.inf)  # log sum_k w_k so far
        for done in range(0, num_samples, chunk):
            draws = min(chunk, num_samples - done)
            weights = np.asarray(model.log_weights(x, draws, seed=int(seeds.integers(2**31))), "float64")
            total = np.logaddexp(total, np.logaddexp.reduce(weights, axis=0))
        result[start : start + len(x)] = total - np.log(num_samples)
        progress.update(start + len(x))
    return result
