"""One trial of a search: a run, trained or gone on with, and what it is judged to be worth."""

import math
import shutil
import time
import zlib
from typing import Any

import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from keras_gen import saving
from keras_gen.core import GenerativeModel
from keras_gen.training.api import begin, resume
from keras_gen.training.callbacks import best_epoch, read_history
from keras_gen.training.config import RunConfig

LONGEST = 150  # characters of a folder's name


class Trial:
    """The run of some values for some epochs.

    Args:
        trials: the `Trials` that it is one of.
        values: name to value.
        epochs: to train for.
    """

    def __init__(self, trials, values: dict[str, Any], epochs: int):
        self.trials, self.values, self.epochs = trials, values, epochs
        self.name = trial_name(values, epochs)
        self.folder = trials.folder / "trials" / self.name

    @property
    def about(self) -> dict[str, Any]:
        """What its record says of it before it ends."""
        return {"name": self.name, "values": self.values, "epochs": self.epochs}

    def run(self) -> dict[str, Any]:
        """Trains and judges; -> the record."""
        start, objective = time.time(), self.trials.settings["objective"]
        try:
            value = self._judge(self._train())
            if not math.isfinite(value):
                raise FloatingPointError(f"{objective} is {value}")
            ended = {"status": "COMPLETED", "figure": value}
        except (ValueError, TypeError, LookupError, ArithmeticError, NotImplementedError, tf.errors.OpError) as error:
            words = (str(error) or type(error).__name__).splitlines()[0]
            ended = {"status": "FAILED", "figure": None, "error": words}
        record = self.about | ended | {"minutes": (time.time() - start) / 60}
        self._log(record)
        return record

    def _train(self) -> GenerativeModel:
        verbose, callbacks = self.trials.verbose_runs, self.trials.callbacks
        if (self.folder / "config.json").is_file():
            if saving.is_complete(self.folder):
                return saving.load(self.folder / "model.keras")
            return resume(self.folder, verbose=verbose, callbacks=callbacks)
        shutil.rmtree(self.folder, ignore_errors=True)  # of a run that was killed before it was one
        folders = (Trial(self.trials, self.values, fewer).folder for fewer in range(self.epochs - 1, 0, -1))
        shorter = next((folder for folder in folders if saving.is_complete(folder)), None)
        if shorter is None:
            config = self.trials.config_of(self.values, epochs=self.epochs, figures=False)
            return begin(config, self.folder, verbose, callbacks)
        # Hyperband goes on with its best.
        partial = self.trials.folder / "tuner" / self.name
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(shorter, partial)
        (partial / "metrics.json").unlink()
        RunConfig.read(partial).replace(epochs=self.epochs).write(partial)
        partial.rename(self.folder)
        return resume(self.folder, verbose=verbose, callbacks=callbacks)

    def _judge(self, model: GenerativeModel) -> float:
        if self.trials.objective is not None:
            return float(self.trials.objective.metric(model, self.trials.held_out))
        name, rows = self.trials.settings["objective"], read_history(self.folder / "history.csv")
        history = rows[best_epoch(rows)] if self.trials.settings["patience"] else rows[-1]  # the epoch of the model
        if name not in history:
            raise ValueError(f"The objective must be one of {', '.join(history)}, the history. Received: {name!r}")
        return float(history[name])

    def _log(self, record):
        """The trial in TensorBoard's HParams."""
        with tf.summary.create_file_writer(str(self.trials.folder / "tensorboard" / self.name)).as_default():
            plain = {k: v if isinstance(v, int | float | str | bool) else str(v) for k, v in self.values.items()}
            hparams.hparams(plain, trial_id=self.name)
            if record["figure"] is not None:
                tf.summary.scalar(self.trials.settings["objective"], record["figure"], step=self.epochs)


def trial_name(values: dict[str, Any], epochs: int) -> str:
    """A folder's name that says what the trial is."""
    parts = [f"{key}={value:.6g}" if isinstance(value, float) else f"{key}={value}" for key, value in values.items()]
    name = ",".join(parts).replace("/", "-").replace(" ", "")
    if len(name) > LONGEST:
        name = f"{name[:LONGEST]}-{zlib.crc32(name.encode()):08x}"
    return f"{name},epochs={epochs}"
