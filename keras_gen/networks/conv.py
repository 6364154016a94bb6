"""Convolutional bodies for images of any size: each stage halves or doubles height and width, rounding up."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_gen.core.arguments import widths

SMALLEST = 4  # halving stops before a side falls below this


def stages(data_shape: tuple[int, ...], filters: Sequence[int]) -> list:
    """Sizes after each halving, as long as both sides stay at SMALLEST or more: [(H, W), (H/2, W/2), ...].

    Raises:
        ValueError: if these are no images, or no sizes of layers.
    """
    if len(data_shape) != 3:
        raise ValueError(f"Images must be (height, width, channels). Received: data_shape={data_shape}")
    widths(1).check("filters", filters)
    sizes = [tuple(data_shape[:2])]
    for _ in filters:
        height, width = ((side + 1) // 2 for side in sizes[-1])
        if min(height, width) < SMALLEST:
            break
        sizes.append((height, width))
    return sizes


def conv_encoder(
    data_shape: tuple[int, ...], filters: Sequence[int] = (32, 64, 128), features: int = 256, activation: str = "relu"
) -> keras.Model:
    """Strided 3x3 convolutions, then one dense layer. (H, W, C) -> (features,)."""
    images = x = keras.Input(data_shape, name="data")
    for i in range(len(stages(data_shape, filters)) - 1):
        x = layers.Conv2D(filters[i], 3, strides=2, padding="same", activation=activation, name=f"conv_{i}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(features, activation, name="dense")(x)
    return keras.Model(images, x, name="conv_encoder")


def conv_decoder(
    latent_dim: int, data_shape: tuple[int, ...], filters: Sequence[int] = (32, 64, 128), activation: str = "relu"
) -> keras.Model:
    """The mirror of `conv_encoder`. (latent_dim,) -> (H, W, filters[0])."""
    sizes = stages(data_shape, filters)
    used = filters[: max(1, len(sizes) - 1)]
    code = keras.Input((latent_dim,), name="code")
    height, width = sizes[-1]
    x = layers.Dense(height * width * used[-1], activation, name="dense")(code)
    x = layers.Reshape((height, width, used[-1]), name="reshape")(x)
    for i in reversed(range(len(sizes) - 1)):
        height, width = sizes[i]
        x = layers.Conv2DTranspose(
            used[max(0, i - 1)], 4, strides=2, padding="same", activation=activation, name=f"deconv_{i}"
        )(x)
        surplus = (x.shape[1] - height, x.shape[2] - width)  # 1 where the encoder rounded up
        if any(surplus):
            x = layers.Cropping2D(((0, surplus[0]), (0, surplus[1])), name=f"crop_{i}")(x)
    x = layers.Identity(name="features")(x)  # and no image, whatever its shape: see `image_head`
    return keras.Model(code, x, name="conv_decoder")
