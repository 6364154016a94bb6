"""Replicas: noise, means, and what goes wrong without them."""

from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from zoo import IMAGES, ZOO

import keras_gen as kg
from keras_gen import testing
from keras_gen.core import distribution
from keras_gen.testing.case import assert_equal, fit

VAE_CASE = next(case for case in ZOO if case.name == "vae")


def on_replicas(function):
    strategy = testing.two_devices()
    run = tf.function(lambda: strategy.run(function))
    return [value.numpy() for value in strategy.experimental_local_results(run())]


def test_noise_depends_on_seed_step_replica_and_purpose_only():
    def draw(seed=1, step=2, purpose="a"):
        return distribution.normal((3,), distribution.noise_key(seed, step, purpose)).numpy()

    np.testing.assert_array_equal(draw(), draw())
    for other in (draw(seed=2), draw(step=3), draw(purpose="b")):
        assert not np.any(draw() == other)
    here, there = on_replicas(lambda: distribution.normal((3,), distribution.noise_key(1, 2, "a")))
    np.testing.assert_array_equal(here, draw())
    assert not np.any(here == there)


def test_control_keras_draws_the_same_noise_on_each_replica():
    with testing.two_devices().scope():
        generator = keras.random.SeedGenerator(0)
    here, there = on_replicas(lambda: keras.random.normal((3,), seed=generator))
    np.testing.assert_array_equal(here, there)


def test_noise_is_standard_normal():
    x = distribution.normal((100_000,), distribution.noise_key(0, 0, "x")).numpy()
    assert abs(x.mean()) < 0.02
    assert abs(x.std() - 1) < 0.02


def unequal(function):
    """Applies a function to a batch of 3 on one replica and 1 on the other."""
    values = tf.constant([[1.0], [2.0], [3.0], [10.0]])

    def replica_step():
        part = tf.cond(tf.equal(distribution.replica_id(), 0), lambda: values[:3], lambda: values[3:])
        return function(part)

    return on_replicas(replica_step)


def test_means_over_unequal_replicas():
    assert [x.item() for x in unequal(distribution.global_mean)] == [4.0, 4.0]
    shares = unequal(lambda part: distribution.share_of_mean(part[:, 0]))
    np.testing.assert_allclose(sum(shares), 4.0)
    assert [x.item() for x in unequal(distribution.global_batch_size)] == [4.0, 4.0]


def test_global_mean_is_differentiable():
    """d mean^2 / d value = 2 * mean / 4 on both replicas, when each takes its share of the loss."""

    def gradient(part):
        with tf.GradientTape() as tape:
            tape.watch(part)
            loss = tf.reduce_sum(distribution.global_mean(part)) ** 2 / distribution.num_replicas()
        return tape.gradient(loss, part)

    for result in unequal(gradient):
        np.testing.assert_allclose(result, np.full_like(result, 2 * 4.0 / 4))


def test_control_local_means_train_with_the_wrong_gradient():
    """The check of two devices notices a mean taken on each replica alone."""
    with (
        mock.patch.object(distribution, "share_of_mean", tf.reduce_mean),
        pytest.raises(AssertionError, match="weights of one and of two devices"),
    ):
        testing.CHECKS["two_devices"](VAE_CASE)


def test_control_replica_blind_noise_is_noticed():
    with (
        mock.patch.object(distribution, "replica_id", return_value=0),
        pytest.raises(AssertionError, match="same noise"),
    ):
        testing.CHECKS["replica_noise"](VAE_CASE)


def test_losses_of_a_users_body_count_once_on_two_devices():
    """Replicas share the list of losses on the model: none may be lost, none counted twice."""

    def model():
        data = keras.Input((8, 8, 1))
        x = keras.layers.Flatten()(data)
        x = keras.layers.Dense(8, activity_regularizer=keras.regularizers.L2(1.0), name="regularized")(x)
        keras.utils.set_random_seed(0)
        body = keras.Model(data, x)
        body.set_weights([np.full_like(w, 0.1) for w in body.get_weights()])
        model = kg.Autoencoder((8, 8, 1), latent_dim=2, encoder=body, decoder="dense")
        model.compile(keras.optimizers.SGD(1e-3), jit_compile=False, steps_per_execution=1)
        return model

    results = []
    for strategy in (tf.distribute.get_strategy(), testing.two_devices()):
        with strategy.scope():
            trained = model()
        loss = trained.fit(IMAGES[:8], batch_size=8, shuffle=False, verbose=0).history["loss"][0]
        results.append((loss, trained.get_weights()))
    assert abs(results[0][0] - results[1][0]) < 1e-3
    for one, two in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)


def test_odd_batches_are_refused_with_a_sentence():
    with testing.two_devices().scope():
        model = VAE_CASE.model()
    with pytest.raises(ValueError, match="multiple of 2.*Received"):
        model.fit(IMAGES, batch_size=5)


@pytest.mark.parametrize("devices", [0, 1000])
def test_impossible_numbers_of_devices(devices):
    with pytest.raises(ValueError, match=f"Received: devices={devices}"):
        distribution.strategy(devices)


def test_two_devices_by_number():
    assert distribution.strategy(2).num_replicas_in_sync == 2
    assert distribution.strategy(1).num_replicas_in_sync == 1
    given = testing.two_devices()
    assert distribution.strategy(given) is given


@pytest.mark.parametrize("clip", [{"clipnorm": 0.01}, {"global_clipnorm": 0.01}, {"clipvalue": 0.001}])
def test_gradients_are_clipped_as_a_whole(clip):
    """Keras clips those of each replica before they are summed: here two replicas move as one."""
    one, two, three = (VAE_CASE.model(keras.optimizers.SGD(1.0, **clip), run_eagerly=True) for _ in range(3))
    batch = tf.constant(IMAGES[:11])
    with testing.replicas.without_noise():
        one.train_step((batch,))
        parts = tf.split(batch, (10, 1))
        testing.replicas.run(lambda: two.train_step((parts[0],)), lambda: three.train_step((parts[1],)))
    for alone, shared in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(alone, shared, atol=1e-6)


def test_odd_datasets_are_refused_and_odd_validation_is_not():
    with testing.two_devices().scope():
        model = VAE_CASE.model()
    with pytest.raises(ValueError, match="first batch of 33"):
        model.fit(kg.data.load("digits", limit=33), verbose=0)
    history = model.fit(IMAGES[:8], batch_size=8, validation_data=(IMAGES[:7],), verbose=0).history
    assert np.isfinite(history["val_loss"]).all()


@pytest.mark.parametrize("name", ["vae_conv_gaussian", "gan"])
def test_a_last_batch_of_one_example_trains_two_devices_as_it_trains_one(name):
    """Both get it: TensorFlow's convolutions and batch statistics fail on an empty batch."""
    case = next(case for case in ZOO if case.name == name)
    weights = []
    with testing.replicas.without_noise():
        for strategy in (tf.distribute.get_strategy(), testing.two_devices()):
            with strategy.scope():
                model = case.model(run_eagerly=strategy.num_replicas_in_sync == 1)
            fit(model, case.pair(5), batch_size=4)
            weights.append(model.get_weights())
    assert_equal(*weights, "weights of one and of two devices", 2e-6)


def test_few_examples_are_repeated_as_a_whole():
    """So that their mean stays: three for four replicas become six, not four."""
    for size, expected in ((1, [0] * 4), (2, [0, 1] * 2), (3, [0, 1, 2] * 2), (4, [0, 1, 2, 3]), (5, [0, 1, 2, 3, 4])):
        filled = distribution.fill_replicas((tf.range(size), tf.range(size) * 2), 4)
        assert filled[0].numpy().tolist() == expected
        assert filled[1].numpy().tolist() == [2 * value for value in expected]


def test_a_model_is_compiled_on_the_devices_that_it_was_made_on():
    with testing.two_devices().scope():
        model = kg.VAE((8, 8, 1), 2)
    model.compile("adam")
    model.fit(IMAGES, batch_size=8, verbose=0)
    assert np.isfinite(model.get_weights()[0]).all()
