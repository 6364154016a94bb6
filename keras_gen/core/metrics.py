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


class UsedCodes(keras.metrics.Metric):
    """How many of K codes were used in a pass.

    Args:
        num_codes: K.
    """

    def __init__(self, num_codes, name="used_codes"):
        super().__init__(name=name)
        self.num_codes = num_codes
        self.counts = self.add_variable((num_codes,), "zeros", name="counts")

    def update_state(self, codes, sample_weight=None) -> None:
        """Counts codes of any shape, int32."""
        codes = ops.reshape(codes, (-1,))
        ones = ops.ones_like(codes, dtype="float32")
        self.counts.assign_add(ops.segment_sum(ones, codes, num_segments=self.num_codes))

    def result(self) -> tf.Tensor:
        return ops.sum(ops.cast(self.counts > 0, "float32"))


class Perplexity(UsedCodes):
    """`exp(-sum_k p_k log p_k)`, p_k the share of code k in a pass: K if all are used alike, 1 if one is.

    Args:
        num_codes: K.
    """

    def __init__(self, num_codes, name="perplexity"):
        super().__init__(num_codes, name)

    def result(self) -> tf.Tensor:
        p = self.counts / ops.maximum(ops.sum(self.counts), 1.0)
        return ops.exp(-ops.sum(p * ops.log(ops.maximum(p, 1e-30))))
