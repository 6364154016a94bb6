"""Names that hooks of models, and arguments, had in older versions: they go on working, and warn."""

import functools
import warnings
from collections.abc import Callable

RENAMED = {
    "compared": "reconstruction_pairs",
    "expansion": "memory_factor",
    "labelling": "supervision",
    "labelling_of": "supervision_of",
    "needs": "label_kwargs",
    "pairing": "target_mode",
    "rate": "learning_rate_schedule",
    "watches_resting": "evaluates_frozen",
}
ARGUMENTS_NOW = {"divergence": "divergence_terms"}  # hooks whose old names are arguments: they are not read by those


def warn_of(old: str, new: str, stacklevel: int = 3) -> None:
    """Says that a name is another now."""
    warnings.warn(f"`{old}` is called `{new}` now.", DeprecationWarning, stacklevel=stacklevel + 1)


def renamed_arguments(**names: str) -> Callable:
    """Lets a function take arguments by their old names too, old=new; its signature has the new ones."""

    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            for old in names.keys() & kwargs.keys():
                warn_of(old, names[old], stacklevel=2)
                kwargs[names[old]] = kwargs.pop(old)
            return function(*args, **kwargs)

        return wrapper

    return decorate


class Renamed:
    """Part of a model: subclasses may define hooks by their old names, and everybody may read them by those."""

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        names = RENAMED | ARGUMENTS_NOW
        for old in names.keys() & vars(cls).keys():
            warn_of(old, names[old])
            setattr(cls, names[old], vars(cls)[old])

    # Not by attributes of the class: Keras reads all that it finds there when it saves a model.
    def __getattr__(self, name):
        if name not in RENAMED:
            return self.__getattribute__(name)  # raises again what a property of that name has raised
        warn_of(name, RENAMED[name], stacklevel=2)
        return getattr(self, RENAMED[name])
