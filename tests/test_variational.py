"""Bounds, likelihoods, priors, conditions, labels and mixtures, against closed forms and brute force."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
from sklearn.decomposition import PCA, FactorAnalysis
from test_vae import linear_gaussian, tiny
from zoo import IMAGES, LABELS, SHAPE, ZOO, dense

import keras_gen as kg
from keras_gen.core import labels as known_labels
from keras_gen.core.intake import Intake

CASES = {case.name: case for case in ZOO}
DIGITS, DIGIT_LABELS = kg.data.stack(kg.data.load("digits", labels=True, shuffle=False))
TEST, TEST_LABELS = kg.data.stack(kg.data.load("digits", "test", labels=True))


# === Bounds ===


@pytest.mark.parametrize("training", [False, True])
def test_iwae_of_the_exact_posterior_is_the_log_likelihood(training):
    """Every importance weight is p(x) there, whatever the draws."""
    model, exact = linear_gaussian(bound="iwae", num_samples=3)
    x = exact.rvs(20, random_state=1).astype("float32")
    model.compile(keras.optimizers.SGD(0.0), jit_compile=False, steps_per_execution=1)
    figures = (
        model.fit(x, batch_size=20, verbose=0).history if training else model.evaluate(x, verbose=0, return_dict=True)
    )
    assert np.ravel(figures["loss"])[0] == pytest.approx(-exact.logpdf(x).mean(), abs=1e-3)
    np.testing.assert_allclose(model.score(x), exact.logpdf(x), atol=1e-3)


def test_more_draws_tighten_the_bound():
    """ELBO < IWAE of 2 draws < of 50 < log p(x), in expectation (Burda et al. 2015, theorem 1)."""
    model, exact = linear_gaussian(widen=2.0)
    x = exact.rvs(2_000, random_state=1).astype("float32")
    bounds = [kg.evaluation.log_likelihood(model, x, num_samples=k, verbose=0).mean() for k in (1, 2, 50)]
    assert model.score(x).mean() == pytest.approx(bounds[0], abs=0.1)
    assert bounds[0] < bounds[1] - 0.02 < bounds[2] - 0.04 < exact.logpdf(x).mean()


def test_the_gradient_of_iwae_is_that_of_the_log_mean_weight():
    """The terms are reported beside the bound; its gradient alone must count."""
    case = CASES["vae_iwae_logistic"]
    one, other = case.cls(**case.arguments()), case.cls(**case.arguments())
    other.set_weights(one.get_weights())
    one.warmup_steps = 0
    one.compile(keras.optimizers.SGD(1.0), jit_compile=False, steps_per_execution=1)
    one.fit(case.x, batch_size=16, shuffle=False, verbose=0)
    with tf.GradientTape() as tape:
        mean, log_variance = other.posterior(tf.constant(case.x))
        z = other._draws(mean, log_variance, training=True)
        nll = other.negative_log_likelihood(case.x, other.decode_draws(z))
        weights = other.log_ratio(z, mean, log_variance) - nll
        loss = -tf.reduce_mean(tf.reduce_logsumexp(weights, axis=0) - np.log(3))
    gradients = tape.gradient(loss, other.trainable_weights)
    for weight, before, gradient in zip(one.trainable_weights, other.trainable_weights, gradients, strict=True):
        np.testing.assert_allclose(before - weight, gradient, rtol=2e-3, atol=2e-4)


# === Likelihoods ===


def test_discretized_logistic_is_the_mass_of_each_bin():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (5, 4)).astype("float32") / 255
    x[0, :2] = [0, 1]
    mean, log_scale = rng.uniform(0, 1, (5, 4)).astype("float32"), -3.0
    logistic = scipy.stats.logistic(mean, np.exp(log_scale))
    upper = np.where(x == 1, 1.0, logistic.cdf(x + 0.5 / 255))
    lower = np.where(x == 0, 0.0, logistic.cdf(x - 0.5 / 255))
    expected = -np.log(upper - lower).sum(1)
    np.testing.assert_allclose(kg.losses.discretized_logistic(x, mean, log_scale), expected, rtol=1e-3)


@pytest.mark.parametrize("log_scale", [-7.0, -2.0, 3.0])
def test_probabilities_of_the_256_levels_sum_to_one(log_scale):
    levels = (np.arange(256) / 255).astype("float32")[:, None]
    for mean in (-0.3, 0.0, 0.501, 1.0):
        nll = kg.losses.discretized_logistic(levels, np.float32(mean), log_scale)
        assert np.isfinite(nll).all()
        assert np.exp(-np.asarray(nll, "float64")).sum() == pytest.approx(1.0, abs=1e-3)


def test_a_variance_that_is_given_stays():
    model = tiny(likelihood="gaussian", variance=0.04)
    x, mean = IMAGES[:3], IMAGES[3:6]
    expected = -scipy.stats.norm.logpdf(x, mean, 0.2).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(model.pixel_loss(x, mean), expected, rtol=1e-4)
    assert not model.pixel_loss.trainable_weights


@pytest.mark.extended
@pytest.mark.parametrize(
    ("variance", "method"),
    [("learned", PCA), ("per_value", FactorAnalysis)],
)
def test_a_trained_linear_vae_is_probabilistic_pca_or_factor_analysis(variance, method):
    """One variance for all values: probabilistic PCA; one for each: factor analysis. Likelihoods as scikit-learn's."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((600, 5)) * [0.3, 0.5, 0.2, 0.6, 0.4]
    x = (rng.standard_normal((600, 2)) @ rng.standard_normal((2, 5)) + noise).astype("float32")
    keras.utils.set_random_seed(0)
    data, code = keras.Input((5,)), keras.Input((2,))
    model = kg.VAE(
        (5,),
        2,
        likelihood="gaussian",
        variance=variance,
        num_samples=8,
        encoder=keras.Model(data, keras.layers.Identity()(data)),
        decoder=keras.Model(code, keras.layers.Dense(5, name="image")(code)),
    )
    schedule = keras.optimizers.schedules.CosineDecay(0.02, 2_000)
    model.compile(keras.optimizers.Adam(schedule), steps_per_execution=50)
    model.fit(np.tile(x, (25, 1)), batch_size=150, epochs=20, verbose=0)
    likelihood = kg.evaluation.log_likelihood(model, x, num_samples=500, batch_size=300, verbose=0).mean()
    assert likelihood == pytest.approx(method(2).fit(x).score(x), abs=0.03)


# === Priors ===


def test_vamp_prior_is_the_mean_of_its_posteriors():
    model = CASES["vae_vamp"].model()
    z = np.random.default_rng(0).standard_normal((7, 3)).astype("float32")
    mean, log_variance = (np.asarray(part) for part in model.posterior(model.code_prior.pseudo_inputs))
    densities = [
        scipy.stats.multivariate_normal(m, np.diag(np.exp(v))).pdf(z) for m, v in zip(mean, log_variance, strict=True)
    ]
    np.testing.assert_allclose(model.code_prior.log_density(z), np.log(np.mean(densities, axis=0)), rtol=1e-4)


def test_mixture_prior_density_draws_and_responsibilities():
    prior = kg.priors.MixturePrior(2, 1)
    prior.build()
    prior.logits.assign(np.log([0.25, 0.75]))
    prior.means.assign([[-2.0], [1.0]])
    prior.raw_log_variances.assign([[0.0], [-1.0]])
    variances = np.exp(np.asarray(prior.components()[2])).ravel()
    parts = [
        lambda z: 0.25 * scipy.stats.norm(-2, variances[0] ** 0.5).pdf(z),
        lambda z: 0.75 * scipy.stats.norm(1, variances[1] ** 0.5).pdf(z),
    ]
    z = np.linspace(-4, 4, 9, dtype="float32")
    total = parts[0](z) + parts[1](z)
    np.testing.assert_allclose(prior.log_density(z[:, None]), np.log(total), rtol=1e-4)
    np.testing.assert_allclose(np.asarray(prior.responsibilities(z[:, None]))[:, 0], parts[0](z) / total, atol=1e-5)
    drawn = prior.draw(20_000, np.random.default_rng(0))
    assert drawn.mean() == pytest.approx(0.25 * -2 + 0.75 * 1, abs=0.03)
    assert prior.draw(2_000, np.random.default_rng(0), np.zeros(2_000, int)).mean() == pytest.approx(-2, abs=0.1)
    mean, log_variance = np.zeros((3, 1), "float32"), np.full((3, 1), -1.0, "float32")
    draws = np.float32(np.exp(-0.5)) * np.random.default_rng(0).standard_normal((50_000, 3, 1)).astype("float32")
    q, grid = scipy.stats.norm(0, np.exp(-0.5)), np.linspace(-8, 8, 20_001)
    integral = np.trapezoid(q.pdf(grid) * (q.logpdf(grid) - np.log(parts[0](grid) + parts[1](grid))), grid)
    np.testing.assert_allclose(prior.kl(mean, log_variance, draws), np.full((3, 1), integral), atol=0.02)


# === Collapse ===


def test_a_collapsed_posterior_is_warned_of():
    model = tiny(beta=1000.0, latent_dim=3)
    with pytest.warns(UserWarning, match="The posterior has collapsed: 0 of 3 .*warmup_steps.*free_bits"):
        model.fit(np.tile(IMAGES, (60, 1, 1, 1)), batch_size=4, verbose=0)
    units = kg.evaluation.latent_units(model, IMAGES)
    assert not units.active.any()


def test_latent_units_find_the_units_that_say_something(tmp_path):
    model, exact = linear_gaussian(latent_dim=2)
    x = exact.rvs(500, random_state=1).astype("float32")
    units = kg.evaluation.latent_units(model, x, path=tmp_path / "units.png")
    mean, log_variance = model.posterior(x)
    mean, log_variance = np.asarray(mean), np.asarray(log_variance)
    expected = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).mean(0)
    np.testing.assert_allclose(units.kl, expected, rtol=1e-4)
    np.testing.assert_allclose(units.variance, np.var(mean, axis=0), rtol=1e-4)
    assert units.order.tolist() == [0, 1]  # its first direction is the longer one
    assert (tmp_path / "units.png").stat().st_size > 1000


# === Conditions ===


def test_without_a_code_the_output_is_the_class_mean():
    keras.utils.set_random_seed(0)
    model = kg.ConditionalVAE((8, 8, 1), 0, num_classes=10)
    rate = keras.optimizers.schedules.CosineDecay(3e-3, 60 * 12)  # to 0: a constant one stays beside the optimum
    model.compile(keras.optimizers.Adam(rate), jit_compile=False, steps_per_execution=1)
    model.fit(np.tile(DIGITS, (10, 1, 1, 1)), np.tile(DIGIT_LABELS, 10), batch_size=128, epochs=6, verbose=0)
    means = np.stack([DIGITS[c == DIGIT_LABELS].mean(0) for c in range(10)])
    np.testing.assert_allclose(model.sample(10, labels=np.arange(10)), means, atol=0.025)
    assert np.abs(model.sample(10, labels=np.arange(10)) - means).mean() < 0.003


def test_labels_beside_a_dataset():
    model = CASES["conditional_vae"].model()
    dataset = tf.data.Dataset.from_tensor_slices(IMAGES).batch(5)
    # Batches of another size may differ in the last digit.
    np.testing.assert_allclose(model.encode(dataset, LABELS), model.encode(IMAGES, LABELS), rtol=1e-5)
    np.testing.assert_allclose(model.encode(dataset, 1), model.encode(IMAGES, np.ones(16, int)), rtol=1e-5)
    with pytest.raises(ValueError, match="as many labels as examples"):
        model.encode(dataset, LABELS[:-1])
    with pytest.raises(ValueError, match="Received: no labels"):
        model.encode(dataset)
    np.testing.assert_array_equal(model.encode(tf.constant(IMAGES), LABELS), model.encode(IMAGES, LABELS))
    for wrong in (lambda: model.encode(tf.constant(IMAGES), LABELS + 5), lambda: model.predict((IMAGES, LABELS + 5))):
        with pytest.raises(ValueError, match="Received: labels from 5 to 6"):
            wrong()


def test_a_model_without_labels_says_so():
    model = CASES["vae"].model()
    for call in (lambda: model.sample(3, labels=1), lambda: model.encode(IMAGES, LABELS)):
        with pytest.raises(ValueError, match="VAE takes no labels. Received"):
            call()


def test_likelihood_is_of_what_the_model_takes():
    model = CASES["conditional_vae"].model()
    x = (IMAGES[:6] > 0.5).astype("float32")
    pairs = tf.data.Dataset.from_tensor_slices((x, LABELS[:6])).batch(4)
    whole = kg.evaluation.log_likelihood(model, x, 50, labels=LABELS[:6], verbose=0)
    assert whole.shape == (6,)
    np.testing.assert_allclose(kg.evaluation.log_likelihood(model, pairs, 50, verbose=0), whole)
    for images, labels, sentence in (
        (x * 255, LABELS[:6], r"\[0, 1\]"),
        (x.astype("uint8"), LABELS[:6], "uint8"),
        (x, LABELS, "16 labels, 6 examples"),
        (x, None, "no labels"),
    ):
        with pytest.raises(ValueError, match=sentence):
            kg.evaluation.log_likelihood(model, images, 5, labels=labels, verbose=0)
    with pytest.raises(NotImplementedError, match="^Autoencoder does not give importance weights"):
        kg.evaluation.log_likelihood(CASES["autoencoder"].model(), x, 5)
    with pytest.raises(NotImplementedError, match="^Autoencoder does not tell"):
        kg.evaluation.latent_units(CASES["autoencoder"].model(), x)


@pytest.mark.extended
def test_labels_drive_the_generator():
    """A classifier that never saw the model agrees on the class of nearly every sample."""
    from sklearn.linear_model import LogisticRegression

    keras.utils.set_random_seed(0)
    model = kg.ConditionalVAE((8, 8, 1), 8, num_classes=10, likelihood="gaussian")
    model.compile(keras.optimizers.Adam(2e-3), jit_compile=False, steps_per_execution=1)
    model.fit(DIGITS, DIGIT_LABELS, batch_size=64, epochs=40, verbose=0)
    judge = LogisticRegression(max_iter=2000).fit(DIGITS.reshape(len(DIGITS), -1), DIGIT_LABELS)
    labels = np.arange(200) % 10
    samples = model.sample(200, labels=labels, seed=1)
    assert np.mean(judge.predict(samples.reshape(200, -1)) == labels) > 0.93
    np.testing.assert_array_equal(model.sample(5, labels=3, seed=1), model.sample(5, labels=[3] * 5, seed=1))
    swapped = model.decode(model.encode(TEST[:50], TEST_LABELS[:50]), (TEST_LABELS[:50] + 1) % 10)
    assert np.mean(judge.predict(swapped.reshape(50, -1)) == (TEST_LABELS[:50] + 1) % 10) > 0.8


@pytest.mark.parametrize(
    ("labels", "received"),
    [
        (None, "no labels"),
        (np.where(LABELS == 1, 2, 0), "labels from 0 to 2"),
        (np.where(LABELS == 1, -1, 0), "labels from -1 to 0"),
        (LABELS.astype("float32"), "float32"),
    ],
)
def test_labels_outside_the_classes(labels, received):
    model = CASES["conditional_vae"].model()
    with pytest.raises(ValueError, match=rf"ConditionalVAE takes the label .*0 to 1\. .*Received: .*{received}"):
        model.fit(IMAGES, labels)


def test_labels_of_inference_are_checked():
    model = CASES["conditional_vae"].model()
    for call in (model.encode, model.reconstruct, model.score):
        with pytest.raises(ValueError, match="Received: no labels"):
            call(IMAGES)
    with pytest.raises(ValueError, match="Received: no labels"):
        model(IMAGES)
    with pytest.raises(ValueError, match="as many labels as examples.*3 labels, 16 examples"):
        model.encode(IMAGES, LABELS[:3])
    with pytest.raises(ValueError, match="Received: labels from 7 to 7"):
        model.sample(3, labels=7)
    pairs = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(5)
    np.testing.assert_allclose(model.score(pairs), model.score(IMAGES, LABELS), rtol=1e-5)


def test_a_wrong_label_late_in_a_dataset_is_found():
    model = CASES["conditional_vae"].model()
    labels = LABELS.copy()
    labels[-1] = 5
    dataset = tf.data.Dataset.from_tensor_slices((IMAGES, labels)).batch(4)
    with pytest.raises(ValueError, match="takes the label of each example.*Received: labels from . to 5"):
        model.fit(dataset, verbose=0)


# === Known in part ===


def test_hide_keeps_as_many_labels_of_each_class():
    hidden = known_labels.mask_labels(DIGIT_LABELS, 25, seed=1)
    counts = np.bincount(hidden[hidden >= 0], minlength=10)
    assert counts.sum() == 25
    assert counts.min() >= 2
    np.testing.assert_array_equal(hidden[hidden >= 0], DIGIT_LABELS[hidden >= 0])
    for wrong in (9, 10_000):
        with pytest.raises(ValueError, match=f"num_labels={wrong}"):
            known_labels.mask_labels(DIGIT_LABELS, wrong, seed=1)


def test_every_batch_has_its_share_of_known_labels():
    hidden = known_labels.mask_labels(DIGIT_LABELS, 20, seed=1)
    loaded = kg.data.load("digits", labels=True, num_labels=20, batch_size=50)
    spec = kg.SemiSupervisedVAE((8, 8, 1), 2, num_classes=10).data_spec
    taken = Intake(spec).training(DIGITS, hidden, batch_size=50, seed=1)[0].dataset
    for dataset in (taken, loaded):
        assert int(dataset.cardinality()) == len(list(dataset))
        seen = np.concatenate([x[y < 0] for x, y in dataset.as_numpy_iterator()])
        assert len(seen) == len(DIGITS) - 20
        assert {int(np.sum(y >= 0)) for _, y in dataset.as_numpy_iterator()} == {5}
        distinct = len(np.unique(DIGITS.reshape(len(DIGITS), -1), axis=0))
        assert len(np.unique(seen.reshape(len(seen), -1), axis=0)) >= distinct - 20  # each once
    first, again = (kg.data.stack(kg.data.load("digits", labels=True, num_labels=20, batch_size=50)) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_semi_supervised_bound_is_the_sum_over_the_classes():
    """Unknown: sum_y q(y|x) (ELBO(x, y) - log q(y|x)); known: ELBO(x, y); each taken apart by hand."""
    model = CASES["semi_supervised_vae"].model()
    x = IMAGES[:6]
    q = model.class_probabilities(x)
    elbo = np.stack([_elbo_of_class(model, x, y) for y in range(2)], axis=1)  # (6, 2)
    np.testing.assert_allclose(model.score(x), np.sum(q * (elbo - np.log(q)), axis=1), rtol=1e-4)
    known = np.array([0, 1, 1, 0, 1, 1])
    model.alpha = 0.0
    model.compile(jit_compile=False)
    figures = model.evaluate(x, known, verbose=0, return_dict=True)
    assert figures["loss"] == pytest.approx(-elbo[np.arange(6), known].mean(), rel=1e-4)
    assert figures["classification_loss"] == pytest.approx(-np.log(q[np.arange(6), known]).mean(), rel=1e-4)
    assert figures["accuracy"] == pytest.approx(np.mean(q.argmax(1) == known))


def _elbo_of_class(model, x, y):
    """log p(x|y,z) - KL - log C at the fixed draws, in numpy."""
    mean, log_variance = (np.asarray(part) for part in model.posterior_of(tf.constant(x), np.full(len(x), y)))
    noise = kg.layers.fixed_noise(model.evaluation_draws, 2, model.seed)
    log_p = []
    for e in noise:
        z = (mean + np.exp(log_variance / 2) * e).astype("float32")
        m = np.clip(model.decode(z, np.full(len(x), y)), 1e-7, 1 - 1e-7).astype("float64")
        log_p.append(np.sum(x * np.log(m) + (1 - x) * np.log(1 - m), axis=(1, 2, 3)))
    kl = 0.5 * np.sum(mean**2 + np.exp(log_variance) - 1 - log_variance, axis=1)
    return np.mean(log_p, axis=0) - kl - np.log(2)


@pytest.mark.parametrize("name", ["semi_supervised_vae", "semi_supervised_vae_on_features"])
def test_the_bound_is_below_the_likelihood(name):
    model = CASES[name].model()
    x = (IMAGES[:5] > 0.5).astype("float32")
    likelihood = kg.evaluation.log_likelihood(model, x, num_samples=4000, verbose=0)
    assert np.all(model.score(x) < likelihood + 0.05)
    assert np.all(np.abs(model.score(x) - likelihood) < 8)


def test_the_semi_supervised_likelihood_is_that_of_all_classes():
    """log 1/C sum_y p(x|y), each p(x|y) by importance sampling of its own, in numpy."""
    model = CASES["semi_supervised_vae"].model()
    x = (IMAGES[:4] > 0.5).astype("float32")
    estimate = kg.evaluation.log_likelihood(model, x, num_samples=6000, verbose=0)
    rng, by_class = np.random.default_rng(0), []
    for y in range(2):
        mean, log_variance = (np.asarray(part) for part in model.posterior_of(tf.constant(x), np.full(len(x), y)))
        z = (mean + np.exp(log_variance / 2) * rng.standard_normal((600, *mean.shape))).astype("float32")
        m = model.decode(z.reshape(-1, z.shape[-1]), np.full(600 * len(x), y)).reshape(600, *x.shape)
        m = np.clip(m, 1e-7, 1 - 1e-7).astype("float64")
        log_p = np.sum(np.log(np.where(x == 1, m, 1 - m)), axis=(2, 3, 4)) + scipy.stats.norm.logpdf(z).sum(2)
        weights = log_p - scipy.stats.norm.logpdf(z, mean, np.exp(log_variance / 2)).sum(2)
        by_class.append(scipy.special.logsumexp(weights, axis=0) - np.log(600))
    np.testing.assert_allclose(estimate, scipy.special.logsumexp(by_class, axis=0) - np.log(2), atol=0.3)


@pytest.mark.parametrize("labels", [None, np.full(16, -1)])
def test_some_labels_must_be_known(labels):
    model = CASES["semi_supervised_vae"].model()
    with pytest.raises(ValueError, match="needs some labels that are known.*Received: (no labels|all labels -1)"):
        model.fit(IMAGES, labels)
    dataset = tf.data.Dataset.from_tensor_slices((IMAGES, np.full(16, -1))).batch(4)
    with pytest.raises(ValueError, match="Received: all labels -1"):
        model.fit(dataset)
    with pytest.raises(ValueError, match="Received: no labels"):
        model.fit(tf.data.Dataset.from_tensor_slices(IMAGES).batch(4))


@pytest.mark.parametrize("kind", ["uint8", "int32", list])
def test_labels_of_any_whole_type_train(kind):
    labels = LABELS.tolist() if kind is list else LABELS.astype(kind)
    for name in ("conditional_vae", "semi_supervised_vae"):
        model = CASES[name].model(run_eagerly=True)
        history = model.fit(IMAGES, labels, validation_data=(IMAGES, labels), verbose=0).history
        assert np.isfinite(history["val_loss"]).all()
        if kind is not list:
            dataset = tf.data.Dataset.from_tensor_slices((IMAGES, labels)).batch(4)
            assert np.isfinite(model.evaluate(dataset, verbose=0)).all()


@pytest.mark.extended
def test_few_labels_and_many_images_beat_the_labels_alone():
    from sklearn.linear_model import LogisticRegression

    hidden = known_labels.mask_labels(DIGIT_LABELS, 30, seed=0)
    keras.utils.set_random_seed(0)
    model = kg.SemiSupervisedVAE((8, 8, 1), 10, num_classes=10, alpha=5.0, likelihood="gaussian")
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=False, steps_per_execution=1)
    model.fit(DIGITS, hidden, batch_size=100, epochs=25, verbose=0)
    known = hidden >= 0
    alone = LogisticRegression(max_iter=2000).fit(DIGITS[known].reshape(30, -1), hidden[known])
    assert np.mean(model.classify(TEST) == TEST_LABELS) > alone.score(TEST.reshape(len(TEST), -1), TEST_LABELS)


def test_m1_m2_describes_the_codes_of_m1_and_leaves_it_alone():
    case = CASES["semi_supervised_vae_on_features"]
    model = case.model()
    before = model.features.get_weights()
    model.fit(*case.pair(), epochs=2, verbose=0)
    for old, new in zip(before, model.features.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert len([metric for metric in model.metrics if metric.name == "loss"]) == len(
        [metric for metric in CASES["vae"].model().metrics if metric.name == "loss"]
    )
    m1 = kg.VAE(SHAPE, 2, **dense(2))
    kg.SemiSupervisedVAE(SHAPE, 2, num_classes=2, likelihood="gaussian", features=m1)
    assert len(m1.trainable_weights) == 10  # the user's own can be trained on
    for other in (CASES["conditional_vae"].model(), kg.VAE((9, 9, 1), 2)):
        with pytest.raises(ValueError, match="`features` must be a VAE of data_shape"):
            kg.SemiSupervisedVAE(SHAPE, 2, num_classes=2, likelihood="gaussian", features=other)
    with pytest.raises(ValueError, match="`features` must be a VAE of data_shape.*Received: Autoencoder"):
        kg.SemiSupervisedVAE(SHAPE, 2, num_classes=2, likelihood="gaussian", features=kg.Autoencoder(SHAPE, 2))
    with pytest.raises(ValueError, match="likelihood='gaussian'.*Received: likelihood='bernoulli'"):
        kg.SemiSupervisedVAE(SHAPE, 2, num_classes=2, features=kg.VAE(SHAPE, 2))


def test_the_classification_loss_of_an_evaluation_is_that_of_all_known_labels():
    """Whatever the batches, and however few of them have known labels."""
    model = CASES["semi_supervised_vae"].model()
    labels = np.where(np.arange(16) < 3, LABELS, -1)
    whole, parts = (model.evaluate(IMAGES, labels, batch_size=b, verbose=0, return_dict=True) for b in (16, 4))
    expected = -np.log(model.class_probabilities(IMAGES[:3])[np.arange(3), LABELS[:3]]).mean()
    for figures in (whole, parts):
        assert figures["classification_loss"] == pytest.approx(expected, rel=1e-4)
        total = figures["reconstruction_loss"] + figures["kl_loss"] + model.alpha * expected
        assert figures["loss"] == pytest.approx(total, rel=1e-5)
    terms = model.fit(IMAGES, labels, batch_size=16, shuffle=False, verbose=0).history
    total = terms["reconstruction_loss"][0] + terms["kl_loss"][0] + model.alpha * terms["classification_loss"][0]
    assert terms["loss"][0] == pytest.approx(total, rel=1e-5)


def test_double_precision_and_a_validation_split_train():
    history = (
        CASES["semi_supervised_vae"]
        .model()
        .fit(IMAGES.astype("float64"), np.where(np.arange(16) % 4, LABELS, -1), validation_split=0.25, verbose=0)
    )
    assert np.isfinite(history.history["val_loss"]).all()
    dataset = tf.data.Dataset.from_tensor_slices(IMAGES.astype("float64")).batch(4)
    assert np.isfinite(CASES["vae"].model().fit(dataset, verbose=0).history["loss"]).all()


def test_units_that_follow_the_class_alone_are_not_active():
    """Of an image of unknown class the mean over the classes counts, not what the mean would be if."""
    model = CASES["semi_supervised_vae"].model()
    joint = model.posterior_head.get_layer("joint")
    kernel = joint.get_weights()[0]
    kernel[:-2] = 0  # of the features nothing, of the class all
    joint.set_weights([kernel, joint.get_weights()[1]])
    model.class_head.set_weights([np.zeros_like(w) for w in model.class_head.get_weights()])
    figures = model.evaluate(IMAGES, np.full(16, -1), verbose=0, return_dict=True)
    assert figures["active_units"] == 0


def test_walks_of_a_classifier_keep_the_class():
    model = CASES["semi_supervised_vae"].model()
    walks = kg.tasks.interpolate(model, IMAGES[:4], IMAGES[4:8], steps=3)
    np.testing.assert_allclose(walks[:, 0], model.reconstruct(IMAGES[:4]), atol=1e-5)


def test_a_model_of_codes_is_judged_by_the_likelihood_of_the_data():
    model = CASES["semi_supervised_vae_on_features"].model()
    assert (model.likelihood, model.data_likelihood) == ("gaussian", "bernoulli")
    assert "log_likelihood" not in kg.evaluation.report(model, IMAGES)  # gray values
    assert "log_likelihood" in kg.evaluation.report(model, (IMAGES > 0.5).astype("float32"), num_samples=3)


# === Mixtures ===


@pytest.fixture(scope="module")
def clusters():
    """A model of digits 0, 1 and 7, and those digits."""
    chosen = np.isin(DIGIT_LABELS, [0, 1, 7])
    x, y = DIGITS[chosen], np.searchsorted([0, 1, 7], DIGIT_LABELS[chosen])
    keras.utils.set_random_seed(0)
    model = kg.MixtureVAE((8, 8, 1), 4, num_components=3, pretraining_epochs=4, likelihood="gaussian")
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=False, steps_per_execution=1)
    model.fit(np.tile(x, (5, 1, 1, 1)), batch_size=32, epochs=8, verbose=0)
    return model, x, y


def test_a_mixture_finds_the_kinds(clusters):
    model, x, y = clusters
    assert kg.evaluation.clustering_accuracy(y, model.cluster(x)) > 0.9
    np.testing.assert_allclose(model.cluster_probabilities(x).sum(1), 1, rtol=1e-4)


def test_a_component_draws_its_kind(clusters):
    model, _, _ = clusters
    for component in range(3):
        samples = model.sample(50, labels=component, seed=1)
        assert np.mean(model.cluster(samples) == component) > 0.8
    with pytest.raises(ValueError, match="0 to 2.*Received: labels from 3 to 3"):
        model.sample(2, labels=3)


def test_the_mixture_that_is_never_fitted_is_warned_of():
    model = CASES["mixture_vae"].model()
    with pytest.warns(UserWarning, match="not fitted yet.*pretraining_epochs=1, 1 epochs so far"):
        model.fit(IMAGES, verbose=0)
    before = model.code_prior.get_weights()[1].copy()
    model.fit(IMAGES, verbose=0)
    assert np.abs(model.code_prior.get_weights()[1] - before).max() > 0.01


def test_the_warm_up_of_a_mixture_begins_with_the_mixture():
    model = kg.MixtureVAE(SHAPE, 2, num_components=2, pretraining_epochs=2, warmup_steps=8, beta=3.0, **dense(2))
    model.compile(keras.optimizers.SGD(0.0), jit_compile=False, steps_per_execution=1)
    history = model.fit(IMAGES, batch_size=16, epochs=5, verbose=0).history
    terms = np.array(history["loss"]) - np.array(history["reconstruction_loss"])
    np.testing.assert_allclose(terms / history["kl_loss"], [0, 0, 0, 3 / 8, 6 / 8], atol=1e-4)


def test_clustering_accuracy_is_the_best_matching():
    labels, clusters = [0, 0, 1, 1, 2, 2], [1, 1, 0, 0, 0, 2]
    assert kg.evaluation.clustering_accuracy(labels, clusters) == pytest.approx(5 / 6)
    assert kg.evaluation.clustering_accuracy([0, 0, 0, 0], [0, 1, 2, 2]) == 0.5  # those left over are wrong
    with pytest.raises(ValueError, match="one cluster for each label"):
        kg.evaluation.clustering_accuracy([0, 1], [0])


@pytest.mark.parametrize(
    ("cls", "arguments", "sentence"),
    [
        (kg.VAE, {"bound": "vimco"}, "bound.*'elbo', 'iwae'.*Received: bound='vimco'"),
        (kg.VAE, {"bound": "iwae", "free_bits": 0.1}, "Free bits.*Received: bound='iwae', free_bits=0.1"),
        (kg.VAE, {"variance": 0, "likelihood": "gaussian"}, "variance.*Received: variance=0"),
        (kg.VAE, {"variance": 0.1}, "likelihood='gaussian'.*Received: variance=0.1, likelihood='bernoulli'"),
        (kg.VAE, {"prior": "ring"}, "prior.*'normal', 'vamp', 'flow'.*Received: prior='ring'"),
        (kg.VAE, {"prior": "vamp", "free_bits": 0.1}, "normal prior.*Received: free_bits=0.1"),
        (kg.VAE, {"data_shape": (3,), "likelihood": "discretized_logistic"}, r"images.*data_shape=\(3,\)"),
        (kg.ConditionalVAE, {"num_classes": 0}, "num_classes.*Received: num_classes=0"),
        (kg.ConditionalVAE, {"num_classes": 2, "latent_dim": 0, "encoder": "dense"}, "nothing to encode"),
        (kg.SemiSupervisedVAE, {"num_classes": 2, "alpha": -1}, "alpha.*Received: alpha=-1"),
        (kg.MixtureVAE, {"num_components": 0}, "num_components.*Received: num_components=0"),
    ],
)
def test_wrong_arguments(cls, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        cls(**{"data_shape": SHAPE, **arguments})


def test_bernoulli_vectors_of_a_conditional_model_must_be_in_range():
    model = kg.ConditionalVAE((4,), 2, num_classes=2, **{"encoder": dense(2, (4,))["encoder"]})
    model.compile()
    with pytest.raises(ValueError, match=r"\[0, 1\].*gaussian.*Received"):
        model.fit(np.full((8, 4), 3.0, "float32"), np.zeros(8, "int64"))
