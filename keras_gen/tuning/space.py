"""What is searched: ranges and choices of the arguments of a model."""

import json
from typing import Any, NamedTuple

import keras
import keras_tuner as kt

from keras_gen.core import GenerativeModel, check_choice
from keras_gen.training.config import SHAPES
from keras_gen.training.registry import find_model

OF_THE_RUN = ("learning_rate", "batch_size")  # what a space may hold besides the constructor's arguments
WIDTH = "width"  # and this, of models whose networks may be given by name


class Range(NamedTuple):
    """Numbers from low to high, both included.

    Args:
        low, high: two whole numbers for whole numbers.
        log: whether the logarithm is uniform, instead of the number.
    """

    low: float
    high: float
    log: bool = False

    @property
    def whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)


# What is worth a search, of whatever model takes it.
READY: dict[str, Range | list] = {
    "latent_dim": Range(2, 64, log=True),
    "beta": Range(0.5, 8.0, log=True),
    "rho": Range(0.01, 0.3, log=True),
    "level": Range(0.1, 0.7),
    "weight": Range(0.01, 1.0, log=True),
    "hidden_units": [100, 250, 500],
    "weight_decay": Range(1e-5, 1e-2, log=True),
    "noise_dim": Range(8, 128, log=True),
    WIDTH: [0.5, 1.0, 2.0],
    "gamma": Range(1.0, 100.0, log=True),
    "information_weight": Range(0.1, 2.0, log=True),
    "l1_weight": Range(10.0, 300.0, log=True),
    "cycle_weight": Range(1.0, 30.0, log=True),
    "learning_rate": Range(3e-4, 3e-3, log=True),
}


def ready_space(model: str) -> dict[str, Range | list]:
    """The default space: those arguments in `READY` that the model's constructor takes as one number.

    Args:
        model: name of the model, such as "vae".
    """
    _, cls = find_model(model)
    takes = {name for name, p in cls.arguments().items() if not isinstance(p.default, tuple)} | {"learning_rate"}
    takes |= {WIDTH} if bodies(cls) else set()
    return {name: values for name, values in READY.items() if name in takes}


def bodies(cls: type[GenerativeModel]) -> list[str]:
    """Names of a model's arguments that are networks with hidden layers, which `width` widens."""
    if cls.target_mode is not None:  # those of translators are not known by names with widths
        return []
    found = {name: p.default for name, p in cls.arguments().items() if p.annotation == str | keras.Model | None}
    return [] if "shallow" in found.values() else list(found)


def arguments_of(cls: type[GenerativeModel], values: dict, fixed: dict) -> dict[str, Any]:
    """Arguments of the constructor for the values of a trial, and those that are fixed."""
    arguments = fixed | {name: value for name, value in values.items() if name not in (WIDTH, *OF_THE_RUN)}
    if WIDTH in values:
        arguments |= {name: f"{arguments.get(name) or ''}*{values[WIDTH]:.6g}" for name in bodies(cls)}
    return arguments


def parse_space(texts: list[str]) -> dict[str, Range | list]:
    """A space as the command line writes it: `beta=0.5..8:log`, `latent_dim=2..64`, `penalty=kl,l1`.

    Args:
        texts: list of str.

    Returns:
        dict of name to `Range` or to a list of choices.
    """
    space: dict[str, Range | list] = {}
    for text in texts:
        name, found, values = text.partition("=")
        if not found or not name or not values:
            raise ValueError(
                "A space must be made of entries such as beta=0.5..8:log, latent_dim=2..64 or penalty=kl,l1. "
                f"Received: {text!r}"
            )
        name = name.replace("-", "_")
        if name in space:
            raise ValueError(f"Each hyperparameter must be named once. Received: {name} twice")
        low, is_range, rest = values.partition("..")
        if is_range:
            high, _, scale = rest.partition(":")
            check_choice(f"scale of {name}", scale or "linear", ("linear", "log"))
            ends = [_value(end) for end in (low, high)]
            if not all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends):
                raise ValueError(f"A range must have a number at both ends, such as 0.5..8. Received: {text!r}")
            space[name] = Range(ends[0], ends[1], scale == "log")
        else:
            space[name] = [_value(value) for value in values.split(",")]
    return space


def _value(text):
    """A number, True, False or None where the text is one, else the text."""
    try:
        return json.loads({"True": "true", "False": "false", "None": "null"}.get(text, text))
    except json.JSONDecodeError:
        return text


def check_space(space: dict, name: str, cls: type[GenerativeModel]) -> dict[str, Range | list]:
    """The space with `Range` for (low, high) and (low, high, "log"), or a sentence."""
    if not space:
        raise ValueError(
            f"There is nothing to search in an empty space: it must name a hyperparameter. Received: space={space}"
        )
    takes = [key for key in cls.arguments() if key not in ("seed", *SHAPES)]
    takes += [*([WIDTH] if bodies(cls) else []), *OF_THE_RUN]
    checked = {}
    for key, values in space.items():
        if key not in takes:
            raise ValueError(f"A space of {name} may hold {', '.join(takes)}. Received: {key}")
        if isinstance(values, tuple) and not isinstance(values, Range):
            if len(values) not in (2, 3) or values[2:] not in ((), ("log",), ("linear",)):
                raise ValueError(f"A range must be (low, high) or (low, high, 'log'). Received: {key}={values}")
            values = Range(values[0], values[1], values[2:] == ("log",))
        numbers = values[:2] if isinstance(values, Range) else values if key == WIDTH else ()
        if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in numbers):
            raise ValueError(f"The values must be numbers, for {key} is a number. Received: {key}={values}")
        if isinstance(values, Range):
            if not values.low < values.high:
                raise ValueError(f"A range must go from low to high. Received: {key}={values.low}..{values.high}")
            if values.log and values.low <= 0:
                raise ValueError(
                    f"A logarithmic range must be one that begins above 0. Received: {key}={values.low}..{values.high}"
                )
        elif not isinstance(values, list) or not values:
            raise ValueError(f"A hyperparameter must have a range or a list of choices. Received: {key}={values!r}")
        if key == WIDTH and min(values[:1] if isinstance(values, Range) else values) <= 0:
            raise ValueError(f"A width must be a factor above 0. Received: {key}={values}")
        checked[key] = values
    return checked


def written(space: dict[str, Range | list]) -> dict[str, dict | list]:
    """A space as JSON holds it; `read` is the way back."""
    return {
        name: {"low": v.low, "high": v.high, "log": v.log} if isinstance(v, Range) else v for name, v in space.items()
    }


def read(space: dict[str, dict | list]) -> dict[str, Range | list]:
    """A space that JSON held."""
    return {name: Range(**values) if isinstance(values, dict) else values for name, values in space.items()}


def declare(space: dict[str, Range | list]) -> kt.HyperParameters:
    """A space as Keras Tuner declares it."""
    found = kt.HyperParameters()
    for name, values in space.items():
        if not isinstance(values, Range):
            # Keras Tuner knows choices of one type only, and no None.
            found.Choice(name, [json.dumps(value) for value in values])
        else:
            declare = found.Int if values.whole else found.Float
            declare(name, values.low, values.high, sampling="log" if values.log else "linear")
    return found


def values_of(hyperparameters: kt.HyperParameters, space: dict[str, Range | list]) -> dict[str, Any]:
    """The values of a trial: {name: value}."""
    found = {name: hyperparameters.get(name) for name in space}
    return {
        # Keras Tuner's whole numbers of a logarithmic range can be one too large.
        name: min(found[name], values.high) if isinstance(values, Range) else json.loads(found[name])
        for name, values in space.items()
    }


class HyperModel(kt.HyperModel):
    """A model and its space for a tuner of your own: `kt.RandomSearch(kg.tuning.HyperModel("vae", (28, 28, 1)), ...)`.

    Choose the objective with care: `val_loss` contains the weights that are searched; see `OBJECTIVES`.

    Args:
        model: its name, such as "vae".
        data_shape: (H, W, C) or (D,).
        space: see `search`; the ready one if not given.
        **arguments: of the constructor, fixed.
    """

    def __init__(self, model, data_shape, space=None, **arguments):
        super().__init__(name=model)
        self.model, self.cls = find_model(model)
        self.data_shape, self.arguments = data_shape, arguments
        self.space = check_space(ready_space(model) if space is None else space, self.model, self.cls)

    def build(self, hp) -> GenerativeModel:
        for declared in declare(self.space).space:
            hp.merge([declared])
        values = values_of(hp, self.space)
        model = self.cls(data_shape=self.data_shape, **arguments_of(self.cls, values, self.arguments))
        model.compile(**model.default_optimizers(values.get("learning_rate")))
        return model
