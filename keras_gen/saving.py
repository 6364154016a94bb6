"""Models on disk: .keras files, written whole or not at all, the shipped ones, and those of run folders."""

import json
import re
import warnings
import zipfile
import zlib
from pathlib import Path

import keras

from keras_gen import downloads
from keras_gen.core import GenerativeModel
from keras_gen.downloads import shipped as shipped

MAX_EXPANSION = 100  # of a part of a file, when it is unpacked
METADATA, MODEL, DETECTOR = "metadata.json", "model.keras", "detector.zip"  # files of a preset
SMALL = 100_000  # bytes; of fewer any expansion is harmless


def save(model: GenerativeModel, path: str | Path, optimizer: bool = True) -> None:
    """Saves a model to a .keras file, atomically.

    Args:
        model: a built model.
        path: file ending in .keras.
        optimizer: whether to save its state, two thirds of the file with Adam.
    """
    if not optimizer:
        bare = type(model).from_config(model.get_config())
        bare.set_weights(model.get_weights())
        model = bare
    model.save(path)


def load(name: str | Path) -> GenerativeModel:
    """Loads a model: a .keras file, a run folder, a preset, a shipped model, or one of the Hugging Face Hub.

    Args:
        name: path of a .keras file, of a run folder or of what `save_to_preset` wrote; a name such as "vae_mnist_2d",
            of those that `shipped()` lists; "hf://user/name", or "hf://user/name@revision".

    Returns:
        The model, compiled if it was saved so.

    Raises:
        FileNotFoundError: if there is no such file, folder, shipped model or repository.
        ConnectionError: if it cannot be fetched.
        ValueError: if the file is not a whole .keras file, or not that of its preset.
    """
    path = Path(name)
    if str(name).startswith(downloads.HUB):
        folder = downloads.from_hub(str(name), METADATA, "README.md", MODEL)
        path = file_of_preset(folder, MODEL, name)
    elif path.is_dir():
        path = file_of_preset(path, MODEL) if (path / METADATA).is_file() else latest(path)
    elif not path.is_file():
        if path.suffix or len(path.parts) > 1:
            raise FileNotFoundError(f"There is no such model file or run folder. Received: {name}")
        if str(name) not in shipped():
            raise FileNotFoundError(
                f"The shipped models are {', '.join(shipped()) or 'not in this installation'}. Received: {name}"
            )
        path = downloads.fetched(shipped()[str(name)])
    if path.suffix != ".keras":
        raise ValueError(
            f"Models are .keras files, and cannot be .h5 files or pickles, which can run code. Received: {path}"
        )
    if not zipfile.is_zipfile(path):
        raise ValueError(
            "This file is not a whole .keras file: it is damaged or was cut short, and must be copied or saved again. "
            f"Received: {path}"
        )
    try:
        check_sizes(path)
        with warnings.catch_warnings():
            # Keras only warns when it cannot restore an optimizer, and lets it start from nothing.
            warnings.filterwarnings("error", message=".*[Ss]kipping variable loading.*")
            model = keras.saving.load_model(path, safe_mode=True)
    except (zipfile.BadZipFile, zlib.error, OSError, KeyError, EOFError, UserWarning) as error:
        raise ValueError(f"This file is not a whole .keras file ({error}). Received: {path}") from None
    except (ValueError, TypeError, RuntimeError, ImportError) as error:
        unknown = re.search(r"Could not locate (?:class|function) '([^']+)'", str(error))
        if not unknown and "Received:" in str(error) and "\n" not in str(error):
            raise  # a sentence already
        if not unknown:
            reason = re.split(r"\.\s|\n", str(error).strip())[0].rstrip(".:")
            raise ValueError(f"This file cannot be loaded ({reason}). Received: {path}") from None
        raise ValueError(
            f"This file holds {unknown[1]}, which is not known here: the module that defines it must be imported "
            "first (--import MODULE), and must register it by @keras.saving.register_keras_serializable(). "
            f"Received: {path}"
        ) from None
    if not isinstance(model, GenerativeModel):
        raise ValueError(
            f"This file holds a {type(model).__name__}, not a model of this package: load it with "
            f"`keras.saving.load_model`. Received: {path}"
        )
    model.origin = path
    return model


def is_detector(name: str | Path) -> bool:
    """Whether it is the name of a detector: of a .zip file, a shipped one, a preset or a repository that holds one."""
    if str(name).startswith(downloads.HUB):
        return (downloads.from_hub(str(name), DETECTOR) / DETECTOR).is_file()
    return Path(name).suffix == ".zip" or (Path(name) / DETECTOR).is_file() or str(name) in shipped(".zip")


def file_of_preset(folder: Path, name: str, received: str | Path | None = None) -> Path:
    """A file of a preset, of the size and checksum that its metadata.json says, if it has one.

    Args:
        folder: of the preset.
        name: of the file.
        received: what a user asked for; None for the folder.
    """
    path, received = folder / name, folder if received is None else received
    try:
        said = json.loads((folder / METADATA).read_text()) if (folder / METADATA).is_file() else {}
        kind, known = said.get("class", ""), said.get("files", {}).get(name)
        described = known and (known["size"], known["sha256"])
    except (ValueError, AttributeError, KeyError, TypeError):
        raise ValueError(f"The {METADATA} of this preset is damaged. Received: {received}") from None
    if not path.is_file():
        holds = f", and holds {kind}: load it by the `load` or `from_preset` of that class" if kind else ""
        raise FileNotFoundError(f"This must have a file {name}{holds}. Received: {received}")
    if described and described != (path.stat().st_size, downloads.sha256_of(path)):
        raise ValueError(
            f"{name} is not the file that {METADATA} describes: it is damaged or was replaced, and must be fetched or "
            f"saved again. Received: {received}"
        )
    return path


def check_sizes(path):
    """Raises a ValueError if parts of a file would fill the memory: weights cannot be made that much smaller."""
    with zipfile.ZipFile(path) as file:
        for part in file.infolist():
            if part.file_size > MAX_EXPANSION * max(part.compress_size, SMALL):
                raise ValueError(
                    f"Parts of a .keras file cannot be {MAX_EXPANSION} times as large as they are on disk. "
                    f"Received: {path}, with {part.filename} of {part.file_size:,} bytes"
                )


def latest(folder: str | Path) -> Path:
    """The model of a run folder: model.keras of one that is complete, else its last checkpoint."""
    found, model = checkpoints(folder), Path(folder) / "model.keras"
    if found and not is_complete(folder):
        return found[-1][1]
    if not model.is_file():
        raise FileNotFoundError(f"This folder holds no trained model yet: it must be that of a run. Received: {folder}")
    return model


def is_complete(folder: str | Path) -> bool:
    """Whether all epochs of a run are trained: its metrics.json is written last."""
    return (Path(folder) / "metrics.json").is_file()


def checkpoints(folder: str | Path) -> list[tuple[int, Path]]:
    """[(epochs trained, path)] of a run folder, oldest first. Each is complete: it was renamed into place."""
    found = []
    for path in (Path(folder) / "checkpoints").glob("epoch-*.keras"):
        match = re.fullmatch(r"epoch-(\d+)", path.stem)
        if match:
            found.append((int(match[1]), path))
    return sorted(found)
