"""Differentiable augmentation: random changes that a critic sees on real and on generated images alike."""

import tensorflow as tf
from keras import ops

NUM_DRAWS = 7  # uniform numbers for each image
SHIFT = 1 / 8  # of a side, at most
HOLE = 1 / 2  # of a side


def diff_augment(images, draws) -> tf.Tensor:
    """Changes colours, shifts, and cuts a hole out of each image, by uniform numbers; gradients flow through.

    Brightness moves by up to a quarter of the range of pixels, saturation (of several channels) is multiplied by 0 to 2
    and contrast by 0.5 to 1.5. The image is shifted by up to an eighth of its sides, and a hole of half of each side is
    cut out around a place drawn uniformly. What is shifted in, and the hole, are black; pixels are not clipped.

    Source: Zhao et al. 2020, "Differentiable augmentation for data-efficient GAN training", section 4. Their pixels lie
    in [-1, 1], so that their brightness moves by up to half, and what they shift in is gray.

    Args:
        images: (B, H, W, C) in [0, 1].
        draws: (B, NUM_DRAWS) in [0, 1).

    Returns:
        (B, H, W, C).
    """
    height, width, channels = images.shape[1:]
    brightness, saturation, contrast, *places = (part[:, None, None, None] for part in ops.unstack(draws, axis=1))
    x = images + 0.5 * (brightness - 0.5)
    if channels > 1:
        gray = ops.mean(x, axis=-1, keepdims=True)
        x = gray + 2.0 * saturation * (x - gray)
    mean = ops.mean(x, axis=(1, 2, 3), keepdims=True)
    x = mean + (0.5 + contrast) * (x - mean)
    down, right, top, left = (place[:, 0, 0] for place in places)
    # A shift is a product with a matrix: of few operations, on any device, and differentiable.
    x = ops.einsum("bij,bjwc->biwc", _shifts(down, height), x)
    x = ops.einsum("bij,bhjc->bhic", _shifts(right, width), x)
    hole = _hole(top, height)[:, :, None, None] * _hole(left, width)[:, None, :, None]
    return x * (1.0 - hole)


def _shifts(share, side):
    """The matrix that shifts by -side / 8 to side / 8 pixels. (B, 1) -> (B, side, side)."""
    most = _pixels(SHIFT, side)
    pixels = ops.floor(share * (2 * most + 1)) - most
    places = ops.arange(side, dtype="float32")
    return ops.cast(places[:, None] - pixels[..., None] == places, "float32")


def _pixels(part, side):
    """So many of a side, halves rounded up."""
    return int(part * side + 0.5)


def _hole(share, side):
    """1 where a hole of half a side is, around a place drawn uniformly. (B, 1) -> (B, side)."""
    size = _pixels(HOLE, side)
    first = ops.floor(share * (side + 1 - size % 2)) - size // 2
    places = ops.arange(side, dtype="float32")
    return ops.cast((places >= first) & (places < first + size), "float32")
