"""Pictures of codes."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from keras_gen import plots
from keras_gen.core.checks import check_choice


def latent_map(
    model: keras.Model,
    images,
    labels,
    path: str | Path,
    method: str = "pca",
    seed: int = 0,
    class_names: Sequence[str] | None = None,
) -> Path:
    """Draws the codes of images as points, coloured by label.

    Args:
        model: a model that offers `encode`.
        images: (N, H, W, C), or a dataset of them.
        labels: (N,) ints, or None.
        path: PNG file.
        method: how more than two dimensions are projected to two: "pca", the plane of their largest variance, where
            distances can be read; or "tsne", which keeps neighbors together (van der Maaten and Hinton 2008) and in
            which distances between groups, and their sizes, mean nothing.
        seed: of t-SNE.
        class_names: for the legend, by label; None for the labels.

    Returns:
        The path.

    Raises:
        ValueError: if the method is none of these, or there are fewer than two codes, or all are alike.
    """
    check_choice("method", method, ("pca", "tsne"))
    codes = np.asarray(model.code_vectors(images, **model.label_kwargs(labels)))
    if len(codes) < 2:
        raise ValueError(f"A map needs two codes or more. Received: {len(codes)}")
    size = np.abs(codes).max()
    if not np.isfinite(size) or np.ptp(codes, axis=0).max() <= 1e-6 * size:  # equal images may differ in the last digit
        raise ValueError(f"A map needs finite codes that differ. Received: {len(codes)} codes, all alike or not finite")
    codes, axes_names = _plane(codes, method, seed)
    shown = "images" if len(model.data_shape) == 3 else "examples"
    title = f"Codes of {len(codes):,} {shown} by {type(model).__name__}"
    return plots.latent_map(codes, labels, axes_names, title, path, class_names)


def _plane(codes, method, seed):
    """Two numbers for each code, and what they are."""
    if codes.shape[1] == 1:
        return np.concatenate([codes, np.zeros_like(codes)], axis=1), ("z1", "")
    if codes.shape[1] == 2:
        return codes, ("z1", "z2")
    if method == "tsne":
        from sklearn.manifold import TSNE

        perplexity = min(30, (len(codes) - 1) / 3)  # fewer codes have fewer neighbors
        return TSNE(2, perplexity=perplexity, random_state=seed).fit_transform(codes), ("t-SNE 1", "t-SNE 2")
    from sklearn.decomposition import PCA

    pca = PCA(2).fit(codes)
    shares = pca.explained_variance_ratio_
    return pca.transform(codes), [f"component {i + 1} ({share:.0%} of the variance)" for i, share in enumerate(shares)]
