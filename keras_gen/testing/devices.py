"""The checks of devices: two of them, replicas as threads, XLA and mixed precision."""

import dataclasses
import functools
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen.core import distribution, execution
from keras_gen.testing import replicas
from keras_gen.testing.case import Case, assert_equal, assert_finite, fit, optimizers_of
from keras_gen.testing.checks import check, check_outputs


def two_devices() -> Any:
    """The strategy of two logical devices."""
    if len(tf.config.list_logical_devices("CPU")) < 2:
        raise RuntimeError("Set up two logical devices first: keras_gen.core.distribution.strategy(2)")
    return distribution.mirrored(("CPU:0", "CPU:1"))


@check
def check_two_devices(case: Case) -> None:
    """Four steps of SGD on two devices give the weights of four on one, with noise switched off; saved, and loaded.

    The two devices hold the same weights, and a file of theirs is that of one device.
    """
    pair = case.pair(11)  # a batch of 8, and one of 3 that leaves a replica with fewer examples than the other
    weights, figures = [], []
    with replicas.without_noise():
        for strategy in (tf.distribute.get_strategy(), two_devices()):
            alone = strategy.num_replicas_in_sync == 1
            with strategy.scope():
                model = case.model(run_eagerly=alone)
            history = fit(model, pair, batch_size=8, epochs=2, validation_data=case.pair(9))
            weights.append(model.get_weights())
            figures.append([history[name][0] for name in sorted(history)])
    assert_equal(weights[0], weights[1], "weights of one and of two devices", 1e-6)
    assert_equal([figures[0]], [figures[1]], "figures of one and of two devices", 1e-3)
    for weight in model.weights:
        here, there = two_devices().experimental_local_results(weight.value)
        assert_equal([here], [there], f"{weight.path} on two devices")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.keras")
        model.save(path)
        for strategy in (tf.distribute.get_strategy(), two_devices()):
            with strategy.scope():
                loaded = keras.saving.load_model(path)
            assert_equal(weights[1], loaded.get_weights(), "weights of two devices, saved and loaded")
            assert_equal([model.optimizer.iterations], [loaded.optimizer.iterations], "steps of the optimizer")


SPLITS = ((6, 5), (10, 1), (11, 0))  # of a batch: the second replica gets less, or nothing


@check
def check_replicas(case: Case) -> None:
    """Two steps of SGD on two replicas give the weights and the metrics of two steps on one, however they share them.

    By threads in the place of devices; see `keras_gen.testing.replicas`.
    """
    with replicas.without_noise():
        one = case.model(run_eagerly=True)
        batch = _step_batch(one, case, sum(SPLITS[0]))
        expected = [_two_steps(one, batch), one.get_weights()]
        models = [case.model(run_eagerly=True) for _ in SPLITS[0]]
        start = [np.array(variable) for variable in _state(models[0])]
        for sizes in SPLITS:
            if 0 in sizes and execution.is_convolutional(one):
                continue  # TensorFlow's convolution of an empty batch, eagerly; in a graph it is checked on two devices
            for model in models:
                for variable, value in zip(_state(model), start, strict=True):
                    variable.assign(value)
                model.reset_metrics()
            parts = zip(*(tf.split(part, sizes) for part in batch), strict=True)
            runs = [functools.partial(_two_steps, model, part) for model, part in zip(models, parts, strict=True)]
            replicas.run(*runs)
            replicas.add_up(*(model.metrics_variables for model in models))
            metrics = [models[0].get_metrics_result()]
            for model in models:
                assert_equal(
                    expected[1], model.get_weights(), f"weights of one replica and of two of {sizes} examples", 2e-6
                )
            names = sorted(expected[0])
            assert_equal(
                [[float(expected[0][name]) for name in names]],
                [[float(metrics[0][name]) for name in names]],
                f"metrics {names} of one replica and of two of {sizes} examples",
                1e-3,
            )


def _state(model):
    """The variables of a model and of its optimizers."""
    return [*model.variables, *(variable for optimizer in optimizers_of(model) for variable in optimizer.variables)]


def _step_batch(model, case, count):
    """A batch as Keras gives it to a step, as a tuple of tensors."""
    x, y = case.pair(count)
    if "separate" in model.offers:
        x, y = model.mix(x)
    return (tf.constant(x),) if y is None else (tf.constant(x), tf.constant(y))


def _two_steps(model, batch):
    """The metrics of two training steps and a look at the batch."""
    for _ in range(2):
        model.train_step(batch)
    model.test_step(batch)
    return model.get_metrics_result()


@check
def check_replica_noise(case: Case) -> None:
    """Where training draws noise, two replicas given the same images draw different noise."""
    models = [case.model() for _ in range(2)]
    inputs = tf.nest.map_structure(tf.constant, case.inputs(2))
    x, y = (None if part is None else tf.constant(part) for part in case.pair(2))

    def outputs(model):
        fakes = model.fakes(x, y, 0, training=True)
        return model(inputs, training=True) if fakes is None else tf.nest.flatten(fakes)[0]

    here, there = replicas.run(*(functools.partial(outputs, model) for model in models))
    first = outputs(models[0])
    models[0].step.assign_add(1)
    noisy = not np.array_equal(first, outputs(models[0]))
    assert not noisy or np.any(here.numpy() != there.numpy()), "both replicas drew the same noise"
    assert noisy or np.all(here.numpy() == there.numpy()), "a model without noise differs between replicas"


@check
def check_xla(case: Case) -> None:
    """The step compiles under XLA, and several steps run in one call."""
    model = case.model(jit_compile=True, steps_per_execution=2)
    assert model.jit_compile, "XLA was switched off"
    assert_finite(fit(model, case.pair()), "training with XLA")


@check
def check_mixed_precision(case: Case) -> None:
    """Training in mixed_float16 and mixed_bfloat16 stays finite, and images come out in float32."""
    before = keras.mixed_precision.global_policy()
    try:
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
        check_outputs(dataclasses.replace(case, name=f"{case.name} in mixed_bfloat16"))
        assert_finite(fit(case.model(run_eagerly=True), case.pair(8)), "training in mixed_bfloat16")
        keras.mixed_precision.set_global_policy("mixed_float16")
        model = case.model(run_eagerly=True)
        scaled = [isinstance(optimizer, keras.optimizers.LossScaleOptimizer) for optimizer in optimizers_of(model)]
        assert all(scaled), "the loss is not scaled"
        assert_finite(fit(model, case.pair(8), epochs=2), "training in mixed_float16")
        check_outputs(dataclasses.replace(case, name=f"{case.name} in mixed_float16"))
    finally:
        keras.mixed_precision.set_global_policy(before)
