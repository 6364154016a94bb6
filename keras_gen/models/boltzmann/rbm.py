"""The restricted Boltzmann machine.

Longer than other models: half of it is documentation, for binary and gaussian units and two ways to train.
"""

import dataclasses
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen import boltzmann, losses, networks
from keras_gen.core import (
    Adjustable,
    DataSpec,
    GenerativeModel,
    batched,
    by_averages,
    check_whole,
    checked,
    distribution,
)
from keras_gen.core.arguments import Count, Positive, Seed
from keras_gen.models.boltzmann.base import GibbsSampling
from keras_gen.models.boltzmann.layers import RestrictedBoltzmann

WATCHED = 16  # images of a batch that are used for what is only reported: of all, it would cost too much time


@keras.saving.register_keras_serializable("keras_gen")
class RBM(GibbsSampling, GenerativeModel):
    """Restricted Boltzmann machine: binary hidden units that explain the data together, `p(v) = exp(-F(v)) / Z`.

    With `F(v) = -b.v - sum_j log(1 + exp(c_j + v W_j))` it minimises

        mean_b F(v_b) - mean_c F(v'_c) + weight_decay / 2 * |W|^2 + beta * sum_j KL(rho || mean activation of j)

    where v' are samples of the model, taken as constants. If v' are from p, the gradient is that of -log p(v).

    - Contrastive divergence: v' comes from the data v by `gibbs_steps` steps of h from p(h | v), v from p(v | h).
    - Persistent contrastive divergence: v' are the states of `num_chains` chains that are never started again. They are
      saved with the model; each of several devices moves a part of them.

    For binary units, values between 0 and 1 count as probabilities. For "gaussian" units with standard deviation sigma,
    the term `-b.v` of F becomes `|v - b|^2 / (2 sigma^2)`, and v in the other term becomes v / sigma.

    Reported: `loss`, which is 0 where samples are as likely as data, and says nothing about the likelihood;
    `reconstruction_loss`, the squared error of the visible means given the hidden means; and, for binary units,
    `pseudo_likelihood`, `D log p(v_i | v without i)` with one i drawn for each image, nats. In training, the last two
    are those of the first 16 images of each batch.

    Args:
        hidden_units: how many, H.
        gibbs_steps: k of CD-k; of persistent chains, the steps between two updates of the weights.
        persistent: whether the chains are kept from step to step.
        num_chains: how many persistent chains there are, on all devices together.
        likelihood: "bernoulli" for binary visible units, "gaussian" for images or vectors of any value.
        sigma: standard deviation of gaussian units.
        rho: target for the mean activation of each hidden unit, between 0 and 1; None for no target.
        beta: weight of the penalty for missing rho.
        weight_decay: lambda.
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        (B, *data_shape) -> `call` F, (B,); `encode` hidden probabilities (B, H); `decode` visible means of hidden
        states (B, *data_shape).

    Score unit:
        -F(x) = log p(x) + log Z, nats per image. Log Z is the same for all images.

    Reference:
        Hinton 2002, "Training products of experts by minimizing contrastive divergence"; Tieleman 2008, "Training
        restricted Boltzmann machines using approximations to the likelihood gradient"; rho: Hinton 2010, "A practical
        guide to training restricted Boltzmann machines", section 11.

    Example:
        >>> model = kg.RBM(data_shape=(8, 8, 1), hidden_units=32, persistent=True)
        >>> model.compile()
        >>> history = model.fit(kg.data.load("digits"), epochs=5, verbose=0)
        >>> model.sample(9, seed=1).shape
        (9, 8, 8, 1)
    """

    watched = ("reconstruction_loss", "pseudo_likelihood", "mean_activation")
    rho = Adjustable(between=(0, 1), optional=True)
    beta = Adjustable(minimum=0)
    weight_decay = Adjustable(minimum=0)
    learning_rate = 0.05

    def __init__(
        self,
        data_shape: tuple[int, ...],
        hidden_units: Count = 500,
        gibbs_steps: Count = 1,
        persistent: bool = False,
        num_chains: Count = 100,
        likelihood: Literal["bernoulli", "gaussian"] = "bernoulli",
        sigma: Positive = 1.0,
        rho: float | None = None,
        beta: float = 1.0,
        weight_decay: float = 0.0,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(data_shape, seed=seed, **kwargs)

        # === Config ===
        self.hidden_units = hidden_units
        self.gibbs_steps = gibbs_steps
        self.persistent = persistent
        self.num_chains = num_chains
        self.likelihood = likelihood
        self.sigma = sigma
        self.rho = rho
        self.beta = beta
        self.weight_decay = weight_decay

        # === Layers ===
        self.units = RestrictedBoltzmann(
            hidden_units,
            None if likelihood == "bernoulli" else sigma,
            gibbs_steps,
            num_chains if persistent else None,
            seed,
            name="units",
        )
        self.units.build((None, int(np.prod(self.data_shape))))
        if self._is_binary:
            self.pseudo_likelihood = keras.metrics.Mean(name="pseudo_likelihood")
        if rho is not None:
            self.mean_activation = keras.metrics.Mean(name="mean_activation")
        self.built = True

    @property
    def _is_binary(self):
        return self.likelihood == "bernoulli"

    @property
    def latent_dim(self) -> int:
        """Size of the code: the hidden units."""
        return self.hidden_units

    @property
    def machine(self) -> boltzmann.Machine:
        """The `boltzmann.Machine` of the weights as they are now."""
        return self.units.machine

    def default_optimizers(self, learning_rate=None, decay_steps=None) -> dict:
        """SGD; slower for gaussian units with a small sigma, whose energy has a curvature of 1 / sigma^2."""
        scale = 1.0 if self._is_binary else min(1.0, self.sigma**2)
        return super().default_optimizers(scale * (learning_rate or self.learning_rate), decay_steps)

    # === Training ===

    def call(self, x, training: bool = False) -> tf.Tensor:
        self.check_shape(x)
        return self.machine.free_energy(self._flat(x))

    def check_setting(self, name, value) -> None:
        if name == "rho" and (value is None) != (self.setting("rho") is None):
            raise ValueError(
                "Whether there is a `rho` is settled at construction: a number must stay a number, and None must stay "
                f"None. Received: rho={value}"
            )

    def term_weights(self, training: bool) -> dict:
        return {"weight_decay": self.weight_decay, "sparsity": self.beta}

    def terms(self, x, y, training: bool) -> dict:
        machine, v = self.machine, self._flat(x)
        terms = {"contrast": self.units.contrast(v, self.key("chains", training), training)}
        if self.setting("weight_decay"):
            terms["weight_decay"] = distribution.for_each(ops.sum(ops.square(machine.kernel)) / 2, v)
        if self.setting("rho") is not None:
            hidden = machine.hidden_mean(v)
            divergence = ops.sum(losses.bernoulli_kl(self.rho, distribution.global_mean(hidden)))
            terms["sparsity"] = distribution.for_each(divergence, v)
            terms["mean_activation"] = ops.mean(hidden, axis=-1)
        return {**terms, **self._seen(machine, v[:WATCHED] if training else v, self.key("pixel", training))}

    def _seen(self, machine, v, key):
        """What is only reported, of some images."""
        seen = {"reconstruction_loss": losses.squared_error(v, machine.visible_mean(machine.hidden_mean(v)))}
        if self._is_binary:
            seen["pseudo_likelihood"] = self._pseudo_likelihood(machine, v, key)
        return seen

    def _pseudo_likelihood(self, machine, v, key):
        """`D log p(v_i | v without i)` for one pixel i of each image. (B, D) -> (B,)."""
        size = v.shape[-1]
        pixel = tf.cast(distribution.uniform(tf.shape(v)[:1], key) * size, tf.int32)
        value = tf.gather(v, pixel, axis=1, batch_dims=1)
        kernel = tf.gather(machine.kernel, pixel)
        off = machine.hidden_logits(v) - value[:, None] * kernel  # as if the pixel were 0
        log_odds = tf.gather(machine.visible_bias, pixel) + tf.reduce_sum(
            tf.nn.softplus(off + kernel) - tf.nn.softplus(off), axis=-1
        )
        return -size * tf.nn.sigmoid_cross_entropy_with_logits(labels=value, logits=log_odds)

    def _images(self, v):
        x = ops.reshape(v, (-1, *self.data_shape))
        return ops.clip(x, 0.0, 1.0) if self.bounded else x

    # === Abilities ===

    @batched
    def free_energy(self, x) -> np.ndarray:
        """F(x), nats. (B, *data_shape) -> (B,)."""
        return self(x)

    @batched
    def score(self, x) -> np.ndarray:
        return -self(x)

    @by_averages
    def base_rates(self, x) -> dict:
        x, _ = self.in_memory(x)
        return {} if self.machine.sigma else {"visible_bias": np.mean(self._flat(x), axis=0)}

    @batched
    def encode(self, x) -> np.ndarray:
        """p(h = 1 | x). (B, *data_shape) -> (B, H)."""
        self.check_shape(x)
        return self.up(x)

    @batched(images=True)
    def decode(self, z) -> np.ndarray:
        """Visible means given hidden states, or given their means. (B, H) -> (B, *data_shape)."""
        return self.down(z)

    def up(self, x) -> tf.Tensor:
        return self.machine.hidden_mean(self._flat(x))

    def down(self, z) -> tf.Tensor:
        return self._images(self.machine.visible_mean(z))

    def spec_of(self, ability: str) -> DataSpec:
        spec = super().spec_of(ability)
        # The ends of Gaussian chains, where others may begin, may be any.
        return dataclasses.replace(spec, bounded=self._is_binary) if ability == "gibbs" else spec

    @by_averages
    @checked
    def gibbs(self, x, steps: Count = 1, seed: Seed = 0) -> np.ndarray:
        """States after some steps of Gibbs chains that begin at x. (B, *data_shape) -> the same.

        Of binary units zeros and ones; of gaussian ones any values, which may be given as x again.

        Args:
            x: array where the chains begin, all at once.
            steps: of h from p(h | v), v from p(v | h).
            seed: of the draws.
        """
        x, _ = self.in_memory(x, ability="gibbs")
        states = self.walk(self._flat(x), steps, distribution.noise_key(seed, 0, "gibbs"))
        return np.asarray(states).reshape(-1, *self.data_shape)

    @by_averages
    def as_classifier(self, num_classes) -> keras.Model:
        """The hidden units with a softmax on top, copied, to be fine-tuned; see `Autoencoder.as_classifier`."""
        check_whole(2, num_classes=num_classes)
        return networks.sigmoid_classifier(self.data_shape, [self.units.recognition], num_classes)

    def means(self, states, seed) -> tf.Tensor:
        """Means of the data, given hidden units that are drawn given the states. (n, D) -> (n, D)."""
        h = self.machine.draw_hidden(states, distribution.noise_key(seed, 1, "sample"))
        return self.machine.visible_mean(h)
