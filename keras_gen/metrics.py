"""What metrics mean: one table for the terminal, for reports and for pictures."""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from keras_gen import losses

GROUPS = {
    "loss": "Loss and its terms",
    "reconstruction": "Reconstruction",
    "likelihood": "Likelihood",
    "samples": "Samples",
    "codes": "Codes",
}


class Metric(NamedTuple):
    """What a number says.

    Args:
        group: a key of `GROUPS`.
        unit: "" of a number without one.
        better: "lower", "higher", or "" where neither is better by itself.
        meaning: one line.
    """

    group: str
    unit: str
    better: str
    meaning: str


SHARE, NATS, ERROR = "share", "nats per image", "squared error per image"
METRICS = {
    # === Terms of training, as `fit` and `evaluate` name them ===
    "loss": Metric("loss", "", "lower", "What training minimizes: the weighted sum of all terms."),
    "reconstruction_loss": Metric("loss", "", "lower", "How far the reconstruction is from the image."),
    "kl_loss": Metric("loss", NATS, "", "How much the code tells of the image; 0 means that the code is not used."),
    "active_units": Metric("loss", "units", "", "Units of the code that vary from image to image; others say nothing."),
    "dead_units": Metric("loss", "share of units", "lower", "Hidden units that stay silent for every image."),
    "sparsity_loss": Metric("loss", "", "lower", "How far the activity of hidden units is from the one asked for."),
    "mean_activation": Metric("loss", "", "", "Mean activity of hidden units."),
    "contractive_loss": Metric("loss", "", "lower", "How strongly the code answers to small changes of the image."),
    "classification_loss": Metric("loss", "nats", "lower", "Cross-entropy of the true class."),
    "accuracy": Metric("loss", SHARE, "higher", "Images whose class is recognized."),
    "d_loss": Metric("loss", "", "", "Loss of the discriminator; a game has no direction: look at the samples."),
    "g_loss": Metric("loss", "", "", "Loss of the generator; a game has no direction: look at the samples."),
    "d_real": Metric("loss", "", "", "Mean verdict of the discriminator on real images."),
    "d_fake": Metric("loss", "", "", "The same on generated ones; close to it where the two cannot be told apart."),
    "gradient_penalty": Metric("loss", "", "lower", "How far the critic's slope is from the one asked for."),
    "l1_loss": Metric("loss", "", "lower", "Absolute difference from the target picture."),
    "cycle_loss": Metric("loss", "", "lower", "How far an image is from itself after the way there and back."),
    "identity_loss": Metric("loss", "", "lower", "How much an image changes that is of the target kind already."),
    "information": Metric("loss", "nats", "higher", "Lower bound of what an image tells of its category."),
    "continuous_information": Metric(
        "loss", "nats", "higher", "Lower bound of what an image tells of its continuous code."
    ),
    "pseudo_likelihood": Metric("loss", NATS, "higher", "Log-probability of each pixel given all others, summed."),
    "si_sdr": Metric("loss", "dB", "higher", "Signal over distortion of the separated sources, whatever their scale."),
    "si_sdr_of_mixture": Metric("loss", "dB", "", "The same of the mixture as it is: what separation must exceed."),
    # === `kg.evaluation.report` ===
    "squared_error": Metric(
        "reconstruction", ERROR, "lower", "Squared difference from the original, summed over pixels."
    ),
    "psnr": Metric("reconstruction", "dB", "higher", "The same on the scale of image compression; above 30 is close."),
    "ssim": Metric(
        "reconstruction", "", "higher", "Likeness of local structure: 1 for equal images, about 0 for unrelated."
    ),
    "score": Metric(
        "likelihood", "the model's own", "higher", "How like the training data images are; compares images, not models."
    ),
    "log_likelihood": Metric("likelihood", NATS, "higher", "Log-probability of unseen images, estimated from below."),
    "bits_per_value": Metric("likelihood", "bits per value", "lower", "Size of losslessly compressed images."),
    "kernel_distance": Metric(
        "samples", "", "lower", "Distance of samples and real images; compares on the same features only."
    ),
    "kernel_distance_error": Metric("samples", "", "", "Standard error of the kernel distance."),
    "frechet_distance": Metric(
        "samples", "", "lower", "Distance of mean and covariance of both; compares at equal numbers only."
    ),
    "precision": Metric("samples", SHARE, "higher", "Samples that lie among real images: quality."),
    "recall": Metric("samples", SHARE, "higher", "Real images that lie among samples: variety."),
    "density": Metric("samples", "", "higher", "How densely real images surround the samples; about 1 for real ones."),
    "coverage": Metric(
        "samples", SHARE, "higher", "Real images that have a sample nearby: variety, robust to outliers."
    ),
    "two_sample_auroc": Metric(
        "samples", "AUROC", "lower", "How well a classifier tells sampled rows from real ones; 0.5 where it cannot."
    ),
    "two_sample_auroc_error": Metric("samples", "", "", "Standard error of the classifier's AUROC."),
    "column_distance": Metric(
        "samples", "", "lower", "Distance of each column's distribution, 0 to 1: the mean of all."
    ),
    "worst_column_distance": Metric("samples", "", "lower", "The same of the column that is farthest off."),
    "clustering_accuracy": Metric("codes", SHARE, "higher", "Images whose class is that of the model's own cluster."),
    "linear_probe": Metric(
        "codes", SHARE, "higher", "Classes that a linear classifier reads off the code of unseen images."
    ),
    "nearest_neighbors": Metric("codes", SHARE, "higher", "The same, by vote of the five nearest codes."),
    "kmeans_accuracy": Metric("codes", SHARE, "higher", "Images whose class is that of their k-means cluster."),
    "kmeans_nmi": Metric("codes", "", "higher", "Mutual information of k-means clusters and classes: 0 to 1."),
    "kmeans_ari": Metric(
        "codes", "", "higher", "Agreement of k-means clusters and classes: about 0 by chance, 1 at best."
    ),
    "mixture_accuracy": Metric("codes", SHARE, "higher", "Images whose class is that of their Gaussian cluster."),
    "mixture_nmi": Metric("codes", "", "higher", "Mutual information of Gaussian clusters and classes: 0 to 1."),
    "mixture_ari": Metric(
        "codes", "", "higher", "Agreement of Gaussian clusters and classes: about 0 by chance, 1 at best."
    ),
}
UNKNOWN = Metric("loss", "", "", "")  # a term of a model of one's own
UNIT_OF_TERM = {losses.bernoulli: NATS, losses.squared_error: ERROR}


def describe(name: str) -> Metric:
    """What a metric says, of training or of a report; an empty `Metric` of a name that is not known.

    Example:
        >>> kg.evaluation.describe("psnr").better
        'higher'
    """
    return METRICS.get(name, UNKNOWN)


def describe_all(names: Iterable[str], model: Any = None) -> dict[str, Metric]:
    """Name -> `Metric` of metrics that stand together: the terms of some models have the unit of their likelihood.

    Of a table's model they speak of rows.

    Args:
        names: of the metrics.
        model: of which they are, if it is known.
    """
    found = {name: describe(name) for name in names}
    terms = [name for name in found if name in ("loss", "reconstruction_loss")]
    unit = ""
    of_rows = getattr(model, "table", None) is not None
    if "kl_loss" in found or of_rows:  # terms of a bound, or of a table's likelihood
        unit = NATS
    elif isinstance(getattr(model, "likelihood", None), str) and hasattr(model, "likelihoods"):
        unit = UNIT_OF_TERM.get(model.likelihoods[model.likelihood], "")
        if any(name.endswith("_loss") and name not in terms for name in found):
            terms = [name for name in terms if name != "loss"]  # a sum of terms of several units
    found |= {name: found[name]._replace(unit=unit) for name in terms}
    if "loss" in found and {"d_loss", "g_loss"} <= set(found):
        found["loss"] = found["loss"]._replace(better="", meaning="The losses of all players together.")
    return {name: _of_rows(metric) for name, metric in found.items()} if of_rows else found


def _of_rows(metric):
    """What is said of images and pixels, of a table's rows and their slots."""
    words = {"images": "rows", "Images": "Rows", "image": "row", "pixels": "slots", "pixel": "slot"}

    def said(text):
        return re.sub("|".join(words), lambda found: words[found[0]], text)

    return metric._replace(unit=said(metric.unit), meaning=said(metric.meaning))
