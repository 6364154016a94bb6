"""Translation of images of one domain into another."""

from keras_gen.models.translation.cyclegan import CycleGAN as CycleGAN
from keras_gen.models.translation.pix2pix import Pix2Pix as Pix2Pix

__all__ = [name for name, value in globals().items() if isinstance(value, type)]
