"""The one step: papers as one hook, losses that users add, scalars that are set while training, phases, averages."""

import functools
import math

import keras
import numpy as np
import pages
import pytest
import tensorflow as tf
from keras import ops
from zoo import IMAGES, SHAPE, ZOO, dense, translators

import keras_gen as kg
from keras_gen import losses, testing
from keras_gen.core import Adjustable, Phase, distribution
from keras_gen.models.autoencoders.base import BaseAutoencoder

CASES = {case.name: case for case in ZOO}

# === Papers ===


_namespace = {"__name__": __name__}
exec(pages.examples(pages.PAGES["your_own_model"])[0], _namespace)
TCVAE = _namespace["TCVAE"]  # as it stands on the page


@keras.saving.register_keras_serializable("tests")
class WAE(BaseAutoencoder):
    """WAE-MMD (Tolstikhin et al. 2018, algorithm 2), with inverse multiquadratic kernels.

    Args:
        weight: of the maximum mean discrepancy.
        **kwargs: rest.
    """

    reported = ("reconstruction_loss", "mmd_loss")
    weight = Adjustable(minimum=0)

    def __init__(self, data_shape, latent_dim=8, weight=10.0, **kwargs):
        super().__init__(data_shape, latent_dim, **kwargs)
        self.weight = weight

    def term_weights(self, training):
        return {"mmd_loss": self.weight}

    def penalties(self, code, training):
        noise = distribution.normal(tf.shape(code), self.key("prior", training))
        value = losses.maximum_mean_discrepancy(distribution.gather(code), distribution.gather(noise))
        return {"mmd_loss": distribution.for_each(value, code)}


PAPERS = [
    testing.Case("tc_vae", TCVAE, lambda: {"data_shape": SHAPE, "latent_dim": 3, "beta": 6.0, **dense(3)}, IMAGES),
    testing.Case("wae", WAE, lambda: {"data_shape": SHAPE, "latent_dim": 3, **dense(3)}, IMAGES),
]


# What a hook can break: of the class on the page the whole contract is checked in test_register.py.
OF_HOOKS = {"tc_vae": ("fit", "learning", "saving", "two_devices"), "wae": ("learning", "replicas")}


@pytest.mark.parametrize(
    ("case", "check"),
    [
        pytest.param(case, testing.CHECKS[name], id=f"{case.name}-{name}")
        for case in PAPERS
        for name in OF_HOOKS[case.name]
    ],
)
def test_a_paper_in_one_hook_keeps_the_contract(case, check):
    check(case)


def test_total_correlation_by_hand():
    """Equation 3.1 of Chen et al. 2018, appendix C: double loops in numpy."""
    model = TCVAE(SHAPE, 2, **dense(2))
    model.num_examples = None
    rng = np.random.default_rng(0)
    mean, log_variance, z = (rng.standard_normal((5, 2)).astype("float32") for _ in range(3))
    terms = model.divergence_terms(tf.constant(mean), tf.constant(log_variance), tf.constant(z[None]))
    found = terms["total_correlation"]

    def density(i, j, d):
        variance = math.exp(log_variance[j, d])
        return math.exp(-((z[i, d] - mean[j, d]) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)

    for i in range(5):
        code = math.log(sum(density(i, j, 0) * density(i, j, 1) for j in range(5)) / 5)
        units = sum(math.log(sum(density(i, j, d) for j in range(5)) / 5) for d in range(2))
        assert float(found[i]) == pytest.approx(code - units, rel=1e-4, abs=1e-5)


# === Losses inside the model ===


def test_the_vae_adds_its_kl_inside_for_a_loop_of_ones_own():
    """A call outside of the step leaves beta * KL in `losses`; a hand-written loop trains with it as `fit` does."""
    case = CASES["vae"]
    ours, theirs = case.model(keras.optimizers.SGD(1e-2)), case.model(keras.optimizers.SGD(1e-2))
    x = tf.constant(case.x)
    expected = ours.fit(x, batch_size=16, shuffle=False, verbose=0).history
    with tf.GradientTape() as tape:
        images = theirs(x, training=True)
        (kl,) = theirs.losses
        loss = ops.mean(losses.bernoulli(x, images)) + kl
    assert float(kl) == pytest.approx(0.5 * expected["kl_loss"][0], rel=1e-5)
    assert float(loss) == pytest.approx(expected["loss"][0], rel=1e-5)
    theirs.optimizer.apply(tape.gradient(loss, theirs.trainable_weights), theirs.trainable_weights)
    for one, other in zip(ours.trainable_weights, theirs.trainable_weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    theirs(x)
    assert not theirs.losses, "inference adds nothing"


@pytest.mark.parametrize("name", ["vae_iwae_logistic", "vae_conv_gaussian", "conditional_vae", "semi_supervised_vae"])
def test_other_variational_models_add_theirs_too(name):
    """Positive, weighted, above the free bits where there are such; images of one draw."""
    case = CASES[name]
    model = case.model()
    model.step.assign(100)  # after the warm-up
    images = model(tuple(map(tf.constant, case.pair())) if case.taught else tf.constant(case.x), training=True)
    assert images.shape == case.x.shape
    kl = sum(model.losses)
    free = model.free_bits * model.latent_dim
    assert float(kl) >= model.beta * free
    assert float(kl) > 0


@keras.saving.register_keras_serializable("tests")
class Adds(keras.layers.Layer):
    """Adds the mean square of what passes to the loss."""

    def call(self, x):
        self.add_loss(0.5 * ops.mean(ops.square(x)))
        return x


def body(kind):
    """A body of data to features that adds a loss in one of three ways."""
    data = keras.Input(SHAPE)
    options = {
        "add_loss": {},
        "activity": {"activity_regularizer": keras.regularizers.L2(0.5)},
        "kernel": {"kernel_regularizer": keras.regularizers.L2(0.5)},
    }[kind]
    x = keras.layers.Dense(8, **options)(keras.layers.Flatten()(data))
    return keras.Model(data, Adds()(x) if kind == "add_loss" else x)


def sparse(kind):
    keras.utils.set_random_seed(0)
    # The penalty communicates between the replicas while the losses wait on the layers.
    model = kg.SparseAutoencoder(SHAPE, 4, beta=0.1, encoder=body(kind))
    model.compile(keras.optimizers.SGD(1e-2), jit_compile=False, steps_per_execution=1)
    return model


@pytest.mark.parametrize("kind", ["add_loss", "activity", "kernel"])
def test_what_users_add_counts_once_on_one_and_on_two_devices(kind):
    found = []
    for strategy in (tf.distribute.get_strategy(), testing.two_devices()):
        with strategy.scope():
            model = sparse(kind)
        features = np.asarray(model.encoder(IMAGES))
        kernel = np.asarray(model.encoder.layers[2].kernel)
        added = {"add_loss": 0.5 * np.mean(features**2), "kernel": 0.5 * np.sum(kernel**2)}
        added["activity"] = 0.5 * np.sum(features**2) / len(IMAGES)
        history = model.fit(IMAGES, batch_size=16, shuffle=False, verbose=0).history
        own = history["reconstruction_loss"][0] + 0.1 * history["sparsity_loss"][0]
        assert history["loss"][0] - own == pytest.approx(added[kind], rel=1e-3)
        found.append(model.get_weights())
    for one, two in zip(*found, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)


def test_what_a_generator_adds_is_not_lost():
    """Its network is called where the fakes are made: it counts for the only player, and a game refuses it."""

    def generator():
        images = keras.Input(SHAPE)
        return keras.Model(images, Adds()(keras.layers.Conv2D(1, 1, activation="sigmoid")(images)))

    model = kg.Pix2Pix(SHAPE, adversarial_weight=0.0, l1_weight=1.0, generator=generator())
    model.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    added = 0.5 * np.mean(np.square(model.translate(IMAGES)))
    history = model.fit(IMAGES, 1 - IMAGES, batch_size=16, verbose=0, validation_data=(IMAGES, 1 - IMAGES)).history
    for prefix in ("", "val_"):
        assert history[f"{prefix}loss"][0] == pytest.approx(2 * history[f"{prefix}l1_loss"][0] + added, rel=1e-3)
    game = kg.Pix2Pix(SHAPE, generator=generator())
    game.compile(run_eagerly=True)
    with pytest.raises(ValueError, match="cannot count once"):
        game.fit(IMAGES, IMAGES, verbose=0)


def test_a_game_refuses_losses_that_layers_add():
    model = kg.GAN(SHAPE, 2, discriminator=body("add_loss"), generator="dense")
    model.compile(run_eagerly=True)
    with pytest.raises(ValueError, match="cannot count once. Received: 1 such losses in the terms of 'd'"):
        model.fit(IMAGES, verbose=0)


# === Scalars that are set while training ===


class Anneal(keras.callbacks.Callback):
    """The callback of every tutorial."""

    def __init__(self, name, values):
        super().__init__()
        self.name, self.values = name, values

    def on_epoch_begin(self, epoch, logs=None):
        setattr(self.model, self.name, self.values[epoch])


def weight_of(history, epoch, term, others):
    """What a term counted for in an epoch, from what was reported."""
    rest = sum(factor * history[name][epoch] for name, factor in others.items())
    return (history["loss"][epoch] - rest) / history[term][epoch]


@pytest.mark.parametrize("options", [{}, {"jit_compile": True, "steps_per_execution": 2}], ids=["plain", "xla"])
def test_annealing_of_beta_is_heard(options, tmp_path):
    case, betas = CASES["vae"], [0.0, 1.0, 10.0]
    model = case.model(**options)
    history = model.fit(IMAGES, batch_size=4, epochs=3, verbose=0, callbacks=[Anneal("beta", betas)]).history
    found = [weight_of(history, epoch, "kl_loss", {"reconstruction_loss": 1}) for epoch in range(3)]
    np.testing.assert_allclose(found, betas, atol=1e-2)
    assert model.evaluate(IMAGES, verbose=0, return_dict=True)["loss"] == pytest.approx(
        model.evaluate(IMAGES, verbose=0, return_dict=True)["reconstruction_loss"]
        + 10 * model.evaluate(IMAGES, verbose=0, return_dict=True)["kl_loss"],
        rel=1e-5,
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.beta == 10.0
    more = loaded.fit(IMAGES, verbose=0).history
    assert weight_of(more, 0, "kl_loss", {"reconstruction_loss": 1}) == pytest.approx(10.0, rel=1e-3)


@pytest.mark.parametrize(
    ("make", "name", "term", "others"),
    [
        (lambda: kg.SparseAutoencoder(SHAPE, 6), "beta", "sparsity_loss", {"reconstruction_loss": 1}),
        (lambda: kg.ContractiveAutoencoder(SHAPE, 6), "weight", "contractive_loss", {"reconstruction_loss": 1}),
        (
            lambda: kg.Pix2Pix(SHAPE, adversarial_weight=0.0, generator=translators(1, 1, filters=(2, 2))["generator"]),
            "l1_weight",
            "l1_loss",
            {},
        ),
    ],
    ids=["sparse", "contractive", "pix2pix"],
)
def test_annealing_of_other_weights_is_heard(make, name, term, others):
    model, weights = make(), [1.0, 5.0]
    model.compile(keras.optimizers.SGD(1e-4), jit_compile=False)
    data = (IMAGES, 1 - IMAGES) if model.target_mode else (IMAGES,)
    history = model.fit(*data, epochs=2, verbose=0, callbacks=[Anneal(name, weights)]).history
    scale = 2.0 if name == "l1_weight" else 1.0  # pixels in [-1, 1]
    found = [weight_of(history, epoch, term, others) for epoch in range(2)]
    np.testing.assert_allclose(found, scale * np.array(weights), rtol=1e-3)


def test_rho_and_free_bits_and_the_weights_of_games_are_heard():
    model = kg.SparseAutoencoder(SHAPE, 6)
    model.compile(keras.optimizers.SGD(0.0))
    history = model.fit(IMAGES, epochs=2, verbose=0, callbacks=[Anneal("rho", [0.05, 0.5])]).history["sparsity_loss"]
    means = np.mean(model.encode(IMAGES), axis=0)
    for rho, found in zip((0.05, 0.5), history, strict=True):
        expected = np.sum(rho * np.log(rho / means) + (1 - rho) * np.log((1 - rho) / (1 - means)))
        assert found == pytest.approx(expected, rel=1e-3)
    model = CASES["vae"].model(keras.optimizers.SGD(0.0))
    history = model.fit(IMAGES, epochs=3, verbose=0, callbacks=[Anneal("free_bits", [0.0, 7.0, 8.0])]).history
    rest = np.subtract(history["loss"], history["reconstruction_loss"])
    np.testing.assert_allclose(rest[1:], [0.5 * 3 * 7, 0.5 * 3 * 8], rtol=1e-4)
    assert rest[0] == pytest.approx(0.5 * history["kl_loss"][0], rel=1e-4)
    model = CASES["infogan"].model()
    model.d_optimizer.learning_rate = model.g_optimizer.learning_rate = 0.0
    values = [0.0, 100.0]
    history = model.fit(IMAGES, epochs=2, verbose=0, callbacks=[Anneal("information_weight", values)]).history
    assert history["g_loss"][1] - history["g_loss"][0] > 50


ANNEALED = {
    "vae": ("beta", [0.0, 1.0, 3.0, 9.0]),
    "sparse": ("beta", [0.0, 1.0, 3.0, 9.0]),
    "pix2pix": ("l1_weight", [1.0, 10.0, 50.0, 100.0]),
}


@pytest.mark.parametrize("name", ANNEALED)
def test_an_annealed_training_goes_on_where_it_was_killed(name, tmp_path):
    """The unbroken training and one that goes on from a file give the same weights, bit for bit."""
    case, (what, values) = CASES[name], ANNEALED[name]
    options = {"batch_size": 4, "shuffle": False, "verbose": 0}
    unbroken = case.model(keras.optimizers.Adam(1e-3))
    unbroken.fit(*case.pair(), epochs=4, callbacks=[Anneal(what, values)], **options)
    killed = case.model(keras.optimizers.Adam(1e-3))
    killed.fit(*case.pair(), epochs=2, callbacks=[Anneal(what, values)], **options)
    killed.save(tmp_path / "model.keras")
    resumed = keras.saving.load_model(tmp_path / "model.keras")
    assert getattr(resumed, what) == values[1]
    resumed.fit(*case.pair(), initial_epoch=2, epochs=4, callbacks=[Anneal(what, values)], **options)
    for one, other in zip(unbroken.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_control_a_number_in_the_trace_is_not_heard():
    """What every weight was in version 0.1.0, and is where a class reads a plain attribute."""

    class Deaf(kg.VAE):
        def kl_weight(self, training):
            return self.setting("beta")

    model = Deaf(SHAPE, 3, beta=0.5, **dense(3))
    model.compile(keras.optimizers.SGD(1e-3), jit_compile=False)
    history = model.fit(IMAGES, epochs=2, verbose=0, callbacks=[Anneal("beta", [0.5, 10.0])]).history
    assert weight_of(history, 1, "kl_loss", {"reconstruction_loss": 1}) == pytest.approx(0.5, rel=1e-3)


def test_what_cannot_change_says_so():
    model = CASES["vae"].model()
    for name, value in (("latent_dim", 7), ("data_shape", (4, 4, 1)), ("likelihood", "gaussian"), ("seed", 3)):
        with pytest.raises(AttributeError, match=f"`{name}` of VAE cannot be changed.*`beta`.*Received: {name}="):
            setattr(model, name, value)
    with pytest.raises(AttributeError, match="`num_classes` of ConditionalVAE cannot be changed"):
        CASES["conditional_vae"].model().num_classes = 3
    with pytest.raises(AttributeError, match="`loss` of GAN cannot be changed"):
        CASES["gan"].model().loss = "hinge"
    with pytest.raises(ValueError, match="`beta` must be a number of at least 0. Received: beta=-1"):
        model.beta = -1
    with pytest.raises(ValueError, match="Free bits belong to the bound 'elbo', the divergence 'kl' and a normal"):
        CASES["mixture_vae"].model().free_bits = 0.5
    with pytest.raises(ValueError, match="one of 0 must stay 0. Received: adversarial_weight=1.0"):
        kg.Pix2Pix(SHAPE, adversarial_weight=0.0).adversarial_weight = 1.0
    with pytest.raises(ValueError, match="settled at construction"):
        CASES["rbm"].model().rho = 0.1
    with pytest.raises(ValueError, match="`beta` must be a number of at least 0. Received: beta=<Variable"):
        kg.VAE(SHAPE, 2, beta=keras.Variable(1.0))
    with pytest.raises(ValueError, match="`beta` must be a number of at least 0. Received: beta=inf"):
        model.beta = math.inf
    with pytest.raises(ValueError, match="of 0 must stay 0. Received: adversarial_weight=0.0"):
        CASES["pix2pix"].model().adversarial_weight = 0.0
    with pytest.raises(ValueError, match="as many channels.*Received: identity_weight=5.0"):
        CASES["cyclegan"].model().identity_weight = 5.0
    assert model.beta == 0.5
    for value in (tf.constant(2.0), np.array(2.0), np.float32(2.0), np.int64(2)):  # as schedules give it
        model.beta = value
        assert model.beta == 2.0


def test_terms_that_cannot_be_minimised_are_sentences():
    def broken(term, watched=()):
        class Broken(kg.Autoencoder):
            def penalties(self, code, training):
                return {"extra": term(code)}

        Broken.watched = watched
        model = Broken(SHAPE, 3, **dense(3))
        model.compile(run_eagerly=True)
        return model

    for term in (lambda code: ops.mean(code), lambda code: code, lambda code: (code[:, 0], code[:, 0])):
        with pytest.raises(ValueError, match="A term must have one value for each example.*Received: 'extra'"):
            broken(term).fit(IMAGES, verbose=0)
    with pytest.raises(ValueError, match="needs a metric of that name.*Received: 'extra' in watched"):
        broken(lambda code: code[:, 0], ("extra",)).fit(IMAGES, verbose=0)


def test_only_what_a_trace_depends_on_is_traced_anew():
    model = CASES["vae"].model()
    model.fit(IMAGES, verbose=0)
    traced = model.train_function
    model.beta = 0.0
    model.fit(((IMAGES[:4],) for _ in range(2)), steps_per_epoch=2, verbose=0)
    assert model.train_function is traced
    model.free_bits = 1.0
    assert model.train_function is not traced


def test_scalars_count_on_two_devices_as_on_one():
    found = []
    for strategy in (tf.distribute.get_strategy(), testing.two_devices()):
        with strategy.scope():
            model = CASES["vae"].model()
        found.append(
            model.fit(IMAGES, batch_size=16, epochs=2, verbose=0, callbacks=[Anneal("beta", [0.0, 5.0])]).history
        )
    for history in found:
        weight = weight_of(history, 1, "kl_loss", {"reconstruction_loss": 1})
        assert weight == pytest.approx(5.0, rel=1e-3)


# === The number of examples, averages ===


def test_fit_knows_how_many_examples_there_are():
    model = CASES["autoencoder"].model()
    model.fit(IMAGES[:10], batch_size=4, verbose=0)
    assert model.num_examples == 10
    model.fit(tf.data.Dataset.from_tensor_slices(IMAGES).batch(4), verbose=0)
    assert model.num_examples == 16


@pytest.mark.parametrize("name", ["vae_conv_gaussian", "rbm", "deep_boltzmann_machine", "adversarial_autoencoder"])
def test_every_model_keeps_averages_for_its_samples(name, tmp_path):
    """a' = a + (1 - d) (w - a), in numpy; samples are those of a model that has the averages as its weights."""
    case = CASES[name]
    arguments = {**case.arguments(), "ema": 0.5}
    keras.utils.set_random_seed(0)
    model = case.cls(**arguments)
    model.compile(keras.optimizers.SGD(1e-2), run_eagerly=True)
    average = [np.array(weight) for weight in model.averaged_weights()]
    for step in range(3):
        model.train_on_batch(case.x[:4])
        share = max(0.5, 1 - (1 + step) / (10 + step))
        average = [a + share * (np.array(w) - a) for a, w in zip(average, model.averaged_weights(), strict=True)]
    for found, expected in zip(model.averages.weights, average, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)
    options = {"steps": 5} if hasattr(model, "walk") else {}
    before = model.get_weights()
    samples = model.sample(3, seed=1, **options)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    other = case.cls(**{**case.arguments(), "ema": None})
    for weight, value in zip(other.averaged_weights(), average, strict=True):
        weight.assign(value)
    np.testing.assert_allclose(samples, other.sample(3, seed=1, **options), atol=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(samples, loaded.sample(3, seed=1, **options), atol=1e-6)
    with model.using_averages():
        held = [np.array(weight) for weight in model.averaged_weights()]
    assert any(np.any(a != np.array(w)) for a, w in zip(held, model.averaged_weights(), strict=True))


def test_averages_of_frozen_networks_are_saved_too(tmp_path):
    model = kg.VAE(SHAPE, 3, ema=0.9, **dense(3))
    model.compile(keras.optimizers.SGD(1e-2))
    model.fit(IMAGES, verbose=0)
    model.encoder.trainable = False
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model.sample(2, seed=1), loaded.sample(2, seed=1))


def test_m2_is_given_the_averages_of_m1(tmp_path):
    m1 = kg.VAE(SHAPE, 3, ema=0.9, **dense(3))
    m1.compile(keras.optimizers.SGD(1e-2))
    m1.fit(IMAGES, epochs=3, verbose=0)
    arguments = {**CASES["semi_supervised_vae_on_features"].arguments(), "features": m1}
    m2 = kg.SemiSupervisedVAE(**arguments)
    codes = np.random.default_rng(0).standard_normal((3, 3)).astype("float32")
    np.testing.assert_allclose(m2.features.decode(codes), m1.decode(codes), atol=1e-6)
    m2.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        keras.saving.load_model(tmp_path / "model.keras").features.decode(codes), m2.features.decode(codes)
    )


def test_log_z_and_likelihood_are_those_of_the_averages():
    """sum_x exp(score(x)) / Z = 1 over all states: both by the same weights."""
    model = kg.RBM((4,), 3, ema=0.99)
    model.compile(keras.optimizers.SGD(1.0))
    model.fit(np.tile(np.eye(4, dtype="float32"), (30, 1)), batch_size=4, verbose=0)
    states = np.array([[i >> j & 1 for j in range(4)] for i in range(16)], "float32")
    total = np.exp(model.score(states) - kg.evaluation.exact_log_partition(model)).sum()
    assert total == pytest.approx(1.0, rel=1e-4)
    raw = np.exp(-np.asarray(model(states)) - kg.evaluation.exact_log_partition(model)).sum()
    assert abs(raw - 1) > 1e-3


def test_the_average_of_a_mixture_begins_where_it_was_fitted():
    model = kg.MixtureVAE(SHAPE, 2, num_components=3, pretraining_epochs=1, ema=0.9999, **dense(2))
    model.compile(keras.optimizers.SGD(1e-3))
    model.fit(IMAGES, epochs=2, verbose=0)
    with model.using_averages():
        means = np.array(model.code_prior.means)
    np.testing.assert_allclose(means, model.code_prior.means, atol=0.05)


def test_phases_in_epochs_and_in_steps_together():
    """The schedule of a `fit` is asked with its epochs; afterwards the steps alone tell."""

    class Rests(kg.Autoencoder):
        def phases(self, epochs):
            return (
                Phase("rest", (), until_epoch=1),
                Phase("start", (), until_step=2 * epochs),
            )

    model = Rests(SHAPE, 3, **dense(3))
    model.compile(keras.optimizers.SGD(1e-2))
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            seen.append(self.model.phase.name)

    model.fit(IMAGES, batch_size=8, epochs=4, verbose=0, callbacks=[Watch()])
    assert seen == ["rest"] * 2 + ["start"] * 6
    model.default_optimizers(decay_steps=10)


# === Replicas ===


def test_gather_is_the_whole_batch_and_differentiable():
    """Each replica takes its share of sum_ij v_i v_j, whose gradient is 2 sum_j v_j for each."""
    values = tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])

    def on_one(part):
        with distribution.global_batch(part), tf.GradientTape() as tape:
            tape.watch(part)
            together = distribution.gather(part)
            loss = ops.sum(part @ tf.transpose(together))
        return together, tape.gradient(loss, part)

    for sizes in ((3, 1), (4, 0)):
        runs = [functools.partial(on_one, part) for part in tf.split(values, sizes)]
        (one, first), (other, second) = testing.replicas.run(*runs)
        np.testing.assert_array_equal(one, values)
        np.testing.assert_array_equal(other, values)
        np.testing.assert_allclose(np.concatenate([first, second]), np.tile(2 * np.sum(values, axis=0), (4, 1)))


def test_noise_may_be_shared_by_all_replicas():
    model = CASES["vae"].model()

    def draws():
        return [distribution.normal((3,), model.key("x", True, shared=shared)).numpy() for shared in (True, False)]

    (one_shared, one), (other_shared, other) = testing.replicas.run(draws, draws)
    np.testing.assert_array_equal(one_shared, other_shared)
    assert not np.any(one == other)


@pytest.mark.parametrize(
    ("name", "broken"),
    [("share_of_mean", tf.reduce_mean), ("global_mean", lambda values: tf.reduce_mean(values, axis=0))],
)
def test_control_local_means_are_noticed_by_threads(name, broken, monkeypatch):
    monkeypatch.setattr(distribution, name, broken)
    with pytest.raises(AssertionError, match="of one replica and of two"):
        testing.CHECKS["replicas"](CASES["sparse"])


def test_replicas_that_wait_in_vain_are_noticed(monkeypatch):
    barrier = testing.replicas.threading.Barrier
    monkeypatch.setattr(testing.replicas.threading, "Barrier", lambda count, timeout: barrier(count, timeout=0.5))
    with pytest.raises(AssertionError, match="waited in vain"):
        testing.replicas.run(lambda: distribution.cross_replica_sum(tf.constant(1.0)), lambda: None)
