"""Replicas as threads: what a MirroredStrategy does to a step, in a twentieth of the time.

Each thread runs the step eagerly on a model of its own; where replicas communicate, the threads wait for each other and
their values are added up: in means over the batch, and where Keras' optimizers apply gradients. The rest is the code
that a strategy would run.
"""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import tensorflow as tf

from keras_gen.core import distribution

_thread = threading.local()  # with `context` in the thread of a replica


class _Context:
    """What `tf.distribute.get_replica_context` gives a replica, as far as the package and Keras' layers ask it."""

    def __init__(self, replica, count, parts, barrier):
        self.replica_id_in_sync_group, self.num_replicas_in_sync = replica, count
        self._parts, self._barrier = parts, barrier

    def all_reduce(self, op, values) -> Any:
        """The sum, or the mean, of tensors over the threads; differentiable, as TensorFlow's is."""
        scale = 1.0 / self.num_replicas_in_sync if op == tf.distribute.ReduceOp.MEAN else 1.0

        @tf.custom_gradient
        def reduce(value):
            return scale * self._sum(value), lambda upstream: scale * self._sum(upstream)

        return tf.nest.map_structure(lambda value: reduce(tf.convert_to_tensor(value)), values)

    def _sum(self, value):
        self._parts[self.replica_id_in_sync_group] = value
        self._barrier.wait()
        total = sum(self._parts[1:], self._parts[0])  # in the same order on each
        self._barrier.wait()
        return total


def run(*functions) -> list:
    """Runs each function as a replica of its own, all together, and gives their results.

    Raises:
        Exception: the first that one of them raises.
    """
    count = len(functions)
    parts, barrier = [None] * count, threading.Barrier(count, timeout=60)
    results, errors = [None] * count, []

    def replica(i):
        _thread.context = _Context(i, count, parts, barrier)
        try:
            results[i] = functions[i]()
        except threading.BrokenBarrierError:
            pass  # of another's error
        except Exception as error:
            errors.append(error)
            barrier.abort()

    real_context, real_count = tf.distribute.get_replica_context, distribution.num_replicas

    def context():
        return getattr(_thread, "context", None) or real_context()

    def num_replicas():
        own = getattr(_thread, "context", None)
        return own.num_replicas_in_sync if own else real_count()

    with (
        mock.patch.object(tf.distribute, "get_replica_context", context),
        mock.patch.object(distribution, "num_replicas", num_replicas),
    ):
        threads = [threading.Thread(target=replica, args=(i,)) for i in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]
    if barrier.broken:
        raise AssertionError("the replicas do not communicate as often as each other: one waited in vain")
    return results


@contextlib.contextmanager
def without_noise() -> Iterator[None]:
    """Within it, models draw constants: replicas draw different noise, which no comparison could see through."""
    with (
        mock.patch.object(distribution, "normal", lambda shape, key: tf.zeros(shape)),
        mock.patch.object(distribution, "uniform", lambda shape, key: tf.fill(shape, 0.5)),
    ):
        yield


def add_up(metrics, others) -> None:
    """Adds what the metrics of another replica have counted to those of this one."""
    for variable, other in zip(metrics, others, strict=True):
        variable.assign(np.asarray(variable) + np.asarray(other))
