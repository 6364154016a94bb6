"""The command keras-gen: one verb per thing that people do. Options come from the signatures they set.

A wrong call ends with exit code 2 and one line on standard error; a training that had to stop, with 1.
"""

import inspect
import json
import logging
import sys
import types
import typing
import warnings
from pathlib import Path
from typing import Annotated, Literal

import cyclopts
import docstring_parser
import keras
import numpy as np
import tensorflow as tf
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

import keras_gen as kg
from keras_gen.evaluation.summary import affordable
from keras_gen.files import write_atomically
from keras_gen.training import checkpoints, cluster, runs

CLASSIFIER_IMAGES = 20_000  # that the features of `evaluate` are learnt from

app = cyclopts.App(name="keras-gen", help=kg.__doc__, version=kg.__version__, help_format="plaintext")
train_app = cyclopts.App(
    name="train", help="Train a model; see `keras-gen train MODEL --help`.", help_format="plaintext"
)
app.command(train_app)

# What `train` takes and a model has no use for, by how it is paired.
OF_PAIRS = {
    None: ("data_a", "data_b", "task", "task_level"),
    "pairs": ("binarize", "num_labels"),
    "unpaired": ("binarize", "num_labels", "data", "task", "task_level"),
}


def _options(function, skip):
    """The parameters of a function as keyword-only options, with the help of its docstring."""
    documentation = {p.arg_name: p.description for p in docstring_parser.parse(function.__doc__ or "").params}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in skip or parameter.kind is parameter.VAR_KEYWORD:
            continue
        annotation, default = _from_text(parameter.annotation), parameter.default
        if name == "num_classes":  # the data know it
            annotation, default = int | None, None
        text = " ".join((documentation.get(name) or "").split())
        # Of several values: --hidden-units 500 500 2000.
        described = Annotated[annotation, Parameter(help=text, consume_multiple=True, negative_iterable=())]
        yield parameter.replace(kind=parameter.KEYWORD_ONLY, annotation=described, default=default)


def _from_text(annotation):
    """The part of a union that can be given on a command line: str | keras.Model | None -> str | None.

    A model alone is given as a run folder, a file or the name of a shipped one.
    """
    if annotation == keras.Model | None:
        return str | None
    if isinstance(annotation, types.UnionType):
        kept = [part for part in typing.get_args(annotation) if part is not keras.Model]
        return typing.Union[tuple(kept)]  # noqa: UP007  (a union made from a list)
    return annotation


def _add_train_command(name, cls):
    def command(**options):
        arguments = {key: options.pop(key) for key in cls.arguments() if key in options}
        kg.training.train(name, **options, **{k: v for k, v in arguments.items() if v is not None})
        print(f"{options['out']}: trained. Look at its pictures; `keras-gen evaluate {options['out']}` prints figures.")

    skip = {"model", *OF_PAIRS[cls.pairing]}
    parameters = [*_options(cls, skip={"data_shape", "target_shape", "seed"}), *_options(kg.training.train, skip)]
    command.__signature__ = inspect.Signature(sorted(parameters, key=lambda p: p.default is not p.empty))
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__doc__ = (inspect.getdoc(cls) or "").split("\n\n")[0]
    train_app.command(command, name=name)


for _name, _cls in runs.registry().items():
    _add_train_command(_name, _cls)


@app.command(name="list")
def list_():
    """List models, datasets and shipped models."""
    models = Table("model", "what", "offers", title="Models: keras-gen train MODEL")
    for name, cls in sorted(runs.registry().items()):
        models.add_row(name, inspect.getdoc(cls).split("\n")[0], ", ".join(sorted(cls.offers)))
    shipped = Table("name", "file", title="Shipped models: kg.load(NAME)")
    for name, path in checkpoints.shipped().items():
        shipped.add_row(name, path.name)
    sources = Table("source", "what", title="Data: --data SOURCE")
    sources.add_row("digits", "8 x 8 handwritten digits, embedded; no network")
    sources.add_row("glyphs", "28 x 28 printed digits whose true factors are known; rendered once")
    sources.add_row("mnist, cifar10, ...", "any image dataset of TensorFlow Datasets")
    sources.add_row("FOLDER", "a folder of images, at any depth; its first level is the class")
    sources.add_row("FILE.npz, FILE.npy", "arrays: x, and optionally y")
    for table in (models, sources, shipped):
        Console().print(table)


@app.command
def resume(run: str, *, epochs: int | None = None, devices: int | None = None, verbose: int = 1):
    """Go on with a run from its last complete checkpoint.

    Args:
        run: run folder.
        epochs: new total number of epochs.
        devices: how many devices train together from now on.
        verbose: 0 silent, 1 a progress bar, 2 one line per epoch.
    """
    kg.training.resume(run, epochs, devices, verbose)
    print(f"{run}: trained.")


@app.command
def sample(
    run: str,
    *,
    count: int = 64,
    label: list[int] | None = None,
    components: int | None = None,
    data: str | None = None,
    seed: int | None = None,
    out: str = "samples.png",
):
    """Draw images from a model.

    Args:
        run: run folder, .keras file or shipped model.
        count: how many.
        label: classes, or components of a mixture, to draw in turn; of several give --label several times.
        components: for a model without a distribution of codes, fit a mixture of so many normals to the codes of data.
        data: those data; the run's own held-out split if not given.
        seed: the same seed gives the same images.
        out: PNG file.
    """
    _at_least("count", count, 1)
    labels = None if label is None else np.resize(label, count)
    if components is not None:
        model, dataset, _ = _model_and_data(run, data, None)
        given = {} if labels is None else {"labels": labels}
        images = kg.tasks.CodeSampler(model, components).fit(dataset).sample(count, seed=seed, **given)
    else:
        model = kg.load(run)
        images = model.sample(count, labels, seed)
    print(kg.images.save_grid(_pictures(model, images), out))


@app.command
def reconstruct(run: str, *, data: str | None = None, count: int = 10, out: str = "reconstructions.png"):
    """Show images above their reconstructions.

    Args:
        run: run folder, or with --data any model.
        data: where to take the images from; the run's own held-out split if not given.
        count: how many.
        out: PNG file.
    """
    _at_least("count", count, 1)
    model, images, labels = _model_and_images(run, data, count)
    pairs = kg.images.rows(images, model.reconstruct(images, **model.needs(labels)))
    print(kg.images.save_grid(_pictures(model, pairs), out, columns=len(images)))


@app.command
def denoise(
    run: str,
    *,
    data: str | None = None,
    as_given: bool = False,
    count: int = 10,
    seed: int = 0,
    out: str = "denoised.png",
):
    """Show images, the noise that they are given, and what the model restores; print the PSNR of both.

    Args:
        run: run folder, or with --data any model that denoises.
        data: where to take the images from; the run's own held-out split if not given.
        as_given: restore the images as they are, without adding noise.
        count: how many.
        seed: of the noise.
        out: PNG file.
    """
    _at_least("count", count, 1)
    model, images, _ = _model_and_images(run, data, count)
    groups = [images, model.denoise(images)]
    if not as_given:
        noisy = model.corrupt(images, seed)
        groups = [images, noisy, model.denoise(noisy)]
        for name, group in zip(("noisy", "restored"), groups[1:], strict=True):
            print(f"{name}: PSNR {kg.evaluation.psnr(images, group):.2f} dB")
    print(kg.images.save_grid(_pictures(model, kg.images.rows(*groups)), out, columns=len(images)))


@app.command
def separate(run: str, *, data: str | None = None, as_given: bool = False, count: int = 10, out: str = "separated.png"):
    """Show mixtures of images above the sources that the model finds in them.

    Args:
        run: run folder, or with --data any model that separates.
        data: where to take the images from; the run's own held-out split if not given.
        as_given: take the images as mixtures, instead of mixing each with the next ones.
        count: how many.
        out: PNG file.
    """
    _at_least("count", count, 1)
    model, mixtures, _ = _model_and_images(run, data, count)
    separated = model.separate(mixtures)
    if not as_given:
        mixtures, _ = model.mix(mixtures)
        separated = model.separate(mixtures)
    rows = kg.images.rows(mixtures, *separated.swapaxes(0, 1))
    print(kg.images.save_grid(_pictures(model, rows), out, columns=len(mixtures)))


@app.command
def translate(
    run: str,
    folder: str,
    *,
    out: str,
    direction: Literal["forward", "backward"] | None = None,
    channels: int | None = None,
    on_error: Literal["stop", "skip"] = "stop",
    verbose: int = 1,
):
    """Translate every image of a folder, each in its own size, into PNG files of the same names.

    Args:
        run: run folder, .keras file or shipped model.
        folder: of images, at any depth; read one at a time.
        out: folder for the translations; nothing that exists is overwritten.
        direction: of a model that translates there and back.
        channels: turn files into gray (1) or colour (3) images before; none for as they are.
        on_error: stop at a file that cannot be translated, or skip it and name it.
        verbose: 0 silent, 1 a progress bar.
    """
    model = kg.load(run)
    options = {} if direction is None else {"direction": direction}
    if direction is not None and model.pairing != "unpaired":
        raise ValueError(f"{type(model).__name__} knows one direction only. Received: --direction {direction}")
    count = kg.tasks.translate_folder(
        model, folder, out, on_error=on_error, channels=channels, verbose=verbose, **options
    )
    print(f"{out}: {count} images.")


@app.command
def filters(run: str, *, count: int = 100, out: str = "filters.png"):
    """Draw what the units of a dense first layer look for: their weights as images, gray for 0.

    Args:
        run: run folder, .keras file or shipped model.
        count: how many units.
        out: PNG file.
    """
    _at_least("count", count, 1)
    model = kg.load(run)
    print(kg.images.save_grid(kg.tasks.filters(model, count), out))


@app.command
def interpolate(
    run: str,
    *,
    data: str | None = None,
    rows: int = 6,
    steps: int = 10,
    mode: Literal["linear", "spherical"] = "linear",
    out: str = "interpolation.png",
):
    """Show walks from image to image through the codes.

    Args:
        run: run folder, or with --data any model.
        data: where to take the images from; the run's own held-out split if not given.
        rows: how many walks.
        steps: images per walk.
        mode: straight, or along the great circle.
        out: PNG file, or an animation, .gif or .webp.
    """
    _at_least("rows", rows, 1)
    model, images, labels = _model_and_images(run, data, 2 * rows)
    half = len(images) // 2
    given = {"labels": labels[:half], "end_labels": labels[half : 2 * half]} if model.needs(labels) else {}
    start, end = _pictures(model, images)[:half], images[half : 2 * half]
    kg.tasks.interpolate(model, start, end, steps, mode, **given, path=out)
    print(out)


@app.command
def traverse(
    run: str,
    *,
    data: str | None = None,
    units: int = 10,
    steps: int = 11,
    extent: float = 3.0,
    out: str = "traversal.png",
):
    """Show what each unit of the code does: a row for each, the others held at the code of an image.

    Args:
        run: run folder, or with --data any model.
        data: where to take the images from; the run's own held-out split if not given.
        units: how many; those that vary most over the data come first.
        steps: images per unit.
        extent: each unit goes from -extent to extent.
        out: PNG file, or an animation, .gif or .webp.
    """
    _at_least("units", units, 1)
    model = kg.load(run)
    if hasattr(model, "traversal"):
        kg.tasks.traverse(model, units=range(min(units, model.num_continuous)), steps=steps, path=out)
        print(out)
        return
    model, images, labels = _model_and_images(run, data, 500)
    order = np.argsort(-model.encode(_pictures(model, images), **model.needs(labels)).var(axis=0), kind="stable")
    given = {} if labels is None else model.needs(labels[0])
    kg.tasks.traverse(model, images[0], order[:units], steps, extent, **given, path=out)
    print(out)


@app.command
def manifold(run: str, *, size: int = 20, label: int | None = None, out: str = "manifold.png"):
    """Show the plane of a two-dimensional code.

    Args:
        run: run folder, .keras file or shipped model.
        size: images on a side.
        label: of a model that needs one.
        out: PNG file.
    """
    _at_least("size", size, 1)
    model = kg.load(run)
    _pictures(model, None)
    kg.tasks.manifold(model, size, label, path=out)
    print(out)


@app.command
def walk(
    run: str,
    *,
    walks: int = 6,
    steps: int = 30,
    step_size: float = 0.3,
    label: list[int] | None = None,
    seed: int | None = None,
    out: str = "walk.gif",
):
    """Show random walks through the codes.

    Args:
        run: run folder, .keras file or shipped model.
        walks: how many.
        steps: images per walk.
        step_size: between 0 (stays) and 1 (jumps).
        label: classes of the walks, of a model that needs them; of several give --label several times.
        seed: the same seed gives the same walks.
        out: an animation, .gif or .webp, or a PNG file.
    """
    _at_least("walks", walks, 1)
    model = kg.load(run)
    _pictures(model, None)
    labels = None if label is None else np.resize(label, walks)
    kg.tasks.random_walk(model, walks, steps, step_size, seed, labels, path=out)
    print(out)


@app.command
def attribute(
    run: str,
    *,
    present: str,
    absent: str,
    data: str | None = None,
    rows: int = 6,
    steps: int = 7,
    strength: float = 1.0,
    out: str = "attribute.png",
):
    """Give images an attribute: walks along the difference of the mean codes of two classes.

    Args:
        run: run folder, or with --data any model.
        present: class whose images have the attribute, by name or number.
        absent: class whose images do not; to its images the attribute is given.
        data: where to take the images from, with classes; the run's own held-out split if not given.
        rows: how many images.
        steps: images per walk.
        strength: of the last image of a walk; 1 for as much as the classes differ by.
        out: PNG file, or an animation, .gif or .webp.
    """
    _at_least("rows", rows, 1)
    _at_least("steps", steps, 2)
    model, dataset, info = _model_and_data(run, data, None, labels=True)
    images, labels = kg.data.stack(dataset)
    groups = []
    for name in (present, absent):
        if name not in info.class_names:
            raise ValueError(f"The class must be one of {', '.join(info.class_names)}. Received: {name}")
        groups.append(labels == info.class_names.index(name))
    of = (labels[groups[0]], labels[groups[1]]) if model.needs(labels) else None
    vector = kg.tasks.attribute_vector(model, _pictures(model, images)[groups[0]], images[groups[1]], of)
    given = model.needs(labels[groups[1]][:rows])
    vector.apply(images[groups[1]][:rows], np.linspace(0, strength, steps), **given, path=out)
    print(out)


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
):
    """Score the images of a folder by how unlike they are to what a model knows; write a table and a picture.

    Args:
        run: run folder, .keras file or shipped model.
        folder: of images, at any depth, which are made of the model's size.
        out: folder for the report, scores.csv and worst.png.
        score: squared error of the reconstruction, the model's own score, distance of the code, or a GAN's critic.
        relative: divide the error by the image's energy (strokes on a dark ground) or its variation; of plain errors
            the busiest images are the worst, whatever they show.
        blur: of the errors, in pixels, before they are squared.
        normal: normal data that set the threshold, a name, folder or file; the run's own held-out split if not given.
        false_alarms: share of the normal data that may be called an anomaly.
        count: how many of the worst are drawn.
        on_error: stop at files that cannot be read, or skip them and name them.
        verbose: 0 silent, 1 a progress bar.
    """
    _at_least("count", count, 1)
    model, normal_images, _ = _model_and_images(run, normal, None, "--normal")
    detector = kg.tasks.AnomalyDetector(model, score, false_alarms, relative, blur).fit(normal_images)
    total, found = kg.tasks.detect_folder(detector, folder, out, on_error=on_error, count=count, verbose=verbose)
    print(f"{found} of {total} images are anomalies at {false_alarms:.1%} false alarms: {out}")


@app.command(name="map")
def map_(
    run: str,
    *,
    data: str | None = None,
    method: Literal["pca", "tsne"] = "pca",
    count: int = 2000,
    out: str = "codes.png",
):
    """Draw the codes of images as points, coloured by class.

    Args:
        run: run folder, or with --data any model.
        data: where to take the images from; the run's own held-out split if not given.
        method: how more than two dimensions are brought to two: the plane of the largest variance, or t-SNE.
        count: how many.
        out: PNG file.
    """
    _at_least("count", count, 2)
    model, images, labels = _model_and_images(run, data, count)
    print(kg.tasks.latent_map(model, images, labels, out, method))


@app.command
def evaluate(run: str, *, data: str | None = None, out: str | None = None, samples: int = 200, fidelity: bool = True):
    """Print the figures of a model on held-out data.

    Args:
        run: run folder, or with --data any model.
        data: where to take the images from; the run's own held-out split if not given.
        out: JSON file to write them to.
        samples: importance samples per image of the log-likelihood.
        fidelity: of a model that samples images, where the data have classes: compare samples and held-out images in
            the features of a classifier of these classes, which is trained on the training split first.
    """
    verbose = 1 if sys.stderr.isatty() else 0
    model, dataset, info = _model_and_data(run, data, None)
    features = None
    if fidelity and info.num_classes is not None and "sample" in model.offers and len(model.data_shape) == 3:
        try:
            features = _classifier_features(model, run, data, info, verbose)
        except ValueError as error:
            warnings.warn(f"samples are not compared with images: {error}", stacklevel=1)
    figures = kg.evaluation.report(model, dataset, num_samples=samples, features=features, verbose=verbose)
    compared = any(name.endswith("_floor") for name in figures)
    table = Table("figure", "value", title=f"{type(model).__name__} of {run}")
    for header in ("real against real", "noise") if compared else ():
        table.add_column(header)
    for name in figures:
        if not name.endswith(("_floor", "_control")):
            beside = (_written(figures.get(name + ending, "")) for ending in ("_floor", "_control"))
            table.add_row(name, _written(figures[name]), *(beside if compared else ()))
    Console().print(table)
    if out:
        write_atomically(out, lambda path: path.write_text(json.dumps(figures, indent=2) + "\n"))


def _written(value):
    return f"{value:.4f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value


def _classifier_features(model, run, source, info, verbose):
    """Features of a classifier of the classes of a run's training data, or of those of a named source."""
    config = runs.read_config(run) if Path(run).is_dir() else None
    options = {"limit": affordable(CLASSIFIER_IMAGES, model.data_shape), "labels": True, "shuffle": True}
    if source is None:
        dataset = runs.load_data(config, runs.parts(config)[0], **options)
    elif {"train", "test"} <= set(info.splits):
        size = {"image_size": model.data_shape[:2], "channels": model.data_shape[2]}
        dataset = kg.data.load(source, "train", binarize=config and config["data"]["binarize"], **options, **size)
    else:
        raise ValueError(f"the classifier needs other images than these. Received: splits {', '.join(info.splits)}")
    images, labels = kg.data.stack(dataset)
    return kg.evaluation.classifier_features(images[labels >= 0], labels[labels >= 0], verbose=verbose)


@app.command
def tune(
    model: str,
    *,
    data: str = "digits",
    objective: str | None = None,
    space: Annotated[list[str] | None, Parameter(consume_multiple=True, negative_iterable=())] = None,
    fixed: Annotated[list[str] | None, Parameter(consume_multiple=True, negative_iterable=())] = None,
    trials: int = 20,
    algorithm: Literal["random", "bayesian", "hyperband"] = "random",
    epochs: int = 10,
    batch_size: int = 128,
    final_epochs: int | None = None,
    patience: int | None = None,
    binarize: Literal["static", "dynamic"] | None = None,
    limit: int | None = None,
    devices: int | None = None,
    workers: int = 1,
    seed: int = 0,
    verbose: int = 1,
    out: str,
):
    """Search the hyperparameters of a model that are best by a figure of held-out images.

    Called again on its folder with the same options, an interrupted search goes on. On several machines that share the
    folder, give each process Keras Tuner's KERASTUNER_TUNER_ID (chief, worker0, ...), KERASTUNER_ORACLE_IP and
    KERASTUNER_ORACLE_PORT and the same options.

    Args:
        model: name of the model.
        data: as `train` takes them.
        objective: elbo, log_likelihood, probe_accuracy, squared_error, sparse_reconstruction, kernel_distance,
            mutual_information_gap, or val_... of the history; the first that the model can report if not given.
        space: what is searched, such as beta=0.5..8:log latent_dim=2..64 penalty=kl,l1 width=0.5,1,2; the ready one if
            not given.
        fixed: arguments that all trials share, such as likelihood=gaussian.
        trials: how many.
        algorithm: random choices, a Gaussian process of the objective, or many short trials of which the best go on.
        epochs: of each trial.
        batch_size: examples per step.
        final_epochs: of the best model, which is trained again; as long as a trial if not given.
        patience: epochs without a lower val_loss after which a trial stops.
        binarize: draw black and white pixels, once (static) or anew each time (dynamic).
        limit: train on that many examples only.
        devices: how many devices train together.
        workers: processes of this machine that train at the same time; one that ends too early is started again.
        seed: of the choices, the weights and the figures.
        verbose: 0 silent, 1 a line for each trial, 2 and the epochs of each.
        out: folder of the search.
    """
    tuning = kg.tuning  # imported now: Keras Tuner takes a second

    arguments = {}
    for name, values in tuning.parse_space(fixed or []).items():
        if not isinstance(values, list) or len(values) != 1:
            raise ValueError(f"What is fixed has one value. Received: --fixed {name}={values}")
        arguments[name] = values[0]
    found = tuning.search(
        model, data, objective, None if space is None else tuning.parse_space(space), trials, out=out,
        algorithm=algorithm, epochs=epochs, batch_size=batch_size, final_epochs=final_epochs, patience=patience,
        binarize=binarize, limit=limit, devices=devices, workers=workers, seed=seed, verbose=verbose, **arguments,
    )  # fmt: skip
    if found is None:
        print(f"This worker is done; the chief writes {Path(out) / 'report.md'}.")
        return
    print(f"{out}: read report.md; the best model is the run {Path(out) / 'best'}.")


@app.command(name="inspect")
def inspect_(file: str):
    """Tell what made an image.

    Args:
        file: image file.
    """
    found = kg.images.provenance(file)
    if found is None:
        print(kg.images.ABSENT)
    for name, value in (found or {}).items():
        print(f"{name}: {value}")


def _model_and_data(run, source, count, labels=None, option="--data"):
    """A model, a dataset of images that it was not trained on, or of a named source, and what the source holds.

    Labels come with the images where the source has classes, or as asked for.
    """
    model = kg.load(run)
    if not Path(run).is_dir() and source is None:
        raise ValueError(f"A model without a run folder needs {option}. Received: {run}")
    config = runs.read_config(run) if Path(run).is_dir() else None
    if model.pairing is not None:
        if source is not None:
            raise ValueError(f"{type(model).__name__} is looked at on the pairs of its run. Received: --data {source}")
        return model, runs.load_data(config, runs.held_out_split(config), limit=count), runs.source_info(config)
    if source is None:
        info = runs.source_info(config)
        labels = info.num_classes is not None if labels is None else labels
        return model, runs.load_data(config, runs.held_out_split(config), limit=count, labels=labels), info
    size = {"image_size": model.data_shape[:2], "channels": model.data_shape[2]} if len(model.data_shape) == 3 else {}
    info = kg.data.info(source, **size)
    labels = info.num_classes is not None if labels is None else labels
    split = "test" if "test" in info.splits else next(iter(info.splits))
    binarize = config and config["data"]["binarize"]
    options = {"shuffle": False, "limit": count, "binarize": binarize, "labels": labels}
    return model, kg.data.load(source, split, **options, **size), info


def _model_and_images(run, source, count, option="--data"):
    """The same in memory: a model, images, and labels or None."""
    model, dataset, _ = _model_and_data(run, source, count, option=option)
    loaded = kg.data.stack(dataset)
    images, labels = loaded if isinstance(loaded, tuple) else (loaded, None)
    if model.labelling == "required" and labels is None:
        raise ValueError(f"{type(model).__name__} needs labels. Received: data={source}, which has none")
    return model, images, labels


def _pictures(model, images):
    if len(model.data_shape) != 3:
        raise ValueError(f"Vectors cannot be drawn as images. Received: a model of data_shape={model.data_shape}")
    return images


def _at_least(name, value, minimum):
    if value < minimum:
        raise ValueError(f"--{name} must be at least {minimum}. Received: {value}")


def main(tokens=None):
    """The command: returns its exit code."""
    logging.getLogger("absl").setLevel(logging.ERROR)  # TensorFlow Datasets warns of what is said below in one line
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # of tracing, where several models are trained
    warnings.showwarning = lambda message, *_, **__: print(f"keras-gen: note: {message}", file=sys.stderr)
    try:
        app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
        return 0
    except cyclopts.CycloptsError as error:
        return _fail(error, 2)
    except FloatingPointError as error:
        return _fail(error, 1)
    except tf.errors.OpError as error:  # a file that went away, memory that ran out
        if tokens is None:
            cluster.begin_again(error)
        return _fail(error.message or type(error).__name__, 1)
    except (ValueError, OSError, NotImplementedError, TypeError) as error:
        return _fail(error, 2)
    except RuntimeError as error:  # a search of which every trial failed
        return _fail(error, 1)
    except KeyboardInterrupt:
        trains = list(sys.argv[1:] if tokens is None else tokens)[:1] in (["train"], ["resume"])
        hint = "; `keras-gen resume` goes on from the last checkpoint." if trains else "."
        return _fail(f"interrupted{hint}", 130)


def _fail(error, code):
    print(f"keras-gen: {' '.join(str(error).split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
