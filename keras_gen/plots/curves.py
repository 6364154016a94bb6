"""Curves: of training, of detectors, of compression."""

import math
from pathlib import Path
from typing import Any

from keras_gen import metrics
from keras_gen.files import read_columns

COLUMNS = 3  # panels side by side
MARKED = 30  # epochs above which the points of a curve run into each other
VALIDATION = "val_"


def history(history, path: str | Path | None = None) -> Any:
    """Draws the curves of a training: a panel for each metric, with training and validation in it.

    Args:
        history: what `fit` returns, its dict of name to values, or a run folder. Only a run folder tells when a model
            was validated; elsewhere fewer values than epochs count as those of every k-th (`validation_freq=k`).
        path: file to write (.png, .pdf, .svg), or None.

    Returns:
        The path, or without one the matplotlib Figure.

    Raises:
        ValueError: if there is nothing to draw.

    Example:
        >>> model = kg.VAE((8, 8, 1), latent_dim=2)
        >>> model.compile()
        >>> trained = model.fit(kg.data.load("digits"), epochs=2, verbose=0)
        >>> figure = kg.plots.history(trained)
        >>> [axes.get_title() for axes in figure.axes]
        ['loss', 'active_units', 'kl_loss', 'reconstruction_loss']
    """
    from matplotlib.ticker import FixedLocator, MaxNLocator

    from keras_gen.plots.figure import Figure

    curves, epochs = _read(history)
    names = list(dict.fromkeys(name.removeprefix(VALIDATION) for name in curves))
    names.sort(key=lambda name: name != "loss")
    described = metrics.describe_all(names, getattr(history, "model", None))
    rows = math.ceil(len(names) / COLUMNS)
    columns = math.ceil(len(names) / rows)
    figure = Figure(3.6 * columns, 2.6 * rows)
    figure.set_layout_engine("constrained", wspace=0.06, hspace=0.06)
    marker = "." if len(epochs) <= MARKED else None
    for i, name in enumerate(names):
        axes = figure.add_subplot(rows, columns, i + 1)
        for key, label, colour in ((name, "training", "C0"), (VALIDATION + name, "validation", "C1")):
            if key in curves:
                axes.plot(_epochs_of(key, curves, epochs), curves[key], marker=marker, color=colour, label=label)
        axes.set(xlabel="epoch", ylabel=described[name].unit, title=name)
        axes.title.set_fontsize("medium")
        axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True) if len(epochs) > 1 else FixedLocator(epochs))
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    return figure.write(path)


def _read(history):
    """Name to values, and the epochs, counted from 1."""
    if isinstance(history, str | Path):
        curves = read_columns(Path(history) / "history.csv")
        epochs = [int(epoch) for epoch in curves.pop("epoch", ())]
    else:
        found = getattr(history, "history", history)
        found = getattr(found, "history", found)  # of a model
        if not isinstance(found, dict):
            raise ValueError(
                "`history` must be what `fit` has returned, its dict, or a run folder. "
                f"Received: {type(history).__name__}"
            )
        curves = {name: list(values) for name, values in found.items()}
        count = max(map(len, curves.values()), default=0)
        epochs = [epoch + 1 for epoch in getattr(history, "epoch", range(count))]
    curves = {name: values for name, values in curves.items() if len(values)}
    if not curves:
        raise ValueError(
            "There must be an epoch to draw: give what `fit` has returned, its dict, or the folder of a run that has "
            f"one. Received: {history!r}"
        )
    return curves, epochs


def _epochs_of(name, curves, epochs):
    """The epochs of a curve's values: all; each k-th, of `validation_freq=k`; or the last, where it began later."""
    count, every = len(curves[name]), len(epochs) // len(curves.get("val_loss", epochs))
    validated = epochs[every - 1 :: every]
    return validated if name.startswith(VALIDATION) and len(validated) == count else epochs[-count:]


def roc(curves, areas, path: str | Path | None = None) -> Any:
    """Draws receiver operating characteristics.

    Args:
        curves: name to false alarms and found, (N,) each.
        areas: name to the area under its curve.
        path: file to write, or None.
    """
    from keras_gen.plots.figure import Figure

    figure = Figure(6, 6)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="gray", linestyle=":", label="chance")
    for name, (false_alarms, found) in curves.items():
        axes.plot(false_alarms, found, label=f"{name}: {areas[name]:.3f}")
    axes.set(xlabel="false alarms", ylabel="found", title="ROC and the area under it", aspect="equal")
    axes.legend(loc="lower right")
    return figure.write(path)


def rate_distortion(rows, path: str | Path | None = None) -> Any:
    """Draws bits per pixel against quality.

    Args:
        rows: as of `kg.tasks.compression.rate_distortion`.
        path: file to write, or None.
    """
    from keras_gen.plots.figure import Figure

    figure = Figure(7, 5)
    axes = figure.subplots()
    for codec in dict.fromkeys(row["codec"] for row in rows):
        points = [(row["bits_per_pixel"], row["psnr"]) for row in rows if row["codec"] == codec]
        axes.plot(*zip(*points, strict=True), marker="o", ms=4, label=codec)
    axes.set(xlabel="bits per pixel", ylabel="PSNR (dB)", title="Rate and distortion")
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure.write(path)
