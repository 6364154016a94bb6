"""Adversarial networks: one player makes what another tells from the data."""

from keras_gen.models.adversarial.adversarial_autoencoder import AdversarialAutoencoder as AdversarialAutoencoder
from keras_gen.models.adversarial.gan import GAN as GAN
from keras_gen.models.adversarial.infogan import InfoGAN as InfoGAN

__all__ = [name for name, value in globals().items() if isinstance(value, type)]
