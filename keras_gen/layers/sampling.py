"""Reparametrised draws of codes and categories, and the noise that evaluation uses."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import ops

LOG_VARIANCE_LIMIT = 10.0  # variances between 4.5e-5 and 2.2e4: exp never overflows, not even in float16


@keras.saving.register_keras_serializable("keras_gen")
def bounded_log_variance(x) -> tf.Tensor:
    """Activation of a head that gives log variances: `L * tanh(x / L)`, smooth, within (-L, L), about x near 0.

    A clipped head stops learning where it is clipped; this one does not.
    """
    return LOG_VARIANCE_LIMIT * ops.tanh(x / LOG_VARIANCE_LIMIT)


def draw_codes(mean, log_variance, noise) -> tf.Tensor:
    """The reparametrised draw `mean + sd * noise`. (B, D), (B, D), (k, B or 1, D) -> (k, B, D)."""
    return mean + ops.exp(0.5 * log_variance) * noise


def draw_category(logits, noise, temperature: float) -> tf.Tensor:
    """A draw of softmax(logits), one-hot; its gradient is that of the relaxed draw. (B, K), (B, K) -> (B, K).

    With Gumbel noise g = -log(-log(noise)) the largest of logits + g is such a draw, and softmax((logits + g) /
    temperature) the relaxed one. The straight-through estimator of Jang, Gu, Poole 2017, "Categorical
    reparameterization with Gumbel-softmax", sections 2.1 and 2.2.

    Args:
        logits: of the categories.
        noise: uniform on [0, 1).
        temperature: of the relaxed draw, above 0; the lower, the closer it is to one-hot, and the wilder its gradient.
    """
    gumbel = -ops.log(-ops.log(ops.clip(noise, 1e-7, 1 - 1e-7)))
    relaxed = ops.softmax((logits + gumbel) / temperature)
    drawn = ops.one_hot(ops.argmax(relaxed, axis=-1), logits.shape[-1], dtype=relaxed.dtype)
    return drawn + relaxed - ops.stop_gradient(relaxed)


def fixed_noise(draws: int, size: int, seed: int, scaled: bool = True) -> np.ndarray:
    """Noise that is the same for every example: antithetic pairs, scaled to variance 1. -> (draws, 1, size).

    Its means of linear functions are exact, and so are those of squares of single units. Not scaled, each draw is
    standard normal, as importance weights need it.
    """
    half = np.random.default_rng(seed).standard_normal((draws // 2, 1, size))
    if scaled:
        half /= np.sqrt(np.mean(half**2, axis=0))
    return np.concatenate([half, -half]).astype("float32")


def repeat_batch(x, times: int) -> tf.Tensor:
    """The batch, `times` times over. (B, ...) -> (times * B, ...)."""
    # Not a tile of x itself: the converter of LiteRT takes that for one that a product needs not, whatever the batch.
    whole = ops.tile(x[None], (times, *[1] * len(x.shape)))
    return ops.reshape(whole, (times * ops.shape(x)[0], *x.shape[1:]))


def per_draw(loss: Callable, x, images, draws: int | None = None, **beside) -> tf.Tensor:
    """A loss of each of k draws of an image. (B, ...), (k * B, ...), draw by draw -> (k, B).

    What is `beside`, (B, ...) each, goes on to the loss as x does. A replica's last batch may be empty: then only
    `draws` can tell k.
    """
    batch = ops.shape(x)[0]
    draws = ops.shape(images)[0] // ops.maximum(batch, 1) if draws is None else draws
    beside = {name: repeat_batch(part, draws) for name, part in beside.items()}
    return ops.reshape(loss(repeat_batch(x, draws), images, **beside), (draws, batch))


def mean_over_classes(images: Callable, z, num_classes: int) -> tf.Tensor:
    """The mean image of codes over all classes. (B, D) -> (B, ...).

    Args:
        images: function of codes, (n, D), and classes, (n,).
        z: codes.
        num_classes: how many.
    """
    every = ops.repeat(ops.arange(num_classes), ops.shape(z)[0])
    made = images(ops.tile(z, (num_classes, 1)), every)
    return ops.mean(ops.reshape(made, (num_classes, -1, *made.shape[1:])), axis=0)
