"""What is unlike normal data: scores, decisions at a chosen rate of false alarms, and where."""

from keras_gen.face import names_of
from keras_gen.tasks.anomaly.applications import application as application
from keras_gen.tasks.anomaly.detector import AnomalyDetector as AnomalyDetector
from keras_gen.tasks.anomaly.folders import detect_folder as detect_folder
from keras_gen.tasks.anomaly.gradients import oriented_gradients as oriented_gradients
from keras_gen.tasks.anomaly.rows import detect_table as detect_table

__dir__ = names_of(globals())
