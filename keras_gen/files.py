"""Files: written whole or not at all, and read."""

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any


def write_atomically(path: str | Path, write: Callable[[Path], object]) -> None:
    """Calls `write(temporary path)`, then puts the file in place of `path`: a kill leaves the old one or the new."""
    path = Path(path)
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def refuse_overwrite(path: str | Path, force: bool = False) -> None:
    """Raises a ValueError if there is such a file, or a folder with something in it, that may not be replaced."""
    path = Path(path)
    is_taken = any(path.iterdir()) if path.is_dir() else path.exists()
    if is_taken and not force:
        raise FileExistsError(
            f"Nothing is overwritten without --force (force=True): choose another --out. Received: {path}, which exists"
        )


def share(source: str | Path, path: str | Path) -> None:
    """Gives a file a second name without a second copy of its bytes, where the file system can; else copies it."""

    def link(temporary):
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)

    write_atomically(path, link)


def write_json(path: str | Path, content: Any) -> None:
    """Writes a JSON file, whole or not at all; what JSON does not know becomes text."""
    text = json.dumps(content, indent=2, default=str) + "\n"
    write_atomically(path, lambda temporary: temporary.write_text(text))


def read_columns(path: str | Path) -> dict[str, list[float]]:
    """Numbers of a CSV file, name of a column to a list, NaN for an empty cell; none if there is no such file."""
    if not Path(path).is_file():
        return {}
    with open(path, newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    return {name: [float(row[name] or "nan") for row in rows] for name in reader.fieldnames or ()}
