"""The contract of every model, as checks that anybody can run on a model of their own.

    for name, check in keras_gen.testing.checks(case):
        check(case)

A check raises AssertionError with a sentence. The checks on two devices need two logical devices, which must be set
up before TensorFlow starts: `keras_gen.core.distribution.strategy(2)` does it, as the first thing in a process.
"""

from keras_gen.testing import replicas as replicas
from keras_gen.testing.case import Case as Case
from keras_gen.testing.case import parameter_count as parameter_count
from keras_gen.testing.checks import CHECKS as CHECKS
from keras_gen.testing.checks import checks as checks
from keras_gen.testing.devices import two_devices as two_devices
from keras_gen.testing.processes import close as close
from keras_gen.testing.processes import load_and_train as load_and_train
