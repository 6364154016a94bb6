"""Tables: CSV and Parquet files, and data frames, as sources of encoded rows."""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_gen.data.sources import Examples, Info, Source, Stream
from keras_gen.table.files import check_names, read_in_parts, read_table, table_files
from keras_gen.table.fitting import fit_spec
from keras_gen.table.spec import TableSpec

if typing.TYPE_CHECKING:
    import pandas as pd

SPLITS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}  # names of files
SPLIT_SEED = 20_240_229  # unlike the seeds that people make data with, which would be correlated with the split
TEST_SHARE = 0.2  # of the rows, where there is no file of them
LARGEST_IN_MEMORY = 2**30  # bytes of a file; larger ones are read in parts
ROWS_FOR_FIT = 200_000  # of a table read in parts, a random choice that its columns are fitted on


class TableSource(Source):
    """The rows of a table, encoded by a `TableSpec` that is fitted on the training rows only.

    A fixed random fifth of the rows is the split "test", unless there are files of it: a folder with train.csv and
    test.csv, and perhaps validation.csv.

    Args:
        source: data frame, path of a .csv, .tsv or .parquet file, or of a folder of such.
        target: name of the column of classes, which is not among the columns that are learnt.
        kinds: kinds of columns that are not to be told by their values, as `fit_spec` takes them.
        spec: of a trained model, where the rows are not to be trained on: all of a file are then the split "test".
    """

    def __init__(
        self,
        source: Any,
        target: str | None = None,
        kinds: Mapping[str, str] | None = None,
        spec: TableSpec | None = None,
    ) -> None:
        self.target, self.kinds, self.spec = target, dict(kinds or {}), spec
        self.name = "a data frame" if hasattr(source, "columns") else str(source)
        self.parts = _parts_of(source)
        if spec is not None and list(self.parts) == ["all"]:
            self.parts = {"test": self.parts["all"]}
        self.spec, names, counts = self._look()
        self.info = Info(self.name, self.spec.shape, names and len(names), names, counts, self.spec)
        self.notes = [self.spec.describe()]

    def frame(self, split: str = "train") -> pd.DataFrame:
        """The rows of a split as they are, with the target."""
        import pandas as pd

        return pd.concat([rows for _, rows in self._rows(split)])

    # === Looking ===

    def _look(self):
        """The spec, the names of classes or None, and how many rows are in each split."""
        counts, classes, partial, chosen = {}, set(), set(), _Chosen(None if self.is_in_memory else ROWS_FOR_FIT)
        for split in self.splits:
            counts[split] = 0
            for _, rows in self._rows(split):
                counts[split] += len(rows)
                if self.target is not None:
                    classes.update(self._targets(rows).dropna().unique())
                if split != "train" or self.spec is not None:
                    continue
                partial.update(name for name in rows.columns if rows[name].isna().any())
                chosen.add(rows)
        if not any(counts.values()) or (self.spec is None and not counts.get("train")):
            raise ValueError(f"A table must have rows to train on. Received: {self.name}, with none")
        spec = self.spec
        if spec is None:
            rows = chosen.rows
            features = rows.drop(columns=self.target) if self.target is not None else rows
            spec = fit_spec(features, self.kinds, partial - {self.target})
        self.classes, names = None, None
        if self.target is not None:
            self.classes = sorted(classes, key=lambda value: (isinstance(value, str), value))
            names = [str(value) for value in self.classes]
        return spec, names, {split: count for split, count in counts.items() if count}

    def _targets(self, rows):
        if self.target not in rows.columns:
            raise ValueError(
                f"`target` must be a column of the table: {', '.join(map(str, rows.columns))}. "
                f"Received: target={self.target!r}"
            )
        return rows[self.target]

    @property
    def is_in_memory(self) -> bool:
        """Whether all rows are held in memory."""
        return all(part.is_in_memory for part in self.parts.values())

    @property
    def splits(self) -> list[str]:
        """Names of the splits."""
        return ["train", "test"] if list(self.parts) == ["all"] else list(self.parts)

    def _rows(self, split: str) -> Iterator[tuple[int, pd.DataFrame]]:
        """Rows of a split, part by part, each with the number of its first row in the file."""
        if split in self.parts:
            yield from self.parts[split].read()
            return
        rng = np.random.default_rng(SPLIT_SEED)  # one for all parts: how many rows are read at a time plays no part
        for start, rows in self.parts["all"].read():
            is_test = rng.random(len(rows)) < TEST_SHARE
            yield start, rows[is_test == (split == "test")]

    # === Reading ===

    def open(self, split: str) -> Examples | Stream:
        if self.is_in_memory:
            x, y = self._encoded(self.frame(split))
            rows = tf.constant(x)
            return Examples(len(x), lambda indices: tf.gather(rows, indices), y, x)
        return Stream(self.info.splits[split], functools.partial(self._stream, split))

    def _encoded(self, rows):
        """Vectors, and labels or None, -1 where the target is missing."""
        x = self.spec.encode(rows)
        if self.classes is None:
            return x, None
        import pandas as pd

        return x, pd.Categorical(self._targets(rows), categories=self.classes).codes.astype("int64")

    def _stream(self, split, part):
        start, stop = (int(text) for text in part.strip("[]").split(":"))

        def vectors():
            position = 0
            for _, rows in self._rows(split):
                low, high = max(start - position, 0), min(stop - position, len(rows))
                position += len(rows)
                if low < high:
                    x, y = self._encoded(rows.iloc[low:high])
                    yield x, np.zeros(len(x), "int64") if y is None else y
                if position >= stop:
                    return

        signature = (tf.TensorSpec((None, *self.spec.shape), tf.float32), tf.TensorSpec((None,), tf.int64))
        return tf.data.Dataset.from_generator(vectors, output_signature=signature).unbatch()


class _Chosen:
    """A random choice of rows that come part by part, each as likely; all of them where `limit` is None."""

    def __init__(self, limit: int | None) -> None:
        self.limit, self._keys = limit, np.zeros(0)
        self.rows: Any = None
        self._rng = np.random.default_rng(0)

    def add(self, rows: pd.DataFrame) -> None:
        import pandas as pd

        self.rows = rows if self.rows is None else pd.concat([self.rows, rows])
        self._keys = np.append(self._keys, self._rng.random(len(rows)))
        if self.limit is not None and len(self.rows) > self.limit:
            kept = np.sort(np.argpartition(self._keys, self.limit)[: self.limit])
            self.rows, self._keys = self.rows.iloc[kept], self._keys[kept]


class _Part:
    """The rows of one file, or of a data frame: in memory, or read in parts.

    Args:
        read: function without arguments to (number of the first row, data frame) of part after part.
        is_in_memory: whether it is one part, that is held.
    """

    def __init__(self, read: Callable[[], Iterator], is_in_memory: bool) -> None:
        self.read, self.is_in_memory = read, is_in_memory


def _parts_of(source):
    """By split, or "all" of what is not split."""
    if hasattr(source, "columns"):
        return {"all": _held(check_names(source, "a data frame"))}
    path = Path(source)
    if not path.is_dir():
        return {"all": _file(path)}
    files = table_files(path)
    by_split = {SPLITS[file.stem.lower()]: file for file in files if file.stem.lower() in SPLITS}
    if len(by_split) != len(files) or "train" not in by_split:
        raise ValueError(
            "A folder of tables must hold train.csv, test.csv and, if there is one, validation.csv (or .parquet), and "
            f"no other. Received: {', '.join(file.name for file in files)} in {path}"
        )
    return {split: _file(by_split[split]) for split in ("train", "validation", "test") if split in by_split}


def _held(frame):
    return _Part(lambda: iter([(0, frame)]), True)


def _file(path):
    if not path.is_file():
        raise FileNotFoundError(f"There is no such file. Received: {path}")
    if path.stat().st_size <= LARGEST_IN_MEMORY:
        return _held(check_names(read_table(path), path))
    return _Part(lambda: _numbered(path), False)


def _numbered(path):
    start = 0
    for rows in read_in_parts(path):
        yield start, check_names(rows, path)
        start += len(rows)


def table(source: Any, target: str | None = None, kinds: Mapping[str, str] | None = None) -> TableSource:
    """A table: its columns as a `spec` that models take, and its rows, `frame(split)`; encoded `kg.data.load(table)`.

    Kinds of columns are told by their values: numbers, whole numbers, dates, flags (two values) and categories; missing
    values are allowed in all. What is fitted is fitted on the training rows only.

    Args:
        source: pandas data frame; path of a .csv, .tsv or .parquet file; or a folder with train.csv and test.csv. A
            file of more than a gigabyte is read in parts.
        target: column of classes, which become the labels.
        kinds: kinds of columns that are not as they look, such as {"zip": "category", "note": "ignore"}; of "number",
            "whole", "date", "flag", "category", "ignore".

    Returns:
        A `TableSource`, which `kg.data.load` takes.

    Raises:
        ValueError, FileNotFoundError: if it cannot be read.

    Example:
        >>> rows = sklearn.datasets.load_wine(as_frame=True).frame  # doctest: +SKIP
        >>> table = kg.data.table(rows, target="target")  # doctest: +SKIP
        >>> model = kg.VAE(table.spec, latent_dim=4)  # doctest: +SKIP
        >>> history = model.fit(kg.data.load(table), epochs=20)  # doctest: +SKIP
    """
    return TableSource(source, target, kinds)
