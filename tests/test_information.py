"""Entropy and its kin against scipy, closed forms and integration."""

import math

import numpy as np
import pytest
import scipy.stats

from keras_gen import information as info

RNG = np.random.default_rng(0)
P, Q = RNG.dirichlet(np.ones(5), 3), RNG.dirichlet(np.ones(5), 3)


def test_against_scipy():
    np.testing.assert_allclose(info.entropy(P), scipy.stats.entropy(P, axis=1))
    np.testing.assert_allclose(info.entropy(P, base=2), scipy.stats.entropy(P, base=2, axis=1))
    np.testing.assert_allclose(info.kl_divergence(P, Q), scipy.stats.entropy(P, Q, axis=1))
    np.testing.assert_allclose(info.js_divergence(P, Q), scipy.spatial.distance.jensenshannon(P, Q, axis=1) ** 2)
    np.testing.assert_allclose(info.normal_entropy(0.3), scipy.stats.norm(1, math.sqrt(0.3)).entropy())


def test_coins():
    assert info.binary_entropy(0.5, base=2) == pytest.approx(1.0)
    assert info.binary_entropy([0.0, 1.0]).tolist() == [0.0, 0.0]
    assert info.surprise(1 / 8, base=2) == pytest.approx(3.0)
    assert info.kl_divergence([0.5, 0.5], [1.0, 0.0]) == math.inf
    assert info.js_divergence([1.0, 0.0], [0.0, 1.0], base=2) == pytest.approx(1.0)


def test_frequencies_are_counts():
    """h(x) / M, of letters, and of two variables together."""
    letters, shares = info.frequencies(list("abracadabra"))
    assert letters.tolist() == list("abcdr")
    np.testing.assert_allclose(shares, np.array([5, 2, 1, 1, 2]) / 11)
    x, y = RNG.integers(3, size=200), RNG.integers(4, size=200)
    *values, table = info.frequencies(x, y)
    assert [v.tolist() for v in values] == [[0, 1, 2], [0, 1, 2, 3]]
    np.testing.assert_allclose(table, [[np.mean((x == i) & (y == j)) for j in range(4)] for i in range(3)])
    for wrong in ((), ([],), ([1, 2], [1]), ([[1, 2]],)):
        with pytest.raises(ValueError, match="same length.*Received"):
            info.frequencies(*wrong)


def test_conditional_entropy():
    """Nothing is left of what is copied, all of what is independent; and Cover and Thomas 2006, example 2.2.1."""
    assert info.conditional_entropy(np.eye(4) / 4) == pytest.approx(0.0)
    np.testing.assert_allclose(info.conditional_entropy(np.outer(P[0], Q[0])), info.entropy(P[0]))
    joint = np.array([[4, 2, 2, 8], [2, 4, 2, 0], [1, 1, 2, 0], [1, 1, 2, 0]]) / 32  # X down, Y across
    assert info.conditional_entropy(joint, base=2) == pytest.approx(11 / 8)
    assert info.conditional_entropy(joint.T, base=2) == pytest.approx(13 / 8)
    tables = np.stack([joint, joint.T])
    lost = info.entropy(tables.sum(-1)) - info.conditional_entropy(tables)
    np.testing.assert_allclose(info.mutual_information(tables), lost)


def test_mutual_information():
    np.testing.assert_allclose(info.mutual_information(np.outer(P[0], Q[0])), 0.0, atol=1e-12)
    assert info.mutual_information(np.eye(4) / 4, base=2) == pytest.approx(2.0)
    joint = RNG.dirichlet(np.ones(12)).reshape(3, 4)
    by_entropies = info.entropy(joint.sum(1)) + info.entropy(joint.sum(0)) - info.entropy(joint.ravel())
    assert info.mutual_information(joint) == pytest.approx(by_entropies)


def test_kl_of_normals_is_the_integral():
    p, q = scipy.stats.norm(0.7, 0.6), scipy.stats.norm(-0.2, 1.7)
    z = np.linspace(-15, 15, 200_001)
    integral = np.trapezoid(p.pdf(z) * (p.logpdf(z) - q.logpdf(z)), z)
    assert info.normal_kl(0.7, 0.36, -0.2, 1.7**2) == pytest.approx(integral, rel=1e-6)


@pytest.mark.parametrize("wrong", [[0.5, 0.6], [-0.1, 1.1], 0.5])
def test_what_are_no_probabilities(wrong):
    with pytest.raises(ValueError, match="probabilities.*Received"):
        info.entropy(wrong)
    with pytest.raises(ValueError, match="above 0.*Received"):
        info.normal_kl(0.0, 0.0)
