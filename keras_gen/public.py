"""The public names, `import keras_gen as kg`: rooms, what every user needs of them, and all models."""

from typing import TYPE_CHECKING

from keras_gen import startup

try:
    with startup.without_notices():
        import tensorflow as _tensorflow  # noqa: F401  (imported here for its notices)

        startup.leave_out_warnings_of_models()
except ModuleNotFoundError as _error:
    if _error.name != "tensorflow":
        raise
    raise ImportError(
        'keras_gen needs TensorFlow, of which there is a build for each kind of machine: pip install "keras-gen[cpu]", '
        'or "keras-gen[cuda]" for NVIDIA GPUs.'
    ) from None

try:
    import keras as _keras

    _backend = _keras.backend.backend()
except ModuleNotFoundError as _error:  # Keras imports its backend at once
    if _error.name not in ("jax", "torch", "openvino"):
        raise
    _backend = _error.name
if _backend != "tensorflow":
    raise ImportError(
        "keras_gen runs on Keras with the TensorFlow backend: set KERAS_BACKEND=tensorflow before importing keras. "
        f"Received: backend={_backend!r}"
    )

from keras_gen import coding as coding
from keras_gen import data as data
from keras_gen import evaluation as evaluation
from keras_gen import export as export
from keras_gen import hub as hub
from keras_gen import images as images
from keras_gen import information as information
from keras_gen import layers as layers
from keras_gen import likelihoods as likelihoods
from keras_gen import losses as losses
from keras_gen import networks as networks
from keras_gen import plots as plots
from keras_gen import priors as priors
from keras_gen import tasks as tasks
from keras_gen import training as training
from keras_gen.core import GenerativeModel as GenerativeModel
from keras_gen.explorer import explore as explore
from keras_gen.models import *
from keras_gen.saving import load as load
from keras_gen.training import open_run as open_run
from keras_gen.training import register as register

if not TYPE_CHECKING:  # type checkers read the lines above
    __all__ = [name for name in globals() if not name.startswith("_") and name not in ("TYPE_CHECKING", "startup")]
