"""What is each autoencoder's own, against closed forms, finite differences and independent libraries."""

import itertools
import warnings
from unittest import mock

import keras
import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf
from sklearn.decomposition import PCA
from zoo import IMAGES, LABELS, SHAPE, VECTORS, ZOO, conv, dense, pool

import keras_gen as kg
from keras_gen import testing
from keras_gen.core import distribution

BATCH = tf.constant(IMAGES[:6])


def built(cls, data_shape=SHAPE, **arguments):
    keras.utils.set_random_seed(0)
    model = cls(data_shape, **arguments)
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False, steps_per_execution=1)
    return model


def case(name):
    return next(case for case in ZOO if case.name == name)


# === Linear ===


@pytest.mark.parametrize("tied", [True, False])
def test_the_linear_autoencoder_is_principal_component_analysis(tied):
    train, test = (kg.data.stack(kg.data.load("digits", split, shuffle=False)) for split in ("train", "test"))
    pca = PCA(10).fit(train.reshape(len(train), -1))
    error = np.sum(
        (pca.inverse_transform(pca.transform(test.reshape(len(test), -1))) - test.reshape(len(test), -1)) ** 2
    )
    model = kg.LinearAutoencoder((8, 8, 1), latent_dim=10, tied=tied)
    steps = 80 * 23
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-2, steps)))
    model.fit(np.tile(train, (8, 1, 1, 1)), batch_size=64, epochs=10, verbose=0)  # an epoch costs as much as 20 steps
    assert -model.score(test).sum() == pytest.approx(error, rel=0.01)
    angles = scipy.linalg.subspace_angles(model.components.T, pca.components_.T)
    assert np.degrees(angles.max()) < 10
    np.testing.assert_allclose(model.components @ model.components.T, np.eye(10), atol=1e-5)


def test_the_linear_autoencoder_at_the_principal_components_cannot_be_bettered():
    """At PCA's own solution the gradient is zero."""
    model = kg.LinearAutoencoder((6,), latent_dim=2)
    pca = PCA(2).fit(VECTORS)
    model.offset.assign(pca.mean_)
    model.analysis.assign(pca.components_.T)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(model.terms(VECTORS, None, training=False)["reconstruction_loss"])
    for gradient in tape.gradient(loss, model.trainable_variables):
        np.testing.assert_allclose(gradient, 0, atol=1e-4)


def test_linear_codes_are_centred():
    model = kg.LinearAutoencoder((6,), latent_dim=2)
    model.compile("adam", jit_compile=False, steps_per_execution=1)
    model.fit(VECTORS, batch_size=5, epochs=2, verbose=0)
    np.testing.assert_allclose(model.offset, VECTORS.mean(0), rtol=1e-5)
    np.testing.assert_allclose(model.encode(VECTORS).mean(0), 0, atol=1e-4)


def test_a_linear_code_is_not_larger_than_the_data():
    with pytest.raises(ValueError, match="at most 6.*Received: latent_dim=7"):
        kg.LinearAutoencoder((6,), 7)


# === Sparse ===


def penalty_and_gradient(model, code):
    with tf.GradientTape() as tape:
        tape.watch(code)
        term = model.penalties(code, training=True)["sparsity_loss"]
        loss = model.beta * tf.reduce_mean(term)
    return loss.numpy(), tape.gradient(loss, code).numpy()


def test_the_gradient_of_the_kl_penalty_is_the_courses_formula():
    rho, beta = 0.1, 3.0
    model = built(kg.SparseAutoencoder, latent_dim=4, rho=rho, beta=beta)
    code = np.random.default_rng(0).uniform(0.01, 0.99, (6, 4)).astype("float32")
    rho_hat = code.mean(0)
    penalty, gradient = penalty_and_gradient(model, tf.constant(code))
    kl = rho * np.log(rho / rho_hat) + (1 - rho) * np.log((1 - rho) / (1 - rho_hat))
    assert penalty == pytest.approx(beta * kl.sum(), rel=1e-5)
    correction = beta * (-rho / rho_hat + (1 - rho) / (1 - rho_hat))
    np.testing.assert_allclose(gradient, np.broadcast_to(correction / 6, (6, 4)), rtol=1e-4)


def test_the_loss_is_that_of_the_course():
    model = built(kg.SparseAutoencoder, latent_dim=4, rho=0.2, beta=0.7)
    figures = model.evaluate(IMAGES, batch_size=16, verbose=0, return_dict=True)
    w1, b1 = model.code.get_weights()
    w2, b2 = model.image.get_weights()
    x = IMAGES.reshape(16, -1).astype("float64")
    a = 1 / (1 + np.exp(-(x @ w1 + b1)))
    out = 1 / (1 + np.exp(-(a @ w2 + b2)))
    rho_hat = a.mean(0)
    kl = np.sum(0.2 * np.log(0.2 / rho_hat) + 0.8 * np.log(0.8 / (1 - rho_hat)))
    reconstruction = 0.5 * np.sum((out - x) ** 2, 1).mean()
    assert figures["reconstruction_loss"] == pytest.approx(reconstruction, rel=1e-4)
    assert figures["sparsity_loss"] == pytest.approx(kl, rel=1e-4)
    assert figures["loss"] == pytest.approx(reconstruction + 0.7 * kl, rel=1e-4)
    assert figures["mean_activation"] == pytest.approx(a.mean(), rel=1e-4)


def test_the_penalty_of_an_evaluation_does_not_depend_on_the_batches():
    """KL is convex: its mean over batches of one, of a unit that is on or off, is far larger than that of them all."""
    model = built(kg.SparseAutoencoder, latent_dim=4, rho=0.2, beta=0.7)
    kernel, bias = model.code.get_weights()
    model.code.set_weights([kernel * 40, bias])
    figures = [model.evaluate(IMAGES, batch_size=size, verbose=0, return_dict=True) for size in (16, 5, 1)]
    assert figures[0] == pytest.approx(figures[1], rel=1e-4)
    assert figures[0] == pytest.approx(figures[2], rel=1e-4)
    history = model.fit(IMAGES, batch_size=16, verbose=0, validation_data=(IMAGES,), validation_batch_size=3).history
    after = model.evaluate(IMAGES, batch_size=16, verbose=0, return_dict=True)
    for name, value in after.items():
        assert history[f"val_{name}"][0] == pytest.approx(value, rel=1e-4)


def test_inference_leaves_the_figures_alone():
    for model in (built(kg.SparseAutoencoder, latent_dim=4), built(kg.VAE, latent_dim=2, **dense(2))):
        model.fit(IMAGES, verbose=0)
        before = [float(metric.result()) for metric in model.metrics if metric.name != "unit_means"]
        model.predict(IMAGES, verbose=0)
        model(IMAGES)
        assert before == [float(metric.result()) for metric in model.metrics if metric.name != "unit_means"]


def test_the_l1_penalty_is_that_of_the_laplace_prior():
    model = built(kg.SparseAutoencoder, latent_dim=4, penalty="l1", beta=0.5, code_activation="linear")
    code = np.random.default_rng(0).standard_normal((6, 4)).astype("float32")
    penalty, gradient = penalty_and_gradient(model, tf.constant(code))
    log_prior = scipy.stats.laplace(scale=1 / 0.5).logpdf(code).sum(1).mean()
    assert penalty - 4 * np.log(0.5 / 2) == pytest.approx(-log_prior, rel=1e-5)
    np.testing.assert_allclose(gradient, 0.5 * np.sign(code) / 6, rtol=1e-5)


def test_the_moving_average_takes_the_value_and_keeps_the_gradient():
    model = built(kg.SparseAutoencoder, latent_dim=2, rho=0.1, beta=1.0, momentum=0.9)
    rng = np.random.default_rng(0)
    average = np.zeros(2)
    for step in range(4):
        code = rng.uniform(0.2, 0.8, (3, 2)).astype("float32")
        momentum = min(0.9, step / (step + 1))
        average = momentum * average + (1 - momentum) * code.mean(0)
        _, gradient = penalty_and_gradient(model, tf.constant(code))
        np.testing.assert_allclose(model.rho_hat, average, rtol=1e-5)
        np.testing.assert_allclose(gradient[0], (-0.1 / average + 0.9 / (1 - average)) / 3, rtol=1e-4)
        model.step.assign_add(1)


def test_training_brings_the_mean_activation_to_rho_and_tells_dead_units():
    model = built(kg.SparseAutoencoder, latent_dim=9, rho=0.1, beta=20.0)
    history = model.fit(np.tile(IMAGES, (10, 1, 1, 1)), epochs=10, batch_size=16, verbose=0).history
    assert abs(history["mean_activation"][-1] - 0.1) < 0.03
    assert history["sparsity_loss"][-1] < 0.2 < history["sparsity_loss"][0]
    kernel, bias = model.code.get_weights()
    kernel[:, :3], bias[:3] = 0, -30  # three units that are never on
    model.code.set_weights([kernel, bias])
    alive = np.mean(model.encode(IMAGES).var(0) > 1e-4)
    dead = model.evaluate(IMAGES, verbose=0, return_dict=True)["dead_units"]
    assert dead == pytest.approx(1 - alive)
    assert dead > 0.3


def test_control_a_penalty_of_local_means_is_noticed():
    """Without the mean over all devices, two devices train another model than one."""
    with (
        mock.patch.object(distribution, "global_mean", lambda values: tf.reduce_mean(values, axis=0)),
        pytest.raises(AssertionError, match="weights of one and of two devices"),
    ):
        testing.CHECKS["two_devices"](case("sparse"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"rho": 0.0}, "`rho` must be a number between 0 and 1, neither of them included. Received: rho=0.0"),
        ({"rho": 1.0}, "rho=1.0"),
        ({"beta": -1.0}, "beta=-1.0"),
        ({"penalty": "l2"}, "penalty='l2'"),
        ({"momentum": 1.0}, "momentum=1.0"),
        ({"code_activation": "relu"}, "must lie in \\[0, 1\\].*code_activation='relu'"),
        ({"code_activation": "tanh"}, "code_activation='tanh'"),
        ({"code_activation": "no_such"}, "name of an activation.*'no_such'"),
    ],
)
def test_wrong_arguments_of_the_sparse_autoencoder(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        kg.SparseAutoencoder(SHAPE, 4, **arguments)


# === Denoising ===


def test_validation_is_denoising_with_the_same_noise_each_time():
    model = built(kg.DenoisingAutoencoder, latent_dim=3, level=0.5, seed=3, **dense(3))
    figures = [model.evaluate(IMAGES, batch_size=size, verbose=0, return_dict=True)["loss"] for size in (16, 16, 5)]
    assert figures[0] == figures[1] == pytest.approx(figures[2], rel=1e-5)
    noise = np.random.default_rng(3).standard_normal((4, *SHAPE))
    by_hand = np.mean([-_score(model, np.clip(IMAGES + 0.5 * draw, 0, 1), IMAGES) for draw in noise])
    assert figures[0] == pytest.approx(by_hand, rel=1e-5)


def _score(model, noisy, clean):
    return -kg.losses.bernoulli(clean, np.asarray(model.denoise(noisy.astype("float32"))))


def test_denoising_brings_noisy_images_closer_to_the_clean():
    train, test = (kg.data.stack(kg.data.load("digits", split, shuffle=False)) for split in ("train", "test"))
    model = kg.DenoisingAutoencoder((8, 8, 1), latent_dim=32, level=0.4)
    model.compile("adam")
    model.fit(np.tile(train, (5, 1, 1, 1)), batch_size=64, epochs=4, verbose=0)
    noisy = model.corrupt(test, seed=1)
    assert kg.evaluation.psnr(test, model.denoise(noisy)) > kg.evaluation.psnr(test, noisy) + 3
    np.testing.assert_array_equal(noisy, model.corrupt(test, seed=1))
    assert np.any(noisy != model.corrupt(test, seed=2))


def test_given_pairs():
    model = built(kg.DenoisingAutoencoder, latent_dim=3, corruption="given", **dense(3))
    noisy = np.clip(IMAGES + 0.3 * np.random.default_rng(0).standard_normal(IMAGES.shape), 0, 1).astype("float32")
    many = (np.tile(part, (10, 1, 1, 1)) for part in (noisy, IMAGES))
    history = model.fit(*many, epochs=3, batch_size=4, verbose=0, validation_data=(noisy, IMAGES)).history
    assert history["val_loss"][-1] == pytest.approx(-_score(model, noisy, IMAGES).numpy().mean(), rel=1e-4)
    assert history["val_loss"][-1] < history["val_loss"][0]
    pairs = tf.data.Dataset.from_tensor_slices((noisy, IMAGES)).batch(4)
    assert np.isfinite(model.fit(pairs, verbose=0).history["loss"]).all()
    step = int(model.step)
    for wrong in (None, LABELS, list(IMAGES[..., 0])):
        with pytest.raises(ValueError, match=r"fit\(noisy, clean\).*must have the shape .*Received: "):
            model.fit(noisy, wrong)
        with pytest.raises(ValueError, match=r"fit\(noisy, clean\).*must have the shape .*Received: "):
            model.fit(noisy, IMAGES, validation_data=(noisy, wrong))
    with pytest.raises(ValueError, match=r"values in \[0, 1\]"):
        model.fit(noisy, IMAGES * 255)
    assert model.step == step
    model.fit(noisy, (IMAGES * 255).astype("uint8"), verbose=0)  # gray levels are scaled
    report = kg.evaluation.report(model, pairs)
    assert report["psnr"] == pytest.approx(kg.evaluation.psnr(IMAGES, model.denoise(noisy)), abs=0.01)
    with pytest.raises(ValueError, match="does not know"):
        model.corrupt(IMAGES)


@pytest.mark.parametrize(
    ("corruption", "level"), [("masking", 1.5), ("salt_pepper", -0.1), ("gaussian", -1.0), ("blur", 0.1)]
)
def test_wrong_corruptions(corruption, level):
    with pytest.raises(ValueError, match=f"Received: .*({level}|blur)"):
        kg.DenoisingAutoencoder(SHAPE, 3, corruption=corruption, level=level)


# === Contractive ===


def exact_norms(model, x, step=1e-3):
    """|J|_F^2 by central differences, in float64 sums of float32 codes."""
    flat = np.asarray(x).reshape(len(x), -1)
    total = np.zeros(len(x))
    for i in range(flat.shape[1]):
        moved = [flat.copy(), flat.copy()]
        moved[0][:, i] += step
        moved[1][:, i] -= step
        codes = [np.asarray(model.code(model.encoder(part.reshape(np.shape(x)))), "float64") for part in moved]
        total += np.sum(((codes[0] - codes[1]) / (2 * step)) ** 2, axis=1)
    return total


def penalty(model, training=False):
    """|J|_F^2 of BATCH as the model minimises it."""
    return model.terms(BATCH, None, training)["contractive_loss"].numpy()


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "linear"])
def test_the_closed_form_is_the_norm_of_the_jacobian(activation):
    model = built(kg.ContractiveAutoencoder, latent_dim=5, code_activation=activation)
    np.testing.assert_allclose(penalty(model), exact_norms(model, BATCH), rtol=2e-3)
    np.testing.assert_allclose(penalty(model), kg.evaluation.jacobian_norm(model, IMAGES[:6]) ** 2, rtol=1e-4)


def test_the_estimate_of_a_deep_encoder_is_unbiased():
    model = built(kg.ContractiveAutoencoder, latent_dim=3, num_projections=400, **dense(3), code_activation="tanh")
    exact = kg.evaluation.jacobian_norm(model, IMAGES[:6], batch_size=4) ** 2
    np.testing.assert_allclose(exact, exact_norms(model, BATCH), rtol=5e-3)
    estimate = penalty(model, training=True)
    assert np.all(np.abs(estimate / exact - 1) < 0.2)
    assert abs(estimate.sum() / exact.sum() - 1) < 0.05
    np.testing.assert_array_equal(penalty(model), penalty(model))
    first = penalty(model, training=True)
    model.step.assign_add(1)
    assert np.any(first != penalty(model, training=True))


def test_a_users_regularizer_counts_once_beside_the_projections():
    def body():
        data = keras.Input(SHAPE)
        x = keras.layers.Dense(4, activity_regularizer=keras.regularizers.L2(1.0))(keras.layers.Flatten()(data))
        keras.utils.set_random_seed(0)
        return keras.Model(data, x)

    losses = []
    for cls, options in ((kg.Autoencoder, {}), (kg.ContractiveAutoencoder, {"weight": 0.0, "num_projections": 3})):
        encoder = body()
        encoder.set_weights([np.full_like(w, 0.1) for w in encoder.get_weights()])
        model = built(cls, latent_dim=3, encoder=encoder, decoder="shallow", **options)
        figures = model.evaluate(IMAGES, batch_size=16, verbose=0, return_dict=True)
        losses.append(figures["loss"] - figures["reconstruction_loss"])
    assert losses[0] > 0.1
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


@pytest.mark.parametrize("networks", [dict, lambda: {**dense(3), "code_activation": "tanh"}], ids=["shallow", "deep"])
def test_the_penalty_contracts(networks):
    norms = []
    for weight in (0.0, 10.0):
        keras.utils.set_random_seed(0)  # networks made anew from the same seed, not when tests are collected
        model = built(kg.ContractiveAutoencoder, latent_dim=3, weight=weight, **networks())
        model.fit(np.tile(IMAGES, (100, 1, 1, 1)), batch_size=16, verbose=0)
        norms.append(kg.evaluation.jacobian_norm(model, IMAGES).mean())
    assert norms[1] < 0.8 * norms[0]


def test_a_negative_weight_is_refused():
    with pytest.raises(ValueError, match="weight=-1"):
        kg.ContractiveAutoencoder(SHAPE, 3, weight=-1)


# === Pooling and tied networks ===


def test_pooling_decoders_use_the_switches_and_decode_does_without():
    model = built(kg.Autoencoder, latent_dim=3, **pool(3))
    model.fit(np.tile(IMAGES, (150, 1, 1, 1)), batch_size=16, verbose=0)
    with_switches, without = model.reconstruct(IMAGES), model.decode(model.encode(IMAGES))
    np.testing.assert_allclose(with_switches, model.predict(IMAGES, verbose=0), atol=1e-6)
    assert kg.evaluation.psnr(IMAGES, with_switches) > kg.evaluation.psnr(IMAGES, without) + 1
    assert without.shape == IMAGES.shape


@pytest.mark.parametrize("decoder", ["pool", "conv", "dense"])
def test_pooling_networks_of_odd_sizes_by_name(decoder):
    model = built(kg.Autoencoder, (11, 14, 3), latent_dim=3, encoder="pool", decoder=decoder)
    x = np.random.default_rng(0).random((2, 11, 14, 3)).astype("float32")
    assert model.reconstruct(x).shape == x.shape
    assert model.decode(model.encode(x)).shape == x.shape


def test_unpooling_needs_switches():
    for make in (
        lambda: kg.Autoencoder(SHAPE, 3, encoder="dense", decoder="pool"),
        lambda: kg.Autoencoder(SHAPE, 3, encoder=pool(3)["encoder"], decoder="pool"),
        lambda: kg.VAE(SHAPE, 3, **pool(3)),
    ):
        with pytest.raises(ValueError, match="unpools by the switches"):
            make()
    with pytest.raises(ValueError, match="'recurrent', or a keras.Model.*decoder='pool'"):
        kg.VAE(SHAPE, 3, encoder="pool", decoder="pool")
    assert kg.VAE(SHAPE, 3, encoder="pool", decoder="conv").encode(IMAGES).shape == (16, 3)


def test_tied_weights_are_the_encoders_own(tmp_path):
    model = built(kg.Autoencoder, latent_dim=3, encoder=dense(3)["encoder"], decoder="tied", code_activation="sigmoid")
    model.fit(IMAGES, epochs=2, batch_size=4, verbose=0)
    model.save(tmp_path / "tied.keras")
    loaded = keras.saving.load_model(tmp_path / "tied.keras")
    loaded.fit(IMAGES, epochs=2, batch_size=4, verbose=0)
    for tied in (model, loaded):
        kernels = [layer.kernel.numpy() for layer in (tied.code, tied.encoder.get_layer("dense_0"))]
        biases = [tied.decoder.get_layer(name).bias.numpy() for name in ("tied_0", "tied_to_data")]
        z = tied.encode(IMAGES)
        hidden = np.maximum(z @ kernels[0].T + biases[0], 0)
        logits = hidden @ kernels[1].T + biases[1]
        np.testing.assert_allclose(tied.decode(z), (1 / (1 + np.exp(-logits))).reshape(IMAGES.shape), atol=1e-5)
    assert model.count_params() == 64 * 8 + 8 + 8 * 3 + 3 + 8 + 64 + 1


def test_tied_weights_need_dense_layers_of_equal_shapes():
    with pytest.raises(ValueError, match="dense layers only.*conv_0"):
        kg.Autoencoder(SHAPE, 3, encoder=conv(3)["encoder"], decoder="tied")
    other = kg.Autoencoder(SHAPE, 3, encoder=dense(3, width=9)["encoder"], decoder="tied").decoder
    with pytest.raises(ValueError, match=r"equal shapes.*\(9, 3\).*Received: code.*\(8, 3\)"):
        kg.Autoencoder(SHAPE, 3, encoder=dense(3)["encoder"], decoder=other)
    with pytest.raises(ValueError, match="equal shapes.*2 tied layers"):
        kg.Autoencoder(SHAPE, 3, encoder="shallow", decoder=other)


# === Stacking ===


@pytest.mark.parametrize("decoder", ["shallow", "tied"])
def test_a_stack_is_the_composition_of_its_models(decoder):
    below = built(kg.SparseAutoencoder, latent_dim=9, decoder=decoder, likelihood="bernoulli")
    above = built(kg.DenoisingAutoencoder, (9,), latent_dim=4, encoder="shallow", decoder=decoder)
    before = above.get_weights()
    deep = kg.training.stack([below, above], IMAGES, epochs=2, batch_size=4, verbose=0)
    assert np.any(before[-1] != above.get_weights()[-1])
    codes = above.encode(below.encode(IMAGES))
    np.testing.assert_allclose(deep.encode(IMAGES), codes, atol=1e-6)
    np.testing.assert_allclose(deep.decode(codes), below.decode(above.decode(codes)), atol=1e-6)
    deep.compile("sgd")
    assert np.isfinite(deep.fit(IMAGES, verbose=0).history["loss"]).all()
    assert np.any(deep.encode(IMAGES) != codes)  # the copies train
    np.testing.assert_array_equal(above.encode(below.encode(IMAGES)), codes)  # and the originals stay


def test_a_square_layer_has_a_decoder():
    """A code as large as the data is not mistaken for an image."""
    model = built(kg.SparseAutoencoder, (9,), latent_dim=9, likelihood="gaussian")
    assert [w.shape for w in model.trainable_weights] == [(9, 9), (9,), (9, 9), (9,)]
    vae = kg.VAE((8,), 2, likelihood="gaussian", **dense(2, (8,)))  # its last hidden layer is as large as the data
    assert vae.decode(np.random.default_rng(0).normal(size=(50, 2)).astype("float32")).min() < 0


def test_whole_decoders_are_passed_through_and_kept_in_range():
    def whole(activation, name=None, shape=(6,)):
        code = keras.Input((2,))
        x = keras.layers.Dense(6, activation, name=name)(code)
        return keras.Model(code, keras.layers.Reshape(shape)(x) if len(shape) == 3 else x)

    named = kg.Autoencoder((6,), 2, likelihood="gaussian", encoder="dense", decoder=whole(None, "image"))
    assert not named.image.weights
    unnamed = kg.Autoencoder((6,), 2, likelihood="gaussian", encoder="dense", decoder=whole(None))
    assert unnamed.image.weights
    images = kg.Autoencoder((2, 3, 1), 2, encoder="dense", decoder=whole("sigmoid", shape=(2, 3, 1)))
    assert not images.image.weights
    with pytest.raises(ValueError, match=r"must keep them in \[0, 1\].*Received"):
        kg.Autoencoder((2, 3, 1), 2, encoder="dense", decoder=whole(None, shape=(2, 3, 1)))


@pytest.mark.extended
def test_pretrain_then_fine_tune_on_labels(tmp_path):
    x, y = kg.data.stack(kg.data.load("digits", labels=True))
    test, labels = kg.data.stack(kg.data.load("digits", "test", labels=True))
    models = [
        kg.SparseAutoencoder((8, 8, 1), 64, rho=0.1, likelihood="bernoulli"),
        kg.SparseAutoencoder((64,), 64, rho=0.1, likelihood="bernoulli"),
    ]
    deep = kg.training.stack(models, kg.data.load("digits"), epochs=5, verbose=0)
    weights = deep.get_weights()
    classifier = deep.as_classifier(10)
    classifier.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    classifier.fit(x, y, epochs=60, batch_size=64, verbose=0)
    accuracy = classifier.evaluate(test, labels, verbose=0)[1]
    assert accuracy > 0.93
    for before, after in zip(weights, deep.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    classifier.save(tmp_path / "classifier.keras")
    again = keras.saving.load_model(tmp_path / "classifier.keras")
    np.testing.assert_allclose(again.predict(test, verbose=0), classifier.predict(test, verbose=0), atol=1e-6)


def test_what_cannot_be_stacked():
    below = kg.Autoencoder(SHAPE, 3, **dense(3))
    for models, words in (
        ([], "at least one"),
        ([below, below], r"data_shape=\(3,\).*Received: data_shape=\(8, 8, 1\)"),
        ([kg.VAE(SHAPE, 2)], r"models\[0\]=VAE"),
        ([below, kg.Autoencoder((3,), 2)], r"models\[1\] describes data in \[0, 1\].*code_activation='linear'"),
        ([kg.Autoencoder(SHAPE, 3, **pool(3))], "unpool"),
    ):
        with pytest.raises(ValueError, match=words):
            kg.training.stack(models, IMAGES)
    with pytest.raises(ValueError, match="num_classes=1"):
        below.as_classifier(1)


# === Source separation ===


@pytest.mark.parametrize("sources", [2, 3])
def test_the_loss_is_that_of_the_best_permutation(sources):
    model = built(kg.SourceSeparator, num_sources=sources, latent_dim=2 * sources, **dense(2 * sources, part=2))
    mixtures, truth = model.mix(IMAGES)
    np.testing.assert_allclose(mixtures, truth.mean(1), atol=1e-6)
    estimates = model.separate(mixtures)
    orders = list(itertools.permutations(range(sources)))
    errors = [np.sum((truth[:, order] - estimates) ** 2, axis=(1, 2, 3, 4)) / sources for order in orders]
    figures = model.evaluate(mixtures, truth, batch_size=16, verbose=0, return_dict=True)
    assert figures["reconstruction_loss"] == pytest.approx(np.min(errors, axis=0).mean(), rel=1e-4)
    for order in orders:
        given = model.evaluate(mixtures, truth[:, order], batch_size=16, verbose=0, return_dict=True)
        assert given == pytest.approx(figures, rel=1e-4)
        matched = model.match(truth[:, order], tf.constant(np.asarray(truth)))
        np.testing.assert_allclose(matched, truth)


def test_evaluation_does_not_depend_on_the_batches():
    model = built(kg.SourceSeparator, latent_dim=4, **dense(4, part=2))
    arrays = [model.evaluate(IMAGES, batch_size=size, verbose=0, return_dict=True) for size in (16, 5)]
    dataset = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(3)
    for other in (arrays[1], model.evaluate(dataset, verbose=0, return_dict=True)):
        assert other == pytest.approx(arrays[0], rel=1e-4)
    assert arrays[0]["si_sdr_of_mixture"] < 30  # no image is mixed with itself
    model.compile("adam", jit_compile=False, steps_per_execution=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # Keras warns of datasets of unknown size
        model.fit(dataset, epochs=2, validation_data=dataset, verbose=0)


def test_wrong_sources_are_refused():
    model = built(kg.SourceSeparator, latent_dim=4, **dense(4, part=2))
    mixtures, sources = model.mix(IMAGES)
    for wrong, words in (
        (sources[:, :1], "mixtures and their sources"),
        (sources[..., 0], "mixtures and their sources"),
        ([sources[:, 0], sources[:, 1]], "mixtures and their sources.*Received: shape=.2, 16, 8, 8, 1."),
        (sources * 255, r"values in \[0, 1\]"),
        (sources * np.nan, "finite"),
    ):
        with pytest.raises(ValueError, match=words):
            model.fit(mixtures, wrong, verbose=0)
        with pytest.raises(ValueError, match=words):
            model.fit(IMAGES, validation_data=(mixtures, wrong), verbose=0)
    with pytest.raises(ValueError, match="takes 2 images. Received: 1"):
        model.mix(IMAGES[:1])
    history = model.fit(mixtures, sources, validation_split=0.25, verbose=0).history
    assert np.isfinite(history["val_loss"]).all()
    pairs = tf.data.Dataset.from_tensor_slices((mixtures, sources)).batch(4)
    assert np.isfinite(model.fit(pairs, validation_data=pairs, verbose=0).history["val_loss"]).all()


@pytest.mark.extended
def test_separation_is_measured_and_learned():
    model = built(kg.SourceSeparator, latent_dim=16, **dense(16, width=64, part=8))
    history = model.fit(IMAGES, epochs=150, batch_size=16, verbose=0, validation_data=(IMAGES,)).history
    mixtures, truth = model.mix(IMAGES)
    estimates = model.separate(mixtures)
    matched = np.asarray(model.match(truth, np.asarray(estimates)))
    by_hand = kg.losses.si_sdr(matched.reshape(-1, *SHAPE), np.asarray(estimates).reshape(-1, *SHAPE)).numpy().mean()
    figures = model.evaluate(mixtures, truth, batch_size=16, verbose=0, return_dict=True)
    assert figures["si_sdr"] == pytest.approx(by_hand, abs=1e-2)
    assert figures["si_sdr"] > figures["si_sdr_of_mixture"] + 3
    assert history["val_si_sdr"][-1] > history["val_si_sdr"][0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"num_sources": 1}, "num_sources=1"),
        ({"num_sources": 6, "latent_dim": 6}, "num_sources=6"),
        ({"latent_dim": 5}, "multiple.*latent_dim=5"),
        ({"latent_dim": 4.0}, "whole number.*latent_dim=4.0"),
    ],
)
def test_wrong_arguments_of_the_separator(arguments, words):
    with pytest.raises(ValueError, match=words):
        kg.SourceSeparator(SHAPE, **arguments)


# === Filters ===


def test_filters_are_the_weights_of_the_first_layer():
    model = kg.SparseAutoencoder(SHAPE, 5)
    images = kg.tasks.filters(model)
    assert images.shape == (5, *SHAPE)
    kernel = model.code.get_weights()[0]
    np.testing.assert_allclose(images[2].ravel(), 0.5 + 0.5 * kernel[:, 2] / np.abs(kernel[:, 2]).max(), atol=1e-6)
    assert kg.tasks.filters(kg.LinearAutoencoder(SHAPE, 4), count=3).shape == (3, *SHAPE)
    with pytest.raises(ValueError, match="first layer is dense"):
        kg.tasks.filters(kg.Autoencoder(SHAPE, 3, **conv(3)))
