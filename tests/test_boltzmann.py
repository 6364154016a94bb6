"""Boltzmann machines against enumeration: energies, partition functions, gradients, chains."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate
from scipy.special import expit, logsumexp

import keras_gen as kg
from keras_gen import boltzmann
from keras_gen.core import distribution
from keras_gen.evaluation import partition

KEY = distribution.noise_key(0, 0, "test")


def states(units):
    return np.array(list(itertools.product((0, 1), repeat=units)), "float32")


def tiny(visible=5, hidden=3, sigma=None, scale=1.0, seed=0):
    """A machine of a few units, not trained."""
    rng = np.random.default_rng(seed)
    parts = [scale * rng.standard_normal(shape) for shape in ((visible, hidden), visible, hidden)]
    return boltzmann.Machine(*(tf.constant(part, tf.float32) for part in parts), sigma)


def energy(machine, v, h):
    """E(v, h) of every v with every h, (V, H)."""
    kernel, b, c = (np.asarray(part, "float64") for part in machine[:3])
    if machine.sigma is None:
        return -(v @ b)[:, None] - h @ c - v @ kernel @ h.T
    return ((v - b) ** 2).sum(axis=1)[:, None] / (2 * machine.sigma**2) - h @ c - v / machine.sigma @ kernel @ h.T


def rbm(machine, **arguments):
    """A model with given weights."""
    model = kg.RBM((machine.kernel.shape[0],), machine.kernel.shape[1], **arguments)
    for weight, value in zip(weights_of(model), machine[:3], strict=True):
        weight.assign(value)
    return model


def weights_of(model):
    return model.units.kernel, model.units.visible_bias, model.units.hidden_bias


def probabilities(machine):
    """p(v) of every state of the visible units, by enumeration of both sides."""
    logs = logsumexp(-energy(machine, states(machine.kernel.shape[0]), states(machine.kernel.shape[1])), axis=1)
    return np.exp(logs - logsumexp(logs))


# === Energies and partition functions ===


@pytest.mark.parametrize("sigma", [None, 0.5])
def test_free_energies_sum_out_the_other_side(sigma):
    machine = tiny(sigma=sigma)
    v, h = (
        (states(5) if sigma is None else np.random.default_rng(1).standard_normal((9, 5)).astype("float32")),
        states(3),
    )
    np.testing.assert_allclose(
        machine.free_energy(tf.constant(v)), -logsumexp(-energy(machine, v, h), axis=1), rtol=1e-4
    )
    if sigma is None:
        expected = -logsumexp(-energy(machine, v, h), axis=0)
        np.testing.assert_allclose(machine.hidden_free_energy(tf.constant(h)), expected, rtol=1e-4)


def test_gaussian_units_are_integrated_out():
    machine = tiny(1, 2, sigma=0.7)
    for h in states(2):
        area = integrate.quad(lambda v, h=h: np.exp(-energy(machine, np.array([[v]]), h[None])[0, 0]), -20, 20)[0]
        assert float(machine.hidden_free_energy(tf.constant(h[None]))[0]) == pytest.approx(-np.log(area), rel=1e-4)


@pytest.mark.parametrize(("visible", "hidden"), [(5, 3), (3, 6)])
def test_exact_partition_function(visible, hidden):
    machine = tiny(visible, hidden)
    expected = logsumexp(-energy(machine, states(visible), states(hidden)))
    assert kg.evaluation.exact_log_partition(rbm(machine)) == pytest.approx(expected, rel=1e-6)


def test_all_states_are_visited_once():
    parts = list(boltzmann.all_states(5, at_once=7))
    assert [len(part) for part in parts] == [7, 7, 7, 7, 4]
    np.testing.assert_array_equal(np.concatenate(parts), states(5))


@pytest.mark.parametrize("sigma", [None, 0.5])
@pytest.mark.parametrize("with_images", [False, True])
def test_annealed_importance_sampling(sigma, with_images):
    machine = tiny(20, 8, sigma, scale=0.7 if sigma is None else 0.4)
    model = rbm(machine, likelihood="bernoulli" if sigma is None else "gaussian", sigma=sigma or 1.0)
    exact = kg.evaluation.exact_log_partition(model)
    images = np.random.default_rng(0).integers(2, size=(50, 20)).astype("float32") if with_images else None
    estimate = kg.evaluation.annealed_importance_sampling(model, images, num_temperatures=500, verbose=0)
    assert estimate.low < exact < estimate.high
    assert estimate.high - estimate.low < 1
    if with_images:
        np.testing.assert_allclose(estimate.log_likelihood, model.score(images) - estimate.log_z, rtol=1e-6)


# === Chains ===


def test_gibbs_chains_end_in_the_model():
    machine = tiny(4, 3)
    expected = probabilities(machine)
    v = machine.gibbs(tf.zeros((40_000, 4)), 60, KEY).numpy()
    counted = np.bincount((v @ [8, 4, 2, 1]).astype(int), minlength=16) / len(v)
    np.testing.assert_allclose(counted, expected, atol=4 * np.sqrt(expected.max() / len(v)))
    model = rbm(machine)
    means = model.sample(20_000, seed=1, steps=60).mean(axis=0)
    np.testing.assert_allclose(means, expected @ states(4), atol=0.015)
    np.testing.assert_array_equal(model.gibbs(v[:5], steps=3, seed=2), model.gibbs(v[:5], steps=3, seed=2))


def test_gaussian_chains_end_in_the_model():
    machine = tiny(2, 3, sigma=0.5, scale=0.5)
    h = states(3)
    weights = np.exp(-machine.hidden_free_energy(tf.constant(h)).numpy())
    expected = weights / weights.sum() @ machine.visible_mean(tf.constant(h)).numpy()
    v = machine.gibbs(tf.zeros((40_000, 2)), 60, KEY).numpy()
    np.testing.assert_allclose(v.mean(axis=0), expected, atol=0.02)


# === Training ===


def loss_of(model, x, training):
    with distribution.global_batch(x):
        return model.loss_of(model.players[0], x, None, None, training)


def gradients(model, x):
    """Of the loss of a step, by weight."""
    with tf.GradientTape() as tape:
        loss = loss_of(model, x, training=True)
    return [g.numpy() for g in tape.gradient(loss, weights_of(model))]


@pytest.mark.parametrize("persistent", [False, True])
def test_gradient_is_that_of_the_likelihood_where_the_chains_are_long(persistent):
    machine, data = tiny(4, 3, scale=0.7), states(4)[[3, 5, 12]]
    v = states(4)
    with tf.GradientTape() as tape:
        kernel, b, c = (tf.Variable(part) for part in machine[:3])
        exact = boltzmann.Machine(kernel, b, c)
        log_z = tf.reduce_logsumexp(-exact.free_energy(tf.constant(v)))
        loss = tf.reduce_mean(exact.free_energy(tf.constant(data))) + log_z
    expected = [g.numpy() for g in tape.gradient(loss, [kernel, b, c])]
    count = 30_000
    model = rbm(machine, gibbs_steps=60, persistent=persistent, num_chains=count)
    for found, exactly in zip(
        gradients(model, tf.constant(np.repeat(data, count // 3, axis=0))), expected, strict=True
    ):
        np.testing.assert_allclose(found, exactly, atol=5 / np.sqrt(count))


def test_training_finds_a_distribution():
    """All pixels dark or, three times as often, all bright: what is learnt, enumerated, is what was seen."""
    data = states(4)[[0, 15, 15, 15]]
    model = kg.RBM((4,), 4, persistent=True, gibbs_steps=10, num_chains=1000, seed=1)
    model.compile(**model.default_optimizers(0.3, decay_steps=1500))
    model.fit(np.tile(data, (3200, 1)), batch_size=200, epochs=23, verbose=0)
    found = probabilities(model.machine)
    np.testing.assert_allclose(found[[0, 15]], [0.25, 0.75], atol=0.08)


def test_pseudo_likelihood_is_that_of_one_pixel_given_the_others():
    machine, v = tiny(5, 3), states(5)
    p = probabilities(machine).reshape([2] * 5)
    expected = np.zeros(32)
    for i in range(5):
        conditional = p / p.sum(axis=i, keepdims=True)
        expected += np.log(conditional.reshape(-1))
    model = rbm(machine)
    draw = tf.function(lambda k: model._pseudo_likelihood(machine, v, distribution.noise_key(0, k, "pixel")))
    draws = [draw(k) for k in tf.range(3000)]
    np.testing.assert_allclose(np.mean(draws, axis=0), expected, rtol=0.1, atol=0.1)


def test_pseudo_likelihood_of_gray_values_is_a_cross_entropy():
    model = rbm(boltzmann.Machine(tf.zeros((4, 2)), tf.fill((4,), 3.0), tf.zeros((2,))))
    found = model._pseudo_likelihood(model.machine, tf.fill((5, 4), 0.25), KEY)
    p = expit(3.0)
    np.testing.assert_allclose(found, 4 * (0.25 * np.log(p) + 0.75 * np.log(1 - p)), rtol=1e-5)


def test_gaussian_units_of_a_small_deviation_are_trained():
    x = np.full((64, 4), 0.5, "float32") + np.random.default_rng(0).normal(0, 0.1, (64, 4)).astype("float32")
    model = kg.RBM((4,), 3, likelihood="gaussian", sigma=0.1)
    model.compile()
    model.fit(np.tile(x, (100, 1)), verbose=0)
    np.testing.assert_allclose(model.sample(200, seed=1, steps=50).mean(axis=0), x.mean(axis=0), atol=0.1)


def test_gaussian_chains_of_images_go_on_from_any_values():
    model = kg.RBM((2, 2, 1), 3, likelihood="gaussian", sigma=2.0)
    ends = model.gibbs(np.zeros((50, 2, 2, 1), "float32"), steps=2)
    assert ends.min() < 0 < 1 < ends.max()
    assert model.gibbs(ends, steps=2).shape == ends.shape


def test_chains_are_all_drawn_apart():
    model = kg.RBM((8,), 3)  # half of the bits are on, whatever was before
    ends = model.gibbs(np.zeros((2000, 8), "float32"), steps=1)
    assert (ends[:500] != ends[500:1000]).mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("count", [1, 2, 10, 14, 15, 14_500])
def test_temperatures_begin_without_weights_and_end_with_them(count):
    betas = partition._schedule(count)
    assert len(betas) == count + 1
    assert (betas[0], betas[-1]) == (0, 1)
    assert (np.diff(betas) > 0).all()
    if count == 14_500:  # as published
        np.testing.assert_allclose(betas[[500, 4500]], [0.5, 0.9])


def test_chains_that_disagree_are_warned_of():
    machine = tiny(20, 8, scale=4.0)
    with pytest.warns(UserWarning, match="A few chains carry all the weight"):
        estimate = kg.evaluation.annealed_importance_sampling(
            rbm(machine), num_chains=20, num_temperatures=3, verbose=0
        )
    assert estimate.low == -np.inf


def test_annealing_begins_at_the_base_rates_of_the_images():
    x, log_odds = np.tile([[1.0, 1, 1, 0], [1, 1, 0, 0]], (2, 1)).astype("float32"), np.log(0.95 / 0.05)
    rates = [log_odds, log_odds, 0, -log_odds]
    for model, side in ((rbm(tiny(4, 3)), "visible_bias"), (kg.DeepBoltzmannMachine((4,), (3, 2)), "hidden_bias")):
        base = partition._base_machine(model, model.machine, x)
        np.testing.assert_allclose(getattr(base, side)[:4], rates, rtol=1e-5)
    belief = kg.DeepBeliefNetwork((4,), (4, 2))
    assert not np.any(partition._base_machine(belief, belief.machine, x).visible_bias)  # which are not of the data


@pytest.mark.parametrize(("weight", "visible", "hidden"), [(3.0, -12.0, -60.0), (1.0, 0.0, -28.0)])
def test_a_mode_that_the_chains_miss_is_found_out(weight, visible, hidden):
    model = rbm(boltzmann.Machine(tf.fill((30, 8), weight), tf.fill((30,), visible), tf.fill((8,), hidden)))
    exact = kg.evaluation.exact_log_partition(model)
    images = np.ones((4, 30), "float32")  # all on, and most of the probability where one side is off
    with pytest.warns(UserWarning, match="they miss a mode"):
        estimate = kg.evaluation.annealed_importance_sampling(model, images, num_temperatures=30, verbose=0)
    assert exact - 0.1 < estimate.log_z <= exact + 1e-6
    assert estimate.high == np.inf
    np.testing.assert_allclose(estimate.log_likelihood, model.score(images) - estimate.log_z, rtol=1e-6)


def test_chains_go_on_and_are_saved(tmp_path):
    x = np.random.default_rng(0).integers(2, size=(40, 6)).astype("float32")
    model = kg.RBM((6,), 4, persistent=True, num_chains=10)
    model.compile()
    before = np.asarray(model.units.chains.states)
    assert 0.3 < before.mean() < 0.7
    model.fit(x, batch_size=20, verbose=0)
    after = np.asarray(model.units.chains.states)
    assert (before != after).any()
    assert set(np.unique(after)) <= {0, 1}
    model.evaluate(x, verbose=0)
    np.testing.assert_array_equal(np.asarray(model.units.chains.states), after)
    model.save(tmp_path / "rbm.keras")
    np.testing.assert_array_equal(
        np.asarray(keras.saving.load_model(tmp_path / "rbm.keras").units.chains.states), after
    )


def test_penalties():
    machine, x = tiny(5, 3), tf.constant(states(5))
    hidden = expit(machine.hidden_logits(x).numpy()).mean(axis=0)
    kl = 0.1 * np.log(0.1 / hidden) + 0.9 * np.log(0.9 / (1 - hidden))

    def loss(**arguments):
        return float(loss_of(rbm(machine, **arguments), x, training=False))

    square = float(tf.reduce_sum(machine.kernel**2))
    assert loss(weight_decay=0.3) - loss() == pytest.approx(0.15 * square, rel=1e-3)
    assert loss(rho=0.1, beta=2.0) - loss() == pytest.approx(2 * kl.sum(), rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"gibbs_steps": 0}, "gibbs_steps=0"),
        ({"hidden_units": 0}, "hidden_units=0"),
        ({"num_chains": 0}, "num_chains=0"),
        ({"sigma": 0}, "sigma=0"),
        ({"rho": 1.5}, "rho=1.5"),
        ({"likelihood": "poisson"}, "likelihood='poisson'"),
        ({"weight_decay": -1}, "weight_decay=-1"),
    ],
)
def test_wrong_arguments_are_sentences(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        kg.RBM((6,), **arguments)


def test_what_cannot_be_done_is_said():
    model = kg.RBM((30,), 25)
    model.compile()
    with pytest.raises(
        ValueError, match="at most 20 .*annealed_importance_sampling. Received: 30 visible and 25 hidden"
    ):
        kg.evaluation.exact_log_partition(model)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        model.fit(np.full((4, 30), 2.0, "float32"))
    with pytest.raises(NotImplementedError, match="needs a Boltzmann machine.*Received: VAE"):
        kg.evaluation.annealed_importance_sampling(kg.VAE((30,), 2))
    with pytest.raises(ValueError, match="num_temperatures=0"):
        kg.evaluation.annealed_importance_sampling(model, num_temperatures=0)
    with pytest.raises(ValueError, match="steps=0"):
        model.sample(3, steps=0)


# === Deep belief networks ===


def deep(**arguments):
    """4-3-2 units with weights that matter."""
    model = kg.DeepBeliefNetwork((4,), (3, 2), **arguments)
    rng = np.random.default_rng(0)
    for layer in (*model.machines, *model.generators):
        for weight in layer.trainable_weights:
            weight.assign(rng.standard_normal(weight.shape))
    return model


def deep_log_probabilities(model):
    """log p(x) of every state, by enumeration."""
    v, h = tf.constant(states(4)), tf.constant(states(model.hidden_units[0]))
    log_h = -model.machine.free_energy(h).numpy() - kg.evaluation.exact_log_partition(model)
    means = model.generators[0](h).numpy().astype("float64")
    log_v = v.numpy() @ np.log(means).T + (1 - v.numpy()) @ np.log(1 - means).T
    return logsumexp(log_v + log_h, axis=1)


def test_score_of_a_deep_belief_network_is_a_bound():
    model = deep()
    x, h = states(4), states(3)
    exact = deep_log_probabilities(model)
    assert np.exp(exact).sum() == pytest.approx(1, rel=1e-5)
    q = model.machines[0](tf.constant(x)).numpy().astype("float64")
    log_q = np.log(q) @ h.T + np.log(1 - q) @ (1 - h).T
    means = model.generators[0](tf.constant(h)).numpy().astype("float64")
    log_v = x @ np.log(means).T + (1 - x) @ np.log(1 - means).T
    bound = (np.exp(log_q) * (log_v - model.machine.free_energy(tf.constant(h)).numpy() - log_q)).sum(axis=1)
    drawn = []
    for seed in range(40):
        other = kg.DeepBeliefNetwork.from_config({**model.get_config(), "seed": seed})
        other.set_weights(model.get_weights())
        drawn.append(other.score(x))
    np.testing.assert_allclose(np.mean(drawn, axis=0), bound, atol=0.15)
    assert (bound - kg.evaluation.exact_log_partition(model) <= exact).all()


def test_a_deep_belief_network_samples_what_it_describes():
    model = deep()
    means = model.sample(20_000, seed=1, steps=60).mean(axis=0)
    np.testing.assert_allclose(means, np.exp(deep_log_probabilities(model)) @ states(4), atol=0.015)


def test_layers_take_turns():
    x = np.random.default_rng(0).random((40, 6)).astype("float32")
    model = kg.DeepBeliefNetwork((6,), (5, 4), fine_tuning=0.4)
    model.compile()
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append([layer.kernel.numpy().copy() for layer in (*model.machines, *model.generators)])

    model.fit(x, batch_size=20, epochs=5, verbose=0, callbacks=[Watch()])  # 2 epochs, 1 epoch, 2 epochs
    moved = [[bool((a != b).any()) for a, b in zip(*pair, strict=True)] for pair in itertools.pairwise(seen)]
    # layer 1, layer 2, the way down from layer 1
    assert moved == [[True, False, True], [False, True, False], [True, True, True], [True, True, True]]
    np.testing.assert_array_equal(seen[2][2], seen[2][0].T)
    assert (seen[3][2] != seen[3][0].T).any()  # the up-down algorithm has parted the two


@pytest.mark.parametrize(
    ("epochs", "data"),
    [
        (5, {"x": "array", "validation_split": 0.5}),
        (5, {"x": "endless", "steps_per_epoch": 2}),
        (5, {"x": "of unknown size"}),
        (2, {"x": "array"}),
    ],
)
def test_turns_are_epochs_whatever_the_data(epochs, data):
    x = np.random.default_rng(0).random((40, 6)).astype("float32")
    dataset = tf.data.Dataset.from_tensor_slices(x).batch(20)
    made = {"array": x, "endless": dataset.repeat(), "of unknown size": dataset.filter(lambda batch: True)}
    options = {**data, "x": made[data["x"]]}
    turns, steps = [], []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            turns.append(self.model.phase.name)
            steps.append(int(self.model.step))

    belief = kg.DeepBeliefNetwork((6,), (5, 4), fine_tuning=0.4)
    boltzmann_machine = kg.DeepBoltzmannMachine((6,), (5, 4), pretraining=0.4, num_chains=3)
    for model in (belief, boltzmann_machine):
        model.compile()
        model.fit(**options, epochs=epochs, verbose=0, callbacks=[Watch()])
        model.fit(**options, epochs=epochs, initial_epoch=epochs - 1, verbose=0, callbacks=[Watch()])  # goes on
    if epochs == 5:
        ours = ["layer_1", "layer_1", "layer_2", "up_down", "up_down", "up_down"]
        theirs = ["pretraining"] * 2 + ["together"] * 4
    else:
        ours, theirs = ["layers", "up_down", "up_down"], ["pretraining", "together", "together"]
    assert turns == ours + theirs
    per_epoch = 1 if "validation_split" in data else 2
    assert steps == 2 * [per_epoch * (i + 1) for i in range(epochs + 1)]


def test_rates_go_down_over_the_steps_of_each_turn():
    model = kg.DeepBeliefNetwork((6,), (5, 4), fine_tuning=0.1)
    optimizers = model.default_optimizers(0.1, decay_steps=1000)
    configs = {name: optimizer.get_config()["learning_rate"]["config"] for name, optimizer in optimizers.items()}
    steps = {name: config["decay_steps"] for name, config in configs.items()}
    assert steps == {"layer_1_optimizer": 450, "layer_2_optimizer": 450, "up_down_optimizer": 100}


def test_up_down_gradients():
    """Of weights that generate: of log p(h below | h drawn above); of weights that recognise: of log q of a dream."""
    model = deep(fine_tuning=0.5)
    v = tf.constant(states(4)[[3, 5]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model._up_down(v, training=False))
    down, up = model.generators[0], model.machines[0]
    kernels = [down.kernel.value, up.kernel.value]
    found = tape.gradient(loss, kernels)
    key = model.key("up_down", False)
    above = boltzmann.draw(up(v), tf.random.experimental.stateless_fold_in(key, 0))
    dream_above = model.machine.gibbs(above, model.gibbs_steps, model.key("dream", False))
    dream_below = boltzmann.draw(down(dream_above), tf.random.experimental.stateless_fold_in(key, 1))
    np.testing.assert_allclose(found[0], tf.matmul(above, down(above) - v, transpose_a=True), atol=1e-5)
    np.testing.assert_allclose(
        found[1], tf.matmul(dream_below, up(dream_below) - dream_above, transpose_a=True), atol=1e-5
    )


def test_weight_decay_of_deep_machines():
    x = states(4)[[3, 5]]
    for make, times in (
        (lambda **options: kg.DeepBeliefNetwork((4,), (3, 2), fine_tuning=0.5, **options), 2),  # layers, and up-down
        (lambda **options: kg.DeepBoltzmannMachine((4,), (3, 2), num_chains=3, **options), 1),
    ):
        plain, decaying = make(), make(weight_decay=10.0)
        decaying.set_weights(plain.get_weights())
        for model in (plain, decaying):
            model.compile()
        squares = [float(np.sum(np.square(w))) for w in plain.get_weights() if w.shape in ((4, 3), (3, 2))][:2]
        figures = [model.evaluate(x, verbose=0, return_dict=True)["loss"] for model in (plain, decaying)]
        assert figures[1] - figures[0] == pytest.approx(5 * times * sum(squares), rel=1e-3)


def test_a_deep_belief_network_learns():
    data = states(4)[[0, 15, 15, 15]]
    model = kg.DeepBeliefNetwork((4,), (6, 4), persistent=True, gibbs_steps=5, num_chains=500)
    before = deep_log_probabilities(model)[[0, 15, 15, 15]].mean()
    model.compile(**model.default_optimizers(0.3))
    model.fit(np.tile(data, (800, 1)), batch_size=100, epochs=30, verbose=0)
    after = deep_log_probabilities(model)[[0, 15, 15, 15]].mean()
    assert before == pytest.approx(-4 * np.log(2), abs=0.05)
    assert after > -1.0  # the entropy of the data is 0.56


def test_classifiers_begin_with_the_features():
    x = states(4)
    for model in (deep(), rbm(tiny(4, 3)), rbm(tiny(4, 3, sigma=0.5), likelihood="gaussian", sigma=0.5)):
        classifier = model.as_classifier(3)
        features = keras.Model(classifier.input, classifier.layers[-2].output)
        np.testing.assert_allclose(features(x), model.encode(x), rtol=1e-5)
        assert classifier(x).shape == (16, 3)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"hidden_units": (5,)}, r"at least 2 layers.*\(5,\)"),
        ({"hidden_units": 5}, "at least 2 layers.*5"),
        ({"hidden_units": (5, 0)}, r"whole numbers of at least 1.*hidden_units=\(5, 0\)"),
        ({"gibbs_steps": 0}, "gibbs_steps=0"),
        ({"fine_tuning": 1.0}, "fine_tuning=1.0"),
    ],
)
def test_wrong_arguments_of_a_deep_belief_network_are_sentences(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        kg.DeepBeliefNetwork((6,), **arguments)


# === Deep Boltzmann machines ===


def deep_boltzmann(hidden_units=(3, 2), scale=1.0, **arguments):
    """A machine over 4 pixels with weights that matter."""
    model = kg.DeepBoltzmannMachine((4,), hidden_units, **arguments)
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(scale * rng.standard_normal(weight.shape))
    return model


def unnormalized(model):
    """log sum_h exp(-E(x, h)) of every state of x, by enumeration of all layers."""
    kernels, biases = ([np.asarray(w, "float64") for w in part] for part in (model.kernels, model.biases))
    result = []
    for x in states(4):
        minus_energies = []
        for h in itertools.product(*(states(units) for units in model.hidden_units)):
            units = (x, *h)
            pairs = sum(a @ w @ b for a, w, b in zip(units, kernels, units[1:], strict=False))
            minus_energies.append(pairs + sum(u @ b for u, b in zip(units, biases, strict=True)))
        result.append(logsumexp(minus_energies))
    return np.array(result)


@pytest.mark.parametrize("hidden_units", [(3, 2), (2, 3, 2)])
def test_a_deep_boltzmann_machine_against_enumeration(hidden_units):
    model, x = deep_boltzmann(hidden_units, scale=0.6, mean_field_steps=50), states(4)
    exact = unnormalized(model)
    log_z = kg.evaluation.exact_log_partition(model)
    assert log_z == pytest.approx(logsumexp(exact), rel=1e-6)
    bound = model.score(x)
    assert (bound <= exact + 1e-5).all()
    assert np.abs(bound - exact).max() < 0.3  # the mean field comes near
    np.testing.assert_allclose(model.elbo(x, log_z), bound - log_z)
    far = x[-2:]  # base rates that are not those of the machine, which the weights of the chains make good
    estimate = kg.evaluation.annealed_importance_sampling(model, far, num_chains=2000, num_temperatures=50, verbose=0)
    assert estimate.low < log_z < estimate.high < estimate.low + 0.3
    means = model.sample(20_000, seed=1, steps=60).mean(axis=0)
    np.testing.assert_allclose(means, np.exp(exact - log_z) @ x, atol=0.015)


def test_without_upper_weights_a_deep_boltzmann_machine_is_an_rbm():
    model, machine = deep_boltzmann(), tiny(4, 3)
    for weight, value in ((model.kernels[0], machine.kernel), (model.biases[0], machine.visible_bias)):
        weight.assign(value)
    model.biases[1].assign(machine.hidden_bias)
    model.kernels[1].assign(tf.zeros((3, 2)))
    shift = np.logaddexp(0, np.asarray(model.biases[2])).sum()  # of the top, which nothing hangs on
    np.testing.assert_allclose(model.score(states(4)), -machine.free_energy(tf.constant(states(4))) + shift, rtol=1e-4)


@pytest.mark.parametrize("as_dataset", [False, True])
def test_visible_biases_of_a_deep_boltzmann_machine_begin_at_the_log_odds_of_pixels(as_dataset):
    x = np.tile([[1.0, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0]], (5, 1)).astype("float32")
    model = kg.DeepBoltzmannMachine((4,), (3, 2), num_chains=4)
    model.compile(keras.optimizers.SGD(0.0))
    with pytest.raises(ValueError, match="finite numbers.*Received: 80 such values"):
        model.fit(x * np.nan)  # and nothing of it stays
    model.fit(tf.data.Dataset.from_tensor_slices(x).batch(10) if as_dataset else x, verbose=0)
    odds = np.array([99, 1, 1 / 3, 1 / 99])
    np.testing.assert_allclose(model.biases[0], np.log(odds), rtol=1e-5, atol=1e-6)
    model.biases[0].assign([1.0, 2, 3, 4])
    model.fit(x, verbose=0)  # what was learnt stays
    np.testing.assert_allclose(model.biases[0], [1, 2, 3, 4])


def test_pretraining_doubles_what_will_come_from_both_sides():
    model = kg.DeepBoltzmannMachine((4,), (3, 2, 2), num_chains=3)
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(rng.standard_normal(weight.shape))
    (w1, w2, w3), (b0, b1, b2, b3) = ([tf.convert_to_tensor(x) for x in xs] for xs in (model.kernels, model.biases))
    v0 = tf.constant(states(4)[[3, 5]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model._pretraining_contrast(v0))
    found = tape.gradient(loss, [kernel.value for kernel in model.kernels])
    v1 = tf.sigmoid(2 * v0 @ w1 + b1)
    v2 = tf.sigmoid(2 * v1 @ w2 + b2)

    def drawn(machine, v, i):
        return machine.gibbs(v, 1, model.noise_key(f"pretraining {i}"))

    twice = boltzmann.Machine(tf.concat([w1, w1], 0), tf.concat([b0, b0], 0), b1)
    d0 = sum(tf.split(drawn(twice, tf.concat([v0, v0], 1), 0), 2, axis=1))
    d1 = drawn(boltzmann.Machine(2 * w2, b1, b2), v1, 1)
    d2 = drawn(boltzmann.Machine(tf.concat([w3, w3], 1), b2, tf.concat([b3, b3], 0)), v2, 2)
    expected = [
        tf.transpose(d0) @ tf.sigmoid(d0 @ w1 + b1) - 2 * tf.transpose(v0) @ v1,
        2 * (tf.transpose(d1) @ tf.sigmoid(2 * d1 @ w2 + b2) - tf.transpose(v1) @ v2),
        2 * (tf.transpose(d2) @ tf.sigmoid(d2 @ w3 + b3) - tf.transpose(v2) @ tf.sigmoid(v2 @ w3 + b3)),
    ]
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("pretraining", [0.0, 0.4])
def test_a_deep_boltzmann_machine_learns(pretraining):
    data = states(4)[[0, 15, 15, 15]]
    model = kg.DeepBoltzmannMachine((4,), (6, 4), num_chains=500, pretraining=pretraining)
    model.compile(**model.default_optimizers(0.05))
    model.fit(np.tile(data, (800, 1)), batch_size=100, epochs=45, verbose=0)
    exact = unnormalized(model)
    log_likelihood = (exact - logsumexp(exact))[[0, 15, 15, 15]].mean()
    assert log_likelihood > -1.0  # 4 log 2 = 2.77 before; the entropy of the data is 0.56
    assert model.phase.name == "together"
