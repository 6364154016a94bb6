"""Two logical CPU devices for the whole suite: they must exist before TensorFlow starts."""

import gc
import itertools
import os
import sys

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # the suite is written for any machine

import keras
import pytest
import tensorflow as tf

_cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(_cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

_tests = itertools.count(1)


@pytest.fixture(autouse=True)
def _seeded():
    """Every test begins alike, whichever ran before it on its worker."""
    keras.utils.set_random_seed(0)


def pytest_collection_finish(session):
    """Python's collector looks at all that lives, again and again while a step is traced: a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.disable()


def pytest_runtest_teardown(item):
    """Models are in cycles with their compiled steps: without this, a thousand of them fill several gigabytes."""
    if next(_tests) % 20 == 0:
        gc.collect()


def pytest_sessionfinish(session):
    """A worker of pytest-xdist leaves without a goodbye to the processes that it started."""
    if testing := sys.modules.get("keras_gen.testing"):
        testing.close()
