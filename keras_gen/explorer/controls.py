"""Controls that panels share."""

from typing import Any

import gradio as gr

from keras_gen.explorer import widgets
from keras_gen.explorer.events import CLICKED, whole

NO_CLASS = -1
BUTTONS = 12  # classes that stand as buttons; more are a list


def seed(value: int = 0) -> gr.Number:
    """A field for a seed."""
    return gr.Number(value, label="Seed", precision=0, minimum=0, min_width=100)


def as_seed(value: Any) -> int:
    """The seed of such a field."""
    return whole(value, "seed", 0, 2**31 - 1)


def following(value: Any) -> int:
    """The seed after the one of such a field."""
    return 0 if value is None else int(value) + 1


def classes(names: list[str], needed: bool, without: str = "any", label: str = "Class") -> Any:
    """A choice of a class, by its number, hidden where there are none; or `without` one, unless it is needed."""
    choices = [(name, i) for i, name in enumerate(names)]
    if not needed or not names:
        choices.insert(0, (without, NO_CLASS))
    if len(names) > BUTTONS:
        return gr.Dropdown(choices, value=choices[0][1], label=label)
    return gr.Radio(choices, value=choices[0][1], label=label, visible=bool(names))


def as_label(value: Any) -> int | None:
    """The class of such a choice, None for none."""
    return None if value in (None, NO_CLASS) else int(value)


def label_of(subject: Any, index: int) -> int | None:
    """The class of an example, of a model that must know it."""
    if not subject.needs_labels:
        return None
    return 0 if subject.labels is None else int(subject.labels[index % len(subject.labels)])


def give_examples(subject: Any, pad: gr.HTML, label: Any = None, backward: Any = None) -> None:
    """Lets a pad show another example at a time, and a choice its class; or a target where `backward` is chosen."""

    def another(back: bool, event: gr.EventData):
        value = widgets.example_value(subject, event.index, back)
        return value if label is None else (value, label_of(subject, event.index))

    pad.example(
        another,
        [gr.State(False) if backward is None else backward],
        [pad] if label is None else [pad, label],
        **CLICKED,
    )
