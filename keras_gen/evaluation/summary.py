"""`report`: every metric that a model's abilities allow."""

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen.evaluation import probes
from keras_gen.evaluation.clusters import clustering_accuracy
from keras_gen.evaluation.fidelity import MIN_IMAGES, fidelity
from keras_gen.evaluation.likelihood import log_likelihood
from keras_gen.evaluation.quality import psnr_of_error, ssim
from keras_gen.evaluation.tables import table_fidelity

LIKELIHOOD_IMAGES = 1_000
SLOW_IMAGES = 500  # scored by a model that calls a network many times for each
FIDELITY_IMAGES = 2_000  # generated; as many real ones, and as many others for the floor
HALF_A_GIGABYTE = 2**29
BATCH = 100


def report(
    model: keras.Model, images, labels=None, num_samples: int = 200, features=None, verbose: int = 0
) -> dict[str, Any]:
    """Held-out metrics of a model on images that it was not trained on.

    Args:
        model: any model of the package.
        images: (N, H, W, C) in [0, 1] or (N, D); or a dataset of them, which is streamed.
        labels: (N,) ints, where the model needs them or is judged by them; of a translator, the targets or the images
            of the other kind. A dataset may hold them.
        num_samples: importance samples per image of the log-likelihood.
        features: `Features`, or a function of images to (N, D), in which samples are compared with the images.
        verbose: 1 for progress bars.

    Returns:
        dict of name to value: `images` (how many), the model's own terms as `evaluate` gives them,
        `squared_error` (per image, summed over pixels; of the reconstruction, of a denoiser of what it restores from
        corrupted images, of a separator of the sources, of a translator of pairs, and of one without pairs of the way
        there and back), `psnr` (dB, for images, of the mean squared error), `ssim` (for images, the mean), `score`
        (mean, the model's unit), and `log_likelihood` (nats per image, of the first 1,000 images; for a Bernoulli
        likelihood only of zeros and ones and for a discretized one of 8-bit levels, for it is no likelihood of other
        values), `bits_per_value` (of a discretized likelihood); with labels, of a model that clusters,
        `clustering_accuracy`, and of one that encodes the metrics of `probe` and `clustering` on the codes of at most
        5,000 images, where they hold ten of each class; with features and twenty images, of a model that samples, those
        of `fidelity` for at most 2,000 samples of seed 0, each followed by its `_floor` and its `_control`, and of what
        they were measured: `fidelity_images`, `fidelity_features` and `fidelity_classes`. Of black and white images the
        pixels of samples are drawn. Of a table's model that samples, those of `table_fidelity`. What a metric means
        `describe` tells.
    """
    metrics: dict[str, Any] = {"images": 0}
    if model.compiled:
        batch_size = None if isinstance(images, tf.data.Dataset) else BATCH
        metrics |= model.evaluate(
            images,
            None if model.supervision is None and model.target_mode is None else labels,
            batch_size=batch_size,
            verbose=verbose,
            return_dict=True,
        )
    squared_error, similarity, score, scored, values = 0.0, 0.0, 0.0, 0, None
    beginning: list[np.ndarray] = []
    first_labels, clusters, classes = [], [], []
    samples_images = features is not None and "sample" in model.offers and len(model.data_shape) == 3
    samples_rows = model.table is not None and "sample" in model.offers
    compared_images = cap_by_memory(FIDELITY_IMAGES, model.data_shape)
    judged, real = Reservoir(probes.MAX_CODES), Reservoir(2 * compared_images)
    for x, y in batches_of(images, labels):
        metrics["images"] += len(x)
        compared = model.reconstruction_pairs(x, y)
        if compared is not None:
            dimensions = len(model.data_shape)  # of an image; a separator gives several of each
            made, expected = (np.asarray(part).reshape(-1, *part.shape[-dimensions:]) for part in compared)
            squared_error += np.nansum((made - expected) ** 2, dtype="float64") * len(x) / len(made)
            values = made[0].size
            if dimensions == 3:
                similarity += np.sum(ssim(made, expected), dtype="float64") * len(x) / len(made)
        if "score" in model.offers and (scored < SLOW_IMAGES or not model.slow):
            score += np.sum(model.score(x, **model.label_kwargs(y)), dtype="float64")
            scored += len(x)
        if y is not None and model.target_mode is None:
            if hasattr(model, "cluster"):
                clusters.append(model.cluster(x))
                classes.append(y)
            if "encode" in model.offers and not model.slow:
                judged.add(np.asarray(model.code_vectors(x, **model.label_kwargs(y))), y)
        if samples_images or samples_rows:
            real.add(x, y if model.supervision == "required" else np.zeros(len(x), int))
        if sum(len(part) for part in beginning) < LIKELIHOOD_IMAGES:
            beginning.append(x)
            first_labels.append(y)
    if values is not None:
        metrics["squared_error"] = float(squared_error / metrics["images"])
        if len(model.data_shape) == 3:
            metrics["psnr"] = psnr_of_error(metrics["squared_error"] / values)
            metrics["ssim"] = float(similarity / metrics["images"])
    if "score" in model.offers:
        metrics["score"] = float(score / scored)
    first = np.concatenate(beginning)[:LIKELIHOOD_IMAGES]
    if "log_weights" in model.offers and np.all(in_support(model.data_likelihood, first)):
        y = np.concatenate(first_labels)[:LIKELIHOOD_IMAGES] if model.supervision == "required" else None
        likelihood = float(log_likelihood(model, first, num_samples, verbose=verbose, labels=y).mean())
        metrics["log_likelihood"] = likelihood
        if model.data_likelihood == "discretized_logistic":
            metrics["bits_per_value"] = -likelihood / np.log(2) / np.prod(model.data_shape)
    if clusters:
        metrics["clustering_accuracy"] = clustering_accuracy(np.concatenate(classes), np.concatenate(clusters))
    if judged.count and probes.can_judge(*judged.all()):
        metrics |= probes.probe(*judged.all()) | probes.clustering(*judged.all())
    if real.count >= 2 * MIN_IMAGES:
        kept, kept_classes = real.all()
        if samples_rows:
            metrics |= _fidelity_of_rows(model, kept, kept_classes)
        else:
            metrics |= _fidelity_of(model, kept, kept_classes, features)
    return metrics


def cap_by_memory(count: int, data_shape: tuple[int, ...]) -> int:
    """So many images, or as many as there are in half a gigabyte."""
    return min(count, max(2 * MIN_IMAGES, HALF_A_GIGABYTE // (4 * math.prod(data_shape))))


class Reservoir:
    """A draw of at most so many out of all that pass by, in their order: data may be sorted by class.

    Each gets a random key, and the smallest keys stay. What is too much is thrown away when there is twice as much.
    """

    def __init__(self, most):
        self.most, self.count, self.rng = most, 0, np.random.default_rng(0)
        self.largest, self.parts = 1.0, []  # key that is still kept; lists of keys and arrays

    def add(self, *arrays) -> None:
        """Arrays of one length, the same ones each time."""
        keys = self.rng.random(len(arrays[0]))
        self.count += len(keys)
        self.parts.append([np.asarray(array)[keys <= self.largest] for array in (keys, *arrays)])
        if sum(len(part[0]) for part in self.parts) > 2 * self.most:
            self._thin()

    def all(self) -> list:
        self._thin()
        return self.parts[0][1:]

    def _thin(self):
        keys, *arrays = (np.concatenate(part) for part in zip(*self.parts, strict=True))
        if len(keys) > self.most:
            smallest = np.sort(np.argpartition(keys, self.most - 1)[: self.most])
            keys, arrays = keys[smallest], [array[smallest] for array in arrays]
            self.largest = keys.max()
        self.parts = [[keys, *arrays]]


def _fidelity_of(model, real, classes, features):
    """`fidelity` of samples, flat; of a model of labels, for labels as the images have them."""
    count = min(cap_by_memory(FIDELITY_IMAGES, model.data_shape), len(real) // 2)
    samples = model.sample(count, labels=classes[:count] if model.supervision == "required" else None, seed=0)
    if np.all((real == 0) | (real == 1)):  # black and white: samples are the probabilities of such pixels
        samples = (np.random.default_rng(0).random(samples.shape) < samples).astype("float32")
    found = fidelity(samples, real, features)
    endings = {"generated": "", "floor": "_floor", "control": "_control"}
    return {name + ending: found[part][name] for name in found["generated"] for part, ending in endings.items()} | {
        "fidelity_images": found["size"],
        "fidelity_features": found["features"],
        **({"fidelity_classes": features.num_classes} if hasattr(features, "num_classes") else {}),
    }


def _fidelity_of_rows(model, real, classes):
    """`table_fidelity` of samples; of a model of labels, for labels as the rows have them."""
    count = min(FIDELITY_IMAGES, len(real))
    samples = model.sample(count, labels=classes[:count] if model.supervision == "required" else None, seed=0)
    return {**table_fidelity(model.table.decode(real[:count], missing=True), samples), "fidelity_images": count}


def in_support(likelihood, x) -> Any:
    """Where the values of x are among those that a likelihood gives a probability, or a density, to."""
    if likelihood == "bernoulli":
        return (x == 0) | (x == 1) | np.isnan(x)  # where a series has ended, there is no value
    if likelihood == "discretized_logistic":
        return np.abs(x * 255 - np.rint(x * 255)) < 1e-3
    return True


def batches_of(images, labels=None) -> Iterator[tuple[np.ndarray, Any]]:
    """(images, labels or None) of arrays or a dataset, in their order."""
    if isinstance(images, tf.data.Dataset):
        for batch in images.as_numpy_iterator():
            yield batch[:2] if isinstance(batch, tuple) and len(batch) > 1 else (batch, None)
    else:
        for start in range(0, len(images), BATCH):
            part = slice(start, start + BATCH)
            yield np.asarray(images[part], "float32"), None if labels is None else np.asarray(labels[part])
