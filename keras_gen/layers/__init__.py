"""Layers that networks and models share. No layer imports a model."""

from keras_gen.face import names_of
from keras_gen.layers.augment import NUM_DRAWS as NUM_DRAWS
from keras_gen.layers.augment import diff_augment as diff_augment
from keras_gen.layers.corruption import CORRUPTIONS as CORRUPTIONS
from keras_gen.layers.corruption import Corruption as Corruption
from keras_gen.layers.corruption import check_level as check_level
from keras_gen.layers.images import HistoryBuffer as HistoryBuffer
from keras_gen.layers.images import UnitInterval as UnitInterval
from keras_gen.layers.pooling import WINDOW as WINDOW
from keras_gen.layers.pooling import SwitchPooling as SwitchPooling
from keras_gen.layers.pooling import Unpooling as Unpooling
from keras_gen.layers.quantisation import FiniteScalarQuantizer as FiniteScalarQuantizer
from keras_gen.layers.quantisation import VectorQuantizer as VectorQuantizer
from keras_gen.layers.quantisation import fsq_levels as fsq_levels
from keras_gen.layers.quantisation import straight_through as straight_through
from keras_gen.layers.sampling import LOG_VARIANCE_LIMIT as LOG_VARIANCE_LIMIT
from keras_gen.layers.sampling import bounded_log_variance as bounded_log_variance
from keras_gen.layers.sampling import draw_category as draw_category
from keras_gen.layers.sampling import draw_codes as draw_codes
from keras_gen.layers.sampling import fixed_noise as fixed_noise
from keras_gen.layers.sampling import mean_over_classes as mean_over_classes
from keras_gen.layers.sampling import per_draw as per_draw
from keras_gen.layers.sampling import repeat_batch as repeat_batch
from keras_gen.layers.series import EndingSeries as EndingSeries
from keras_gen.layers.spectral import SPECTRAL as SPECTRAL
from keras_gen.layers.spectral import SpectralConv2D as SpectralConv2D
from keras_gen.layers.spectral import SpectralDense as SpectralDense
from keras_gen.layers.spectral import SpectrallyNormalised as SpectrallyNormalised
from keras_gen.layers.table import TableOutput as TableOutput
from keras_gen.layers.tied import TiedDense as TiedDense

__dir__ = names_of(globals())
