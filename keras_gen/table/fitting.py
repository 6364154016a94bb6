"""`fit_spec`: the kinds and the numbers of columns, of training rows."""

from __future__ import annotations

import typing
import warnings
from collections.abc import Iterable, Sequence

import numpy as np

from keras_gen.table.columns import DECIMALS, KINDS, Column, as_numbers, shown
from keras_gen.table.spec import TableSpec

if typing.TYPE_CHECKING:
    import pandas as pd

QUANTILES = 257  # of a numeric column: what lies between two of them is taken as uniform
DAY = 86_400.0  # seconds
MAX_CATEGORIES = 100  # more texts than these are names or remarks


def fit_spec(frame: pd.DataFrame, kinds: dict[str, str] | None = None, partial: Iterable[str] = ()) -> TableSpec:
    """The columns of training rows.

    Args:
        frame: of the training rows, or of a random choice of them.
        kinds: of columns whose kind should not be told by their values, one of KINDS by name.
        partial: names of further columns that lack values.

    Raises:
        ValueError: if there is no column to learn from, or a kind does not fit.
    """
    kinds, partial = kinds or {}, set(partial)
    unknown = [name for name in kinds if name not in frame.columns]
    if unknown or not set(kinds.values()) <= set(KINDS):
        raise ValueError(f"`kinds` maps columns of the table to {', '.join(KINDS)}. Received: kinds={kinds}")
    columns = [_fit_column(frame[name], kinds.get(name), name in partial) for name in frame.columns]
    _tell(columns)
    spec = TableSpec(tuple(columns))
    if not spec.width:
        raise ValueError(
            f"A table must have a column whose values differ. Received: {', '.join(map(str, frame.columns))}"
        )
    return spec


def _tell(columns: Sequence[Column]) -> None:
    constant = [column.name for column in columns if column.kind == "constant"]
    ignored = [column.name for column in columns if column.kind == "ignore"]
    if constant:
        warnings.warn(f"Columns of one value only are not learnt: {', '.join(constant)}", stacklevel=6)
    if ignored:
        warnings.warn(
            f"Columns of texts that are no categories are left out: {', '.join(ignored)}. To learn from one all the "
            'same, give kinds={"name": "category"}',
            stacklevel=6,
        )


def _fit_column(series, kind, is_partial):
    import pandas as pd

    name, dtype = str(series.name), str(series.dtype)
    present = series.dropna()
    distinct = present.unique()
    kind = kind or _kind_of(present, distinct)
    is_partial = bool(is_partial or len(present) < len(series))
    if kind == "ignore":
        return Column(name, "ignore", dtype)
    if len(distinct) <= 1 or kind == "constant":
        return Column(name, "constant", dtype, values=tuple(map(_plain, distinct[:1])) or (None,))
    if kind == "flag" and len(distinct) != 2:
        raise ValueError(f"A flag has two values. Received: {len(distinct)} in the column {name!r}, {shown(present)}")
    if kind in ("flag", "category"):
        declared = series.dtype.categories if isinstance(series.dtype, pd.CategoricalDtype) else None
        values = [value for value in declared if value in set(distinct)] if declared is not None else _ordered(distinct)
        dtype = {"str": "str", "object": "object"}.get(dtype, dtype)
        return Column(name, kind, dtype, values=tuple(map(_plain, values)), is_partial=is_partial)
    numbers = as_numbers(present, kind)
    step = _step_of(numbers, kind)
    quantiles = np.quantile(numbers, np.linspace(0, 1, min(QUANTILES, max(2, len(numbers)))), method="linear")
    if kind == "date":
        is_text = not pd.api.types.is_datetime64_any_dtype(series)
        dtype = "date" if step == DAY and is_text else "text" if is_text else dtype
    scale = float(numbers.std())
    return Column(
        name, kind, dtype, quantiles=tuple(map(float, quantiles)), scale=scale, step=step, is_partial=is_partial
    )


def _step_of(numbers, kind):
    """The coarsest step that all numbers, or seconds of dates, are multiples of; 0 if there is none."""
    if kind == "date":
        return next((step for step in (DAY, 3600.0, 60.0) if not np.any(numbers % step)), 1.0)
    if kind == "whole":
        return 1.0
    decimals = (d for d in range(1, DECIMALS + 1) if np.array_equal(np.round(numbers, d), numbers))
    return next((10.0**-d for d in decimals), 0.0)


def _kind_of(present, distinct):
    """The kind that values have by themselves."""
    import pandas as pd

    if len(distinct) <= 1:
        return "constant"
    if pd.api.types.is_bool_dtype(present):
        return "flag"
    if isinstance(present.dtype, pd.CategoricalDtype):
        return "flag" if len(distinct) == 2 else "category"
    if pd.api.types.is_datetime64_any_dtype(present):
        return "date"
    if pd.api.types.is_numeric_dtype(present):
        if len(distinct) == 2:
            return "flag"
        return "whole" if not np.any(np.mod(present.to_numpy("float64"), 1)) else "number"
    if len(distinct) == 2:
        return "flag"
    texts = pd.Series(distinct).astype(str)
    if texts.str.match(r"\d{4}-\d{2}-\d{2}").all():
        try:
            pd.to_datetime(texts, format="ISO8601")
            return "date"
        except ValueError:
            pass
    return "category" if len(distinct) <= min(MAX_CATEGORIES, max(2, len(present) / 2)) else "ignore"


def _ordered(values):
    try:
        return sorted(values)
    except TypeError:  # of several types
        return sorted(values, key=str)


def _plain(value):
    """A value as JSON holds it."""
    value = value.item() if hasattr(value, "item") else value
    return value if isinstance(value, bool | int | float | str) else str(value)
