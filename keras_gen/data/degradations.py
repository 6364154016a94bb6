"""Tasks: functions that make an input from an image, which a translation model learns to restore."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

GRAY = (0.299, 0.587, 0.114)  # ITU-R 601-2, as Pillow
HIDDEN = 0.5  # the gray of what is hidden


@dataclasses.dataclass(frozen=True)
class Task:
    """A way to make inputs, `make(images (B, H, W, C), level, key of the noise) -> (B, H', W', C')`.

    Args:
        make: the function.
        level: its default level.
        about: what the level is; None where there is none.
    """

    make: Callable
    level: float | None = None
    about: str | None = None


def super_resolution(x: tf.Tensor, level: float, key: tf.Tensor) -> tf.Tensor:
    """Each `level` x `level` pixels become their mean. (B, H, W, C) -> (B, H / level, W / level, C)."""
    factor = int(level)
    height, width = x.shape[1:3]
    if level != factor or factor < 2 or height % factor or width % factor:
        raise ValueError(
            "super_resolution shrinks images by a whole factor of at least 2 that divides height and width. "
            f"Received: level={level}, images of {height} x {width}"
        )
    return tf.nn.avg_pool2d(x, factor, factor, "VALID")


def inpainting(x: tf.Tensor, level: float, key: tf.Tensor) -> tf.Tensor:
    """A gray square hides a random place of each image. Its side is `level` times the image's shorter side."""
    _check_share("inpainting", level)
    height, width = x.shape[1:3]
    side = max(1, round(level * min(height, width)))
    place = tf.random.stateless_uniform((tf.shape(x)[0], 2), key) * tf.constant(
        [height - side + 1, width - side + 1], "float32"
    )
    top, left = tf.unstack(tf.floor(place)[:, :, None], axis=1)  # (B, 1) each
    rows, columns = tf.range(height, dtype=tf.float32), tf.range(width, dtype=tf.float32)
    inside = ((rows >= top) & (rows < top + side))[:, :, None] & ((columns >= left) & (columns < left + side))[:, None]
    return tf.where(inside[..., None], HIDDEN, x)


def colorization(x: tf.Tensor, level: float, key: tf.Tensor) -> tf.Tensor:
    """The gray image. (B, H, W, 3) -> (B, H, W, 1)."""
    if x.shape[-1] != 3:
        raise ValueError(f"colorization learns from colour images. Received: images of {x.shape[-1]} channel")
    return gray(x)


def denoising(x: tf.Tensor, level: float, key: tf.Tensor) -> tf.Tensor:
    """Normal noise of standard deviation `level`, clipped as an image file does."""
    if level <= 0:
        raise ValueError(f"The level of denoising must be above 0. Received: level={level}")
    return tf.clip_by_value(x + level * tf.random.stateless_normal(tf.shape(x), key), 0.0, 1.0)


def edges(x: tf.Tensor, level: float, key: tf.Tensor) -> tf.Tensor:
    """Length of the Sobel gradient of the gray image, at most 1. (B, H, W, C) -> (B, H, W, 1)."""
    gradient = tf.image.sobel_edges(gray(x) if x.shape[-1] == 3 else x)  # (B, H, W, 1, 2)
    return tf.minimum(tf.norm(gradient, axis=-1) / 4, 1.0)  # a step from 0 to 1 has the gradient 4


def gray(x: tf.Tensor) -> tf.Tensor:
    """(B, H, W, 3) -> (B, H, W, 1)."""
    return tf.tensordot(x, tf.constant(GRAY), 1)[..., None]


def _check_share(task, level):
    if not 0 < level < 1:
        raise ValueError(f"The level of {task} must be a share between 0 and 1. Received: level={level}")


TASKS = {
    "super_resolution": Task(super_resolution, 2, "the whole factor by which images are shrunk"),
    "inpainting": Task(inpainting, 0.4, "the side of the hidden square, as a share of the image's shorter side"),
    "colorization": Task(colorization),
    "denoising": Task(denoising, 0.2, "the standard deviation of the noise"),
    "edges": Task(edges),
}
