"""What a constructor's arguments may be: rules, and the annotations that carry them.

A rule stands where its argument is declared, `latent_dim: Count = 16`; `Literal`, `bool`, `int`, `float` and `str` are
rules already. `core.config` applies them before a constructor runs, `checked` before any other function. A network,
`str | keras.Model | None`, has its rule in `networks`, where it is known from what to what it must map.
"""

import dataclasses
import functools
import inspect
import math
import operator
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen.table.spec import TableSpec

MAX_WHOLE = 2**31 - 1  # of whole numbers: TensorFlow counts the entries of an axis, and seeds its noise, by 32 bits
LARGEST_FLOAT = float(np.finfo("float32").max)
SHOWN = 200  # characters of what was received


@dataclasses.dataclass(frozen=True)
class Rule:
    """What an argument may be.

    Args:
        expected: the same in words, that follow "must be".
        fits: whether a value is that.
        keep: the plain Python value of one that fits.
    """

    expected: str
    fits: Callable[[Any], bool]
    keep: Callable[[Any], Any] = lambda value: value

    def check(self, name: str, value: Any) -> Any:
        """The plain value of an argument, or a sentence."""
        if not self.fits(value):
            limit = " and below 2^31" if _is_number(value, int | np.integer) and value > MAX_WHOLE else ""
            raise ValueError(f"`{name}` must be {self.expected}{limit}. Received: {name}={shown(value)}")
        return self.keep(value)


def shown(value: Any) -> str:
    """A value on one line, cut where it is long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


# === Rules ===


def whole(minimum: int | None = None, maximum: int = MAX_WHOLE) -> Rule:
    """A whole number, numpy's too, and no bool."""
    words = "a whole number" if minimum is None else f"a whole number of at least {minimum}"
    words += "" if maximum == MAX_WHOLE else f" and at most {maximum}"
    low = -MAX_WHOLE if minimum is None else minimum
    return Rule(words, lambda value: _is_number(value, int | np.integer) and low <= value <= maximum, int)


def number(minimum: float | None = None, above: float | None = None, below: float | None = None) -> Rule:
    """A finite number, numpy's or an array of no axes too, and no bool.

    Args:
        minimum: the least one.
        above: what it must be larger than.
        below: what it must be smaller than.
    """
    low, high = -math.inf if above is None else above, math.inf if below is None else below
    if above is not None and below is not None:
        words = f"a number between {above} and {below}, neither of them included"
    else:
        limits = {"of at least": minimum, "above": above, "below": below}
        words = "a number " + " and ".join(f"{text} {limit}" for text, limit in limits.items() if limit is not None)

    def fits(value: Any) -> bool:
        value = _scalar(value)
        if not _is_number(value, int | float | np.integer | np.floating) or not abs(value) <= LARGEST_FLOAT:
            return False  # not a number is not at most anything
        return low < value < high and (minimum is None or value >= minimum)

    def keep(value: Any) -> int | float:
        value = _scalar(value)
        return value.item() if hasattr(value, "item") else value

    return Rule(words.strip(), fits, keep)


def choice(choices: Iterable) -> Rule:
    """One of some values, such as names."""
    choices = tuple(choices)

    def equal(value: Any) -> list:
        return [one for one in choices if isinstance(value, type(one)) and value == one]

    words = ", ".join(map(repr, choices))
    return Rule(
        words if len(choices) == 1 else f"one of {words}",
        lambda value: bool(equal(value)),
        lambda value: equal(value)[0],
    )


def widths(fewest: int) -> Rule:
    """The sizes of layers, as a tuple; as many, or more."""
    units = whole(1)

    def fits(value: Any) -> bool:
        return isinstance(value, tuple | list) and len(value) >= fewest and all(map(units.fits, value))

    layers = {0: "layers", 1: "at least one layer"}.get(fewest, f"at least {fewest} layers")
    words = f"the sizes of {layers}, whole numbers of at least 1, such as (500, 500)"
    return Rule(words, fits, lambda value: tuple(map(int, value)))


def either(*rules: Rule) -> Rule:
    """What fits any of some rules."""
    return Rule(
        ", or ".join(rule.expected for rule in rules),
        lambda value: any(rule.fits(value) for rule in rules),
        lambda value: next(rule for rule in rules if rule.fits(value)).keep(value),
    )


def _is_number(value: Any, kinds: Any) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def _scalar(value: Any) -> Any:
    """The number of an array or a tensor of no axes, as schedules give it; all else as it is."""
    is_known = isinstance(value, np.ndarray) or (isinstance(value, tf.Tensor) and hasattr(value, "numpy"))
    return np.asarray(value)[()] if is_known and value.shape == () else value


def _is_shape(value: Any) -> bool:
    sizes = tuple(value) if isinstance(value, tuple | list | tf.TensorShape) or np.ndim(value) == 1 else ()
    return len(sizes) in (1, 2, 3) and all(map(whole(1).fits, sizes)) and math.prod(map(int, sizes)) <= MAX_WHOLE


def _is_activation(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(keras.activations.get(value))
    except ValueError:
        return False


FLAG = Rule("True or False", lambda value: isinstance(value, bool | np.bool_), bool)
TEXT = Rule("a text", lambda value: isinstance(value, str), str)
NONE = Rule("None", lambda value: value is None)
SHAPE = Rule(
    "a tuple: (height, width, channels) of images, such as (28, 28, 1), (steps, features) of series, such as (64, 1), "
    "or (length,) of vectors; of at least 1 and less than 2^31 values",
    _is_shape,
    lambda value: tuple(map(int, value)),
)
TABLE = Rule("the `spec` of a table", lambda value: isinstance(value, TableSpec) and value.width > 0)
ACTIVATION = Rule("the name of an activation of Keras, such as 'sigmoid', 'relu' or 'linear'", _is_activation, str)

# === Annotations ===

Count = Annotated[int, whole(1)]
CountOrZero = Annotated[int, whole(0)]
Classes = Annotated[int, whole(2)]
Seed = Annotated[int, whole(0)]
Positive = Annotated[float, number(above=0)]
Share = Annotated[float, number(minimum=0, below=1)]
Decay = Annotated[float, number(above=0, below=1)]
DataShape = Annotated[tuple[int, ...], either(SHAPE, TABLE)]
Widths = Annotated[tuple[int, ...], widths(2)]
Activation = Annotated[str, ACTIVATION]

BARE = {int: whole(), float: number(), bool: FLAG, str: TEXT, type(None): NONE}


def rule_of(annotation: Any) -> Rule | None:
    """The rule that an annotation carries or implies, None where it says nothing that can be checked."""
    if isinstance(annotation, type) and annotation in BARE:
        return BARE[annotation]
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return next(
            (part for part in annotation.__metadata__ if isinstance(part, Rule)), rule_of(annotation.__origin__)
        )
    if origin is typing.Literal:
        return choice(typing.get_args(annotation))
    if origin in (typing.Union, types.UnionType):
        in_order = sorted(typing.get_args(annotation), key=lambda part: part is type(None))
        parts: list[Any] = [rule_of(part) for part in in_order]
        return None if None in parts else either(*parts)
    return None


def is_bare(annotation: Any) -> bool:
    """Whether an annotation, such as `int` or `float | None`, says no more than that of a class above may say."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return all(map(is_bare, typing.get_args(annotation)))
    return annotation in (tuple, tuple[int, ...], *BARE)


def plain(annotation: Any) -> Any:
    """An annotation without its rules: `Count | None` -> `int | None`."""
    if typing.get_origin(annotation) is Annotated:
        return plain(annotation.__origin__)
    if typing.get_origin(annotation) is typing.Union:
        return functools.reduce(operator.or_, map(plain, typing.get_args(annotation)))
    return annotation


# === Functions ===


def check_given(given: inspect.BoundArguments, rules: Mapping[str, Rule]) -> None:
    """Puts the plain values of arguments that rules are known for in their place, but for those left at their default.

    Raises:
        ValueError: a sentence, if one does not fit.
    """
    for name, value in given.arguments.items():
        if name in rules and value is not given.signature.parameters[name].default:
            given.arguments[name] = rules[name].check(name, value)


def checked(function: Callable) -> Callable:
    """Lets a function check its arguments first, by the rules that their annotations carry or imply."""
    hints = typing.get_type_hints(function, include_extras=True)
    rules = {name: rule for name in hints if name != "return" and (rule := rule_of(hints[name])) is not None}
    signature = inspect.signature(function)
    parameters = [
        part.replace(annotation=plain(hints.get(part.name, part.annotation))) for part in signature.parameters.values()
    ]

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        try:
            given = signature.bind(*args, **kwargs)
        except TypeError:
            return function(*args, **kwargs)  # Python says what is missing or too much
        check_given(given, rules)
        return function(*given.args, **given.kwargs)

    vars(wrapper)["__signature__"] = signature.replace(parameters=parameters)  # for help() and notebooks
    return wrapper
