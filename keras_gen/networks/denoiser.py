"""Bodies that turn noisy data, a time and a label into data of the same shape: what diffusion models learn.

Their last layer begins at 0 (Ho et al. 2020, as in their code), and computes in float32.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from keras_gen.core.arguments import widths
from keras_gen.networks.conv import KERNEL, stages, strides, upsampled
from keras_gen.networks.given import Role

MOST_GROUPS = 8
HEADS = 2
SMALLEST_HALVED_AT_ONCE = 16  # pixels of the shorter side, from which on no block works at full size
FREQUENCIES = 16
FASTEST = 1000.0  # radians of the quickest wave, from time 0 to 1


@keras.saving.register_keras_serializable("keras_gen")
class TimeEmbedding(layers.Layer):
    """Sines and cosines of times in [0, 1], of frequencies from 1 to 1,000. (B, 1) -> (B, 32), float32.

    Source: Vaswani et al. 2017, section 3.5; for times Ho et al. 2020.
    """

    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.frequencies = np.geomspace(1.0, FASTEST, FREQUENCIES, dtype="float32")
        self.built = True

    def call(self, times) -> tf.Tensor:
        angles = times * self.frequencies
        return ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)

    def compute_output_shape(self, input_shape) -> tuple:
        return (*input_shape[:-1], 2 * FREQUENCIES)


@keras.saving.register_keras_serializable("keras_gen")
class Sum(layers.Layer):
    """The sum of tensors of one shape. Keras' `Add` takes an empty batch, outside of a graph, for a bias."""

    def call(self, tensors) -> tf.Tensor:
        return tf.add_n(tensors)

    def compute_output_shape(self, input_shape) -> tuple:
        return input_shape[0]


@keras.saving.register_keras_serializable("keras_gen")
class GroupNorm(layers.Layer):
    """Group normalisation (Wu and He 2018, equation 1), as Keras' `GroupNormalization`, in float32.

    By the means of values and of their squares, one scale and one shift for each channel of an image: with Keras' layer
    a training step of `unet_denoiser` takes 1.3 times as long.

    Args:
        groups: of channels, at most; their number must be a multiple of it.
    """

    def __init__(self, groups: int = MOST_GROUPS, **kwargs):
        super().__init__(**kwargs)
        self.groups = groups

    def build(self, input_shape) -> None:
        channels = input_shape[-1]
        self.size = channels // math.gcd(channels, self.groups)  # of a group
        self.gamma = self.add_weight(name="gamma", shape=(channels,), initializer="ones")
        self.beta = self.add_weight(name="beta", shape=(channels,), initializer="zeros")

    def call(self, x) -> tf.Tensor:
        values = ops.cast(x, "float32")
        axes = list(range(1, len(x.shape) - 1))
        mean, square = (self._of_groups(ops.mean(part, axis=axes)) for part in (values, ops.square(values)))  # (B, C)
        scale = ops.rsqrt(ops.maximum(square - ops.square(mean), 0.0) + 1e-5) * ops.cast(self.gamma, "float32")
        shift = ops.cast(self.beta, "float32") - mean * scale
        for _ in axes:
            scale, shift = scale[:, None], shift[:, None]
        return ops.cast(values * scale + shift, x.dtype)

    def _of_groups(self, means):
        """The mean over each group, for each of its channels. (B, C) -> (B, C)."""
        grouped = ops.mean(ops.reshape(means, (-1, means.shape[-1] // self.size, self.size)), axis=-1)
        return ops.repeat(grouped, self.size, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "groups": self.groups}


def unet_denoiser(
    data_shape: tuple[int, ...],
    num_classes: int | None = None,
    filters: Sequence[int] = (32, 64, 128, 128),
    blocks: int = 2,
) -> keras.Model:
    """U-Net with residual blocks (Ho et al. 2020, appendix B; Dhariwal and Nichol 2021). data_shape -> data_shape.

    A first convolution halves images of 16 pixels or more at once, a last one doubles them: at the same speed a network
    has four times the weights of one at full size. Each level has blocks of two 3x3 convolutions with group
    normalisation, to which time and label are added; the lowest attends to itself. Sides are halved until they have 4
    to 7 pixels, rounding up.

    Args:
        data_shape: (H, W, C), of any size.
        num_classes: None, or how many; the label of that number stands for none.
        filters: of the levels, from the image inwards; a small image takes the first ones only.
        blocks: of each level, on each side.
    """
    sizes = stages(data_shape, filters)
    halved = min(data_shape[:2]) >= SMALLEST_HALVED_AT_ONCE
    sizes = sizes[1:] if halved else sizes[: len(filters)]
    inputs, condition = _inputs(data_shape, num_classes, 4 * filters[0])
    whole = (data_shape[0], data_shape[1])
    step = strides(whole, sizes[0])
    x = layers.Conv2D(filters[0], KERNEL, strides=step, padding="same", name="first")(inputs[0])
    levels = []
    for i, (size, following) in enumerate(itertools.pairwise(sizes)):
        for j in range(blocks):
            x = _residual(x, filters[i], condition, f"down_{i}_{j}")
        levels.append((i, size, following, x))
        steps = strides(size, following)
        x = layers.Conv2D(filters[i + 1], 3, strides=steps, padding="same", name=f"halve_{i}")(x)
    x = _residual(x, filters[len(levels)], condition, "lowest_0")
    x = _attending(x, "attention")
    x = _residual(x, filters[len(levels)], condition, "lowest_1")
    for i, size, following, beside in reversed(levels):
        x = upsampled(x, size, following, filters[i], f"double_{i}")
        x = layers.Concatenate(name=f"join_{i}")([x, beside])
        for j in range(blocks):
            x = _residual(x, filters[i], condition, f"up_{i}_{j}")
    x = layers.Activation("silu", name="silu_last")(GroupNorm(name="norm_last")(x))
    options: dict[str, Any] = {"kernel_initializer": "zeros", "dtype": "float32"}
    if halved:
        x = upsampled(x, whole, sizes[0], data_shape[-1], "last", **options)
    else:
        x = layers.Conv2D(data_shape[-1], 3, padding="same", name="last", **options)(x)
    return keras.Model(inputs, x, name="unet_denoiser")


def dense_denoiser(
    data_shape: tuple[int, ...],
    num_classes: int | None = None,
    hidden: Sequence[int] = (256, 256, 256),
) -> keras.Model:
    """Residual blocks of dense layers, to which time and label are added. data_shape -> data_shape.

    Args:
        data_shape: (D,), or of images, which are flattened.
        num_classes: None, or how many; the label of that number stands for none.
        hidden: units of the blocks; all alike.
    """
    width, *others = widths(1).check("hidden", hidden)
    if any(units != width for units in others):
        raise ValueError(f"Residual blocks are added up, so all must be alike. Received: hidden={hidden}")
    inputs, condition = _inputs(data_shape, num_classes, width)
    x = layers.Flatten(name="flatten")(inputs[0]) if len(data_shape) > 1 else inputs[0]
    x = layers.Dense(width, name="first")(x)
    for i in range(len(hidden)):
        y = layers.Activation("silu", name=f"silu_{i}")(layers.LayerNormalization(name=f"norm_{i}")(x))
        y = Sum(name=f"condition_{i}")(
            [layers.Dense(width, name=f"dense_{i}")(y), layers.Dense(width, name=f"given_{i}")(condition)]
        )
        y = layers.Dense(width, name=f"out_{i}")(layers.Activation("silu", name=f"inner_silu_{i}")(y))
        x = Sum(name=f"block_{i}")([x, y])
    x = layers.Activation("silu", name="silu_last")(layers.LayerNormalization(name="norm_last")(x))
    x = layers.Dense(math.prod(data_shape), kernel_initializer="zeros", dtype="float32", name="last")(x)
    x = layers.Reshape(data_shape, dtype="float32", name="data_shape")(x)
    return keras.Model(inputs, x, name="dense_denoiser")


def _inputs(data_shape, num_classes, width):
    """Inputs data, time and, with classes, labels; and what is made of the last two, (B, width)."""
    data, time = keras.Input(data_shape, name="data"), keras.Input((1,), name="time")
    x = layers.Dense(width, "silu", name="time_0")(TimeEmbedding(name="time_embedding")(time))
    x = layers.Dense(width, name="time_1")(x)
    inputs = [data, time]
    if num_classes is not None:
        labels = keras.Input((), dtype="int32", name="labels")
        inputs.append(labels)
        x = Sum(name="time_and_label")([x, layers.Embedding(num_classes + 1, width, name="label")(labels)])
    return inputs, layers.Activation("silu", name="condition")(x)


def _residual(x, filters, condition, name):
    """A block of two convolutions, added to what it is given."""
    y = layers.Activation("silu", name=f"{name}_silu_0")(GroupNorm(name=f"{name}_norm_0")(x))
    y = layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv_0")(y)
    given = layers.Reshape((1, 1, filters), name=f"{name}_reshape")(
        layers.Dense(filters, name=f"{name}_given")(condition)
    )
    y = layers.Add(name=f"{name}_condition")([y, given])
    y = layers.Activation("silu", name=f"{name}_silu_1")(GroupNorm(name=f"{name}_norm_1")(y))
    y = layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv_1")(y)
    if x.shape[-1] != filters:
        x = layers.Conv2D(filters, 1, name=f"{name}_skip")(x)
    return layers.Add(name=name)([x, y])


def _attending(x, name):
    """Each place of a map attends to all others; what it finds is added."""
    height, width, channels = x.shape[1:]
    y = layers.Reshape((height * width, channels), name=f"{name}_flat")(GroupNorm(name=f"{name}_norm")(x))
    y = layers.MultiHeadAttention(HEADS, max(1, channels // HEADS), name=f"{name}_heads")(y, y)
    return layers.Add(name=name)([x, layers.Reshape((height, width, channels), name=f"{name}_map")(y)])


DENOISERS: dict[str, Callable] = {"unet": unet_denoiser, "dense": dense_denoiser}


def make_denoiser(
    denoiser: str | keras.Model | None, data_shape: tuple[int, ...], num_classes: int | None = None
) -> keras.Model:
    """The denoiser that a constructor's argument asks for: None for the default, a name of DENOISERS, or a model.

    A given `keras.Model` has the inputs [data, time] or [data, time, labels], in this order.

    Args:
        denoiser: "unet", "dense", or a built `keras.Model`; None for "unet" where images have 16 x 16 pixels or more,
            else "dense".
        data_shape: (H, W, C) or (D,).
        num_classes: None, or how many.
    """
    role = Role("denoiser", data_shape, "the same shape", DENOISERS)
    if isinstance(denoiser, keras.Model):
        received, made = role.shapes_of(denoiser, 1 if num_classes is None else 2)
        if received != role.input_shape or made != role.input_shape:
            role.refuse(denoiser, received, made)
        return denoiser
    is_large = len(data_shape) == 3 and min(data_shape[:2]) >= SMALLEST_HALVED_AT_ONCE
    name = role.check_name(denoiser or ("unet" if is_large else "dense"))
    if name == "unet" and len(data_shape) != 3:
        raise ValueError(f"A U-Net needs images (height, width, channels). Received: data_shape={data_shape}")
    return DENOISERS[name](data_shape, num_classes)
