"""Checks of arguments, each with a sentence that says what was expected and what was received."""

import numbers

import keras
import numpy as np


def check_data_shape(data_shape, name="data_shape"):
    """(H, W, C) or (D,) as a tuple of ints, or a sentence."""
    shape = tuple(data_shape) if isinstance(data_shape, tuple | list) else (data_shape,)
    if len(shape) not in (1, 3) or any(not isinstance(size, int | np.integer) or size < 1 for size in shape):
        raise ValueError(
            f"`{name}` must be (height, width, channels) of images or (length,) of vectors, all at least 1. "
            f"Received: {name}={data_shape}"
        )
    return tuple(int(size) for size in shape)


def check_at_least(minimum, **arguments):
    """Raises a sentence if any of the named arguments is below the minimum, or is no number."""
    for name, value in arguments.items():
        if not isinstance(value, numbers.Real) or not value >= minimum:
            raise ValueError(f"`{name}` must be at least {minimum}. Received: {name}={value}")


def check_whole(minimum, **arguments):
    """Raises a sentence if any of the named arguments is not a whole number of at least the minimum."""
    for name, value in arguments.items():
        if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < minimum:
            raise ValueError(f"`{name}` must be a whole number of at least {minimum}. Received: {name}={value!r}")


def check_units(hidden_units, fewest=2):
    """The sizes of layers, as a tuple of whole numbers, or a sentence."""
    if not isinstance(hidden_units, tuple | list) or len(hidden_units) < fewest:
        raise ValueError(
            f"`hidden_units` must name at least {fewest} layers, such as (500, 500). "
            f"Received: hidden_units={hidden_units}"
        )
    for units in hidden_units:
        check_whole(1, hidden_units=units)
    return tuple(hidden_units)


def check_choice(name, value, choices):
    """Raises a sentence if an argument is not one of its choices."""
    if value not in tuple(choices):
        raise ValueError(f"`{name}` must be one of {', '.join(map(repr, choices))}. Received: {name}={value!r}")


def check_activation(name, value):
    """The name of an activation of Keras, or a sentence."""
    try:
        keras.activations.get(value if isinstance(value, str) else "not a name")
    except (TypeError, ValueError):
        raise ValueError(
            f"`{name}` must be the name of an activation of Keras, such as 'sigmoid', 'relu' or 'linear'. "
            f"Received: {name}={value!r}"
        ) from None
    return value


def is_probability(activation):
    """Whether an activation, by name, stays in [0, 1]."""
    values = keras.ops.convert_to_numpy(keras.activations.get(activation)(np.array([[-20.0, -1, 0, 1, 20]], "float32")))
    return bool(np.min(values) >= 0 and np.max(values) <= 1)


def check_between(low, high, **arguments):
    """Raises a sentence if any of the named arguments is not strictly between two numbers."""
    for name, value in arguments.items():
        if not isinstance(value, numbers.Real) or not low < value < high:
            raise ValueError(f"`{name}` must be between {low} and {high}. Received: {name}={value}")
