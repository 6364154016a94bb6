"""`TableSpec`: the columns of a table, and how its rows become vectors (N, D) of float32, and back."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any, Self

import keras
import numpy as np

from keras_gen.table.columns import KINDS, NUMERIC, Column, from_numbers, positions

if typing.TYPE_CHECKING:
    import pandas as pd


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
        """Raises a ValueError if a data frame lacks columns."""
        names = list(getattr(frame, "columns", []))
        lacking = [column.name for column in self.columns if column.width and column.name not in names]
        if lacking:
            raise ValueError(
                f"A table must have the columns of its training. Received: {names[:10]}, without {lacking[:10]}"
            )

    def decode(self, rows: Any, missing: bool = False) -> pd.DataFrame:
        """Vectors, or what a model makes of them, (N, D) -> a data frame of the columns.

        Args:
            rows: (N, D).
            missing: whether values that the rows do not know are missing; if not, all are known.
        """
        import pandas as pd

        rows = np.asarray(rows)
        if rows.ndim != 2 or rows.shape[1] != self.width:
            raise ValueError(f"Rows of this table are (N, {self.width}). Received: shape={rows.shape}")
        slots = {column.name: part for column, part in self.modelled}
        series = {
            column.name: column.decode(rows[:, slots.get(column.name, slice(0, 0))], missing)
            for column in self.columns
            if column.kind != "ignore"
        }
        return pd.DataFrame(series, columns=pd.Index(self.names, dtype="object") if not series else None)

    def missing(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Which values of the columns a data frame lacks, or holds but are unknown categories. (N, columns) bool."""
        import pandas as pd

        return pd.DataFrame({
            column.name: positions(frame[column.name], column, warn=False) < 0
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
