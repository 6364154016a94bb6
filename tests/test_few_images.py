"""Adversarial networks of few images: augmentation, R1, spectral normalisation, residual bodies. Ten seconds."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from zoo import IMAGES, LABELS, SHAPE, few

import keras_gen as kg
from keras_gen.layers import NUM_DRAWS, SpectralConv2D, SpectralDense, diff_augment


def compiled(**arguments):
    model = kg.GAN(**{"data_shape": SHAPE, "latent_dim": 2, **arguments})
    model.compile(jit_compile=False, steps_per_execution=1)
    return model


# === Augmentation ===


def by_hand(image, draws):
    """Zhao et al. 2020, one image at a time."""
    height, width, channels = image.shape
    brightness, saturation, contrast, down, right, top, left = draws
    x = image + 0.5 * (brightness - 0.5)
    if channels > 1:
        gray = x.mean(axis=-1, keepdims=True)
        x = gray + 2 * saturation * (x - gray)
    x = x.mean() + (0.5 + contrast) * (x - x.mean())
    moved = np.zeros_like(x)
    eighths, halves = ([int(side / part + 0.5) for side in (height, width)] for part in (8, 2))
    shift = [int(share * (2 * most + 1)) - most for share, most in zip((down, right), eighths, strict=True)]
    for i in range(height):
        for j in range(width):
            if 0 <= i - shift[0] < height and 0 <= j - shift[1] < width:
                moved[i, j] = x[i - shift[0], j - shift[1]]
    firsts = (
        int(share * (side + 1 - hole % 2)) - hole // 2
        for share, side, hole in zip((top, left), (height, width), halves, strict=True)
    )
    rows, columns = (range(first, first + hole) for first, hole in zip(firsts, halves, strict=True))
    for i in set(rows) & set(range(height)):
        for j in set(columns) & set(range(width)):
            moved[i, j] = 0
    return moved


@pytest.mark.parametrize("shape", [(8, 8, 1), (13, 20, 3)])
def test_augmentation_by_hand(shape):
    rng = np.random.default_rng(0)
    images, draws = rng.random((20, *shape), "float32"), rng.random((20, NUM_DRAWS), "float32")
    expected = np.stack([by_hand(image, draw) for image, draw in zip(images, draws, strict=True)])
    np.testing.assert_allclose(diff_augment(tf.constant(images), tf.constant(draws)), expected, atol=1e-5)


def test_gradients_flow_through_the_augmentation():
    """What is neither cut out nor shifted out counts once."""
    images = tf.constant(IMAGES[:4])
    draws = tf.constant(np.full((4, NUM_DRAWS), 0.5, "float32"))  # nothing but the hole in the middle
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(tf.square(diff_augment(images, draws)))
    gradient = tape.gradient(total, images).numpy()
    hole = np.zeros(SHAPE, bool)
    hole[2:6, 2:6] = True
    np.testing.assert_allclose(gradient, np.where(hole, 0, 2 * IMAGES[:4]), atol=1e-5)


def test_both_players_see_images_changed_and_an_evaluation_does_not():
    images = keras.Input(SHAPE)
    model = compiled(augment="diff", generator="dense", discriminator=keras.Model(images, layers.Flatten()(images)))
    seen, x, logits = [], tf.constant(IMAGES), model.logits
    model.logits = lambda features, labels=None: seen.append(tf.reshape(features, x.shape)) or logits(features)
    for training in (True, False):
        fakes = model.fakes(x, None, 0, training=training)
        model.d_terms(x, None, fakes, training)
        model.g_terms(x, None, fakes, training)
    real, fake, again, *evaluated = (part.numpy() for part in seen)
    assert np.abs(real - IMAGES).max(axis=(1, 2, 3)).min() > 0.1
    np.testing.assert_array_equal(fake, again)
    assert np.abs(fake - model.fakes(x, None, 0, training=True)[1].numpy()).max() > 0.1
    np.testing.assert_array_equal(evaluated[0], IMAGES)


def test_each_turn_has_changes_of_its_own():
    model = compiled(augment="diff", generator="dense", discriminator="dense")
    draws = [model.fakes(tf.constant(IMAGES), None, turn, training=True)[2] for turn in (0, 1)]
    kinds = [of_turn[f"{kind} changes"].numpy() for of_turn in draws for kind in ("real", "fake")]
    assert len({kind.tobytes() for kind in kinds}) == 4
    assert model.fakes(tf.constant(IMAGES), None, 0, training=False)[2] == {}


# === R1 ===


def test_r1_of_a_linear_critic_is_the_square_of_its_weights():
    inputs = keras.Input((6,))
    model = compiled(
        data_shape=(6,), r1=3.0, generator="dense", discriminator=keras.Model(inputs, layers.Dense(4)(inputs))
    )
    x = np.random.default_rng(0).standard_normal((5, 6)).astype("float32")
    terms = model.d_terms(tf.constant(x), None, model.fakes(tf.constant(x), None, 0, True), True)
    matrix = model.discriminator.layers[-1].kernel.numpy() @ model.critic.get_layer("value").kernel.numpy()
    np.testing.assert_allclose(terms["r1_penalty"], np.full(5, np.sum(matrix**2)), rtol=1e-5)
    assert float(model.term_weights(True)["r1_penalty"]) == 1.5
    model.r1 = 0.0
    assert "r1_penalty" not in model.d_terms(tf.constant(x), None, model.fakes(tf.constant(x), None, 0, True), True)


def test_r1_is_that_of_the_images_before_they_are_changed():
    """A critic that is linear in what it sees is affine in them: differences of its values are its slopes."""
    images = keras.Input(SHAPE)
    model = compiled(
        augment="diff", r1=1.0, generator="dense", discriminator=keras.Model(images, layers.Flatten()(images))
    )
    x = tf.constant(IMAGES[:1])
    latents, made, draws = model.fakes(x, None, 0, training=True)
    penalty = model.d_terms(x, None, (latents, made, draws), True)["r1_penalty"][0]
    pixels = np.eye(IMAGES[0].size, dtype="float32").reshape(-1, *SHAPE)
    seen = diff_augment(np.concatenate([x, x + pixels]), tf.repeat(draws["real changes"], 1 + len(pixels), axis=0))
    values = model.logits(model.discriminator(seen)).numpy()
    assert float(penalty) == pytest.approx(np.sum((values[1:] - values[0]) ** 2), rel=1e-3)


# === Spectral normalisation ===


def largest(layer):
    """The largest singular value of the matrix that a layer multiplies by."""
    kernel = np.asarray(layer.normalised(tf.convert_to_tensor(layer.kernel)))
    return np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]


def test_matrices_have_the_largest_singular_value_one_in_training():
    model = compiled(num_classes=2, spectral_norm=True, **few(4))
    model.d_optimizer.learning_rate = 0.01
    before = [np.array(weight) for weight in model.discriminator.trainable_weights]
    model.fit(IMAGES, LABELS, batch_size=4, epochs=5, verbose=0)
    found = kg.networks.spectral_layers(model.discriminator, model.critic)
    assert [layer.name for layer in found] == ["conv_0", "features", "value"]
    for layer in found:
        assert largest(layer) == pytest.approx(1, abs=0.02)
    assert all(np.any(old != new) for old, new in zip(before, model.discriminator.trainable_weights, strict=True))


def test_a_matrix_of_zeros_stays_zero():
    dense = SpectralDense(3, kernel_initializer="zeros")
    x = np.ones((1, 4), "float32")
    for _ in range(2):
        with tf.GradientTape() as tape:
            made = tf.reduce_sum(dense(x))
        np.testing.assert_array_equal(made, 0)
        np.testing.assert_allclose(tape.gradient(made, dense.kernel.value), np.ones((4, 3)))
        dense.iterate()
    dense.kernel.assign(np.eye(4, 3))
    dense.iterate()
    np.testing.assert_allclose(np.asarray(dense(x)), [[1, 1, 1]], rtol=1e-5)


def test_generators_have_no_first_dense_layer_before_a_critic_without_batch_statistics():
    for options, expected in (({}, True), ({"r1": 0.1}, False), ({"spectral_norm": True}, False)):
        for body in ("dcgan*0.1", "infogan*0.1"):
            model = kg.GAN((8, 8, 1), 3, generator=body, discriminator=body, **options)
            names = [layer.name for layer in model.generator.layers]
            assert ("features" in names) == expected, (options, body)


def test_the_calls_of_a_step_share_their_matrix_and_the_step_iterates_once():
    """Against numpy; Keras' own layer iterates in each call in training."""
    dense = SpectralDense(3, use_bias=False)
    x = tf.constant(np.random.default_rng(0).standard_normal((2, 5)).astype("float32"))
    dense.build((None, 5))
    rng = np.random.default_rng(1)
    kernel, u = rng.standard_normal((5, 3)).astype("float32"), np.array([0.6, 0.0, 0.8], "float32")
    dense.set_weights([kernel, u])
    np.testing.assert_allclose(dense(x, training=True), x @ kernel / np.linalg.norm(kernel @ u), rtol=1e-5)
    np.testing.assert_array_equal(dense(x, training=True), dense(x, training=True))
    np.testing.assert_array_equal(dense.direction, u)
    dense.iterate()
    expected = kernel.T @ kernel @ u
    np.testing.assert_allclose(dense.direction, expected / np.linalg.norm(expected), rtol=1e-5)
    for _ in range(50):
        dense.iterate()
    assert largest(dense) == pytest.approx(1, abs=1e-4)


def test_a_step_of_several_moves_iterates_once():
    model = kg.GAN(SHAPE, 4, spectral_norm=True, discriminator_steps=2, **few(4))
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    layer, *_ = kg.networks.spectral_layers(model.discriminator)
    u = np.array([0.6, 0.8], "float32")
    layer.direction.assign(u)
    model.train_on_batch(IMAGES[:4])
    matrix = layer.kernel.numpy().reshape(-1, 2)
    expected = matrix.T @ matrix @ u
    np.testing.assert_allclose(layer.direction, expected / np.linalg.norm(expected), rtol=1e-5)


def test_the_gradient_of_a_normalised_matrix():
    """Miyato et al. 2018, equation 12, where u and v are the singular vectors."""
    kernel = np.random.default_rng(0).standard_normal((3, 3, 2, 4)).astype("float32")
    layer = SpectralConv2D(4, 3, use_bias=False)
    layer.build((None, 8, 8, 2))
    left, sizes, right = np.linalg.svd(kernel.reshape(-1, 4), full_matrices=False)
    layer.set_weights([kernel, right[0]])
    weights = np.random.default_rng(1).standard_normal(kernel.shape).astype("float32")
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(weights * layer.normalised(tf.convert_to_tensor(layer.kernel)))
    gradient = np.asarray(tape.gradient(total, layer.kernel.value)).reshape(-1, 4)
    along = np.sum(weights * kernel) / sizes[0]
    expected = (weights.reshape(-1, 4) - along * np.outer(left[:, 0], right[0])) / sizes[0]
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-5)


def test_networks_in_a_network_are_normalised_and_heads_of_codes_are_not():
    inner = keras.Sequential([keras.Input(SHAPE), layers.Conv2D(2, 3), layers.Flatten()])
    images = keras.Input(SHAPE)
    body = kg.networks.spectrally_normalised(keras.Model(images, layers.Dense(3)(inner(images))))
    assert [type(layer) for layer in kg.networks.spectral_layers(body)] == [SpectralConv2D, SpectralDense]
    assert kg.networks.is_spectrally_normalised(body)
    model = kg.InfoGAN(SHAPE, spectral_norm=True, augment="diff", r1=1.0, generator="dense", discriminator=body)
    assert not kg.networks.spectral_layers(model.recognition)
    x = tf.constant(IMAGES[:2])
    terms = model.d_terms(x, None, model.fakes(x, None, 0, training=True), True)
    assert {"r1_penalty", "category", "continuous"} < terms.keys()
    attending = kg.GAN((17, 20, 3), generator="residual*0.1", discriminator="residual*0.1", spectral_norm=True)
    names = [layer.name for layer in kg.networks.spectral_layers(attending.discriminator, attending.critic)]
    assert {"attention_query", "attention_out", "last_conv_1", "value"} < set(names)


def test_what_cannot_be_normalised_or_changed_is_a_sentence():
    images = keras.Input(SHAPE)
    plain = kg.networks.dcgan_discriminator(SHAPE, (2,))
    other = keras.Model(images, layers.Flatten()(layers.SeparableConv2D(2, 3)(images)))
    with pytest.raises(ValueError, match="spectrally_normalised.* Received: discriminator=dcgan_discriminator"):
        compiled(spectral_norm=True, discriminator=plain)
    with pytest.raises(ValueError, match="Dense and Conv2D layers. Received: SeparableConv2D"):
        kg.networks.spectrally_normalised(other)
    with pytest.raises(ValueError, match="augment='diff' changes .* images.*Received: data_shape=\\(6,\\)"):
        compiled(data_shape=(6,), augment="diff")
    with pytest.raises(ValueError, match="`r1`.*Received: r1=-1"):
        compiled(r1=-1)
    with pytest.raises(ValueError, match="Received: augment='flip'"):
        compiled(augment="flip")


# === Bodies ===


def test_attention_by_hand():
    x = keras.Input((2, 3, 8))
    model = keras.Model(x, kg.networks.attending(x, "attention"))
    images = np.random.default_rng(0).standard_normal((2, 2, 3, 8)).astype("float32")
    np.testing.assert_allclose(model(images), images, rtol=1e-6)  # it begins at 0
    model.get_layer("attention_gate").set_weights([np.array(0.5, "float32")])
    query, key, value, out = (
        model.get_layer(f"attention_{part}").kernel.numpy()[0, 0] for part in ("query", "key", "value", "out")
    )
    flat = images.reshape(2, 6, 8)
    scores = (flat @ query) @ (flat @ key).transpose(0, 2, 1)
    weights = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    expected = flat + 0.5 * weights @ (flat @ value) @ out
    np.testing.assert_allclose(model(images), expected.reshape(images.shape), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(64, 64, 3), (28, 28, 1), (37, 20, 3), (8, 8, 1)])
def test_residual_bodies_are_of_any_size_and_attend_once(shape):
    filters = (2, 4, 8, 8)
    generator = kg.networks.residual_generator(5, shape, filters)
    discriminator = kg.networks.residual_discriminator(shape, filters)
    made = generator(np.zeros((2, 5), "float32"))
    assert made.shape == (2, *shape)
    assert discriminator(made).shape == (2, discriminator.output_shape[-1])
    attends = max(shape[:2]) > 16
    for body in (generator, discriminator):
        assert sum(layer.name == "attention" for layer in body.layers) == attends, body.name


def test_the_option_of_a_run_is_that_of_the_model():
    from keras_gen.training.config import RunConfig

    config = RunConfig.from_arguments("gan", data="mnist_mini", augment=["flip", "diff"])
    assert config.augment == ["flip"]
    assert config.arguments["augment"] == "diff"
    with pytest.raises(ValueError, match="discriminator of a GAN .*; vae can .*Received: augment="):
        RunConfig.from_arguments("vae", data="mnist_mini", augment=["diff"])


def test_the_command_line_has_the_options_of_the_model_and_of_the_run():
    from keras_gen.cli import train

    train.add_models()
    words = "gan --data mnist_mini --augment flip diff --r1 0.1 --spectral-norm --limit 1000 --out x"
    _, given, _ = train.train_app.parse_args(words, exit_on_error=False, print_error=False)
    expected = {"data": "mnist_mini", "augment": ["flip", "diff"], "r1": 0.1, "spectral_norm": True, "limit": 1000}
    assert {name: given.kwargs[name] for name in expected} == expected
