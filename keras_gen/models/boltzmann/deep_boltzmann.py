"""The deep Boltzmann machine.

Longer than other models: mean field, persistent chains and a pretraining by pairs of layers.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen import boltzmann, losses
from keras_gen.core import (
    Adjustable,
    GenerativeModel,
    Phase,
    Taken,
    batched,
    by_averages,
    distribution,
)
from keras_gen.core.arguments import Count, Share, Widths
from keras_gen.models.boltzmann.base import GibbsSampling
from keras_gen.models.boltzmann.layers import Chains

PRETRAINING, TOGETHER = "pretraining", Phase("together")
RATE_EXAMPLES = 20_000
RATE_MARGIN = 0.01  # how far base rates stay from 0 and 1


@keras.saving.register_keras_serializable("keras_gen")
class DeepBoltzmannMachine(GibbsSampling, GenerativeModel):
    """Layers of binary units, each connected with the next, in both directions: `p(x) = sum_h exp(-E(x, h)) / Z`.

    With `E(x, h) = -b.x - sum_i c_i.h_i - x W_1 h_1 - h_1 W_2 h_2 - ...` it minimises

        mean_b E(x_b, mu_b) - mean_c F(h'_c) + weight_decay / 2 * sum_i |W_i|^2

    where mu is the mean field of the hidden units given x (`mean_field_steps` sweeps after a pass up), and h' are the
    odd layers of `num_chains` persistent chains; F sums out the even layers. Both mu and h' are taken as constants. The
    chains are saved with the model; each of several devices moves a part of them.

    With `pretraining`, the first share of the epochs trains each pair of layers as an RBM on the means of the layer
    below. In the machine most units get input from both sides, in an RBM from one. To make up for this the first RBM
    doubles its input from below, the last its input from above, and those between double both.

    Reported: `loss`, which says nothing about the likelihood, and `reconstruction_loss`, the squared error of the means
    of x given the mean field.

    Args:
        hidden_units: of the layers, from the data upwards.
        mean_field_steps: sweeps of the mean field.
        gibbs_steps: steps of the chains between two updates of the weights.
        num_chains: how many chains there are, on all devices together.
        pretraining: share of the epochs that trains pairs of layers, below 1.
        weight_decay: lambda.
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        (B, *data_shape) -> `call` minus the score, (B,); `encode` means of the top layer (B, hidden_units[-1]).

    Score unit:
        A lower bound of log p(x) + log Z, nats per image. `elbo(x, log_z)` is the bound of log p(x).

    Reference:
        Salakhutdinov and Hinton 2009, "Deep Boltzmann machines"; Hinton 2010, "A practical guide to training restricted
        Boltzmann machines", section 8 (the first biases).

    Example:
        >>> model = kg.DeepBoltzmannMachine(data_shape=(8, 8, 1), hidden_units=(32, 16))
        >>> model.compile(**model.default_optimizers())
        >>> history = model.fit(kg.data.load("digits"), epochs=2, verbose=0)
        >>> model.sample(9, seed=1, steps=100).shape
        (9, 8, 8, 1)
    """

    watched = ("reconstruction_loss",)
    weight_decay = Adjustable(minimum=0)
    first_phase = TOGETHER
    likelihood = "bernoulli"
    persistent = True
    learning_rate = 0.05
    loops = True  # the mean field and the chains; see `core.execution`

    def __init__(
        self,
        data_shape: tuple[int, ...],
        hidden_units: Widths = (500, 1000),
        mean_field_steps: Count = 10,
        gibbs_steps: Count = 5,
        num_chains: Count = 100,
        pretraining: Share = 0.0,
        weight_decay: float = 0.0,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(data_shape, seed=seed, **kwargs)

        # === Config ===
        self.hidden_units = hidden_units
        self.mean_field_steps = mean_field_steps
        self.gibbs_steps = gibbs_steps
        self.num_chains = num_chains
        self.pretraining = pretraining
        self.weight_decay = weight_decay

        # === Weights ===
        self.sizes = (int(np.prod(self.data_shape)), *self.hidden_units)
        own = {"autocast": False, "dtype": "float32"}
        small = {"initializer": keras.initializers.RandomNormal(stddev=0.01), **own}
        self.kernels = [
            self.add_weight(name=f"kernel_{i + 1}", shape=shape, **small)
            for i, shape in enumerate(zip(self.sizes, self.sizes[1:], strict=False))
        ]
        self.biases = [
            self.add_weight(name=f"bias_{i}", shape=(size,), initializer="zeros", **own)
            for i, size in enumerate(self.sizes)
        ]
        self.chains = Chains(num_chains, seed, name="chains")
        self.chains.build((None, sum(self.sizes[1::2])))
        self.built = True

    @property
    def latent_dim(self) -> int:
        """Size of the code: the units of the top."""
        return self.hidden_units[-1]

    @property
    def machine(self) -> boltzmann.Machine:
        """The same with two sides, a `boltzmann.Machine`: visible the odd layers, hidden x and the even ones."""
        kernels = [tf.convert_to_tensor(kernel) for kernel in self.kernels]
        biases = [tf.convert_to_tensor(bias) for bias in self.biases]

        def block(odd, even):
            if abs(odd - even) > 1:
                return tf.zeros((self.sizes[odd], self.sizes[even]))
            return tf.transpose(kernels[even]) if even < odd else kernels[odd]

        layers_ = range(len(self.sizes))
        rows = [tf.concat([block(odd, even) for even in layers_[::2]], axis=1) for odd in layers_[1::2]]
        return boltzmann.Machine(tf.concat(rows, axis=0), tf.concat(biases[1::2], 0), tf.concat(biases[::2], 0))

    # === Training ===

    def before_training(self, data: Taken) -> None:
        """Biases of x that are zero begin at the log odds of the pixels, by up to `RATE_EXAMPLES` of the data.

        At zero, x is noise where the first layer is off, which is so many states that they outweigh those that look
        like data.
        """
        if data.is_repeatable and not np.any(self.biases[0]):
            rates = self._flat(data.sample(RATE_EXAMPLES)).numpy().mean(axis=0)
            self.biases[0].assign(boltzmann.log_odds(rates, RATE_MARGIN))

    def phases(self, epochs) -> tuple[Phase, ...]:
        return (Phase(PRETRAINING, until_epoch=round(self.pretraining * epochs)), TOGETHER)

    def call(self, x, training: bool = False) -> tf.Tensor:
        self.check_shape(x)
        v, machine = self._flat(x), self.machine
        return self._energy(machine, v, mu := self._mean_field(machine, v)) - _entropy(mu)

    def term_weights(self, training: bool) -> dict:
        return {"weight_decay": self.weight_decay}

    def terms(self, x, y, training: bool) -> dict:
        v, machine = self._flat(x), self.machine
        mu = self._mean_field(machine, v)
        if training and self.phase.name == PRETRAINING:
            contrast = self._pretraining_contrast(v)
        else:
            key = self.noise_key("chains") if training else None
            contrast = self._energy(machine, v, mu) - self.chains.mean_free_energy(machine, self.gibbs_steps, key)
        terms = {"contrast": contrast, "reconstruction_loss": losses.squared_error(v, self._visible_mean(machine, mu))}
        if self.setting("weight_decay"):
            squares = sum(ops.sum(ops.square(kernel)) for kernel in self.kernels)
            terms["weight_decay"] = distribution.for_each(squares / 2, v)
        return terms

    def _pretraining_contrast(self, v):
        """The sum of what the pairs of layers minimise, each by CD-1. (B, D) -> (B,)."""
        total, last = 0.0, len(self.kernels) - 1
        for i, kernel in enumerate(self.kernels):
            w, below, above = (tf.convert_to_tensor(part) for part in (kernel, self.biases[i], self.biases[i + 1]))
            # Twice the units with the same weights: what they say counts double.
            if i == 0:
                pair = boltzmann.Machine(tf.concat([w, w], 0), tf.concat([below, below], 0), above)
                data = tf.concat([v, v], 1)
            elif i == last:
                pair, data = boltzmann.Machine(tf.concat([w, w], 1), below, tf.concat([above, above], 0)), v
            else:
                pair, data = boltzmann.Machine(2 * w, below, above), v
            draws = tf.stop_gradient(pair.gibbs(data, 1, self.noise_key(f"pretraining {i}")))
            total += pair.free_energy(data) - pair.free_energy(draws)
            v = tf.stop_gradient(pair.hidden_mean(data)[:, : self.sizes[i + 1]])
        return total

    # === Mean field ===

    def _mean_field(self, machine, v):
        """Means of the odd layers, and of the even ones above x: constants. (B, D) -> (B, odd), (B, even)."""
        size = self.sizes[0]
        to_even = machine.kernel[:, size:]
        from_data = machine.visible_bias + tf.matmul(v, machine.kernel[:, :size], transpose_b=True)
        even_bias = machine.hidden_bias[size:]
        mean, means = v, []
        for i, kernel in enumerate(self.kernels):  # a pass up, that counts double what will come from both sides
            field = tf.matmul(mean, tf.convert_to_tensor(kernel))
            mean = tf.sigmoid((1 if i + 1 == len(self.kernels) else 2) * field + self.biases[i + 1])
            means.append(mean)
        even = tf.concat(means[1::2], axis=1)

        def sweep(i, odd, even):
            odd = tf.sigmoid(from_data + tf.matmul(even, to_even, transpose_b=True))
            return i + 1, odd, tf.sigmoid(even_bias + tf.matmul(odd, to_even))

        first = (tf.constant(0), tf.concat(means[::2], axis=1), even)
        return tf.nest.map_structure(
            tf.stop_gradient, tf.while_loop(lambda i, *_: i < self.mean_field_steps, sweep, first)[1:]
        )

    @staticmethod
    def _energy(machine, v, mu):
        """E(x, mu). -> (B,)."""
        odd, hidden = mu[0], tf.concat([v, mu[1]], axis=1)
        field = machine.visible_bias + tf.matmul(hidden, machine.kernel, transpose_b=True)
        return -tf.reduce_sum(odd * field, axis=1) - tf.linalg.matvec(hidden, machine.hidden_bias)

    def _visible_mean(self, machine, mu):
        size = self.sizes[0]
        return tf.sigmoid(machine.hidden_bias[:size] + tf.matmul(mu[0], machine.kernel[:, :size]))

    # === Abilities ===

    @batched
    def score(self, x) -> np.ndarray:
        return -self(x)

    def elbo(self, x, log_z) -> np.ndarray:
        """The lower bound of log p(x), nats. (B, *data_shape) -> (B,).

        Args:
            x: images.
            log_z: of `kg.evaluation.annealed_importance_sampling` or `exact_log_partition`.
        """
        return self.score(x) - log_z

    @by_averages
    def base_rates(self, x) -> dict:
        v = self._flat(self.in_memory(x)[0])
        odd, even = self._mean_field(self.machine, v)
        return {"visible_bias": np.mean(odd, axis=0), "hidden_bias": np.mean(np.concatenate([v, even], 1), axis=0)}

    @batched
    def encode(self, x) -> np.ndarray:
        """Means of the top layer in the mean field. (B, *data_shape) -> (B, hidden_units[-1])."""
        self.check_shape(x)
        return self.up(x)

    @batched(images=True)
    def decode(self, z) -> np.ndarray:
        """Means of x after a pass down, that counts double what will come from both sides. -> (B, *data_shape)."""
        return self.down(z)

    def up(self, x) -> tf.Tensor:
        odd, even = self._mean_field(self.machine, self._flat(x))
        return (odd if len(self.kernels) % 2 else even)[:, -self.hidden_units[-1] :]

    def down(self, z) -> tf.Tensor:
        for i in reversed(range(len(self.kernels))):
            field = tf.matmul(z, tf.convert_to_tensor(self.kernels[i]), transpose_b=True)
            z = tf.sigmoid((2 if i else 1) * field + self.biases[i])
        return ops.reshape(z, (-1, *self.data_shape))

    @batched(images=True)
    def reconstruct(self, x) -> np.ndarray:
        """Means of x given the mean field of x. (B, *data_shape) -> the same."""
        self.check_shape(x)
        machine = self.machine
        return ops.reshape(
            self._visible_mean(machine, self._mean_field(machine, self._flat(x))), (-1, *self.data_shape)
        )

    def means(self, states, seed) -> tf.Tensor:
        """Means of the data given states of the odd layers. (n, odd) -> (n, D)."""
        return self._visible_mean(self.machine, (states, None))


def _entropy(mu):
    """Of independent binary units with these means, nats. (B, odd), (B, even) -> (B,)."""
    return sum(losses.bernoulli(part, part) for part in mu)
