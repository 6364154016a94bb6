"""Every model, by family; a family lists its own. One published model per file."""

from typing import TYPE_CHECKING

from keras_gen.models.adversarial import *
from keras_gen.models.autoencoders import *
from keras_gen.models.boltzmann import *
from keras_gen.models.diffusion import *
from keras_gen.models.discrete import *
from keras_gen.models.translation import *
from keras_gen.models.variational import *

if not TYPE_CHECKING:  # type checkers read the lines above; this keeps the modules' names out of a star import
    __all__ = [name for name, value in globals().items() if isinstance(value, type)]
