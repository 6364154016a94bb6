"""Bodies of discrete codes: an encoder body gives a map of features, one place for each code, a decoder body takes one.

Of images the map is a picture of h x w places; of vectors it is a row of groups.
"""

import math
from collections.abc import Sequence

import keras
from keras import layers

from keras_gen.networks.conv import stages, strides, upsampled
from keras_gen.networks.dense import dense_decoder, dense_encoder

FILTERS = (32, 64)  # two halvings: 28 x 28 pixels become 7 x 7 codes
BLOCKS = 2
GROUPS = 8  # codes of a vector


def residual_encoder(
    data_shape: tuple[int, ...], filters: Sequence[int] = FILTERS, blocks: int = BLOCKS, activation: str = "silu"
) -> keras.Model:
    """Strided 3x3 convolutions, then residual blocks. (H, W, C) -> (h, w, filters[-1]).

    Each convolution halves height and width, rounding up; a side of 7 pixels or less stays.

    Args:
        data_shape: (H, W, C), of any size.
        filters: of the convolutions, from the image inwards.
        blocks: how many residual blocks (van den Oord et al. 2017, section 4.1).
        activation: of every layer.
    """
    images = x = keras.Input(data_shape, name="data")
    sizes = stages(data_shape, filters)
    for i in range(len(sizes) - 1):
        steps = strides(sizes[i], sizes[i + 1])
        x = layers.Conv2D(filters[i], 3, strides=steps, padding="same", activation=activation, name=f"conv_{i}")(x)
    x = layers.Conv2D(filters[-1], 3, padding="same", name="to_blocks")(x)
    x = _residual(x, blocks, activation)
    return keras.Model(images, x, name="residual_encoder")


def residual_decoder(
    code_shape: tuple[int, ...],
    data_shape: tuple[int, ...],
    filters: Sequence[int] = FILTERS,
    blocks: int = BLOCKS,
    activation: str = "silu",
) -> keras.Model:
    """The mirror of `residual_encoder`. (h, w, D) -> (H, W, filters[0] / 2).

    Args:
        code_shape: (h, w, D) of the vectors that stand for codes.
        data_shape: (H, W, C), of any size.
        filters: as of `residual_encoder`.
        blocks: how many residual blocks.
        activation: of every layer.
    """
    sizes = stages(data_shape, filters)
    if tuple(code_shape[:2]) != tuple(sizes[-1]):
        raise ValueError(
            f"These filters make {sizes[-1]} places of data_shape={data_shape}: give a decoder for the places of this "
            f"encoder. Received: code_shape={code_shape}, filters={filters}"
        )
    used = (max(1, filters[0] // 2), *filters)
    codes = x = keras.Input(code_shape, name="code")
    x = layers.Conv2D(filters[-1], 3, padding="same", name="to_blocks")(x)
    x = _residual(x, blocks, activation)
    for i in reversed(range(len(sizes) - 1)):
        x = upsampled(x, sizes[i], sizes[i + 1], used[i], f"deconv_{i}", activation=activation)
    x = layers.Identity(name="features")(x)  # and no image, whatever its shape: see `image_head`
    return keras.Model(codes, x, name="residual_decoder")


def _residual(x, blocks, activation):
    """x + conv1(act(conv3(act(x)))), some times, and the activation."""
    filters = x.shape[-1]
    for i in range(blocks):
        y = layers.Activation(activation, name=f"before_block_{i}")(x)
        y = layers.Conv2D(filters, 3, padding="same", activation=activation, name=f"block_{i}")(y)
        x = layers.Add(name=f"sum_{i}")([x, layers.Conv2D(filters, 1, name=f"block_{i}_out")(y)])
    return layers.Activation(activation, name="after_blocks")(x)


def grouped_encoder(
    data_shape: tuple[int, ...],
    hidden: Sequence[int] = (512, 256),
    groups: int = GROUPS,
    features: int = 16,
    activation: str = "relu",
) -> keras.Model:
    """Dense layers, whose last is cut into groups. data_shape -> (groups, features).

    Args:
        data_shape: (H, W, C) or (D,).
        hidden: units of the layers before.
        groups: how many codes there will be.
        features: of each.
        activation: of every layer.
    """
    body = dense_encoder(data_shape, hidden, activation)
    x = layers.Dense(groups * features, activation, name="to_groups")(body.output)
    return keras.Model(body.input, layers.Reshape((groups, features), name="groups")(x), name="grouped_encoder")


def grouped_decoder(
    code_shape: tuple[int, ...],
    data_shape: tuple[int, ...] | None = None,
    hidden: Sequence[int] = (256, 512),
    activation: str = "relu",
) -> keras.Model:
    """Dense layers of all vectors together. code_shape -> (hidden[-1],). `data_shape` plays no part."""
    codes = keras.Input(code_shape, name="code")
    body = dense_decoder(math.prod(code_shape), data_shape, hidden, activation)
    return keras.Model(codes, body(layers.Flatten(name="flatten")(codes)), name="grouped_decoder")
