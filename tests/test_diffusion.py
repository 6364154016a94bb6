"""Flow matching and diffusion against closed forms: of Gaussian data all velocities and likelihoods are known."""

import itertools
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import keras_gen as kg
from keras_gen.core import abilities
from keras_gen.models.diffusion import likelihood, samplers, targets
from keras_gen.models.diffusion.latent import moments
from keras_gen.networks.denoiser import GroupNorm
from keras_gen.testing import replicas

MEAN = np.array([0.3, -0.2, 0.5], "float32")
ROOT = np.array([[1.0, 0.0, 0.0], [0.4, 0.7, 0.0], [-0.3, 0.2, 0.5]], "float32")
COVARIANCE = ROOT @ ROOT.T
TRUTH = stats.multivariate_normal(MEAN, COVARIANCE)
KINDS = ("flow", *targets.TARGETS)


def tiny(shape=(3,), kind="flow", num_classes=None, **options):
    """A model of a small dense network, as it is made."""
    options = {"denoiser": kg.networks.dense_denoiser(shape, num_classes, (8,)), "ema": None, **options}
    if kind == "flow":
        return kg.FlowMatching(shape, num_classes=num_classes, **options)
    return kg.Diffusion(shape, target=kind, num_classes=num_classes, **options)


def exact(kind):
    """A model that says what the best network would of data N(MEAN, COVARIANCE)."""
    model = tiny(kind=kind)

    def said(x_t, t, labels=None, training=False):
        alpha, sigma = (np.float32(1.0) * part for part in model.path(t))
        alpha, sigma = (tf.reshape(tf.broadcast_to(part, tf.shape(t)), (-1, 1, 1)) for part in (alpha, sigma))
        spread = alpha**2 * COVARIANCE + sigma**2 * np.eye(3, dtype="float32")
        away = tf.linalg.solve(spread, x_t[:, :, None] - alpha * MEAN[:, None])
        x_hat, e_hat = MEAN[:, None] + alpha * (COVARIANCE @ away), sigma * away
        return model.target_of(x_hat[..., 0], e_hat[..., 0], t[:, None])

    model.said = said
    return model


def noisy(model, count=400):
    """Data and noise of variance 1 but for images' data, times and states."""
    rng = np.random.default_rng(0)
    x, e = rng.standard_normal((2, count, 3)).astype("float32")
    t = rng.uniform(0.02, 0.98, (count, 1)).astype("float32")
    alpha, sigma = model.path(t)
    return x, e, t, alpha * x + sigma * e


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_said_holds_data_and_noise(kind):
    model = tiny(kind=kind)
    x, e, t, x_t = noisy(model)
    found = model.split(model.target_of(x, e, t), x_t, t)
    np.testing.assert_allclose(found[0], x, atol=2e-2)  # of epsilon, a small difference of large numbers
    np.testing.assert_allclose(found[1], e, atol=2e-3)
    step = 1e-3
    for rate, after, before in zip(model.rates(t), model.path(t + step), model.path(t - step), strict=True):
        slope = (np.asarray(after, "float64") - before) / (2 * step)
        np.testing.assert_allclose(slope * np.ones_like(t), rate * np.ones_like(t), rtol=2e-2, atol=2e-2)
    if kind != "flow":
        alpha, sigma = model.path(t)
        np.testing.assert_allclose(model.time_of(2 * np.log(alpha / sigma)), t, atol=1e-3)


def test_edm_gives_and_asks_for_numbers_of_variance_one():
    rng = np.random.default_rng(0)
    for deviation in (0.5, 1.0):
        edm = targets.EDM(deviation)
        x, e = deviation * rng.standard_normal(100_000), rng.standard_normal(100_000)
        for t in (0.1, 0.5, 0.9):
            sigma = float(edm.path(t)[1])
            assert np.var(edm.target(x, e, t)) == pytest.approx(1, abs=0.02)
            assert np.var((x + sigma * e) * np.float64(edm.network_scale(t))) == pytest.approx(1, abs=0.02)
    log_sigma = np.log(edm.path(edm.quantile((np.arange(1000, dtype="float32") + 0.5) / 1000))[1])
    np.testing.assert_allclose([log_sigma.mean(), log_sigma.std()], [-1.2, 1.2], atol=0.02)
    assert edm.path(0.0)[1] == pytest.approx(80)
    assert edm.path(1.0)[1] == pytest.approx(0.002)


@pytest.mark.parametrize("kind", KINDS)
def test_gaussian_data_are_drawn_and_scored(kind):
    """The way from noise to data is affine: where 0 and the axes go tells mean and covariance of all samples."""
    model = exact(kind)
    corners = np.concatenate([np.zeros((1, 3)), np.eye(3)]).astype("float32")
    ends = model.decode(corners)
    np.testing.assert_allclose(ends[0], MEAN, atol=0.02)
    directions = ends[1:] - ends[0]
    np.testing.assert_allclose(directions.T @ directions, COVARIANCE, atol=0.05 if kind == "edm" else 0.02)
    np.testing.assert_allclose(model.encode(ends), corners, atol=0.02)
    x = TRUTH.rvs(40, random_state=1).astype("float32")
    log_density = model.log_likelihood(x, steps=200 if kind == "edm" else 50)
    np.testing.assert_allclose(log_density, TRUTH.logpdf(x), atol=0.05)
    if kind == "flow":
        np.testing.assert_array_equal(model.score(x, steps=50), log_density)
    elif kind != "epsilon":  # which is as "v"
        bound = model.score(x, steps=8000)
        assert np.mean(bound) < np.mean(log_density) + 0.02  # a draw of noise for each time, the same for all
        np.testing.assert_allclose(bound, log_density, atol=0.2)
    drawn = model.sample(4000, seed=1, sampler="ddpm", steps=200)
    np.testing.assert_allclose(drawn.mean(axis=0), MEAN, atol=0.05)
    np.testing.assert_allclose(np.cov(drawn.T), COVARIANCE, atol=0.12 if kind == "edm" else 0.06)


def test_ddpm_draws_the_posterior():
    """Of one value, by Bayes' rule on a grid: q(x_s | x_t, x) is as q(x_t | x_s) q(x_s | x)."""
    path, x, x_t, t, s = targets.V().path, 0.7, -0.4, 0.3, 0.35
    (alpha_t, sigma_t), (alpha_s, sigma_s) = ([float(part) for part in path(time)] for time in (t, s))
    grid = np.linspace(-6, 6, 20_001)
    a = alpha_t / alpha_s
    density = stats.norm(a * grid, np.sqrt(sigma_t**2 - (a * sigma_s) ** 2)).pdf(x_t)
    density = density * stats.norm(alpha_s * x, sigma_s).pdf(grid)
    density /= density.sum()
    mean = (grid * density).sum()
    deviation = np.sqrt(((grid - mean) ** 2 * density).sum())
    drawn = [float(samplers.ddpm(path, lambda *_: (x, None), x_t, t, s, lambda z=z: z)) for z in (0.0, 1.0)]
    np.testing.assert_allclose([drawn[0], drawn[1] - drawn[0]], [mean, deviation], atol=1e-4)


def test_ddim_on_the_straight_path_is_eulers_method():
    x, e = np.float32([0.2, -1.0]), np.float32([1.5, 0.3])
    x_t = 0.4 * x + 0.6 * e
    moved = samplers.ddim(lambda t: (t, 1 - t), lambda *_: (x, e), x_t, 0.4, 0.5, None)
    np.testing.assert_allclose(moved, x_t + 0.1 * (x - e), atol=1e-6)


def said_something(model):
    """A model whose network says something: the last layer of a new one is 0."""
    keras.utils.set_random_seed(1)
    for weight in model.denoiser.trainable_weights:
        weight.assign(0.5 * keras.random.normal(weight.shape))
    return model


def test_hutchinsons_trace_is_unbiased():
    """The mean over all eight vectors of signs is the trace itself."""
    model = said_something(tiny())
    x = tf.constant(TRUTH.rvs(5, random_state=0), tf.float32)
    signs = tf.constant(list(itertools.product((-1.0, 1.0), repeat=3)))
    times = tf.constant(1 - np.linspace(0, 1, 6) ** model.crowding, tf.float32)
    by_signs = likelihood.log_density(model, x, times, signs)
    np.testing.assert_allclose(by_signs, model.log_likelihood(x, steps=5), atol=1e-3)
    one = likelihood.log_density(model, x, times, signs[:1])
    assert np.abs(np.asarray(one) - by_signs).max() > 1e-2


def test_guidance_and_labels():
    model = said_something(tiny(num_classes=2))
    x, labels = tf.constant(TRUTH.rvs(4, random_state=0), tf.float32), tf.constant([0, 1, 1, 0])
    times = tf.fill((4,), 0.3)
    given, alone = model.said(x, times, labels), model.said(x, times, tf.fill((4,), 2))
    assert np.abs(np.asarray(given - alone)).max() > 0.1
    for weight in (0.0, 1.5):
        expected = model.split((1 + weight) * given - weight * alone, x, 0.3)
        for found, part in zip(model.predicted(x, 0.3, labels, weight), expected, strict=True):
            np.testing.assert_allclose(found, part, atol=1e-4)
    np.testing.assert_array_equal(
        model.sample(4, labels=[0, 1, 0, 1], seed=1, steps=3), model.sample(4, seed=1, steps=3)
    )
    assert np.any(model.sample(4, seed=1, steps=3) != model.sample(4, seed=1, steps=3, guidance=1.0))
    dropped = np.concatenate([model._dropped(tf.zeros(500, tf.int64)) for _ in range(1)])
    assert set(dropped) == {0, 2}
    assert 0.05 < np.mean(dropped == 2) < 0.16


def test_trajectory_ends_at_the_sample_and_inpainting_keeps_what_is_known():
    model = said_something(tiny(kind="v"))
    for sampler in ("ddim", "ddpm"):
        way = model.trajectory(4, seed=3, steps=6, frames=4, sampler=sampler)
        assert way.shape == (4, 4, 3)
        np.testing.assert_array_equal(way[-1], model.sample(4, seed=3, steps=6, sampler=sampler))
    np.testing.assert_allclose(way[0], np.random.default_rng(3).standard_normal((4, 3)), atol=1e-3)
    assert way.provenance["seed"] == 3
    x = TRUTH.rvs(4, random_state=0).astype("float32")
    made = model.inpaint(x, [1, 0, 1], seed=1, steps=5)
    np.testing.assert_array_equal(made[:, [0, 2]], x[:, [0, 2]])
    assert np.abs(made[:, 1] - x[:, 1]).min() > 0
    np.testing.assert_array_equal(made, model.inpaint(x, [1, 0, 1], seed=made.provenance["seed"], steps=5))
    np.testing.assert_allclose(model.reconstruct(x, level=0), x, atol=1e-6)
    assert np.abs(model.reconstruct(x, level=1) - x).max() > 0.1


def test_inpainting_hears_what_is_known():
    """Of values that go together, the one that is drawn follows the one that is known."""
    model = exact("flow")
    x = np.float32([[2.0, 0, 0], [-2.0, 0, 0]]).repeat(200, axis=0)
    made = np.asarray(model.inpaint(x, [1, 0, 0], seed=0, steps=50))[:, 1]
    slope = (made[:200].mean() - made[200:].mean()) / 4
    assert slope == pytest.approx(COVARIANCE[0, 1] / COVARIANCE[0, 0], abs=0.1)  # 0.19 without repeats


def test_bits_of_images():
    """A network that says nothing, f = 0, leaves all noise where it is: x is N(0, I) in [-1, 1]."""
    model = tiny((2, 2, 1))
    images = np.array([0, 17, 200, 255], "float32").reshape(1, 2, 2, 1) / 255
    u = np.random.default_rng(0).random((2, 2, 1))
    log_density = stats.norm.logpdf(2 * (images * 255 + u) / 256 - 1).sum() + 4 * np.log(2)
    np.testing.assert_allclose(model.bits_per_dimension(images), 8 - log_density / (4 * np.log(2)), atol=1e-4)
    with pytest.raises(ValueError, match="256 gray levels"):
        model.bits_per_dimension(images * 0.9)


def test_vectors_and_codes_are_brought_to_one_scale():
    x = np.random.default_rng(0).normal([5, 0, 5], [0.1, 1e-5, 100], (200, 3)).astype("float32")
    model = tiny()
    model.compile(optimizer="sgd", jit_compile=False, steps_per_execution=1, run_eagerly=True)
    model.fit(x, batch_size=100, verbose=0)
    np.testing.assert_allclose(model.shift, x.mean(axis=0), rtol=1e-3)
    np.testing.assert_allclose(model.scale, x.std(axis=0), rtol=1e-3)
    found = model.log_likelihood(x[:4])
    kept = tiny()
    kept.denoiser.set_weights(model.denoiser.get_weights())
    expected = kept.log_likelihood((x[:4] - x.mean(axis=0)) / x.std(axis=0)) - np.log(x.std(axis=0)).sum()
    np.testing.assert_allclose(found, expected, atol=1e-2)
    mean, deviation = moments(np.float32([[0.1, 7], [0.1, 9]]))
    np.testing.assert_allclose(mean, [0.1, 8], rtol=1e-6)
    np.testing.assert_allclose(deviation, [1, 1])  # what never changes is left as it is


def test_batches_are_of_the_larger_of_data_and_codes(monkeypatch):
    monkeypatch.setattr(abilities, "VALUES_PER_BATCH", 8 * 16 * 2)  # two images of 16 values, times the maps
    images = tiny((4, 4, 1))
    vae = kg.VAE((4, 4, 1), 2, encoder="shallow", decoder="shallow")
    of_codes = tiny((4, 4, 1), latent=vae, denoiser=kg.networks.dense_denoiser((2,), None, (8,)))
    assert images.per_batch() == of_codes.per_batch(2) == 2
    x = np.random.default_rng(0).random((5, 4, 4, 1)).astype("float32")
    found = images.inpaint(tf.constant(x), np.zeros((4, 4, 1)), seed=1, steps=2)  # a tensor, in three batches
    assert np.abs(found[0] - found[2]).max() > 1e-3
    np.testing.assert_array_equal(found, images.inpaint(x, np.zeros((4, 4, 1)), seed=1, steps=2))


def test_an_evaluation_does_not_depend_on_the_number_of_replicas():
    model, x = said_something(tiny(kind="v")), tf.constant(TRUTH.rvs(4, random_state=0), tf.float32)
    whole = model.terms(x, None, training=False)["denoising_loss"]
    first, second = (
        part["denoising_loss"]
        for part in replicas.run(*(lambda x=x: model.terms(x, None, training=False) for x in (x[:2], x[2:])))
    )
    np.testing.assert_allclose(np.concatenate([first, second]), whole, rtol=1e-5)


def test_labels_of_unknown_images_and_other_mistakes():
    model, classes = tiny((4, 4, 1)), tiny(num_classes=2)
    x = np.zeros((2, 4, 4, 1), "float32")
    vae = kg.VAE((3,), 2, likelihood="gaussian", encoder="shallow", decoder="shallow")
    conditional = kg.ConditionalVAE((3,), 2, num_classes=2, likelihood="gaussian", encoder="shallow", decoder="shallow")
    of_codes = kg.FlowMatching((3,), latent=vae)
    for call, words in {
        lambda: model.sample(2, steps=0): "`steps` must be a whole number of at least 1. Received: steps=0",
        lambda: model.sample(2, guidance=1.0): "needs a model with classes",
        lambda: classes.sample(2, guidance=-1.0): "`guidance` must be a number of at least 0",
        lambda: model.sample(2, sampler="ddim"): "must be one of 'euler', 'heun', 'ddpm'. Received: sampler='ddim'",
        lambda: classes.sample(2, labels=[0, 2]): "a whole number from 0 to 1",
        lambda: classes.log_likelihood(np.zeros((2, 3))): "Received: no labels",
        lambda: model.inpaint(x, np.ones((3, 3))): "`mask` must be 1 where x is known",
        lambda: model.inpaint(x, 0.5): "`mask` must be 1 where x is known",
        lambda: model.inpaint(x, []): "mask of shape (0,), float64",
        lambda: model.inpaint(x, "a"): "mask of shape (), <U1",
        lambda: model.trajectory(2, steps=4, frames=6): "at most 5. Received: frames=6",
        lambda: model.reconstruct(x, level=1.5): "`level` must be a number from 0 to 1",
        lambda: kg.FlowMatching((4, 4, 1), latent=vae): "data of data_shape=(4, 4, 1)",
        lambda: kg.FlowMatching((3,), latent=conditional): "which takes labels",
        lambda: of_codes.inpaint(np.zeros((2, 3)), [1, 0, 0]): "no part of a code stands for",
        lambda: of_codes.bits_per_dimension(np.zeros((2, 3))): "needs a model of images",
        lambda: of_codes.fit(iter([np.zeros((2, 3), "float32")]), steps_per_epoch=1): "Received: a generator",
        lambda: kg.FlowMatching((3,), denoiser="unet"): "A U-Net needs images",
        lambda: kg.FlowMatching((4, 4, 1), num_classes=2, denoiser=model.denoiser): "`denoiser` must be",
    }.items():
        with pytest.raises(ValueError, match=re.escape(words)):
            call()


def test_unet_takes_images_of_any_size():
    for shape in ((17, 30, 3),):
        network = kg.networks.unet_denoiser(shape, filters=(2, 2, 2), blocks=1)
        assert network.output_shape == (None, *shape)
        assert not np.any(network([np.ones((1, *shape)), np.ones((1, 1))]))  # the last layer begins at 0


def test_group_norm_is_that_of_keras():
    x = np.random.default_rng(0).normal(3, 2, (2, 5, 4, 12)).astype("float32")
    ours, theirs = GroupNorm(), keras.layers.GroupNormalization(4, epsilon=1e-5)
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-4)
