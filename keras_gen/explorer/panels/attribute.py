"""An attribute that images gain or lose: the way from the mean code of some images to that of others."""

from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from keras_gen import tasks
from keras_gen.explorer import controls, show, uploads, widgets
from keras_gen.explorer.events import MOVING, told

TITLE = "Attribute"
STRIP = (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5)
OTHERS = -1


def offered(subject: Any) -> bool:
    able = subject.codes is not None and "encode" in subject.offers
    return subject.is_of_images and able and not subject.needs_labels


def build(subject: Any) -> None:
    has_classes = subject.labels is not None and bool(subject.class_names)
    gr.Markdown(
        "The difference of the mean codes of two groups of images is added to the code of yours, times a strength: 1 "
        "for as much as the groups differ by, below 0 to take it away."
    )
    choices = [(name, i) for i, name in enumerate(subject.class_names)] if has_classes else []
    with gr.Row():
        present = gr.Dropdown(choices, value=0 if choices else None, label="Gain what is of class", visible=has_classes)
        absent = gr.Dropdown([("all others", OTHERS), *choices], value=OTHERS, label="and not of", visible=has_classes)
    with gr.Accordion("Or by images of your own", open=not has_classes), gr.Row():
        files = [gr.File(label=f"Images {word} the attribute", file_count="multiple", height=120)
                 for word in ("with", "without")]  # fmt: skip
    with gr.Row():
        with gr.Column(min_width=280):
            pad = widgets.pad(subject, "Your image", 1)
        with gr.Column(min_width=280):
            strength = gr.Slider(-2, 2, 1.0, step=0.05, label="Strength")
            shown = gr.HTML("" if has_classes else "Give images with and without the attribute.")
    strip = gr.HTML("")
    groups = [present, absent, *files]

    @told
    def vector_of(present, absent, with_files, without_files):
        if with_files and without_files:
            sets = [read_all(paths, subject.shape) for paths in (with_files, without_files)]
        elif has_classes:
            sets = of_classes(subject, present, absent)
        else:
            raise ValueError("There must be images of both kinds: upload at least one of each.")
        return vector(subject, *sets)

    @told
    def moved(direction, value, strength):
        if direction is None:
            return gr.skip()
        return applied(subject, direction, uploads.image_of(value, subject.shape)[0], strength)

    @told
    def all_of(direction, value):
        if direction is None:
            return gr.skip()
        return row(subject, direction, uploads.image_of(value, subject.shape)[0])

    direction = gr.State(vector(subject, *of_classes(subject, 0, OTHERS)) if has_classes else None)
    if has_classes:
        x = subject.x[1 % len(subject.x)]
        shown.value, strip.value = applied(subject, direction.value, x, 1.0), row(subject, direction.value, x)
    if subject.x is not None:
        controls.give_examples(subject, pad)
    strength.input(moved, [direction, pad, strength], shown, **MOVING)
    pad.change(moved, [direction, pad, strength], shown, **MOVING).then(all_of, [direction, pad], strip, **MOVING)
    for chosen in (present.input, absent.input, *(file.upload for file in files)):
        chosen(vector_of, groups, direction, **MOVING).success(moved, [direction, pad, strength], shown, **MOVING).then(
            all_of, [direction, pad], strip, **MOVING
        )


def of_classes(subject: Any, present: int, absent: int) -> list[np.ndarray]:
    """Examples of a class, and those of another, or of all others."""
    groups = [subject.labels == present, subject.labels != present if absent == OTHERS else subject.labels == absent]
    if present == absent or not all(group.any() for group in groups):
        raise ValueError("The attribute must tell two classes apart that both have examples: choose others.")
    return [subject.x[group] for group in groups]


def read_all(paths: list[str], shape: tuple[int, ...]) -> np.ndarray:
    """Uploaded files as images (N, H, W, C)."""
    return np.stack([uploads.read(Path(path), shape)[0] for path in paths])


def vector(subject: Any, with_images: np.ndarray, without_images: np.ndarray) -> list[float]:
    """The direction of the attribute, (D,)."""
    with subject.lock:
        return tasks.attribute_vector(subject.model, with_images, without_images).vector.tolist()


def made_of(subject: Any, direction: Any, x: np.ndarray, strengths: Any) -> np.ndarray:
    """Images (strengths, H, W, C) of an image, of the class that the model takes it for, if it knows classes."""
    quick, codes = subject.quick, subject.codes
    z = quick("encode", x[None]) + np.asarray(strengths, "float32")[:, None] * np.asarray(direction, "float32")
    label = None
    if codes.classes and hasattr(subject.model, "classify"):
        with subject.lock:
            label = int(subject.model.classify(x[None])[0])
    return codes.decode(z, label)


def applied(subject: Any, direction: Any, x: np.ndarray, strength: float) -> str:
    """The image with so much of the attribute, as HTML."""
    made = made_of(subject, direction, x, [strength])
    return show.picture(made[0], f"Strength {strength:g}", "attribute")


def row(subject: Any, direction: Any, x: np.ndarray) -> str:
    """The image with more and more of the attribute, as HTML."""
    made = made_of(subject, direction, x, STRIP)
    return show.grid(made, len(STRIP), f"Strength {', '.join(f'{s:g}' for s in STRIP)}", "attribute")
