"""Convolutional bodies for series of any length: each stage halves or doubles the number of steps, rounding up."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_gen.networks import conv

FILTERS = (32, 64, 128, 128, 128, 128)  # from the series inwards
KERNEL = 5


def stages(data_shape: tuple[int, ...], filters: Sequence[int]) -> list[int]:
    """Lengths after each halving, until it is 4 to 7 steps: [T, T/2, ...]; see `conv.stages`."""
    return [steps for steps, _ in conv.stages((data_shape[0], 1, data_shape[1]), filters)]


def conv1d_encoder(
    data_shape: tuple[int, ...], filters: Sequence[int] = FILTERS, features: int = 128, activation: str = "silu"
) -> keras.Model:
    """Strided convolutions over time, then one dense layer. (T, F) -> (features,).

    Args:
        data_shape: (T, F), of any length.
        filters: of the convolutions, from the series inwards; a short series takes the first ones only.
        features: units of the dense layer.
        activation: of every layer.
    """
    data = x = keras.Input(data_shape, name="data")
    for i in range(len(stages(data_shape, filters)) - 1):
        x = layers.Conv1D(filters[i], KERNEL, 2, padding="same", activation=activation, name=f"conv_{i}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(features, activation, name="dense")(x)
    return keras.Model(data, x, name="conv1d_encoder")


def conv1d_decoder(
    latent_dim: int,
    data_shape: tuple[int, ...],
    filters: Sequence[int] = FILTERS,
    features: int = 128,
    activation: str = "silu",
) -> keras.Model:
    """The mirror of `conv1d_encoder`, by repeated steps and convolutions. (latent_dim,) -> (T, filters[0] / 2).

    Args:
        latent_dim: size of the code.
        data_shape: (T, F), of any length.
        filters: as of `conv1d_encoder`.
        features: units of the dense layer that is given the code.
        activation: of every layer.
    """
    lengths = stages(data_shape, filters)
    used = (max(1, filters[0] // 2), *filters)
    code = x = keras.Input((latent_dim,), name="code")
    x = layers.Dense(features, activation, name="dense")(x)
    bottom = (lengths[-1], used[len(lengths) - 1])
    x = layers.Dense(bottom[0] * bottom[1], activation, name="to_bottom")(x)
    x = layers.Reshape(bottom, name="reshape")(x)
    for i in reversed(range(len(lengths) - 1)):
        x = layers.UpSampling1D(2, name=f"double_{i}")(x)
        if 2 * lengths[i + 1] > lengths[i]:
            x = layers.Cropping1D((0, 1), name=f"crop_{i}")(x)
        x = layers.Conv1D(used[i], KERNEL, padding="same", activation=activation, name=f"conv_{i}")(x)
    x = layers.Identity(name="features")(x)  # and no series, whatever its shape: see `image_head`
    return keras.Model(code, x, name="conv1d_decoder")
