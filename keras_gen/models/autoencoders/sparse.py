"""The sparse autoencoder."""

from types import MappingProxyType
from typing import Literal

import keras
import tensorflow as tf
from keras import ops

from keras_gen import losses
from keras_gen.core import Adjustable, distribution, is_probability
from keras_gen.core.arguments import Share
from keras_gen.core.metrics import DeadUnits, UnitMeans
from keras_gen.models.autoencoders.base import BaseAutoencoder


@keras.saving.register_keras_serializable("keras_gen")
class SparseAutoencoder(BaseAutoencoder):
    """Sparse autoencoder: the code may be large, but few units are active at a time.

    Minimises `mean_b l(x_b, x_hat_b) + penalty`, where l is `1/2 |x - x_hat|^2` ("gaussian") or the cross entropy
    ("bernoulli"), and the penalty is

    - "kl": `beta * sum_j KL(rho || rho_hat_j)` with `KL = rho log(rho / rho_hat_j) + (1 - rho) log((1 - rho) /
      (1 - rho_hat_j))`, where rho_hat_j is the mean activation of code unit j over the batch of all devices. What
      reaches each activation of unit j is `beta / B * (-rho / rho_hat_j + (1 - rho) / (1 - rho_hat_j))`.
    - "l1": `mean_b beta * sum_j |h_j|`. It is minus the log of the Laplace prior `p(h_j) = (beta / 2)
      exp(-beta |h_j|)`, `-log p(h) = beta * sum_j |h_j| - latent_dim * log(beta / 2)`, without the constant, which
      no weight moves. `rho` plays no part, and the code is better "relu" or "linear": a sigmoid is never 0.

    Reported: `reconstruction_loss`, `sparsity_loss` (without beta), `mean_activation`, and `dead_units`, the share of
    units that vary by less than 0.01 (standard deviation) over the data. In training rho_hat is
    the mean over each batch; in validation over all of the data, whatever the batches.

    Args:
        rho: target for the mean activation, between 0 and 1.
        beta: weight of the penalty.
        penalty: "kl" or "l1".
        momentum: of a moving average of rho_hat over the batches, for batches too small to tell the mean activation of
            a unit; 0 for the batch alone. The gradient keeps its size: only rho_hat is taken from the average.
        likelihood: "gaussian", for data of any value, for `1/2 |x - x_hat|^2`, "bernoulli" for the cross entropy.
        code_activation: "sigmoid", or another with values in [0, 1] under the penalty "kl".
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        (B, *data_shape) -> code (B, latent_dim) -> (B, *data_shape).

    Score unit:
        Minus the reconstruction term: half the squared error per image for "gaussian", nats per image for "bernoulli".

    Reference:
        Ng 2011, "Sparse autoencoder", CS294A lecture notes, section 3.

    Example:
        >>> model = kg.SparseAutoencoder(data_shape=(8, 8, 1), latent_dim=100, rho=0.05, beta=3.0)
        >>> model.compile(optimizer="adam")
        >>> history = model.fit(kg.data.load("digits"), epochs=5, verbose=0)
        >>> codes = model.encode(kg.data.load("digits", split="test"))
    """

    reported = ("reconstruction_loss", "sparsity_loss")
    watched = ("mean_activation", "dead_units", "unit_means")
    rho = Adjustable(between=(0, 1))
    beta = Adjustable(minimum=0)
    likelihoods = MappingProxyType(
        {"gaussian": lambda *x, **given: 0.5 * losses.squared_error(*x, **given), "bernoulli": losses.bernoulli}
    )

    def __init__(
        self,
        data_shape: tuple[int, ...],
        latent_dim: int = 200,
        rho: float = 0.05,
        beta: float = 3.0,
        penalty: Literal["kl", "l1"] = "kl",
        momentum: Share = 0.0,
        likelihood: Literal["gaussian", "bernoulli"] = "gaussian",
        encoder: str | keras.Model | None = "shallow",
        decoder: str | keras.Model | None = "shallow",
        code_activation: str = "sigmoid",
        **kwargs,
    ):
        super().__init__(
            data_shape,
            latent_dim,
            likelihood=likelihood,
            encoder=encoder,
            decoder=decoder,
            code_activation=code_activation,
            **kwargs,
        )
        if penalty == "kl" and not is_probability(code_activation):
            raise ValueError(
                "The KL penalty compares mean activations with rho as probabilities, so the code must lie in [0, 1]: "
                f"use code_activation='sigmoid', or penalty='l1'. Received: code_activation={code_activation!r}"
            )

        # === Config ===
        self.rho = rho
        self.beta = beta
        self.penalty = penalty
        self.momentum = momentum

        # === Weights ===
        if momentum:
            self.rho_hat = self.add_weight(
                name="rho_hat", shape=(latent_dim,), initializer="zeros", trainable=False, aggregation="mean"
            )
        self.mean_activation = keras.metrics.Mean(name="mean_activation")
        self.dead_units = DeadUnits(latent_dim)
        if penalty == "kl":
            self.unit_means = UnitMeans(latent_dim)

    def term_weights(self, training: bool) -> dict:
        return {"sparsity_loss": self.beta}

    def penalties(self, code, training: bool) -> dict:
        seen = {"mean_activation": ops.mean(code, axis=-1), "dead_units": code}
        if self.penalty == "l1":
            return {"sparsity_loss": ops.sum(ops.abs(code), axis=-1), **seen}
        rho_hat = distribution.global_mean(code)
        if not training:
            seen["unit_means"] = code
        elif self.momentum:
            rho_hat = self._moving_average(rho_hat)
        divergence = ops.sum(losses.bernoulli_kl(self.rho, rho_hat))
        return {"sparsity_loss": distribution.for_each(divergence, code), **seen}

    def get_metrics_result(self) -> dict:
        """Keras' own, with the penalty of an evaluation made from the mean activations over all of it.

        KL is convex: its mean over batches grows as they shrink, and would be a figure of the batch size.
        """
        logs = super().get_metrics_result()
        if self.penalty == "kl":
            logs.pop("unit_means")
            over_all = ops.sum(losses.bernoulli_kl(self.rho, ops.cast(self.unit_means.result(), "float32")))
            surplus = ops.where(self.unit_means.count > 0, logs["sparsity_loss"] - over_all, 0.0)
            logs["sparsity_loss"] -= surplus
            logs["loss"] -= self.beta * surplus
        return logs

    def _moving_average(self, batch_mean):
        """The value of the average with the gradient of the batch's mean. (latent_dim,) -> (latent_dim,)."""
        step = ops.cast(self.step, "float32")
        momentum = ops.minimum(self.momentum, step / (step + 1))  # at first the mean of all batches so far
        average = momentum * self.rho_hat + (1 - momentum) * tf.stop_gradient(batch_mean)
        self.rho_hat.assign(average)
        return batch_mean + tf.stop_gradient(average - batch_mean)
