"""Scalars of a model that may be set while it trains, such as the weight of a term."""

import keras
import tensorflow as tf


class _Scalars:
    """Values and variables by name. No container of Keras, which would make weights of the variables."""

    def __init__(self):
        self.values, self.variables = {}, {}


class Adjustable:
    """A constructor argument that may be set at any time and counts from the next step on.

    A traced step would hold a Python number for good; so the value is kept in a variable too. Outside of a graph the
    attribute reads as the number that was set, inside of one as a float32 tensor. What is computed at all may depend on
    whether the number is None or 0, by `model.setting(name)`: where that changes, the step is traced anew.

        class MyVAE(kg.VAE):
            strength = Adjustable(functools.partial(check_at_least, 0))

    It is saved with the model's config.

    Args:
        check: function of one keyword argument of the attribute's name, that raises a sentence if the value is no good.
        optional: whether None is a value too.
    """

    def __init__(self, check, optional=False):
        self.check, self.optional = check, optional

    def validate(self, model, value):
        """Raises a sentence if a value is no good for a model."""
        self.check(**{self.name: value})

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
        if value is not None or not self.optional:
            self.validate(model, value)
            value = value.item() if hasattr(value, "item") else value
        scalars = _scalars_of(model)
        before = scalars.values.get(self.name)
        known = self.name in scalars.values
        if known:
            model.check_setting(self.name, value)
        number = 0.0 if value is None else float(value)
        if known:
            scalars.variables[self.name].assign(number)
        else:
            scalars.variables[self.name] = keras.Variable(
                number, trainable=False, dtype="float32", autocast=False, name=self.name
            )
        scalars.values[self.name] = value
        if known and (bool(before) != bool(value) or (before is None) != (value is None)):
            model.remake_functions()


def _scalars_of(model):
    if "_scalars" not in vars(model):
        model._scalars = _Scalars()
    return model._scalars


def setting(model, name):
    """The value of an `Adjustable`, or of another attribute, as a Python number or None, in a graph too."""
    values = _scalars_of(model).values
    return values[name] if name in values else getattr(model, name)
