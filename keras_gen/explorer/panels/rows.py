"""Rows of a table with gaps, filled in by the model."""

import io
from typing import Any

import gradio as gr
import numpy as np

from keras_gen.explorer import show
from keras_gen.explorer.events import CLICKED, told

TITLE = "Fill in"
HEIGHT = 3  # rows to begin with
MOST_ROWS = 10_000


def offered(subject: Any) -> bool:
    return subject.model is not None and subject.model.table is not None and "reconstruct" in subject.offers


def build(subject: Any) -> None:
    gr.Markdown(
        "Rows as comma-separated values. Leave a value out, or delete one: the model fills it in, and says how "
        "unusual each value is beside the others of its row."
    )
    text = gr.Textbox(example(subject), label="Rows", lines=HEIGHT + 2, max_lines=12)
    go = gr.Button("Fill in", variant="primary")
    shown = gr.HTML("")
    go.click(told(lambda text: filled(subject, text)), text, shown, **CLICKED)


def example(subject: Any) -> str:
    """Some rows with a gap in each, as CSV: examples, or else samples."""
    model = subject.model
    if subject.x is not None:
        frame = model.table.decode(subject.x[:HEIGHT], missing=True)
    elif "sample" in subject.offers:
        with subject.lock:
            frame = model.sample(HEIGHT, seed=0)
    else:
        frame = model.table.decode(np.zeros((HEIGHT, *subject.shape), "float32"))
    frame = frame.astype(object)
    for i in range(len(frame)):
        frame.iloc[i, i % frame.shape[1]] = None
    return frame.to_csv(index=False)


def filled(subject: Any, text: str) -> str:
    """Rows without gaps, and how unusual each value is, as HTML."""
    import pandas as pd

    try:
        frame = pd.read_csv(io.StringIO(text or ""), nrows=MOST_ROWS, skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ValueError(f"Rows must be comma-separated values below a line of names ({str(error).strip()}).") from None
    if not len(frame):
        raise ValueError("There must be a row below the line of names. Received: none")
    with subject.lock:
        made = subject.model.impute(frame)
        odd = subject.model.column_scores(made) if hasattr(subject.model, "pixel_loss") else None
    count = int(frame.isna().sum().sum() - made.isna().sum().sum())
    said = f"<div class='kg-title'>{count} {'value' if count == 1 else 'values'} filled in</div>"
    parts = [said, show.table(made, "filled")]
    if odd is not None:
        title = "How unusual each value is, -log p in nats; higher is more unusual"
        parts += [f"<div class='kg-title'>{title}</div>", show.table(odd, "unusual")]
    return "".join(parts)
