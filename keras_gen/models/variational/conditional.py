"""The conditional variational autoencoder."""

import keras
import tensorflow as tf
from keras import ops

from keras_gen.core.arguments import Count, CountOrZero
from keras_gen.models.variational.base import BaseVAE


@keras.saving.register_keras_serializable("keras_gen")
class ConditionalVAE(BaseVAE):
    """Conditional variational autoencoder: the decoder is given the label, and the code holds everything else.

    Minimises `mean_b E_q(z|x,y)[-log p(x|z,y)] + beta * KL(q(z|x,y) || N(0, I))` for images x with labels y: minus the
    ELBO of log p(x|y). Encoder and decoder are both given the label, one-hot, so that the code need not hold it.

    With latent_dim=0 there is no code: a plain generative network from the class alone, whose output is the mean image
    of the class, for that is what minimises the Bernoulli and the Gaussian loss.

    It learns from labels: `fit(images, labels)`, or a dataset of both. `encode`, `decode`, `reconstruct` and `score`
    take them too, `encode(x, labels)`.

    Reported: `reconstruction_loss`, `kl_loss`, and `active_units`, as in `VAE`.

    Args:
        latent_dim: size of the code; 0 for none.
        num_classes: labels are whole numbers from 0 to num_classes - 1.
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        (B, *data_shape), labels (B,) -> mean and log variance (B, latent_dim); with labels -> (B, *data_shape).

    Score unit:
        The bound of log p(x|y) at beta = 1, nats per image.

    Reference:
        Sohn et al. 2015, "Learning structured output representation using deep conditional generative models",
        equation 4, with a prior that does not depend on the label.

    Example:
        >>> model = kg.ConditionalVAE(data_shape=(8, 8, 1), latent_dim=2, num_classes=10)
        >>> model.compile(optimizer="adam")
        >>> history = model.fit(kg.data.load("digits", labels=True), epochs=5, verbose=0)
        >>> sevens = model.sample(16, labels=7, seed=1)
    """

    supervision = "required"

    def __init__(
        self,
        data_shape: tuple[int, ...],
        latent_dim: CountOrZero = 16,
        *,
        num_classes: Count,
        encoder: str | keras.Model | None = None,
        decoder: str | keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(data_shape, latent_dim, **kwargs)
        if latent_dim == 0 and encoder is not None:
            raise ValueError(
                f"With latent_dim=0 there is nothing to encode: `encoder` must be None. Received: encoder={encoder}"
            )
        self.num_classes = num_classes
        self.build_networks(encoder, decoder, num_classes)

    def given(self, labels) -> tf.Tensor:
        if labels is None:
            raise ValueError(
                f"{type(self).__name__} needs the labels: `encode(x, labels)`, or `model((x, labels))`. "
                "Received: no labels"
            )
        return ops.one_hot(labels, self.num_classes, dtype="float32")
