"""Scalars of a model that may be set while it trains, such as the weight of a term."""

from typing import Any

import keras
import tensorflow as tf

from keras_gen.core import arguments


class _Scalars:
    """Values and variables by name. No container of Keras, which would make weights of the variables."""

    def __init__(self):
        self.values, self.variables = {}, {}
        self.asked = set()  # names of which a trace has looked at the Python value


class Adjustable:
    """A constructor argument that may be set at any time and counts from the next step on.

    A traced step would hold a Python number for good; so the value is kept in a variable too. Outside of a graph the
    attribute reads as the number that was set, inside of one as a float32 tensor. What is computed at all may depend on
    whether the number is None or 0, by `model.setting(name)`: where that changes, the step is traced anew.

        class MyVAE(kg.VAE):
            strength = Adjustable(minimum=0)

            def __init__(self, data_shape, strength=1.0, **kwargs):
                super().__init__(data_shape, **kwargs)
                self.strength = strength

    As an argument of the constructor it is saved with the model's config.

    Args:
        minimum: the least value, or None.
        between: two numbers that the value must lie strictly between, or None.
        optional: whether None is a value too.
        whole: whether the value must be a whole number.
    """

    def __init__(
        self,
        minimum: float | None = None,
        between: tuple[float, float] | None = None,
        optional: bool = False,
        whole: bool = False,
    ):
        above, below = between or (None, None)
        least = None if minimum is None else int(minimum)
        rule = arguments.whole(least) if whole else arguments.number(minimum, above, below)
        self.rule = arguments.either(rule, arguments.NONE) if optional else rule

    def validate(self, model, value) -> None:
        """Raises a ValueError if a value that its rule allows is no good for a model."""

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, model, owner=None):
        if model is None:
            return self
        scalars = _scalars_of(model)
        if self.name not in scalars.values:
            raise AttributeError(f"{type(model).__name__} has not set `{self.name}` yet.")
        value = scalars.values[self.name]
        if value is None or tf.executing_eagerly():
            return value
        return tf.convert_to_tensor(scalars.variables[self.name])

    def __set__(self, model, value):
        value = self.rule.check(self.name, value)
        self.validate(model, value)
        scalars = _scalars_of(model)
        before = scalars.values.get(self.name)
        known = self.name in scalars.values
        if known and model.is_complete:
            model.check_setting(self.name, value)
        number = 0.0 if value is None else float(value)
        if known:
            scalars.variables[self.name].assign(number)
        else:
            scalars.variables[self.name] = keras.Variable(
                number, trainable=False, dtype="float32", autocast=False, name=self.name
            )
        scalars.values[self.name] = value
        has_changed = bool(before) != bool(value) or (before is None) != (value is None)
        if known and model.is_complete and has_changed and self.name in scalars.asked:
            model.remake_functions()


def _scalars_of(model):
    if "_scalars" not in vars(model):
        model._scalars = _Scalars()
    return model._scalars


def setting(model, name: str) -> Any:
    """The value of an `Adjustable`, or of another attribute, as a Python number or None, in a graph too."""
    scalars = _scalars_of(model)
    if not tf.executing_eagerly():
        scalars.asked.add(name)
    values = scalars.values
    return values[name] if name in values else getattr(model, name)
