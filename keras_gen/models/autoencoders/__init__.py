"""Autoencoders: a code is what is left when a network has to squeeze its input through it."""

from keras_gen.models.autoencoders.autoencoder import Autoencoder as Autoencoder
from keras_gen.models.autoencoders.contractive import ContractiveAutoencoder as ContractiveAutoencoder
from keras_gen.models.autoencoders.denoising import DenoisingAutoencoder as DenoisingAutoencoder
from keras_gen.models.autoencoders.linear import LinearAutoencoder as LinearAutoencoder
from keras_gen.models.autoencoders.separator import SourceSeparator as SourceSeparator
from keras_gen.models.autoencoders.sparse import SparseAutoencoder as SparseAutoencoder

__all__ = [name for name, value in globals().items() if isinstance(value, type)]
