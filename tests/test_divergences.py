"""Divergences of all codes together, by brute force and closed forms; and the models that minimise them."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm
from zoo import IMAGES, SHAPE, critics, dense

import keras_gen as kg
from keras_gen import losses
from keras_gen.core import distribution
from keras_gen.models.variational.divergences import DIVERGENCES
from keras_gen.priors import FlowPrior
from keras_gen.testing import replicas

_rng = np.random.default_rng(0)
MEAN, LOG_VARIANCE, Z = (_rng.standard_normal((6, 2)).astype("float32") for _ in range(3))


def densities(z=Z, mean=MEAN, log_variance=LOG_VARIANCE):
    """q(z_id | x_j) of each unit, (B, B', D)."""
    return norm.pdf(z[:, None], mean, np.exp(0.5 * log_variance))


# === The parts of the KL divergence ===


def test_the_parts_of_the_kl_divergence_by_hand():
    """Equation 2 of Chen et al. 2018, where the batch is all that there is; they add up to the whole for each draw."""
    found = losses.kl_decomposition(Z, MEAN, LOG_VARIANCE)
    q = densities()
    posterior, code = np.prod(q, -1).diagonal(), np.mean(np.prod(q, -1), axis=1)
    units, prior = np.prod(np.mean(q, axis=1), -1), np.prod(norm.pdf(Z), -1)
    np.testing.assert_allclose(found.mutual_information, np.log(posterior / code), rtol=1e-4)
    np.testing.assert_allclose(found.total_correlation, np.log(code / units), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.dimension_wise_kl, np.log(units / prior), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(sum(found), np.log(posterior / prior), rtol=1e-4)


def test_batches_estimate_the_density_of_all_codes_without_bias():
    """The mean over all batches of three of six, that hold the example of the draw, is the density by all six."""
    z = Z[:1]
    found = []
    for others in itertools.combinations(range(1, 6), 2):
        batch = [0, *others]
        parts = losses.kl_decomposition(z, MEAN[batch], LOG_VARIANCE[batch], num_examples=6)
        posterior = np.prod(densities(z, MEAN[:1], LOG_VARIANCE[:1]))
        found.append(posterior * math.exp(-float(parts.mutual_information[0])))
    assert np.mean(found) == pytest.approx(np.mean(np.prod(densities(z), -1)), rel=1e-5)


def test_the_total_correlation_of_a_normal_distribution():
    """Codes that are nearly points, drawn from N(0, C): `-1/2 log det C` for a C of ones on the diagonal."""
    correlated = np.random.default_rng(1).multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 1500).astype("float32")
    width = np.full_like(correlated, math.log(0.15**2))
    z = correlated + 0.15 * np.random.default_rng(2).standard_normal(correlated.shape).astype("float32")
    whole = np.array([[1, 0.8], [0.8, 1]]) + 0.15**2 * np.eye(2)
    expected = -0.5 * math.log(np.linalg.det(whole) / whole[0, 0] ** 2)
    found = losses.kl_decomposition(z, correlated, width).total_correlation
    assert np.mean(found) == pytest.approx(expected, abs=0.08)  # 0.48; 0 if units were told from independent ones
    alone = losses.kl_decomposition(z[:, :1], correlated[:, :1], width[:, :1]).total_correlation
    np.testing.assert_allclose(alone, 0, atol=1e-5)


def test_one_example_alone_is_its_own_distribution():
    found = losses.kl_decomposition(Z[:1], MEAN[:1], LOG_VARIANCE[:1], num_examples=100)
    np.testing.assert_allclose([found.mutual_information[0], found.total_correlation[0]], 0, atol=1e-6)


# === Discrepancy and covariance ===


def test_the_maximum_mean_discrepancy_by_hand():
    a, b = MEAN, Z[:4] + 1

    def kernel(x, y):
        return sum(4 * s / (4 * s + np.sum((x - y) ** 2)) for s in (0.1, 0.2, 0.5, 1, 2, 5, 10))

    within = [np.mean([kernel(x, y) for x, y in itertools.permutations(part, 2)]) for part in (a, b)]
    between = np.mean([kernel(x, y) for x, y in itertools.product(a, b)])
    found = losses.maximum_mean_discrepancy(tf.constant(a), tf.constant(b))
    assert float(found) == pytest.approx(sum(within) - 2 * between, rel=1e-4)


def test_the_discrepancy_of_one_distribution_is_0_on_average():
    rng = np.random.default_rng(3)
    draw = lambda mean=0.0: tf.constant(rng.standard_normal((20, 2)) + mean, "float32")  # noqa: E731
    equal = [float(losses.maximum_mean_discrepancy(draw(), draw())) for _ in range(50)]
    assert abs(np.mean(equal)) < 3 * np.std(equal) / math.sqrt(50)
    assert np.mean(equal) < 0.05 < float(losses.maximum_mean_discrepancy(draw(), draw(1.0)))


def test_the_covariance_of_the_codes():
    """E[diag v] + Cov[m], as numpy has it."""
    model = kg.VAE(SHAPE, 2, divergence="dip", **dense(2))
    found = model.divergence_terms(tf.constant(MEAN), tf.constant(LOG_VARIANCE), tf.constant(Z[None]))
    covariance = np.cov(MEAN.T, bias=True) + np.diag(np.exp(LOG_VARIANCE).mean(axis=0))
    np.testing.assert_allclose(found["covariance_loss"], np.full(6, np.sum((covariance - np.eye(2)) ** 2)), rtol=1e-5)


# === In the model ===


def test_two_replicas_see_all_codes():
    """Of unequal shares of a batch, with the noise of each example its own, whichever replica draws it."""
    parts = [slice(0, 4), slice(4, 6)]
    fixed = lambda x: Z[:1] + 0 * x  # noqa: E731
    for name in ("mmd", "tc", "dip"):
        model = kg.VAE(SHAPE, 2, divergence=name, **dense(2))
        model.num_examples = 50

        def terms(part, model=model):
            given = (tf.constant(MEAN[part]), tf.constant(LOG_VARIANCE[part]))
            with distribution.global_batch(given[0]):
                return model.divergence_terms(*given, fixed(given[0])[None])

        with replicas.without_noise():
            whole = terms(slice(None))
            shares = replicas.run(*[lambda part=part: terms(part) for part in parts])
        for key in whole:
            np.testing.assert_allclose(
                np.concatenate([share[key] for share in shares]),
                whole[key],
                rtol=1e-4,
                atol=1e-5,
                err_msg=f"{name} {key}",
            )


def test_what_is_minimised_is_weighed_and_what_is_reported_is_not():
    """A call in a loop of one's own leaves the weighted divergence in `losses`; weights are heard at once."""
    for name, divergence in DIVERGENCES.items():
        model = kg.VAE(SHAPE, 3, beta=0.5, divergence=name, warmup_steps=4, **dense(3))
        model.step.assign(2)
        if name != "kl":
            assert model.divergence_weight == divergence.weight
            model.divergence_weight = 7.0
        weights = model.term_weights(training=True)
        assert float(weights["kl_loss"]) == pytest.approx(0.25)
        assert [float(weights[term]) for term in divergence.minimised] == [3.5] * len(divergence.minimised)
        assert [float(model.term_weights(False)[term]) for term in divergence.minimised] == [7.0] * len(
            divergence.minimised
        )
        model(tf.constant(IMAGES), training=True)
        mean, log_variance = model.posterior(IMAGES)
        terms = model.divergence_terms(mean, log_variance, mean[None])
        minimised = {term: value for term, value in terms.items() if term not in divergence.watched}
        assert set(minimised) == {"kl_loss", *divergence.minimised}
        expected = sum(np.mean(value) * float(weights[term]) for term, value in minimised.items())
        assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("cls", "arguments", "sentence"),
    [
        (kg.VAE, {"divergence": "mmd", "bound": "iwae"}, "bound='elbo'.*Received: divergence='mmd'.*bound='iwae'"),
        (kg.VAE, {"divergence": "tc", "free_bits": 0.1}, "no free bits.*free_bits=0.1"),
        (kg.VAE, {"divergence": "dip", "prior": "vamp"}, "a normal prior.*a VampPrior"),
        (kg.VAE, {"divergence_weight": 2.0}, "must be None with divergence='kl'.*divergence_weight=2.0"),
        (kg.VAE, {"divergence": "tc", "divergence_weight": -1.0}, "must be a number of at least 0"),
        (kg.VAE, {"divergence": "wasserstein"}, "`divergence` must be one of 'kl', 'mmd', 'tc', 'dip'"),
        (kg.MixtureVAE, {"divergence": "tc"}, "a normal prior.*a MixturePrior"),
        (kg.SemiSupervisedVAE, {"divergence": "tc", "num_classes": 2}, "no unknown labels"),
        (kg.ConditionalVAE, {"divergence": "tc", "num_classes": 2, "latent_dim": 0}, "a code.*latent_dim=0"),
        (kg.VAE, {"prior": "flow", "latent_dim": 1}, "`latent_dim` must be 2 or more"),
        (kg.VAE, {"prior": "flow", "free_bits": 0.1}, "`free_bits` must be 0 without a normal prior"),
        (kg.HierarchicalVAE, {"top_dim": 2}, "`top_dim` must be less than `latent_dim`"),
        (kg.HierarchicalVAE, {"latent_dim": 3, "top_dim": 2, "divergence": "tc"}, "a normal prior.*a TwoLevels"),
        (kg.FactorVAE, {"divergence": "tc"}, "FactorVAE has its own divergence"),
        (kg.FactorVAE, {"bound": "iwae"}, "`bound` 'elbo'"),
        (kg.FactorVAE, {"latent_dim": 1}, "`latent_dim` must be 2 or more"),
    ],
)
def test_wrong_arguments(cls, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        cls(SHAPE, **{"latent_dim": 2, **arguments}, encoder=None if arguments.get("latent_dim") == 0 else "dense")


def test_wrong_settings():
    model = kg.VAE(SHAPE, 2, divergence="tc", **dense(2))
    with pytest.raises(ValueError, match="must be None with divergence='kl', and a number with any other"):
        model.divergence_weight = None
    with pytest.raises(ValueError, match="Free bits belong to the bound 'elbo', the divergence 'kl'"):
        model.free_bits = 0.1
    with pytest.raises(AttributeError, match="`divergence` of VAE cannot be changed"):
        model.divergence = "kl"


def test_a_divergence_of_ones_own_by_the_old_name_of_the_hook():
    with pytest.warns(DeprecationWarning, match="`divergence` is called `divergence_terms` now"):

        class Own(kg.VAE):
            def divergence(self, mean, log_variance, z):
                return {"kl_loss": 2 * tf.reduce_sum(mean, -1)}

    model = Own(SHAPE, 2, **dense(2))
    assert model.divergence == "kl"
    np.testing.assert_allclose(model.divergence_terms(MEAN, None, None)["kl_loss"], 2 * MEAN.sum(-1), rtol=1e-5)


# === The flow ===


def flow(size, num_couplings=3):
    """A prior whose layers are far from the identity."""
    prior = FlowPrior(size, num_couplings, width=8)
    rng = np.random.default_rng(4)
    for weight in prior.weights:
        weight.assign(0.7 * rng.standard_normal(weight.shape))
    return prior


def test_the_density_of_a_flow_is_that_of_the_change_of_variables():
    """The noise by way of the inverse; the determinant of the Jacobian by differences; and a whole mass of 1."""
    prior = flow(3)
    u = np.random.default_rng(5).standard_normal((4, 3)).astype("float32")
    z = np.asarray(prior.of_noise(u))
    np.testing.assert_allclose(prior.to_noise(z)[0], u, atol=1e-5)
    with tf.GradientTape() as tape:
        given = tf.constant(u)
        tape.watch(given)
        made = prior.of_noise(given)
    jacobian = np.asarray(tape.batch_jacobian(made, given), "float64")
    step = 1e-2 * np.eye(3, dtype="float32")
    differences = [(prior.of_noise(u + d) - prior.of_noise(u - d)) / 2e-2 for d in step]
    np.testing.assert_allclose(jacobian, np.stack(differences, axis=-1), atol=2e-2)
    expected = norm.logpdf(u).sum(-1) - np.linalg.slogdet(jacobian)[1]
    np.testing.assert_allclose(prior.log_density(z), expected, rtol=1e-4)
    np.testing.assert_allclose(prior.log_density(z[None])[0], expected, rtol=1e-4)
    assert np.all(np.any(np.abs(jacobian - np.eye(3)) > 0.1, axis=(0, 2))), "a unit is kept by all layers"
    plane, edge = flow(2), np.arange(-25, 25, 0.1, dtype="float32")
    grid = np.stack(np.meshgrid(edge, edge), axis=-1)
    assert np.exp(plane.log_density(grid)).sum() * 0.1**2 == pytest.approx(1, abs=0.02)


def test_draws_of_a_flow_follow_its_density():
    """The mean of 1 / p(z) over draws in a box, each draw counting, is the area of the box."""
    prior = flow(2)
    z = prior.draw(40_000, np.random.default_rng(6))
    low, high = np.quantile(z, 0.4, axis=0), np.quantile(z, 0.6, axis=0)
    inside = np.all((z > low) & (z < high), axis=1)
    area = np.mean(inside * np.exp(-np.asarray(prior.log_density(z))))
    assert area == pytest.approx(np.prod(high - low), rel=0.1)
    assert inside.sum() > 500


def test_a_vae_with_a_flow_starts_with_the_normal_prior():
    model = kg.VAE(SHAPE, 3, prior="flow", **dense(3))
    z = np.random.default_rng(7).standard_normal((8, 3)).astype("float32")
    np.testing.assert_allclose(model.code_prior.log_density(z), losses.normal_log_density(z), atol=0.05)
    assert not model.has_normal_prior
    trained = {id(weight) for weight in model.trainable_weights}
    assert {id(weight) for weight in model.code_prior.trainable_weights} <= trained


# === Two levels ===


def test_the_posterior_of_the_lower_level_is_the_product_of_both_opinions():
    """N(v; a, b) N(v; m, s) over the weighed normal does not depend on v; the KL divergence is that of draws."""
    model = kg.HierarchicalVAE(SHAPE, 3, top_dim=1, **dense(3))
    rng = np.random.default_rng(8)
    mean, log_variance = (tf.constant(rng.standard_normal((2, 3)), "float32") for _ in range(2))
    upper, v = (rng.standard_normal((50, 2, size)).astype("float32") for size in (1, 2))
    both = losses.normal_log_density(v, mean[:, 1:], log_variance[:, 1:])
    both += losses.normal_log_density(v, *model.code_prior.given(upper[:1]))
    found = both - losses.normal_log_density(v, *model.code_prior.weighed(mean, log_variance, upper[:1]))
    np.testing.assert_allclose(found, np.repeat(found[:1], 50, axis=0), atol=1e-4)

    noise = rng.standard_normal((20_000, 2, 3)).astype("float32")
    z = model.codes_of(mean, log_variance, noise)
    by_draws = -np.asarray(model.log_ratio(z, mean, log_variance))
    exact = np.sum(model.code_prior.kl(mean, log_variance, z), axis=-1)
    np.testing.assert_allclose(exact, by_draws.mean(axis=0), atol=5 * by_draws.std() / math.sqrt(20_000))
    np.testing.assert_array_equal(model.codes_of(mean, log_variance), model.codes_of(mean, log_variance, 0 * noise[0]))


# === The player ===


def test_permuted_codes_keep_each_unit_and_break_the_pairs():
    """Over the whole batch, in the same orders on both replicas: each value of a unit is there once."""
    model = kg.FactorVAE(SHAPE, 2, **critics(2), **dense(2))
    z = np.arange(32, dtype="float32").reshape(16, 2)
    parts = [slice(0, 10), slice(10, 16)]

    def permuted(part):
        with distribution.global_batch(z[part]):
            return np.asarray(model.permuted(tf.constant(z[part]), training=True))

    whole = permuted(slice(None))
    np.testing.assert_array_equal(np.sort(whole, axis=0), z)
    assert np.mean(whole[:, 1] - whole[:, 0] == 1) < 0.5, "pairs stayed together"
    shares = replicas.run(*[lambda part=part: permuted(part) for part in parts])
    np.testing.assert_array_equal(np.concatenate(shares), whole)
    model.step.assign(1)
    assert np.any(permuted(slice(None)) != whole), "the next step has the same order"


def test_the_encoder_is_moved_by_what_the_discriminator_says():
    """gamma weighs the logit of codes; the discriminator's own loss is 2 log 2 where it cannot tell."""
    model = kg.FactorVAE(SHAPE, 2, gamma=3.0, **critics(2), **dense(2))
    assert model.term_weights(False)["total_correlation"] == 3.0
    fakes = model.fakes(tf.constant(IMAGES), None, 0, training=False)
    terms = model.vae_terms(tf.constant(IMAGES), None, fakes, training=False)
    np.testing.assert_allclose(terms["total_correlation"], model.logits(fakes[2]))
    for weight in model.critic.weights:
        weight.assign(tf.zeros_like(weight))
    lost = sum(np.mean(value) for value in model.d_terms(IMAGES, None, fakes, training=False).values())
    assert lost == pytest.approx(2 * math.log(2))
