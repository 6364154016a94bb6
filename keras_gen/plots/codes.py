"""Codes: where they lie, and what their units say."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

MAX_TICKS = 40


def latent_map(
    points,
    labels=None,
    axes_names=("", ""),
    title: str = "",
    path: str | Path | None = None,
    class_names: Sequence[str] | None = None,
) -> Any:
    """Draws codes as points of the plane, coloured by label.

    Args:
        points: (N, 2).
        labels: (N,) ints, or None.
        axes_names: what the two numbers are.
        title: of the picture.
        path: file to write, or None.
        class_names: by label, for the legend; None for the labels.
    """
    from keras_gen.plots.figure import Figure

    figure = Figure(7, 6)
    axes = figure.subplots()
    labels = np.zeros(len(points), int) if labels is None else np.asarray(labels)
    for label in np.unique(labels):
        x, y = points[labels == label].T
        axes.scatter(x, y, s=8, alpha=0.7, color=f"C{label % 10}", label=_name_of(label, class_names))
    if len(np.unique(labels)) > 1:
        axes.legend(title="class", markerscale=2, loc="center left", bbox_to_anchor=(1, 0.5))
    axes.set(xlabel=axes_names[0], ylabel=axes_names[1], title=title)
    return figure.write(path)


def _name_of(label, names):
    return names[label] if names is not None and 0 <= label < len(names) else str(label)


def latent_units(units, title: str = "", path: str | Path | None = None) -> Any:
    """Draws the KL divergence of each unit of a code, the largest first.

    Args:
        units: as of `kg.evaluation.latent_units`.
        title: of the picture.
        path: file to write, or None.
    """
    from keras_gen.plots.figure import Figure

    figure = Figure(8, 4)
    axes = figure.subplots()
    colours = np.where(units.active[units.order], "C0", "0.8")
    axes.bar(np.arange(len(units.kl)), units.kl[units.order], color=colours)
    places = np.arange(0, len(units.kl), -(-len(units.kl) // MAX_TICKS))
    axes.set_xticks(places, units.order[places])
    axes.set(
        xlabel="unit of the code, by KL divergence; grey: its mean does not vary",
        ylabel="KL divergence from N(0, 1), nats",
        title=title,
    )
    return figure.write(path)
