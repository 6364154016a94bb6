"""Verbs that measure a model."""

import os
import sys
import warnings
from pathlib import Path

from rich.console import Console

import keras_gen as kg
from keras_gen.cli.app import Force, app, writes
from keras_gen.cli.options import choose_data
from keras_gen.files import write_json

CLASSIFIER_IMAGES = 20_000  # that the features of `evaluate` are learnt from


@writes
def evaluate(
    run: str, *, data: str | None = None, out: str | None = None, samples: int = 200, fidelity: bool = True
) -> None:
    """Print the metrics of a model on held-out data: in groups, with what they mean and what a rival reaches.

    Args:
        run: run folder, or with --data any model.
        data: where to take the images from; the run's own held-out split if not given.
        out: JSON file to write them to; if neither this nor --data is given, evaluation.json of the run folder, which
            `keras-gen report` shows.
        samples: importance samples per image of the log-likelihood.
        fidelity: of a model that samples images, where the data have classes: compare samples and held-out images in
            the features of a classifier of these classes, which is trained on the training split first.
    """
    verbose = 1 if sys.stderr.isatty() else 0
    chosen = choose_data(run, data, None)
    model, has_classes = chosen.model, chosen.source.info.num_classes is not None
    compares = fidelity and has_classes and "sample" in model.offers and len(model.data_shape) == 3
    features = None
    if compares:
        try:
            features = _classifier_features(chosen, data is not None, verbose)
        except ValueError as error:
            warnings.warn(f"samples are not compared with images: {error}", stacklevel=1)
    metrics = kg.evaluation.report(model, chosen.dataset, num_samples=samples, features=features, verbose=verbose)
    metrics |= _baselines(chosen, data is not None)
    if out is None and data is None and os.access(run, os.W_OK):
        out = str(Path(run) / "evaluation.json")
    if out:
        write_json(out, metrics)  # first: a reader such as `head` may close the output
    _print_metrics(metrics, model, run)


def _print_metrics(metrics, model, run):
    """The rows in groups, the meaning of each below it, and what they cannot judge."""
    from keras_gen.evaluation.rows import written

    console = Console(highlight=False, markup=False)
    console.print(f"{type(model).__name__} of {run}", style="bold")
    for group in kg.evaluation.grouped(metrics, model):
        console.print(f"\n{group.title}", style="bold", end="")
        console.print(f": {group.measured_on}")
        header = ("", "value", *group.beside)
        widths = [24, 10, *(max(10, len(name) + 2) for name in group.beside)]
        console.print("".join(name.rjust(width) for name, width in zip(header, widths, strict=True)), style="dim")
        for row in group.rows:
            numbers = (row.value, *(row.beside.get(name, "") for name in group.beside))
            columns = (written(value).rjust(width) for value, width in zip(numbers, widths[1:], strict=True))
            unit, better = row.metric.unit, row.metric.better and f"{row.metric.better} is better"
            console.print(
                f"  {row.name:22}{''.join(columns)}   {', '.join(filter(None, (unit, better)))}", soft_wrap=True
            )
            if row.metric.meaning:
                console.print(f"      {row.metric.meaning}", style="dim", soft_wrap=True)
    if "baseline" in metrics:
        console.print(f"\nPCA: {metrics['baseline']}.")
    for sentence in kg.evaluation.doubts(metrics):
        warnings.warn(sentence, stacklevel=1)


@app.command
def report(run: str, *, out: str | None = None, force: Force = False) -> None:
    """Write one HTML file that shows a run: pictures, curves, metrics, data and settings.

    Nothing is measured for it: its metrics are those of `keras-gen evaluate RUN`, or else those that training left.

    Args:
        run: run folder.
        out: HTML file; report.html of the run folder if not given.
    """
    print(kg.open_run(run).report(out, force))


def _baselines(chosen, named):
    """`kg.evaluation.baselines` where there are images to fit them to."""
    if "encode" not in chosen.model.offers or chosen.model.target_mode is not None:
        return {}
    from keras_gen.evaluation.baselines import MAX_TRAINING
    from keras_gen.evaluation.summary import cap_by_memory

    try:
        training = _training_data(chosen, named, limit=cap_by_memory(MAX_TRAINING, chosen.model.data_shape))
    except ValueError:  # a source of one split
        return {}
    return kg.evaluation.baselines(chosen.model, kg.data.stack(training), chosen.dataset)


def _classifier_features(chosen, named, verbose):
    """Features of a classifier of the classes of a run's training data, or of those of a named source."""
    from keras_gen.evaluation.summary import cap_by_memory

    limit = cap_by_memory(CLASSIFIER_IMAGES, chosen.model.data_shape)
    images, labels = kg.data.stack(_training_data(chosen, named, limit=limit, labels=True))
    return kg.evaluation.classifier_features(images[labels >= 0], labels[labels >= 0], verbose=verbose)


def _training_data(chosen, named, limit, labels=False):
    """Of the training split of a run, or of a named source, which must have one apart from what is measured."""
    shape, config, splits = chosen.model.data_shape, chosen.config, chosen.source.info.splits
    options = {"limit": limit, "labels": labels, "shuffle": True}
    if not named:
        return config.load(config.training_split, **options)
    if not {"train", "test"} <= set(splits):
        raise ValueError(
            "the classifier must learn from other images than these, so the data must have the splits train and test. "
            f"Received: splits {', '.join(splits)}"
        )
    if len(shape) == 3:
        options |= {"image_size": shape[:2], "channels": shape[2], "binarize": config and config.binarize}
    return kg.data.load(chosen.source, "train", **options)
