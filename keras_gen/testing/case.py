"""A model to check, and what the checks do with it."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_gen.core import AdversarialModel, GenerativeModel


@dataclasses.dataclass(eq=False)
class Case:
    """A model to check.

    Args:
        name: of the case.
        cls: the model's class.
        arguments: of its constructor; a function of no argument returns them, so that networks are made anew.
        x: (N, H, W, C) or (N, D), at least 12 examples, few pixels.
        labels: (N,) ints or None; of a model that learns from labels, what it is given; of one that translates images,
            the targets.
        exceptions: name of a check to the reason why it does not hold for this model.
    """

    name: str
    cls: type[GenerativeModel]
    arguments: Callable[[], dict]
    x: np.ndarray
    labels: Any = None
    exceptions: dict = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def supervision(self) -> str | None:
        """How the model learns from labels; see `GenerativeModel.supervision`."""
        return self.cls.supervision_of(self.arguments())

    @property
    def taught(self) -> bool:
        """Whether `fit` takes more than x: labels, or targets."""
        return bool(self.supervision or self.cls.target_mode)

    def model(self, optimizer=None, **compile_options) -> keras.Model:
        """A new model with the same weights each time, compiled for SGD; without XLA, whose compiling takes seconds.

        A step of SGD is traced in less than half the time that one of Adam takes.
        """
        keras.utils.set_random_seed(0)
        model = self.cls(**self.arguments())
        options = {"jit_compile": False, "steps_per_execution": 1, **compile_options}
        model.compile(optimizer=optimizer or keras.optimizers.SGD(1e-3), **options)
        return model

    def pair(self, count: int | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        """The first `count` examples, and the labels or targets that `fit` takes with them, if it does."""
        return self.x[:count], self.labels[:count] if self.taught else None

    def repeated(self, times: int) -> tuple[np.ndarray, np.ndarray | None]:
        """`pair`, over and over: an epoch costs as much as dozens of steps."""
        x, y = self.pair()
        return np.concatenate([x] * times), None if y is None else np.concatenate([y] * times)

    def inputs(self, count: int | None = None) -> Any:
        """What the model is called with: x, or x and labels where it needs them."""
        x, y = self.pair(count)
        return (x, y) if self.supervision == "required" else x

    def labels_of(self, chosen) -> dict[str, np.ndarray]:
        """Keyword arguments of an ability for the chosen examples."""
        return {"labels": self.labels[chosen]} if self.supervision == "required" else {}


@dataclasses.dataclass
class Trained:
    """A model, what it was when it was new, and its weights after three epochs; it may have been trained on since."""

    model: GenerativeModel
    start: list  # of pairs: each variable, first the weights, then those of optimizers, and its value
    weights: list

    def restart(self) -> keras.Model:
        """Puts every variable that there was back to its value when the model was new."""
        for variable, value in self.start:
            variable.assign(value)


@functools.lru_cache(maxsize=1)
def trained(case: Case) -> Trained:
    """One model for those checks of a case that may train it on: tracing a step takes as long as a hundred steps."""
    model = case.model(optimizer=keras.optimizers.Adam(3e-3))
    variables = [*model.weights, *(variable for optimizer in optimizers_of(model) for variable in optimizer.variables)]
    start = [(variable, np.array(variable)) for variable in variables]
    fit(model, case.pair(), epochs=3)
    return Trained(model, start, model.get_weights())


def optimizers_of(model: keras.Model) -> list:
    """The model's optimizer, or that of each player."""
    if isinstance(model, AdversarialModel):
        return [getattr(model, player.optimizer_name) for player in model.players]
    return [model.optimizer]


def fit(model: keras.Model, data, **options) -> keras.callbacks.History:
    """History of `fit` on an array, a dataset, or a pair of array and labels."""
    x, y = data if isinstance(data, tuple) else (data, None)
    return model.fit(x, y, **{"batch_size": 4, "epochs": 1, "shuffle": False, "verbose": 0, **options}).history


def evaluate(model: keras.Model, data, **options) -> dict:
    return model.evaluate(*data, **{"verbose": 0, "return_dict": True, **options})


def assert_equal(a, b, what, tolerance=0.0) -> None:
    for i, (left, right) in enumerate(zip(a, b, strict=True)):
        left, right = np.asarray(left, "float64"), np.asarray(right, "float64")
        assert np.array_equal(np.isnan(left), np.isnan(right)), f"{what}: array {i} differs in what is not a number"
        difference = np.max(np.abs(np.nan_to_num(left) - np.nan_to_num(right)), initial=0.0)
        assert difference <= tolerance, f"{what}: array {i} differs by {difference}, more than {tolerance}"


def assert_finite(figures, what) -> None:
    for name, value in figures.items():
        assert np.all(np.isfinite(value)), f"{what}: {name}={value} is not finite"


def parameter_count(model: keras.Model) -> int:
    """Trainable parameters of a model, for keeping the cases small."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)
