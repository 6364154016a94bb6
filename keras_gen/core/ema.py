"""An exponential moving average of a model's weights, kept by the training step and used for what it makes."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen.core import distribution
from keras_gen.core.part import Part

Method = TypeVar("Method", bound=Callable)

WARMUP = 10  # the average follows the weights closely for some multiples of so many steps, and then by `ema`


@keras.saving.register_keras_serializable("keras_gen")
class WeightAverages(keras.layers.Layer):
    """Holds a value for each of some weights, in order.

    Args:
        weights: list of variables, whose values it begins with.
    """

    def __init__(self, weights=(), **kwargs):
        super().__init__(**{"trainable": False, **kwargs})
        for i, weight in enumerate(weights):
            self.add_weight(
                name=f"average_{i}",
                shape=weight.shape,
                dtype=weight.dtype,
                trainable=False,
                autocast=False,
                initializer=lambda shape, dtype, weight=weight: ops.convert_to_tensor(np.array(weight), dtype),
            )
        self.built = True


class Averaged(Part):
    """Part of `GenerativeModel`: step t moves the average by `(1 - d) (w - a)`, d = min(ema, (1 + t) / (10 + t))."""

    averages: Any = None  # a layer, or the networks themselves
    swaps_averages = True  # whether `by_averages` puts them in the place of the weights; else the model reads them
    _by_averages = False

    def averaged_weights(self) -> list:
        """The weights of which averages are kept: all that are not whole numbers, whatever is frozen just now."""
        own = {id(weight) for weight in self.averages.weights} if self.averages is not None else ()
        return [weight for weight in self.weights if "float" in weight.dtype and id(weight) not in own]

    def make_averages(self) -> list:
        """Makes `averages`, and returns their variables in the order of `averaged_weights`."""
        self.averages = WeightAverages(self.averaged_weights(), name="averages")
        return self.averages.weights

    def start_averages(self) -> None:
        """Called once all weights are there."""
        if self.ema is None or self.averages is not None:
            return
        weights = self.averaged_weights()
        variables = self.make_averages()
        self._average_pairs = lambda: zip(variables, weights, strict=True)  # behind a function: Keras tracks lists
        # a' = a - 1 * (share of the way to go): an optimizer may write on every replica, a model may not.
        self.averaging = keras.optimizers.SGD(1.0)
        self.averaging.build(variables)

    def update_averages(self) -> None:
        """Moves the averages towards the weights; in each training step, on each replica."""
        if self.ema is None:
            return
        step = ops.cast(self.step, "float32")
        share = ops.maximum(1.0 - self.ema, 1.0 - (1.0 + step) / (WARMUP + step)) / distribution.num_replicas()
        averages, ways = [], []
        for average, weight in self._average_pairs():
            averages.append(average)
            ways.append(ops.cast(share, average.dtype) * (average - ops.cast(weight, average.dtype)))
        distribution.apply(self.averaging, ways, averages)

    def restart_averages(self) -> None:
        """Lets the averages begin again at the weights as they are now."""
        if self.ema is not None:
            for average, weight in self._average_pairs():
                average.assign(np.array(weight))

    def frozen_copy(self) -> keras.Model:
        """A copy with the averages as its weights, neither compiled nor trained; the model itself goes on as it was."""
        frozen = type(self).from_config({**self.get_config(), "trainable": True, "ema": None})
        with self.using_averages():
            frozen.set_weights(self.get_weights()[: len(frozen.weights)])  # averages come last
        frozen.trainable = False
        return frozen

    @contextlib.contextmanager
    def using_averages(self) -> Iterator[None]:
        """Within it, the weights have the values of their averages, once there was a step. A graph is left alone."""
        is_off = self.ema is None or not self.swaps_averages or self._by_averages or not tf.executing_eagerly()
        if is_off or int(ops.convert_to_numpy(self.step)) == 0:  # weights may have been set by hand
            yield
            return
        kept = [(weight, np.array(weight)) for _, weight in self._average_pairs()]
        self._by_averages = True
        try:
            for average, weight in self._average_pairs():
                weight.assign(np.array(average))
            yield
        finally:
            for weight, value in kept:
                weight.assign(value)
            self._by_averages = False


def by_averages(method: Method) -> Method:
    """Lets a method of a model with `ema` work with the averages of the weights."""

    @functools.wraps(method)
    def wrapper(self, *args, **kwargs):
        with self.using_averages():
            return method(self, *args, **kwargs)

    return cast(Method, wrapper)
