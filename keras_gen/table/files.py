"""Files of tables: CSV, TSV and Parquet, read and written by pandas. Nothing here needs Keras."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from pathlib import Path

from keras_gen.files import write_atomically

if typing.TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".tsv", ".parquet")
ROWS_OF_A_PART = 100_000


def table_files(folder: Path) -> list[Path]:
    """The tables in a folder, sorted."""
    files = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(path for path in files if path.suffix.lower() in SUFFIXES)


def read_table(path: str | Path) -> pd.DataFrame:
    """The whole of a .csv, .tsv or .parquet file.

    Raises:
        ValueError: if it cannot be read as one.
    """
    import pandas as pd

    path = Path(path)
    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path)
        frame = _csv(path, low_memory=False)
    except UnicodeDecodeError as error:
        found = f"{error.reason}, byte {error.start}"
        raise ValueError(f"A table must be text in UTF-8 ({found}). Received: {path}") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError, OSError) as error:
        reason = str(error).strip().split("\n")[0].removeprefix("Error tokenizing data. C error: ").rstrip(". ")
        raise ValueError(f"{path} is not a readable table: {reason}") from None
    if len(frame.columns) == 1 and len(frame) and any(mark in str(frame.columns[0]) for mark in ";\t|"):
        raise ValueError(
            "Columns of a .csv are separated by commas, those of a .tsv by tabs. "
            f"Received: {path}, whose first line is {str(frame.columns[0])[:80]!r}"
        )
    return frame


def read_in_parts(path: Path) -> Iterator[pd.DataFrame]:
    """The rows of a file that is larger than memory, so many at a time."""
    if path.suffix.lower() == ".parquet":
        from pyarrow import parquet

        for batch in parquet.ParquetFile(path).iter_batches(ROWS_OF_A_PART):
            yield batch.to_pandas()
        return
    with _csv(path, chunksize=ROWS_OF_A_PART, low_memory=False) as reader:
        yield from reader


def _csv(path, **options):
    import pandas as pd

    return pd.read_csv(path, sep="\t" if path.suffix.lower() == ".tsv" else ",", **options)


def save_table(frame: pd.DataFrame, path: str | Path) -> str:
    """Writes a data frame, without its index, to a .csv, .tsv or .parquet file, whole or not at all.

    Raises:
        ValueError: if the file is of another kind.
    """
    path, suffix = Path(path), Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"A table is written to a file that ends in {', '.join(SUFFIXES)}. Received: {path}")
    path.parent.mkdir(parents=True, exist_ok=True)
    if suffix == ".parquet":
        write_atomically(path, lambda temporary: frame.to_parquet(temporary, index=False))
    else:
        separator = "\t" if suffix == ".tsv" else ","
        write_atomically(path, lambda temporary: frame.to_csv(temporary, index=False, sep=separator))
    return str(path)


def check_names(frame: pd.DataFrame, source: str | Path) -> pd.DataFrame:
    """A data frame whose columns are texts that differ."""
    names = [str(name) for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"Each column must have a name of its own. Received: {', '.join(twice)} twice in {source}")
    return frame.set_axis(names, axis=1)
