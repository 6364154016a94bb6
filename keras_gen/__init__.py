"""Autoencoders and generative networks for Keras."""

from keras_gen import data as data
from keras_gen import evaluation as evaluation
from keras_gen import losses as losses
from keras_gen import networks as networks
from keras_gen.models import VAE as VAE
from keras_gen.models import Autoencoder as Autoencoder

__version__ = "0.1.0"
