"""Figures over a whole pass that are more than the mean of a term."""

import keras
from keras import ops


class ActiveUnits(keras.metrics.Metric):
    """Number of code units whose posterior mean varies over the data, `Var_x(mean_j(x)) > threshold`.

    Source: Burda et al. 2015, section 5.2, with their threshold 0.01.

    Args:
        latent_dim: number of code units.
        threshold: variance above which a unit counts as active.
    """

    def __init__(self, latent_dim, threshold=0.01, name="active_units"):
        super().__init__(name=name)
        self.threshold = threshold
        self.count = self.add_variable((), "zeros", name="count")
        self.total = self.add_variable((latent_dim,), "zeros", name="total")
        self.total_of_squares = self.add_variable((latent_dim,), "zeros", name="total_of_squares")

    def update_state(self, means, sample_weight=None):
        means = ops.cast(means, "float32")
        self.count.assign_add(ops.cast(ops.shape(means)[0], "float32"))
        self.total.assign_add(ops.sum(means, axis=0))
        self.total_of_squares.assign_add(ops.sum(ops.square(means), axis=0))

    def result(self):
        count = ops.maximum(self.count, 1.0)
        variance = self.total_of_squares / count - ops.square(self.total / count)
        return ops.sum(ops.cast(variance > self.threshold, "float32"))
