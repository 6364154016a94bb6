"""Boltzmann machines: energies of binary units, and Gibbs chains."""

from typing import TYPE_CHECKING

from keras_gen.models.boltzmann.deep_belief import DeepBeliefNetwork as DeepBeliefNetwork
from keras_gen.models.boltzmann.deep_boltzmann import DeepBoltzmannMachine as DeepBoltzmannMachine
from keras_gen.models.boltzmann.rbm import RBM as RBM

if not TYPE_CHECKING:  # type checkers read the lines above; this keeps the modules' names out of a star import
    __all__ = [name for name, value in globals().items() if isinstance(value, type)]
