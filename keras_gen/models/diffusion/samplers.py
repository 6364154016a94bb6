"""Samplers: rules that take a state x_t = alpha_t x + sigma_t e some way towards the data, and the loop around them.

A rule is a function (path, predict, x, t, s, noise) from the state at time t to that at time s: `path(t)` gives alpha
and sigma, `predict(x, t)` what the model takes for x and e, and `noise()` standard normal numbers.
"""

from typing import Any

import tensorflow as tf
from keras import ops

from keras_gen.core import distribution


def ddim(path, predict, x, t, s, noise) -> tf.Tensor:
    """`x_s = alpha_s x_hat + sigma_s e_hat` (Song et al. 2021a, equation 12 with sigma = 0).

    As x_t = alpha_t x_hat + sigma_t e_hat, it is `x_t + (alpha_s - alpha_t) x_hat + (sigma_s - sigma_t) e_hat`: Euler's
    method for the probability-flow equation, with the exact changes of alpha and sigma over the step. On the straight
    path, where these are t and 1 - t, it is Euler's method.
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


SAMPLERS = {"euler": ddim, "ddim": ddim, "heun": heun, "ddpm": ddpm}


def traced(model, function, *choices, **tensors) -> Any:
    """What a function of a model, choices and tensors gives, as a graph that is traced once for batches of all sizes.

    Args:
        model: that keeps the graph: what its network does in it is fixed, its weights are not.
        function: of model, choices and tensors, without Python's own loops and conditions of tensors.
        *choices: hashable.
        **tensors: or what makes tensors, or None. Those with the batch are (B, ...).
    """
    tensors = {name: tf.convert_to_tensor(value) for name, value in tensors.items() if value is not None}
    kind = (function, choices, *((name, value.dtype, value.shape[1:]) for name, value in tensors.items()))
    graphs = model.graphs()
    if kind not in graphs:
        shapes = [(None, *value.shape[1:]) if value.shape.rank else () for value in tensors.values()]
        graphs[kind] = tf.function(
            lambda *given: function(model, *choices, **dict(zip(tensors, given, strict=True))),
            input_signature=[
                tf.TensorSpec(shape, value.dtype) for shape, value in zip(shapes, tensors.values(), strict=True)
            ],
            autograph=False,
        )
    return graphs[kind](*tensors.values())


def advance(model, sampler, clips, x, times, first, last, key, labels=None, guidance=None) -> tf.Tensor:
    """States at times[last], of those at times[first]. (B, ...) -> (B, ...).

    Args:
        model: with `path` and `predicted`.
        sampler: name of SAMPLERS.
        clips: whether x_hat is brought into the range of the data, where they have one.
        x: (B, ...), states at times[first].
        times: (K + 1,), of the K steps of a whole draw.
        first: int32 scalar.
        last: int32 scalar.
        key: of the noise of all steps.
        labels: (B,) or None.
        guidance: scalar, or None for no guidance.
    """

    def step(i, x):
        predict, noise = _predict(model, labels, guidance, clips), _noise_like(x, key, i)
        moved = SAMPLERS[sampler](model.path, predict, x, times[i], times[i + 1], noise)
        return i + 1, tf.ensure_shape(moved, x.shape)

    return tf.while_loop(lambda i, x: i < last, step, (first, x))[1]


def fill_in(model, sampler, x, times, key, mask, known, repeats, labels=None, guidance=None) -> tf.Tensor:
    """States at the last of some times, of those at the first, of which a part is known. (B, ...) -> (B, ...).

    After each step the known part is put in, with the noise of that time; and each step is made `repeats` times, with
    noise added again in between, so that the rest fits it (RePaint, Lugmayr et al. 2022, algorithm 1).

    Args:
        model: as of `advance`.
        sampler: as of `advance`.
        x: (B, ...), states at times[0].
        times: (K + 1,).
        key: of all noise.
        mask: (B, ...), 1 where data are known.
        known: (B, ...), the data.
        repeats: int32 scalar.
        labels: as of `advance`.
        guidance: as of `advance`.
    """

    def step(i, x):
        t, s = times[i // repeats], times[i // repeats + 1]
        noise, of_known, of_return = (_noise_like(x, key, 3 * i + j) for j in range(3))
        moved = SAMPLERS[sampler](model.path, _predict(model, labels, guidance, True), x, t, s, noise)
        (alpha_t, sigma_t), (alpha_s, sigma_s) = model.path(t), model.path(s)
        moved = mask * (alpha_s * known + sigma_s * of_known()) + (1 - mask) * moved
        a = alpha_t / alpha_s
        back = a * moved + ops.sqrt(ops.maximum(sigma_t**2 - (a * sigma_s) ** 2, 0.0)) * of_return()
        return i + 1, tf.ensure_shape(tf.where((i + 1) % repeats == 0, moved, back), x.shape)

    steps = repeats * (tf.shape(times)[0] - 1)
    return tf.while_loop(lambda i, x: i < steps, step, (tf.constant(0), x))[1]


def _predict(model, labels, guidance, clips):
    return lambda x, t: model.predicted(x, t, labels, guidance, clips)


def _noise_like(x, key, number):
    return lambda: distribution.normal(tf.shape(x), tf.random.experimental.stateless_fold_in(key, number))


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
