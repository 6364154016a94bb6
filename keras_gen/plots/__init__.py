"""Pictures of metrics. Nothing here knows a model, and matplotlib is imported by what draws.

Each function writes its picture whole or not at all and returns the path, or without a path the matplotlib Figure.
"""

from keras_gen.face import names_of
from keras_gen.plots.codes import latent_map as latent_map
from keras_gen.plots.codes import latent_units as latent_units
from keras_gen.plots.curves import history as history
from keras_gen.plots.curves import rate_distortion as rate_distortion
from keras_gen.plots.curves import roc as roc
from keras_gen.plots.games import one_dimension as one_dimension
from keras_gen.plots.searches import objective as objective
from keras_gen.plots.series import series as series
from keras_gen.plots.tables import columns as columns

__dir__ = names_of(globals())
