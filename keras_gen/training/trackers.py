"""Callbacks that users give to a run, such as a tracker of experiments: checked before it trains, and made for it."""

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import keras

# A list of callbacks; a function that makes them for a run, given the `Run`; or where to import it, "module:function".
Callbacks = str | Sequence[keras.callbacks.Callback] | Callable[[Any], Sequence[keras.callbacks.Callback]]


def check_maker(callbacks: Callbacks | None, of_processes: bool = False) -> None:
    """Raises a ValueError if these are not callbacks for a search, where each trial needs its own.

    Args:
        callbacks: as given.
        of_processes: whether other processes must be able to make them too.
    """
    if callbacks is None:
        return
    if of_processes and not isinstance(callbacks, str):
        raise ValueError(
            "Other processes must be able to import what makes the callbacks: with workers, `callbacks` must be a text "
            f"such as 'my_module:my_callbacks'. Received: callbacks={callbacks!r}"
        )
    if not isinstance(callbacks, str) and not callable(callbacks):
        raise ValueError(
            "Each trial needs callbacks of its own: `callbacks` must be a function of a run that makes a list, or a "
            f"text such as 'my_module:my_callbacks' that says where it is. Received: callbacks={callbacks!r}"
        )
    if isinstance(callbacks, str):
        imported(callbacks)


def made_for(callbacks: Callbacks | None, run: Any) -> list[keras.callbacks.Callback]:
    """The callbacks of a run, a `Run`: its `folder` and `config` say which it is.

    Raises:
        ValueError: if they are not callbacks of Keras, or what makes them cannot be imported.
    """
    if callbacks is None:
        return []
    maker = imported(callbacks) if isinstance(callbacks, str) else callbacks
    made = maker(run) if callable(maker) and not isinstance(maker, keras.callbacks.Callback) else maker
    if not isinstance(made, Sequence) or not all(isinstance(one, keras.callbacks.Callback) for one in made):
        raise ValueError(
            "`callbacks` must be a list of `keras.callbacks.Callback`, or a function of a run that returns one. "
            f"Received: {made!r}"
        )
    return list(made)


def imported(name: str) -> Callable[[Any], Sequence[keras.callbacks.Callback]]:
    """The function that a text such as "my_module:my_callbacks" names; modules of the working directory are found."""
    module, _, function = name.partition(":")
    sys.path.insert(0, os.getcwd())
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"`callbacks` must name a function as 'module:function', and this cannot be imported ({error}). "
            f"Received: {name!r}"
        ) from None
    finally:
        sys.path.pop(0)
    if not callable(found):
        raise ValueError(f"`callbacks` must name a function. Received: {name!r}, which is {found!r}")
    return found
