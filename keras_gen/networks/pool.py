"""Pooling bodies: max pooling whose switches drive the unpooling of a mirrored decoder."""

import itertools
import math
from collections.abc import Sequence

import keras
from keras import layers, ops

from keras_gen.layers import WINDOW, SwitchPooling, Unpooling
from keras_gen.networks.conv import stages, strides


def pool_encoder(
    data_shape: tuple[int, ...], filters: Sequence[int] = (32, 64), features: int = 256, activation: str = "relu"
) -> keras.Model:
    """3x3 convolutions, each followed by 2x2 max pooling, then one dense layer. (H, W, C) -> (features,).

    A decoder may take its switches (`pool_decoder`) or not (`conv_decoder`, by transposed convolution).
    """
    images = x = keras.Input(data_shape, name="data")
    for i in range(len(_sizes(data_shape, filters)) - 1):
        x = layers.Conv2D(filters[i], 3, padding="same", activation=activation, name=f"conv_{i}")(x)
        x, _ = SwitchPooling(name=f"pool_{i}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(features, activation, name="dense")(x)
    return keras.Model(images, x, name="pool_encoder")


def pool_decoder(
    latent_dim: int, data_shape: tuple[int, ...], filters: Sequence[int] = (32, 64), activation: str = "relu"
) -> keras.Model:
    """The mirror of `pool_encoder`: unpooling by its switches, then convolution.

    [(latent_dim,), switches of the first pooling, of the second, ...] -> (H, W, filters[0]).
    """
    sizes = _sizes(data_shape, filters)
    used = filters[: len(sizes) - 1] or filters[:1]
    code = keras.Input((latent_dim,), name="code")
    switches = [
        keras.Input((*sizes[i + 1], WINDOW * WINDOW, used[i]), name=f"switches_{i}") for i in range(len(sizes) - 1)
    ]
    height, width = sizes[-1]
    x = layers.Dense(height * width * used[-1], activation, name="dense")(code)
    x = layers.Reshape((height, width, used[-1]), name="reshape")(x)
    for i in reversed(range(len(sizes) - 1)):
        x = Unpooling(sizes[i], name=f"unpool_{i}")([x, switches[i]])
        x = layers.Conv2D(used[max(0, i - 1)], 3, padding="same", activation=activation, name=f"conv_{i}")(x)
    x = layers.Identity(name="features")(x)  # and no image, whatever its shape: see `image_head`
    return keras.Model([code, *switches], x, name="pool_decoder")


def switch_shapes(encoder) -> list[tuple]:
    """Shapes of the switches of an encoder's poolings, first to last, without the batch; none if it has none."""
    return [tuple(tensor.shape[1:]) for tensor in _switches(encoder)]


def with_switches(encoder: keras.Model) -> keras.Model:
    """A model of the encoder's own layers that gives [features, switches of the first pooling, of the second, ...]."""
    return keras.Model(encoder.inputs, [encoder.output, *_switches(encoder)], name=f"{encoder.name}_with_switches")


def even_switches(decoder, z) -> list:
    """Switches for codes alone: a quarter for each place, their mean if each is as likely. -> list of (B, ...)."""
    share = ops.full_like(z[:, :1], 1 / WINDOW**2)  # by z, for a symbolic tensor does not know its batch

    def even(shape):
        return ops.reshape(ops.repeat(share, math.prod(shape), axis=1), (-1, *shape))

    return [even(switches.shape[1:]) for switches in decoder.inputs[1:]]


def _switches(encoder):
    return [layer.output[1] for layer in encoder.layers if isinstance(layer, SwitchPooling)]


def _sizes(data_shape, filters):
    """Those of `stages`, as long as both sides are halved."""
    sizes = stages(data_shape, filters)
    return sizes[:1] + [small for large, small in itertools.pairwise(sizes) if strides(large, small) == (2, 2)]
