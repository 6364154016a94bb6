"""What a network must be that a user gives, as a name or as a model of their own."""

import re
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import keras

from keras_gen.core.arguments import shown, widths


class Role:
    """What a network is for: the argument that asks for it, and from what to what it must map.

    Args:
        argument: the constructor's name for it.
        input_shape: of what it is given, without the batch.
        output: what it makes, in words.
        names: of those that are made for a user who gives a name.
    """

    takes_widths = False

    def __init__(self, argument: str, input_shape: tuple[int, ...], output: str, names: Iterable[str] = ()) -> None:
        self.argument, self.input_shape, self.output, self.names = argument, tuple(input_shape), output, tuple(names)

    def __str__(self) -> str:
        names = "".join(f"{name!r}, " for name in self.names)
        names = f"one of {names}or " if len(self.names) > 1 else f"{self.names[0]!r} or " if names else ""
        return (
            f"`{self.argument}` must be {names}a keras.Model or layer that maps {self.input_shape} to {self.output}, "
            f"such as keras.Sequential([keras.Input({self.input_shape}), ...])"
            + (", or the widths of dense layers, such as [512, 256]" if self.takes_widths else "")
        )

    def as_network(self, given: Any, dense: Callable[[tuple[int, ...]], keras.Model] | None = None) -> Any:
        """What a user gives as a `keras.Model` that is built from an Input; a name, or None, as it is.

        Args:
            given: a model, a layer or a model that is not built yet, which are called on an Input, or widths.
            dense: function of widths to a dense network, where they may be given.
        """
        self.takes_widths = dense is not None
        if dense is not None and widths(1).fits(given):
            return dense(widths(1).keep(given))
        if not isinstance(given, keras.Layer) or getattr(given, "inputs", None):
            return given
        x = keras.Input(self.input_shape)
        try:
            return keras.Model(x, given(x), name=given.name)
        except (ValueError, TypeError, NotImplementedError, AttributeError) as error:
            reason = re.sub(r"\x1b\[\d+m", "", str(error)).strip().split("\n")[0].rstrip(".")
            raise ValueError(f"{self}. Received: {given.name}, which cannot be called on that ({reason})") from None

    def check_name(self, name: Any) -> str:
        """A name, without its width, or a sentence."""
        known = name.partition("*")[0] if isinstance(name, str) else None
        if known not in self.names:
            raise ValueError(f"{self}. Received: {self.argument}={shown(name)}")
        return known

    def shapes_of(self, network: keras.Model, more_inputs: int = 0) -> tuple[tuple, tuple]:
        """From what to what a model maps; or a sentence, if it is not built or has not one input and one output.

        Args:
            network: the model.
            more_inputs: how many inputs there are besides.
        """
        inputs, outputs = (getattr(network, name, None) or [] for name in ("inputs", "outputs"))
        if len(inputs) != 1 + more_inputs or len(outputs) != 1 or isinstance(network.output_shape, list):
            raise ValueError(
                f"{self}, with one input and one output. Received: {network.name}, which maps {network.input_shape} to "
                f"{network.output_shape}"
            )
        return tuple(inputs[0].shape[1:]), tuple(outputs[0].shape[1:])

    def refuse(self, network: keras.Model, received: tuple, made: tuple) -> NoReturn:
        """Raises the sentence for a model that maps something else."""
        raise ValueError(
            f"`{self.argument}` must map {self.input_shape} to {self.output}. Received: {network.name}, which maps "
            f"{received} to {made}"
        )
