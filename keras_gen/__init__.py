"""Autoencoders and generative networks for Keras."""

from keras_gen.models import *  # noqa
