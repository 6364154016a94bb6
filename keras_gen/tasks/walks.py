"""Walks through the codes of a model: between images, over a plane, as a map."""

from statistics import NormalDist

import numpy as np


def interpolate(model, start, end, steps=10, mode="linear"):
    """Images on the way from one image to another, through the codes.

    "linear" goes straight, `(1 - t) z0 + t z1`; "spherical" along the great circle, which keeps the length that
    codes of a normal prior have (White 2016, equation of slerp).

    Args:
        model: a model that offers `encode` and `decode`.
        start: (N, H, W, C), images to leave from.
        end: (N, H, W, C), images to arrive at.
        steps: images per walk, both ends included.
        mode: "linear" or "spherical".

    Returns:
        (N, steps, H, W, C) in [0, 1].
    """
    if steps < 2:
        raise ValueError(f"`steps` must be at least 2. Received: steps={steps}")
    if mode not in ("linear", "spherical"):
        raise ValueError(f"`mode` must be 'linear' or 'spherical'. Received: mode={mode!r}")
    z0, z1 = model.encode(start)[:, None], model.encode(end)[:, None]  # (N, 1, D)
    t = np.linspace(0, 1, steps, dtype="float32")[None, :, None]  # (1, steps, 1)
    if mode == "linear":
        z = (1 - t) * z0 + t * z1
    else:
        cosine = np.sum(z0 * z1, -1, keepdims=True) / np.maximum(
            np.linalg.norm(z0, axis=-1, keepdims=True) * np.linalg.norm(z1, axis=-1, keepdims=True), 1e-12
        )
        angle = np.arccos(np.clip(cosine, -1, 1))
        sine = np.sin(angle)
        straight = (1 - t) * z0 + t * z1
        curved = (np.sin((1 - t) * angle) * z0 + np.sin(t * angle) * z1) / np.maximum(sine, 1e-6)
        z = np.where(sine < 1e-6, straight, curved)
    decoded = model.decode(z.reshape(-1, z.shape[-1]).astype("float32"))
    return decoded.reshape(len(z0), steps, *decoded.shape[1:])


def manifold(model, size=20):
    """The plane of a two-dimensional code, at the quantiles of its normal prior (Kingma and Welling 2014, figure 4).

    Args:
        model: a model that offers `decode`, with latent_dim 2.
        size: images on a side.

    Returns:
        (size * size, H, W, C) in [0, 1], rows from top to bottom.

    Raises:
        ValueError: if the code is not of two dimensions.
    """
    if model.latent_dim != 2:
        raise ValueError(f"A manifold is drawn of two dimensions. Received: latent_dim={model.latent_dim}")
    quantiles = [NormalDist().inv_cdf((i + 0.5) / size) for i in range(size)]
    z = [(x, y) for y in reversed(quantiles) for x in quantiles]
    return model.decode(np.array(z, "float32"))


def latent_map(model, images, labels, path):
    """Draws the codes of images as points, coloured by label; more than two dimensions by their principal plane.

    Args:
        model: a model that offers `encode`.
        images: (N, H, W, C), or a dataset of them.
        labels: (N,) ints, or None.
        path: PNG file.

    Returns:
        The path.
    """
    from matplotlib.figure import Figure
    from sklearn.decomposition import PCA

    codes = model.encode(images)
    axes_names = ("z1", "z2")
    if codes.shape[1] > 2:
        pca = PCA(2).fit(codes)
        codes = pca.transform(codes)
        axes_names = [
            f"component {i + 1} ({share:.0%} of the variance)" for i, share in enumerate(pca.explained_variance_ratio_)
        ]
    elif codes.shape[1] == 1:
        codes = np.concatenate([codes, np.zeros_like(codes)], axis=1)
    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.subplots()
    labels = np.zeros(len(codes), int) if labels is None else np.asarray(labels)
    for label in np.unique(labels):
        chosen = labels == label
        axes.scatter(*codes[chosen].T, s=8, alpha=0.7, color=f"C{label % 10}", label=str(label))
    if len(np.unique(labels)) > 1:
        axes.legend(title="class", markerscale=2, loc="center left", bbox_to_anchor=(1, 0.5))
    axes.set(
        xlabel=axes_names[0], ylabel=axes_names[1], title=f"Codes of {len(codes):,} images by {type(model).__name__}"
    )
    figure.savefig(path, dpi=120)
    return path
