"""Entropy and its kin: numpy in, numpy out. In nats; give `base=2` for bits.

Probabilities are arrays whose last axis sums to 1; the axes before it are as many distributions. `0 log 0` is 0.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from keras_gen.face import names_of


def _probabilities(name, p):
    p = np.asarray(p, "float64")
    if p.ndim == 0 or np.any(p < 0) or not np.allclose(p.sum(axis=-1), 1, atol=1e-6):
        raise ValueError(
            f"`{name}` must hold probabilities, at least 0, that sum to 1 over the last axis. Received: {p}"
        )
    return p


def _p_log(p, q, base):
    """`p log q`, 0 where p is 0, minus infinity where only q is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0, p * np.log(q), 0.0) / math.log(base)


def frequencies(*observed: ArrayLike) -> tuple[np.ndarray, ...]:
    """Relative frequencies `P(x) = h(x) / M`, where h(x) counts x among M observations.

    Of several variables, observed together, the joint table `P(x, y, ...)`.

    Args:
        *observed: (M,) each, of any type that has an order.

    Returns:
        The values of each variable, sorted, (K,), (L,), ...; and last the table, (K, L, ...), which sums to 1.

    Example:
        >>> letters, shares = kg.information.frequencies(list("abracadabra"))
        >>> letters.tolist(), (11 * shares).round().tolist()
        (['a', 'b', 'c', 'd', 'r'], [5.0, 2.0, 1.0, 1.0, 2.0])
    """
    columns = [np.asarray(values) for values in observed]
    if not columns or any(c.ndim != 1 or len(c) != len(columns[0]) or not len(c) for c in columns):
        raise ValueError(
            "Observations must be arrays of one axis and of the same length, at least 1. Received: shapes "
            f"{[c.shape for c in columns]}"
        )
    values, places = zip(*(np.unique(c, return_inverse=True) for c in columns), strict=True)
    table = np.zeros([len(v) for v in values])
    np.add.at(table, places, 1 / len(columns[0]))
    return *values, table


def surprise(p: ArrayLike, base: float = math.e) -> np.ndarray | np.float64:
    """Information content `-log p` of an event of probability p. (...) -> (...)."""
    with np.errstate(divide="ignore"):
        return -np.log(np.asarray(p, "float64")) / math.log(base)


def entropy(p: ArrayLike, base: float = math.e) -> np.ndarray | np.float64:
    """`H(p) = -sum_i p_i log p_i`: the mean surprise (Shannon 1948). (..., K) -> (...)."""
    p = _probabilities("p", p)
    return -_p_log(p, p, base).sum(axis=-1)


def binary_entropy(p: ArrayLike, base: float = math.e) -> np.ndarray | np.float64:
    """Entropy of a coin that shows heads with probability p. (...) -> (...)."""
    p = np.asarray(p, "float64")
    return entropy(np.stack([p, 1 - p], axis=-1), base)


def cross_entropy(p: ArrayLike, q: ArrayLike, base: float = math.e) -> np.ndarray | np.float64:
    """`H(p, q) = -sum_i p_i log q_i`: the mean surprise at what p draws of one who believes q. (..., K) -> (...)."""
    p, q = _probabilities("p", p), _probabilities("q", q)
    return -_p_log(p, q, base).sum(axis=-1)


def kl_divergence(p: ArrayLike, q: ArrayLike, base: float = math.e) -> np.ndarray | np.float64:
    """`KL(p || q) = sum_i p_i log(p_i / q_i) = H(p, q) - H(p)`, at least 0; infinite where q rules out what p draws."""
    return cross_entropy(p, q, base) - entropy(p, base)


def js_divergence(p: ArrayLike, q: ArrayLike, base: float = math.e) -> np.ndarray | np.float64:
    """Jensen-Shannon divergence, `(KL(p || m) + KL(q || m)) / 2`, m the mean of both; at most log 2."""
    middle = (_probabilities("p", p) + _probabilities("q", q)) / 2
    return (kl_divergence(p, middle, base) + kl_divergence(q, middle, base)) / 2


def optimal_discriminator(p: ArrayLike, q: ArrayLike) -> np.ndarray:
    """`D*(x) = p(x) / (p(x) + q(x))`: the best probability that x, of p or of q alike, is of p.

    Against it the generator's minimax value is `2 JS(p || q) - log 4` (Goodfellow et al. 2014, equations 2 and 6).

    Args:
        p: (...), density or probability of the data.
        q: (...), that of the generator.

    Returns:
        (...) in [0, 1]; 0.5 where both are 0.
    """
    p, q = np.asarray(p, "float64"), np.asarray(q, "float64")
    if np.any(p < 0) or np.any(q < 0):
        raise ValueError(f"Densities must be at least 0. Received: a minimum of {min(p.min(), q.min())}")
    both = p + q
    return np.divide(p, both, out=np.full(both.shape, 0.5), where=both > 0)


def _joint(joint) -> np.ndarray:
    joint = np.asarray(joint, "float64")
    _probabilities("joint", joint.reshape(*joint.shape[:-2], -1))
    return joint


def conditional_entropy(joint: ArrayLike, base: float = math.e) -> np.ndarray | np.float64:
    """`H(X | Y) = -sum_xy p(x, y) log p(x | y) = H(X, Y) - H(Y)`: what is left to learn of X once Y is known.

    (..., X, Y), which sums to 1 over both axes -> (...). The transposed table gives `H(Y | X)`.
    """
    joint = _joint(joint)
    given = joint.sum(axis=-2, keepdims=True)
    return (_p_log(joint, given, base) - _p_log(joint, joint, base)).sum(axis=(-2, -1))


def mutual_information(joint: ArrayLike, base: float = math.e) -> np.ndarray | np.float64:
    """`I(X; Y) = KL(p(x, y) || p(x) p(y)) = H(X) - H(X | Y)`. (..., X, Y), which sums to 1 over both axes -> (...)."""
    joint = _joint(joint)
    product = joint.sum(axis=-1, keepdims=True) * joint.sum(axis=-2, keepdims=True)
    return (_p_log(joint, joint, base) - _p_log(joint, product, base)).sum(axis=(-2, -1))


def normal_entropy(variance: ArrayLike, base: float = math.e) -> np.ndarray | np.float64:
    """Differential entropy of a normal, `log(2 pi e v) / 2`; below 0 where it is narrow. (...) -> (...)."""
    return 0.5 * np.log(2 * math.pi * math.e * np.asarray(variance, "float64")) / math.log(base)


def normal_kl(
    mean: ArrayLike,
    variance: ArrayLike,
    other_mean: ArrayLike = 0.0,
    other_variance: ArrayLike = 1.0,
    base: float = math.e,
) -> np.ndarray | np.float64:
    """KL divergence of one normal from another.

    `(log(v2 / v1) + (v1 + (m1 - m2)^2) / v2 - 1) / 2` (...) -> (...).

    Args:
        mean: m1.
        variance: v1, above 0.
        other_mean: m2.
        other_variance: v2, above 0.
        base: of the logarithm.
    """
    m1, v1, m2, v2 = (np.asarray(value, "float64") for value in (mean, variance, other_mean, other_variance))
    if np.any(v1 <= 0) or np.any(v2 <= 0):
        raise ValueError(f"Variances must be above 0. Received: variance={v1}, other_variance={v2}")
    return 0.5 * (np.log(v2 / v1) + (v1 + (m1 - m2) ** 2) / v2 - 1) / math.log(base)


__dir__ = names_of(globals())
