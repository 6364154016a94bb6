"""One published model per file: this list is the table of contents of the field."""

from keras_gen.models.autoencoder import Autoencoder as Autoencoder
from keras_gen.models.vae import VAE as VAE
