"""What the units of a first layer look for."""

import math

import keras
import numpy as np

from keras_gen.core import provenance


def filters(model: keras.Model, count: int | None = None) -> np.ndarray:
    """The weights of each unit of a model's first dense layer, as an image: gray is 0, white the unit's largest.

    Args:
        model: a model of images whose first layer is dense.
        count: how many units; None for all.

    Returns:
        (units, H, W, C) in [0, 1].

    Raises:
        ValueError: if the data are no images or no dense layer sees them.
    """
    size = math.prod(model.data_shape)
    kernel = next((weight for weight in model.trainable_weights if len(weight.shape) > 1), None)
    if len(model.data_shape) != 3 or kernel is None or kernel.shape[0] != size or len(kernel.shape) != 2:
        raise ValueError(
            "Filters need a model of images whose first layer is dense. Received: "
            f"{type(model).__name__} of data_shape={model.data_shape}"
        )
    weights = np.asarray(kernel).T[:count]
    weights = weights / np.maximum(np.abs(weights).max(axis=1, keepdims=True), 1e-12)
    return provenance.mark((0.5 + 0.5 * weights).reshape(-1, *model.data_shape).astype("float32"), model)
