"""The way from one image of the user to another."""

from typing import Any

import gradio as gr
import numpy as np

from keras_gen import tasks
from keras_gen.explorer import controls, show, uploads, widgets
from keras_gen.explorer.events import MOVING, told

TITLE = "Between images"
STEPS = 9
WAYS = [("straight line", "linear"), ("great circle", "spherical")]


def offered(subject: Any) -> bool:
    return subject.is_of_images and subject.codes is not None and "encode" in subject.offers


def build(subject: Any) -> None:
    gr.Markdown(
        "Images on the way from one to the other: decoded from codes between theirs. A great circle keeps the length "
        "of codes that a normal prior expects."
    )
    pads, labels = [], []
    names = subject.class_names if subject.needs_labels else []
    with gr.Row():
        for i, title in enumerate(("From", "To")):
            with gr.Column(min_width=280):
                pads.append(widgets.pad(subject, title, i))
                labels.append(controls.classes(names, True, label=f"Class ({title.lower()})"))
    mode = gr.Radio(WAYS, value=WAYS[0][1], label="Way")
    shown = gr.HTML("")
    given = [*pads, *labels, mode]

    @told
    def answered(start, end, first, last, mode):
        ends = [uploads.image_of(value, subject.shape) for value in (start, end)]
        for note in [note for _, notes in ends for note in notes]:
            gr.Warning(note, title="Please note")
        return walked(subject, *(x for x, _ in ends), mode, controls.as_label(first), controls.as_label(last))

    for control in (*pads, *labels):
        control.change(answered, given, shown, **MOVING)
    mode.input(answered, given, shown, **MOVING)
    if subject.x is not None:
        numbers = [controls.label_of(subject, i) for i in (0, 1)]
        for label, number in zip(labels, numbers, strict=True):
            label.value = label.value if number is None else number
        shown.value = walked(subject, subject.x[0], subject.x[1 % len(subject.x)], "linear", *numbers)
        for pad, label in zip(pads, labels, strict=True):
            controls.give_examples(subject, pad, label if names else None)


def walked(
    subject: Any, start: np.ndarray, end: np.ndarray, mode: str, label: int | None = None, end_label: int | None = None
) -> str:
    """The walk between two images as HTML: all of its steps side by side, and one after the other."""
    labels, end_labels = (None if one is None else [one] for one in (label, end_label))
    with subject.lock:
        walk = tasks.interpolate(subject.model, start, end, STEPS, mode, labels, end_labels)
    strip = show.grid(walk[0], STEPS, "Step by step", "interpolation")
    return strip + show.animation(walk, "There and back", "interpolation")
