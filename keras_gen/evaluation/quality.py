"""How close images are to others."""

import math

import numpy as np
import tensorflow as tf

MAX_PSNR = 120.0  # dB, of images that are equal to the precision of float32


def psnr(images: np.ndarray, others: np.ndarray) -> float:
    """Peak signal-to-noise ratio of all images together, `-10 log10(mean of the squared error)`, peak 1.

    Args:
        images: (N, ...) in [0, 1].
        others: (N, ...) in [0, 1].

    Returns:
        dB; at most 120.
    """
    images, others = np.asarray(images, "float64"), np.asarray(others, "float64")
    if images.shape != others.shape:
        raise ValueError(f"`images` and `others` must have one shape. Received: {images.shape} and {others.shape}")
    return psnr_of_error(np.mean((images - others) ** 2))


def psnr_of_error(mean_squared_error: float) -> float:
    """The PSNR, dB, of a mean squared error per value."""
    return min(MAX_PSNR, -10 * math.log10(max(float(mean_squared_error), 1e-300)))


def ssim(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Structural similarity of each pair of images: 1 for equal ones.

    Source: Wang et al. 2004, with a Gaussian window of 11 pixels and standard deviation 1.5, or of as many pixels as
    the images have, if they are smaller; of colours the mean over the channels.

    Args:
        images: (N, H, W, C) in [0, 1].
        others: (N, H, W, C) in [0, 1].

    Returns:
        (N,), between -1 and 1.
    """
    images, others = np.asarray(images, "float32"), np.asarray(others, "float32")
    if images.shape != others.shape or images.ndim != 4:
        raise ValueError(
            f"`images` and `others` must have one shape, (N, H, W, C). Received: {images.shape} and {others.shape}"
        )
    window = min(11, *images.shape[1:3])
    return tf.image.ssim(images, others, max_val=1.0, filter_size=window).numpy()
