"""Searches: the objective against what was searched."""

from pathlib import Path
from typing import Any

import numpy as np


def objective(name, space, trials, best, path: str | Path | None = None) -> Any:
    """Draws the objective of trials against each hyperparameter.

    Args:
        name: of the objective.
        space: name of a hyperparameter to a `kg.tuning.Range`, or to a list of choices.
        trials: records of a search, of trials that ended well.
        best: the record of the best of them.
        path: file to write, or None.
    """
    from keras_gen.plots.figure import Figure

    figure = Figure(4 * len(space), 3.5)
    panels = figure.subplots(1, len(space), squeeze=False, sharey=True)[0]
    for axes, (hyperparameter, values) in zip(panels, space.items(), strict=True):
        tried = [record["values"][hyperparameter] for record in [*trials, best]]
        if not hasattr(values, "low"):
            tried = [str(value) for value in tried]
        elif values.log:
            ticks = np.geomspace(values.low, values.high, 4)
            axes.set_xscale("log")
            axes.set_xticks(ticks, [f"{tick:.2g}" for tick in ticks])
            axes.minorticks_off()
        axes.scatter(tried[:-1], [record["figure"] for record in trials], s=20)
        axes.scatter(tried[-1:], [best["figure"]], s=90, facecolors="none", edgecolors="C3", label="best")
        axes.set(xlabel=hyperparameter)
    panels[0].set(ylabel=name)
    panels[0].legend()
    return figure.write(path)
