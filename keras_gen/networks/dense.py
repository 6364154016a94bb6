"""Fully connected bodies, for vectors and small images."""

import math
from collections.abc import Sequence

import keras
from keras import layers

from keras_gen.core.arguments import widths
from keras_gen.layers import TiedDense


def dense_encoder(
    data_shape: tuple[int, ...], hidden: Sequence[int] = (512, 256), activation: str = "relu"
) -> keras.Model:
    """Flattens and applies dense layers, or none. data_shape -> (hidden[-1],)."""
    data = keras.Input(data_shape, name="data")
    x = layers.Flatten(name="flatten")(data) if len(data_shape) > 1 else data
    for i, units in enumerate(widths(0).check("hidden", hidden)):
        x = layers.Dense(units, activation, name=f"dense_{i}")(x)
    return keras.Model(data, x, name="dense_encoder")


def dense_decoder(
    latent_dim: int,
    data_shape: tuple[int, ...] | None = None,
    hidden: Sequence[int] = (256, 512),
    activation: str = "relu",
) -> keras.Model:
    """Dense layers from codes to features, or none. (latent_dim,) -> (hidden[-1],). `data_shape` plays no part."""
    code = x = keras.Input((latent_dim,), name="code")
    for i, units in enumerate(widths(0).check("hidden", hidden)):
        x = layers.Dense(units, activation, name=f"dense_{i}")(x)
    return keras.Model(code, x, name="dense_decoder")


def shallow_encoder(data_shape: tuple[int, ...]) -> keras.Model:
    """No hidden layer: the code is a layer of the pixels themselves. data_shape -> (D,)."""
    return dense_encoder(data_shape, hidden=())


def shallow_decoder(latent_dim: int, data_shape: tuple[int, ...] | None = None) -> keras.Model:
    """No hidden layer: the image is a layer of the code itself. (latent_dim,) -> (latent_dim,)."""
    return dense_decoder(latent_dim, data_shape, hidden=())


def tied_decoder(encoder: keras.Model, code, data_shape: tuple[int, ...], activation: str) -> keras.Model:
    """The mirror of dense layers with their kernels transposed and biases of its own. (latent_dim,) -> data_shape.

    `tie_weights` ties it to its encoder, again after loading.

    Args:
        encoder: body of dense layers.
        code: the `Dense` layer that makes the code.
        data_shape: (H, W, C) or (D,).
        activation: of the output.
    """
    inputs = x = keras.Input((code.units,), name="code")
    dense = dense_layers(encoder)
    for i, layer in reversed(list(enumerate(dense))):
        x = TiedDense(layer.units, keras.activations.serialize(layer.activation), name=f"tied_{i}")(x)
    x = TiedDense(math.prod(data_shape), dtype="float32", name="tied_to_data")(x)
    x = layers.Reshape(data_shape, dtype="float32", name="reshape")(x)
    x = layers.Activation(activation, dtype="float32", name="image")(x)
    return keras.Model(inputs, x, name="tied_decoder")


def tie_weights(decoder: keras.Model, encoder: keras.Model, code) -> None:
    """Ties the `TiedDense` layers of a decoder, if it has any, to the dense layers that they mirror."""
    tied = [layer for layer in decoder.layers if isinstance(layer, TiedDense)]
    if not tied:
        return
    mirrored = [code, *reversed(dense_layers(encoder))]
    if len(tied) != len(mirrored):
        raise ValueError(
            f"Tied weights need equal shapes: a decoder of {len(mirrored)} layers for this encoder and its code. "
            f"Received: {decoder.name} with {len(tied)} tied layers"
        )
    for layer, dense in zip(tied, mirrored, strict=True):
        layer.tie(dense)


def is_shallow(encoder: keras.Model) -> bool:
    """Whether an encoder only flattens."""
    return all(isinstance(layer, layers.InputLayer | layers.Flatten) for layer in encoder.layers)


def dense_layers(encoder: keras.Model) -> list:
    """The dense layers of an encoder made of nothing else.

    Raises:
        ValueError: if it has layers of another kind.
    """
    dense = [layer for layer in encoder.layers if isinstance(layer, layers.Dense)]
    for layer in encoder.layers:
        if not isinstance(layer, layers.InputLayer | layers.Flatten | layers.Dense):
            raise ValueError(
                f"Tied weights take an encoder of dense layers only. Received: {encoder.name} with the layer "
                f"{layer.name} ({type(layer).__name__})"
            )
    return dense
