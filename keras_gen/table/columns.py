"""`Column`: how the values of a column become slots of a vector, and back.

pandas is imported by what needs it: it takes a third of a second.
"""

from __future__ import annotations

import dataclasses
import functools
import typing
import warnings
from typing import Any

import numpy as np
from scipy import special

if typing.TYPE_CHECKING:
    import pandas as pd

KINDS = ("number", "whole", "date", "flag", "category", "constant", "ignore")
NUMERIC = ("number", "whole", "date")
DECIMALS = 6  # at most, of numbers that are rounded
MAX_SHOWN = 5  # values that a sentence quotes


@dataclasses.dataclass(frozen=True)
class Column:
    """A column and its slots in the vector of a row.

    - "number", "whole" and "date" have one slot, the normal score Phi^-1(F(x)), F the distribution function of the
      training rows; beyond their range it goes on linearly, by standard deviations. Whatever the shape of a column, the
      slot is standard normal, and a value of many rows, such as 0 bytes, comes back exactly.
    - "flag" has one slot, 0 for the first of its two values and 1 for the second; 1/2 for one that is unknown.
    - "category" has a slot for each value, one of which is 1; all are 0 for one that is missing or unknown.
    - A column that lacks values in training has one slot more, 1 where the value is known. Where it is not, its other
      slots are 0.
    - "constant" has none: it comes back in samples. "ignore" has none and does not come back.

    Args:
        name: of the column.
        kind: one of KINDS.
        dtype: pandas' name of the type that it comes back with.
        values: of a flag, a category or a constant, in order; None stands for a missing one.
        quantiles: of a numeric column, increasing; of dates, in seconds since 1970.
        scale: the standard deviation of a numeric column.
        step: what all values of a numeric column are multiples of, such as 1, 0.01 or the seconds of a day; 0 if none.
        is_partial: whether values are missing in training.
    """

    name: str
    kind: str
    dtype: str
    values: tuple = ()
    quantiles: tuple[float, ...] = ()
    scale: float = 1.0
    step: float = 0.0
    is_partial: bool = False

    @property
    def has_mask(self) -> bool:
        """Whether a slot says if the value is known."""
        return self.is_partial and self.kind in (*NUMERIC, "flag", "category")

    @property
    def width(self) -> int:
        """How many slots it has."""
        if self.kind in ("constant", "ignore"):
            return 0
        return (len(self.values) if self.kind == "category" else 1) + self.has_mask

    # === Encoding ===

    def encode(self, series: pd.Series) -> np.ndarray:
        """(N,) values -> (N, width) float32.

        Raises:
            ValueError: if values are of another kind, infinite, or missing where none was in training.
        """
        if self.width == 0:
            return np.zeros((len(series), 0), "float32")
        if self.kind == "category":
            position = positions(series, self)
            slots = [position == i for i in range(len(self.values))] + [position >= 0] * self.has_mask
            return np.stack(slots, axis=1).astype("float32")
        if self.kind == "flag":
            position = positions(series, self)
            known, slot = position >= 0, np.maximum(position, 0.0)
            if not self.has_mask:
                is_new = ~known & series.notna().to_numpy()
                slot, known = np.where(is_new, 0.5, slot), known | is_new
        else:
            values = as_numbers(series, self.kind)
            known = ~np.isnan(values)
            slot = self.to_score(np.where(known, values, self.quantiles[len(self.quantiles) // 2]))
            slot = np.where(known, slot, 0.0)
        if not self.has_mask and not known.all():
            raise ValueError(
                f"The column {self.name!r} has no missing values in training: fill them, as `model.impute` does. "
                f"Received: {int((~known).sum())} missing values, the first in row {int(np.argmin(known))}"
            )
        return np.stack([slot, known] if self.has_mask else [slot], axis=1).astype("float32")

    def decode(self, slots: np.ndarray, missing: bool = False) -> pd.Series:
        """(N, width) slots, numbers or probabilities -> (N,) values of the column's own type.

        Args:
            slots: of rows.
            missing: whether values are missing where the slot that says so is below 1/2; all are known if not.
        """
        if missing and self.has_mask:
            return self.decode(slots).mask(slots[:, -1] < 0.5)
        import pandas as pd

        if self.kind in NUMERIC:
            numbers = self.from_score(slots[:, 0].astype("float64"))
            return from_numbers(numbers, self)
        if self.kind == "constant":
            index = np.zeros(len(slots), int)
        else:
            index = (slots[:, 0] >= 0.5).astype(int) if self.kind == "flag" else slots[:, : len(self.values)].argmax(1)
        values = pd.Series([self.values[i] for i in index], dtype="object")
        if self.dtype == "category":
            return values.astype(pd.CategoricalDtype(list(self.values)))
        return values.astype(self.dtype)

    def as_own(self, series: pd.Series) -> pd.Series:
        """Values as `decode` gives them: dates that were texts are dates."""
        if self.kind != "date" or self.dtype not in ("date", "text"):
            return series
        import pandas as pd

        return pd.to_datetime(series, format="ISO8601")

    @functools.cached_property
    def _grid(self):
        """Quantiles and their normal scores."""
        shares = (np.arange(len(self.quantiles)) + 0.5) / len(self.quantiles)
        return np.array(self.quantiles), special.ndtri(shares)

    def to_score(self, values: np.ndarray) -> np.ndarray:
        """Values -> normal scores. Equal quantiles have the score in the middle of theirs."""
        quantiles, scores = self._grid
        low, high = (np.searchsorted(quantiles, values, side) for side in ("left", "right"))
        tied = 0.5 * (scores[np.minimum(low, len(scores) - 1)] + scores[np.maximum(high - 1, 0)])
        found = np.where(high - low > 1, tied, np.interp(values, quantiles, scores))
        below, above = (np.minimum(values - quantiles[0], 0), np.maximum(values - quantiles[-1], 0))
        return found + (below + above) / self.scale

    def from_score(self, scores: np.ndarray) -> np.ndarray:
        """Normal scores -> values, within the range of training."""
        quantiles, grid = self._grid
        return np.interp(scores, grid, quantiles)

    @property
    def description(self) -> str:
        """Its kind in words, such as "category of 4"."""
        missing = ", partly missing" if self.is_partial else ""
        return f"{self.kind} of {len(self.values)}{missing}" if self.kind == "category" else self.kind + missing


# === Values ===


def as_numbers(series: pd.Series, kind: str) -> np.ndarray:
    """(N,) float64 of numbers, or of dates in seconds since 1970; NaN where there is none.

    Raises:
        ValueError: if there are others, or infinite ones.
    """
    import pandas as pd

    try:
        if kind == "date":
            dates = pd.to_datetime(series, format=None if pd.api.types.is_datetime64_any_dtype(series) else "ISO8601")
            if dates.dt.tz is not None:
                dates = dates.dt.tz_convert("UTC").dt.tz_localize(None)
            seconds = (dates - pd.Timestamp(0)) / pd.Timedelta(seconds=1)
            return seconds.to_numpy("float64", na_value=np.nan)
        values = pd.to_numeric(series).to_numpy("float64", na_value=np.nan)
    except (ValueError, TypeError) as error:
        what = "dates" if kind == "date" else "numbers"
        raise ValueError(
            f"The column {series.name!r} must hold {what}, as in training ({error}). Received: {shown(series)}"
        ) from None
    if np.isinf(values).any():
        row = int(np.argmax(np.isinf(values)))
        raise ValueError(f"The column {series.name!r} must hold finite numbers. Received: {values[row]} in row {row}")
    return values


def from_numbers(numbers: np.ndarray, column: Column) -> Any:
    """Numbers as values of a numeric column, a series of its own type."""
    import pandas as pd

    if column.step:
        numbers = np.round(np.round(numbers / column.step) * column.step, DECIMALS)
    if column.kind == "date":
        dates = pd.Series(pd.to_datetime(np.round(numbers), unit="s"))
        return dates if column.dtype in ("date", "text") else dates.astype(column.dtype)
    return pd.Series(numbers).astype(column.dtype)


def positions(series, column, warn=True):
    """Positions of values among those of a flag or a category, -1 where they are missing or not among them."""
    import pandas as pd

    keys = {_key(value): i for i, value in enumerate(column.values)}
    codes, values = pd.factorize(series)
    of_value = np.array([keys.get(_key(value), -1) for value in values] + [-1])  # the last is for a missing one
    unknown = [value for value, position in zip(values, of_value, strict=False) if position < 0]
    if unknown and warn:
        warnings.warn(
            f"The column {column.name!r} holds values that were not in training; they are taken as missing: "
            f"{', '.join(map(repr, unknown[:MAX_SHOWN]))}{', ...' if len(unknown) > MAX_SHOWN else ''}",
            stacklevel=6,
        )
    return of_value[codes]


def _key(value):
    """What values of a CSV and of its data frame have in common: 1, 1.0 and True are one, "1" is another."""
    return float(value) if isinstance(value, bool | int | float | np.number | np.bool_) else str(value)


def shown(series):
    return ", ".join(map(repr, series.dropna().head(MAX_SHOWN).tolist()))
