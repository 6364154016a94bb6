"""Model files: written whole or not at all, and read with a sentence when they cannot be."""

import math
import re
import warnings
import zipfile
import zlib
from pathlib import Path

import keras
import numpy as np

from keras_gen.core import GenerativeModel
from keras_gen.files import write_atomically

KEPT = 2
SHIPPED = [Path(__file__).parents[1] / "saved_models", Path(__file__).parents[2] / "saved_models"]  # wheel, checkout


def save(model, path, optimizer=True):
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
    write_atomically(path, lambda temporary: model.save(temporary))


def load(name):
    """Loads a model: a .keras file, a run folder, or the name of a shipped model.

    Args:
        name: path of a .keras file or of a run folder, or a name such as "vae_mnist_2d"; `shipped()` lists them.

    Returns:
        The model, compiled if it was saved so.

    Raises:
        FileNotFoundError: if there is no such file, folder or shipped model.
        ValueError: if the file is not a whole .keras file.
    """
    path = Path(name)
    if path.is_dir():
        path = latest(path)
    elif not path.is_file():
        if path.suffix or len(path.parts) > 1:
            raise FileNotFoundError(f"There is no such model file or run folder. Received: {name}")
        if str(name) not in shipped():
            raise FileNotFoundError(
                f"The shipped models are {', '.join(shipped()) or 'not in this installation'}; they are in the folder "
                f"saved_models of the project's repository. Received: {name}"
            )
        path = shipped()[str(name)]
    if path.suffix != ".keras":
        raise ValueError(f"Models are .keras files; .h5 files and pickles can run code. Received: {path}")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"This file is not a whole .keras file; it is damaged or was cut short. Received: {path}")
    try:
        with warnings.catch_warnings():
            # Keras only warns when it cannot restore an optimizer, and lets it start from nothing.
            warnings.filterwarnings("error", message=".*[Ss]kipping variable loading.*")
            model = keras.saving.load_model(path, safe_mode=True)
    except (zipfile.BadZipFile, zlib.error, OSError, KeyError, EOFError, UserWarning) as error:
        raise ValueError(f"This file is not a whole .keras file ({error}). Received: {path}") from None
    if not isinstance(model, GenerativeModel):
        raise ValueError(f"This file holds a {type(model).__name__}, not a model of this package. Received: {path}")
    return model


def shipped():
    """The models that come with the package, name -> path."""
    return {path.stem: path for folder in SHIPPED for path in sorted(folder.glob("*.keras"))}


def latest(folder):
    """The model of a run folder: model.keras of one that is complete, else its last checkpoint."""
    found, model = checkpoints(folder), Path(folder) / "model.keras"
    if found and not (Path(folder) / "metrics.json").is_file():
        return found[-1][1]
    if not model.is_file():
        raise FileNotFoundError(f"This folder holds no trained model yet. Received: {folder}")
    return model


def checkpoints(folder):
    """[(epochs trained, path)] of a run folder, oldest first. Each is complete: it was renamed into place."""
    found = []
    for path in (Path(folder) / "checkpoints").glob("epoch-*.keras"):
        match = re.fullmatch(r"epoch-(\d+)", path.stem)
        if match:
            found.append((int(match[1]), path))
    return sorted(found)


def restore(folder, until=math.inf):
    """(epochs trained, model) of the newest checkpoint that can be read, of so many epochs at most; else (0, None)."""
    for epoch, path in reversed([found for found in checkpoints(folder) if found[0] <= until]):
        try:
            return epoch, load(path)
        except ValueError as error:
            warnings.warn(f"Going back one checkpoint: {error}", stacklevel=2)
    return 0, None


class Checkpoints(keras.callbacks.Callback):
    """Saves the whole model after each epoch, and refuses weights that are not finite.

    Args:
        folder: run folder.
        best: function of no argument to the epoch that is kept besides the last `KEPT`.
    """

    def __init__(self, folder, best=None):
        super().__init__()
        self.folder, self.best = Path(folder) / "checkpoints", best
        self.folder.mkdir(exist_ok=True)

    def on_epoch_end(self, epoch, logs=None):
        for weight in self.model.weights:
            if not np.isfinite(np.asarray(weight)).all():
                raise FloatingPointError(
                    f"Training stopped: after epoch {epoch + 1}, weights of {weight.path} are not finite."
                )
        save(self.model, self.folder / f"epoch-{epoch + 1:04}.keras")
        for old, path in checkpoints(self.folder.parent)[:-KEPT]:
            if self.best is None or old != self.best():
                path.unlink()
