"""How close generated images are to real ones, measured on features, (N, D), of both."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from keras_gen.core import check_whole
from keras_gen.evaluation.features import Features

MEGABYTES = 256  # of distances at a time
MIN_IMAGES = 10  # generated images that `fidelity` compares; twice as many real ones


class KernelDistance(NamedTuple):
    """Kernel distance: the mean over subsets, and its standard error.

    Args:
        value: the unbiased estimate of the squared maximum mean discrepancy; may be slightly below 0.
        error: the standard error, by the delete-d jackknife, of the draw of images and of the draw of subsets; with s
            the standard deviation over subsets of m of N images, s (m / (N - m) + 1 / subsets)^(1/2). The usual
            s / subsets^(1/2) alone leaves the images out, and is several times too small. Where the distance is near 0
            this one is too large, by a factor of 1.5 to 3. NaN where m = N, or of one subset.
    """

    value: float
    error: float


def kernel_distance(
    real: np.ndarray, generated: np.ndarray, subsets: int = 100, subset_size: int = 1000, seed: int = 0
) -> KernelDistance:
    """Kernel distance: the squared maximum mean discrepancy of the kernel `k(x, y) = (x.y / D + 1)^3`.

    On the features of an Inception network this is KID; on others it is named for them. Unbiased, for whatever size of
    the subsets:

        mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean_{i, j} k(x_i, y_j)

    Args:
        real, generated: features, (N, D) and (M, D).
        subsets: how many pairs of subsets are drawn without replacement.
        subset_size: of each.
        seed: of the draws.

    Returns:
        A `KernelDistance`.

    Raises:
        ValueError: if there are fewer features than a subset takes, or they do not match.

    Reference:
        Binkowski et al. 2018, "Demystifying MMD GANs", section 4; the error: Shao and Wu 1989, "A general theory for
        jackknife variance estimation".
    """
    real, generated = check_features(real, generated, subset_size)
    check_whole(1, subsets=subsets)
    check_whole(2, subset_size=subset_size)
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(subsets):
        x, y = (part[rng.choice(len(part), subset_size, replace=False)] for part in (real, generated))
        values.append(_mean_of_pairs(x) + _mean_of_pairs(y) - 2 * _kernel(x, y).mean())
    left_out = min(len(real), len(generated)) - subset_size
    error = np.nan
    if left_out and subsets > 1:
        error = float(np.std(values, ddof=1) * np.sqrt(subset_size / left_out + 1 / subsets))
    return KernelDistance(float(np.mean(values)), error)


def _kernel(x, y):
    return (x @ y.T / x.shape[1] + 1) ** 3


def _mean_of_pairs(x):
    """The mean of k over all pairs of two different features."""
    kernel = _kernel(x, x)
    return (kernel.sum() - np.trace(kernel)) / (len(x) * (len(x) - 1))


class Coverage(NamedTuple):
    """How much of one set of features lies where the other does.

    Args:
        precision: share of generated features inside the balls of the real ones.
        recall: share of real features inside the balls of the generated ones.
        density: how many balls of real features a generated one lies in, over the neighbors; 1 where both are alike.
        coverage: share of real features in whose ball a generated one lies.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def precision_recall(real: np.ndarray, generated: np.ndarray, neighbors: int = 5) -> Coverage:
    """Precision, recall, density and coverage. The ball of a feature reaches to its k-th neighbor of the same set.

    Args:
        real, generated: features, (N, D) and (M, D).
        neighbors: k.

    Returns:
        A `Coverage`.

    Raises:
        ValueError: if there are not more than k features of each, or they do not match.

    Reference:
        Kynkaanniemi et al. 2019, "Improved precision and recall metric for assessing generative models" (there k = 3);
        Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative models" (there k = 5).
    """
    from sklearn.metrics import pairwise_distances_chunked

    check_whole(1, neighbors=neighbors)
    real, generated = check_features(real, generated, neighbors + 1)
    real_radius, generated_radius = (_radii(part, neighbors) for part in (real, generated))
    inside_real = np.zeros(len(generated), "int64")  # in how many balls of real features each lies
    covered, recalled = [], []

    def count(distances, start):  # rows: real; columns: generated
        within = distances <= real_radius[start : start + len(distances), None]
        inside_real[:] += within.sum(axis=0)
        covered.append(within.any(axis=1))
        recalled.append((distances <= generated_radius).any(axis=1))

    for _ in pairwise_distances_chunked(real, generated, reduce_func=count, working_memory=MEGABYTES):
        pass
    return Coverage(
        float((inside_real > 0).mean()),
        float(np.concatenate(recalled).mean()),
        float(inside_real.mean() / neighbors),
        float(np.concatenate(covered).mean()),
    )


def _radii(features, neighbors):
    """The distance of each to its k-th neighbor, itself not counted. (N, D) -> (N,)."""
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=neighbors, algorithm="brute").fit(features)
    return search.kneighbors()[0][:, -1]


def frechet_distance(real: np.ndarray, generated: np.ndarray) -> float:
    """The Frechet distance of two normals with the means and covariances of the features.

        |m - n|^2 + tr(S + T - 2 (S T)^(1/2))

    On the features of an Inception network this is FID; on others it is named for them. Biased upwards by small sets:
    compare equal numbers only, beside the distance of two halves of the real ones.

    Args:
        real, generated: features, (N, D) and (M, D).

    Returns:
        float.

    Raises:
        ValueError: if there are fewer than two features of each, or they do not match.

    Reference:
        Heusel et al. 2017, "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", eq. 6.
    """
    real, generated = check_features(real, generated, 2)
    (m, s), (n, t) = ((part.mean(axis=0), np.atleast_2d(np.cov(part, rowvar=False))) for part in (real, generated))
    # tr (S T)^(1/2) = tr (S^(1/2) T S^(1/2))^(1/2), of a symmetric matrix without negative eigenvalues.
    values, vectors = np.linalg.eigh(s)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ t @ root), 0)).sum()
    return float(np.sum((m - n) ** 2) + np.trace(s) + np.trace(t) - 2 * cross)


def check_features(real: np.ndarray, generated: np.ndarray, fewest: int) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64, or a sentence that says what is wrong with them."""
    real, generated = (np.asarray(part, "float64") for part in (real, generated))
    if real.ndim != 2 or generated.ndim != 2 or real.shape[1] != generated.shape[1]:
        raise ValueError(
            "Both sets must be features, (N, D), of the same D. "
            f"Received: real.shape={real.shape}, generated.shape={generated.shape}"
        )
    for name, part in (("real", real), ("generated", generated)):
        if len(part) < fewest:
            raise ValueError(f"Both sets must have at least {fewest} features. Received: {len(part)} {name} ones")
        if not np.isfinite(part).all():
            raise ValueError(f"Features must be finite. Received: {name} ones with infinities or NaN")
    if (real.std(axis=0) == 0).all():
        raise ValueError("Real features must differ to tell anything apart: take others. Received: constant features")
    return real, generated


def fidelity(
    generated: np.ndarray, real: np.ndarray, features: Callable, seed: int = 0, subsets: int = 50, neighbors: int = 5
) -> dict[str, Any]:
    """Every metric of fidelity, beside its value between real images (floor) and for noise (control).

    Look at the control first: features of a classifier of digits gave noise a precision of 0.997, with a recall of 0.
    Only metrics that tell noise from images, there kernel distance and recall, say anything about samples.

    Equal numbers of both are compared: as many as there are generated images, and no more than half of the real ones,
    so that the other half gives the floor.

    Args:
        generated: (M, H, W, C) in [0, 1], of a model.
        real: (N, H, W, C) in [0, 1], that it was not trained on.
        features: `Features`, or any function of images to (N, D).
        seed: of the choice of real images, of the subsets and of the noise.
        subsets: of the kernel distance, each of at most 1,000.
        neighbors: of precision, recall, density and coverage.

    Returns:
        dict of `generated`, `floor` (real images against others) and `control` (uniform noise), each a dict of
        `kernel_distance`, `kernel_distance_error`, `frechet_distance`, `precision`, `recall`, `density`, `coverage`;
        and of `size`, how many of each were compared, and `features`, their name.

    Raises:
        ValueError: if there are too few images.
    """
    size = min(len(generated), len(real) // 2)
    fewest = max(neighbors + 1, MIN_IMAGES)
    if size < fewest:
        raise ValueError(
            f"Fidelity needs at least {fewest} generated and {2 * fewest} real images. "
            f"Received: {len(generated)} generated and {len(real)} real ones"
        )
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(real))[: 2 * size]
    reference, others = (features(np.asarray(real)[np.sort(part)]) for part in np.split(order, 2))
    chosen = np.sort(rng.permutation(len(generated))[:size])
    noise = rng.random((size, *np.shape(real)[1:]), dtype="float32")
    compared = {"generated": features(np.asarray(generated)[chosen]), "floor": others, "control": features(noise)}
    result = {}
    for name, part in compared.items():
        kernel = kernel_distance(reference, part, subsets, min(1000, size // 2), seed)
        result[name] = {
            "kernel_distance": kernel.value,
            "kernel_distance_error": kernel.error,
            "frechet_distance": frechet_distance(reference, part),
            **precision_recall(reference, part, neighbors)._asdict(),
        }
    return {**result, "size": size, "features": getattr(features, "name", type(features).__name__)}


def nearest(generated: np.ndarray, real: np.ndarray, features: Callable | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The nearest real image of each generated one: shows whether a model copies its training images.

    Args:
        generated: (M, ...) images.
        real: (N, ...) those that the model was trained on.
        features: function of images to (N, D) in which to measure; None for the pixels.

    Returns:
        Indices into `real`, (M,), and distances, (M,).
    """
    from sklearn.neighbors import NearestNeighbors

    of_real, of_generated = (
        np.reshape(part if features is None else features(part), (len(part), -1)) for part in (real, generated)
    )
    distances, indices = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(of_real).kneighbors(of_generated)
    return indices[:, 0], distances[:, 0]


def class_histogram(images: np.ndarray, features: Features) -> tuple[np.ndarray, float]:
    """What a classifier takes images for.

    Args:
        images: (N, H, W, C) in [0, 1].
        features: `Features`.

    Returns:
        Shares of the classes, (K,), and the mean probability of the class that each image was taken for.
    """
    probabilities = features.probabilities(images)
    shares = np.bincount(probabilities.argmax(axis=1), minlength=features.num_classes) / len(images)
    return shares, float(probabilities.max(axis=1).mean())
