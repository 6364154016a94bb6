"""`Graph`: a function of named tensors that can leave Python, and what a reader of its file has to know."""

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Value:
    """What goes into a graph, or comes out of it.

    Args:
        shape: of one example, without the batch; of an output it is found by itself.
        dtype: "float32" or "int32".
        range: smallest and largest value, None for any.
        unit: in words.
    """

    shape: tuple[int, ...] = ()
    dtype: str = "float32"
    range: tuple[float, float] | None = None
    unit: str = ""

    def described(self) -> dict[str, Any]:
        """For metadata: the size of the batch is null, which means any."""
        limits = None if self.range is None else list(self.range)
        return {"shape": [None, *self.shape], "dtype": self.dtype, "range": limits, "unit": self.unit}


@dataclasses.dataclass(frozen=True)
class Graph:
    """A function of named tensors, each of a free batch size.

    Args:
        function: of one tensor for each input to one tensor, or to one for each output by name.
        inputs: `Value`s by name, in the order of the function's arguments.
        outputs: `Value`s by name.
        about: what else metadata say.
        lending: a context in which the function is called, traced and written: that of averaged weights.
        compared: the input that "image" is to be like; None for nothing.
        truth: function of arrays by name to the outputs, where those of the function itself are not the measure.
    """

    function: Callable[..., Any]
    inputs: dict[str, Value]
    outputs: dict[str, Value]
    about: dict[str, Any] = dataclasses.field(default_factory=dict)
    lending: Callable[[], contextlib.AbstractContextManager] = contextlib.nullcontext
    compared: str | None = None
    truth: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]] | None = None

    @property
    def signature(self) -> list[tf.TensorSpec]:
        """Of the inputs, in order."""
        return [tf.TensorSpec((None, *value.shape), value.dtype, name) for name, value in self.inputs.items()]

    def named(self, *tensors) -> dict[str, tf.Tensor]:
        """The outputs by name, float32 or int32."""
        made = self.function(*tensors)
        made = made if isinstance(made, dict) else {next(iter(self.outputs)): made}
        return {name: tf.cast(tf.convert_to_tensor(made[name]), value.dtype) for name, value in self.outputs.items()}

    def eager(self, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What the model itself gives."""
        if self.truth is not None:
            return self.truth(given)
        with self.lending():
            made = self.named(*(tf.constant(given[name], value.dtype) for name, value in self.inputs.items()))
        return {name: np.asarray(value) for name, value in made.items()}

    def traced(self) -> tf.Module:
        """A module whose `serve` is the function, with the weights that it reads and no others."""
        module = tf.Module()
        with self.lending():
            module.serve = tf.function(self.named, input_signature=self.signature, autograph=False)
            concrete = module.serve.get_concrete_function()
        module.weights = list(concrete.variables)
        return module

    def metadata(self, shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
        """What stands in the file, with the shapes of the outputs."""
        outputs = {name: dataclasses.replace(value, shape=shapes[name]) for name, value in self.outputs.items()}
        return {
            **self.about,
            "inputs": {name: value.described() for name, value in self.inputs.items()},
            "outputs": {name: value.described() for name, value in outputs.items()},
        }
