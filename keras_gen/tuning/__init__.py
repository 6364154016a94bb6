"""Keras Tuner on models of the package, by objectives that do not contain what is searched."""

from keras_gen.face import names_of
from keras_gen.tuning.objectives import OBJECTIVES as OBJECTIVES
from keras_gen.tuning.objectives import Objective as Objective
from keras_gen.tuning.search import Search as Search
from keras_gen.tuning.search import search as search
from keras_gen.tuning.space import HyperModel as HyperModel
from keras_gen.tuning.space import Range as Range
from keras_gen.tuning.space import parse_space as parse_space
from keras_gen.tuning.space import ready_space as ready_space

__dir__ = names_of(globals())
