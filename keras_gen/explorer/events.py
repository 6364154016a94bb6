"""How controls answer: in order, the last one wins, and what is wrong is said in a sentence."""

import functools
from collections.abc import Callable
from typing import Any

import gradio as gr
import tensorflow as tf

# Of what is dragged: no spinner, and of the moves that wait only the last is answered.
MOVING: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last", "api_visibility": "private"}
CLICKED: dict[str, Any] = {"show_progress": "minimal", "api_visibility": "private"}


def told(answer: Callable) -> Callable:
    """A function of controls whose errors are sentences on the page."""

    @functools.wraps(answer)
    def wrapper(*args, **kwargs):
        try:
            return answer(*args, **kwargs)
        except (ValueError, OSError, NotImplementedError, TypeError) as error:
            raise gr.Error(str(error), print_exception=False) from None
        except tf.errors.OpError as error:
            raise gr.Error(error.message, print_exception=False) from None

    return wrapper


def whole(value: Any, name: str, least: int, most: int) -> int:
    """A whole number that somebody typed.

    Raises:
        ValueError: if it is none, or outside of its bounds.
    """
    if value is None or value != int(value) or not least <= value <= most:
        raise ValueError(f"The {name} must be a whole number from {least:,} to {most:,}. Received: {value}")
    return int(value)
