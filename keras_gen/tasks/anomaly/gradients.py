"""An extractor of features that is neither trained nor downloaded: which edges there are, and where."""

import keras
import numpy as np

from keras_gen.core.checks import check_at_least, check_data_shape, check_whole

CELL = 4  # pixels on a side of the finest map
FAINT = 0.1  # about the root of a slope of one level in a hundred
GRID = 8  # positions on a side of what is compared as one vector


def oriented_gradients(data_shape: tuple[int, int, int], orientations: int = 8, colour: float = 0.0) -> keras.Model:
    """A network of fixed filters: the square root of the mean slope in each direction, in cells of an image.

    With g the mean of the channels and d_k the k-th direction, max(0, d_k . grad g) is averaged over cells of 4 x 4
    pixels, a feature map for "patches" and "gaussian". The output, for "neighbors", is its mean over a grid of 8 x 8.
    One more feature is 0.1 everywhere: where an image is even, it outweighs the noise when lengths are made 1.

    Args:
        data_shape: (H, W, C), at least 8 x 8.
        orientations: directions around the circle.
        colour: weight of the mean colours of each cell beside the slopes. 0 for things that come in all colours, 1
            where colours tell what is normal.

    Returns:
        `keras.Model`, (B, H, W, C) in [0, 1] to (B, D).

    Reference:
        Dalal and Triggs 2005, "Histograms of oriented gradients for human detection", with soft directions and without
        their blocks.
    """
    height, width, channels = check_data_shape(data_shape)
    check_whole(GRID, height=height, width=width)
    check_whole(2, orientations=orientations)
    check_at_least(0, colour=colour)
    images = keras.Input((height, width, channels), name="images")
    angles = 2 * np.pi * np.arange(orientations) / orientations
    across = np.zeros((3, 3))
    across[1] = -0.5, 0.0, 0.5
    kernel = (across[..., None] * np.cos(angles) + across.T[..., None] * np.sin(angles))[:, :, None]
    # The same filter on each channel is that on their mean.
    slopes = keras.layers.Conv2D(orientations, 3, activation="relu", use_bias=False, trainable=False, name="slopes")
    inner = slopes(images)
    slopes.set_weights([np.repeat(kernel, channels, axis=2).astype("float32") / channels])
    inner = keras.layers.ZeroPadding2D(1, name="as_large")(inner)  # no edge between the image and nothing
    coarse = (height // GRID, width // GRID)
    fine = tuple(min(CELL, side) for side in coarse)
    pooling = keras.layers.AveragePooling2D(fine, name="cells")
    maps = keras.ops.sqrt(pooling(inner))
    parts = [maps, keras.layers.Rescaling(0.0, FAINT, name="faint")(maps[..., :1])]
    if colour:
        parts.append(keras.layers.Rescaling(colour, name="colours")(pooling(images)))
    maps = keras.layers.Concatenate(name="features")(parts)
    grid = keras.layers.AveragePooling2D([max(1, c // f) for c, f in zip(coarse, fine, strict=True)], name="grid")(maps)
    return keras.Model(images, keras.layers.Flatten(name="vector")(grid), name="oriented_gradients")
