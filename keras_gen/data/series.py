"""Series (N, T, F): of unequal lengths made equal, and made-up ones to learn from."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_gen.core.arguments import Count, Seed, checked
from keras_gen.data.sources import ArraySource

# The kinds of `waves`: each a function of the phase, in cycles.
KINDS = {
    "sine": lambda phase: np.sin(2 * np.pi * phase),
    "square": lambda phase: np.where(phase % 1 < 0.5, 1.0, -1.0),
    "sawtooth": lambda phase: 2 * (phase % 1) - 1,
    "heartbeat": lambda phase: 1.5 * np.exp(-((((phase % 1) - 0.5) / 0.06) ** 2)) - 0.5,
}
CYCLES = (2.0, 4.0)  # in a series
SIZES = {"train": 2_000, "test": 500}


def pad(series: Sequence[Any], length: int | None = None) -> np.ndarray:
    """Series of unequal lengths as one array, NaN after the end of each: for models with `variable_length=True`.

    Args:
        series: arrays (T_i, F), or (T_i,) of one feature.
        length: T; None for that of the longest.

    Returns:
        (N, T, F) float32.

    Raises:
        ValueError: if there are none, one is empty or longer than T, or they differ in their features.

    Example:
        >>> kg.data.pad([[1, 2, 3], [4]])[..., 0].tolist()
        [[1.0, 2.0, 3.0], [4.0, nan, nan]]
    """
    arrays = [np.asarray(one, "float32") for one in series]
    arrays = [one[:, None] if one.ndim == 1 else one for one in arrays]
    shapes = [one.shape for one in arrays]
    if len({shape[1:] for shape in shapes}) != 1 or len(shapes[0]) != 2 or min(len(one) for one in arrays) == 0:
        raise ValueError(
            f"`series` must be arrays (steps, features) of as many features, one step at least. Received: {shapes[:5]}"
        )
    longest = max(len(one) for one in arrays)
    if length is not None and longest > length:
        raise ValueError(f"`length` must be at least {longest}, as the longest is. Received: length={length}")
    padded = np.full((len(arrays), length or longest, arrays[0].shape[1]), np.nan, "float32")
    for row, one in zip(padded, arrays, strict=True):
        row[: len(one)] = one
    return padded


@checked
def waves(
    count: Count,
    length: Count = 64,
    variable_length: bool = False,
    noise: float = 0.1,
    shift: float = 1.0,
    seed: Seed = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Made-up series of four kinds in turn: sine, square, sawtooth, heartbeat; with normal noise.

    Each has two to four cycles, any phase up to `shift`, and an amplitude between 0.7 and 1.

    Args:
        count: N.
        length: T.
        variable_length: whether each ends early, at half of the steps or later: NaN from there on.
        noise: its standard deviation.
        shift: cycles by which each is shifted at most; 0 for series that all begin alike.
        seed: the same seed gives the same series.

    Returns:
        (N, T, 1) float32, and (N,) labels, 0 to 3.

    Example:
        >>> x, labels = kg.data.waves(8)
        >>> x.shape, labels.tolist()
        ((8, 64, 1), [0, 1, 2, 3, 0, 1, 2, 3])
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % len(KINDS)
    cycles, phase = rng.uniform(*CYCLES, (count, 1)), rng.uniform(0, shift, (count, 1))
    phases = phase + cycles * np.arange(length) / length
    x = np.stack([kind(phases) for kind in KINDS.values()])[labels, np.arange(count)]
    x = rng.uniform(0.7, 1, (count, 1)) * x + noise * rng.standard_normal(x.shape)
    if variable_length:
        ends = rng.integers(max(1, length // 2), length + 1, (count, 1))
        x[np.arange(length) >= ends] = np.nan
    return x[..., None].astype("float32"), labels


def waves_source() -> ArraySource:
    """2,000 and 500 of `waves`."""
    splits = {split: waves(size, seed=i) for i, (split, size) in enumerate(SIZES.items())}
    return ArraySource("waves", splits, list(KINDS))
