"""Held-out likelihood of latent-variable models."""

import math

import keras
import numpy as np
import tensorflow as tf

from keras_gen.core import execution

VALUES_AT_ONCE = 3_000_000  # of the decoded images; bounds memory whatever num_samples and the image size
MIN_VALUES = 512  # of one draw: of small data the features of the networks are more


def log_likelihood(
    model: keras.Model,
    images,
    num_samples: int = 200,
    batch_size: int = 100,
    seed: int = 0,
    verbose: int = 1,
    labels=None,
) -> np.ndarray:
    """Importance-sampled log-likelihood: a lower bound of log p(x) in expectation, tighter with more samples.

    `log p(x) >= E[log 1/K sum_k p(x, z_k) / q(z_k | x)]`, z_k ~ q(z | x) (Burda et al. 2015, equation 8).

    Args:
        model: a model that offers `log_weights`.
        images: (N, H, W, C) in [0, 1], or a dataset; of a Bernoulli likelihood, zeros and ones; of a discretized one,
            8-bit levels.
        num_samples: K, importance samples per image.
        batch_size: images at a time.
        seed: seed of the samples.
        verbose: 1 for a progress bar, 0 for silence.
        labels: (N,) ints of a model that needs them: then the estimate is of log p(x | label).

    Returns:
        (N,) float64, nats per image.

    Raises:
        ValueError: if num_samples or batch_size is below 1, or images or labels are not what the model takes.
        NotImplementedError: if the model has no importance weights.
    """
    if num_samples < 1 or batch_size < 1:
        raise ValueError(
            "`num_samples` and `batch_size` must be at least 1. "
            f"Received: num_samples={num_samples}, batch_size={batch_size}"
        )
    if "log_weights" not in model.offers:
        model.log_weights(images, num_samples)  # says so
    images, labels = model.in_memory(images, labels)
    weigh = tf.function(model.log_weights, jit_compile=execution.resolve(model)[0] is True)
    seeds = np.random.default_rng(seed)
    at_once = max(1, VALUES_AT_ONCE // max(math.prod(model.data_shape), model.latent_dim, MIN_VALUES))  # images
    batch_size = min(batch_size, at_once)
    chunk = max(1, at_once // batch_size)
    result = np.empty(len(images))
    progress = keras.utils.Progbar(len(images), verbose=verbose, unit_name="image")
    with model.using_averages():
        for start in range(0, len(images), batch_size):
            part = slice(start, start + batch_size)
            x = tf.convert_to_tensor(images[part], tf.float32)
            given = {} if labels is None else {"labels": tf.constant(labels[part])}
            total = np.full(len(x), -np.inf)  # log sum_k w_k so far
            for done in range(0, num_samples, chunk):
                draws = min(chunk, num_samples - done)
                key = tf.constant(seeds.integers(2**31), tf.int64)
                # A trace for each shape and number of draws must be: TensorFlow would warn of them in calls of `weigh`.
                traced = weigh.get_concrete_function(x, draws, seed=key, **given)
                weights = np.asarray(traced(x, seed=key, **given), "float64")
                total = np.logaddexp(total, np.logaddexp.reduce(weights, axis=0))
            result[part] = total - np.log(num_samples)
            progress.update(start + len(x))
    return result
