"""Pictures of codes."""

import numpy as np


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

    codes = model.encode(images, **model.needs(labels))
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
