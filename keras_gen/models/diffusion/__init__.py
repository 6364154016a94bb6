"""Flow matching and diffusion: images made of noise, step by step."""

from typing import TYPE_CHECKING

from keras_gen.models.diffusion.diffusion import Diffusion as Diffusion
from keras_gen.models.diffusion.flow_matching import FlowMatching as FlowMatching

if not TYPE_CHECKING:  # type checkers read the lines above; this keeps the modules' names out of a star import
    __all__ = [name for name, value in globals().items() if isinstance(value, type)]
