"""What models of a table's rows can do besides: data frames of samples, missing values, scores of columns."""

from __future__ import annotations

import typing
from typing import Any

import numpy as np

from keras_gen.core import provenance
from keras_gen.core.arguments import whole
from keras_gen.core.part import Part

if typing.TYPE_CHECKING:
    import pandas as pd


class Rows(Part):
    """Part of `GenerativeModel`: what takes a `table`, and a likelihood of its columns, `pixel_loss`."""

    def drawn_rows(self, made: Any, seed: int, **details) -> pd.DataFrame:
        """A data frame of what the model makes of codes, (N, D): draws of p(x | z), where it has one.

        Values are missing as often as in training.
        """
        rows = self.pixel_loss.draw(made, seed) if hasattr(self, "pixel_loss") else np.asarray(made)
        frame = self.table.decode(rows, missing=True)
        frame.attrs["provenance"] = provenance.mark(made, self, seed=seed, **details).provenance
        return frame

    def as_given(self, x: Any, made: Any) -> Any:
        """What the model makes of x: of a data frame a data frame, with its index."""
        if self.table is None or not hasattr(x, "columns"):
            return made
        frame = self.table.decode(made)
        frame.index, frame.attrs["provenance"] = x.index, made.provenance
        return frame

    def impute(self, frame: Any, rounds: int = 10) -> pd.DataFrame:
        """Fills what is missing in the rows of a table, and categories that are unknown; what is known stays.

        Missing values begin at nothing, or at the column's median, and are replaced by those of the reconstruction,
        again and again (Rezende et al. 2014, appendix F, by means in place of draws).

        Args:
            frame: data frame with the columns of training; others stay as they are.
            rounds: how many reconstructions.

        Returns:
            A data frame of the same rows and columns.

        Raises:
            NotImplementedError: if the model is of no table, or does not reconstruct.
        """
        self._check_table("impute", "reconstruct")
        table, rounds = self.table, whole(1).check("rounds", rounds)
        table.check(frame)
        missing = table.missing(frame).to_numpy()
        slots = np.concatenate(
            [np.repeat(missing[:, [i]], column.width, axis=1) for i, (column, _) in enumerate(table.modelled)], axis=1
        )
        rows = table.encode(table.filled(frame))
        for _ in range(rounds if slots.any() else 0):
            rows = np.where(slots, np.where(table.masks, 1, np.asarray(self.reconstruct(rows))), rows)
        filled, result = table.decode(rows), frame.copy()
        for i, (column, _) in enumerate(table.modelled):
            if missing[:, i].any():
                result[column.name] = column.as_own(frame[column.name]).mask(
                    missing[:, i], filled[column.name].set_axis(frame.index)
                )
        return result

    def column_scores(self, frame: Any) -> pd.DataFrame:
        """How unusual each value is, beside the others of its row: `-log p(x_c | z)` at the code of the row, nats.

        Args:
            frame: data frame with the columns of training, or their encoded rows (N, D).

        Returns:
            A data frame (N, columns that are modelled); higher is more unusual; of what is missing, that it is.

        Raises:
            NotImplementedError: if the model is of no table, or does not reconstruct.
        """
        import pandas as pd

        self._check_table("score columns", "reconstruct")
        rows, _ = self.in_memory(frame)
        parts = np.asarray(self.pixel_loss.parts(rows, np.asarray(self.reconstruct(rows))))
        names = [column.name for column, _ in self.table.modelled]
        return pd.DataFrame(parts, columns=names, index=getattr(frame, "index", None))

    def _check_table(self, what, needed):
        if self.table is None:
            self._cannot(what, ": it was not made with the `spec` of a table")
        if needed not in self.offers:
            self._cannot(what, ": that takes an encoder and a decoder")
