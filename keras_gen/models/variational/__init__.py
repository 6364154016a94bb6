"""Variational autoencoders: a lower bound of log p(x) by an approximate posterior."""

from typing import TYPE_CHECKING

from keras_gen.models.variational.conditional import ConditionalVAE as ConditionalVAE
from keras_gen.models.variational.factor import FactorVAE as FactorVAE
from keras_gen.models.variational.hierarchical import HierarchicalVAE as HierarchicalVAE
from keras_gen.models.variational.mixture import MixtureVAE as MixtureVAE
from keras_gen.models.variational.semi_supervised import SemiSupervisedVAE as SemiSupervisedVAE
from keras_gen.models.variational.vae import VAE as VAE

if not TYPE_CHECKING:  # type checkers read the lines above; this keeps the modules' names out of a star import
    __all__ = [name for name, value in globals().items() if isinstance(value, type)]
