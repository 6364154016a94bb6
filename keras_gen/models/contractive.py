"""The contractive autoencoder."""

import keras
import tensorflow as tf
from keras import ops

from keras_gen import layers, losses, networks
from keras_gen.core import check_at_least, distribution
from keras_gen.models.base import BaseAutoencoder

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
    is as of the autoencoder.

    For a code without hidden layers (the encoder "shallow", as in the paper), in closed form: `sum_j f'(a_j)^2
    sum_i W_ij^2`, with `f' = h (1 - h)` of the sigmoid. For deeper encoders, by random projections: `E_u |u^T J|^2 =
    |J|_F^2` for any u of independent coordinates of mean 0 and variance 1; here u are signs, whose estimate has the
    least variance. In validation the same eight projections for each image.

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

    terms = ("reconstruction_loss", "contractive_loss")

    def __init__(
        self,
        data_shape: tuple[int, ...],
        latent_dim: int = 200,
        weight: float = 0.1,
        num_projections: int = 1,
        encoder: str | keras.Model | None = "shallow",
        decoder: str | keras.Model | None = "tied",
        code_activation: str = "sigmoid",
        **kwargs,
    ):
        super().__init__(
            data_shape, latent_dim, encoder=encoder, decoder=decoder, code_activation=code_activation, **kwargs
        )
        check_at_least(0, weight=weight)
        check_at_least(1, num_projections=num_projections)

        # === Config ===
        self.weight = weight
        self.num_projections = num_projections

    def penalize(self, x, code, training):
        self.add_term("contractive_loss", self.squared_jacobian_norm(x, code, training), self.weight)

    def squared_jacobian_norm(self, x, code, training=False):
        """|J(x)|_F^2, exact in closed form, or estimated. (B, ...), (B, latent_dim) -> (B,)."""
        if networks.is_shallow(self.encoder) and self.code_activation in DERIVATIVES:
            derivative = DERIVATIVES[self.code_activation](code)
            return ops.matmul(ops.square(derivative), ops.sum(ops.square(self.code.kernel), axis=0))
        draws = self.num_projections if training else EVALUATION_DRAWS
        if training:
            noise = distribution.normal((draws, *tf.unstack(tf.shape(code))), self.noise_key("projections"))
        else:
            noise = layers.fixed_noise(2 * draws, self.latent_dim, self.seed)
        return sum(self._projected(x, ops.sign(noise[k]), training) for k in range(draws)) / draws

    def _projected(self, x, u, training):
        """|u^T J|^2. (B, ...), (B or 1, latent_dim) -> (B,)."""
        with tf.GradientTape() as tape:
            tape.watch(x)
            projected = ops.sum(u * self.code(self.encoder(x, training=training)))
        return losses.sum_per_example(ops.square(ops.cast(tape.gradient(projected, x), "float32")))
