"""What the Boltzmann machines share: draws at the ends of Gibbs chains."""

import math

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen.core import Part, Parts, WholeModel, check_whole, distribution, drawn
from keras_gen.models.boltzmann.layers import noise

MOMENTUM = 0.9


class GibbsSampling(Part):
    """Part of a Boltzmann machine: draws by Gibbs chains, SGD, and its two networks.

    The model has a `machine`, a `boltzmann.Machine`, and `means(states, seed)`: the data, given visible states of it.
    """

    undrawable = (
        "each step of a Gibbs chain compares a uniform number with a mean, whose last digits differ between runtimes, "
        "so that after some steps a seed has another image in each; run the chain around its parts"
    )

    @property
    def loops(self) -> bool:
        """Whether a training step contains loops, which XLA slows down on a CPU; see `core.execution`."""
        return self.gibbs_steps > 1

    @property
    def momentum(self) -> float:
        """Momentum of SGD: 0 for persistent chains, which can follow the model only if its weights move slowly."""
        return 0.0 if self.persistent else MOMENTUM

    def default_optimizers(self, learning_rate=None, decay_steps=None) -> dict:
        """SGD, not Adam: Adam moves all weights by steps of one length, too fast for the chains to follow."""
        rate = self.learning_rate_schedule(learning_rate or self.learning_rate, decay_steps)
        return {"optimizer": keras.optimizers.SGD(rate, momentum=self.momentum)}

    def network_parts(self) -> Parts:
        return {
            "encoder": ({"data": self.data_shape}, WholeModel(self, "up")),
            "decoder": ({"code": (self.latent_dim,)}, WholeModel(self, "down")),
        }

    def up(self, x) -> tf.Tensor:
        """Means of the top layer given data. (B, *data_shape) -> (B, latent_dim)."""
        raise NotImplementedError

    def down(self, z) -> tf.Tensor:
        """Means of the data given the top layer. (B, latent_dim) -> (B, *data_shape)."""
        raise NotImplementedError

    @drawn
    def sample(self, n: int, labels=None, seed: int | None = None, steps=1000) -> np.ndarray:
        """Means of the data at the end of n Gibbs chains that begin at noise. -> (n, *data_shape).

        Args:
            n: how many.
            labels: None.
            seed: of the draws; None for a fresh one.
            steps: of each chain.
        """
        check_whole(1, steps=steps)
        start = noise((n, self.machine.visible_bias.shape[0]), seed, self.machine.sigma)
        states = self.walk(tf.constant(start), steps, distribution.noise_key(seed or 0, 0, "sample"))
        images = np.asarray(self.means(states, seed)).reshape(n, *self.data_shape)
        return np.clip(images, 0.0, 1.0) if self.bounded else images

    def base_rates(self, x) -> dict:
        """Mean activations of units of `machine`, given images, for the sides where they are known.

        Returns:
            {"visible_bias": (D,), "hidden_bias": (H,)}, or one of them, or {}.
        """
        return {}

    def _flat(self, x):
        return ops.cast(ops.reshape(x, (-1, math.prod(self.data_shape))), "float32")

    def walk(self, states, steps, key) -> tf.Tensor:
        """Visible states of the machine after some steps of Gibbs sampling. (n, D) -> (n, D)."""
        return _walk(self.machine, states, tf.constant(steps), key)


@tf.function  # outside of the class, so that it is traced once for each shape and not at each call
def _walk(machine, states, steps, key):
    return machine.gibbs(states, steps, key)
