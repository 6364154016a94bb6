"""Controls that panels share."""

from typing import Any

import gradio as gr

from keras_gen.explorer.events import whole

BUTTONS = 12  # classes that stand as buttons; more are a list


def seed(value: int = 0) -> gr.Number:
    """A field for a seed."""
    return gr.Number(value, label="Seed", precision=0, minimum=0, min_width=100)


def as_seed(value: Any) -> int:
    """The seed of such a field."""
    return whole(value, "seed", 0, 2**31 - 1)


def classes(names: list[str], needed: bool, without: str = "any", label: str = "Class") -> Any:
    """A choice of a class, by its number, hidden where there are none; None, `without` one, unless it is needed."""
    choices: list[tuple[str, int | None]] = [(name, i) for i, name in enumerate(names)]
    first = 0 if needed and names else None
    if not needed:
        choices.insert(0, (without, None))
    if len(names) > BUTTONS:
        return gr.Dropdown(choices, value=first, label=label)
    return gr.Radio(choices, value=first, label=label, visible=bool(names))
