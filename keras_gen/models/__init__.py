"""One published model per file: this list is the table of contents of the field."""

from keras_gen.models.adversarial_autoencoder import AdversarialAutoencoder as AdversarialAutoencoder
from keras_gen.models.autoencoder import Autoencoder as Autoencoder
from keras_gen.models.conditional import ConditionalVAE as ConditionalVAE
from keras_gen.models.contractive import ContractiveAutoencoder as ContractiveAutoencoder
from keras_gen.models.cyclegan import CycleGAN as CycleGAN
from keras_gen.models.deep_belief import DeepBeliefNetwork as DeepBeliefNetwork
from keras_gen.models.deep_boltzmann import DeepBoltzmannMachine as DeepBoltzmannMachine
from keras_gen.models.denoising import DenoisingAutoencoder as DenoisingAutoencoder
from keras_gen.models.gan import GAN as GAN
from keras_gen.models.infogan import InfoGAN as InfoGAN
from keras_gen.models.linear import LinearAutoencoder as LinearAutoencoder
from keras_gen.models.mixture import MixtureVAE as MixtureVAE
from keras_gen.models.pix2pix import Pix2Pix as Pix2Pix
from keras_gen.models.rbm import RBM as RBM
from keras_gen.models.semi_supervised import SemiSupervisedVAE as SemiSupervisedVAE
from keras_gen.models.separator import SourceSeparator as SourceSeparator
from keras_gen.models.sparse import SparseAutoencoder as SparseAutoencoder
from keras_gen.models.vae import VAE as VAE
