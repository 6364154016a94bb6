"""Residual bodies of adversarial networks, with self-attention, for photographs of 32 x 32 pixels and more.

Blocks of Miyato et al. 2018 (table 4), attention of Zhang et al. 2019 ("SAGAN") where a side first has 16 pixels or
less.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

from keras_gen.networks.conv import stages, strides

FILTERS = (16, 32, 64, 128, 256, 256)  # from the image inwards
LARGEST_ATTENDING = 16  # pixels of a side


@keras.saving.register_keras_serializable("keras_gen")
class Gate(layers.Layer):
    """A trained scalar, which begins at 0, times what it is given. (B, ...) -> (B, ...).

    Source: Zhang et al. 2019, equation 3.
    """

    def build(self, input_shape) -> None:
        self.gamma = self.add_weight(name="gamma", shape=(), initializer="zeros")

    def call(self, x) -> tf.Tensor:
        return self.gamma * x

    def compute_output_shape(self, input_shape) -> Any:
        return input_shape


def attending(x, name: str) -> Any:
    """Each place of a map attends to all others, Zhang et al. 2019, equations 1 to 3. (B, H, W, F) -> the same.

    Keys and queries have an eighth of the channels, values half of them. Layers of a functional model.
    """
    height, width, channels = x.shape[1:]

    def flat(part, size):
        part_of = layers.Conv2D(max(1, size), 1, use_bias=False, name=f"{name}_{part}")(x)
        return layers.Reshape((height * width, max(1, size)), name=f"{name}_{part}_flat")(part_of)

    query, key, value = flat("query", channels // 8), flat("key", channels // 8), flat("value", channels // 2)
    weights = ops.softmax(ops.matmul(query, ops.transpose(key, (0, 2, 1))), axis=-1)
    found = layers.Reshape((height, width, max(1, channels // 2)), name=f"{name}_map")(ops.matmul(weights, value))
    found = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_out")(found)
    return layers.Add(name=name)([x, Gate(name=f"{name}_gate")(found)])


def _attends(sizes, i):
    """Whether the map of a size attends: the first that is small enough, from the image inwards, and no image."""
    small = [max(size) <= LARGEST_ATTENDING for size in sizes]
    return i > 0 and small[i] and not any(small[:i])


def residual_generator(
    latent_dim: int, data_shape: tuple[int, ...], filters: Sequence[int] = FILTERS, attention: bool = True
) -> keras.Model:
    """Dense, then residual blocks that double the sides up to the image. (latent_dim,) -> (H, W, C) in [0, 1].

    Args:
        latent_dim: size of what it is given: the latent, and a one-hot label where there is one.
        data_shape: (H, W, C); any size, an odd side is cropped.
        filters: of the blocks, from the image inwards, as many as bring the sides to 4 to 7 pixels.
        attention: whether one map attends to itself.
    """
    sizes = stages(data_shape, filters)
    latent = keras.Input((latent_dim,), name="latent")
    bottom = (*sizes[-1], filters[max(0, len(sizes) - 2)])
    x = layers.Reshape(bottom, name="reshape")(layers.Dense(math.prod(bottom), name="dense")(latent))
    for i in reversed(range(len(sizes) - 1)):
        x = _up(x, sizes[i], sizes[i + 1], filters[i], f"up_{i}")
        if attention and _attends(sizes, i):
            x = attending(x, "attention")
    x = layers.ReLU(name="relu_last")(_normalised(x, "norm_last"))
    x = layers.Conv2D(data_shape[-1], 3, padding="same", name="to_image")(x)
    x = layers.Activation("sigmoid", dtype="float32", name="image")(x)
    return keras.Model(latent, x, name="residual_generator")


def residual_discriminator(
    data_shape: tuple[int, ...], filters: Sequence[int] = FILTERS, attention: bool = True
) -> keras.Model:
    """Residual blocks that halve the sides, then the sum over places. Pixels are brought to [-1, 1] inside. -> (F,).

    Without batch normalisation: it goes with spectral normalisation, or with a penalty of gradients.

    Args:
        data_shape: (H, W, C), of any size.
        filters: of the blocks, from the image inwards, as many as bring the sides to 4 to 7 pixels.
        attention: whether one map attends to itself.
    """
    sizes = stages(data_shape, filters)
    images = keras.Input(data_shape, name="data")
    x = layers.Rescaling(2.0, -1.0, name="to_signed")(images)
    for i in range(len(sizes) - 1):
        x = _down(x, strides(sizes[i], sizes[i + 1]), filters[i], f"down_{i}", is_first=i == 0)
        if attention and _attends(sizes, i + 1):
            x = attending(x, "attention")
    x = _block(x, x.shape[-1], "last")
    x = layers.GlobalAveragePooling2D(name="pool")(layers.ReLU(name="relu_last")(x))
    # The sum, as in the paper, whatever the size of the map.
    x = layers.Rescaling(float(math.prod(sizes[-1])), name="sum")(x)
    return keras.Model(images, x, name="residual_discriminator")


def _normalised(x, name):
    return layers.BatchNormalization(momentum=0.9, synchronized=True, name=name)(x)


def _up(x, larger, smaller, filters, name):
    """A block of the generator, from the smaller size of `stages` to the larger."""
    steps = strides(larger, smaller)
    surplus = [step * small - large for step, small, large in zip(steps, smaller, larger, strict=True)]

    def doubled(x, part):
        x = layers.UpSampling2D(steps, name=f"{name}_{part}")(x)
        cut = [(0, pixels) for pixels in surplus]
        return layers.Cropping2D(cut, name=f"{name}_{part}_crop")(x) if any(surplus) else x

    y = layers.ReLU(name=f"{name}_relu_0")(_normalised(x, f"{name}_norm_0"))
    y = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"{name}_conv_0")(doubled(y, "double"))
    y = layers.ReLU(name=f"{name}_relu_1")(_normalised(y, f"{name}_norm_1"))
    y = layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv_1")(y)
    if x.shape[-1] != filters:  # first, at the smaller size: the two commute
        x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_skip")(x)
    return layers.Add(name=name)([doubled(x, "skip_double"), y])


def _block(x, filters, name, is_first=False):
    """Two convolutions added to x. Of pixels themselves the negative half counts too: no ReLU comes before them."""
    y = x if is_first else layers.ReLU(name=f"{name}_relu_0")(x)
    y = layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv_0")(y)
    y = layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv_1")(layers.ReLU(name=f"{name}_relu_1")(y))
    if x.shape[-1] != filters:
        x = layers.Conv2D(filters, 1, name=f"{name}_skip")(x)
    return layers.Add(name=name)([x, y])


def _down(x, steps, filters, name, is_first):
    """A block of the discriminator, and the mean over what becomes one place."""
    x = _block(x, filters, name, is_first)
    return layers.AveragePooling2D(steps, padding="same", name=f"{name}_halve")(x) if max(steps) > 1 else x
