"""A model's arguments: checked before its constructor runs, kept as attributes, saved, documented and left alone."""

import copy
import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any, Self

import keras
import tensorflow as tf

from keras_gen.core import documentation
from keras_gen.core.arguments import Rule, check_given, is_bare, plain, rule_of, shown
from keras_gen.core.part import Part
from keras_gen.core.scalars import Adjustable, setting
from keras_gen.table.spec import TableSpec


class Completed(type(keras.Model)):  # type: ignore[misc]  # Keras does not say its name
    """Tells a model when its constructor, with those of all classes above, is done."""

    def __call__(cls, *args, **kwargs):
        try:
            model = super().__call__(*args, **kwargs)
        except tf.errors.ResourceExhaustedError as error:
            given = [*map(shown, args), *(f"{name}={shown(value)}" for name, value in kwargs.items())]
            raise ValueError(
                f"The weights of this {cls.__name__} do not fit into memory: make its layers, or the data, smaller. "
                f"Received: {', '.join(given)}"
            ) from error
        model.on_completed()
        return model


class Configured(Part, metaclass=Completed):
    """Part of `GenerativeModel`: all that follows from the signatures of a class' constructors.

    Each constructor checks the arguments that it names by the rules of the model's class; see `core.arguments`. They
    reach it as plain Python values.
    """

    table: TableSpec | None = None  # the columns, of a model of a table's rows
    is_complete = False  # whether the constructor is done
    rules: Mapping[str, Rule] = {}  # what each argument of the constructor may be, where that can be told
    _adjustables: frozenset[str] = frozenset()  # arguments that may be set while the model trains

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = _checked(cls.__init__)
        parameters = cls.arguments()
        adjustables = {name: inspect.getattr_static(cls, name, None) for name in parameters}
        adjustables = {name: value for name, value in adjustables.items() if isinstance(value, Adjustable)}
        cls._adjustables = frozenset(adjustables)
        rules = {name: adjustables[name].rule if name in adjustables else cls._rule(name) for name in parameters}
        cls.rules = {name: rule for name, rule in rules.items() if rule is not None}
        cls.__signature__ = inspect.Signature(parameters.values())  # for help() and notebooks
        cls.__doc__ = documentation.complete(cls, parameters)

    def on_completed(self) -> None:
        """Called when the constructor is done."""
        self.is_complete = True

    @classmethod
    def _constructors(cls) -> list[Callable]:
        """Its own and those of the classes above, up to that of `GenerativeModel`."""
        owners = cls.__mro__[: cls.__mro__.index(Configured)]
        return [owner.__init__ for owner in owners if "__init__" in vars(owner)]

    @classmethod
    def arguments(cls) -> dict[str, inspect.Parameter]:
        """The constructor's arguments, its own and those of the classes above, by name; annotations without rules."""
        found: dict[str, inspect.Parameter] = {}
        for constructor in cls._constructors():
            passed_on = bool(found)
            for name, parameter in inspect.signature(constructor).parameters.items():
                if name != "self" and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                    parameter = parameter.replace(annotation=plain(parameter.annotation))
                    found.setdefault(name, parameter.replace(kind=parameter.KEYWORD_ONLY) if passed_on else parameter)
        return found

    @classmethod
    def _rule(cls, name: str) -> Rule | None:
        """The rule of an argument: of the nearest class whose annotation says more than a bare type."""
        annotations = [hints[name] for hints in map(_annotations, cls._constructors()) if name in hints]
        telling = [annotation for annotation in annotations if not is_bare(annotation)]
        return rule_of((telling or annotations or [Any])[0])

    # === Saving ===

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        for name in self.arguments():
            value = getattr(self, name)
            if name == "data_shape" and self.table is not None:
                value = self.table
            is_object = isinstance(value, keras.Layer | TableSpec)
            config[name] = keras.saving.serialize_keras_object(value) if is_object else value
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        config = copy.deepcopy(config)  # Keras empties the dicts that it deserializes
        for name in ("dtype", *cls.arguments()):
            if isinstance(config.get(name), dict) and "class_name" in config[name]:
                config[name] = keras.saving.deserialize_keras_object(config[name])
            if name in cls.rules and name in config and not cls.rules[name].fits(config[name]):
                config[name] = _as_now(name, config[name])
        return cls(**config)

    # === Setting ===

    def __setattr__(self, name: str, value: Any) -> None:
        if self.is_complete and name in type(self).__signature__.parameters:
            self._check_settable(name, value)
        super().__setattr__(name, value)

    def _check_settable(self, name: str, value: Any) -> None:
        """Raises a ValueError if an argument of the constructor is set that cannot be: it has shaped what was built."""
        if name in self._adjustables or value is getattr(self, name) or (name == "loss" and value is None):
            return
        can = ", ".join(f"`{other}`" for other in sorted(self._adjustables))
        raise AttributeError(
            f"`{name}` of {type(self).__name__} cannot be changed after construction: make a new model. "
            f"{f'What can be set while it trains: {can}. ' if can else ''}Received: {name}={value!r}"
        )

    def check_setting(self, name: str, value: float | None) -> None:
        """Called where an `Adjustable` is set anew; raises a sentence if that value cannot be had any more."""

    def setting(self, name: str) -> Any:
        """The value of an `Adjustable` as a Python number or None, in a graph too: for what is computed at all."""
        return setting(self, name)


def _as_now(name: str, value: Any) -> Any:
    """A value of a file of version 0.1.0, which took seeds of any sign and whole numbers as floats."""
    if name == "seed" and isinstance(value, int):
        return value & 0x7FFFFFFF  # as the noise was, and is
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _annotations(constructor: Callable) -> dict[str, Any]:
    """Annotations by name; those that are texts as they are where they name what is not there."""
    try:
        return typing.get_type_hints(constructor, include_extras=True)
    except NameError:
        return constructor.__annotations__


def _checked(constructor: Callable) -> Callable:
    """A constructor that first checks the arguments that it names, but for those left at their default."""
    signature = inspect.signature(constructor)

    @functools.wraps(constructor)
    def checked(self, *args, **kwargs):
        try:
            given = signature.bind(self, *args, **kwargs)
        except TypeError:
            return constructor(self, *args, **kwargs)  # Python says what is missing or too much
        check_given(given, type(self).rules)
        return constructor(*given.args, **given.kwargs)

    return checked
