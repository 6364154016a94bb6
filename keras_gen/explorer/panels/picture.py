"""An image that is drawn or uploaded, and all that the model says of it."""

import functools
import inspect
from typing import Any

import gradio as gr
import numpy as np

from keras_gen import layers
from keras_gen.explorer import controls, show, uploads, widgets
from keras_gen.explorer.events import MOVING, told

TITLE = "Your image"
OF_IMAGES = {"reconstruct", "denoise", "translate", "separate", "score"}
NOISES = {"gaussian": "Gaussian", "salt_pepper": "salt and pepper", "masking": "missing pixels"}


def offered(subject: Any) -> bool:
    able = bool(OF_IMAGES & subject.offers) or hasattr(subject.model, "classify") or subject.detector is not None
    return subject.is_of_images and able


def build(subject: Any) -> None:
    can_denoise, can_mix = "denoise" in subject.offers, "separate" in subject.offers and subject.x is not None
    kind = getattr(subject.model, "corruption", "gaussian")
    gr.Markdown(
        "Draw, upload or drop an image. It is cropped to the middle and resized to "
        f"{' x '.join(map(str, subject.shape[:2]))} pixels" + (", in gray." if subject.shape[-1] == 1 else ".")
    )
    with gr.Row():
        with gr.Column(min_width=280):
            pad = widgets.pad(subject, "Your image")
            invert = gr.Checkbox(False, label="Exchange dark and light")
            label = controls.classes(
                subject.class_names if subject.needs_labels else [], True, label="Class of your image"
            )
            noise = gr.Radio(
                [(words, name) for name, words in NOISES.items()], value=kind if kind in NOISES else "gaussian",
                label="Noise to add", visible=can_denoise,
            )  # fmt: skip
            level = gr.Slider(
                0, 1, getattr(subject.model, "level", 0.3) if can_denoise else 0, step=0.01, label="How much noise",
                visible=can_denoise,
            )  # fmt: skip
            backward = gr.Checkbox(False, label="Translate backward", visible=translates_back(subject))
            mix = gr.Checkbox(can_mix, label="Mix it with examples", visible=can_mix)
        with gr.Column(min_width=280, scale=2):
            shown = gr.HTML("The answer of the model appears here.")
    given = [pad, invert, label, noise, level, backward, mix]

    @told
    def answered(value, invert, label, noise, level, backward, mix):
        shape = subject.model.target_shape if backward else subject.shape
        x, notes = uploads.image_of(value, shape, invert)
        for note in notes:
            gr.Warning(note, title="Please note")
        return answers(subject, x, controls.as_label(label), noise, level, backward, mix)

    for control in (invert, label, noise, level, mix):
        control.input(answered, given, shown, **MOVING)
    if subject.targets is None:
        backward.input(answered, given, shown, **MOVING)
    else:  # the image is then of the other kind, and answered as any other
        backward.input(lambda back: widgets.example_value(subject, 0, back), backward, pad, **MOVING)
    pad.change(answered, given, shown, **MOVING)
    if subject.x is not None:
        shown.value = answers(subject, subject.x[0], controls.label_of(subject, 0), noise.value, level.value, False,
                              can_mix)  # fmt: skip
        controls.give_examples(subject, pad, label if subject.needs_labels else None, backward)


def translates_back(subject: Any) -> bool:
    """Whether the model translates in both directions."""
    return "translate" in subject.offers and "direction" in inspect.signature(subject.model.translate).parameters


def answers(
    subject: Any, x: np.ndarray, label: int | None = None, noise: str = "gaussian", level: float = 0.0,
    backward: bool = False, mix: bool = False,
) -> str:  # fmt: skip
    """All that the model says of an image, as HTML.

    Args:
        subject: of images.
        x: (H, W, C) in [0, 1].
        label: its class, for a model that must know it.
        noise: what is added, for a model that denoises.
        level: of the noise.
        backward: whether to translate to the images that the model is given.
        mix: whether it is mixed with examples, for a model that separates.
    """
    quick, model, offers = subject.quick, subject.model, subject.offers
    x = np.asarray(x, "float32")
    labels, figures, words = None if label is None else [label], [], []
    if "denoise" in offers:
        noisy = corrupted(x[None], noise, level)
        figures += [show.picture(noisy[0], "With noise", "noisy")]
        figures += [show.picture(quick("denoise", noisy)[0], "Denoised", "denoised")]
    elif "separate" in offers:
        if mix:
            x = np.mean([x, *np.resize(subject.x[1:], (model.num_sources - 1, *subject.shape))], axis=0)
            figures += [show.picture(x, "The mixture", "mixture")]
        figures += [
            show.picture(source, f"Source {i + 1}", f"source_{i + 1}")
            for i, source in enumerate(quick("separate", x[None])[0])
        ]
    elif "reconstruct" in offers and subject.detector is None:
        figures += [show.picture(quick("reconstruct", x[None], labels)[0], "Reconstruction", "reconstruction")]
    if "translate" in offers:
        figures += translations(subject, x, backward)
    if subject.judge is not None and not backward:
        unusual, word = subject.last(judged, x)  # noise that is added changes nothing of it
        figures += unusual
        words.append(word)
    elif "score" in offers:
        words.append(f"The model's score of this image is {quick('score', x[None], labels)[0]:.4g}.")
    if getattr(model, "has_category", True) and hasattr(model, "classify"):
        with quick.lock:
            number = int(model.classify(x[None])[0])
        named = subject.class_names[number] if number < len(subject.class_names) else str(number)
        words.append(f"The model takes it for class {named}.")
    figures.insert(0, show.picture(x, "As the model sees it", "given"))
    return show.side_by_side(figures) + "".join(f"<p class='kg-verdict'>{word}</p>" for word in words)


@functools.cache
def corruption(kind: str) -> layers.Corruption:
    """The layer of a kind of noise: to make one takes as long as to use it ten times."""
    return layers.Corruption(kind, clip=True)


def corrupted(x: np.ndarray, kind: str, level: float) -> np.ndarray:
    """Images with noise that is the same each time. (N, H, W, C) -> (N, H, W, C)."""
    layer, rng = corruption(kind), np.random.default_rng(0)
    noise = rng.standard_normal(x.shape) if layer.noise == "normal" else rng.random(x.shape)
    return np.asarray(layer.corrupt(x, noise.astype("float32"), level))


def translations(subject: Any, x: np.ndarray, backward: bool) -> list[str]:
    """Figures of an image of the other kind, and where the model knows the way, of the way back."""
    model = subject.model
    if not translates_back(subject):
        return [show.picture(subject.quick("translate", x[None])[0], "Translation", "translation")]
    ways = ("backward", "forward") if backward else ("forward", "backward")
    with subject.quick.lock:
        there = model.translate(x[None], direction=ways[0])
        back = model.translate(np.asarray(there), direction=ways[1])
    return [show.picture(there[0], "Translation", "translation"), show.picture(back[0], "And back", "back")]


def judged(subject: Any, x: np.ndarray) -> tuple[list[str], str]:
    """The figure of what is unusual in an image, and the verdict."""
    return heat(subject, x), verdict(subject, x)


def heat(subject: Any, x: np.ndarray) -> list[str]:
    """The figure of what is unusual in an image, of a detector that has maps."""
    from keras_gen.tasks.anomaly.pictures import overlay

    judge = subject.judge
    if judge.pixel_threshold_ is None:
        return []
    with subject.lock:
        found = judge.heatmap(x[None])
    picture = overlay(x[None], found, judge.pixel_threshold_)[0]
    share = np.mean(np.asarray(found) > judge.pixel_threshold_)
    return [show.picture(picture, "What is unusual", "heat", f"{share:.1%} of the pixels are above the threshold")]


def verdict(subject: Any, x: np.ndarray) -> str:
    """Whether an image is an anomaly, as a sentence of HTML."""
    judge = subject.judge
    with subject.lock:
        score = float(judge.score_samples(x[None])[0])
    threshold, share = float(judge.threshold_), float(np.mean(judge.normal_scores_ < score))
    if score < threshold:
        word, sign = "<span class='kg-odd'>An anomaly</span>", "below"
    else:
        word, sign = "<b>Normal</b>", "not below"
    return (
        f"{word}: its score, {score:.4g} by {judge.method_}, is {sign} the threshold {threshold:.4g}. Of normal images "
        f"{share:.0%} score lower; {judge.false_alarms:.0%} would be called anomalies."
    )
