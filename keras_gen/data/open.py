"""From what a user names to the source that holds it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_gen.data import sources
from keras_gen.data.folder import FolderSource
from keras_gen.data.layout import ClassesFrom
from keras_gen.data.prepared import PreparedSource
from keras_gen.data.series import waves_source
from keras_gen.data.tables import TableSource
from keras_gen.table.files import SUFFIXES

EMBEDDED = {"digits": sources.digits, "mnist_mini": sources.mnist_mini, "waves": waves_source}


def opened(
    source: Any,
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    on_error: str = "stop",
    split_folders: bool | None = None,
    classes_from: ClassesFrom | None = None,
    target: str | None = None,
    kinds: Mapping[str, str] | None = None,
) -> sources.Source:
    """A source to read from, as often as wanted: the one of `load`, looked at now. One that is open comes back."""
    if on_error not in ("stop", "skip"):
        raise ValueError(f"`on_error` must be 'stop' or 'skip'. Received: on_error={on_error!r}")
    if channels not in (None, 1, 3):
        raise ValueError(f"`channels` must be 1, 3 or None. Received: channels={channels}")
    if classes_from not in (None, "first", "last"):
        raise ValueError(f"`classes_from` must be 'first' or 'last'. Received: classes_from={classes_from!r}")
    size = as_size(image_size)
    if isinstance(source, sources.Source):
        return source
    path = None if hasattr(source, "columns") else Path(source).expanduser()
    if path is None or path.suffix.lower() in SUFFIXES or (path.is_dir() and _is_of_tables(path)):
        return TableSource(source if path is None else path, target, kinds)
    if target is not None or kinds is not None:
        raise ValueError(
            "`target` and `kinds` are for a table: a .csv, .tsv or .parquet file, or a data frame. "
            f"Received: target={target!r}, kinds={kinds}, source={str(source)!r}"
        )
    if str(source) not in EMBEDDED and path.is_dir():
        return FolderSource(path, size, channels, on_error, split_folders, classes_from)
    if split_folders is not None or classes_from is not None:
        raise ValueError(
            "`split_folders` and `classes_from` are for a folder of images. "
            f"Received: split_folders={split_folders}, classes_from={classes_from!r}, source={str(source)!r}"
        )
    return _open_by_name(source, path)


def _is_of_tables(folder):
    """Whether a folder holds tables and no folders, as train.csv and test.csv."""
    entries = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return bool(entries) and all(path.suffix.lower() in SUFFIXES for path in entries)


def _open_by_name(source, path):
    """The source of a name or a file."""
    if str(source) in EMBEDDED:
        return EMBEDDED[str(source)]()
    if path.suffix in (".npy", ".npz"):
        if not path.is_file():
            raise FileNotFoundError(f"There is no such file. Received: {source}")
        return sources.array_file(path)
    if path.exists():
        raise ValueError(f"A file of data must be .npy, .npz, .csv, .tsv or .parquet. Received: {source}")
    if str(source) == "glyphs":
        import keras_gen.data.rendered  # noqa: F401  TensorFlow Datasets knows builders that have been imported
    return PreparedSource(str(source))


def as_size(image_size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """(height, width) of an `image_size`, None of None."""
    if image_size is None:
        return None
    pair = (image_size, image_size) if isinstance(image_size, int | np.integer) else tuple(image_size)
    if len(pair) != 2 or not all(isinstance(side, int | np.integer) and side >= 1 for side in pair):
        raise ValueError(f"`image_size` must be a side or (height, width). Received: image_size={image_size}")
    return int(pair[0]), int(pair[1])
