"""Two controls of our own: a plane that is clicked and dragged on, and a pad that is drawn on or takes a file."""

import html
from pathlib import Path
from typing import Any

import gradio as gr

from keras_gen.explorer import show

HERE = Path(__file__).parent
SIDE = 280  # pixels of a pad's longer side
PLANE = """<div class="kg-plane" tabindex="0" role="application" aria-label="The plane of codes: click, drag, arrows">
<img src="${src}" alt="What the model makes of each place" draggable="false">
<i style="left: ${100 * value[0]}%; bottom: ${100 * value[1]}%"></i></div>"""
PAD = """<div class="kg-pad"><div class="kg-title">{title}</div>
<canvas width="{width}" height="{height}" role="img" aria-label="{title}: draw here"></canvas>
<div class="kg-tools"><button type="button" class="kg-upload">Upload</button>{another}
<button type="button" class="kg-clear">Clear</button>{colour}<input type="file" accept="image/*" hidden></div></div>"""
ANOTHER = '<button type="button" class="kg-another">Another example</button>'
COLOUR = '<input type="color" value="#ffffff" aria-label="Colour of the pen">'


def style() -> str:
    """The style of what the page shows."""
    return f"<style>{(HERE / 'style.css').read_text()}</style>"


def plane(source: str, x: float = 0.5, y: float = 0.5) -> gr.HTML:
    """A picture on which a mark is moved; its value is [x, y], shares of the way from the lower left corner.

    Args:
        source: of the picture, a data URL; replaced by `gr.HTML(src=...)`.
        x: where the mark begins.
        y: the same.
    """
    return gr.HTML([x, y], html_template=PLANE, src=source, js_on_load=(HERE / "plane.js").read_text())


def pad(subject: Any, title: str, index: int = 0) -> gr.HTML:
    """A pad for an image of a subject, which begins with one of its examples; see `uploads.image_of` for its value.

    With examples it has the event `example`, whose data hold an `index`.
    """
    height, width, channels = subject.shape
    scale = SIDE / max(height, width)
    template = PAD.format(
        title=html.escape(title), width=round(width * scale), height=round(height * scale),
        another="" if subject.x is None else ANOTHER, colour=COLOUR if channels == 3 else "",
    )  # fmt: skip
    first = None if subject.x is None else example_value(subject, index)
    return gr.HTML(first, html_template=template, js_on_load=(HERE / "pad.js").read_text())


def example_value(subject: Any, index: int, backward: bool = False) -> dict[str, str]:
    """The value of a pad that shows an example, or, to translate it backward, one of the targets, where there are."""
    examples = subject.targets if backward and subject.targets is not None else subject.x
    index %= len(examples)
    return {"src": show.data_url(examples[index]), "name": f"example {index + 1}"}
