"""The page: a tab for each subject, and in it one for each panel that it offers."""

import os
import socket
import warnings
from collections.abc import Sequence
from typing import Any

import gradio as gr

from keras_gen.explorer import widgets
from keras_gen.explorer.events import MOVING
from keras_gen.explorer.panels import PANELS
from keras_gen.explorer.subjects import Subject

HOUR = 3600  # seconds after which uploaded files are deleted
BUTTONS = 6  # models that stand as buttons; more are a list
FIRST_PORT, PORTS = 7860, 100
# Fonts of the system: others would be fetched.
FONT, MONOSPACED = ("system-ui", "sans-serif"), ("ui-monospace", "monospace")


def page_of(subjects: Sequence[Subject]) -> gr.Blocks:
    """The page of subjects, not served yet."""
    offered = {subject.title: [panel for panel in PANELS if panel.offered(subject)] for subject in subjects}
    for title, panels in offered.items():
        if not panels:
            raise ValueError(f"There is nothing to explore: no panel is for what it offers. Received: {title}")
    # Gradio sums up all events after each one, for a page of its own that is not served: more and more milliseconds.
    os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000000")
    with gr.Blocks(analytics_enabled=False, title="keras_gen explorer", delete_cache=(HOUR, HOUR)) as blocks:
        gr.HTML(widgets.style(), padding=False)
        if len(subjects) == 1:
            _build(subjects[0], offered[subjects[0].title])
            return blocks
        titles = [subject.title for subject in subjects]
        chosen = (gr.Dropdown if len(titles) > BUTTONS else gr.Radio)(titles, value=titles[0], label="Model")
        columns = []
        for subject in subjects:
            with gr.Column(visible=subject is subjects[0]) as column:
                _build(subject, offered[subject.title])
            columns.append(column)
        chosen.input(
            lambda title: [gr.Column(visible=title == one) for one in titles], chosen, columns, **MOVING
        )  # fmt: skip
    return blocks


def _build(subject, panels):
    what = type(subject.model if subject.detector is None else subject.detector).__name__
    gr.Markdown(f"## {subject.title}\n{what} of {described(subject)}")
    with gr.Tabs():
        for panel in panels:
            with gr.Tab(panel.TITLE):
                panel.build(subject)


def described(subject: Subject) -> str:
    """What its data are, in words."""
    table = getattr(subject.model, "table", None)
    if table is not None:
        return f"rows of a table: {table.describe()}"
    return f"{'images' if subject.is_of_images else 'vectors'}, {' x '.join(map(str, subject.shape))}"


def serve(blocks: gr.Blocks, share: bool, port: int | None, host: str, **options: Any) -> None:
    """Serves a page, see `explore`."""
    chosen = free_port(host) if port is None else port
    if port is not None and not is_free(host, port):
        raise OSError(f"Port {port} of {host} is taken, or may not be used: choose another port. Received: port={port}")
    look = {
        "theme": gr.themes.Default(font=FONT, font_mono=MONOSPACED),
        "footer_links": [],
        "ssr_mode": False,
        "enable_monitoring": False,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        blocks.launch(share=share, server_port=chosen, server_name=host, **{**look, **options})


def free_port(host: str) -> int:
    """The first that is free, of PORTS."""
    for port in range(FIRST_PORT, FIRST_PORT + PORTS):
        if is_free(host, port):
            return port
    raise OSError(f"There is no free port from {FIRST_PORT} on: choose another. Received: host={host}")


def is_free(host: str, port: int) -> bool:
    """Whether a server may listen at a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError):
            return False
    return True
