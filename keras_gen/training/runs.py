"""The name in version 0.1.0 of what is in `training.api` and `training.registry`."""

import warnings

from keras_gen.training.api import resume as resume
from keras_gen.training.api import train as train
from keras_gen.training.registry import find_model as find_model
from keras_gen.training.registry import registry as registry

warnings.warn(
    "`keras_gen.training.runs` is now `keras_gen.training.api` and `keras_gen.training.registry`.",
    DeprecationWarning,
    stacklevel=2,
)
