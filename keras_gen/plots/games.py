"""The game of a GAN of one number."""

from pathlib import Path
from typing import Any

COLOURS = {"data": "black", "generator": "C2", "discriminator": "C0", "optimal": "C1"}


def one_dimension(points, data, frame, path: str | Path | None = None) -> Any:
    """Draws the densities of the data and of the generator, and below them D beside the optimal D*.

    Args:
        points: (N,), where they are known.
        data: (N,), the density of the data.
        frame: dict of `epoch`, and `generator`, `discriminator` and `optimal`, (N,) each.
        path: file to write, or None.
    """
    from keras_gen.plots.figure import Figure

    figure = Figure(6, 4.5)
    densities, values = figure.subplots(2, sharex=True, height_ratios=(3, 2))
    densities.fill_between(points, data, color=COLOURS["data"], alpha=0.15)
    densities.plot(points, data, color=COLOURS["data"], label="p(x), data")
    densities.plot(points, frame["generator"], color=COLOURS["generator"], label="p_g(x), generator")
    densities.set(ylim=(0, 1.6 * data.max()), ylabel="density", title=f"Epoch {frame['epoch']}")
    values.plot(points, frame["discriminator"], color=COLOURS["discriminator"], label="D(x)")
    shown = data + frame["generator"] > 0.01 * data.max()  # where neither is, D* is noise
    values.plot(points[shown], frame["optimal"][shown], "--", color=COLOURS["optimal"], label="D*(x)")
    values.axhline(0.5, color="gray", linewidth=0.8)
    values.set(ylim=(-0.02, 1.02), xlabel="x", ylabel="probability of data")
    for axes in (densities, values):
        axes.legend(loc="upper right")
    return figure.write(path)
