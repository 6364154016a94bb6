"""Series as curves."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

MOST_COLUMNS = 5


def series(
    *groups: Any, names: Sequence[str] = (), titles: Sequence[str] = (), columns: int | None = None,
    path: str | Path | None = None,
) -> Any:  # fmt: skip
    """Draws series: a panel for each, in it that of every group, the first one pale, such as originals beneath.

    Args:
        *groups: (N, T, F) each, such as originals and reconstructions; a curve for each feature. NaN is not drawn.
        names: of the groups, for the legend.
        titles: of the panels.
        columns: panels side by side; None for five at most.
        path: file to write, or None.

    Returns:
        The path, or without one the matplotlib Figure.

    Raises:
        ValueError: if there is nothing to draw, or the groups are not of one shape.

    Example:
        >>> x, _ = kg.data.waves(4)
        >>> len(kg.plots.series(x, 0.9 * x, names=("original", "made")).axes)
        4
    """
    from keras_gen.plots.figure import Figure

    arrays = [np.asarray(group) for group in groups]
    shapes = [array.shape for array in arrays]
    if len(set(shapes)) != 1 or len(shapes[0]) != 3 or len(arrays[0]) == 0:
        raise ValueError(f"Groups of series must be (N, T, F), all of one shape. Received: {shapes}")
    count = len(arrays[0])
    columns = min(count, MOST_COLUMNS if columns is None else columns)
    rows = math.ceil(count / columns)
    figure = Figure(2.2 * columns, 1.5 * rows + 0.4)
    panels = np.ravel(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False))
    for i, axes in enumerate(panels):
        axes.set_visible(i < count)
        for k, array in enumerate(arrays if i < count else ()):
            beneath = k == 0 and len(arrays) > 1
            for feature in range(array.shape[2]):
                colour = f"C{feature + k * (array.shape[2] == 1)}"
                width, alpha = (2.5, 0.4) if beneath else (1.2, 1.0)
                label = names[k] if i == feature == 0 and k < len(names) else None
                axes.plot(array[i, :, feature], color=colour, linewidth=width, alpha=alpha, label=label)
        if i < min(count, len(titles)):
            axes.set_title(str(titles[i]), fontsize="small")
        axes.tick_params(labelsize="x-small", labelbottom=i >= count - columns)  # the last ones of each column
    if names:
        figure.legend(loc="outside upper center", ncols=len(names), fontsize="small")
    return figure.write(path)
