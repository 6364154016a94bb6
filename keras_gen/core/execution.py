"""How a training step is executed: XLA or not, and how many steps per call. Rules from measurement.

Images per second on two CPU cores (`benchmarks/throughput.py` measures what comes of them): XLA and many steps per call
raise a dense network from about 14,000 to 26,000; XLA halves the speed of a convolutional one. Several steps per
call and XLA fail under MirroredStrategy on CPU devices. On a CPU XLA runs the inside of a loop on one core, which makes
Boltzmann machines of several Gibbs steps take 1.7 times as long; such a model sets `loops`.

XLA takes some seconds to compile a step. It has saved as much after 3,200 steps of a VAE of 8 x 8 pixels (0.34 million
weights), 800 to 1,000 of one of 28 x 28 (1.1 million), 500 of an adversarial autoencoder (1.2 million): the number of
steps times weights is 0.6 to 1.1 thousand million (`benchmarks/xla.py`). `fit` turns it on where there will be twice as
many. The environment variable KERAS_GEN_XLA decides for all models.
"""

import math
import os
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from keras_gen.core import distribution
from keras_gen.core.checks import check_choice

STEPS_PER_CALL = 64
XLA_PAYS_FROM = 2e9  # steps times weights
XLA = "KERAS_GEN_XLA"  # environment variable: "0" or "1" for every model that is compiled without a word about it


def is_convolutional(model) -> bool:
    """Whether a model convolves: only convolutions have kernels of three axes or more."""
    return any(len(weight.shape) >= 3 for weight in model.trainable_weights)


class Execution(NamedTuple):
    """How the steps of a model are executed.

    Args:
        jit_compile: for Keras' `compile`.
        max_steps: per call, at most.
        is_open: whether `fit` shall turn XLA on where it pays.
    """

    jit_compile: bool | str
    max_steps: int
    is_open: bool


def resolve(model, jit_compile="auto", steps_per_execution="auto") -> Execution:
    """Fills in what the user left at "auto"."""
    if jit_compile == "auto" and XLA in os.environ:
        check_choice(XLA, os.environ[XLA], ("0", "1"))
        jit_compile = os.environ[XLA] == "1"
    on_cpu = not tf.config.list_logical_devices("GPU")
    dense_on_one_cpu = on_cpu and distribution.num_replicas() == 1 and not is_convolutional(model)
    is_open = jit_compile == "auto" and dense_on_one_cpu and not getattr(model, "loops", False)
    if steps_per_execution == "auto":
        steps_per_execution = STEPS_PER_CALL if dense_on_one_cpu else 1
    return Execution(False if jit_compile == "auto" and on_cpu else jit_compile, steps_per_execution, is_open)


def xla_pays(model, steps) -> bool:
    """Whether XLA saves more in so many steps than its compiling costs; None for steps that are not known."""
    return steps is None or steps * model.count_params() > XLA_PAYS_FROM


def steps_per_call(maximum, steps_per_epoch) -> int:
    """The largest number of steps per call, up to a maximum, that divides an epoch without a rest.

    Where the data end with the epoch, a last call of fewer steps ends by itself. Where they go on, Keras makes whole
    calls only: with 64 steps per call an epoch of two steps would become one of 64.

    Args:
        maximum: steps per call, at most.
        steps_per_epoch: as the user gives it to `fit`; None where the data end with the epoch, for the maximum.
    """
    if steps_per_epoch is None:
        return maximum
    return max(steps for steps in range(1, maximum + 1) if steps_per_epoch % steps == 0)


BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")


def watches_batches(callbacks) -> bool:
    """Whether a callback of a user wants to hear of each batch; one of Keras, if it is told how often."""

    def watches(callback):
        if any(hook in vars(callback) for hook in BATCH_HOOKS):  # a LambdaCallback
            return True
        if type(callback).__module__.partition(".")[0] in ("keras", "keras_gen"):
            return any(isinstance(getattr(callback, name, None), int) for name in ("save_freq", "update_freq"))
        return any(getattr(type(callback), hook) is not getattr(keras.callbacks.Callback, hook) for hook in BATCH_HOOKS)

    return any(map(watches, callbacks))


class StepCounter(keras.callbacks.CallbackList):
    """Callbacks that are told how many steps were made, where Keras counts whole calls.

    Args:
        callbacks: list of `keras.callbacks.Callback`.
        model: that counts its steps in `model.step`.
        evaluated: dataset of an evaluation, None for none.
        add_history: as of `CallbackList`.
        **params: as Keras gives them to callbacks: `epochs`, `steps`, `verbose`.
    """

    def __init__(self, callbacks, model, evaluated=None, add_history=False, **params):
        steps = -1 if evaluated is None else int(evaluated.cardinality())
        self._first, self._last_test = 0, steps - 1 if steps > 0 else math.inf
        super().__init__(callbacks, add_history, params["verbose"] != 0, model, **params)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._first = self._count()
        super().on_epoch_begin(epoch, logs)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        super().on_train_batch_end(self._count() - self._first - 1, logs)

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        super().on_test_batch_end(min(batch, self._last_test), logs)

    def _count(self):
        return int(keras.ops.convert_to_numpy(self.model.step))


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
