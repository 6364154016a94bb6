"""A slider for each unit of the code that matters, and what the model makes of them."""

from typing import Any

import gradio as gr
import numpy as np

from keras_gen.explorer import controls, show
from keras_gen.explorer.codes import Unit
from keras_gen.explorer.events import CLICKED, MOVING, told

TITLE = "Codes"


def offered(subject: Any) -> bool:
    return subject.codes is not None


def build(subject: Any) -> None:
    codes = subject.codes
    fixed = codes.size - len(codes.units)
    rest = f" The other {fixed} stay where they are." if fixed else ""
    gr.Markdown(f"Each slider moves one number of the code; they are ordered, {codes.order}.{rest}")
    base = gr.State(codes.center.tolist())
    with gr.Row():
        with gr.Column(min_width=280, elem_classes="kg-stays"):
            picture = gr.HTML(drawn(subject, codes.center, codes.some_class()))
        with gr.Column(min_width=280):
            label = controls.classes(codes.classes, codes.needs_class)
            with gr.Row():
                seed = controls.seed()
                another = gr.Button("Another random code", size="md", min_width=120)
                reset = gr.Button("Reset", size="md", min_width=80)
            sliders = [
                gr.Slider(
                    unit.low, unit.high, as_value(codes.center, unit), label=unit.name, info=unit.about or None,
                    step=float(f"{(unit.high - unit.low) / 300:.1g}"),
                )
                for unit in codes.units
            ]  # fmt: skip
    given = [base, label, *sliders]

    @told
    def moved(base, label, *values):
        z = np.array(base, "float32")
        z[[unit.index for unit in codes.units]] = values
        return drawn(subject, z, controls.as_label(label))

    @told
    def placed(z, label):
        values = [as_value(z, unit) for unit in codes.units]
        return [z.tolist(), drawn(subject, z, controls.as_label(label)), *values]

    for slider in sliders:
        slider.input(moved, given, picture, **MOVING)
    label.input(moved, given, picture, **MOVING)
    placing = [base, picture, *sliders]
    drawing = told(lambda seed, label: placed(np.round(codes.draw(1, controls.as_seed(seed))[0], 2), label))
    seed.input(drawing, [seed, label], placing, **MOVING)
    another.click(controls.following, seed, seed, **CLICKED).then(drawing, [seed, label], placing, **CLICKED)
    reset.click(lambda label: placed(codes.center, label), label, placing, **CLICKED)


def as_value(z: np.ndarray, unit: Unit) -> float:
    """Where the slider of a unit stands."""
    return round(min(max(float(z[unit.index]), unit.low), unit.high), 4)


def drawn(subject: Any, z: np.ndarray, label: int | None) -> str:
    """What the model makes of one code, as HTML."""
    made = subject.codes.decode(np.asarray(z, "float32")[None], label)
    return show.example(subject, made[0], "What the model makes of this code", "code")
