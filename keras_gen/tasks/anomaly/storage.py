"""Detectors on disk: one .zip of JSON, arrays and a .keras file, none of which can run code when it is read."""

import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_gen import saving
from keras_gen.core import GenerativeModel
from keras_gen.downloads import HUB, fetched, from_hub, shipped
from keras_gen.files import write_atomically
from keras_gen.saving import DETECTOR, METADATA
from keras_gen.tasks.anomaly import choosing
from keras_gen.version import __version__

FORMAT = 1
SETTINGS, ARRAYS, MODEL = "detector.json", "arrays.npz", "model.keras"
LEARNT = ("threshold_", "pixel_threshold_", "method_", "data_shape_", "n_features_in_", "feature_names_in_")


def save(detector: Any, path: str | Path) -> Path:
    """Writes a fitted detector to a .zip file, whole or not at all."""
    path = Path(path)
    if path.suffix != ".zip":
        raise ValueError(f"A detector is saved to a file that ends in .zip. Received: path={str(path)!r}")
    learnt = {name: getattr(detector, name) for name in LEARNT if hasattr(detector, name)}
    settings = {
        "format": FORMAT,
        "keras_gen": __version__,
        "parameters": {name: value for name, value in detector.get_params(deep=False).items() if name != "model"},
        "model": _described(detector.model),
        "learnt": learnt,
    }
    arrays = {name: getattr(detector.measure_, name) for name in detector.measure_.keeps}
    packed = io.BytesIO()
    np.savez_compressed(packed, normal_scores_=detector.normal_scores_, **arrays)

    def write(temporary):
        with zipfile.ZipFile(temporary, "w") as file:
            file.writestr(SETTINGS, json.dumps(settings, indent=2, default=_plain))
            file.writestr(ARRAYS, packed.getvalue())
            if isinstance(detector.model, keras.Model):
                with tempfile.TemporaryDirectory() as folder:
                    kept = Path(folder) / MODEL
                    if isinstance(detector.model, GenerativeModel):
                        saving.save(detector.model, kept, optimizer=False)
                    else:
                        detector.model.save(kept)
                    file.write(kept, MODEL)

    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, write)
    return path


def load(cls: type, name: str | Path, extractor: Any = None) -> Any:
    """The detector of a file, or of the name of a shipped one; see `AnomalyDetector.load`."""
    path = Path(name)
    if str(name).startswith(HUB):
        path = saving.file_of_preset(from_hub(str(name), METADATA, "README.md", DETECTOR), DETECTOR, name)
    elif path.is_dir():
        path = saving.file_of_preset(path, DETECTOR)
    elif not path.is_file():
        known = shipped(".zip")
        if str(name) not in known:
            raise FileNotFoundError(
                f"A detector is a .zip file that `save` wrote, or one that is shipped: {', '.join(known) or 'none'}. "
                f"Received: {name}"
            )
        path = fetched(known[str(name)])
    try:
        saving.check_sizes(path)
        with zipfile.ZipFile(path) as file:
            settings = json.loads(file.read(SETTINGS))
            with np.load(io.BytesIO(file.read(ARRAYS)), allow_pickle=False) as loaded:
                arrays = dict(loaded)
            parameters, learnt, kind = (settings[key] for key in ("parameters", "learnt", "model"))
            if settings["format"] != FORMAT:
                raise KeyError(f"its format is {settings['format']}, not {FORMAT}")
            model = _model(file, kind, extractor)
        detector = cls(model, **parameters)
        choosing.check_arguments(detector)
        for key in LEARNT:
            if key in learnt:
                setattr(detector, key, learnt[key])
        detector.data_shape_ = tuple(detector.data_shape_)
        detector.offset_, detector.normal_scores_ = detector.threshold_, arrays.pop("normal_scores_")
        if hasattr(detector, "feature_names_in_"):
            detector.feature_names_in_ = np.array(detector.feature_names_in_, object)
        detector.measure_ = choosing.measure_of(detector, detector.method_)
        vars(detector.measure_).update({key: arrays[key] for key in detector.measure_.keeps})
        detector.measure_.ready()
    except (zipfile.BadZipFile, KeyError, TypeError, AttributeError, json.JSONDecodeError, OSError, EOFError) as error:
        raise ValueError(f"This file is not a detector that `save` wrote ({error}). Received: {path}") from None
    detector.origin = path
    return detector


def _described(model):
    """What a file says of the model."""
    if model is None or isinstance(model, keras.Model):
        kind = "none" if model is None else "package" if isinstance(model, GenerativeModel) else "keras"
        return {"kind": kind, "name": type(model).__name__}
    return {"kind": "function", "name": f"{getattr(model, '__module__', '')}:{getattr(model, '__qualname__', model)}"}


def _model(file, described, extractor):
    """The model of a file; a function must be given, for to import one that a file names is to run it."""
    if described["kind"] == "function":
        if extractor is None:
            raise ValueError(
                f"The features of this detector are those of {described['name']}, which a file cannot hold: give it, "
                "load(path, extractor=...). Received: extractor=None"
            )
        return extractor
    if extractor is not None:
        raise ValueError("This file holds its model: no extractor can be given. Received: an extractor")
    if described["kind"] == "none":
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / MODEL
        path.write_bytes(file.read(MODEL))
        saving.check_sizes(path)
        if described["kind"] == "package":
            return saving.load(path)
        try:
            return keras.saving.load_model(path, compile=False, safe_mode=True)
        except (ValueError, TypeError, ImportError) as error:
            reason = str(error).strip().split("\n")[0]
            raise ValueError(
                f"The network in this file cannot be loaded ({reason}). Received: {file.filename}"
            ) from None


def _plain(value):
    """What JSON does not know: numbers and arrays of numpy."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else list(value)
