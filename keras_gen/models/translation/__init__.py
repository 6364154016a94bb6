"""Translation of images of one domain into another."""

from typing import TYPE_CHECKING

from keras_gen.models.translation.cyclegan import CycleGAN as CycleGAN
from keras_gen.models.translation.pix2pix import Pix2Pix as Pix2Pix

if not TYPE_CHECKING:  # type checkers read the lines above; this keeps the modules' names out of a star import
    __all__ = [name for name, value in globals().items() if isinstance(value, type)]
