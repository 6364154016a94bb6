"""What people do with a trained model."""

from typing import TYPE_CHECKING

from keras_gen.face import names_of
from keras_gen.tasks import compression as compression
from keras_gen.tasks.fakes import FakeDetector as FakeDetector
from keras_gen.tasks.filters import filters as filters
from keras_gen.tasks.folders import translate_folder as translate_folder
from keras_gen.tasks.maps import latent_map as latent_map
from keras_gen.tasks.one_dimension import OneDimension as OneDimension
from keras_gen.tasks.sampling import CodeSampler as CodeSampler
from keras_gen.tasks.walks import attribute_vector as attribute_vector
from keras_gen.tasks.walks import interpolate as interpolate
from keras_gen.tasks.walks import manifold as manifold
from keras_gen.tasks.walks import random_walk as random_walk
from keras_gen.tasks.walks import traverse as traverse

ANOMALIES = ("AnomalyDetector", "application", "detect_folder", "detect_table", "oriented_gradients")

if TYPE_CHECKING:
    from keras_gen.tasks.anomaly import AnomalyDetector as AnomalyDetector
    from keras_gen.tasks.anomaly import application as application
    from keras_gen.tasks.anomaly import detect_folder as detect_folder
    from keras_gen.tasks.anomaly import detect_table as detect_table
    from keras_gen.tasks.anomaly import oriented_gradients as oriented_gradients
else:

    def __getattr__(name):
        """What is a class of scikit-learn is imported when it is asked for: that takes longer than all the rest."""
        if name in ANOMALIES:
            from keras_gen.tasks import anomaly

            return getattr(anomaly, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__dir__ = names_of(globals(), *ANOMALIES, "compression")
