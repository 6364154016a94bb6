"""What a diffusion model describes: the data, or the codes of a frozen autoencoder; and how it scales them."""

import math

import keras
import numpy as np

EXAMPLES = 10_000  # that shift and scale are taken of, at most
FEWEST = 256
VALUES = 50_000_000  # of all of them: of large images there are fewer
LEAST = 1e-6  # a deviation below this share of the mean is rounding: the value never changes, and is left as it is


def frozen_copy(model: keras.Model, data_shape: tuple[int, ...]) -> keras.Model:
    """A copy of a trained autoencoder that is neither compiled nor trained: the user's model stays as it is.

    Raises:
        ValueError: if it does not encode and decode data of that shape by itself.
    """
    offers: frozenset[str] = getattr(model, "offers", frozenset())
    if not {"encode", "decode"} <= offers or model.supervision == "required" or model.data_shape != data_shape:
        needs = ", which takes labels" if getattr(model, "supervision", None) == "required" else ""
        raise ValueError(
            f"`latent` must be a trained model that encodes and decodes data of data_shape={data_shape}, such as a "
            f"kg.VAE. Received: {type(model).__name__} of data_shape={getattr(model, 'data_shape', None)}{needs}"
        )
    if model.num_codes is not None:
        raise ValueError(
            "The codes of `latent` must be real numbers; for whole ones there is kg.CodePrior. "
            f"Received: latent={type(model).__name__}"
        )
    return model.frozen_copy()


def examples(data_shape: tuple[int, ...]) -> int:
    """How many examples shift and scale are taken of."""
    return min(EXAMPLES, max(FEWEST, VALUES // math.prod(data_shape)))


def moments(values) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each value, 1 where it never changes. (N, D) -> (D,), (D,)."""
    values = np.asarray(values, "float64")
    mean, deviation = values.mean(axis=0), values.std(axis=0)
    return mean, np.where(deviation <= LEAST * np.abs(mean), 1.0, deviation)
