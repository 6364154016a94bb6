"""What abilities, `sample`, `fit` and `compile` of every model refuse by a sentence that says what was received."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from zoo import IMAGES, SHAPE, ZOO, dense

import keras_gen as kg
from keras_gen.core import drawn

FIRST = {case.cls: case for case in reversed(ZOO)}
NAMED = {case.name: case for case in ZOO}
per_class = pytest.mark.parametrize("case", FIRST.values(), ids=lambda case: case.cls.__name__)
REFUSALS = (ValueError, TypeError)
OTHER_VERBS = ("classify", "cluster", "infer_codes", "free_energy", "corrupt", "mix", "gibbs")


@functools.cache
def model_of(case):
    return case.model()


def bad_data(x):
    """Nonsense by name, made of good data."""
    nan = x.copy()
    nan[3].flat[0] = np.nan
    return {
        "nothing": None,
        "no examples": x[:0],
        "one example": x[0],
        "one axis too many": x[None],
        "nan": nan,
        "texts": x.astype(str),
        "objects": x.astype(object),
        "complex": x.astype("complex64"),
        "a number": 3.0,
        "a text": "digits",
        "a dict": {"x": x},
        "an object": object(),
        "ragged": tf.RaggedTensor.from_row_lengths(x.ravel(), [x[0].size] * len(x)),
        "no batches": tf.data.Dataset.from_tensor_slices(x).take(0).batch(4),
        "batches of nan": tf.data.Dataset.from_tensor_slices(nan).batch(4),
    }


def verbs_of(model):
    """Names of its methods that take data, and what they take besides."""
    verbs = {*model.offers, *OTHER_VERBS}
    options = {"log_weights": {"num_samples": 2}}
    return {verb: options.get(verb, {}) for verb in sorted(verbs - {"sample", "decode"}) if hasattr(model, verb)}


@per_class
def test_abilities_refuse_nonsense(case):
    model = model_of(case)
    labels = {"labels": case.labels} if case.supervision == "required" else {}
    for verb, options in verbs_of(model).items():
        method = getattr(model, verb)
        try:
            method(case.x, **options, **labels)
        except (ValueError, NotImplementedError):
            continue  # of this variant
        for kind, x in bad_data(case.x).items():
            try:
                with pytest.raises(REFUSALS, match="Received: "):
                    method(x, **options, **labels)
            except BaseException as error:
                raise AssertionError(f"{verb} of {kind}") from error


@per_class
def test_sample_refuses_nonsense(case):
    model = model_of(case)
    if "sample" not in model.offers:
        return
    for n in (0, -1, "3", 2.5, None, float("nan"), [3], True, 10**13, 10**30):
        with pytest.raises(ValueError, match="`n` must be a whole number of at least 1.*Received: n="):
            model.sample(n)
    for seed in ("a", -1, 2.5, [1], object(), 2**70):
        with pytest.raises(ValueError, match="`seed` must be a whole number of at least 0.*Received: seed="):
            model.sample(3, seed=seed)
    below = model.spec_of("sample").lowest_label - 1
    for labels in ([0], [0, 1, 99], [below, 0, 1], [0.5, 1, 2], ["a", "b", "c"], [[0, 1, 1]], "seven", [], object()):
        with pytest.raises(REFUSALS, match="Received: "):
            model.sample(3, labels=labels)


@per_class
def test_compile_refuses_nonsense(case):
    for options in ({"steps_per_execution": 0}, {"steps_per_execution": "2"}, {"jit_compile": "yes"}, {"nonsense": 1}):
        with pytest.raises(REFUSALS, match="Received: |unexpected keyword"):
            model_of(case).compile(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": -1}, {"epochs": "3"}, {"epochs": 1.5}, {"epochs": None}, {"epochs": np.nan}, {"batch_size": 0},
        {"batch_size": "8"}, {"batch_size": 2.5}, {"steps_per_epoch": -1}, {"steps_per_epoch": "2"},
        {"initial_epoch": -1}, {"initial_epoch": "a"}, {"validation_split": "0.1"}, {"validation_split": np.nan},
        {"validation_batch_size": 0}, {"shuffle": "batch"}, {"callbacks": "x"}, {"callbacks": [3]},
        {"callbacks": [keras.callbacks.Callback]},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("name", ["vae", "gan", "rbm"])
def test_fit_refuses_nonsense(name, options):
    (option,) = options
    with pytest.raises(ValueError, match=f"`{option}` must be .*Received: {option}="):
        model_of(NAMED[name]).fit(IMAGES, verbose=0, **options)


def test_evaluation_takes_at_least_one_example():
    for name in ("vae", "gan", "rbm"):
        with pytest.raises(ValueError, match="at least one example. Received: none"):
            model_of(NAMED[name]).evaluate(tf.data.Dataset.from_tensor_slices(IMAGES).take(0).batch(4), verbose=0)


def test_epochs_that_are_over_train_nothing():
    model = NAMED["vae"].model()
    assert not model.fit(IMAGES, epochs=1, initial_epoch=5, verbose=0).history


def test_one_label_is_for_abilities_only():
    model = kg.ConditionalVAE(SHAPE, 2, num_classes=2)
    model.compile()
    assert model.encode(IMAGES, labels=1).shape == (16, 2)
    for verb in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match="as many labels as examples. Received: 1 labels, 16 examples"):
            verb(IMAGES, 1, verbose=0)


def test_labels_beyond_int64_are_no_unknown_ones():
    model = kg.SemiSupervisedVAE(SHAPE, 2, num_classes=2)
    with pytest.raises(ValueError, match="Received: labels from 18446744073709551615"):
        model.check_data(IMAGES, np.full(16, 2**64 - 1, "uint64"))


def test_importance_weights_of_arrays_are_those_of_tensors_and_averages():
    model = kg.VAE(SHAPE, 2, ema=0.5, **dense(2))
    model.compile(jit_compile=False, steps_per_execution=1)
    model.fit(IMAGES, batch_size=4, verbose=0)
    weights = model.log_weights(IMAGES, 3, seed=1)
    assert isinstance(weights, np.ndarray)
    np.testing.assert_array_equal(weights, model.log_weights(tf.constant(IMAGES), 3, seed=1))
    with model.using_averages():
        np.testing.assert_array_equal(weights, tf.function(model.log_weights)(tf.constant(IMAGES), 3, seed=1))
    for num_samples in (0, -1, "3", 2.5, None):
        with pytest.raises(ValueError, match="`num_samples` must be a whole number of at least 1. Received"):
            model.log_weights(IMAGES, num_samples)


def test_chains_of_gaussian_units_begin_anywhere():
    model = kg.RBM(SHAPE, 4, likelihood="gaussian")
    assert model.gibbs(5 * IMAGES - 2).shape == IMAGES.shape
    for wrong in ({"steps": 0}, {"steps": "1"}, {"seed": "a"}):
        with pytest.raises(ValueError, match="must be a whole number of at least"):
            model.gibbs(IMAGES, **wrong)


def test_base_rates_are_of_good_data():
    for name in ("rbm", "deep_boltzmann_machine"):
        for x in bad_data(IMAGES).values():
            with pytest.raises(REFUSALS, match="Received: "):
                model_of(NAMED[name]).base_rates(x)


class Plain(kg.VAE):
    def sample(self, n, labels=None, seed=None):
        return super().sample(n or 2, labels, seed)


class Drawing(kg.Autoencoder):
    @drawn
    def sample(self, n, labels=None, seed=None):
        return self.decode(np.full((n, self.latent_dim), seed, "float32"))


def test_a_model_of_ones_own_samples_as_it_likes():
    assert Plain(SHAPE, 2, **dense(2)).sample(0, seed=3).provenance["seed"] == 3
    model = Drawing(SHAPE, 2, **dense(2))
    assert "sample" in model.offers
    assert "sample" not in kg.Autoencoder.offers
    images = model.sample(3)
    np.testing.assert_array_equal(images, model.sample(3, seed=images.provenance["seed"]))
    with pytest.raises(ValueError, match="`n` must be"):
        model.sample(0)
