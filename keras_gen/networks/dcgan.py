"""The bodies of the DCGAN (Radford et al. 2016): strided and transposed convolutions with batch normalisation.

Radford et al. have no dense layer beside the convolutions, Chen et al. 2016 ("InfoGAN") do. It sees the whole image and
is there by default: on MNIST more samples are digits with it. Batch statistics are those of all devices together.
"""

import math
from collections.abc import Sequence

import keras
from keras import layers

from keras_gen.networks.conv import KERNEL, stages, strides, upsampled

SLOPE = 0.2  # of the leaky ReLU
FILTERS = (64, 128, 256, 256, 256, 256)  # from the image inwards: the first two for 28 pixels, four for 64


def dcgan_generator(
    latent_dim: int,
    data_shape: tuple[int, ...],
    filters: Sequence[int] = FILTERS,
    features: int = 128,
    batch_norm: bool = True,
) -> keras.Model:
    """Dense, then transposed 4x4 convolutions of stride 2 up to the image. (latent_dim,) -> (H, W, C) in [0, 1].

    Args:
        latent_dim: size of what it is given: the latent, and a one-hot label where there is one.
        data_shape: (H, W, C); any size, an odd side is cropped.
        filters: of the layers, from the image inwards, as many as bring the sides to 4 to 7 pixels.
        features: units of a dense layer before all others, or None for none.
        batch_norm: whether every layer but the last is normalised.
    """
    sizes = stages(data_shape, filters)
    bottom = (*sizes[-1], filters[max(0, len(sizes) - 2)])
    latent = x = keras.Input((latent_dim,), name="latent")
    if features:
        x = _normalised(layers.Dense(features, use_bias=not batch_norm, name="features")(x), batch_norm, "features")
        x = layers.ReLU(name="relu_features")(x)
    x = layers.Dense(math.prod(bottom), use_bias=not batch_norm, name="dense")(x)
    x = _normalised(layers.Reshape(bottom, name="reshape")(x), batch_norm, "dense")
    x = layers.ReLU(name="relu_dense")(x)
    if len(sizes) == 1:
        x = layers.Conv2D(data_shape[-1], 3, padding="same", name="to_image")(x)
    for i in reversed(range(len(sizes) - 1)):
        channels, name = (filters[i - 1], f"deconv_{i}") if i else (data_shape[-1], "to_image")
        x = upsampled(x, sizes[i], sizes[i + 1], channels, name, use_bias=not (i and batch_norm))
        if i:
            x = layers.ReLU(name=f"relu_{i}")(_normalised(x, batch_norm, str(i)))
    x = layers.Activation("sigmoid", dtype="float32", name="image")(x)
    return keras.Model(latent, x, name="dcgan_generator")


def dcgan_discriminator(
    data_shape: tuple[int, ...], filters: Sequence[int] = FILTERS, features: int = 128, batch_norm: bool = True
) -> keras.Model:
    """Strided 4x4 convolutions with leaky ReLU; pixels are brought to [-1, 1] inside. (H, W, C) -> (features,).

    Args:
        data_shape: (H, W, C).
        filters: of the layers, from the image inwards, as many as bring the sides to 4 to 7 pixels.
        features: units of a dense layer at the end, or None for none.
        batch_norm: whether every layer but the first is normalised; not for a critic with a gradient penalty, which
            is one of single images.
    """
    images = keras.Input(data_shape, name="data")
    x = layers.Rescaling(2.0, -1.0, name="to_signed")(images)
    sizes = stages(data_shape, filters)
    for i in range(len(sizes) - 1):
        steps, use_bias = strides(sizes[i], sizes[i + 1]), not (i and batch_norm)
        x = layers.Conv2D(filters[i], KERNEL, steps, padding="same", use_bias=use_bias, name=f"conv_{i}")(x)
        x = _leaky(_normalised(x, i and batch_norm, str(i)))
    x = layers.Flatten(name="flatten")(x)
    if features:
        x = _normalised(layers.Dense(features, use_bias=not batch_norm, name="features")(x), batch_norm, "features")
        x = _leaky(x)
    return keras.Model(images, x, name="dcgan_discriminator")


def _leaky(x):
    """Leaky ReLU. TensorFlow fails to fuse its own with a convolution and its bias, and says so in red."""
    return keras.ops.maximum(x, SLOPE * x)


def _normalised(x, wanted, name):
    return layers.BatchNormalization(momentum=0.9, synchronized=True, name=f"norm_{name}")(x) if wanted else x
