"""What people do with a trained model."""

from keras_gen.tasks import compression as compression
from keras_gen.tasks.filters import filters as filters
from keras_gen.tasks.walks import interpolate as interpolate
from keras_gen.tasks.walks import latent_map as latent_map
from keras_gen.tasks.walks import manifold as manifold
