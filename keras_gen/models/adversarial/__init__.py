"""Adversarial networks: one player makes what another tells from the data."""

from typing import TYPE_CHECKING

from keras_gen.models.adversarial.adversarial_autoencoder import AdversarialAutoencoder as AdversarialAutoencoder
from keras_gen.models.adversarial.gan import GAN as GAN
from keras_gen.models.adversarial.infogan import InfoGAN as InfoGAN

if not TYPE_CHECKING:  # type checkers read the lines above; this keeps the modules' names out of a star import
    __all__ = [name for name, value in globals().items() if isinstance(value, type)]
