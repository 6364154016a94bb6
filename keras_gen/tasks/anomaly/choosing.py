"""From what a detector is given to the method that measures, or the sentence of why it cannot."""

import warnings
from typing import Any

import keras
import numpy as np

from keras_gen.core.checks import check_at_least, check_choice, check_whole
from keras_gen.tasks.anomaly import calibration, memory, methods
from keras_gen.tasks.anomaly.features import features_of

# What a model of the package must offer.
OF_MODELS = {"reconstruction": "reconstruct", "likelihood": "score", "latent": "encode", "critic": "score"}
OF_FEATURES = ("neighbors", "gaussian", "patches")


def check_arguments(detector: Any) -> None:
    """Raises a ValueError if an argument is not what it must be, whatever the data are."""
    calibration.check_rate(detector.false_alarms)
    check_choice("method", detector.method, (None, *OF_MODELS, *OF_FEATURES))
    check_choice("pooling", detector.pooling, (None, *calibration.POOLINGS))
    check_choice("relative", detector.relative, (None, "energy", "variation"))
    check_at_least(0, blur=detector.blur)
    check_whole(1, n_neighbors=detector.n_neighbors, dimensions=detector.dimensions)
    check_whole(0, seed=detector.seed)
    if not 0 < detector.coreset <= 1:
        raise ValueError(f"`coreset` must be a share above 0, up to 1. Received: coreset={detector.coreset}")


def choose_method(detector: Any, x: np.ndarray) -> str:
    """The name of the method that a detector uses on such data: its own, or what suits the model.

    Raises:
        ValueError: if the model does not allow the method, or other arguments do not go with it.
    """
    model = detector.model
    able = [*_able(model), *OF_FEATURES]
    method = detector.method
    if method is None:
        asked = [name for name in ("reconstruction", "critic", "likelihood", "latent") if name in able]
        method = asked[0] if asked else _by_features(model, x)
    if method not in able:
        name = "vectors allow" if model is None else f"{getattr(model, '__name__', type(model).__name__)} gives"
        raise ValueError(f"`method` must be one that {name}: {', '.join(able)}. Received: method={method!r}")
    if (detector.relative or detector.blur) and method != "reconstruction":
        raise ValueError(f"`relative` and `blur` need method='reconstruction'. Received: method={method!r}")
    if detector.blur and x.ndim != 4:
        raise ValueError(f"`blur` needs a model of images. Received: data of shape {x.shape[1:]}")
    pools = {"neighbors": (None, "mean", "max"), "likelihood": (None,), "latent": (None,), "critic": (None,)}
    if detector.pooling not in pools.get(method, (detector.pooling,)):
        raise ValueError(
            f"`pooling` of method={method!r} must be one of {', '.join(map(str, pools[method]))}. "
            f"Received: pooling={detector.pooling!r}"
        )
    return method


def measure_of(detector: Any, method: str) -> Any:
    """What measures by that method: see `methods` and `memory`."""
    model = detector.model
    if method == "reconstruction":
        return methods.Reconstruction(model, detector.relative, detector.blur)
    if method == "latent":
        return methods.Latent(model)
    if method in OF_MODELS:
        return methods.OwnScore(model)
    wants_maps = method == "patches" or (method == "gaussian" and _has_maps(model))
    features = features_of(model, wants_maps, detector.layers)
    if method == "neighbors":
        return memory.Neighbors(features, detector.n_neighbors, detector.pooling)
    if method == "gaussian":
        return memory.Gaussian(features, detector.dimensions, detector.seed)
    return memory.Patches(features, detector.coreset, detector.seed)


def pooling_of(detector: Any, method: str, ndim: int) -> str:
    """How maps become numbers: as asked for, or by what finds small defects."""
    if detector.pooling is not None:
        return detector.pooling
    return "max" if method in OF_FEATURES else "top" if ndim > 2 else "mean"


def warn_if_untrained(model: Any) -> None:
    """Warns of a model of the package that has taken no step of training."""
    step = getattr(model, "step", None) if hasattr(model, "offers") else None
    if step is not None and int(keras.ops.convert_to_numpy(step)) == 0:
        warnings.warn(
            f"The {type(model).__name__} has not been trained: what it calls unusual means little. Call its `fit` "
            "first.",
            stacklevel=3,
        )


def _able(model):
    """The methods by which a model of the package can be asked."""
    offers = getattr(model, "offers", ())
    able = [name for name, ability in OF_MODELS.items() if ability in offers]
    if not hasattr(model, "discriminator") or "reconstruct" in offers:  # that of an autoencoder sees codes
        able = [name for name in able if name != "critic"]
    return able


def _by_features(model, x):
    """By patches where an extractor gives feature maps itself."""
    if isinstance(model, keras.Model) and getattr(model, "outputs", None):
        axes = len(model.outputs[0].shape)
    else:
        axes = features_of(model, False).of(x[:1])[0].ndim
    return "patches" if axes == 4 else "neighbors"


def _has_maps(model):
    """Whether there are feature maps to be had; a function tells by what it gives."""
    if model is None:
        return False
    if not hasattr(model, "offers") and not isinstance(model, keras.Model):
        return True
    try:
        features_of(model, True)
    except ValueError:
        return False
    return True
