"""The checkpoints of a run: one after each epoch, of which the last ones stay."""

import math
import warnings
from pathlib import Path

import keras
import numpy as np

from keras_gen import saving
from keras_gen.core import GenerativeModel

MAX_KEPT = 2


def restore(folder: str | Path, until: float = math.inf) -> tuple[int, GenerativeModel | None]:
    """(epochs trained, model) of the newest checkpoint that can be read, of so many epochs at most; else (0, None)."""
    for epoch, path in reversed([found for found in saving.checkpoints(folder) if found[0] <= until]):
        try:
            return epoch, saving.load(path)
        except ValueError as error:
            warnings.warn(f"Going back one checkpoint: {error}", stacklevel=2)
    return 0, None


class Checkpoints(keras.callbacks.Callback):
    """Saves the whole model after each epoch, and refuses weights that are not finite.

    Args:
        folder: run folder.
        best: function of no argument to the epoch that is kept besides the last `MAX_KEPT`.
    """

    def __init__(self, folder, best=None):
        super().__init__()
        self.folder, self.best = Path(folder) / "checkpoints", best
        self.folder.mkdir(exist_ok=True)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        for weight in self.model.weights:
            if not np.isfinite(np.asarray(weight)).all():
                raise FloatingPointError(
                    f"Training stopped: after epoch {epoch + 1}, weights of {weight.path} are not finite. Try a "
                    "smaller learning rate."
                )
        saving.save(self.model, self.folder / f"epoch-{epoch + 1:04}.keras")
        for old, path in saving.checkpoints(self.folder.parent)[:-MAX_KEPT]:
            if self.best is None or old != self.best():
                path.unlink()
