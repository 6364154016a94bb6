"""Images by name, folder or file, as `tf.data.Dataset`s of float32 in [0, 1]; series; and tables, as encoded rows."""

from keras_gen.core.epochs import EpochClock as EpochClock
from keras_gen.core.epochs import epoch as epoch
from keras_gen.data.pairs import pairs as pairs
from keras_gen.data.pairs import unpaired as unpaired
from keras_gen.data.pipeline import info as info
from keras_gen.data.pipeline import load as load
from keras_gen.data.pipeline import stack as stack
from keras_gen.data.prepared import Truth as Truth
from keras_gen.data.prepared import glyphs as glyphs
from keras_gen.data.series import pad as pad
from keras_gen.data.series import waves as waves
from keras_gen.data.tables import table as table
from keras_gen.face import names_of

__dir__ = names_of(globals())
