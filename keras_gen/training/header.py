"""What a training says before it begins, and after its first epoch."""

import os
import time

import keras
import tensorflow as tf

from keras_gen.core import GenerativeModel
from keras_gen.training.config import RunConfig

TELLING = 60  # seconds of a first epoch of which tracing and compiling are a small part
WORTH_SAYING = 60  # seconds that are left


class Header(keras.callbacks.Callback):
    """Prints what is trained, on what and how; and after an epoch or two, how long the others will take.

    Args:
        config: of the run.
        steps: of an epoch.
        folder: of the run.
    """

    def __init__(self, config: RunConfig, steps: int, folder):
        super().__init__()
        self.config, self.steps, self.folder = config, steps, folder
        self._starts: list[float] = []

    def on_train_begin(self, logs: dict | None = None) -> None:
        print("\n".join(lines(self.config, self.model, self.steps)))
        print(f"folder     {self.folder}", flush=True)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._starts.append(time.time())
        if len(self._starts) in (2, 3):
            last = self._starts[-1] - self._starts[-2]
            seconds = last * (self.params["epochs"] - epoch)
            is_telling = last > TELLING if len(self._starts) == 2 else self._starts[1] - self._starts[0] <= TELLING
            if is_telling and seconds > WORTH_SAYING:
                print(f"About {seconds / 60:.0f} minutes to go.", flush=True)


def lines(config: RunConfig, model: GenerativeModel, steps: int) -> list[str]:
    """The header of a training, a line for each thing.

    Args:
        config: of the run.
        model: compiled.
        steps: of an epoch.
    """
    networks = ", ".join(f"{name} {count:,}" for name, count in _weights_by_network(model).items())
    sources = dict.fromkeys(f"{source.info.name}: {source.describe()}" for source in config.sources)
    changes = ", ".join([*(config.augment or []), *["balanced classes"] * config.balance])
    held_out = f"each epoch is judged on {config.validation_split}, the run on {config.held_out_split}"
    return [
        f"model      {config.model}, {model.count_params():,} weights{f': {networks}' if networks else ''}",
        *(f"data       {text}" for text in sources),
        f"splits     trains on {config.training_split}{f' ({changes})' if changes else ''}; {held_out}",
        f"training   {_counted(config.epochs, 'epoch')} of {_counted(steps, 'step')} of {config.batch_size} examples",
        f"device     {_devices(model)}, {model.dtype_policy.name}, {'with' if model.jit_compile is True else 'no'} XLA",
    ]


def _weights_by_network(model):
    counts: dict[str, int] = {}
    for name, part in vars(model).items():
        if isinstance(part, keras.Model) and not name.startswith("_") and part.built and part.count_params():
            counts[name] = part.count_params()
    return counts


def _counted(number, noun):
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _devices(model):
    replicas = model.distribute_strategy.num_replicas_in_sync
    kind = "GPU" if tf.config.list_logical_devices("GPU") else f"CPU of {os.cpu_count()} cores"
    return kind if replicas == 1 else f"{replicas} devices, {kind}"
