"""What the page shows, as HTML: pictures that can be saved with their mark, tables, captions."""

import base64
import html
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from keras_gen import images

SIDE = 280  # pixels at least, of a picture of one image
SAVE = "this.href = this.closest('figure').querySelector('img').src"


def picture(image: np.ndarray, title: str = "", name: str = "picture", caption: str = "") -> str:
    """An image, enlarged without smoothing, with a link that saves it.

    Args:
        image: (H, W, C) in [0, 1]; the mark of one that a model made is in the file.
        title: above it.
        name: of the file.
        caption: below it.
    """
    scale = math.ceil(SIDE / max(image.shape[:2]))
    return figure(images.as_bytes(image, ".png", scale), "png", title, name, caption)


def figure(content: bytes, kind: str, title: str, name: str, caption: str = "", wide: bool = False) -> str:
    """A picture file, "png" or "webp", on the page, at its size or over all of the width."""
    source = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    words = html.escape(title or name)
    above = f"<div class='kg-title'>{words}</div>" if title else ""
    below = f"<span>{html.escape(caption)}</span> " if caption else ""
    link = f'<a href="#" download="{html.escape(name)}.{kind}" onclick="{SAVE}">Save</a>'
    kind_of = "kg-figure kg-wide" if wide else "kg-figure"
    picture_of = f"<img alt='{words}' src='{source}'>"
    return f"<figure class='{kind_of}'>{above}{picture_of}<figcaption>{below}{link}</figcaption></figure>"


def data_url(image: np.ndarray, scale: int = 1) -> str:
    """An image (H, W, C) as the source of an <img>."""
    return f"data:image/png;base64,{base64.b64encode(images.as_bytes(image, '.png', scale)).decode()}"


def grid(many: np.ndarray, columns: int, title: str = "", name: str = "picture", caption: str = "") -> str:
    """Images (N, H, W, C) side by side, as one picture."""
    return figure(images.as_bytes(images.grid(many, columns)), "png", title, name, caption, wide=True)


def animation(walks: np.ndarray, title: str = "", name: str = "walk", back: bool = True) -> str:
    """Walks (N, steps, H, W, C), one step after the other."""
    with tempfile.TemporaryDirectory() as folder:
        path = images.save_animation(walks, Path(folder) / "walk.webp", back=back)
        return figure(path.read_bytes(), "webp", title, name)


def side_by_side(figures: list[str]) -> str:
    """Figures in a row that wraps."""
    return f"<div class='kg-row'>{''.join(figures)}</div>"


def table(frame: Any, name: str = "samples") -> str:
    """A data frame, with a link that saves it as CSV."""
    content = base64.b64encode(frame.to_csv(index=False).encode()).decode()
    rows = frame.to_html(index=False, border=0, float_format=lambda value: f"{value:.4g}", justify="left")
    link = f'<a href="data:text/csv;base64,{content}" download="{html.escape(name)}.csv">Save as CSV</a>'
    return f"<div class='kg-table'>{rows}</div><p>{link}</p>"


def as_frame(subject: Any, made: Any) -> Any:
    """Rows of a model of a table or of vectors, a data frame or (N, D), as a data frame."""
    import pandas as pd

    if hasattr(made, "columns"):
        return made
    return pd.DataFrame(np.asarray(made)) if subject.model.table is None else subject.model.table.decode(made)


def example(subject: Any, made: np.ndarray, title: str, name: str) -> str:
    """One example that a model made: an image, or a row as a table of its values."""
    if subject.is_of_images:
        return picture(made, title, name)
    values = as_frame(subject, made[None]).iloc[0].rename("value").rename_axis("column").reset_index()
    return f"<div class='kg-title'>{html.escape(title)}</div>" + table(values, name)
