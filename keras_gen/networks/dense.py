"""Fully connected bodies, for vectors and small images."""

import keras
from keras import layers


def dense_encoder(data_shape, hidden=(512, 256), activation="relu"):
    """Flattens and applies dense layers. data_shape -> (hidden[-1],)."""
    data = keras.Input(data_shape, name="data")
    x = layers.Flatten(name="flatten")(data) if len(data_shape) > 1 else data
    for i, units in enumerate(hidden):
        x = layers.Dense(units, activation, name=f"dense_{i}")(x)
    return keras.Model(data, x, name="dense_encoder")


def dense_decoder(latent_dim, data_shape=None, hidden=(256, 512), activation="relu"):
    """Dense layers from codes to features. (latent_dim,) -> (hidden[-1],). `data_shape` plays no part."""
    code = x = keras.Input((latent_dim,), name="code")
    for i, units in enumerate(hidden):
        x = layers.Dense(units, activation, name=f"dense_{i}")(x)
    return keras.Model(code, x, name="dense_decoder")
