"""Figures over a whole pass that are more than the mean of a term."""

import keras
import tensorflow as tf
from keras import ops


class ActiveUnits(keras.metrics.Metric):
    """Number of code units whose posterior mean varies over the data, `Var_x(mean_j(x)) > threshold`.

    Source: Burda et al. 2015, section 5.2, with their threshold 0.01.

    Args:
        latent_dim: number of code units.
        threshold: variance above which a unit counts as active.
    """

    def __init__(self, latent_dim, threshold=0.01, name="active_units"):
        super().__init__(name=name, dtype="float64")  # a variance as a difference of large sums
        self.threshold = threshold
        self.count = self.add_variable((), "zeros", name="count")
        self.total = self.add_variable((latent_dim,), "zeros", name="total")
        self.total_of_squares = self.add_variable((latent_dim,), "zeros", name="total_of_squares")

    def update_state(self, means, sample_weight=None) -> None:
        means = ops.cast(means, "float64")
        self.count.assign_add(ops.cast(ops.shape(means)[0], "float64"))
        self.total.assign_add(ops.sum(means, axis=0))
        self.total_of_squares.assign_add(ops.sum(ops.square(means), axis=0))

    def result(self) -> tf.Tensor:
        return ops.sum(self._active())

    def _active(self):
        count = ops.maximum(self.count, 1.0)
        variance = self.total_of_squares / count - ops.square(self.total / count)
        return ops.cast(variance > self.threshold, "float32")


class DeadUnits(ActiveUnits):
    """Share of code units that do not vary over the data, whether they are always on or always off.

    Args:
        latent_dim: number of code units.
        threshold: variance up to which a unit counts as dead.
    """

    def __init__(self, latent_dim, threshold=1e-4, name="dead_units"):
        super().__init__(latent_dim, threshold, name)

    def result(self) -> tf.Tensor:
        return 1.0 - ops.mean(self._active())


class UnitMeans(keras.metrics.Metric):
    """Mean activation of each code unit over a pass, (latent_dim,).

    Args:
        latent_dim: number of code units.
    """

    def __init__(self, latent_dim, name="unit_means"):
        super().__init__(name=name)
        self.count = self.add_variable((), "zeros", name="count")
        self.total = self.add_variable((latent_dim,), "zeros", name="total")

    def update_state(self, codes, sample_weight=None) -> None:
        self.count.assign_add(ops.cast(ops.shape(codes)[0], "float32"))
        self.total.assign_add(ops.sum(ops.cast(codes, "float32"), axis=0))

    def result(self) -> tf.Tensor:
        return self.total / ops.maximum(self.count, 1.0)
