"""Recurrent bodies, for series: a gated recurrent unit (GRU, Cho et al. 2014) reads them step by step, or writes them.

An encoder and a decoder of this kind make up the sequence autoencoder of Srivastava et al. 2015, "Unsupervised learning
of video representations using LSTMs", with a decoder that is not given the step before.
"""

from collections.abc import Sequence

import keras
from keras import layers

from keras_gen.core.arguments import widths


def recurrent_encoder(data_shape: tuple[int, ...], hidden: Sequence[int] = (128,)) -> keras.Model:
    """GRUs, one upon the other; the last state of the last one has seen every step. (T, F) -> (hidden[-1],).

    Args:
        data_shape: (T, F).
        hidden: units of each.
    """
    data = x = keras.Input(data_shape, name="data")
    for i, units in enumerate(widths(1).check("hidden", hidden)):
        x = layers.GRU(units, return_sequences=i < len(hidden) - 1, name=f"gru_{i}")(x)
    return keras.Model(data, x, name="recurrent_encoder")


def recurrent_decoder(latent_dim: int, data_shape: tuple[int, ...], hidden: Sequence[int] = (128,)) -> keras.Model:
    """GRUs that are given the code at each step. (latent_dim,) -> (T, hidden[0]).

    Args:
        latent_dim: size of the code.
        data_shape: (T, F).
        hidden: units of each, from the data inwards.
    """
    code = keras.Input((latent_dim,), name="code")
    x = layers.RepeatVector(data_shape[0], name="repeat")(code)
    for i, units in reversed(list(enumerate(widths(1).check("hidden", hidden)))):
        x = layers.GRU(units, return_sequences=True, name=f"gru_{i}")(x)
    x = layers.Identity(name="features")(x)  # and no series, whatever its shape: see `image_head`
    return keras.Model(code, x, name="recurrent_decoder")
