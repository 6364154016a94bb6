"""Adversarial models: losses, optimizers, phases, averages, codes, priors."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats
from sklearn.linear_model import LogisticRegression
from zoo import IMAGES, LABELS, SHAPE, VECTORS, critics, dcgan, dense, gan

import keras_gen as kg
from keras_gen import losses, priors
from keras_gen.core import distribution
from keras_gen.testing import two_devices

D = np.array([-2.0, -0.3, 0.0, 0.7, 3.0], "float32")


def sigmoid(d):
    return 1 / (1 + np.exp(-np.asarray(d, "float64")))


def compiled(cls=kg.GAN, optimizer=None, **arguments):
    keras.utils.set_random_seed(0)
    model = cls(**{"data_shape": SHAPE, **arguments})
    model.compile(optimizer, jit_compile=False, steps_per_execution=1)
    return model


def small_gan(**arguments):
    keras.utils.set_random_seed(0)  # before the networks are made
    return compiled(latent_dim=3, **gan(3), **arguments)


# === Losses ===


@pytest.mark.parametrize(
    ("name", "real", "fake", "generator"),
    [
        ("minimax", lambda d: -np.log(sigmoid(d)), lambda d: -np.log(1 - sigmoid(d)), lambda d: np.log(1 - sigmoid(d))),
        ("non_saturating", lambda d: -np.log(sigmoid(d)), lambda d: -np.log(1 - sigmoid(d)),
         lambda d: -np.log(sigmoid(d))),
        ("least_squares", lambda d: (d - 1) ** 2 / 2, lambda d: d**2 / 2, lambda d: (d - 1) ** 2 / 2),
        ("hinge", lambda d: np.maximum(0, 1 - d), lambda d: np.maximum(0, 1 + d), lambda d: -d),
        ("wasserstein_gp", lambda d: -d, lambda d: d, lambda d: -d),
    ],
)  # fmt: skip
def test_adversarial_losses_are_those_of_the_papers(name, real, fake, generator):
    loss = losses.ADVERSARIAL[name]
    for function, expected in ((loss.real, real), (loss.fake, fake), (loss.generator, generator)):
        np.testing.assert_allclose(function(tf.constant(D)), expected(D), rtol=1e-5)
    if loss.at_chance is not None:
        even = 0.5 if name == "least_squares" else 0.0
        np.testing.assert_allclose(float(loss.real(even) + loss.fake(even)), loss.at_chance, rtol=1e-6)


def test_gradient_penalty_of_a_linear_critic():
    """d(x) = <w, x> has the gradient w everywhere."""
    model = compiled(data_shape=(6,), latent_dim=2, loss="wasserstein_gp", generator="dense",
                     discriminator=kg.networks.shallow_encoder((6,)))  # fmt: skip
    w = model.critic.get_layer("value").kernel.numpy().ravel()
    x = tf.constant(VECTORS[:5])
    images = tf.random.stateless_normal((5, 6), (1, 2))
    penalty = model._gradient_penalty((x + images) / 2, None, training=False)
    np.testing.assert_allclose(penalty, np.full(5, (np.linalg.norm(w) - 1) ** 2), rtol=1e-4)


def test_gradient_penalty_lies_uniformly_between(monkeypatch):
    """Between each image and its fake at a place of its own, other in each turn."""
    model = compiled(data_shape=(1,), latent_dim=1, loss="wasserstein_gp")
    n = 4000
    x, z = tf.fill((n, 1), 3.0), tf.zeros((n, 1))
    draws = [model.fakes(x, None, turn, training=True)[2] for turn in (0, 1)]
    assert np.any(draws[0]["mix"] != draws[1]["mix"])
    points = []
    monkeypatch.setattr(model, "_gradient_penalty", lambda at, labels, training: points.append(at) or at[:, 0])
    model.d_terms(x, None, (z, tf.fill((n, 1), 1.0), draws[0]), training=False)
    assert stats.kstest(points[0].numpy()[:, 0], stats.uniform(1, 2).cdf).pvalue > 0.01


@pytest.mark.extended
def test_discriminator_of_two_known_densities_comes_close_to_the_optimum():
    """D*(x) = p(x) / (p(x) + p_g(x)), Goodfellow et al. 2014, proposition 1: a trained discriminator nearly is it."""
    rng = np.random.default_rng(0)
    p, q = stats.norm(-0.5, 0.7), stats.norm(1.0, 1.0)
    z = keras.Input((1,))
    known = keras.Model(z, keras.layers.Rescaling(q.std(), q.mean(), name="image")(z))
    model = compiled(data_shape=(1,), latent_dim=1, generator=known, optimizer=keras.optimizers.Adam(3e-3))
    x = p.rvs((20_000, 1), random_state=rng).astype("float32")
    model.fit(x, batch_size=500, epochs=12, verbose=0)
    grid = np.linspace(-2, 3, 101)
    optimal = kg.information.optimal_discriminator(p.pdf(grid), q.pdf(grid))
    trained = sigmoid(model.score(grid[:, None].astype("float32")))
    weight = p.pdf(grid) + q.pdf(grid)
    assert np.average(np.abs(trained - optimal), weights=weight) < 0.03
    np.testing.assert_allclose(optimal, p.pdf(grid) / weight)


def test_at_the_optimum_the_minimax_value_is_a_divergence():
    """V(D*, G) = 2 JS(p || p_g) - log 4, Goodfellow et al. 2014, theorem 1."""
    rng = np.random.default_rng(1)
    p, q = rng.dirichlet(np.ones(6)), rng.dirichlet(np.ones(6))
    best = kg.information.optimal_discriminator(p, q)
    value = np.sum(p * np.log(best)) + np.sum(q * np.log(1 - best))
    np.testing.assert_allclose(value, 2 * kg.information.js_divergence(p, q) - math.log(4))


# === The step ===


def test_one_step_by_hand():
    """A step of SGD moves the discriminator along its gradient, then the generator past the new discriminator."""
    model = small_gan(optimizer=keras.optimizers.SGD(0.1))
    other = small_gan(optimizer=keras.optimizers.SGD(0.1))
    x = tf.constant(IMAGES[:4])
    z = model.draw_latents(4, None, 0, training=True)
    model.train_on_batch(IMAGES[:4])
    d, g = (player.variables for player in other.players)

    def loss_of_d():
        fake = other.logits(other.discriminator(other.image(other.generator(z))))
        real = other.logits(other.discriminator(x))
        return tf.reduce_mean(tf.math.softplus(-real) + tf.math.softplus(fake))

    def loss_of_g():
        return tf.reduce_mean(tf.math.softplus(-other.logits(other.discriminator(other.image(other.generator(z))))))

    for loss, variables in ((loss_of_d, d), (loss_of_g, g)):
        with tf.GradientTape() as tape:
            value = loss()
        for variable, gradient in zip(variables, tape.gradient(value, variables), strict=True):
            variable.assign_sub(0.1 * gradient)
    for one, two in zip(model.trainable_weights, other.trainable_weights, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)


def test_weights_move_after_the_loss_was_computed():
    """That of "wasserstein_gp" is linear in d(x): its gradient does not need d(x), which could be of moved weights."""

    class Marked(kg.GAN):
        def d_terms(self, *args):
            return {name: tf.identity(term, name=f"marked_{name}") for name, term in super().d_terms(*args).items()}

    model = compiled(Marked, data_shape=(6,), latent_dim=2, loss="wasserstein_gp", **gan(2, (6,)))
    graph = tf.function(model.train_step).get_concrete_function((tf.constant(VECTORS[:4]),)).graph
    kernel = next(inner for outer, inner in graph.captures if outer is model.critic.trainable_weights[0].value.handle)
    moves = [op for op in graph.get_operations() if op.type.startswith("Assign") and op.inputs[0] is kernel]
    assert moves
    for move in moves:
        before, waiting = set(), [move]
        while waiting:
            op = waiting.pop()
            if op.name not in before:
                before.add(op.name)
                waiting += [tensor.op for tensor in op.inputs] + list(op.control_inputs)
        assert {"marked_real", "marked_fake", "marked_gradient_penalty"} <= before


def test_fakes_are_made_once_per_turn(monkeypatch):
    model = small_gan(discriminator_steps=3)
    calls = []
    original = model.fakes
    monkeypatch.setattr(
        model, "fakes", lambda x, y, turn, training: calls.append(turn) or original(x, y, turn, training)
    )
    g_terms = model.g_terms
    monkeypatch.setattr(model, "g_terms", lambda *args, **kwargs: calls.append("g") or g_terms(*args, **kwargs))
    model.train_on_batch(IMAGES[:4])
    assert calls == [0, 1, 2, "g"]  # the third serves the generator too
    assert int(model.d_optimizer.iterations) == 3
    assert int(model.g_optimizer.iterations) == 1
    z = [model.draw_latents(4, None, turn, training=True).numpy() for turn in (0, 1, 0)]
    assert np.any(z[0] != z[1])
    np.testing.assert_array_equal(z[0], z[2])


def test_optimizers_one_for_all_or_one_each():
    shared = keras.optimizers.RMSprop(1e-2)
    model = small_gan(optimizer=shared)
    assert {type(model.d_optimizer), type(model.g_optimizer)} == {keras.optimizers.RMSprop}
    assert len({id(model.d_optimizer), id(model.g_optimizer), id(shared)}) == 3
    model.compile("adam", d_optimizer="sgd")
    assert isinstance(model.d_optimizer, keras.optimizers.SGD)
    assert isinstance(model.g_optimizer, keras.optimizers.Adam)
    model.compile()
    assert float(model.g_optimizer.learning_rate) == pytest.approx(2e-4)
    assert model.g_optimizer.beta_1 == 0.5
    one = keras.optimizers.Adam()
    with pytest.raises(ValueError, match="an optimizer of its own"):
        model.compile(d_optimizer=one, g_optimizer=one)
    with pytest.raises(ValueError, match="takes d_optimizer, g_optimizer.*Received: q_optimizer"):
        model.compile(q_optimizer="adam")


def test_no_player_of_an_adversarial_autoencoder_is_faster_than_another():
    """Reconstruction at five times the rate of the game drove the codes of MNIST out of the prior."""
    model = compiled(kg.AdversarialAutoencoder, num_classes=2, **dense(2, part=4))
    rates = {float(getattr(model, player.optimizer_name).learning_rate) for player in model.players}
    np.testing.assert_allclose(list(rates), [1e-3], rtol=1e-6)


def test_schedules_of_players_end_with_the_run():
    model = small_gan(discriminator_steps=2)
    made = model.default_optimizers(learning_rate=1e-2, decay_steps=10)
    for player, optimizer in zip(model.players, made.values(), strict=True):
        schedule = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))._learning_rate
        assert float(schedule(10 * player.steps)) == pytest.approx(0.0, abs=1e-9)
        assert float(schedule(10 * player.steps - 1)) > 0


def test_phases():
    """The discriminator alone, the generator alone, then both; exactly, and by train_on_batch too."""
    for by_batch in (False, True):
        model = small_gan(discriminator_warmup=2, generator_warmup=3)
        counts = []
        if by_batch:
            for _ in range(7):
                model.train_on_batch(IMAGES[:4])
                counts.append((int(model.d_optimizer.iterations), int(model.g_optimizer.iterations)))
        else:
            count = keras.callbacks.LambdaCallback(
                on_train_batch_end=lambda batch, logs, model=model, counts=counts: counts.append(
                    (int(model.d_optimizer.iterations), int(model.g_optimizer.iterations))
                )
            )
            model.fit(np.tile(IMAGES[:4], (7, 1, 1, 1)), batch_size=4, verbose=0, callbacks=[count])
        assert counts == [(1, 0), (2, 0), (2, 1), (2, 2), (2, 3), (3, 4), (4, 5)]


def test_phases_go_on_in_a_loaded_model(tmp_path):
    model = small_gan(discriminator_warmup=3)
    model.train_on_batch(IMAGES[:4])
    model.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    for _ in range(3):
        loaded.train_on_batch(IMAGES[:4])
    assert int(loaded.d_optimizer.iterations) == 4
    assert int(loaded.g_optimizer.iterations) == 1


def test_average_of_the_generator():
    """w' follows by max(1 - ema, 1 - (1 + t) / (10 + t)), in numpy; samples come from it; moving statistics too."""
    model = compiled(latent_dim=4, ema=0.5, **dcgan(4))
    weights = [[w.numpy() for w in (*model.generator.weights, *model.image.weights)]]
    averages = weights[0]
    for step in range(20):
        model.train_on_batch(IMAGES[:4])
        weights.append([w.numpy() for w in (*model.generator.weights, *model.image.weights)])
        share = max(0.5, 1 - (1 + step) / (10 + step))
        averages = [a + share * (w - a) for a, w in zip(averages, weights[-1], strict=True)]
        found = [weight for network in model.averages for weight in network.weights]
        for average, expected in zip(found, averages, strict=True):
            np.testing.assert_allclose(average, expected, atol=1e-6)
    z = np.random.default_rng(0).standard_normal((3, 4)).astype("float32")
    np.testing.assert_allclose(model.decode(z), model.averages[1](model.averages[0](z)), atol=1e-6)
    assert np.max(np.abs(model.decode(z) - model.image(model.generator(z)))) > 1e-4
    assert not model.averages[0].trainable_weights


def test_clipping_on_two_devices_is_that_of_the_sum():
    """Keras clips on each replica; here two devices give the weights of one."""
    weights = []
    for strategy in (tf.distribute.get_strategy(), two_devices()):
        with strategy.scope():
            model = small_gan(optimizer=keras.optimizers.SGD(0.1, global_clipnorm=0.01))
        x = np.repeat(IMAGES[:4], 2, axis=0)  # dense networks: noise that differs would show
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(distribution, "normal", lambda shape, key: tf.zeros(shape))
            model.fit(x, batch_size=8, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for one, two in zip(*weights, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)


def test_batch_statistics_are_those_of_all_devices():
    strategy = two_devices()
    with strategy.scope():
        model = compiled(latent_dim=2, **dcgan(2, 8))
    x = np.concatenate([np.zeros_like(IMAGES[:4]), np.ones_like(IMAGES[:4])])  # one device sees black, the other white
    model.fit(x, batch_size=8, shuffle=False, verbose=0)
    for network in (model.generator, model.discriminator):
        assert network.non_trainable_weights
        for weight in network.non_trainable_weights:
            copies = strategy.experimental_local_results(weight.value)
            np.testing.assert_array_equal(copies[0], copies[1])


@pytest.mark.parametrize(
    ("losses_of_logs", "sentence"),
    [
        ({"d_real": 0.999, "d_fake": 0.001}, "The discriminator has won"),
        ({"d_real": 0.3, "d_fake": 0.7}, "The generator has won"),
        ({"d_real": 0.5, "d_fake": 0.501}, None),
        ({"d_real": 0.6, "d_fake": 0.4}, None),
    ],
)
def test_warns_early_of_a_player_that_has_won(losses_of_logs, sentence, recwarn):
    from keras_gen.models.adversarial.base import EARLY, DominanceMonitor

    model = small_gan(discriminator_warmup=10)
    referee = DominanceMonitor()
    referee.set_model(model)
    for step in (0, 10, EARLY):  # of which 10 were the discriminator's alone
        model.step.assign(step)
        referee.on_epoch_begin(0)
        referee.on_epoch_end(0, losses_of_logs)
    assert not [w for w in recwarn.list if "has won" in str(w.message)], "too early to say"
    model.step.assign(EARLY + 10)
    for epoch in range(2):
        referee.on_epoch_begin(epoch)
        referee.on_epoch_end(epoch, losses_of_logs)
    said = [str(warning.message) for warning in recwarn.list if "has won" in str(warning.message)]
    assert len(said) == (sentence is not None), said
    assert sentence is None or said[0].startswith(sentence)


def test_a_real_run_is_told_that_the_discriminator_has_won():
    model = small_gan()
    model.compile(
        d_optimizer=keras.optimizers.Adam(1e-2),
        g_optimizer=keras.optimizers.SGD(0.0),
        jit_compile=False,
        steps_per_execution=1,
    )
    with pytest.warns(UserWarning, match="The discriminator has won"):
        model.fit(np.tile(IMAGES, (15, 1, 1, 1)), batch_size=16, epochs=30, verbose=0)


# === Labels and codes ===


def test_a_conditional_gan_uses_its_labels():
    model = compiled(latent_dim=2, num_classes=2, **gan(4))
    z = np.zeros((4, 2), "float32")
    zeros, ones = model.decode(z, labels=0), model.decode(z, labels=1)
    assert np.max(np.abs(zeros - ones)) > 1e-4
    x = IMAGES[:4]
    model.train_on_batch(x, LABELS[:4])
    assert np.any(model.score(x, labels=0) != model.score(x, labels=1))
    # Without labels, the classes in turn.
    np.testing.assert_array_equal(model.sample(4, seed=1), model.sample(4, labels=[0, 1, 0, 1], seed=1))
    for call in (lambda: model.fit(x), lambda: model.score(x), lambda: model.decode(z)):
        with pytest.raises(ValueError, match="GAN.*takes the label of each example.*Received: no labels"):
            call()


@pytest.mark.extended
def test_conditional_gan_draws_the_class_that_it_is_asked_for():
    """With a wide critic, which wins at once if its labels move it too fast."""
    x, y = kg.data.stack(kg.data.load("digits", labels=True, shuffle=False))
    model = compiled(data_shape=x.shape[1:], num_classes=10, generator="infogan", discriminator="infogan")
    history = model.fit(x, y, batch_size=64, epochs=75, verbose=0).history
    assert history["d_fake"][-1] > 0.1
    judge = LogisticRegression(max_iter=2000).fit(x.reshape(len(x), -1), y)
    labels = np.arange(500) % 10
    samples = np.asarray(model.sample(500, labels, seed=1)).reshape(500, -1)
    assert judge.score(samples, labels) > 0.6


@pytest.mark.extended
def test_information_of_infogan_rises():
    model = compiled(kg.InfoGAN, keras.optimizers.Adam(1e-2), num_categories=3, num_continuous=1, noise_dim=2, **gan(6))
    history = model.fit(np.tile(IMAGES, (15, 1, 1, 1)), epochs=10, batch_size=16, verbose=0).history
    assert history["information"][-1] > history["information"][0] + 0.3


def test_information_is_that_of_the_recognised_codes():
    """The reported bound against scipy's, of latents and outputs by hand."""
    model = compiled(kg.InfoGAN, num_categories=3, num_continuous=2, noise_dim=2, **gan(7))
    latents, images, _ = model.fakes(tf.constant(IMAGES), None, 0, training=False)
    logits, mean, log_variance = (np.asarray(v) for v in model._recognised(model.discriminator(images)))
    terms = model.code_terms(model.discriminator(images), latents, training=False)
    category, codes = latents[:, 2:5].numpy(), latents[:, 5:].numpy()
    assert set(category.sum(axis=1)) == {1.0}
    assert np.all(np.abs(codes) <= 1)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(terms["category"], -np.log((probabilities * category).sum(axis=1)), rtol=1e-5)
    log_q = stats.norm(mean, np.exp(log_variance / 2)).logpdf(codes).sum(axis=1)
    np.testing.assert_allclose(terms["continuous"], -log_q, rtol=1e-4)
    figures = model.evaluate(IMAGES, batch_size=16, verbose=0, return_dict=True)
    assert figures["information"] == pytest.approx(math.log(3) - float(np.mean(terms["category"])), rel=1e-4)
    assert figures["continuous_information"] == pytest.approx(2 * math.log(2) + log_q.mean(), rel=1e-4)


def test_infogan_samples_what_it_is_asked_for():
    model = compiled(kg.InfoGAN, num_categories=3, num_continuous=2, noise_dim=2, **gan(7))
    made = []
    model.generate, generate = lambda latents: made.append(np.asarray(latents)) or generate(latents), model.generate
    model.sample(4, labels=[0, 1, 2, 1], codes=[0.5, -1], seed=1)
    np.testing.assert_array_equal(made[-1][:, 2:5].argmax(axis=1), [0, 1, 2, 1])
    np.testing.assert_allclose(made[-1][:, 5:], np.tile([0.5, -1], (4, 1)))
    walk = model.traversal(1, steps=5, rows=3, seed=2)
    assert walk.shape == (3, 5, *SHAPE)
    latents = made[-1].reshape(3, 5, 7)
    np.testing.assert_allclose(latents[:, :, 6], np.tile(np.linspace(-1, 1, 5), (3, 1)))
    assert np.ptp(latents[:, :, :2], axis=1).max() == 0
    probabilities, means = model.infer_codes(IMAGES)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert means.shape == (len(IMAGES), 2)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"codes": [[0.0, 1.5]]}, r"`codes` must lie in \[-1, 1\].*Received: codes in \[0, 1.5\]"),
        ({"codes": [0.0]}, r"`codes` must be of shape \(2,\) or \(1, 2\).*\(1,\)"),
        ({"labels": [3]}, "a whole number from 0 to 2"),
        ({"labels": [0, 1]}, "as many labels as examples"),
    ],
)
def test_infogan_refuses_codes_it_was_not_trained_with(arguments, sentence):
    model = compiled(kg.InfoGAN, num_categories=3, num_continuous=2, noise_dim=2, **gan(7))
    with pytest.raises(ValueError, match=sentence):
        model.sample(1, **arguments)


# === Adversarial autoencoders ===


@pytest.mark.parametrize("name", ["mixture", "swiss_roll"])
def test_patterns(name):
    """Each component is its own part of the plane; further dimensions are normal."""
    pattern = priors.PATTERNS[name](3, 5)
    rng = np.random.default_rng(0)
    n = 5000
    component = rng.integers(5, size=n)
    z = np.asarray(pattern.transform(rng.standard_normal((n, 3)).astype("float32"), rng.random(n).astype("float32"),
                                 component))  # fmt: skip
    assert stats.kstest(z[:, 2], stats.norm.cdf).pvalue > 0.01
    radius, angle = np.hypot(z[:, 0], z[:, 1]), np.arctan2(z[:, 1], z[:, 0])
    for c in range(5):
        if name == "mixture":
            along = z[component == c, :2] @ [np.cos(2 * np.pi * c / 5), np.sin(2 * np.pi * c / 5)]
            assert along.mean() == pytest.approx(3, abs=0.15)
            assert along.std() == pytest.approx(0.8, rel=0.1)
        else:
            low, high = 4 * np.sqrt(c / 5), 4 * np.sqrt((c + 1) / 5)
            assert np.mean((radius[component == c] > low - 0.2) & (radius[component == c] < high + 0.2)) > 0.99
    if name == "swiss_roll":  # two turns: the angle of a point is that of its radius
        expected = (4 * np.pi * radius / 4 + np.pi) % (2 * np.pi) - np.pi
        far = radius > 1
        assert np.mean(np.abs(np.exp(1j * angle[far]) - np.exp(1j * expected[far]))) < 0.15


@pytest.mark.extended
def test_codes_become_distributed_as_the_prior():
    """From codes that are far from it to N(0, 1), by the game alone."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2000, 1)).astype("float32") * 0.5 + 2
    model = compiled(
        kg.AdversarialAutoencoder, data_shape=(1,), latent_dim=1, likelihood="gaussian", **dense(1, (1,), 16),
        discriminator=kg.networks.dense_encoder((1,), (32,), "leaky_relu"),
    )  # fmt: skip
    rates = {"reconstruction": 1e-3, "d": 5e-3, "g": 2e-3}
    model.compile(**{f"{name}_optimizer": keras.optimizers.Adam(rate, 0.5) for name, rate in rates.items()})
    before = stats.kstest(model.encode(x)[:, 0], stats.norm.cdf).statistic
    model.fit(np.tile(x, (40, 1)), batch_size=200, epochs=5, verbose=0)
    after = stats.kstest(model.encode(x)[:, 0], stats.norm.cdf).statistic
    assert after < 0.15 < before


@pytest.mark.parametrize("posterior", ["deterministic", "gaussian", "universal"])
def test_posteriors(posterior):
    """Only the first gives the same code each time in training; the universal one bends its noise."""
    model = compiled(kg.AdversarialAutoencoder, latent_dim=2, posterior=posterior, **dense(2), **critics(2))
    x = tf.repeat(tf.constant(IMAGES[:1]), 3000, axis=0)
    z = model.codes(x, noise=model.posterior_noise(x, training=True))[0].numpy()
    np.testing.assert_array_equal(model.fakes(x, None, 0, training=True)[0], z)  # what the discriminator meets
    drawn = model.fakes(x, None, 0, training=False)[0].numpy()  # and what it meets in an evaluation
    assert (np.ptp(drawn, axis=0).max() > 1e-3) == (posterior != "deterministic")
    assert (np.ptp(z, axis=0).max() > 1e-3) == (posterior != "deterministic")
    np.testing.assert_array_equal(model.encode(IMAGES[:4]), model.encode(IMAGES[:4]))
    if posterior == "gaussian":
        mean, log_variance = model.code(model.encoder(x[:1]))
        np.testing.assert_allclose(z.mean(axis=0), mean[0], atol=0.1)
        np.testing.assert_allclose(z.std(axis=0), np.exp(log_variance[0] / 2), rtol=0.1)


def test_discriminator_is_told_the_label():
    """label_use="prior": of a known class the real codes are of its component; of unknown ones, of any."""
    model = compiled(kg.AdversarialAutoencoder, latent_dim=2, prior="mixture", num_classes=2, label_use="prior",
                     **dense(2), **critics(5))  # fmt: skip
    y = np.repeat([0, 1, -1], 500)
    z, _, told = model._prior_draws(1500, tf.constant(y), training=False)
    z = z.numpy()
    np.testing.assert_array_equal(np.argmax(told, axis=1), np.where(y < 0, 2, y))
    assert np.all(z[y == 0, 0] > 0)  # two components: right and left
    assert np.all(z[y == 1, 0] < 0)
    assert 0.4 < np.mean(z[y < 0, 0] > 0) < 0.6
    right = model.sample(20, labels=0, seed=1)
    assert right.shape == (20, *SHAPE)


@pytest.mark.extended
def test_semi_supervised_learns_classes_and_clusters_without_labels():
    """On two kinds of vectors: few labels name them, no label still separates them."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=600)
    x = (rng.standard_normal((600, 6)) + np.where(y[:, None] == 1, 3.0, -3.0)).astype("float32")
    some = np.where(np.arange(600) < 20, y, -1)
    for labels, use in ((some, "code"), (None, "none")):
        model = compiled(
            kg.AdversarialAutoencoder, keras.optimizers.Adam(2e-3), data_shape=(6,), latent_dim=2, num_classes=2,
            label_use=use, likelihood="gaussian", **dense(2, (6,), 16, part=4), **critics(2, 2),
        )  # fmt: skip
        many = np.tile(x, (10, 1)), None if labels is None else np.tile(labels, 10)
        history = model.fit(*many, batch_size=100, epochs=6, verbose=0).history
        assert ("accuracy" in history) == (use == "code")
        assert kg.evaluation.clustering_accuracy(y, model.cluster(x)) > 0.95
        if labels is not None:
            assert np.mean(model.classify(x) == y) > 0.95


def test_drawn_categories():
    """As frequent as softmax says; the gradient is that of the relaxed draw."""
    p = np.array([0.1, 0.2, 0.7], "float32")
    noise = np.random.default_rng(0).random((100_000, 3), dtype="float32")
    drawn = np.asarray(kg.layers.draw_category(tf.constant(np.log([p])), noise, 0.7))
    assert set(np.unique(drawn.round(6))) == {0.0, 1.0}
    np.testing.assert_allclose(drawn.mean(axis=0), p, atol=0.01)
    logits, value = tf.constant(np.log([p])), tf.constant([1.0, -2.0, 0.5])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        total = tf.reduce_sum(value * kg.layers.draw_category(logits, noise[:1], 0.7))
    relaxed = special.softmax((np.log(p) - np.log(-np.log(noise[0]))) / 0.7)
    expected = relaxed * (value - np.sum(relaxed * value)) / 0.7
    np.testing.assert_allclose(tape.gradient(total, logits)[0], expected, rtol=1e-4)


@pytest.mark.extended
def test_every_cluster_is_used():
    """Ten clusters of vectors that lie evenly: none is left over, none takes all."""
    x = np.random.default_rng(0).random((1000, 4)).astype("float32")
    # Not by `compiled`: a seed set between the networks and their heads gives both the same weights to begin with.
    model = kg.AdversarialAutoencoder(
        data_shape=(4,), latent_dim=1, num_classes=10, label_use="none", likelihood="gaussian",
        **dense(1, (4,), 32, part=11), **critics(1, 10),
    )  # fmt: skip
    model.compile(keras.optimizers.Adam(2e-3), jit_compile=False, steps_per_execution=1)
    model.fit(np.tile(x, (10, 1)), batch_size=100, epochs=6, verbose=0)
    shares = np.bincount(model.cluster(x), minlength=10) / len(x)
    assert shares.min() > 0.01
    assert shares.max() < 0.25


def test_clusters_are_drawn_in_training_and_looked_up_afterwards():
    model = compiled(kg.AdversarialAutoencoder, latent_dim=2, num_classes=3, label_use="none",
                     **dense(2, part=5), **critics(2, 3))  # fmt: skip
    x = tf.constant(IMAGES)
    for training in (True, False):
        drawn = model.fakes(x, None, 0, training)[1].numpy()
        np.testing.assert_array_equal(np.sort(drawn.round(6), axis=1), [[0.0, 0.0, 1.0]] * len(x))
    logits = np.asarray(model.category(model.encoder(x), training=True))
    np.testing.assert_allclose(logits.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(logits.std(axis=0), 2, rtol=0.1)
    np.testing.assert_allclose(model.class_probabilities(IMAGES).sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(model.reconstruct(IMAGES), model.reconstruct(IMAGES))
    z, y = model.codes(x, noise=model.posterior_noise(x, training=True))
    noisy = np.asarray(model(x, training=True))  # of the same draw of y
    assert np.abs(noisy - np.asarray(model.images(z, y))).max() > 1e-3


def test_what_has_no_classes_does_not_classify():
    model = compiled(kg.AdversarialAutoencoder, latent_dim=2, **dense(2), **critics(2))
    assert not hasattr(model, "classify")
    with pytest.raises(AttributeError, match="classifies with num_classes"):
        model.classify(IMAGES)
    assert "clustering_accuracy" not in kg.evaluation.report(model, IMAGES, LABELS)


def test_prior_draws_differ_between_replicas():
    strategy = two_devices()
    with strategy.scope():
        model = compiled(kg.AdversarialAutoencoder, latent_dim=2, prior="swiss_roll", **dense(2), **critics(2))

    @tf.function
    def on_both():
        return strategy.run(lambda: model._prior_draws(3, None, training=True)[0])

    here, there = strategy.experimental_local_results(on_both())
    assert np.all(here.numpy() != there.numpy())


def test_the_figures_of_known_labels_do_not_depend_on_their_batches():
    model = compiled(kg.AdversarialAutoencoder, latent_dim=2, num_classes=2, **dense(2, part=4), **critics(2, 2))
    some = np.where(np.arange(16) < 4, LABELS, -1)
    alone = model.evaluate(IMAGES[:4], LABELS[:4], batch_size=4, verbose=0, return_dict=True)
    among = model.evaluate(IMAGES, some, batch_size=4, verbose=0, return_dict=True)
    for name in ("classification_loss", "accuracy"):
        assert among[name] == pytest.approx(alone[name], rel=1e-5)
    minimised = model.classification_terms(tf.constant(IMAGES), some, None, training=False)["classification"]
    assert float(np.mean(minimised)) == pytest.approx(alone["classification_loss"], rel=1e-5)


# === Who moves what ===


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (lambda: small_gan(), {"d": {"discriminator", "critic"}, "g": {"generator", "image"}}),
        (
            lambda: compiled(kg.InfoGAN, num_categories=3, num_continuous=1, noise_dim=2, **gan(6)),
            {"d": {"discriminator", "critic", "recognition"}, "g": {"generator", "image"}},
        ),
        (
            lambda: compiled(kg.AdversarialAutoencoder, latent_dim=2, num_classes=2, **dense(2, part=4)),
            {
                "reconstruction": {"encoder", "code", "category", "decoder", "image"},
                "classification": {"encoder", "category"},
                "d": {"discriminator", "critic", "category_discriminator", "category_critic"},
                "g": {"encoder", "code", "category"},
            },
        ),
    ],
    ids=["gan", "infogan", "aae"],
)
def test_players_have_the_networks_that_the_papers_give_them(model, expected):
    model = model()
    found = {
        player.name: {name for name in set().union(*expected.values()) if getattr(model, name) in player.networks}
        for player in model.players
    }
    assert found == expected
    assert all(len(player.networks) == len(expected[player.name]) for player in model.players)


def test_weight_regularizers_count_once():
    """With a rate of 1 and no other gradient, L2 of weight w and factor 0.05 takes 0.1 w away."""
    for strategy in (tf.distribute.get_strategy(), two_devices()):
        body = [
            keras.Input(SHAPE),
            keras.layers.Flatten(),
            keras.layers.Dense(3, kernel_regularizer=keras.regularizers.L2(0.05)),
        ]
        with strategy.scope():
            body = keras.Sequential(body)
            body = keras.Model(body.inputs, body.outputs[0])
            model = compiled(latent_dim=2, generator=gan(2)["generator"], discriminator=body)
            model.critic.get_layer("value").kernel.assign(np.zeros((3, 1)))  # the features play no part
            model.compile(
                d_optimizer=keras.optimizers.SGD(1.0), g_optimizer="sgd", jit_compile=False, steps_per_execution=1
            )
        before = body.layers[-1].kernel.numpy()
        model.fit(IMAGES[:4], batch_size=4, verbose=0)
        np.testing.assert_allclose(body.layers[-1].kernel, 0.9 * before, atol=1e-6)


# === Saving ===


@pytest.mark.parametrize("auto_scale_loss", [True, False])
def test_saving_in_mixed_precision(auto_scale_loss, tmp_path, recwarn):
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = small_gan()
        model.compile("adam", auto_scale_loss=auto_scale_loss, jit_compile=False, steps_per_execution=1)
        assert isinstance(model.d_optimizer, keras.optimizers.LossScaleOptimizer) == auto_scale_loss
        model.fit(IMAGES, batch_size=4, verbose=0)
        model.save(tmp_path / "gan.keras")
        loaded = keras.saving.load_model(tmp_path / "gan.keras")
        assert not [w for w in recwarn.list if "Skipping" in str(w.message)]
        for one in (model, loaded):
            one.fit(IMAGES, batch_size=4, shuffle=False, verbose=0)
        for name in ("d_optimizer", "g_optimizer"):
            assert len({v.path for v in getattr(model, name).variables}) == len(getattr(model, name).variables)
        for here, there in zip(model.get_weights(), loaded.get_weights(), strict=True):
            np.testing.assert_array_equal(here, there)
    finally:
        keras.mixed_precision.set_global_policy(before)


@pytest.mark.parametrize(
    ("model", "options"),
    [
        pytest.param(
            "gan", {"ema": 0.9, "discriminator_warmup": 8, "generator_warmup": 20}, marks=pytest.mark.extended
        ),
        pytest.param("adversarial_autoencoder", {"num_classes": 10, "num_labels": 50}, marks=pytest.mark.extended),
        pytest.param(
            "cyclegan",
            {"data_a": "digits", "data_b": "digits", "generator": "unet", "inverse_generator": "unet", "limit": 60},
            marks=pytest.mark.extended,
        ),
    ],
)
def test_a_resumed_run_is_the_unbroken_one(model, options, tmp_path):
    common = {"model": model, "limit": 200, "batch_size": 20, "verbose": 0, "figures": False, **options}
    whole = kg.training.train(out=tmp_path / "whole", epochs=3, **common)
    kg.training.train(out=tmp_path / "parts", epochs=1, **common)
    resumed = kg.training.resume(tmp_path / "parts", epochs=3, verbose=0)
    for one, two in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    for player in whole.players:
        name = player.optimizer_name
        assert int(getattr(whole, name).iterations) == int(getattr(resumed, name).iterations) > 0


# === Figures ===


def test_parzen_windows_are_scikit_learns():
    from sklearn.neighbors import KernelDensity

    rng = np.random.default_rng(0)
    samples, validation, images = (rng.random((n, 2, 2, 1)).astype("float32") for n in (300, 40, 50))
    with pytest.warns(UserWarning, match="the last of those tried"):
        kg.evaluation.parzen_log_likelihood(samples, validation, images, (0.05, 0.06))
    found, sigma = kg.evaluation.parzen_log_likelihood(samples, validation, images)
    scores = {}
    for width in kg.evaluation.parzen.WIDTHS:
        density = KernelDensity(bandwidth=width).fit(samples.reshape(300, 4))
        scores[width] = density.score(validation.reshape(40, 4)), density.score_samples(images.reshape(50, 4))
    best = max(scores, key=lambda width: scores[width][0])
    assert sigma == best
    np.testing.assert_allclose(found, scores[best][1], atol=1e-4)
    with pytest.raises(ValueError, match="must be of one shape"):
        kg.evaluation.parzen_log_likelihood(samples, validation[:, :1], images)


def test_clusters_are_named_by_their_most_certain_image():
    probabilities = [[0.9, 0.1, 0.0], [0.6, 0.3, 0.1], [0.0, 0.2, 0.8]]
    np.testing.assert_array_equal(kg.evaluation.label_clusters(probabilities, [7, 4, 2]), [7, 4, 2])
    np.testing.assert_array_equal(kg.evaluation.label_clusters(probabilities[:2], [7, 4]), [7, 4, 4])
    with pytest.raises(ValueError, match="a row of probabilities for each label"):
        kg.evaluation.label_clusters(probabilities, [1])


def test_one_dimension_is_watched(tmp_path):
    data = stats.norm(2, 0.5)
    keras.utils.set_random_seed(0)
    watch = kg.tasks.OneDimension(data.pdf, -1, 5, every=2)
    model = kg.GAN((1,), latent_dim=1)
    model.compile(jit_compile=False, steps_per_execution=1)
    model.fit(data.rvs((400, 1), random_state=0).astype("float32"), epochs=4, verbose=0, callbacks=[watch])
    assert [frame["epoch"] for frame in watch.frames] == [0, 2, 4]
    last = watch.frames[-1]
    assert np.trapezoid(last["generator"], watch.points) == pytest.approx(1, abs=0.05)
    np.testing.assert_allclose(
        last["discriminator"], sigmoid(model.score(watch.points[:, None].astype("float32"))), atol=1e-6
    )
    gap = np.average(
        np.abs(last["discriminator"] - last["optimal"]), weights=data.pdf(watch.points) + last["generator"]
    )
    assert watch.gaps()[-1] == pytest.approx(gap)
    for name in ("game.png", "game.gif"):
        assert kg.images.provenance(watch.save(tmp_path / name))["model"] == "GAN"
    with pytest.raises(ValueError, match="a GAN of one number, without labels, with a loss of logits. Received"):
        small_gan().fit(IMAGES, verbose=0, callbacks=[watch])


# === Wrong calls ===


@pytest.mark.parametrize(
    ("cls", "arguments", "sentence"),
    [
        (kg.GAN, {"discriminator_steps": 0}, "`discriminator_steps` must be a whole number of at least 1"),
        (kg.GAN, {"loss": "vanilla"}, "`loss` must be one of 'non_saturating', 'minimax'.*Received: loss='vanilla'"),
        (kg.GAN, {"ema": 1.0}, "`ema` must be a number between 0 and 1"),
        (kg.GAN, {"num_classes": 1}, "`num_classes` must be a whole number of at least 2"),
        (kg.GAN, {"generator": kg.networks.dcgan_generator(64, (10, 10, 1))},
         r"`generator` must map \(64,\) to .*the data's shape.*dcgan_generator.*\(10, 10, 1\)"),
        (kg.GAN, {"generator": "unet"}, "`generator` must be one of 'dcgan', 'infogan', 'residual', 'dense'"),
        (kg.InfoGAN, {"num_categories": 1}, "two categories or more"),
        (kg.InfoGAN, {"num_categories": 0, "num_continuous": 0}, "or continuous codes"),
        (kg.AdversarialAutoencoder, {"prior": "cauchy"}, "`prior` must be one of 'normal', 'mixture', 'swiss_roll'"),
        (kg.AdversarialAutoencoder, {"prior": "mixture", "latent_dim": 1}, "a pattern of the plane"),
        (kg.AdversarialAutoencoder, {"label_use": "prior", "num_classes": 10}, "gives each class its component"),
        (kg.GAN, {"ema": "0.9"}, "`ema` must be a number between 0 and 1"),
        (kg.GAN, {"loss": ["hinge"]}, "`loss` must be one of"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_sentences(cls, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        cls(**{"data_shape": SHAPE, **arguments})


@pytest.mark.parametrize("shape", [(7, 5, 3), (28, 28, 1), (33, 17, 1), (3, 3, 1)])
def test_dcgan_reaches_any_size(shape):
    model = kg.GAN(shape, 4)
    assert model.sample(2, seed=1).shape == (2, *shape)
    assert model.score(np.zeros((2, *shape), "float32")).shape == (2,)


def test_wrong_calls_are_sentences():
    conditional = compiled(latent_dim=2, num_classes=2, **gan(4))
    for call in (lambda: conditional(IMAGES[:2]), lambda: conditional.train_on_batch(IMAGES[:2])):
        with pytest.raises(ValueError, match="takes the label of each example.*Received: no labels"):
            call()
    with pytest.raises(ValueError, match="each call must be one step. Received: steps_per_execution=2"):
        small_gan(discriminator_warmup=3).compile(steps_per_execution=2)
    with pytest.raises(ValueError, match="Received: use_ema=True in g_optimizer"):
        small_gan().compile(g_optimizer=keras.optimizers.Adam(use_ema=True))
    body = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3, activity_regularizer="l2")])
    with pytest.raises(ValueError, match="activity_regularizer in the layer"):
        compiled(data_shape=(6,), discriminator=keras.Model(body.inputs, body.outputs[0]))
    aae = compiled(kg.AdversarialAutoencoder, latent_dim=2, num_classes=2, **dense(2, part=4), **critics(2, 2))
    with pytest.raises(ValueError, match="as many labels as examples"):
        aae.sample(4, labels=[0, 1])
    with pytest.raises(ValueError, match="the categories 0 to 1"):
        aae.decode(np.zeros((2, 2), "float32"), labels=-1)
    with pytest.raises(ValueError, match="must be a frame"):
        kg.tasks.OneDimension(stats.norm.pdf, -1, 1).save("never.png")
    with pytest.raises(ValueError, match="needs continuous codes"):
        kg.tasks.traverse(compiled(kg.InfoGAN, num_continuous=0, num_categories=3, noise_dim=2, **gan(5)))
    assert not hasattr(compiled(kg.InfoGAN, num_categories=0, num_continuous=2, noise_dim=2, **gan(4)), "classify")


def test_a_cosine_ends_with_the_run_where_players_rest():
    model = small_gan(discriminator_warmup=5, generator_warmup=5)
    for optimizer in model.default_optimizers(learning_rate=1e-2, decay_steps=20).values():
        assert float(optimizer._learning_rate(15)) == pytest.approx(0, abs=1e-9)


def test_the_resting_discriminator_rests_whole():
    """In the generator's phase neither its weights nor its moving statistics change."""
    model = compiled(latent_dim=2, generator_warmup=100, **dcgan(2, 8))
    before = model.discriminator.get_weights()
    model.fit(IMAGES, batch_size=4, verbose=0)
    for old, new in zip(before, model.discriminator.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
