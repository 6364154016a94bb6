"""Likelihoods p(x | z): how a decoder's output accounts for data. Callable of x and mean, (B, ...) -> (B,), nats."""

import math
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen import losses
from keras_gen.face import names_of
from keras_gen.table.spec import TableSpec

LOG_GAIN = 10.0  # a log variance has far to go, in steps of an optimizer made for weights of a network


@keras.saving.register_keras_serializable("keras_gen")
class GaussianLikelihood(keras.layers.Layer):
    """Negative log-likelihood of independent normal values.

    A fixed variance of 1 is far too wide for images in [0, 1] and makes a VAE ignore its codes; the variance that
    maximises the likelihood needs no tuning (Rybkin et al. 2021, "sigma-VAE"). A learned standard deviation stays above
    1/1000, finer than the steps of an 8-bit image, so that a perfect reconstruction cannot reach infinite density.

    Args:
        variance: "learned", one for all values; "per_value", one learned for each; or a number, which stays.

    Call: x (B, ...), mean (B, ...) -> (B,), nats per image; of the values where `there`, (B, ...) bool, is True.
    """

    FLOOR = 2 * math.log(1e-3)

    def __init__(self, variance="learned", **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})  # a sum over pixels is too much for float16
        self.variance = variance

    def build(self, x_shape, mean_shape) -> None:
        if isinstance(self.variance, str):
            shape = tuple(x_shape[1:]) if self.variance == "per_value" else ()
            self.scaled_log_variance = self.add_weight(name="scaled_log_variance", shape=shape, initializer="zeros")

    @property
    def log_variance(self) -> float | tf.Tensor:
        """The log variance, a scalar or one for each value; a learned one stays above FLOOR."""
        if not isinstance(self.variance, str):
            return math.log(self.variance)
        return self.FLOOR + ops.softplus(LOG_GAIN * self.scaled_log_variance - self.FLOOR)

    def call(self, x, mean, there=None) -> tf.Tensor:
        return losses.gaussian(x, mean, self.log_variance, there)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "variance": self.variance}


@keras.saving.register_keras_serializable("keras_gen")
class LogisticLikelihood(keras.layers.Layer):
    """Negative log-likelihood of the 256 levels of 8-bit images, `losses.discretized_logistic`.

    One scale is learned for each channel. It stays above 1/2,000, a tenth of a bin's width.

    Call: x (B, ..., C) in [0, 1], mean (B, ..., C) -> (B,), nats per image.
    """

    FLOOR = math.log(5e-4)
    START = math.log(0.1)

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})

    def build(self, x_shape, mean_shape) -> None:
        self.scaled_log_scale = self.add_weight(name="scaled_log_scale", shape=(x_shape[-1],), initializer="zeros")

    @property
    def log_scale(self) -> tf.Tensor:
        """(C,), the learned log scales, above FLOOR."""
        return self.FLOOR + ops.softplus(LOG_GAIN * self.scaled_log_scale + self.START - self.FLOOR)

    def call(self, x, mean) -> tf.Tensor:
        return losses.discretized_logistic(x, mean, self.log_scale)


@keras.saving.register_keras_serializable("keras_gen")
class TableLikelihood(keras.layers.Layer):
    """Negative log-likelihood of the rows of a table, with a part for each column; a missing value itself has none.

    Normal scores of numeric columns are normal with a variance of their own, flags Bernoulli, categories categorical:
    `sum_c known_c (-log p_c(x_c | mean_c))` (Nazabal et al. 2020, "Handling incomplete heterogeneous data using VAEs",
    equation 4). Of a column that lacks values in training, whether one is known is Bernoulli besides, so that samples
    lack values where the data do (as in Ipsen et al. 2021, "not-MIWAE", equation 3). Densities are of normal scores,
    whose unit is the standard deviation of a column.

    Args:
        table: its columns. The variances are learned; a standard deviation stays above 1/20, since a column of repeated
            values would have an infinite density.

    Call: x (B, D), mean (B, D) of scores and probabilities -> (B,), nats per row.
    """

    FLOOR = 2 * math.log(0.05)
    LEAST = 1e-6  # probability

    def __init__(self, table: TableSpec, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.table = table
        self.numeric = tuple(slots.start for column, slots in table.modelled if column.quantiles)

    def build(self, x_shape, mean_shape) -> None:
        self.scaled_log_variance = self.add_weight(
            name="scaled_log_variance", shape=(len(self.numeric),), initializer="zeros"
        )

    @property
    def log_variance(self) -> tf.Tensor:
        """(numeric columns,), the log variances of their scores, above FLOOR."""
        return self.FLOOR + ops.softplus(LOG_GAIN * self.scaled_log_variance - self.FLOOR)

    def parts(self, x, mean) -> tf.Tensor:
        """The same for each column that is modelled. (B, D), (B, D) -> (B, columns), nats."""
        x, mean = ops.cast(x, "float32"), ops.cast(mean, "float32")
        parts, log_variance = [], self.log_variance
        for column, slots in self.table.modelled:
            value, expected = x[:, slots], mean[:, slots]
            if column.kind == "category":
                values = slice(len(column.values))
                part = -ops.sum(value[:, values] * ops.log(ops.maximum(expected[:, values], self.LEAST)), axis=-1)
            elif column.kind == "flag":
                part = self._yes_or_no(value[:, :1], expected[:, :1])
            else:
                part = losses.gaussian(value[:, :1], expected[:, :1], log_variance[self.numeric.index(slots.start)])
            if column.has_mask:
                part = part * value[:, -1] + self._yes_or_no(value[:, -1:], expected[:, -1:])
            parts.append(part)
        return ops.stack(parts, axis=-1)

    def _yes_or_no(self, value, probability):
        return losses.bernoulli(value, ops.clip(probability, self.LEAST, 1 - self.LEAST))

    def call(self, x, mean) -> tf.Tensor:
        return ops.sum(self.parts(x, mean), axis=-1)

    def draw(self, mean, seed: int) -> np.ndarray:
        """Rows drawn of p(x | mean), and which of their values are known. (N, D) -> (N, D)."""
        rng, mean = np.random.default_rng(seed), np.array(mean)
        deviation = np.exp(0.5 * np.asarray(self.log_variance))
        for column, slots in self.table.modelled:
            rows = mean[:, slots]
            if column.kind == "category":
                count = len(column.values)
                chosen = (rng.random((len(rows), 1)) > np.cumsum(rows[:, :count], axis=1)).sum(axis=1)
                rows[:, :count] = np.eye(count)[np.minimum(chosen, count - 1)]
            elif column.kind == "flag":
                rows[:, 0] = rng.random(len(rows)) < rows[:, 0]
            else:
                rows[:, 0] += deviation[self.numeric.index(slots.start)] * rng.standard_normal(len(rows))
            if column.has_mask:
                rows[:, -1] = rng.random(len(rows)) < rows[:, -1]
        return mean

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "table": keras.saving.serialize_keras_object(self.table)}

    @classmethod
    def from_config(cls, config) -> Self:
        return cls(**{**config, "table": keras.saving.deserialize_keras_object(config["table"])})


def _bernoulli(data_shape, variance):
    return losses.bernoulli


def _built(layer, data_shape):
    layer.build((None, *data_shape), (None, *data_shape))
    return layer


LIKELIHOODS = MappingProxyType(
    {
        "bernoulli": _bernoulli,
        "gaussian": lambda shape, variance: _built(GaussianLikelihood(variance, name="likelihood"), shape),
        "discretized_logistic": lambda shape, variance: _built(LogisticLikelihood(name="likelihood"), shape),
    }
)


def table_likelihood(table: TableSpec) -> TableLikelihood:
    """The negative log-likelihood of a table's rows, built."""
    return _built(TableLikelihood(table, name="likelihood"), table.shape)


def likelihood(
    name: str, data_shape: tuple[int, ...], variance: str | float = "learned", table: TableSpec | None = None
) -> Callable:
    """The negative log-likelihood of a name of LIKELIHOODS, or of a table, built; `variance` is for "gaussian"."""
    if table is not None:
        return table_likelihood(table)
    return LIKELIHOODS[name](data_shape, variance)


__dir__ = names_of(globals())
