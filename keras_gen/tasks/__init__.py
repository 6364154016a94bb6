"""What people do with a trained model."""

from keras_gen.tasks.walks import interpolate as interpolate
from keras_gen.tasks.walks import latent_map as latent_map
from keras_gen.tasks.walks import manifold as manifold
