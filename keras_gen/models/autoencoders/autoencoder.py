"""The autoencoder."""

import keras

from keras_gen.models.autoencoders.base import BaseAutoencoder


@keras.saving.register_keras_serializable("keras_gen")
class Autoencoder(BaseAutoencoder):
    """Autoencoder: learns a small code from which the image can be reconstructed.

    Minimises `mean_b l(x_b, decode(encode(x_b)))`, where l is the cross entropy `-sum_i x_i log m_i +
    (1 - x_i) log(1 - m_i)` in nats per image ("bernoulli") or the squared error `sum_i (x_i - m_i)^2` per image
    ("gaussian", the likelihood of fixed variance without its constants).

    With `encoder="pool", decoder="pool"` the encoder pools, and the decoder puts each value back to where the switch
    of its pooling says (Zeiler et al. 2011): the code says what, the switches say where. `call`, `reconstruct` and
    `score` use both; `decode` knows the code only and spreads each value evenly, so its images are blurred.

    Args:
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        (B, *data_shape) -> code (B, latent_dim) -> (B, *data_shape).

    Score unit:
        Minus the reconstruction term: nats per image for "bernoulli", squared error per image for "gaussian".

    Reference:
        Hinton and Salakhutdinov 2006, "Reducing the dimensionality of data with neural networks".

    Example:
        >>> model = kg.Autoencoder(data_shape=(8, 8, 1), latent_dim=16)
        >>> model.compile(optimizer="adam")
        >>> history = model.fit(kg.data.load("digits"), epochs=5, verbose=0)
        >>> codes = model.encode(kg.data.load("digits", split="test"))
    """
