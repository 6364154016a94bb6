"""The machine of two sides of units that every Boltzmann model is made of, and its chains."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen import boltzmann
from keras_gen.core import distribution


def noise(shape, seed, sigma=None) -> np.ndarray:
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

    def build(self, input_shape) -> None:
        state = {"trainable": False, "aggregation": "only_first_replica", "autocast": False}
        shape = (self.count, input_shape[-1])
        self.states = self.add_weight(name="states", shape=shape, initializer=self._first_states, **state)

    def _first_states(self, shape, dtype=None):
        return noise(shape, self.seed, self.sigma)

    def mean_free_energy(self, machine, steps, key=None) -> tf.Tensor:
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

    def get_config(self) -> dict[str, Any]:
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

    def build(self, input_shape) -> None:
        size = input_shape[-1]
        small = keras.initializers.RandomNormal(stddev=0.01)  # Hinton 2010, section 8
        own = {"autocast": False}  # energies are sums of many terms, and differences of energies are small
        self.kernel = self.add_weight(name="kernel", shape=(size, self.units), initializer=small, **own)
        self.visible_bias = self.add_weight(name="visible_bias", shape=(size,), initializer="zeros", **own)
        self.hidden_bias = self.add_weight(name="hidden_bias", shape=(self.units,), initializer="zeros", **own)
        if self.chains is not None:
            self.chains.build(input_shape)

    @property
    def machine(self) -> boltzmann.Machine:
        """The `boltzmann.Machine` of the weights as they are now."""
        weights = (self.kernel, self.visible_bias, self.hidden_bias)
        kernel, visible_bias, hidden_bias = map(tf.convert_to_tensor, weights)
        return boltzmann.Machine(kernel, visible_bias, hidden_bias, self.sigma)

    @property
    def recognition(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Kernel and bias of the way from visible to hidden units, `p(h = 1 | v) = sigmoid(v W + c)`."""
        kernel = self.kernel if self.sigma is None else self.kernel / self.sigma
        return kernel, self.hidden_bias

    def call(self, v) -> tf.Tensor:
        return self.machine.hidden_mean(v)

    def contrast(self, v, key, training: bool) -> tf.Tensor:
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

    def get_config(self) -> dict[str, Any]:
        names = ("units", "sigma", "gibbs_steps", "num_chains", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
