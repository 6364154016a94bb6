"""Models as files for other programs: graphs, the formats that hold them, and what is checked after writing."""

from keras_gen.export.draws import Draws as Draws
from keras_gen.export.graph import Graph as Graph
from keras_gen.export.graph import Value as Value
from keras_gen.export.writing import LIMIT as LIMIT
from keras_gen.export.writing import check as check
from keras_gen.export.writing import open_file as open_file
from keras_gen.export.writing import read_metadata as read_metadata
from keras_gen.export.writing import summary as summary
from keras_gen.export.writing import write as write
