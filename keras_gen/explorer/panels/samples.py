"""Samples of a model, by their seed."""

from typing import Any

import gradio as gr
import numpy as np

from keras_gen.explorer import controls, show
from keras_gen.explorer.events import CLICKED, MOVING, told, whole

TITLE = "Samples"
COUNT, MOST, COLUMNS = 16, 100, 8


def offered(subject: Any) -> bool:
    return "sample" in subject.offers or subject.sampler is not None


def build(subject: Any) -> None:
    codes = subject.codes
    scales = "sample" in subject.offers and codes is not None and codes.has_prior and subject.is_of_images
    about = " A truncation below 1 keeps codes closer to the middle: less varied, more often right." if scales else ""
    if subject.sampler is not None:
        about = " It has no distribution of codes of its own: one was fitted to the codes of examples, a mixture."
    gr.Markdown(f"Draws from the model: the same seed gives the same ones.{about}")
    with gr.Row():
        seed = controls.seed()
        count = gr.Number(COUNT, label="How many", precision=0, minimum=1, maximum=MOST, min_width=100)
        scale = gr.Slider(0.1, 1.5, 1.0, step=0.05, label="Truncation", visible=scales)
    label = controls.classes(subject.classes("sample"), False, "each in turn")
    another = gr.Button("Other samples", variant="primary")
    shown = gr.HTML(drawn(subject, 0, COUNT, 1.0, None))
    given = [seed, count, scale, label]
    answer = told(
        lambda seed, count, scale, label: drawn(
            subject, controls.as_seed(seed), whole(count, "number of samples", 1, MOST), scale, controls.as_label(label)
        )
    )
    another.click(controls.following, seed, seed, **CLICKED).then(answer, given, shown, **CLICKED)
    for control in (seed, count, label, scale):
        control.input(answer, given, shown, **MOVING)


def drawn(subject: Any, seed: int, count: int, scale: float, label: int | None) -> str:
    """Samples as HTML: a grid of images, or a table."""
    name = f"samples_{seed}"
    if subject.sampler is not None:
        with subject.lock:
            made = subject.sampler.sample(count, seed)
    elif scale == 1:
        with subject.lock:
            made = subject.model.sample(count, **({} if label is None else {"labels": label}), seed=seed)
    else:
        made = truncated(subject, seed, count, scale, label)
    if subject.is_of_images:
        return show.grid(made, COLUMNS, "Samples", name)
    return show.table(show.as_frame(subject, made), name)


def truncated(subject: Any, seed: int, count: int, scale: float, label: int | None) -> np.ndarray:
    """Images of codes of the prior times `scale`, of all classes in turn where none is asked for."""
    codes = subject.codes
    z, details = codes.draw(count, seed, scale), {"seed": seed, "truncation": round(scale, 3)}
    if label is not None or not codes.needs_class:
        return codes.decode(z, label, **details)
    made = [codes.decode(z[[i]], i % len(codes.classes), **details) for i in range(count)]
    return subject.quick.marked(np.concatenate(made), **details)
