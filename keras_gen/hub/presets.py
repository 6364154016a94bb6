"""The folder of a preset: written, and read back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from keras_gen import saving
from keras_gen.core import GenerativeModel, presets
from keras_gen.downloads import sha256_of
from keras_gen.files import refuse_overwrite, write_atomically, write_json
from keras_gen.hub.card import PLACE, card
from keras_gen.hub.preview import draw
from keras_gen.hub.records import records_of
from keras_gen.saving import DETECTOR, METADATA, MODEL
from keras_gen.version import __version__

FORMAT = 1


def save(
    thing: Any,
    folder: str | Path,
    said: Mapping[str, Any],
    examples: Any = None,
    preview: bool = True,
    optimizer: bool = False,
    force: bool = False,
    title: str | None = None,
    place: str = PLACE,
) -> Path:
    """Writes a model or a detector as a preset; see `GenerativeModel.save_to_preset`."""
    folder, is_model = Path(folder), isinstance(thing, GenerativeModel)
    if folder.is_file():
        raise FileExistsError(f"A preset is a folder. Received: {folder}, which is a file")
    refuse_overwrite(folder, force)
    records = records_of(thing).with_said(said)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / METADATA).unlink(missing_ok=True)  # of another model: it comes last again
    (folder / "preview.png").unlink(missing_ok=True)
    file = folder / (MODEL if is_model else DETECTOR)
    if is_model:
        saving.save(thing, file, optimizer)
    else:
        thing.save(file)
    picture = preview and draw(thing, folder / "preview.png", records, examples)
    title = title or folder.resolve().name
    text = card(thing, title, records, picture, place)
    write_atomically(folder / "README.md", lambda temporary: temporary.write_text(text, encoding="utf-8"))
    files = [file, *([folder / "preview.png"] if picture else [])]
    write_json(
        folder / METADATA,
        {
            "format": FORMAT,
            "class": type(thing).__name__,
            "module": type(thing).__module__,
            "keras_gen": __version__,
            "keras": keras.__version__,
            "data_shape": list(thing.data_shape if is_model else thing.data_shape_),
            # Not the card: it is for people to go on writing.
            "files": {path.name: {"size": path.stat().st_size, "sha256": sha256_of(path)} for path in files},
        },
    )
    return folder


def load(cls: Any, name: str | Path) -> Any:
    """What a preset holds, for a class that asks for it."""
    return saving.load(name) if issubclass(cls, GenerativeModel) else cls.load(name)


presets.announce(save, load)
