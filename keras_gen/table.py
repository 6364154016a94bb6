"""`TableSpec`: the columns of a table, and how its rows become vectors (N, D) of float32, and back.

pandas is imported by what needs it: it takes a third of a second.
"""

from __future__ import annotations

import dataclasses
import functools
import typing
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, Self

import keras
import numpy as np
from scipy import special

if typing.TYPE_CHECKING:
    import pandas as pd

KINDS = ("number", "whole", "date", "flag", "category", "constant", "ignore")
NUMERIC = ("number", "whole", "date")
QUANTILES = 257  # of a numeric column: what lies between two of them is taken as uniform
MAX_CATEGORIES = 100  # more texts than these are names or remarks
MAX_SHOWN = 5  # values that a sentence quotes


@dataclasses.dataclass(frozen=True)
class Column:
    """A column and its slots in the vector of a row.

    - "number", "whole" and "date" have one slot, the normal score Phi^-1(F(x)), F the distribution function of the
      training rows; beyond their range it goes on linearly, by standard deviations. Whatever the shape of a column, the
      slot is standard normal, and a value of many rows, such as 0 bytes, comes back exactly.
    - "flag" has one slot, 0 for the first of its two values and 1 for the second.
    - "category" has a slot for each value, one of which is 1; all are 0 for one that is missing or unknown.
    - A numeric column or a flag that lacks values in training has one slot more, 1 where the value is known. Where it
      is not, its first slot is 0.
    - "constant" has none: it comes back in samples. "ignore" has none and does not come back.

    Args:
        name: of the column.
        kind: one of KINDS.
        dtype: pandas' name of the type that it comes back with.
        values: of a flag, a category or a constant, in order; None stands for a missing one.
        quantiles: of a numeric column, increasing; of dates, in seconds since 1970.
        scale: the standard deviation of a numeric column.
        is_partial: whether values are missing in training.
    """

    name: str
    kind: str
    dtype: str
    values: tuple = ()
    quantiles: tuple[float, ...] = ()
    scale: float = 1.0
    is_partial: bool = False

    @property
    def has_mask(self) -> bool:
        """Whether a slot says if the value is known."""
        return self.is_partial and self.kind in (*NUMERIC, "flag")

    @property
    def width(self) -> int:
        """How many slots it has."""
        if self.kind in ("constant", "ignore"):
            return 0
        return len(self.values) if self.kind == "category" else 1 + self.has_mask

    # === Encoding ===

    def encode(self, series: pd.Series) -> np.ndarray:
        """(N,) values -> (N, width) float32.

        Raises:
            ValueError: if values are of another kind, infinite, or missing where none was in training.
        """
        if self.width == 0:
            return np.zeros((len(series), 0), "float32")
        if self.kind == "category":
            return np.stack([_positions(series, self) == i for i in range(len(self.values))], axis=1).astype("float32")
        if self.kind == "flag":
            position = _positions(series, self)
            known, slot = position >= 0, np.maximum(position, 0)
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

    def decode(self, slots: np.ndarray) -> pd.Series:
        """(N, width) slots, numbers or probabilities -> (N,) values of the column's own type; none of them missing."""
        import pandas as pd

        if self.kind in NUMERIC:
            numbers = self.from_score(slots[:, 0].astype("float64"))
            return from_numbers(numbers, self)
        if self.kind == "constant":
            index = np.zeros(len(slots), int)
        else:
            index = (slots[:, 0] >= 0.5).astype(int) if self.kind == "flag" else slots.argmax(axis=1)
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


@keras.saving.register_keras_serializable("keras_gen")
@dataclasses.dataclass(frozen=True)
class TableSpec:
    """The columns of a table: what a model of its rows is given in place of a `data_shape`.

    `kg.data.table(source).spec` makes one of the training rows.

    Args:
        columns: in the order of the table.

    Example:
        >>> table = kg.data.table(sklearn.datasets.load_wine(as_frame=True).frame, target="target")  # doctest: +SKIP
        >>> model = kg.VAE(table.spec, latent_dim=4)  # doctest: +SKIP
    """

    columns: tuple[Column, ...]

    @property
    def width(self) -> int:
        """D, how many slots the vector of a row has."""
        return sum(column.width for column in self.columns)

    @property
    def shape(self) -> tuple[int]:
        """(D,), the `data_shape` of a model of the vectors."""
        return (self.width,)

    @property
    def names(self) -> list[str]:
        """Of the columns that come back."""
        return [column.name for column in self.columns if column.kind != "ignore"]

    @property
    def modelled(self) -> list[tuple[Column, slice]]:
        """The columns that have slots, with these."""
        found, start = [], 0
        for column in self.columns:
            if column.width:
                found.append((column, slice(start, start + column.width)))
            start += column.width
        return found

    @property
    def masks(self) -> np.ndarray:
        """(D,) bool: which slots say whether a value is known."""
        flags = [[False] * (c.width - c.has_mask) + [True] * c.has_mask for c in self.columns]
        return np.array([flag for column in flags for flag in column], bool)

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        """Rows of a data frame with these columns, in any order and beside others -> (N, D) float32.

        Raises:
            ValueError: if columns are missing, or hold what they did not hold in training.
        """
        self.check(frame)
        parts = [column.encode(frame[column.name]) for column in self.columns]
        return np.concatenate(parts, axis=1) if parts else np.zeros((len(frame), 0), "float32")

    def check(self, frame: Any) -> None:
        """Raises a sentence if a data frame lacks columns."""
        names = list(getattr(frame, "columns", []))
        lacking = [column.name for column in self.columns if column.width and column.name not in names]
        if lacking:
            raise ValueError(
                f"A table must have the columns of its training. Received: {names[:10]}, without {lacking[:10]}"
            )

    def decode(self, rows: Any) -> pd.DataFrame:
        """Vectors, or what a model makes of them, (N, D) -> a data frame of the columns, none of its values missing."""
        import pandas as pd

        rows = np.asarray(rows)
        if rows.ndim != 2 or rows.shape[1] != self.width:
            raise ValueError(f"Rows of this table are (N, {self.width}). Received: shape={rows.shape}")
        slots = {column.name: part for column, part in self.modelled}
        series = {
            column.name: column.decode(rows[:, slots.get(column.name, slice(0, 0))])
            for column in self.columns
            if column.kind != "ignore"
        }
        return pd.DataFrame(series, columns=pd.Index(self.names, dtype="object") if not series else None)

    def missing(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Which values of the columns a data frame lacks, or holds but are unknown categories. (N, columns) bool."""
        import pandas as pd

        return pd.DataFrame({
            column.name: _positions(frame[column.name], column, warn=False) < 0
            if column.kind in ("flag", "category")
            else frame[column.name].isna()
            for column, _ in self.modelled
        })  # fmt: skip

    def filled(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A data frame whose missing numbers and flags, in columns that had none, are the median or the first value."""
        self.check(frame)
        frame = frame.copy()
        for column, _ in self.modelled:
            if column.has_mask:
                continue
            if column.kind in NUMERIC:
                middle = from_numbers(np.array([column.quantiles[len(column.quantiles) // 2]]), column)[0]
                frame[column.name] = frame[column.name].fillna(middle)
            elif column.kind == "flag":
                frame[column.name] = frame[column.name].fillna(column.values[0])
        return frame

    def describe(self) -> str:
        """The kinds and how many columns are of each: "4 numbers, 2 categories, 1 flag"."""
        plural = {"category": "categories"}
        counts = {kind: sum(column.kind == kind for column in self.columns) for kind in KINDS}
        words = {"whole": "whole number", "ignore": "ignored column", "constant": "constant"}
        return ", ".join(
            f"{count} {words.get(kind, kind) if count == 1 else plural.get(kind, words.get(kind, kind) + 's')}"
            for kind, count in counts.items()
            if count
        )

    def get_config(self) -> dict[str, Any]:
        return {"columns": [dataclasses.asdict(column) for column in self.columns]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(tuple(
            Column(**{**column, "values": tuple(column["values"]), "quantiles": tuple(column["quantiles"])})
            for column in config["columns"]
        ))  # fmt: skip


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
            f"The column {series.name!r} must hold {what}, as in training ({error}). Received: {_shown(series)}"
        ) from None
    if np.isinf(values).any():
        row = int(np.argmax(np.isinf(values)))
        raise ValueError(f"The column {series.name!r} must hold finite numbers. Received: {values[row]} in row {row}")
    return values


def from_numbers(numbers: np.ndarray, column: Column) -> Any:
    """Numbers as values of a numeric column, a series of its own type."""
    import pandas as pd

    if column.kind == "date":
        unit = "D" if column.dtype == "date" else "s"
        dates = pd.Series(pd.to_datetime(np.round(numbers), unit="s").round(unit))
        return dates if column.dtype in ("date", "text") else dates.astype(column.dtype)
    if column.kind == "whole":
        numbers = np.round(numbers)
    return pd.Series(numbers).astype(column.dtype)


def _positions(series, column, warn=True):
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


def _shown(series):
    return ", ".join(map(repr, series.dropna().head(MAX_SHOWN).tolist()))


# === Fitting ===


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
        raise ValueError(f"A flag has two values. Received: {len(distinct)} in the column {name!r}, {_shown(present)}")
    if kind in ("flag", "category"):
        declared = series.dtype.categories if isinstance(series.dtype, pd.CategoricalDtype) else None
        values = [value for value in declared if value in set(distinct)] if declared is not None else _ordered(distinct)
        dtype = {"str": "str", "object": "object"}.get(dtype, dtype)
        return Column(name, kind, dtype, values=tuple(map(_plain, values)), is_partial=is_partial)
    numbers = as_numbers(present, kind)
    quantiles = np.quantile(numbers, np.linspace(0, 1, min(QUANTILES, max(2, len(numbers)))), method="linear")
    if kind == "date":
        is_text = not pd.api.types.is_datetime64_any_dtype(series)
        whole_days = not np.any(numbers % 86_400)
        dtype = "date" if whole_days and is_text else "text" if is_text else dtype
    return Column(
        name, kind, dtype, quantiles=tuple(map(float, quantiles)), scale=float(numbers.std()), is_partial=is_partial
    )


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
