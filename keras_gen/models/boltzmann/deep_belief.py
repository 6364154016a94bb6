"""The deep belief network.

Longer than other models: layers one after the other, and the up-down algorithm.
"""

import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen import boltzmann, losses, networks
from keras_gen.core import (
    Adjustable,
    AdversarialModel,
    Phase,
    Player,
    batched,
    by_averages,
    check_whole,
    distribution,
)
from keras_gen.core.arguments import Count, Share, Widths
from keras_gen.models.boltzmann.base import GibbsSampling
from keras_gen.models.boltzmann.layers import RestrictedBoltzmann

SCORE_DRAWS = 20  # of the hidden states that the bound is a mean over


@keras.saving.register_keras_serializable("keras_gen")
class DeepBeliefNetwork(GibbsSampling, AdversarialModel):
    """A stack of restricted Boltzmann machines: one at the top, and below it layers that generate downwards.

    `p(x, h_1, ..., h_L) = p(x | h_1) p(h_1 | h_2) ... p(h_{L-1}, h_L)`, where the last factor is an RBM.

    One `fit` trains the layers one after the other, as RBMs on the hidden probabilities of the layer below. Each layer
    gets an equal number of the epochs; if there are fewer epochs than layers, all are trained together. Another `fit`
    starts again with the first layer, and with generative weights equal to the recognition weights.

    With `fine_tuning`, the last share of the epochs trains the whole network by the up-down algorithm:

    - States sampled in a pass up train the generative weights: `-log p(x | h_1) - ... - log p(h_{L-2} | h_{L-1})`.
    - The top RBM is trained by contrastive divergence.
    - States sampled in a pass down, after `gibbs_steps` of the top RBM that begin at the data, train the recognition
      weights: `-log q(h_1 | x) - ... - log q(h_{L-1} | h_{L-2})`.

    Each layer and the fine-tuning have their own optimizer: `layer_1_optimizer`, ..., `up_down_optimizer`.

    Reported: `layer_1_loss` (see `RBM`), ..., `up_down_loss`, each 0 while another is trained; and
    `reconstruction_loss`, the squared error of the means after a pass up and a pass down.

    Args:
        hidden_units: of the layers, from the data upwards.
        gibbs_steps: k of CD-k in each layer.
        persistent: whether each layer keeps its chains from step to step; see `RBM`.
        num_chains: how many persistent chains each layer has.
        fine_tuning: share of the epochs for the up-down algorithm, below 1.
        weight_decay: lambda of each layer.
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        (B, *data_shape) -> `encode` probabilities of the top (B, hidden_units[-1]) -> `decode` (B, *data_shape).

    Score unit:
        A lower bound of log p(x) + log Z, nats per image, where Z is that of the top RBM.

    Reference:
        Hinton, Osindero and Teh 2006, "A fast learning algorithm for deep belief nets", appendix B; the bound:
        Salakhutdinov and Murray 2008, "On the quantitative analysis of deep belief networks", section 5.

    Example:
        >>> model = kg.DeepBeliefNetwork(data_shape=(8, 8, 1), hidden_units=(32, 32))
        >>> model.compile()
        >>> history = model.fit(kg.data.load("digits"), epochs=4, verbose=0)
        >>> model.sample(9, seed=1, steps=100).shape
        (9, 8, 8, 1)
    """

    watched = ("reconstruction_loss",)
    weight_decay = Adjustable(minimum=0)
    likelihood = "bernoulli"
    evaluates_frozen = False
    own_rate = 0.05

    def __init__(
        self,
        data_shape: tuple[int, ...],
        hidden_units: Widths = (500, 500, 2000),
        gibbs_steps: Count = 1,
        persistent: bool = False,
        num_chains: Count = 100,
        fine_tuning: Share = 0.0,
        weight_decay: float = 0.0,
        seed: int = 0,
        **kwargs,
    ):
        names = [*(f"layer_{i + 1}" for i in range(len(hidden_units))), *(["up_down"] if fine_tuning else [])]
        self.reported = (*type(self).reported, *(f"{name}_loss" for name in names))
        super().__init__(data_shape, seed=seed, **kwargs)

        # === Config ===
        self.hidden_units = hidden_units
        self.gibbs_steps = gibbs_steps
        self.persistent = persistent
        self.num_chains = num_chains
        self.fine_tuning = fine_tuning
        self.weight_decay = weight_decay

        # === Layers ===
        sizes = (int(np.prod(self.data_shape)), *hidden_units)
        self.machines = [
            RestrictedBoltzmann(
                units, None, gibbs_steps, num_chains if persistent else None, seed + i, name=f"layer_{i + 1}"
            )
            for i, units in enumerate(hidden_units)
        ]
        # The way down from below the top: as the machines have it, until the up-down algorithm parts the two.
        self.generators = [
            keras.layers.Dense(size, "sigmoid", dtype="float32", name=f"down_{i + 1}")
            for i, size in enumerate(sizes[:-2])
        ]
        for layer, size in zip([*self.machines, *self.generators], [*sizes[:-1], *sizes[1:-1]], strict=True):
            layer.build((None, size))
        self._tie(range(len(self.generators)))
        self.built = True

    @property
    def latent_dim(self) -> int:
        """Size of the code: the units of the top."""
        return self.hidden_units[-1]

    @property
    def machine(self) -> boltzmann.Machine:
        """The `boltzmann.Machine` of the top, whose log Z is that of the whole."""
        return self.machines[-1].machine

    # === Phases ===

    @property
    def players(self) -> tuple[Player, ...]:
        found = [
            Player(f"layer_{i + 1}", (machine,), uses_generated=False, learning_rate=self.own_rate)
            for i, machine in enumerate(self.machines)
        ]
        if self.fine_tuning:
            everything = (*self.machines, *self.generators)
            found.append(Player("up_down", everything, uses_generated=False, learning_rate=self.own_rate / 10))
        return tuple(found)

    @property
    def _layer_names(self):
        return tuple(machine.name for machine in self.machines)

    @property
    def first_phase(self) -> Phase:  # type: ignore[override]  # a hook: a value or a property
        return Phase("layers", self._layer_names)

    def default_optimizers(self, learning_rate=None, decay_steps=None) -> dict:
        """SGD for each, as `RBM`, over the steps of its turn."""
        scale = (learning_rate or self.own_rate) / self.own_rate
        optimizers = {}
        for player in self.players:
            share = (
                (1 - self.fine_tuning) / len(self.machines) if player.name in self._layer_names else self.fine_tuning
            )
            rate = self.learning_rate_schedule(
                scale * player.learning_rate, decay_steps and max(1, round(share * decay_steps))
            )
            optimizers[player.optimizer_name] = keras.optimizers.SGD(rate, momentum=self.momentum)
        return optimizers

    def phases(self, epochs) -> tuple[Phase, ...]:
        """The epochs are shared by the layers, from the data upwards, and the fine-tuning."""
        alone = epochs - round(self.fine_tuning * epochs)
        ends = np.cumsum([len(part) for part in np.array_split(np.arange(alone), len(self.machines))])
        found = [Phase(name, (name,), until_epoch=end) for name, end in zip(self._layer_names, ends, strict=True)]
        if alone < len(self.machines):
            found = [dataclasses.replace(self.first_phase, until_epoch=alone)]
        return (*found, *([Phase("up_down", ("up_down",), until_epoch=epochs)] if self.fine_tuning else []))

    # === What each minimises ===

    def terms_of(self, player, x, y, fakes, training: bool) -> dict:
        v, seen = self._flat(x), {}
        if training or player.name == self.players[0].name:
            seen["reconstruction_loss"] = losses.squared_error(v, self._down(self._up(v)))
        if player.name == "up_down":
            return {"up_down": self._up_down(v, training) + sum(map(self._decay, self.machines)), **seen}
        i = self._layer_names.index(player.name)
        for machine in self.machines[:i]:
            v = tf.stop_gradient(machine(v))
        machine = self.machines[i]
        contrast = machine.contrast(v, self.key(player.name, training), training)
        return {"contrast": contrast + self._decay(machine), **seen}

    def _decay(self, machine):
        return self.weight_decay / 2 * ops.sum(ops.square(machine.kernel))

    def _up_down(self, v, training):
        """The sum of what wakes, dreams and the top teach. (B, D) -> (B,)."""
        key = self.key("up_down", training)

        def drawn(mean, purpose):
            return tf.stop_gradient(boltzmann.draw(mean, tf.random.experimental.stateless_fold_in(key, purpose)))

        up = [v]
        for i, machine in enumerate(self.machines[:-1]):
            up.append(drawn(machine(up[-1]), 2 * i))
        waking = sum(losses.bernoulli(below, g(h)) for below, h, g in zip(up, up[1:], self.generators, strict=False))
        top = self.machines[-1]
        contrast = top.contrast(up[-1], self.key("up_down top", training), training)
        dream = [tf.stop_gradient(top.machine.gibbs(up[-1], self.gibbs_steps, self.key("dream", training)))]
        for i, generator in reversed(list(enumerate(self.generators))):
            dream.insert(0, drawn(generator(dream[0]), 2 * i + 1))
        dreaming = sum(
            losses.bernoulli(above, machine(below))
            for below, above, machine in zip(dream, dream[1:], self.machines, strict=False)
        )
        return waking + contrast + dreaming

    def on_step_end(self) -> None:
        """The way down is the way up, as long as a layer is trained by itself."""
        moving = [i for i, machine in enumerate(self.machines[:-1]) if machine.name in self.active_players]
        self._tie(moving)

    def _tie(self, which):
        for i in which:
            self.generators[i].kernel.assign(ops.transpose(self.machines[i].kernel))
            self.generators[i].bias.assign(self.machines[i].visible_bias)

    # === Abilities ===

    def _up(self, v):
        for machine in self.machines:
            v = machine(v)
        return v

    def _down(self, h):
        v = self.machine.visible_mean(h)
        for generator in reversed(self.generators):
            v = generator(v)
        return v

    def up(self, x) -> tf.Tensor:
        return self._up(self._flat(x))

    def down(self, z) -> tf.Tensor:
        return ops.reshape(self._down(z), (-1, *self.data_shape))

    def call(self, x, training: bool = False) -> tf.Tensor:
        self.check_shape(x)
        return self.down(self.up(x))

    @batched
    def encode(self, x) -> np.ndarray:
        """Probabilities of the top layer after a pass up. (B, *data_shape) -> (B, hidden_units[-1])."""
        self.check_shape(x)
        return self.up(x)

    @batched(images=True)
    def decode(self, z) -> np.ndarray:
        """Means after a pass down. (B, hidden_units[-1]) -> (B, *data_shape)."""
        return self.down(z)

    @batched
    def score(self, x) -> np.ndarray:
        """`E_q[log p(x | h_1) + ... - F_top(h_{L-1}) - log q(h_1, ... | x)]`, a mean over draws of the way up."""
        self.check_shape(x)
        v = self._flat(x)
        total: Any = 0.0
        for draw in range(SCORE_DRAWS):
            below, bound = v, 0.0
            for i, (machine, generator) in enumerate(zip(self.machines, self.generators, strict=False)):
                mean = machine(below)
                # One set of numbers for all images, so that no image's score depends on its neighbours.
                with tf.init_scope():  # constants of a graph, which every format of `export` can hold
                    key = distribution.noise_key(self.seed, draw, f"score {i}")
                    shares = np.asarray(distribution.uniform((1, mean.shape[-1]), key))
                above = tf.cast(shares < mean, tf.float32)
                bound += losses.bernoulli(above, mean) - losses.bernoulli(below, generator(above))
                below = above
            total += bound - self.machine.free_energy(below)
        return total / SCORE_DRAWS

    @by_averages
    def as_classifier(self, num_classes) -> keras.Model:
        """The way up with a softmax on top, copied, to be fine-tuned on labels; see `Autoencoder.as_classifier`."""
        check_whole(2, num_classes=num_classes)
        weights = [machine.recognition for machine in self.machines]
        return networks.sigmoid_classifier(self.data_shape, weights, num_classes)

    def means(self, states, seed) -> tf.Tensor:
        """Means of the data after a pass down, drawn, from below the top. (n, units) -> (n, D)."""
        for i, generator in reversed(list(enumerate(self.generators))):
            mean = generator(states)
            states = boltzmann.draw(mean, distribution.noise_key(seed, i, "down")) if i else mean
        return states
