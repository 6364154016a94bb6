"""Two logical CPU devices for the whole suite: they must exist before TensorFlow starts."""

import gc
import os
import sys

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # the suite is written for any machine
os.environ.setdefault("KERAS_GEN_XLA", "0")  # two thirds of a short training; the contract has a check with it

import keras
import pytest
import tensorflow as tf

_cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(_cpu, [tf.config.LogicalDeviceConfiguration()] * 2)


@pytest.fixture(autouse=True)
def _seeded():
    """Every test begins alike, whichever ran before it on its worker."""
    keras.utils.set_random_seed(0)


def pytest_collection_finish(session):
    """Python's collector looks at all that lives, again and again while a step is traced: a tenth of the time."""
    gc.disable()
    _collect()


def pytest_runtest_logfinish(nodeid, location):
    """Models are in cycles with their compiled steps: without this, a thousand of them fill several gigabytes."""
    _collect()


def _collect():
    """Frees what can be freed of the last test; what TensorFlow keeps of it is not looked at again."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(session):
    """A worker of pytest-xdist leaves without a goodbye to the processes that it started."""
    if testing := sys.modules.get("keras_gen.testing"):
        testing.close()
