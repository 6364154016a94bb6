"""Discrete codes: an image becomes a grid of whole numbers, whose distribution another network learns."""

from typing import TYPE_CHECKING

from keras_gen.models.discrete.code_prior import CodePrior as CodePrior
from keras_gen.models.discrete.vqvae import VQVAE as VQVAE

if not TYPE_CHECKING:  # type checkers read the lines above; this keeps the modules' names out of a star import
    __all__ = [name for name, value in globals().items() if isinstance(value, type)]
