"""Layers that networks and models share."""

import math
import numbers

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen import boltzmann
from keras_gen.core import distribution

LOG_VARIANCE_LIMIT = 10.0  # variances between 4.5e-5 and 2.2e4: exp never overflows, not even in float16


@keras.saving.register_keras_serializable("keras_gen")
def bounded_log_variance(x):
    """Activation of a head that gives log variances: `L * tanh(x / L)`, smooth, within (-L, L), about x near 0.

    A clipped head stops learning where it is clipped; this one does not.
    """
    return LOG_VARIANCE_LIMIT * ops.tanh(x / LOG_VARIANCE_LIMIT)


def draw_codes(mean, log_variance, noise):
    """The reparametrised draw `mean + sd * noise`. (B, D), (B, D), (k, B or 1, D) -> (k, B, D)."""
    return mean + ops.exp(0.5 * log_variance) * noise


def draw_category(logits, noise, temperature):
    """A draw of softmax(logits), one-hot; its gradient is that of the relaxed draw. (B, K), (B, K) -> (B, K).

    With Gumbel noise g = -log(-log(noise)) the largest of logits + g is such a draw, and softmax((logits + g) /
    temperature) the relaxed one. The straight-through estimator of Jang, Gu, Poole 2017, "Categorical
    reparameterization with Gumbel-softmax", sections 2.1 and 2.2.

    Args:
        logits: of the categories.
        noise: uniform on [0, 1).
        temperature: of the relaxed draw, above 0; the lower, the closer it is to one-hot, and the wilder its gradient.
    """
    gumbel = -ops.log(-ops.log(ops.clip(noise, 1e-7, 1 - 1e-7)))
    relaxed = ops.softmax((logits + gumbel) / temperature)
    drawn = ops.one_hot(ops.argmax(relaxed, axis=-1), logits.shape[-1], dtype=relaxed.dtype)
    return drawn + relaxed - ops.stop_gradient(relaxed)


def fixed_noise(draws, size, seed, scaled=True):
    """Noise that is the same for every example: antithetic pairs, scaled to variance 1. -> (draws, 1, size).

    Its means of linear functions are exact, and so are those of squares of single units. Not scaled, each draw is
    standard normal, as importance weights need it.
    """
    half = np.random.default_rng(seed).standard_normal((draws // 2, 1, size))
    if scaled:
        half /= np.sqrt(np.mean(half**2, axis=0))
    return np.concatenate([half, -half]).astype("float32")


def repeat_batch(x, times):
    """The batch, `times` times over. (B, ...) -> (times * B, ...)."""
    return ops.tile(x, (times, *[1] * (len(x.shape) - 1)))


def per_draw(loss, x, images, draws=None):
    """A loss of each of k draws of an image. (B, ...), (k * B, ...), draw by draw -> (k, B).

    A replica's last batch may be empty: then only `draws` can tell k.
    """
    batch = ops.shape(x)[0]
    draws = ops.shape(images)[0] // ops.maximum(batch, 1) if draws is None else draws
    return ops.reshape(loss(repeat_batch(x, draws), images), (draws, batch))


# === Corruption ===


def _add_gaussian(x, level, noise):
    return x + level * noise


def _mask(x, level, noise):
    return ops.where(noise < level, 0.0, x)


def _salt_pepper(x, level, noise):
    return ops.where(noise < level / 2, 0.0, ops.where(noise >= 1 - level / 2, 1.0, x))


CORRUPTIONS = {  # kind: (the noise that it takes, what the noise does)
    "gaussian": ("normal", _add_gaussian),
    "masking": ("uniform", _mask),
    "salt_pepper": ("uniform", _salt_pepper),
}


def check_level(kind, level):
    """Raises a sentence if a level is none of that kind of corruption."""
    if not isinstance(level, numbers.Real) or not 0 <= level <= (math.inf if kind == "gaussian" else 1):
        expected = "a standard deviation of at least 0" if kind == "gaussian" else "a probability between 0 and 1"
        raise ValueError(f"`level` of {kind} corruption must be {expected}. Received: level={level!r}")


@keras.saving.register_keras_serializable("keras_gen")
class Corruption(keras.layers.Layer):
    """Corrupts data in training, and leaves them alone at inference.

    "gaussian" adds N(0, level^2) to each value; "masking" sets each value to 0 with probability `level`; "salt_pepper"
    sets each to 0 or to 1, each with probability `level / 2` (Vincent et al. 2010, section 3.3).

    Its noise is a function of (seed, name, calls so far, replica): replicas differ, and a model that was saved goes on
    with the noise that it would have drawn. `keras.layers.GaussianNoise` and `Dropout` draw the same on every replica.

    Args:
        kind: "gaussian", "masking" or "salt_pepper".
        level: standard deviation of "gaussian"; probability of the others.
        clip: whether to bring corrupted values back into [0, 1].
        seed: int.

    Call: (B, ...) -> (B, ...), corrupted if `training` is True; at another `level`, if one is given.
    """

    def __init__(self, kind="gaussian", level=0.3, clip=False, seed=0, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        if kind not in CORRUPTIONS:
            raise ValueError(f"The corruption must be one of {', '.join(CORRUPTIONS)}. Received: {kind!r}")
        check_level(kind, level)
        self.kind, self.level, self.clip, self.seed = kind, level, clip, seed

    def build(self, input_shape):
        self.calls = self.add_weight(
            name="calls",
            shape=(),
            dtype="int64",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
        )

    def call(self, x, training=False, level=None):
        if not training:
            return x
        key = distribution.noise_key(self.seed, self.calls, self.name)
        self.calls.assign_add(1)
        draw = distribution.normal if self.noise == "normal" else distribution.uniform
        return self.corrupt(x, draw(tf.shape(x), key), level)

    @property
    def noise(self):
        """Which noise `corrupt` takes, "normal" or "uniform"."""
        return CORRUPTIONS[self.kind][0]

    def corrupt(self, x, noise, level=None):
        """What given noise makes of x, at a level or at the layer's own. (B, ...), (B or 1, ...) -> (B, ...)."""
        corrupted = CORRUPTIONS[self.kind][1](x, self.level if level is None else level, noise)
        return ops.clip(corrupted, 0.0, 1.0) if self.clip else corrupted

    def get_config(self):
        return {**super().get_config(), "kind": self.kind, "level": self.level, "clip": self.clip, "seed": self.seed}


# === The history of generated images ===


@keras.saving.register_keras_serializable("keras_gen")
class HistoryBuffer(keras.layers.Layer):
    """Images that were made before, of which a critic sees some again (Shrivastava et al. 2017, section 2.3).

    Each place in turn meets an image. Where the place is empty, it keeps the image; else, with probability 1/2, the two
    change places. Of a batch with more images than places the rest pass by. What it keeps is saved with the model, and
    is the same on every replica: it holds images of all of them.

    Args:
        size: how many images it keeps; 50 in the paper.
        seed: int.

    Call: images (B, H, W, C) -> (B, H, W, C), as they are or from the past if `training` is True.
    """

    def __init__(self, size=50, seed=0, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.size, self.seed = size, seed

    def build(self, input_shape):
        state = {"initializer": "zeros", "trainable": False, "aggregation": "only_first_replica"}
        self.past = self.add_weight(name="past", shape=(self.size, *input_shape[1:]), **state)
        self.seen = self.add_weight(name="seen", shape=(), dtype="int64", **state)

    def call(self, images, training=False):
        if not training:
            return images
        count = tf.shape(images)[0]
        index = distribution.examples_before(images) + tf.range(count)  # in the batch of all replicas
        turn = tf.cast(self.seen, tf.int64) + tf.cast(index, tf.int64)
        draws = distribution.uniform((count,), distribution.noise_key(self.seed, self.seen, self.name))
        place = tf.cast(turn % self.size, tf.int32)
        met = tf.gather(tf.convert_to_tensor(self.past), place)
        shape = (-1, *[1] * (len(images.shape) - 1))
        takes_part, full = index < self.size, turn >= self.size
        given = tf.reshape(takes_part & full & (draws < 0.5), shape)
        kept = tf.reshape(takes_part & (~full | (draws < 0.5)), shape)
        change = tf.where(kept, images - met, 0.0)
        # Each replica changes places of its own.
        self.past.assign_add(distribution.cross_replica_sum(tf.scatter_nd(place[:, None], change, self.past.shape)))
        self.seen.assign_add(tf.cast(distribution.global_batch_size(images), tf.int64))
        return tf.where(given, met, images)

    def compute_output_spec(self, images, training=False):
        return images

    def get_config(self):
        return {**super().get_config(), "size": self.size, "seed": self.seed}


# === Boltzmann machines ===


def noise(shape, seed, sigma=None):
    """States that chains begin with: binary units, each on half of the time, or gaussian ones. float32."""
    rng = np.random.default_rng(seed)
    states = rng.integers(2, size=shape) if sigma is None else rng.standard_normal(shape) * sigma
    return states.astype("float32")


@keras.saving.register_keras_serializable("keras_gen")
class Chains(keras.layers.Layer):
    """Gibbs chains that go on from step to step, over all replicas, of which each moves its own.

    Args:
        count: how many.
        seed: of the states that they begin with.
        sigma: None for binary units; else those of a `boltzmann.Machine`.
    """

    def __init__(self, count, seed=0, sigma=None, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.count, self.seed, self.sigma = count, seed, sigma

    def build(self, input_shape):
        state = {"trainable": False, "aggregation": "only_first_replica", "autocast": False}
        shape = (self.count, input_shape[-1])
        self.states = self.add_weight(name="states", shape=shape, initializer=self._first_states, **state)

    def _first_states(self, shape, dtype=None):
        return noise(shape, self.seed, self.sigma)

    def mean_free_energy(self, machine, steps, key=None):
        """The mean of F over the chains, taken as constants, after `steps` moves; of None, where they are. -> scalar.

        Args:
            machine: whose visible units they are states of.
            steps: of h from p(h | v), v from p(v | h).
            key: of the draws, or None.
        """
        own = tf.range(distribution.replica_id(), self.count, distribution.num_replicas())
        draws = tf.gather(tf.convert_to_tensor(self.states), own)
        if key is not None:
            draws = tf.stop_gradient(machine.gibbs(draws, steps, key))
            # All replicas keep all chains, so that each number of devices can go on with them.
            moved = tf.scatter_nd(own[:, None], draws, self.states.shape)
            self.states.assign(distribution.cross_replica_sum(moved))
        return distribution.cross_replica_sum(tf.reduce_sum(machine.free_energy(draws))) / self.count

    def get_config(self):
        return {**super().get_config(), "count": self.count, "seed": self.seed, "sigma": self.sigma}


@keras.saving.register_keras_serializable("keras_gen")
class RestrictedBoltzmann(keras.layers.Layer):
    """The weights of a restricted Boltzmann machine, and its chains.

    Args:
        units: hidden units.
        sigma: standard deviation of gaussian visible units; None for binary ones.
        gibbs_steps: of h from p(h | v), v from p(v | h), that a draw takes.
        num_chains: of `Chains` that go on from step to step; None for chains that begin at the data.
        seed: int.

    Call: v (B, D) -> p(h = 1 | v) (B, units).
    """

    def __init__(self, units, sigma=None, gibbs_steps=1, num_chains=None, seed=0, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.units, self.sigma, self.gibbs_steps = units, sigma, gibbs_steps
        self.num_chains, self.seed = num_chains, seed
        self.chains = None if num_chains is None else Chains(num_chains, seed, sigma, name="chains")

    def build(self, input_shape):
        size = input_shape[-1]
        small = keras.initializers.RandomNormal(stddev=0.01)  # Hinton 2010, section 8
        own = {"autocast": False}  # energies are sums of many terms, and differences of energies are small
        self.kernel = self.add_weight(name="kernel", shape=(size, self.units), initializer=small, **own)
        self.visible_bias = self.add_weight(name="visible_bias", shape=(size,), initializer="zeros", **own)
        self.hidden_bias = self.add_weight(name="hidden_bias", shape=(self.units,), initializer="zeros", **own)
        if self.chains is not None:
            self.chains.build(input_shape)

    @property
    def machine(self):
        """The `boltzmann.Machine` of the weights as they are now."""
        return boltzmann.Machine(
            *(tf.convert_to_tensor(w) for w in (self.kernel, self.visible_bias, self.hidden_bias)), self.sigma
        )

    @property
    def recognition(self):
        """Kernel and bias of the way from visible to hidden units, `p(h = 1 | v) = sigmoid(v W + c)`."""
        kernel = self.kernel if self.sigma is None else self.kernel / self.sigma
        return kernel, self.hidden_bias

    def call(self, v):
        return self.machine.hidden_mean(v)

    def contrast(self, v, key, training):
        """`F(v_b) - F(v'_b)`, or less the mean over the chains, with draws v' taken as constants. (B, D) -> (B,).

        The gradient of its mean is that of -log p(v), as far as the draws are the model's.

        Args:
            v: data.
            key: of the draws.
            training: whether chains that go on do so now.
        """
        machine = self.machine
        if self.chains is None:
            draws = tf.stop_gradient(machine.gibbs(v, self.gibbs_steps, key))
            return machine.free_energy(v) - machine.free_energy(draws)
        return machine.free_energy(v) - self.chains.mean_free_energy(
            machine, self.gibbs_steps, key if training else None
        )

    def get_config(self):
        names = ("units", "sigma", "gibbs_steps", "num_chains", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable("keras_gen")
class UnitInterval(keras.layers.Layer):
    """Clips to [0, 1], with a gradient that brings back what lies outside, and never drives it further out.

    That of clipping alone would leave it there; that of no clipping would let a critic drive it away without end.

    Call: x (...) -> (...), float32.
    """

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})

    def call(self, x):
        return _clipped(x)

    def compute_output_shape(self, input_shape):
        return input_shape


@tf.custom_gradient
def _clipped(x):
    def gradient(upstream):
        outward = ((x < 0) & (upstream > 0)) | ((x > 1) & (upstream < 0))  # a descent goes against the gradient
        return tf.where(outward, tf.zeros_like(upstream), upstream)

    return tf.clip_by_value(x, 0.0, 1.0), gradient


# === Tied weights ===


@keras.saving.register_keras_serializable("keras_gen")
class TiedDense(keras.layers.Layer):
    """A dense layer whose kernel is the transpose of another's: `activation(x W^T + b)`, with a bias of its own.

    Call `tie` with the other layer before use, and again after loading: a config cannot hold another model's layer.

    Args:
        units: size of the other layer's input.
        activation: as in `keras.layers.Dense`.
    """

    def __init__(self, units, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)
        self._kernel = None

    def build(self, input_shape):
        self.features = input_shape[-1]
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")

    def tie(self, dense):
        """Takes the kernel of a built Dense layer.

        Raises:
            ValueError: if its shape is not (units, features of the input).
        """
        if tuple(dense.kernel.shape) != (self.units, self.features):
            raise ValueError(
                f"Tied weights need equal shapes: {self.name} needs the transpose of a kernel of shape "
                f"{(self.units, self.features)}. Received: {dense.name} with a kernel of shape {dense.kernel.shape}"
            )
        self._kernel = lambda: dense.kernel  # behind a function, or Keras would track the other layer here too

    @property
    def kernel(self):
        """The other layer's kernel, (units, features): the transpose of what this layer applies."""
        if self._kernel is None:
            raise ValueError(f"{self.name} is not tied to a layer yet: call its `tie`.")
        return self._kernel()

    def call(self, x):
        kernel = ops.cast(self.kernel, self.compute_dtype)
        return self.activation(ops.matmul(x, ops.transpose(kernel)) + ops.cast(self.bias, self.compute_dtype))

    def compute_output_spec(self, x):
        return keras.KerasTensor((*x.shape[:-1], self.units), dtype=self.compute_dtype)

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "units": self.units, "activation": activation}


# === Pooling with switches ===

WINDOW = 2  # side of the window that one value is pooled from


@keras.saving.register_keras_serializable("keras_gen")
class SwitchPooling(keras.layers.Layer):
    """Max pooling over 2 x 2 windows that also tells where each maximum was (Zeiler et al. 2011, section 2).

    By reshaping and one-hot switches: `tf.nn.max_pool_with_argmax` does not compile under XLA. An odd side is
    padded, so it halves rounding up. Of equal values the first counts.

    Call: (B, H, W, C) -> (B, H / 2, W / 2, C) and switches (B, H / 2, W / 2, 4, C), one-hot over the 4 places.
    """

    def call(self, x):
        height, width, channels = x.shape[1:]
        rows, columns = -(-height // WINDOW), -(-width // WINDOW)
        lowest = tf.constant(x.dtype.min, x.dtype)
        x = ops.pad(
            x, ((0, 0), (0, rows * WINDOW - height), (0, columns * WINDOW - width), (0, 0)), constant_values=lowest
        )
        x = ops.reshape(x, (-1, rows, WINDOW, columns, WINDOW, channels))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))  # (B, rows, columns, 2, 2, C)
        x = ops.reshape(x, (-1, rows, columns, WINDOW * WINDOW, channels))
        switches = ops.one_hot(ops.argmax(x, axis=3), WINDOW * WINDOW, axis=3, dtype=self.compute_dtype)
        return ops.max(x, axis=3), switches

    def compute_output_spec(self, x):
        height, width, channels = x.shape[1:]
        rows, columns = -(-height // WINDOW), -(-width // WINDOW)
        pooled = keras.KerasTensor((x.shape[0], rows, columns, channels), dtype=self.compute_dtype)
        return pooled, keras.KerasTensor(
            (x.shape[0], rows, columns, WINDOW * WINDOW, channels), dtype=self.compute_dtype
        )


@keras.saving.register_keras_serializable("keras_gen")
class Unpooling(keras.layers.Layer):
    """Puts each value where its switch says, and zeros elsewhere: the reverse of `SwitchPooling`.

    Args:
        size: (H, W) of the output; an odd side is cropped.

    Call: [(B, H / 2, W / 2, C), switches (B, H / 2, W / 2, 4, C)] -> (B, H, W, C).
    """

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = tuple(size)

    def call(self, inputs):
        x, switches = inputs
        rows, columns, channels = x.shape[1:]
        x = x[:, :, :, None, :] * switches  # (B, rows, columns, 4, C)
        x = ops.reshape(x, (-1, rows, columns, WINDOW, WINDOW, channels))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))  # (B, rows, 2, columns, 2, C)
        x = ops.reshape(x, (-1, rows * WINDOW, columns * WINDOW, channels))
        return x[:, : self.size[0], : self.size[1]]

    def compute_output_spec(self, inputs):
        x, _ = inputs
        return keras.KerasTensor((x.shape[0], *self.size, x.shape[-1]), dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "size": self.size}
