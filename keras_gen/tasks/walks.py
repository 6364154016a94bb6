"""Walks through the codes of a model: between images, along a unit, over a plane, at random.

Each returns images, and writes them where a `path` is given: a picture (.png), a row for each walk, or an animation
(.gif, .webp), all walks side by side. Models that need labels get `labels`, one for each walk.
"""

import warnings
from pathlib import Path
from statistics import NormalDist

import keras
import numpy as np

from keras_gen import images as image_files
from keras_gen import plots
from keras_gen.core import provenance


def interpolate(
    model: keras.Model,
    start,
    end,
    steps: int = 10,
    mode: str = "linear",
    labels=None,
    end_labels=None,
    path: str | Path | None = None,
) -> np.ndarray:
    """Images between one image and another, decoded from codes between theirs.

    "linear" is the straight line, `(1 - t) z0 + t z1`; "spherical" the great circle, which keeps the length that
    codes of a normal prior have (White 2016, equation of slerp).

    Args:
        model: a model that offers `encode` and `decode`.
        start: (N, H, W, C), images to leave from; or one, (H, W, C).
        end: the same, images to arrive at.
        steps: images per walk, both ends included.
        mode: "linear" or "spherical".
        labels: (N,) ints of a model that needs them, of `start`; the whole walk is decoded with them.
        end_labels: (N,) those of `end`, if they are others.
        path: .png, .gif or .webp file, or None.

    Returns:
        (N, steps, H, W, C) in [0, 1].
    """
    _check_walk(model, steps)
    if np.shape(start) != np.shape(end):
        raise ValueError(f"`start` and `end` must have one shape. Received: {np.shape(start)} and {np.shape(end)}")
    start, end = _as_batch(model, start), _as_batch(model, end)
    end_labels = labels if end_labels is None else end_labels
    if mode not in ("linear", "spherical"):
        raise ValueError(f"`mode` must be 'linear' or 'spherical'. Received: mode={mode!r}")
    z0, z1 = (model.encode(x, **_given(y))[:, None] for x, y in ((start, labels), (end, end_labels)))  # (N, 1, D)
    t = np.linspace(0, 1, steps, dtype="float32")[None, :, None]  # (1, steps, 1)
    z = (1 - t) * z0 + t * z1
    if mode == "spherical":
        lengths = np.linalg.norm(z0, axis=-1, keepdims=True) * np.linalg.norm(z1, axis=-1, keepdims=True)
        cosine = np.sum(z0 * z1, -1, keepdims=True) / np.maximum(lengths, 1e-12)
        angle = np.arccos(np.clip(cosine, -1, 1))
        sine = np.sin(angle)
        curved = (np.sin((1 - t) * angle) * z0 + np.sin(t * angle) * z1) / np.maximum(sine, 1e-6)
        z = np.where(sine < 1e-6, z, curved)
    return _decode(model, z, _classes(model, start, labels), path)


def _as_batch(model, x):
    """An example alone as a batch of one."""
    x = np.asarray(x)
    return x[None] if x.shape == tuple(model.data_shape) else x


def traverse(
    model: keras.Model,
    image=None,
    units=None,
    steps: int = 11,
    extent: float = 3.0,
    labels=None,
    path: str | Path | None = None,
) -> np.ndarray:
    """Images for different values of one latent unit at a time; the other units stay fixed.

    A model with its own `traversal` (InfoGAN: its continuous codes, from -1 to 1, for each category) uses that, and
    ignores `image`, `extent` and `labels`.

    Args:
        model: a model that offers `decode`; and `encode`, if an image is given.
        image: (H, W, C), or (1, H, W, C), whose code the others are held at; None for the code 0.
        units: which units, ints; None for all.
        steps: images per unit.
        extent: the unit goes from -extent to extent, in units of the code: standard deviations of a normal prior.
        labels: an int, of a model that needs a label.
        path: .png, .gif or .webp file, or None.

    Returns:
        (units, steps, H, W, C) in [0, 1].
    """
    _check_walk(model, steps)
    if hasattr(model, "traversal"):
        units = range(model.num_continuous) if units is None else units
        if not len(units):
            raise ValueError(f"`traverse` needs continuous codes. Received: {type(model).__name__} of num_continuous=0")
        made = [model.traversal(unit, steps, seed=0) for unit in units]
        return _save(image_files.like(np.concatenate(made), made[0]), path)
    label = None if labels is None else np.ravel(labels)[:1]
    z = np.zeros((1, model.latent_dim), "float32")
    if image is not None:
        image = _as_batch(model, image)
        if len(image) != 1:
            raise ValueError(f"`image` must be one image. Received: {len(image)} images")
        z = model.encode(image, **_given(label))
        label = _classes(model, image, label)
    units = np.arange(model.latent_dim) if units is None else np.asarray(units)
    if units.ndim != 1 or len(units) == 0 or units.min() < 0 or units.max() >= model.latent_dim:
        raise ValueError(f"`units` must be among 0 to {model.latent_dim - 1}. Received: units={units.tolist()}")
    z = np.tile(z, (len(units), steps, 1))
    z[np.arange(len(units)), :, units] = np.linspace(-extent, extent, steps)
    return _decode(model, z, None if label is None else np.repeat(label, len(units)), path)


def random_walk(
    model: keras.Model,
    walks: int = 6,
    steps: int = 30,
    step_size: float = 0.3,
    seed: int | None = None,
    labels=None,
    path: str | Path | None = None,
) -> np.ndarray:
    """Images along random walks that keep the normal prior: `z' = sqrt(1 - s^2) z + s e`, e normal.

    Warns of a model whose codes have another distribution.

    Each code of a walk is distributed as N(0, I), so that each image is a sample (Neal 1998, autoregression).

    Args:
        model: a model that offers `decode`, with a normal prior.
        walks: how many.
        steps: images per walk.
        step_size: s, between 0 (stays) and 1 (jumps).
        seed: the same seed gives the same walks; None for others each time.
        labels: (walks,) ints of a model that takes them, or one for all.
        path: .png, .gif or .webp file, or None.

    Returns:
        (walks, steps, H, W, C) in [0, 1].
    """
    _check_walk(model, steps)
    _check_prior(model)
    if not 0 < step_size <= 1:
        raise ValueError(f"`step_size` must be above 0 and at most 1. Received: step_size={step_size}")
    seed = provenance.seed_for(seed)
    noise = np.random.default_rng(seed).standard_normal((steps, walks, model.latent_dim)).astype("float32")
    z = [noise[0]]
    for step in noise[1:]:
        z.append(np.float32(np.sqrt(1 - step_size**2)) * z[-1] + np.float32(step_size) * step)
    return _decode(model, np.stack(z, axis=1), labels, path, seed=seed)


def manifold(model: keras.Model, size: int = 20, labels=None, path: str | Path | None = None) -> np.ndarray:
    """The plane of a two-dimensional code, at the quantiles of its normal prior (Kingma and Welling 2014, figure 4).

    Args:
        model: a model that offers `decode`, with latent_dim 2.
        size: images on a side.
        labels: an int, of a model that needs a label.
        path: .png file, or None.

    Returns:
        (size * size, H, W, C) in [0, 1], rows from top to bottom.

    Raises:
        ValueError: if the code is not of two dimensions.
    """
    if model.latent_dim != 2:
        raise ValueError(
            "`manifold` needs a code of two units: of more, `traverse` goes along each. "
            f"Received: latent_dim={model.latent_dim}"
        )
    _check_prior(model)
    quantiles = [NormalDist().inv_cdf((i + 0.5) / size) for i in range(size)]
    z = np.array([(x, y) for y in reversed(quantiles) for x in quantiles], "float32")
    images = model.decode(z, **({} if labels is None else {"labels": np.full(len(z), labels)}))
    if path is not None:
        image_files.save_grid(images, path, size)
    return images


class AttributeVector:
    """A direction of codes along which images gain an attribute; see `attribute_vector`."""

    def __init__(self, model, vector):
        self.model, self.vector = model, vector

    def apply(self, images, strength=1.0, labels=None, path: str | Path | None = None) -> np.ndarray:
        """Images with the attribute, `decode(encode(x) + strength * vector)`.

        Args:
            images: (N, H, W, C) in [0, 1].
            strength: 1 for as much as the groups differ by, -1 to take it away; or several, for walks.
            labels: (N,) ints of a model that needs them.
            path: .png, .gif or .webp file, or None.

        Returns:
            (N, H, W, C) in [0, 1], or (N, strengths, H, W, C).
        """
        strengths = np.atleast_1d(np.asarray(strength, "float32"))
        z = self.model.encode(images, **_given(labels))[:, None] + strengths[:, None] * self.vector
        walks = _decode(self.model, z, _classes(self.model, images, labels), path)
        return walks if np.ndim(strength) else walks[:, 0]


def attribute_vector(model: keras.Model, with_images, without_images, labels=None) -> AttributeVector:
    """The direction of an attribute: the mean code of images with it, minus the mean code of those without.

    Source: Larsen et al. 2016, "Autoencoding beyond pixels", section 4.2; the "smile vector" of White 2016.

    Args:
        model: a model that offers `encode` and `decode`.
        with_images: (N, H, W, C), or a dataset.
        without_images: (M, H, W, C), or a dataset.
        labels: (labels of the first, labels of the second), of a model that needs them.

    Returns:
        An `AttributeVector`, with `vector` (latent_dim,) and `apply`.
    """
    _check_continuous(model)
    first, second = labels or (None, None)
    means = [model.encode(x, **_given(y)).mean(axis=0) for x, y in ((with_images, first), (without_images, second))]
    return AttributeVector(model, means[0] - means[1])


def _check_walk(model, steps):
    if steps < 2:
        raise ValueError(f"`steps` must be at least 2. Received: steps={steps}")
    if model.latent_dim == 0:
        raise ValueError(f"A walk needs a model with codes. Received: {type(model).__name__} of latent_dim=0")
    _check_continuous(model)


def _check_continuous(model):
    if model.num_codes is not None:
        raise ValueError(
            "A walk goes from code to code through those between them, and between whole numbers there are none. "
            f"Received: {type(model).__name__} of num_codes={model.num_codes}"
        )


def _check_prior(model):
    if not model.has_normal_prior:
        warnings.warn(
            f"The codes of this {type(model).__name__} are not distributed as N(0, I), which the walk assumes: some of "
            "its images may be unlike any in the data. `kg.tasks.CodeSampler` draws from where the codes are.",
            stacklevel=3,
        )


def _classes(model, images, labels):
    """The labels to decode a walk from images with: those given, or where the model classifies, its own answers."""
    return model.classify(images) if labels is None and hasattr(model, "classify") else labels


def _given(labels):
    return {} if labels is None else {"labels": labels}


def _decode(model, z, labels, path, **details):
    """Images of codes (walks, steps, D), written to `path` if there is one."""
    walks, steps = z.shape[:2]
    repeated = None if labels is None else np.repeat(np.broadcast_to(labels, (walks,)), steps)
    decoded = model.decode(z.reshape(-1, z.shape[-1]).astype("float32"), **_given(repeated))
    getattr(decoded, "provenance", {}).update(details)
    return _save(decoded.reshape(walks, steps, *decoded.shape[1:]), path)


def _save(images, path):
    """Writes walks (N, steps, H, W, C), or of series (N, steps, T, F), to `path`, if there is one, and returns them."""
    if path is not None and images.ndim == 4:
        if Path(path).suffix.lower() in image_files.ANIMATIONS:
            raise ValueError(f"A walk through series is drawn as curves, in a .png file. Received: {path}")
        plots.series(images.reshape(-1, *images.shape[2:]), columns=images.shape[1], path=path)
    elif path is not None and Path(path).suffix.lower() in image_files.ANIMATIONS:
        image_files.save_animation(images, path)
    elif path is not None:
        image_files.save_grid(images.reshape(-1, *images.shape[2:]), path, images.shape[1])
    return images
