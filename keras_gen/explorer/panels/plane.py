"""The plane of a code of two numbers, clicked and dragged on."""

from statistics import NormalDist
from typing import Any

import gradio as gr
import numpy as np

from keras_gen import images
from keras_gen.explorer import controls, show, widgets
from keras_gen.explorer.events import MOVING, told

TITLE = "Plane"
PIXELS = 560  # of the picture, about
FEWEST, MOST = 6, 20  # images on a side
EDGE = 0.001  # nearest to the border, where a quantile of the prior is infinite


def offered(subject: Any) -> bool:
    return subject.is_of_images and subject.codes is not None and subject.model.code_shape == (2,)


def build(subject: Any) -> None:
    codes = subject.codes
    gr.Markdown("Every place is a code of two numbers. Click on the plane, drag, or use the arrow keys.")
    label = controls.classes(codes.classes, codes.needs_class, "mean of all")
    with gr.Row():
        with gr.Column(min_width=280, scale=2):
            plane = widgets.plane(background(subject, codes.some_class()))
        with gr.Column(min_width=280):
            picture = gr.HTML(drawn(subject, [0.5, 0.5], codes.some_class()))
    answer = told(lambda place, label: drawn(subject, place, controls.as_label(label)))
    plane.change(answer, [plane, label], picture, **MOVING)
    label.input(
        told(lambda label: gr.HTML(src=background(subject, controls.as_label(label)))), label, plane, **MOVING
    ).then(answer, [plane, label], picture, **MOVING)  # fmt: skip


def code_at(codes: Any, places: Any) -> np.ndarray:
    """Codes (N, 2) of places (N, 2), shares from the lower left: quantiles of the prior, or of the way between ends."""
    places = np.clip(np.asarray(places, "float64"), EDGE, 1 - EDGE)
    if codes.has_prior:
        return np.vectorize(NormalDist().inv_cdf)(places).astype("float32")
    return (codes.low + places * (codes.high - codes.low)).astype("float32")


def background(subject: Any, label: int | None) -> str:
    """The picture of the plane, as a data URL: images at the middles of as many squares."""
    height, width, channels = subject.shape
    side = int(np.clip(PIXELS // max(height, width), FEWEST, MOST))
    middles = (np.arange(side) + 0.5) / side
    places = [(x, y) for y in reversed(middles) for x in middles]
    made = subject.codes.decode(code_at(subject.codes, places), label)
    picture = made.reshape(side, side, height, width, channels).transpose(0, 2, 1, 3, 4)
    return show.data_url(images.like(picture.reshape(side * height, side * width, channels), made))


def drawn(subject: Any, place: Any, label: int | None) -> str:
    """The image of the code at a place, as HTML."""
    z = code_at(subject.codes, [place])
    made = subject.codes.decode(z, label)
    return show.picture(made[0], "The image of this code", "code", f"z = ({z[0, 0]:.2f}, {z[0, 1]:.2f})")
