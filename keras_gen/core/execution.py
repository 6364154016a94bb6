"""How a training step is executed: XLA or not, and how many steps per call. Rules from measurement.

Images per second on two CPU cores (`benchmarks/throughput.py` measures what comes of them): XLA and many steps per call
raise a dense network from about 14,000 to 26,000; XLA halves the speed of a convolutional one. Several steps per
call and XLA fail under MirroredStrategy on CPU devices. On a CPU XLA runs the inside of a loop on one core, which makes
Boltzmann machines of several Gibbs steps take 1.7 times as long; such a model sets `loops`. XLA needs some seconds to
compile a model, more than it saves in a short run: the environment variable KERAS_GEN_XLA=0 switches it off.
"""

import os
from typing import Any

import tensorflow as tf

from keras_gen.core import distribution
from keras_gen.core.checks import check_choice

STEPS_PER_CALL = 64
XLA = "KERAS_GEN_XLA"  # environment variable: "0" or "1" for every model that is compiled without a word about it


def is_convolutional(model) -> bool:
    """Whether a model convolves: only convolutions have kernels of three axes or more."""
    return any(len(weight.shape) >= 3 for weight in model.trainable_weights)


def resolve(model, jit_compile="auto", steps_per_execution="auto") -> tuple:
    """Fills in what the user left at "auto". Returns (jit_compile, steps_per_execution) for `compile`."""
    if jit_compile == "auto" and XLA in os.environ:
        check_choice(XLA, os.environ[XLA], ("0", "1"))
        jit_compile = os.environ[XLA] == "1"
    on_cpu = not tf.config.list_logical_devices("GPU")
    dense_on_one_cpu = on_cpu and distribution.num_replicas() == 1 and not is_convolutional(model)
    if jit_compile == "auto" and on_cpu:
        jit_compile = dense_on_one_cpu and not getattr(model, "loops", False)
    if steps_per_execution == "auto":
        steps_per_execution = STEPS_PER_CALL if dense_on_one_cpu else 1
    return jit_compile, steps_per_execution


def steps_per_call(maximum, steps_per_epoch) -> int:
    """The largest number of steps per call, up to a maximum, that divides an epoch without a rest.

    Keras makes whole calls only: with 64 steps per call an epoch of two steps would become one of 64.

    Args:
        maximum: steps per call, at most.
        steps_per_epoch: None where it is not known, for the maximum.
    """
    if steps_per_epoch is None:
        return maximum
    return max(steps for steps in range(1, maximum + 1) if steps_per_epoch % steps == 0)


def without_autotune(dataset) -> Any:
    """A dataset with tf.data's autotuning off, unless its options say whether they want it.

    Autotuning runs in a thread that sleeps twice as long each time, and in TensorFlow 2.21 the end of an epoch waits
    for it to wake: an epoch of a convolutional VAE takes a third longer on average (`benchmarks/throughput_tuner.py`).
    """
    if dataset.options().autotune.enabled is not None:
        return dataset
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
