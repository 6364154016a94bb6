"""Checks of arguments, each with a sentence that says what was expected and what was received."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from keras_gen.core import arguments


def check_data_shape(data_shape: Any, name: str = "data_shape") -> tuple[int, ...]:
    """(H, W, C) or (D,) as a tuple of ints, or a sentence."""
    return arguments.SHAPE.check(name, data_shape)


def check_at_least(minimum: float, **given) -> None:
    """Raises a ValueError if any of the named arguments is below the minimum, or is no number."""
    _check(arguments.number(minimum), given)


def check_whole(minimum: int, **given) -> None:
    """Raises a ValueError if any of the named arguments is not a whole number of at least the minimum."""
    _check(arguments.whole(minimum), given)


def check_choice(name: str, value, choices: Iterable) -> None:
    """Raises a ValueError if an argument is not one of its choices."""
    arguments.choice(choices).check(name, value)


def _check(rule, given):
    for name, value in given.items():
        rule.check(name, value)


def is_probability(activation: str) -> bool:
    """Whether an activation, by name, stays in [0, 1]."""
    values = keras.ops.convert_to_numpy(keras.activations.get(activation)(np.array([[-20.0, -1, 0, 1, 20]], "float32")))
    return bool(np.min(values) >= 0 and np.max(values) <= 1)
