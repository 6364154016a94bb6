"""An animation of walks through the codes."""

from typing import Any

import gradio as gr

from keras_gen import tasks
from keras_gen.explorer import controls, show
from keras_gen.explorer.events import CLICKED, MOVING, told, whole

TITLE = "Walk"
WALKS, MOST, STEPS = 6, 12, 24


def offered(subject: Any) -> bool:
    return subject.is_of_images and subject.codes is not None and subject.codes.has_prior


def build(subject: Any) -> None:
    traverses = hasattr(subject.model, "traversal")
    if traverses and not subject.model.num_continuous:
        gr.Markdown("This model has no continuous code to walk along.")
        return
    gr.Markdown(
        "Each learned code goes from -1 to 1 while the rest of the latent stays; each image is of another category."
        if traverses
        else "Random walks through the codes. Each image of a walk is a sample of the model."
    )
    unit = gr.Radio(
        [(f"code {i + 1}", i) for i in range(subject.model.num_continuous if traverses else 0)],
        value=0 if traverses else None, label="Which code", visible=traverses,
    )  # fmt: skip
    with gr.Row():
        seed = controls.seed()
        walks = gr.Number(WALKS, label="Walks", precision=0, minimum=1, maximum=MOST, min_width=100,
                          visible=not traverses)  # fmt: skip
        size = gr.Slider(0.05, 1.0, 0.3, step=0.05, label="Size of a step", visible=not traverses)
    label = controls.classes([] if traverses else subject.codes.classes, subject.codes.needs_class, "mean of all")
    go = gr.Button("Walk", variant="primary")
    shown = gr.HTML("The walk appears here; it takes a second or two.")

    @told
    def answered(seed, unit, walks, size, label):
        count = whole(walks, "number of walks", 1, MOST)
        return walked(subject, controls.as_seed(seed), unit, count, size, controls.as_label(label))

    given = [seed, unit, walks, size, label]
    go.click(answered, given, shown, **CLICKED)
    for control in given:
        control.input(answered, given, shown, **MOVING)


def walked(
    subject: Any, seed: int, unit: int | None = None, walks: int = WALKS, size: float = 0.3, label: int | None = None
) -> str:
    """Walks as HTML: along a learned code, or at random."""
    with subject.lock:
        if hasattr(subject.model, "traversal"):
            made = subject.model.traversal(unit or 0, STEPS, max(1, subject.model.num_categories), seed)
        else:
            made = tasks.random_walk(subject.model, walks, STEPS, size, seed, label)
    return show.animation(made, "A walk through the codes", f"walk_{seed}")
