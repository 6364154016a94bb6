"""What is the VAE's own: the bound, its weight, the diagnostics."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from zoo import IMAGES, SHAPE, dense

import keras_gen as kg
from keras_gen.core.metrics import ActiveUnits


def tiny(**options):
    keras.utils.set_random_seed(0)
    model = kg.VAE(SHAPE, **{"latent_dim": 2, **dense(options.get("latent_dim", 2)), **options})
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=False, steps_per_execution=1)
    return model


def linear_gaussian(widen=1.0, latent_dim=2, size=5, **options):
    """Probabilistic PCA as a VAE: p(x|z) = N(W z + b, v) and the exact posterior, its variance times `widen`.

    W has orthogonal columns, so that the posterior has independent coordinates, as q has.
    Returns the model and the exact density of x.
    """
    rng = np.random.default_rng(3)
    w = np.linalg.qr(rng.standard_normal((size, latent_dim)))[0].T * [[1.5], [0.7]]  # (latent_dim, size)
    b = rng.standard_normal(size)
    data, code = keras.Input((size,)), keras.Input((latent_dim,))
    body = keras.Model(data, keras.layers.Identity()(data))
    decoder = keras.Model(code, keras.layers.Dense(size, name="image")(code))
    model = kg.VAE((size,), latent_dim, likelihood="gaussian", encoder=body, decoder=decoder, **options)
    decoder.layers[-1].set_weights([w, b])
    v = float(np.exp(model.pixel_loss.log_variance))
    variance = 1 / (1 + np.sum(w**2, 1) / v)
    model.posterior_head.get_layer("mean").set_weights([(w / v).T * variance, -(w @ b) / v * variance])
    limit = kg.layers.LOG_VARIANCE_LIMIT
    unbounded = limit * np.arctanh(np.log(variance * widen) / limit)
    model.posterior_head.get_layer("log_variance").set_weights([np.zeros((size, latent_dim)), unbounded])
    return model, scipy.stats.multivariate_normal(b, w.T @ w + v * np.eye(size))


def test_score_of_the_exact_posterior_is_the_log_likelihood():
    """Where q is the posterior the bound is tight; the eight draws are exact for a quadratic."""
    model, exact = linear_gaussian()
    x = exact.rvs(20, random_state=1).astype("float32")
    np.testing.assert_allclose(model.score(x), exact.logpdf(x), atol=1e-3)


def test_importance_weights_of_the_exact_posterior_are_all_the_likelihood():
    model, exact = linear_gaussian()
    x = exact.rvs(20, random_state=1).astype("float32")
    weights = np.asarray(model.log_weights(x, 3))
    np.testing.assert_allclose(weights, np.broadcast_to(exact.logpdf(x), weights.shape), atol=1e-3)


def test_log_likelihood_is_the_closed_form_of_probabilistic_pca():
    """With a posterior that is too wide, many samples find what the bound misses."""
    model, exact = linear_gaussian(widen=1.7)
    x = exact.rvs(20, random_state=1).astype("float32")
    estimate = kg.evaluation.log_likelihood(model, x, num_samples=9_000, batch_size=7, verbose=0)
    np.testing.assert_allclose(estimate, exact.logpdf(x), atol=0.05)
    assert np.all(model.score(x) < exact.logpdf(x) - 0.05)


def test_log_likelihood_is_the_same_whatever_the_chunks():
    model = tiny()
    x = (IMAGES[:4] > 0.5).astype("float32")
    one = kg.evaluation.log_likelihood(model, x, num_samples=3000, batch_size=2, verbose=0)
    many = kg.evaluation.log_likelihood(model, x, num_samples=3000, batch_size=4, verbose=0)
    np.testing.assert_allclose(one, many, atol=0.1)
    with pytest.raises(ValueError, match="num_samples=0"):
        kg.evaluation.log_likelihood(model, x, num_samples=0)


def test_the_reported_terms_make_the_loss():
    for beta in (0.0, 1.0, 4.0):
        model = tiny(beta=beta)
        history = model.fit(IMAGES, epochs=1, batch_size=8, verbose=0, validation_data=(IMAGES,)).history
        for prefix in ("", "val_"):
            total = history[prefix + "reconstruction_loss"][0] + beta * history[prefix + "kl_loss"][0]
            assert history[prefix + "loss"][0] == pytest.approx(total, rel=1e-5)


def test_validation_is_the_elbo_whatever_beta():
    model = tiny(beta=3.0)
    figures = model.evaluate(IMAGES, batch_size=5, verbose=0, return_dict=True)
    elbo = -figures["reconstruction_loss"] - figures["kl_loss"]
    assert elbo == pytest.approx(float(model.score(IMAGES).mean()), rel=1e-5)


def test_the_reconstruction_of_the_mean_flatters():
    """Why validation takes draws: decoding the posterior mean gives a lower term than the bound has."""
    model = tiny(latent_dim=3)
    model.optimizer.learning_rate = 0.02
    model.fit(np.tile(IMAGES, (150, 1, 1, 1)), batch_size=16, verbose=0)
    at_the_mean = float(np.mean(model.negative_log_likelihood(IMAGES, model(IMAGES))))
    assert at_the_mean < model.evaluate(IMAGES, verbose=0, return_dict=True)["reconstruction_loss"]


def test_warmup_weighs_the_kl_by_the_step():
    """At step s of w, beta * s / w; validation at the full beta."""
    model = tiny(beta=2.0, warmup_steps=8)
    for step in range(4):
        with pytest.warns(UserWarning, match="ends before the warm-up.*warmup_steps=8"):
            terms = model.fit(IMAGES, batch_size=16, verbose=0, validation_data=(IMAGES,)).history
        weight = 2.0 * step / 8
        expected = terms["reconstruction_loss"][0] + weight * terms["kl_loss"][0]
        assert terms["loss"][0] == pytest.approx(expected, rel=1e-5)
        expected = terms["val_reconstruction_loss"][0] + 2.0 * terms["val_kl_loss"][0]
        assert terms["val_loss"][0] == pytest.approx(expected, rel=1e-5)


def test_free_bits_cost_at_least_their_number():
    model = tiny(free_bits=5.0, latent_dim=3)  # far above what the posterior has at first
    terms = model.fit(IMAGES, batch_size=16, verbose=0).history
    assert terms["kl_loss"][0] < 3 * 5.0
    assert terms["loss"][0] == pytest.approx(terms["reconstruction_loss"][0] + 3 * 5.0, rel=1e-5)


def test_more_draws_have_the_same_mean_and_less_noise():
    one, many = tiny(num_samples=1), tiny(num_samples=64)
    losses = []
    for model in (one, many):
        values = []
        for step in range(40):
            model.step.assign(step)
            values.append(float(np.mean(model.terms(tf.constant(IMAGES), None, training=True)["reconstruction_loss"])))
        losses.append(values)
    assert np.mean(losses[0]) == pytest.approx(np.mean(losses[1]), rel=0.02)
    assert np.std(losses[1]) < np.std(losses[0]) / 3


def test_training_survives_huge_inputs():
    """Bounded log variances: vectors a million wide give large figures, not NaN."""
    model = kg.VAE((4,), 2, likelihood="gaussian", **dense(2, (4,)))
    model.compile()
    x = np.random.default_rng(0).normal(0, 1e6, (32, 4)).astype("float32")
    history = model.fit(x, epochs=3, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_active_units_counts_varying_means():
    metric = ActiveUnits(3)
    means = np.random.default_rng(0).normal(5, [0.5, 0.05, 0.2], (1000, 3)).astype("float32")
    for start in range(0, 1000, 100):
        metric.update_state(means[start : start + 100])
    assert float(metric.result()) == np.sum(means.var(0) > 0.01) == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"latent_dim": 0}, "latent_dim.*at least 1.*Received: latent_dim=0"),
        ({"beta": -1.0}, "beta.*at least 0.*Received: beta=-1.0"),
        ({"likelihood": "poisson"}, "likelihood.*'bernoulli', 'gaussian'.*Received: likelihood='poisson'"),
        ({"num_samples": 0}, "num_samples.*Received: num_samples=0"),
        ({"warmup_steps": -1}, "warmup_steps.*Received: warmup_steps=-1"),
        ({"free_bits": -0.1}, "free_bits.*Received: free_bits=-0.1"),
        ({"encoder": "transformer"}, "encoder.*'dense', .*'conv', .*Received: encoder='transformer'"),
        ({"data_shape": (8, 8, 1, 1)}, "data_shape.*Received: data_shape=\\(8, 8, 1, 1\\)"),
        ({"data_shape": (8,), "encoder": "conv"}, "needs images.*Received: data_shape=\\(8,\\)"),
    ],
)
def test_wrong_arguments(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        kg.VAE(**{"data_shape": SHAPE, **arguments})


def test_networks_that_do_not_fit():
    with pytest.raises(ValueError, match=r"`encoder` must map \(8, 8, 1\).*maps \(9, 9, 1\)"):
        kg.VAE(SHAPE, encoder=kg.networks.dense_encoder((9, 9, 1)))
    with pytest.raises(ValueError, match=r"`decoder` must map \(2,\)"):
        kg.VAE(SHAPE, decoder=kg.networks.dense_decoder(3))


def test_a_whole_decoder_is_used_as_it_is():
    code = keras.Input((2,))
    pixels = keras.layers.Reshape(SHAPE)(keras.layers.Dense(64)(code))
    decoder = keras.Model(code, keras.layers.Activation("sigmoid")(pixels))
    model = kg.VAE(SHAPE, 2, decoder=decoder)
    z = np.ones((3, 2), "float32")
    np.testing.assert_allclose(model.decode(z), decoder(z), rtol=1e-6)


def test_bernoulli_refuses_vectors_out_of_range():
    model = kg.VAE((4,), 2)
    model.compile()
    with pytest.raises(ValueError, match=r"\[0, 1\].*gaussian.*Received"):
        model.fit(np.full((8, 4), 3.0, "float32"))


def test_breast_cancer_table_trains():
    """Vectors of any value, with the Gaussian likelihood: better than one normal with independent columns."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.preprocessing import StandardScaler

    x = StandardScaler().fit_transform(load_breast_cancer().data).astype("float32")
    keras.utils.set_random_seed(0)
    model = kg.VAE((30,), latent_dim=6, likelihood="gaussian")
    model.compile(jit_compile=False)
    model.fit(np.tile(x[:400], (10, 1)), epochs=4, batch_size=32, verbose=0)
    independent = scipy.stats.norm.logpdf(x[400:], x[:400].mean(0), x[:400].std(0)).sum(1).mean()
    assert model.score(x[400:]).mean() > independent + 5


def test_an_epoch_makes_the_steps_that_were_asked_for():
    """Keras makes whole calls only, and a call of a dense model is of many steps."""
    model = kg.VAE((4,), 2)
    model.compile()
    batches = tf.data.Dataset.from_tensor_slices(np.zeros((40, 4), "float32")).batch(4).repeat()
    model.fit(batches, steps_per_epoch=6, epochs=2, verbose=0)
    assert int(model.step) == 12
    model.fit(batches.take(70), epochs=1, verbose=0)
    assert int(model.step) == 82
