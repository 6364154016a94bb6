"""Samplers: rules that take a state x_t = alpha_t x + sigma_t e some way towards the data, and the loop around them.

Each is given what the model takes for x and e at a time t, `x_hat` and `e_hat`, and gives the state at another time s.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf
from keras import ops

from keras_gen.core import distribution


class Sampler(NamedTuple):
    """A rule.

    Args:
        step: function (path, predict, x, t, s, noise) -> x at time s; `predict(x, t)` gives (x_hat, e_hat), `noise()`
            standard normal numbers like x.
        draws: whether it draws noise.
        calls: of the network, in a step.
    """

    step: Callable
    draws: bool = False
    calls: int = 1


def ddim(path, predict, x, t, s, noise) -> tf.Tensor:
    """`x_s = alpha_s x_hat + sigma_s e_hat` (Song et al. 2021a, equation 12 with sigma = 0).

    As x_t = alpha_t x_hat + sigma_t e_hat, it is `x_t + (alpha_s - alpha_t) x_hat + (sigma_s - sigma_t) e_hat`: Euler's
    method for the probability-flow equation, along alpha and sigma in the place of time. On the straight path, where
    these are t and 1 - t, it is Euler's method.
    """
    x_hat, e_hat = predict(x, t)
    return _moved(path, x, t, s, x_hat, e_hat)


def heun(path, predict, x, t, s, noise) -> tf.Tensor:
    """The trapezoidal rule: the step of `ddim` with the mean of both ends (Karras et al. 2022, algorithm 1)."""
    first = predict(x, t)
    second = predict(_moved(path, x, t, s, *first), s)
    return _moved(path, x, t, s, *(0.5 * (here + there) for here, there in zip(first, second, strict=True)))


def ddpm(path, predict, x, t, s, noise) -> tf.Tensor:
    """A draw of q(x_s | x_t, x = x_hat) (Ho et al. 2020, equation 7; of any path Kingma et al. 2021, equation 25).

    With `a = alpha_t / alpha_s` and `v = sigma_t^2 - a^2 sigma_s^2` its mean is
    `(a sigma_s^2 x_t + alpha_s v x_hat) / sigma_t^2`, and its variance `v sigma_s^2 / sigma_t^2`.
    """
    x_hat, _ = predict(x, t)
    (alpha_t, sigma_t), (alpha_s, sigma_s) = path(t), path(s)
    a = alpha_t / alpha_s
    v = ops.maximum(sigma_t**2 - a**2 * sigma_s**2, 0.0)
    mean = (a * sigma_s**2 * x + alpha_s * v * x_hat) / sigma_t**2
    return mean + ops.sqrt(v) * sigma_s / sigma_t * noise()


def _moved(path, x, t, s, x_hat, e_hat):
    (alpha_t, sigma_t), (alpha_s, sigma_s) = path(t), path(s)
    return x + (alpha_s - alpha_t) * x_hat + (sigma_s - sigma_t) * e_hat


SAMPLERS = {
    "euler": Sampler(ddim),
    "ddim": Sampler(ddim),
    "heun": Sampler(heun, calls=2),
    "ddpm": Sampler(ddpm, draws=True),
}


@tf.function(reduce_retracing=True)  # outside of the class, so that it is traced once for each shape of the data
def advance(
    model, sampler, x, times, first, last, key, labels=None, guidance=None, known=None, clips=True
) -> tf.Tensor:
    """States at times[last], of those at times[first]. (B, ...) -> (B, ...).

    Args:
        model: with `path` and `predict`.
        sampler: name of SAMPLERS.
        x: (B, ...), states at times[first].
        times: (K + 1,), of the K steps of a whole draw.
        first: int32 scalar.
        last: int32 scalar.
        key: of the noise of all steps.
        labels: (B,) or None.
        guidance: scalar, or None for no guidance.
        known: None, or (mask, data, noise): what is known of the result, 1 in the mask, goes its own way to the data.
        clips: whether x_hat is brought into the range of the data, where they have one.
    """
    rule = SAMPLERS[sampler]

    def predict(x, t):
        return model.predicted(x, t, labels, guidance, clips)

    def step(i, x):
        t, s = times[i], times[i + 1]

        def noise():
            return distribution.normal(tf.shape(x), tf.random.experimental.stateless_fold_in(key, i))

        moved = rule.step(model.path, predict, x, t, s, noise)
        if known is not None:
            mask, data, own_noise = known
            alpha, sigma = model.path(s)
            moved = mask * (alpha * data + sigma * own_noise) + (1 - mask) * moved
        return i + 1, tf.ensure_shape(moved, x.shape)

    return tf.while_loop(lambda i, x: i < last, step, (first, x))[1]


def check_sampler(model: Any, sampler: str | None) -> str:
    """The name of a sampler of a model, its own for None; or a sentence."""
    if sampler is None:
        return model.samplers[0]
    if sampler not in model.samplers:
        raise ValueError(
            f"`sampler` of {type(model).__name__} must be one of {', '.join(map(repr, model.samplers))}. "
            f"Received: sampler={sampler!r}"
        )
    return sampler
