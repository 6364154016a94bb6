"""Layers that users may put into their own networks."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen.layers import Corruption, SwitchPooling, TiedDense, UnitInterval, Unpooling

X = np.full((200, 50), 0.5, "float32")


@pytest.mark.parametrize("kind", ["gaussian", "masking", "salt_pepper"])
def test_corruption_is_for_training_and_drawn_anew(kind):
    layer = Corruption(kind, 0.3)
    np.testing.assert_array_equal(layer(X), X)
    first, second = layer(X, training=True).numpy(), layer(X, training=True).numpy()
    assert np.any(first != second)
    other = Corruption(kind, 0.3)  # of another name
    assert np.any(other(X, training=True).numpy() != first)
    twin = Corruption.from_config(layer.get_config())
    np.testing.assert_array_equal(twin(X, training=True), first)


def test_corruption_has_the_level_that_is_asked_for():
    gaussian = Corruption("gaussian", 0.3)(X, training=True).numpy() - X
    assert abs(gaussian.mean()) < 0.01
    assert abs(gaussian.std() - 0.3) < 0.01
    masked = Corruption("masking", 0.3)(X, training=True).numpy()
    assert set(np.unique(masked)) == {0.0, 0.5}
    assert abs(np.mean(masked == 0) - 0.3) < 0.02
    spotted = Corruption("salt_pepper", 0.3)(X, training=True).numpy()
    assert abs(np.mean(spotted == 0) - 0.15) < 0.02
    assert abs(np.mean(spotted == 1) - 0.15) < 0.02
    clipped = Corruption("gaussian", 2.0, clip=True)(X, training=True).numpy()
    assert clipped.min() == 0
    assert clipped.max() == 1


@pytest.mark.parametrize("kind", ["gaussian", "masking", "salt_pepper"])
def test_level_zero_changes_nothing(kind):
    np.testing.assert_array_equal(Corruption(kind, 0.0)(X, training=True), X)


def test_corruption_goes_on_where_a_saved_model_stopped(tmp_path):
    data = keras.Input((50,))
    model = keras.Model(data, Corruption("gaussian", 0.3)(data))
    model(X, training=True)
    model.save(tmp_path / "model.keras")
    expected = model(X, training=True).numpy()
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras")(X, training=True), expected)


@pytest.mark.parametrize(("height", "width"), [(6, 4), (5, 7), (2, 3)])
def test_pooling_is_max_pooling_and_unpooling_its_reverse(height, width):
    x = np.random.default_rng(0).standard_normal((3, height, width, 2)).astype("float32")
    pooled, switches = SwitchPooling()(x)
    expected, _ = tf.nn.max_pool_with_argmax(x, 2, 2, "SAME")
    np.testing.assert_array_equal(pooled, expected)
    np.testing.assert_array_equal(np.sum(switches, axis=3), 1)
    back = Unpooling((height, width))([pooled, switches]).numpy()
    assert np.all((back == x) | (back == 0))
    assert np.count_nonzero(back) == pooled.numpy().size
    np.testing.assert_array_equal(SwitchPooling()(np.where(back == 0, -9, back))[0], pooled)


def test_pooling_compiles_under_xla_and_takes_gradients_to_the_maximum():
    x = tf.constant(np.random.default_rng(0).standard_normal((2, 5, 4, 3)), tf.float32)

    @tf.function(jit_compile=True)
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            pooled, switches = SwitchPooling()(x)
            loss = tf.reduce_sum(Unpooling((5, 4))([pooled, switches]) ** 2)
        return tape.gradient(loss, x), switches

    received, switches = gradient(x)
    np.testing.assert_allclose(received, 2 * Unpooling((5, 4))([SwitchPooling()(x)[0], switches]), rtol=1e-6)


def test_an_untied_layer_says_so():
    layer = TiedDense(3)
    layer.build((None, 2))
    with pytest.raises(ValueError, match="not tied"):
        layer(np.zeros((1, 2), "float32"))
    dense = keras.layers.Dense(4)
    dense.build((None, 3))
    with pytest.raises(ValueError, match=r"\(3, 2\).*Received: .*\(3, 4\)"):
        layer.tie(dense)


def test_a_copied_network_shares_nothing():
    network = kg.networks.dense_encoder((4,), (3,))
    twin = kg.networks.copy(network, "twin")
    x = np.ones((1, 4), "float32")
    np.testing.assert_array_equal(twin(x), network(x))
    twin.set_weights([w * 0 for w in twin.get_weights()])
    assert np.any(np.asarray(network(x)) != np.asarray(twin(x)))
    assert twin.name == "twin"


def test_unit_interval_brings_back_what_lies_outside():
    x = tf.constant([-0.5, -0.5, 0.3, 0.3, 1.5, 1.5])
    upstream = tf.constant([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = UnitInterval()(x)
    np.testing.assert_allclose(y, [0, 0, 0.3, 0.3, 1, 1])
    np.testing.assert_array_equal(tape.gradient(y, x, upstream), [0, -1, 1, -1, 1, 0])


# === Names of bodies ===


@pytest.mark.parametrize(
    ("name", "shape", "widths"),
    [
        ("dense*0.5", (8, 8, 1), {256, 128}),
        ("*2", (8, 8, 1), {1024, 512}),
        ("*0.5", (64, 64, 3), {8, 16, 32, 64, 128}),  # convolutional, for it is large
        ("dense*0.001", (8, 8, 1), {1}),
    ],
)
def test_a_name_may_have_a_width(name, shape, widths):
    body = kg.networks.make_encoder(name, shape)
    units = [weight.shape[-1] for layer in body.layers for weight in layer.weights if len(weight.shape) > 1]
    assert set(units) == widths
    assert kg.VAE(shape, 2, encoder=name, decoder=name).sample(2, seed=0).shape == (2, *shape)


def test_a_width_reaches_generators_and_discriminators():
    half, whole = kg.InfoGAN((28, 28, 1), generator="*0.5", discriminator="infogan*0.5"), kg.InfoGAN((28, 28, 1))
    for network in ("generator", "discriminator"):
        assert getattr(half, network).count_params() < 0.3 * getattr(whole, network).count_params()
    assert half.sample(2, seed=0).shape == (2, 28, 28, 1)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("shallow*2", "no hidden layers to widen. Received: encoder='shallow\\*2'"),
        ("dense*", "A width is a number above 0, as in 'dense\\*0.5'"),
        ("dense*-1", "A width is a number above 0"),
        ("dense*inf", "A width is a number above 0"),
        ("dence*2", "must be one of 'dense', .*Received: encoder='dence\\*2'"),
    ],
)
def test_names_that_are_no_body(name, sentence):
    with pytest.raises(ValueError, match=sentence):
        kg.VAE((8, 8, 1), 2, encoder=name)
