"""Convolutional bodies for images of any size: each stage halves or doubles height and width, rounding up.

The layers are plain, with "silu", x times its sigmoid. In pilots of 40 seconds of processors, one seed each and with
"relu", group and layer normalisation and residual blocks gave nothing on MNIST, and normalised networks of photographs
of 64 x 64 pixels did not use their codes; with "relu" plain ones had no colours in that time.
"""

import math
from collections.abc import Sequence

import keras
from keras import layers

from keras_gen.core.arguments import widths

LARGEST_BOTTOM = 7  # a side of so many pixels or less is not halved: sides end at 4 to 7
FILTERS = (16, 32, 64, 128, 128, 128)  # from the image inwards; an image of 256 pixels takes all six
KERNEL = 4  # of transposed convolutions, a multiple of the stride: with another, they leave a checkerboard


def stages(data_shape: tuple[int, ...], filters: Sequence[int]) -> list:
    """Sizes after each halving, as many as `filters` or as it takes: [(H, W), (H/2, W/2), ...].

    A side of LARGEST_BOTTOM or less stays as it is, so that a long image is halved along its long side only.

    Raises:
        ValueError: if these are no images, or no sizes of layers.
    """
    if len(data_shape) != 3:
        raise ValueError(f"Images must be (height, width, channels). Received: data_shape={data_shape}")
    widths(1).check("filters", filters)
    sizes = [tuple(data_shape[:2])]
    while len(sizes) <= len(filters) and max(sizes[-1]) > LARGEST_BOTTOM:
        sizes.append(tuple(side if side <= LARGEST_BOTTOM else (side + 1) // 2 for side in sizes[-1]))
    return sizes


def strides(larger: tuple[int, int], smaller: tuple[int, int]) -> tuple[int, int]:
    """Of a convolution from the one size of `stages` to the next: 1 along a side that stays."""
    return (1 + (larger[0] > smaller[0]), 1 + (larger[1] > smaller[1]))


def upsampled(x, larger: tuple[int, int], smaller: tuple[int, int], filters: int, name: str, **options):
    """A transposed convolution from the one size to the other, cropped where the halving rounded up.

    Args:
        x: (B, *smaller, F).
        larger: size of `stages`.
        smaller: the next one.
        filters: of the convolution.
        name: of the layer.
        **options: of `keras.layers.Conv2DTranspose`.
    """
    steps = strides(larger, smaller)
    x = layers.Conv2DTranspose(filters, KERNEL, strides=steps, padding="same", name=name, **options)(x)
    surplus = [step * small - large for step, small, large in zip(steps, smaller, larger, strict=True)]
    return layers.Cropping2D([(0, pixels) for pixels in surplus], name=f"crop_{name}")(x) if any(surplus) else x


def conv_encoder(
    data_shape: tuple[int, ...], filters: Sequence[int] = FILTERS, features: int = 256, activation: str = "silu"
) -> keras.Model:
    """Strided 3x3 convolutions until a side has 4 to 7 pixels, then one dense layer. (H, W, C) -> (features,).

    Args:
        data_shape: (H, W, C), of any size.
        filters: of the convolutions, from the image inwards; a small image takes the first ones only.
        features: units of the dense layer.
        activation: of every layer.
    """
    images = x = keras.Input(data_shape, name="data")
    sizes = stages(data_shape, filters)
    for i in range(len(sizes) - 1):
        steps = strides(sizes[i], sizes[i + 1])
        x = layers.Conv2D(filters[i], 3, strides=steps, padding="same", activation=activation, name=f"conv_{i}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(features, activation, name="dense")(x)
    return keras.Model(images, x, name="conv_encoder")


def conv_decoder(
    latent_dim: int,
    data_shape: tuple[int, ...],
    filters: Sequence[int] = FILTERS,
    features: int = 256,
    activation: str = "silu",
) -> keras.Model:
    """The mirror of `conv_encoder`. (latent_dim,) -> (H, W, filters[0] / 2): at full size a layer costs most.

    Args:
        latent_dim: size of the code.
        data_shape: (H, W, C), of any size.
        filters: as of `conv_encoder`.
        features: units of the dense layer that is given the code.
        activation: of every layer.
    """
    sizes = stages(data_shape, filters)
    used = (max(1, filters[0] // 2), *filters)
    code = x = keras.Input((latent_dim,), name="code")
    x = layers.Dense(features, activation, name="dense")(x)
    bottom = (*sizes[-1], used[len(sizes) - 1])
    x = layers.Dense(math.prod(bottom), activation, name="to_bottom")(x)
    x = layers.Reshape(bottom, name="reshape")(x)
    for i in reversed(range(len(sizes) - 1)):
        x = upsampled(x, sizes[i], sizes[i + 1], used[i], f"deconv_{i}", activation=activation)
    x = layers.Identity(name="features")(x)  # and no image, whatever its shape: see `image_head`
    return keras.Model(code, x, name="conv_decoder")
