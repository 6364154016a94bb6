"""What a search may compare trials by: metrics of held-out images that do not contain what is searched."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from keras_gen import data, evaluation
from keras_gen.core import GenerativeModel
from keras_gen.core.renamed import warn_of
from keras_gen.training.config import RunConfig

IMAGES = 10_000  # at most, that a trial is judged on
ACTIVE = 0.1  # share of the units that `sparse_reconstruction` keeps


class Objective(NamedTuple):
    """A metric of held-out images that does not contain what is searched.

    Args:
        direction: "max" or "min".
        needs: abilities, of `model.offers`.
        labelled: whether the data must have classes.
        metric: function of a model and a `HeldOut` to a float.
        what: in words.
    """

    direction: str
    needs: tuple[str, ...]
    labelled: bool
    metric: Callable[[GenerativeModel, "HeldOut"], float]
    what: str

    @property
    def figure(self) -> Callable:
        warn_of("figure", "metric")
        return self.metric


class HeldOut:
    """What the trials are judged on: the images that their runs hold out for validation, and never the test split.

    Args:
        config: what the runs of the trials have in common.
    """

    def __init__(self, config: RunConfig):
        self.config, self.seed = config, config.seed
        loaded: Any = data.stack(config.load(config.validation_split, labels=config.has_classes, limit=IMAGES))
        self.images: np.ndarray
        self.labels: np.ndarray | None
        self.images, self.labels = loaded if config.has_classes else (loaded, None)

    @functools.cached_property
    def training(self) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels of the training part."""
        return data.stack(self.config.load(self.config.training_split, labels=True, limit=2 * IMAGES))

    @functools.cached_property
    def features(self) -> evaluation.Features:
        """Of a classifier of the classes of the training part."""
        return evaluation.classifier_features(*self.training, seed=self.seed, verbose=0)


def _elbo(model, held_out):
    return model.score(held_out.images, **model.label_kwargs(held_out.labels)).mean()


def _log_likelihood(model, held_out):
    images, labels = held_out.images[:1000], None if held_out.labels is None else held_out.labels[:1000]
    return evaluation.log_likelihood(
        model, images, 200, seed=held_out.seed, verbose=0, **model.label_kwargs(labels)
    ).mean()  # fmt: skip


def _probe_accuracy(model, held_out):
    known, codes = (
        (model.code_vectors(images, **model.label_kwargs(labels)), labels)
        for images, labels in (held_out.training, (held_out.images, held_out.labels))
    )
    return evaluation.probe(*codes, seed=held_out.seed, learn_from=known)["linear_probe"]


def _squared_error(model, held_out):
    made = model.reconstruct(held_out.images, **model.label_kwargs(held_out.labels))
    return ((made - held_out.images) ** 2).reshape(len(made), -1).sum(axis=1).mean()


def _sparse_reconstruction(model, held_out):
    codes = np.asarray(model.encode(held_out.images))
    keep = max(1, round(ACTIVE * codes.shape[1]))
    smallest_kept = np.sort(np.abs(codes), axis=1)[:, -keep, None]
    made = model.decode(np.where(np.abs(codes) >= smallest_kept, codes, 0).astype("float32"))
    return ((made - held_out.images) ** 2).reshape(len(made), -1).sum(axis=1).mean()


def _kernel_distance(model, held_out):
    count = min(2000, len(held_out.images) // 2)
    labels = held_out.labels[:count] if model.supervision == "required" else None
    samples = model.sample(count, labels=labels, seed=held_out.seed)
    real, made = (held_out.features(part) for part in (held_out.images, samples))
    return evaluation.kernel_distance(real, made, 50, min(1000, count // 2), held_out.seed).value


def _mutual_information_gap(model, held_out):
    truth = data.glyphs("train[90%:]", limit=IMAGES)
    return evaluation.mutual_information_gap(model.encode(truth.images), truth.factors)


OBJECTIVES = {
    "elbo": Objective("max", ("log_weights",), False, _elbo, "held-out ELBO at beta = 1, nats per image"),
    "log_likelihood": Objective(
        "max",
        ("log_weights",),
        False,
        _log_likelihood,
        "importance-sampled log-likelihood, 200 samples, nats per image",
    ),
    "probe_accuracy": Objective(
        "max", ("encode",), True, _probe_accuracy, "held-out accuracy of a linear classifier on frozen codes"
    ),
    "squared_error": Objective(
        "min", ("reconstruct",), False, _squared_error, "squared error of reconstructions per image"
    ),
    "sparse_reconstruction": Objective(
        "min",
        ("encode", "decode"),
        False,
        _sparse_reconstruction,
        f"squared error per image where only the largest {ACTIVE:.0%} of the units of each code are kept",
    ),
    "kernel_distance": Objective(
        "min", ("sample",), True, _kernel_distance, "kernel distance of samples on the features of a classifier"
    ),
    "mutual_information_gap": Objective(
        "max", ("encode",), False, _mutual_information_gap, "MIG of the codes of glyphs"
    ),
}


def reportable(cls: type[GenerativeModel]) -> list[str]:
    """Names of the objectives that a model of this class has the abilities for."""
    return [name for name, known in OBJECTIVES.items() if set(known.needs) <= set(cls.offers)]
