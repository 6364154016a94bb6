"""Boltzmann machines: energies of binary units, and Gibbs chains."""

from keras_gen.models.boltzmann.deep_belief import DeepBeliefNetwork as DeepBeliefNetwork
from keras_gen.models.boltzmann.deep_boltzmann import DeepBoltzmannMachine as DeepBoltzmannMachine
from keras_gen.models.boltzmann.rbm import RBM as RBM

__all__ = [name for name, value in globals().items() if isinstance(value, type)]
