"""Columns of tables: how often each value is there, in the data and in what a model makes of them."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_gen.table.order import is_ordered, on_axis

PANELS = 48  # more do not fit on a page
ACROSS = 4
BINS = 30
BARS = 10  # categories with a bar of their own; the others are summed
HEAVY = 30.0  # a range so many times that of the middle half is drawn by orders of magnitude


def columns(real, made=None, path: str | Path | None = None, names: Sequence[str] = ("data", "samples")) -> Any:
    """Draws a histogram of each column of a table, and over it that of a second table.

    Numbers and dates in bins, by orders of magnitude where a few are much larger than the others; categories and yes/no
    as bars, the most frequent first; what is missing as a bar of its own. All are shares of the rows, so that tables of
    different length compare.

    Args:
        real: DataFrame; its first 48 columns are drawn.
        made: DataFrame with these columns, or None.
        path: file to write (.png, .pdf, .svg), or None.
        names: of the two tables, for the legend.

    Returns:
        The path, or without one the matplotlib Figure.

    Raises:
        ValueError: if there is no row or no column to draw, or `made` lacks a column.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"age": [20, 30, 40, 50], "team": ["a", "a", "b", None]})
        >>> [axes.get_title() for axes in kg.plots.columns(table).axes]
        ['age', 'team']
    """
    from matplotlib.patches import Patch

    from keras_gen.plots.figure import Figure

    tables = [real] if made is None else [real, made]
    shown = list(real.columns)[:PANELS]
    lacking = [name for name in shown if made is not None and name not in made.columns]
    if not shown or lacking or not all(map(len, tables)):
        raise ValueError(
            "There must be rows and columns to draw, the same columns in both tables. Received: "
            f"{' and '.join(f'{len(t)} rows, {len(t.columns)} columns' for t in tables)}"
            + (f"; without {', '.join(map(str, lacking))}" if lacking else "")
        )
    rows = math.ceil(len(shown) / ACROSS)
    across = math.ceil(len(shown) / rows)
    figure = Figure(3.2 * across, 2.3 * rows + 0.4)
    figure.set_layout_engine("constrained", wspace=0.06, hspace=0.04)
    for i, name in enumerate(shown):
        axes = figure.add_subplot(rows, across, i + 1)
        drawn = [table[name] for table in tables]
        (_draw_bins if is_ordered(drawn[0]) else _draw_bars)(axes, drawn, names)
        axes.set_title(_short(name, 30), fontsize="medium")
        axes.tick_params(labelsize="small")
        axes.set_ylim(bottom=0)
    hidden = len(real.columns) - len(shown)
    title = f"Share of rows by value; {hidden} further columns are not drawn" if hidden else "Share of rows by value"
    figure.suptitle(title, fontsize="medium", x=0.01, ha="left")
    if made is not None:
        patches = [Patch(**_style(i), label=name) for i, name in enumerate(names)]
        figure.legend(handles=patches, loc="outside upper right", ncols=2, fontsize="small", frameon=False)
    return figure.write(path)


def _draw_bins(axes, drawn, names):
    """Histograms of numbers or times over the same bins; the share that is missing is a bar at the right."""
    values = [on_axis(column) for column in drawn]
    known = np.concatenate([part[np.isfinite(part)] for part in values])
    if not len(known):
        axes.text(0.5, 0.5, "all missing", ha="center", transform=axes.transAxes)
        axes.set_xticks([])
        axes.set_yticks([])
        return
    edges, scale = _edges(known, whole=all(column.dtype.kind in "iu" for column in drawn))
    for number, (part, name) in enumerate(zip(values, names, strict=False)):
        counts, _ = np.histogram(part, edges)
        axes.stairs(counts / len(part), edges, **_style(number), label=name)
    if scale:
        axes.set_xscale("asinh", linear_width=scale)
        axes.set_xticks(_ticks(edges, scale))
        axes.minorticks_off()
    _label_times(axes, drawn[0])
    missing = [np.isnan(part).mean() for part in values]
    if any(missing):
        inset = axes.inset_axes((1.02, 0, 0.1, 1), sharey=axes)
        for number, share in enumerate(missing):
            inset.stairs([share], [0, 1], **_style(number))
        inset.set_xticks([0.5], ["missing"], rotation=90, fontsize="x-small")
        inset.tick_params(labelleft=False, length=0)


def _draw_bars(axes, drawn, names):
    """Shares of categories side by side: the most frequent of the first table, all others, and missing ones."""
    shares = []
    for column in drawn:
        known = column.astype(object)
        known = known.where(known.isna(), known.map(str)).fillna("missing")
        shares.append(known.value_counts(normalize=True))
    values = list(dict.fromkeys(value for part in shares for value in part.index))
    if len(values) > BARS + 1:
        kept = [value for value in values if value != "missing"][: BARS - 1]
        rest = [value for value in values if value not in kept and value != "missing"]
        values = [*kept, f"{len(rest)} others", *(["missing"] if "missing" in values else [])]
        for part in shares:
            part[f"{len(rest)} others"] = part.reindex(rest).sum()
    width = 0.8 / len(shares)
    places = np.arange(len(values))
    for number, (part, name) in enumerate(zip(shares, names, strict=False)):
        heights = part.reindex(values).fillna(0)
        axes.bar(places + (number - (len(shares) - 1) / 2) * width, heights, width, **_style(number), label=name)
    longest = max(map(len, values))
    axes.set_xticks(places, [_short(value, 14) for value in values], rotation=0 if longest * len(values) < 30 else 90)


def _short(text, most):
    text = str(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def _style(number):
    """The first table is an area, the second a line over it."""
    return {"fill": True, "color": "C0", "alpha": 0.6} if number == 0 else {"fill": False, "edgecolor": "C1", "lw": 1.6}


def _edges(known, whole):
    """Edges of bins over all values, (bins + 1,), and the width of the linear part of a scale, None of a linear one."""
    low, high = known.min(), known.max()
    if low == high:
        return np.array([low - 0.5, low + 0.5]), None
    middle = np.subtract(*np.quantile(known, [0.75, 0.25])) or known.std()
    if high - low > HEAVY * middle:
        # Of numbers of one sign nearly all is drawn by orders of magnitude, else the middle half is not.
        scale = float(np.quantile(np.abs(known[known != 0]), 0.5 if low < 0 < high else 0.02))
        inner = scale * np.sinh(np.linspace(np.arcsinh(low / scale), np.arcsinh(high / scale), BINS + 1))[1:-1]
        return np.array([low, *inner, high]), scale
    if whole:
        step = math.ceil((high - low + 1) / BINS)
        return np.arange(low - 0.5, high + step, step), None
    return np.linspace(low, high, BINS + 1), None


def _ticks(edges, scale):
    """At 0 and at powers of ten, four to a side at most, none of them so close to 0 that they run into each other."""
    ticks = [0.0] if edges[0] <= 0 <= edges[-1] else []
    for sign, end in ((-1, -edges[0]), (1, edges[-1])):
        if end > scale:
            powers = range(math.ceil(math.log10(scale)), math.floor(math.log10(end)) + 1)
            ticks += [sign * 10.0**power for power in powers[:: -max(1, math.ceil(len(powers) / 3))]]
    return [tick for tick in ticks if edges[0] <= tick <= edges[-1]]


def _label_times(axes, column):
    """Ticks that read as dates, or as days."""
    from matplotlib import dates

    if hasattr(column.dtype, "tz") or column.dtype.kind == "M":
        locator = dates.AutoDateLocator(maxticks=4)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
    elif column.dtype.kind == "m":
        axes.set_xlabel("days", fontsize="small")
