"""What codes are good for: a linear classifier, neighbors and clusters of them, all by scikit-learn."""

import numpy as np

from keras_gen.core import check_whole
from keras_gen.evaluation.clusters import clustering_accuracy

MAX_CODES = 5_000  # codes that are looked at: k-means and a mixture of more take minutes and say the same
MIN_PER_CLASS = 10  # of a class, below which a held-out half says nothing


def probe(
    codes: np.ndarray, labels: np.ndarray, neighbors: int = 5, seed: int = 0, learn_from=None
) -> dict[str, float]:
    """How well frozen codes predict the classes: half of the codes train the probe, the others test it.

    Args:
        codes: (N, ...), flattened; of more than 5,000 the first 5,000.
        labels: (N,) ints from 0; at least ten of each class.
        neighbors: k.
        seed: of the halves, which hold equal shares of each class.
        learn_from: (codes, labels) of other images to train on; all of the first are then for testing.

    Returns:
        dict of held-out accuracies: `linear_probe`, a multinomial logistic regression on units of variance 1, and
        `nearest_neighbors`, the vote of the k nearest.

    Raises:
        ValueError: if codes and labels do not match or tell nothing, or a class has fewer than ten.

    Reference:
        Alain and Bengio 2016, "Understanding intermediate layers using linear classifier probes".
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    check_whole(1, neighbors=neighbors)
    if learn_from is None:
        codes, labels = _checked(codes, labels)
        train, test, known, asked = train_test_split(codes, labels, test_size=0.5, random_state=seed, stratify=labels)
    else:
        pairs = zip((learn_from[0], codes), (learn_from[1], labels), strict=True)
        parts = [(np.asarray(z)[:MAX_CODES], np.asarray(y)[:MAX_CODES]) for z, y in pairs]
        both, classes = map(np.concatenate, zip(*parts, strict=True))
        both, classes = _checked(both, classes, 2 * MAX_CODES)
        (train, test), (known, asked) = (np.split(values, [len(parts[0][0])]) for values in (both, classes))
    learners = {
        "linear_probe": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        "nearest_neighbors": KNeighborsClassifier(min(neighbors, len(train))),
    }
    return {name: float(learner.fit(train, known).score(test, asked)) for name, learner in learners.items()}


def clustering(
    codes: np.ndarray, labels: np.ndarray, num_clusters: int | None = None, seed: int = 0
) -> dict[str, float]:
    """How well clusters of the codes, found without labels, agree with the classes.

    Args:
        codes: (N, ...), as `probe`.
        labels: (N,) ints from 0, which only judge.
        num_clusters: how many clusters; as many as there are classes if not given.
        seed: of the starts, of which the best of five by the methods' own measure is taken.

    Returns:
        dict of `kmeans_accuracy`, `kmeans_nmi`, `kmeans_ari` and the same of a Gaussian `mixture` with diagonal
        covariances: the matched accuracy (`clustering_accuracy`), the normalized mutual information (0 to 1) and the
        adjusted Rand index (about 0 by chance, 1 at best).

    Raises:
        ValueError: as `probe`.

    Reference:
        Hubert and Arabie 1985, "Comparing partitions"; Xie et al. 2016, equation 10, for the matched accuracy.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
    from sklearn.mixture import GaussianMixture

    codes, labels = _checked(codes, labels)
    count = len(np.unique(labels)) if num_clusters is None else num_clusters
    check_whole(2, num_clusters=count)
    methods = {
        "kmeans": KMeans(count, n_init=5, random_state=seed),
        # Collapsed units have no spread: their variance needs a floor.
        "mixture": GaussianMixture(
            count, covariance_type="diag", n_init=5, reg_covar=1e-3, max_iter=200, random_state=seed
        ),
    }
    metrics = {}
    for name, method in methods.items():
        found = method.fit_predict(codes)
        metrics[f"{name}_accuracy"] = clustering_accuracy(labels, found)
        metrics[f"{name}_nmi"] = float(normalized_mutual_info_score(labels, found))
        metrics[f"{name}_ari"] = float(adjusted_rand_score(labels, found))
    return metrics


def can_judge(codes: np.ndarray, labels: np.ndarray) -> bool:
    """Whether labels are classes, with enough codes of each, and the codes tell anything apart."""
    try:
        return bool(_checked(codes, labels)[1].min() >= 0)
    except ValueError:
        return False


def _checked(codes, labels, most=MAX_CODES):
    """Codes of mean 0 and mean variance 1, (N, D), and labels, or a sentence that says what is wrong with them.

    One scale for all units: units that a model left dead are no louder than the others.
    """
    codes = np.asarray(codes)
    if labels is None:
        raise ValueError("`labels` must be given: codes are judged by their classes. Received: labels=None")
    labels = np.asarray(labels)
    if codes.ndim < 2 or labels.shape != codes.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            "There must be a code and a whole label for each image. "
            f"Received: codes.shape={codes.shape}, labels of {labels.dtype}, shape={labels.shape}"
        )
    codes, labels = codes[:most].reshape(min(len(codes), most), -1).astype("float64"), labels[:most]
    if not np.isfinite(codes).all():
        raise ValueError("Codes must be finite. Received: infinities or NaN")
    classes, counts = np.unique(labels, return_counts=True)
    if len(classes) < 2 or counts.min() < MIN_PER_CLASS:
        raise ValueError(
            f"Codes must be of two classes or more, at least {MIN_PER_CLASS} codes of each. "
            f"Received: codes by class {dict(zip(classes.tolist(), counts.tolist(), strict=True))}"
        )
    codes = codes - codes.mean(axis=0)
    scale = np.sqrt(np.mean(codes**2)) if codes.size else 0.0
    if scale == 0:
        raise ValueError("Codes must differ to tell anything apart: is the model trained? Received: constant codes")
    return codes / scale, labels
