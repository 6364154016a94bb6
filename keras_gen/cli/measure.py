"""Verbs that measure a model, and images by it."""

import sys
import warnings
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

import keras_gen as kg
from keras_gen.cli.app import Force, app, refuse_overwriting, writes
from keras_gen.cli.options import check_option, choose_data, choose_images
from keras_gen.files import write_json

CLASSIFIER_IMAGES = 20_000  # that the features of `evaluate` are learnt from


@app.command
def detect(
    run: str,
    folder: str,
    *,
    out: str,
    score: Literal["reconstruction", "likelihood", "latent", "critic"] = "reconstruction",
    relative: Literal["energy", "variation"] | None = None,
    blur: float = 0.0,
    normal: str | None = None,
    false_alarms: float = 0.05,
    count: int = 20,
    on_error: Literal["stop", "skip"] = "stop",
    verbose: int = 1,
    force: Force = False,
) -> None:
    """Score the images of a folder by how unlike they are to what a model knows; write a table and a picture.

    Args:
        run: run folder, .keras file or shipped model.
        folder: of images, at any depth, which are made of the model's size.
        out: folder for the report, scores.csv and worst.png.
        score: squared error of the reconstruction, the model's own score, distance of the code, or a GAN's critic.
        relative: divide the error by the image's energy (strokes on a dark ground) or its variation; of plain errors
            the busiest images are the worst, whatever they show.
        blur: of the errors, in pixels, before they are squared.
        normal: normal data that set the threshold, a name, folder or file; the run's own held-out split if not given,
            or, where its test split has defects, what its epochs are judged on.
        false_alarms: share of the normal data that may be called an anomaly.
        count: how many of the worst are drawn.
        on_error: stop at files that cannot be read, or skip them and name them.
        verbose: 0 silent, 1 a progress bar.
    """
    check_option("count", count, 1)
    if force:
        (Path(out) / "scores.csv").unlink(missing_ok=True)
    else:
        refuse_overwriting(out)
    model, normal_images, _ = choose_images(run, normal, None, "--normal", normal=True)
    detector = kg.tasks.AnomalyDetector(model, score, false_alarms, relative, blur).fit(normal_images)
    total, found = kg.tasks.detect_folder(detector, folder, out, on_error=on_error, count=count, verbose=verbose)
    print(f"{found} of {total} images are anomalies at {false_alarms:.1%} false alarms: {out}")


@writes
def evaluate(
    run: str, *, data: str | None = None, out: str | None = None, samples: int = 200, fidelity: bool = True
) -> None:
    """Print the metrics of a model on held-out data.

    Args:
        run: run folder, or with --data any model.
        data: where to take the images from; the run's own held-out split if not given.
        out: JSON file to write them to.
        samples: importance samples per image of the log-likelihood.
        fidelity: of a model that samples images, where the data have classes: compare samples and held-out images in
            the features of a classifier of these classes, which is trained on the training split first.
    """
    verbose = 1 if sys.stderr.isatty() else 0
    chosen = choose_data(run, data, None)
    model, has_classes = chosen.model, chosen.source.info.num_classes is not None
    features = None
    if fidelity and has_classes and "sample" in model.offers and len(model.data_shape) == 3:
        try:
            features = _classifier_features(chosen, data is not None, verbose)
        except ValueError as error:
            warnings.warn(f"samples are not compared with images: {error}", stacklevel=1)
    metrics = kg.evaluation.report(model, chosen.dataset, num_samples=samples, features=features, verbose=verbose)
    compared = any(name.endswith("_floor") for name in metrics)
    table = Table("metric", "value", title=f"{type(model).__name__} of {run}")
    for header in ("real against real", "noise") if compared else ():
        table.add_column(header)
    for name in metrics:
        if not name.endswith(("_floor", "_control")):
            beside = (_written(metrics.get(name + ending, "")) for ending in ("_floor", "_control"))
            table.add_row(name, _written(metrics[name]), *(beside if compared else ()))
    Console().print(table)
    if out:
        write_json(out, metrics)


def _written(value):
    return f"{value:.4f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value


def _classifier_features(chosen, named, verbose):
    """Features of a classifier of the classes of a run's training data, or of those of a named source."""
    from keras_gen.evaluation.summary import cap_by_memory

    shape, config, splits = chosen.model.data_shape, chosen.config, chosen.source.info.splits
    options = {"limit": cap_by_memory(CLASSIFIER_IMAGES, shape), "labels": True, "shuffle": True}
    if not named:
        dataset = config.load(config.training_split, **options)
    elif {"train", "test"} <= set(splits):
        options |= {"image_size": shape[:2], "channels": shape[2], "binarize": config and config.binarize}
        dataset = kg.data.load(chosen.source, "train", **options)
    else:
        raise ValueError(
            "the classifier must learn from other images than these, so the data must have the splits train and test. "
            f"Received: splits {', '.join(splits)}"
        )
    images, labels = kg.data.stack(dataset)
    return kg.evaluation.classifier_features(images[labels >= 0], labels[labels >= 0], verbose=verbose)
