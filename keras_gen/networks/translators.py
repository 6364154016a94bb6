"""Bodies that turn images into images, (H, W, C) -> (H, W, C'), and the critic of their patches.

All are fully convolutional: built for one size of image, they take every size that they can halve as often.
"""

import math
from collections.abc import Sequence

import keras
import tensorflow as tf
from keras import layers, ops

from keras_gen.layers import UnitInterval
from keras_gen.networks.conv import KERNEL
from keras_gen.networks.dcgan import SLOPE
from keras_gen.networks.given import Role

SMALLEST_BOTTOM = 4  # a U-Net stops halving before a side falls below this
SMALLEST_MAP = 7  # so does a critic of patches, before its map of values gets smaller
STEPS = tuple(2**i for i in range(9))  # by how many pixels a side may grow at once


def halvings(height: int, width: int, smallest: int, most: int) -> int:
    """How often both sides can be halved without a rest, `most` at most, and stay at `smallest` or more."""
    count = 0
    while count < most and height % 2 == width % 2 == 0 and min(height, width) // 2 >= smallest:
        height, width, count = height // 2, width // 2, count + 1
    return count


def unet(
    data_shape: tuple[int, ...], channels: int, filters: Sequence[int] = (32, 64, 128, 256), norm: bool = True
) -> keras.Model:
    """U-Net (Ronneberger et al. 2015; as generator Isola et al. 2017). (H, W, C) -> (H, W, channels) in [0, 1].

    Strided 4x4 convolutions down, transposed ones up, each level joined to its mirror; one more level at full
    resolution, which the paper does not have, keeps fine detail. What the network computes is added to the image that
    it is given (to the mean of its channels where their number differs): it begins as the identity.

    Args:
        data_shape: (H, W, C); both sides even, and halved as often as they can be, up to len(filters) - 1 times.
        channels: of the output.
        filters: of the levels, from full resolution downwards.
        norm: whether the halved levels are normalised, each image for itself (instance normalisation).
    """
    height, width = data_shape[:2]
    depth = halvings(height, width, SMALLEST_BOTTOM, len(filters) - 1)
    if depth == 0:
        raise ValueError(
            "A U-Net halves height and width: both must be even, and at least "
            f"{2 * SMALLEST_BOTTOM}. {_nearest(data_shape, 2, 2 * SMALLEST_BOTTOM)}. "
            f"Received: images of {height} x {width}"
        )
    images = keras.Input((None, None, data_shape[-1]), name="data")
    x = layers.Rescaling(2.0, -1.0, name="to_signed")(images)
    x = _leaky(layers.Conv2D(filters[0], 3, padding="same", name="level_0")(x))
    levels = [x]
    for i in range(1, depth + 1):
        x = layers.Conv2D(filters[i], KERNEL, strides=2, padding="same", name=f"down_{i}")(x)
        x = _leaky(instance_norm(x, f"norm_down_{i}") if norm else x)
        levels.append(x)
    for i in reversed(range(depth)):
        x = layers.Conv2DTranspose(filters[i], KERNEL, strides=2, padding="same", name=f"up_{i}")(x)
        x = _leaky(instance_norm(x, f"norm_up_{i}") if norm and i else x)  # plain units died, all of them, under Adam
        x = layers.Concatenate(name=f"join_{i}")([x, levels[i]])
    x = _leaky(layers.Conv2D(filters[0], 3, padding="same", name="last")(x))
    return keras.Model(images, _from_identity(x, images, channels), name="unet")


def resnet(
    data_shape: tuple[int, ...], channels: int, filters: Sequence[int] = (32, 64, 128), blocks: int | None = None
) -> keras.Model:
    """Residual blocks between two halvings and two doublings. (H, W, C) -> (H, W, channels) in [0, 1].

    Source: Johnson et al. 2016; as generator Zhu et al. 2017, section 7.2, with 64 to 256 filters, and 6 blocks for
    images of 128 pixels or 9 for more.

    Args:
        data_shape: (H, W, C), both sides multiples of 2^(len(filters) - 1).
        channels: of the output.
        filters: at full resolution and after each halving.
        blocks: how many; None for 3 where a side is at most 64, 6 up to 128, 9 above.
    """
    height, width = data_shape[:2]
    multiple = 2 ** (len(filters) - 1)
    if height % multiple or width % multiple:
        raise ValueError(
            f"A ResNet generator halves height and width {len(filters) - 1} times: both must be multiples of "
            f"{multiple}. {_nearest(data_shape, multiple, multiple)}. Received: images of {height} x {width}"
        )
    longest = max(height, width)
    blocks = blocks or (3 if longest <= 64 else 6 if longest <= 128 else 9)
    images = keras.Input((None, None, data_shape[-1]), name="data")
    x = layers.Rescaling(2.0, -1.0, name="to_signed")(images)
    x = layers.Conv2D(filters[0], 7, padding="same", name="first")(x)
    x = layers.ReLU(name="relu_first")(instance_norm(x, "norm_first"))
    for i, count in enumerate(filters[1:], 1):
        x = layers.Conv2D(count, 3, strides=2, padding="same", name=f"down_{i}")(x)
        x = layers.ReLU(name=f"relu_down_{i}")(instance_norm(x, f"norm_down_{i}"))
    for i in range(blocks):
        y = layers.Conv2D(filters[-1], 3, padding="same", name=f"block_{i}_a")(x)
        y = layers.ReLU(name=f"relu_block_{i}")(instance_norm(y, f"norm_block_{i}_a"))
        y = layers.Conv2D(filters[-1], 3, padding="same", name=f"block_{i}_b")(y)
        x = layers.Add(name=f"block_{i}")([x, instance_norm(y, f"norm_block_{i}_b")])
    for i, count in reversed(list(enumerate(filters[:-1]))):
        x = layers.Conv2DTranspose(count, KERNEL, strides=2, padding="same", name=f"up_{i}")(x)
        x = layers.ReLU(name=f"relu_up_{i}")(instance_norm(x, f"norm_up_{i}"))
    x = layers.Conv2D(channels, 7, padding="same", dtype="float32", name="to_image")(x)
    return keras.Model(images, layers.Activation("sigmoid", dtype="float32", name="image")(x), name="resnet")


def patch_critic(
    data_shape: tuple[int, ...], filters: Sequence[int] = (32, 64, 128), channels: int | None = None
) -> keras.Model:
    """PatchGAN (Isola et al. 2017): a value for each patch of an image. (H, W, C) -> (H', W', 1), float32.

    Half as wide as the paper's: strided 4x4 convolutions, as many as `filters` or as leave a map of at least 7 x 7
    values, with instance normalisation in all but the first.

    Args:
        data_shape: (H, W, C) of the images.
        filters: of the strided convolutions.
        channels: of what it is given, if that is more than the image.
    """
    images = keras.Input((None, None, channels or data_shape[-1]), name="data")
    x = layers.Rescaling(2.0, -1.0, name="to_signed")(images)
    side = min(data_shape[:2])
    for i, count in enumerate(filters):
        stride = 2 if math.ceil(side / 2) >= SMALLEST_MAP else 1
        side = math.ceil(side / stride)
        x = layers.Conv2D(count, KERNEL, strides=stride, padding="same", name=f"conv_{i}")(x)
        x = _leaky(instance_norm(x, f"norm_{i}") if i else x)
        if stride == 1:  # one convolution at the last size, as in the paper
            break
    x = layers.Conv2D(1, KERNEL, padding="same", dtype="float32", name="value")(x)
    return keras.Model(images, x, name="patch_critic")


TRANSLATORS = {"unet": unet, "resnet": resnet}


def make_translator(
    generator: str | keras.Model | None,
    data_shape: tuple[int, ...],
    channels: int,
    default: str,
    argument: str = "generator",
) -> keras.Model:
    """The generator that a constructor's argument asks for: None, a name of TRANSLATORS, or a built `keras.Model`.

    Args:
        generator: None for `default`.
        data_shape: (H, W, C) of what it is given.
        channels: of the images that it makes, as large.
        default: name.
        argument: the constructor's name for it.
    """
    output = (*data_shape[:2], channels)
    role = Role(argument, data_shape, f"{output}", TRANSLATORS)
    generator = role.as_network(generator)
    if not isinstance(generator, keras.Model):
        return TRANSLATORS[role.check_name(default if generator is None else generator)](data_shape, channels)
    return _checked(generator, role, output)


def make_patch_critic(
    discriminator: keras.Model | None,
    data_shape: tuple[int, ...],
    channels: int | None = None,
    argument: str = "discriminator",
) -> keras.Model:
    """The critic that a constructor's argument asks for: None, "patch", or a built `keras.Model` to (H', W', 1)."""
    role = Role(argument, (*data_shape[:2], channels or data_shape[-1]), "a map of values (H', W', 1)", ["patch"])
    discriminator = role.as_network(discriminator)
    if not isinstance(discriminator, keras.Model):
        role.check_name("patch" if discriminator is None else discriminator)
        return patch_critic(data_shape, channels=channels)
    return _checked(discriminator, role, (None, None, 1))


def _checked(body, role, output_shape):
    """A given network, if it maps what it should to what it should."""
    received, made = role.shapes_of(body)
    is_given = len(received) == 3 and all(r in (None, e) for r, e in zip(received, role.input_shape, strict=True))
    if is_given:
        made = tuple(body.compute_output_shape((None, *role.input_shape)))[1:]
    if not is_given or len(made) != 3 or any(e not in (None, m) for m, e in zip(made, output_shape, strict=True)):
        role.refuse(body, received, made)
    return body


def resizer(data_shape: tuple[int, ...], target_shape: tuple[int, ...]) -> keras.layers.Layer | None:
    """A layer that brings images from the one size to the other, in float32, None where they are equal.

    By a whole factor, so that it works for images of other sizes too: bilinear up, the mean of the pixels down.
    """
    (height, width), (to_height, to_width) = data_shape[:2], target_shape[:2]
    if (height, width) == (to_height, to_width):
        return None
    if to_height % height == 0 and to_width % width == 0:
        factors = (to_height // height, to_width // width)
        return layers.UpSampling2D(factors, interpolation="bilinear", dtype="float32", name="resize")
    if height % to_height == 0 and width % to_width == 0:
        return layers.AveragePooling2D((height // to_height, width // to_width), dtype="float32", name="resize")
    raise ValueError(
        "Source and target must have the same height and width, or those of one must be whole multiples of those of "
        f"the other. Received: {height} x {width} and {to_height} x {to_width}"
    )


def multiples_of(body: keras.Model, data_shape: tuple[int, ...]) -> tuple[int | None, int | None]:
    """By how much height and width may differ from (H, W) for a body to make an image as large as it is given.

    Found by trying: 1, 2, 4, ... None for a side that must stay as it is.

    Args:
        body: of images to images.
        data_shape: (H, W, C) that it was built for.
    """

    def smallest(axis):
        for step in STEPS:
            shape = tuple(side + step * (i == axis) for i, side in enumerate(data_shape))
            if body.inputs[0].shape[axis + 1] is not None:
                return None
            try:
                made = body.compute_output_shape((1, *shape))
            except ValueError:  # two branches that do not meet
                continue
            if tuple(made[1:3]) == shape[:2]:
                return step
        return None

    return smallest(0), smallest(1)


def instance_norm(x, name: str) -> tf.Tensor:
    """Normalises each channel of each image over its pixels (Ulyanov et al. 2016), in float32 inside."""
    return layers.GroupNormalization(groups=-1, name=name)(x)


def _from_identity(x, images, channels):
    """The given image and a convolution of x that begins at 0, in [0, 1]."""
    change = layers.Conv2D(channels, 3, padding="same", kernel_initializer="zeros", dtype="float32", name="to_image")(x)
    given = ops.cast(images, "float32")
    if images.shape[-1] != channels:
        given = ops.mean(given, axis=-1, keepdims=True)  # the sum below repeats it
    return UnitInterval(name="image")(change + given)


def _leaky(x):
    """See `dcgan`."""
    return ops.maximum(x, SLOPE * x)


def _nearest(shape, multiple, smallest):
    """The sides next to those of a shape that are multiples, and large enough, in words."""

    def next_to(side):
        below = side // multiple * multiple
        return str(smallest) if below < smallest else f"{below}" if below == side else f"{below} or {below + multiple}"

    return f"Sizes that work: height {next_to(shape[0])}, width {next_to(shape[1])}"
