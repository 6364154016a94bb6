"""Autoencoders: a code is what is left when a network has to squeeze its input through it."""

from typing import TYPE_CHECKING

from keras_gen.models.autoencoders.autoencoder import Autoencoder as Autoencoder
from keras_gen.models.autoencoders.contractive import ContractiveAutoencoder as ContractiveAutoencoder
from keras_gen.models.autoencoders.denoising import DenoisingAutoencoder as DenoisingAutoencoder
from keras_gen.models.autoencoders.linear import LinearAutoencoder as LinearAutoencoder
from keras_gen.models.autoencoders.separator import SourceSeparator as SourceSeparator
from keras_gen.models.autoencoders.sparse import SparseAutoencoder as SparseAutoencoder

if not TYPE_CHECKING:  # type checkers read the lines above; this keeps the modules' names out of a star import
    __all__ = [name for name, value in globals().items() if isinstance(value, type)]
