"""Runs: a folder that holds all it takes to see, use, resume and repeat a training."""

from keras_gen.face import names_of
from keras_gen.saving import load as load
from keras_gen.saving import save as save
from keras_gen.training.api import open_run as open_run
from keras_gen.training.api import resume as resume
from keras_gen.training.api import run_of as run_of
from keras_gen.training.api import train as train
from keras_gen.training.callbacks import Fidelity as Fidelity
from keras_gen.training.registry import register as register
from keras_gen.training.stacking import stack as stack
from keras_gen.training.stacking import unroll as unroll

__dir__ = names_of(globals())
