"""Quantisers: vectors become whole numbers and vectors that stand for them, and gradients pass straight through."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen.core import check_whole, distribution

DECAY = 0.99  # of the moving averages of a codebook
DEAD = 0.02  # a code that is used less often than this share of the mean use is dead
FIRST_USE = 2 * DEAD  # where it begins again
FEWEST_LEVELS, IDEAL_LEVELS, MOST_LEVELS = 3, 8, 16  # of a value of `FiniteScalarQuantizer`


def straight_through(z, q) -> tf.Tensor:
    """q, with the gradient of z: `z + stop_gradient(q - z)` (Bengio et al. 2013). (...), (...) -> (...)."""
    return z + ops.stop_gradient(q - z)


@keras.saving.register_keras_serializable("keras_gen")
class VectorQuantizer(keras.layers.Layer):
    """Replaces z by the nearest of K vectors, `k = argmin_j |z - e_j|^2`, which follow the encodings assigned to them.

    The codebook is not trained by gradients: `update` moves the mean use n_j of each code and the mean sum s_j of what
    is assigned to it, `n <- g n + (1 - g) count`, `s <- g s + (1 - g) sum`, where count and sum are divided by N / K,
    the mean use; e = s / n. That is k-means online, and g = 0 is a step of Lloyd's. A code that is used less than 2 %
    as often as the mean code is dead and begins again at a vector of the batch; so do all codes in the first step.

    Source: van den Oord et al. 2017, equations 1, 2 and appendix A.1; the restart is that of Dhariwal et al. 2020,
    section 4.2.

    Args:
        num_codes: K.
        decay: g.

    Call: z (..., D) -> vectors (..., D), with the gradient passed straight through, and codes (...), int32.
    """

    commits = True  # whether encodings have to be drawn to the codebook

    def __init__(self, num_codes: int = 512, decay: float = DECAY, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        check_whole(1, num_codes=num_codes)
        self.num_codes, self.decay = num_codes, decay

    def build(self, input_shape: tuple) -> None:
        state: dict[str, Any] = {"trainable": False, "aggregation": "only_first_replica"}
        shape = (self.num_codes, input_shape[-1])
        self.vectors = self.add_weight(name="vectors", shape=shape, initializer="random_normal", **state)
        self.sums = self.add_weight(name="sums", shape=shape, initializer="zeros", **state)
        self.uses = self.add_weight(name="uses", shape=(self.num_codes,), initializer="zeros", **state)

    def call(self, z) -> tuple[tf.Tensor, tf.Tensor]:
        codes = self.nearest(z)
        return straight_through(z, self.embed(codes)), codes

    def nearest(self, z) -> tf.Tensor:
        """The codes of the nearest vectors, of equally near ones the first. (..., D) -> (...), int32."""
        vectors = ops.convert_to_tensor(self.vectors)
        # |z|^2 is the same for all
        distances = ops.sum(ops.square(vectors), axis=-1) - 2.0 * ops.matmul(z, ops.transpose(vectors))
        return tf.argmin(distances, axis=-1, output_type="int32")

    def embed(self, codes) -> tf.Tensor:
        """The vectors of codes. (...), int32 -> (..., D)."""
        return ops.take(ops.convert_to_tensor(self.vectors), codes, axis=0)

    def update(self, z, key) -> None:
        """Moves the codebook towards what was assigned to it on all replicas, and restarts its dead codes.

        Args:
            z: (B, ..., D), the encodings of a batch.
            key: of `distribution.noise_key`, the same on each replica.
        """
        z = ops.reshape(distribution.gather(ops.stop_gradient(z)), (-1, z.shape[-1]))  # (N, D)
        codes, found = self.nearest(z), tf.shape(z)[0]
        counts = tf.math.unsorted_segment_sum(tf.ones_like(z[:, 0]), codes, self.num_codes)
        sums = tf.math.unsorted_segment_sum(z, codes, self.num_codes)
        share = (1.0 - self.decay) * self.num_codes / tf.cast(found, "float32")  # in units of the mean use
        uses = self.decay * self.uses + share * counts
        sums = self.decay * self.sums + share * sums
        dead = (uses < DEAD) | (ops.convert_to_tensor(self.uses) == 0)  # or new
        # Without replacement, by the squared distance from the codes that there are (Efraimidis and Spirakis 2006).
        errors = tf.reduce_sum(tf.square(z - self.embed(codes)), axis=-1)
        ranks = tf.math.log(distribution.uniform((found,), key) + 1e-20) / (errors + 1e-20)
        order = tf.argsort(ranks, direction="DESCENDING", stable=True)
        turn = tf.maximum(tf.cumsum(tf.cast(dead, "int32")) - 1, 0)  # the first dead code gets the first
        drawn = tf.gather(z, tf.gather(order, turn % found))
        # Some steps to be used in; and what is assigned to them then soon moves them.
        uses = tf.where(dead, FIRST_USE, uses)
        sums = tf.where(dead[:, None], FIRST_USE * drawn, sums)
        self.uses.assign(uses)
        self.sums.assign(sums)
        self.vectors.assign(sums / uses[:, None])

    def compute_output_spec(self, z) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        return keras.KerasTensor(z.shape, "float32"), keras.KerasTensor(z.shape[:-1], "int32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_codes": self.num_codes, "decay": self.decay}


@keras.saving.register_keras_serializable("keras_gen")
class FiniteScalarQuantizer(keras.layers.Layer):
    """Each value is bounded and rounded to one of its L levels; a code is the number whose digits they are.

    There is nothing to learn, and nothing to die. Of L levels, `round(tanh(z + b) h - o)` with h = (L - 1) / 2 and
    o = 0 if L is odd, else 1/2, and b = atanh(o / h), so that z = 0 is the middle. Values are those divided by
    floor(L / 2), in [-1, 1].

    Source: Mentzer et al. 2024, "Finite scalar quantization: VQ-VAE made simple", section 3.1 and appendix A.

    Args:
        levels: L of each value.

    Call: z (..., len(levels)) -> vectors of that shape, with the gradient of the bounded values, and codes (...),
        int32, the first digit counting least.
    """

    commits = False

    def __init__(self, levels: Sequence[int] = (8, 8, 8), **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.levels = tuple(levels)
        check_whole(FEWEST_LEVELS, **{f"levels[{i}]": level for i, level in enumerate(self.levels)})
        self.num_codes = math.prod(self.levels)
        self._halves = np.array(self.levels) // 2
        self._places = np.cumprod((1, *self.levels[:-1]))  # what a digit counts

    def call(self, z) -> tuple[tf.Tensor, tf.Tensor]:
        levels = np.array(self.levels, "float32")
        half = (levels - 1) / 2 * (1 - 1e-3)  # no end lies between two levels
        offset = np.where(levels % 2 == 0, 0.5, 0.0).astype("float32")
        bounded = ops.tanh(z + np.arctanh(offset / half)) * half - offset
        rounded = straight_through(bounded, ops.round(bounded))
        digits = ops.cast(ops.round(rounded), "int32") + self._halves.astype("int32")
        return rounded / self._halves.astype("float32"), ops.sum(digits * self._places.astype("int32"), axis=-1)

    def embed(self, codes) -> tf.Tensor:
        """The vectors of codes. (...), int32 -> (..., len(levels))."""
        codes = ops.cast(codes, "int32")[..., None]
        digits = codes // self._places.astype("int32") % np.array(self.levels, "int32")
        return ops.cast(digits - self._halves.astype("int32"), "float32") / self._halves.astype("float32")

    def update(self, z, key) -> None:
        """Nothing."""

    def compute_output_spec(self, z) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        return keras.KerasTensor(z.shape, "float32"), keras.KerasTensor(z.shape[:-1], "int32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "levels": self.levels}


def fsq_levels(num_codes: int) -> tuple[int, ...]:
    """The levels of a `FiniteScalarQuantizer` of K codes: of all products that make K, the one nearest to eights.

    512 -> (8, 8, 8), 1000 -> (10, 10, 10), 64 -> (8, 8). The distance is the sum of squares of log(L / 8); no value
    has less than 3 or more than 16 levels.

    Raises:
        ValueError: if K is no such product; the sentence names the nearest that are.
    """
    check_whole(FEWEST_LEVELS, num_codes=num_codes)
    found = _products(num_codes, MOST_LEVELS)
    if not found:
        near = sorted(range(FEWEST_LEVELS, 2 * num_codes), key=lambda k: abs(k - num_codes))
        nearest = next(k for k in near if _products(k, MOST_LEVELS))
        raise ValueError(
            f"`num_codes` of quantizer='fsq' must be a product of whole numbers from {FEWEST_LEVELS} to {MOST_LEVELS}; "
            f"the nearest is {nearest}. Received: num_codes={num_codes}"
        )
    return min(found, key=lambda levels: sum(math.log(level / IDEAL_LEVELS) ** 2 for level in levels))


def _products(number, most):
    """The ways to write a number as a product of factors up to `most`, in falling order."""
    if number == 1:
        return [()]
    return [
        (factor, *rest)
        for factor in range(min(number, most), FEWEST_LEVELS - 1, -1)
        if number % factor == 0
        for rest in _products(number // factor, factor)
    ]
