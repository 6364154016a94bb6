"""The contractive autoencoder."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen import layers, losses, networks
from keras_gen.core import Adjustable, distribution
from keras_gen.core.arguments import Count
from keras_gen.models.autoencoders.base import BaseAutoencoder

EVALUATION_DRAWS = 8
DERIVATIVES = {  # of an activation by its input, from its value
    "sigmoid": lambda h: h * (1 - h),
    "tanh": lambda h: 1 - ops.square(h),
    "relu": lambda h: ops.cast(h > 0, "float32"),
    "linear": ops.ones_like,
}


@keras.saving.register_keras_serializable("keras_gen")
class ContractiveAutoencoder(BaseAutoencoder):
    """Contractive autoencoder: a code that hardly moves when the image moves a little.

    Minimises `mean_b l(x_b, x_hat_b) + weight * |J(x_b)|_F^2`, where J is the Jacobian of the code by the data and l
    is the loss of `Autoencoder`.

    For a code without hidden layers (the encoder "shallow", as in the paper), in closed form: `sum_j f'(a_j)^2
    sum_i W_ij^2`, with `f' = h (1 - h)` of the sigmoid. For deeper encoders, by random projections: `E_u |u^T J|^2 =
    |J|_F^2` for any u of independent coordinates of mean 0 and variance 1; here u are signs, whose estimate has the
    least variance. Validation uses the same eight projections for each image. J is the Jacobian of each image alone, so
    the encoder must not normalise over the batch.

    Reported: `reconstruction_loss` and `contractive_loss`, the mean of |J|_F^2, without the weight.

    Args:
        weight: of the penalty.
        num_projections: random projections per image and step, for deeper encoders.
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        (B, *data_shape) -> code (B, latent_dim) -> (B, *data_shape).

    Score unit:
        Minus the reconstruction term: nats per image for "bernoulli", squared error per image for "gaussian".

    Reference:
        Rifai et al. 2011, "Contractive auto-encoders", equations 3 and 4.

    Example:
        >>> model = kg.ContractiveAutoencoder(data_shape=(8, 8, 1), latent_dim=100, weight=0.1)
        >>> model.compile(optimizer="adam")
        >>> history = model.fit(kg.data.load("digits"), epochs=5, verbose=0)
        >>> codes = model.encode(kg.data.load("digits", split="test"))
    """

    reported = ("reconstruction_loss", "contractive_loss")

    weight = Adjustable(minimum=0)

    def __init__(
        self,
        data_shape: tuple[int, ...],
        latent_dim: int = 200,
        weight: float = 0.1,
        num_projections: Count = 1,
        encoder: str | keras.Model | None = "shallow",
        decoder: str | keras.Model | None = "tied",
        code_activation: str = "sigmoid",
        **kwargs,
    ):
        super().__init__(
            data_shape, latent_dim, encoder=encoder, decoder=decoder, code_activation=code_activation, **kwargs
        )

        # === Config ===
        self.weight = weight
        self.num_projections = num_projections

    def term_weights(self, training: bool) -> dict:
        return {"contractive_loss": self.weight}

    def penalties(self, code, training: bool) -> dict:
        return {"contractive_loss": self._closed_form(code)}

    def terms(self, x, y, training: bool) -> dict:
        if self._in_closed_form:
            return super().terms(x, y, training)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            code, switches = self._code_and_switches(x, training)
            projected = [ops.sum(u * code) for u in self._signs(code, training)]
        gradients = [ops.cast(tape.gradient(p, x), "float32") for p in projected]
        norm = sum(losses.sum_per_example(ops.square(gradient)) for gradient in gradients) / len(gradients)
        images = self._image(code, switches, training)
        return {"reconstruction_loss": self.reconstruction_term(x, images), "contractive_loss": norm}

    @property
    def _in_closed_form(self):
        return networks.is_shallow(self.encoder) and self.code_activation in DERIVATIVES

    def _closed_form(self, code):
        """|J|_F^2 of one layer. (B, latent_dim) -> (B,)."""
        derivative = DERIVATIVES[self.code_activation](code)
        return ops.matmul(ops.square(derivative), ops.sum(ops.square(self.code.kernel), axis=0))

    def _signs(self, code, training):
        """The projections: a list of (B or 1, latent_dim), drawn anew in training, the same ones otherwise."""
        if not training:
            return list(
                np.sign(layers.fixed_noise(2 * EVALUATION_DRAWS, self.latent_dim, self.seed)[:EVALUATION_DRAWS])
            )
        key = self.noise_key("projections")
        noise = distribution.normal((self.num_projections, *tf.unstack(tf.shape(code))), key)
        return [ops.sign(noise[k]) for k in range(self.num_projections)]
