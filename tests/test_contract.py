"""Every check on every model, one id per pair; and controls: broken models, which the checks must notice."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from zoo import ZOO

import keras_gen as kg
from keras_gen import models, testing
from keras_gen.core import batched

# Once per class in `make test`; of its variants they take minutes and run in `make test-all`.
ONCE_PER_CLASS = {"xla", "mixed_precision", "saving", "learning", "repeatable", "exports"}
SLOW = {  # three minutes; the same checks of the other games are quick
    ("cyclegan", "learning"), ("cyclegan", "xla"), ("cyclegan", "repeatable"), ("cyclegan", "saving"),
    ("cyclegan", "mixed_precision"), ("pix2pix", "learning"),
    # Its step is that of flow matching.
    *(("diffusion_vectors", name) for name in ("learning", "xla", "repeatable", "mixed_precision", "saving")),
    ("flow_matching_unet", "outputs"),
}  # fmt: skip
# Real devices, of one class for each kind of step: four in `make test`, five more with states, draws or turns of their
# own. Of every row, variants too, `replicas` shows in a twentieth of the time that two of them give the weights of one.
ON_TWO_DEVICES = {"vae", "gan", "deep_boltzmann_machine", "sparse"}
MORE_ON_TWO_DEVICES = {"adversarial_autoencoder", "cyclegan", "rbm", "vqvae", "flow_matching"}
# Files of every part, of one class for each kind of model in `make test`; 25 seconds for the other classes.
EXPORTED = {"vae", "conditional_vae", "gan", "pix2pix", "denoising", "rbm"}
# Loops over steps are traced for seconds, each time; test_series.py and test_diffusion.py hold what is their own.
RECURRENT = {"vae_recurrent_ending_series", "flow_matching_unet", "flow_matching_of_codes"}
# Only the network is another than that of the row before: of its own are what depends on its layers.
OF_LAYERS = {
    "flow_matching_unet": {
        "arguments",
        "outputs",
        "refusals",
        "saving",
        "saving_weights",
        "mixed_precision",
        "xla",
        "exports",
    }
}
QUICK_OF_RECURRENT = {"arguments", "outputs", "refusals", "saving_weights"}
FIRST = {case.cls: case for case in reversed(ZOO)}
PAIRS = [
    pytest.param(
        case,
        check,
        id=f"{case.name}-{name}",
        marks=[pytest.mark.extended]
        if (name in ONCE_PER_CLASS and case is not FIRST[case.cls])
        or (case.name, name) in SLOW
        or (name == "two_devices" and case.name not in ON_TWO_DEVICES)
        or (name == "exports" and case.name not in EXPORTED)
        or (case.name in RECURRENT and name not in QUICK_OF_RECURRENT)
        else [],
    )
    for case in ZOO
    for name, check in testing.checks(case)
    if (name != "two_devices" or case.name in ON_TWO_DEVICES | MORE_ON_TWO_DEVICES)
    and name in OF_LAYERS.get(case.name, {name})
]
VAE = next(case for case in ZOO if case.name == "vae")


@pytest.mark.parametrize(("case", "check"), PAIRS)
def test_contract(case, check):
    check(case)


def test_every_model_is_in_the_zoo():
    assert {getattr(models, name) for name in models.__all__} == {case.cls for case in ZOO}


def test_cases_are_tiny_and_exceptions_have_reasons():
    for case in ZOO:
        assert testing.parameter_count(case.model()) < 3_000, case.name
        assert all(isinstance(reason, str) and len(reason) > 10 for reason in case.exceptions.values()), case.name


class ForgetsAnArgument(kg.VAE):
    def get_config(self):
        return {**super().get_config(), "beta": 1.0}


class DrawsTheSame(kg.VAE):
    def sample(self, n, labels=None, seed=None):
        return super().sample(n, seed=0)


class LeavesTheRange(kg.VAE):
    @batched(images=True)
    def decode(self, z):
        return super().decode(z) * 3


class ScoresByTheBatch(kg.VAE):
    @batched
    def score(self, x):
        score = super().score(x)
        return score - tf.reduce_mean(score)


class DrawsWhereItMayNot(kg.VAE):
    @batched(images=True)
    def reconstruct(self, x, labels=None):
        return super().reconstruct(x) * np.random.default_rng().uniform(0.5, 1)


class LearnsAtInference(kg.VAE):
    def call(self, x, training=False):
        self.step.assign_add(1)
        return super().call(x, training)


class HasADeadWeight(kg.VAE):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.add_weight(name="dead", shape=())


@pytest.mark.parametrize(
    ("cls", "check"),
    [
        (ForgetsAnArgument, "arguments"),
        (DrawsTheSame, "sample_seeds"),
        (LeavesTheRange, "outputs"),
        (ScoresByTheBatch, "inference_is_pure"),
        (LearnsAtInference, "inference_is_pure"),
        (DrawsWhereItMayNot, "exports"),
        (HasADeadWeight, "weights_move"),
    ],
)
def test_control_broken_models_are_noticed(cls, check):
    with pytest.raises((AssertionError, ValueError, RuntimeError)):
        testing.CHECKS[check](dataclasses.replace(VAE, cls=cls))


def test_control_an_uncompiled_file_is_noticed(tmp_path):
    from keras_gen import saving

    model = VAE.model()
    saving.save(model, tmp_path / "bare.keras", optimizer=False)
    with pytest.raises(AssertionError, match="not compiled"):
        testing.load_and_train("keras_gen", str(tmp_path / "bare.keras"), VAE.pair())
