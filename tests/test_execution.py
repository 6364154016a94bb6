"""How data reach a step: batches of arrays, and datasets that nothing tunes while they are read."""

import itertools
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from zoo import IMAGES

import keras_gen as kg
from keras_gen.core import epochs, execution


def epoch(dataset):
    return [batch.tolist() for batch in dataset.as_numpy_iterator()]


def test_batches_hold_each_example_once_in_an_order_of_the_seed_and_the_epoch():
    numbers = np.arange(50)
    assert epoch(epochs.batches(numbers, 20)) == [[*range(20)], [*range(20, 40)], [*range(40, 50)]]
    shuffled = epochs.batches(numbers, 20, seed=3)
    first = epoch(shuffled)
    assert epoch(shuffled) == first  # to look at a dataset changes nothing
    with epochs.epoch(1):
        second = epoch(shuffled)
    assert first != second
    for batches in (first, second):
        assert [len(batch) for batch in batches] == [20, 20, 10]
        assert sorted(itertools.chain(*batches)) == [*range(50)]
    assert epoch(epochs.batches(numbers, 20, seed=3)) == first
    assert epoch(epochs.batches(numbers, 20, seed=4)) != first


def test_control_keras_repeats_its_order_in_every_epoch():
    class Seen(keras.Model):
        def train_step(self, data):
            return {"first": keras.utils.unpack_x_y_sample_weight(data)[0][0]}

    keras.utils.set_random_seed(0)
    model = Seen()
    model.compile(jit_compile=False)
    first = model.fit(np.arange(50.0), batch_size=50, epochs=3, verbose=0).history["first"]
    assert first[0] == first[1] == first[2]


def test_batches_keep_examples_and_labels_together():
    for images, labels in epochs.batches((np.arange(50.0), np.arange(50)), 7, seed=0):
        np.testing.assert_array_equal(images, labels)


def test_nothing_is_tuned_unless_the_options_say_so():
    dataset = tf.data.Dataset.range(3)
    assert execution.without_autotune(dataset).options().autotune.enabled is False
    tuning = tf.data.Options()
    tuning.autotune.enabled = True
    assert execution.without_autotune(dataset.with_options(tuning)).options().autotune.enabled is True


@pytest.mark.parametrize("kind", ["arrays", "dataset"])
@pytest.mark.parametrize("verb", ["fit", "evaluate", "predict"])
def test_keras_gets_what_is_not_tuned(verb, kind):
    model = kg.VAE((8, 8, 1), 2)
    model.compile("adam")
    data = IMAGES if kind == "arrays" else tf.data.Dataset.from_tensor_slices(IMAGES).batch(4)
    options = {"validation_data": data} if verb == "fit" else {}
    with mock.patch.object(keras.Model, verb) as of_keras:
        of_keras.return_value.history = {}
        getattr(model, verb)(data, verbose=0, **options)
    given = [of_keras.call_args.args[0], of_keras.call_args.kwargs.get("validation_data")]
    for dataset in given[: 1 + (verb == "fit")]:
        assert dataset.options().autotune.enabled is False


def test_a_shuffled_fit_is_that_of_its_seed():
    """A model without noise, from the same weights: what differs is the order of the arrays."""

    def trained(seed):
        keras.utils.set_random_seed(0)
        model = kg.Autoencoder((8, 8, 1), 2, seed=seed)
        model.compile(keras.optimizers.SGD(1e-2))
        model.fit(IMAGES, batch_size=4, verbose=0)
        return model.get_weights()

    one, same, other = trained(1), trained(1), trained(2)
    for a, b in zip(one, same, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(np.any(a != b) for a, b in zip(one, other, strict=True))


def test_bad_arrays_are_refused():
    model = kg.SemiSupervisedVAE((8, 8, 1), 2, num_classes=10)
    model.compile("adam")
    with pytest.raises(ValueError, match="as many labels as examples. Received: 12 labels, 16 examples"):
        model.fit(IMAGES, np.zeros(12, "int64"), shuffle=False, verbose=0)
    with pytest.raises(ValueError, match="must leave examples to train on and to validate on. Received: 0.999, of 16"):
        kg.VAE((8, 8, 1), 2).fit(IMAGES, validation_split=0.999)


class Traced(kg.Autoencoder):
    """Counts how often its step is traced."""

    traces = 0

    def terms(self, x, y, training):
        self.traces += training
        return super().terms(x, y, training)


class Seen(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.steps = []

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(batch)


def test_epochs_of_any_length_are_counted_and_traced_once(monkeypatch):
    monkeypatch.setattr(execution, "watches_batches", lambda callbacks: False)  # `Seen` does, to see
    model, seen = Traced((8, 8, 1), 2), Seen()
    model.compile("adam")
    assert model.steps_per_execution == execution.STEPS_PER_CALL
    images = np.repeat(IMAGES, 5, axis=0)[:79]
    for count, of_epoch in ((79, [63, 78]), (12, [11]), (33, [32])):
        before = int(model.step)
        model.fit(images[:count], batch_size=1, epochs=2, verbose=0, callbacks=[seen])
        assert int(model.step) - before == 2 * count
        assert seen.steps == of_epoch * 2
    assert model.traces == 1
    endless = tf.data.Dataset.from_tensor_slices(images).batch(1).repeat()
    before = int(model.step)
    model.fit(endless, steps_per_epoch=5, epochs=2, verbose=0, callbacks=[seen])
    assert int(model.step) - before == 10
    assert seen.steps == [4, 4]


def test_the_bar_of_an_evaluation_ends_at_its_last_step(capsys):
    model = kg.Autoencoder((8, 8, 1), 2)
    model.compile("adam")
    model.evaluate(IMAGES, batch_size=3, verbose=1)
    assert "6/6" in capsys.readouterr().out


def test_xla_waits_until_it_pays(monkeypatch):
    monkeypatch.delenv(execution.XLA, raising=False)
    model, options = Traced((8, 8, 1), 2), {"batch_size": 8, "verbose": 0}  # two steps in an epoch
    model.compile("adam")
    monkeypatch.setattr(execution, "XLA_PAYS_FROM", 9 * model.count_params())
    model.fit(IMAGES, epochs=4, **options)
    assert (model.jit_compile, model.traces) == (False, 1)
    model.fit(IMAGES, epochs=3, initial_epoch=2, **options)  # a resumed training is executed as the unbroken one
    assert (model.jit_compile, model.traces) == (False, 1)
    for _ in range(2):  # the loops of users train long, too
        model.fit(IMAGES, **options)
    assert (model.jit_compile, model.traces) == (True, 2)
    model.fit(IMAGES, epochs=1, **options)
    assert (model.jit_compile, model.traces) == (True, 2)
    resumed = kg.Autoencoder((8, 8, 1), 2)
    resumed.compile("adam")
    resumed.fit(IMAGES, epochs=5, initial_epoch=4, **options)
    assert resumed.jit_compile is True
