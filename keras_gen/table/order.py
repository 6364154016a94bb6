"""Which columns have an order, and their values as numbers on an axis: for pictures and distances of tables."""

from typing import Any

import numpy as np


def is_ordered(column: Any) -> bool:
    """Whether the values of a column are numbers or times, which have an order and distances."""
    return getattr(column.dtype, "kind", "O") in "iufmM" or hasattr(column.dtype, "tz")


def on_axis(column: Any) -> np.ndarray:
    """Values of an ordered column; of times days since 1970, as matplotlib counts; NaN where missing. (N,) float64."""
    import pandas as pd

    if hasattr(column.dtype, "tz") or column.dtype.kind == "M":
        column = pd.to_datetime(column, utc=True) - pd.Timestamp(0, tz="UTC")
    if column.dtype.kind == "m":
        column = column.dt.total_seconds() / 86_400
    return column.to_numpy("float64", na_value=np.nan)
