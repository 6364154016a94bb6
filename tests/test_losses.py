"""Losses against scipy's densities and closed forms."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from keras_gen import layers, likelihoods, losses

RNG = np.random.default_rng(0)
X = RNG.uniform(0.05, 0.95, (4, 3, 3, 1)).astype("float32")
M = RNG.uniform(0.05, 0.95, (4, 3, 3, 1)).astype("float32")


def flat(a):
    return a.reshape(len(a), -1)


def test_bernoulli_is_scipys_log_probability():
    x = (X > 0.5).astype("float32")
    expected = -scipy.stats.bernoulli.logpmf(flat(x), flat(M)).sum(1)
    np.testing.assert_allclose(losses.bernoulli(x, M), expected, rtol=1e-5)


def test_bernoulli_of_intensities_is_the_cross_entropy():
    expected = -(flat(X) * np.log(flat(M)) + (1 - flat(X)) * np.log(1 - flat(M))).sum(1)
    np.testing.assert_allclose(losses.bernoulli(X, M), expected, rtol=1e-5)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_saturated_sigmoid_keeps_its_gradient(compiled):
    """Keras computes from the logits of a sigmoid: by a note on the tensor, which a release might drop."""
    logits = tf.constant([[40.0, -40.0]])

    def gradient():
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = losses.bernoulli(tf.constant([[0.0, 1.0]]), keras.layers.Activation("sigmoid")(logits))
        return tape.gradient(loss, logits)

    np.testing.assert_allclose((tf.function(gradient) if compiled else gradient)(), [[1.0, -1.0]], rtol=1e-6)


@pytest.mark.parametrize("log_variance", [0.0, -1.3])
def test_gaussian_is_scipys_log_density(log_variance):
    expected = -scipy.stats.norm.logpdf(flat(X), flat(M), np.exp(log_variance / 2)).sum(1)
    np.testing.assert_allclose(losses.gaussian(X, M, log_variance), expected, rtol=1e-5)


def test_squared_error():
    np.testing.assert_allclose(losses.squared_error(X, M), np.linalg.norm(flat(X) - flat(M), axis=1) ** 2, rtol=1e-5)


def test_normal_kl_is_the_integral():
    mean, log_variance = 0.7, -0.9
    q = scipy.stats.norm(mean, np.exp(log_variance / 2))
    z = np.linspace(-12, 12, 200_001)
    integral = np.trapezoid(q.pdf(z) * (q.logpdf(z) - scipy.stats.norm.logpdf(z)), z)
    result = losses.normal_kl(np.float32([[mean]]), np.float32([[log_variance]]))
    np.testing.assert_allclose(result, [[integral]], rtol=1e-4)


def test_normal_log_density_is_scipys():
    z, mean, log_variance = (RNG.standard_normal((5, 3)).astype("float32") for _ in range(3))
    expected = scipy.stats.norm.logpdf(z, mean, np.exp(log_variance / 2)).sum(1)
    np.testing.assert_allclose(losses.normal_log_density(z, mean, log_variance), expected, rtol=1e-5)


def test_log_variances_are_bounded_and_keep_a_gradient():
    x = tf.constant([-1e4, -30.0, 0.1, 30.0, 1e4])
    with tf.GradientTape() as tape:
        tape.watch(x)
        bounded = layers.bounded_log_variance(x)
    assert np.all(np.abs(bounded) <= layers.LOG_VARIANCE_LIMIT)
    np.testing.assert_allclose(bounded[2], 0.1, rtol=1e-3)
    assert np.all(tape.gradient(bounded, x)[1:4] > 0)


def test_gaussian_likelihood_learns_the_variance():
    """The maximum-likelihood variance is the mean squared error."""
    layer = likelihoods.GaussianLikelihood()
    rng = np.random.default_rng(1)
    x = rng.normal(0, 0.2, (500, 6)).astype("float32")
    layer.build(x.shape, x.shape)
    optimizer = keras.optimizers.Adam(0.02)
    optimizer.build(layer.trainable_variables)
    for _ in range(200):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(layer(x, np.zeros_like(x)))
        optimizer.apply(tape.gradient(loss, layer.trainable_variables))
    np.testing.assert_allclose(np.exp(layer.log_variance), np.mean(x**2), rtol=0.02)
    assert float(layer.log_variance) > layer.FLOOR


def test_bernoulli_kl():
    rho_hat = np.array([0.01, 0.3, 0.99])
    expected = scipy.special.rel_entr(0.1, rho_hat) + scipy.special.rel_entr(0.9, 1 - rho_hat)
    np.testing.assert_allclose(losses.bernoulli_kl(0.1, rho_hat), expected, rtol=1e-5)
    assert np.all(np.isfinite(losses.bernoulli_kl(0.1, np.array([0.0, 1.0], "float32"))))


def test_si_sdr_is_the_ratio_of_orthogonal_parts_whatever_the_scale():
    rng = np.random.default_rng(0)
    target, noise = rng.standard_normal((2, 4, 30))
    noise -= np.sum(noise * target, 1, keepdims=True) / np.sum(target**2, 1, keepdims=True) * target
    for ratio in (-10.0, 0.0, 25.0):
        scale = np.linalg.norm(target, axis=1) / np.linalg.norm(noise, axis=1) / 10 ** (ratio / 20)
        for gain in (1.0, 0.2):
            estimate = gain * (target + scale[:, None] * noise)
            np.testing.assert_allclose(losses.si_sdr(target, estimate), ratio, atol=1e-3)
    zeros = np.zeros_like(target)
    for pair in ((target, zeros), (zeros, target), (zeros, zeros)):
        assert np.all(np.asarray(losses.si_sdr(*pair)) <= -50)
    assert np.all(np.asarray(losses.si_sdr(target, target)) >= 75)
