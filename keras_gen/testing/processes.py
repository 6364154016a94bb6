"""A process that never saw the model that it loads."""

import concurrent.futures
import importlib
import multiprocessing
import warnings
from pathlib import Path
from typing import Any

import keras

from keras_gen.testing.case import evaluate, fit

_processes: list[concurrent.futures.ProcessPoolExecutor] = []


def other_process() -> concurrent.futures.ProcessPoolExecutor:
    """A process that never saw the model, started once."""
    if not _processes:
        context = multiprocessing.get_context("spawn")
        _processes.append(concurrent.futures.ProcessPoolExecutor(1, mp_context=context))
    return _processes[0]


def close() -> None:
    """Ends the other process, where one was started."""
    while _processes:
        _processes.pop().shutdown()


def load_and_train(module: str, path: str | Path, pair) -> dict[str, Any]:
    importlib.import_module(module)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # Keras only warns when it skips an optimizer
        model = keras.saving.load_model(path)
    assert model.compiled, "the loaded model is not compiled"
    figures = evaluate(model, pair, batch_size=4)
    fit(model, pair, epochs=2)
    return {"figures": figures, "weights": model.get_weights(), "step": int(model.step)}
