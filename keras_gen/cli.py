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
import tensorflow as tf
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

import keras_gen as kg
from keras_gen.files import write_atomically
from keras_gen.training import checkpoints, runs

app = cyclopts.App(name="keras-gen", help=kg.__doc__, version=kg.__version__, help_format="plaintext")
train_app = cyclopts.App(
    name="train", help="Train a model; see `keras-gen train MODEL --help`.", help_format="plaintext"
)
app.command(train_app)


def _options(function, skip):
    """The parameters of a function as keyword-only options, with the help of its docstring."""
    documentation = {p.arg_name: p.description for p in docstring_parser.parse(function.__doc__ or "").params}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in skip or parameter.kind is parameter.VAR_KEYWORD:
            continue
        annotation = _from_text(parameter.annotation)
        described = Annotated[annotation, Parameter(help=" ".join((documentation.get(name) or "").split()))]
        yield parameter.replace(kind=parameter.KEYWORD_ONLY, annotation=described)


def _from_text(annotation):
    """The part of a union that can be given on a command line: str | keras.Model | None -> str | None."""
    if isinstance(annotation, types.UnionType):
        kept = [part for part in typing.get_args(annotation) if part is not keras.Model]
        return typing.Union[tuple(kept)]  # noqa: UP007  (a union made from a list)
    return annotation


def _add_train_command(name, cls):
    def command(**options):
        arguments = {key: options.pop(key) for key in cls.arguments() if key in options}
        kg.training.train(name, **options, **{k: v for k, v in arguments.items() if v is not None})
        print(f"{options['out']}: trained. Look at its pictures; `keras-gen evaluate {options['out']}` prints figures.")

    parameters = [*_options(cls, skip={"data_shape", "seed"}), *_options(kg.training.train, skip={"model"})]
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
    sources.add_row("mnist, cifar10, ...", "any image dataset of TensorFlow Datasets")
    sources.add_row("FOLDER", "a folder of images, at any depth; its first level is the class")
    sources.add_row("FILE.npz, FILE.npy", "arrays: x, and optionally y")
    for table in (models, sources, shipped):
        Console().print(table)


@app.command
def resume(run: str, *, epochs: int | None = None, verbose: int = 1):
    """Go on with a run from its last complete checkpoint.

    Args:
        run: run folder.
        epochs: new total number of epochs.
        verbose: 0 silent, 1 a progress bar, 2 one line per epoch.
    """
    kg.training.resume(run, epochs, verbose)
    print(f"{run}: trained.")


@app.command
def sample(run: str, *, count: int = 64, seed: int | None = None, out: str = "samples.png"):
    """Draw images from a model.

    Args:
        run: run folder, .keras file or shipped model.
        count: how many.
        seed: the same seed gives the same images.
        out: PNG file.
    """
    _at_least("count", count, 1)
    model = kg.load(run)
    print(kg.images.save_grid(_pictures(model, model.sample(count, seed=seed)), out))


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
    model, dataset = _model_and_images(run, data, count)
    images = kg.data.stack(dataset)
    pairs = kg.images.rows(images, model.reconstruct(images))
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
    model, dataset = _model_and_images(run, data, count)
    images = kg.data.stack(dataset)
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
    model, dataset = _model_and_images(run, data, count)
    mixtures = kg.data.stack(dataset)
    separated = model.separate(mixtures)
    if not as_given:
        mixtures, _ = model.mix(mixtures)
        separated = model.separate(mixtures)
    rows = kg.images.rows(mixtures, *separated.swapaxes(0, 1))
    print(kg.images.save_grid(_pictures(model, rows), out, columns=len(mixtures)))


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
        out: PNG file.
    """
    _at_least("rows", rows, 1)
    model, dataset = _model_and_images(run, data, 2 * rows)
    images = kg.data.stack(dataset)
    walks = kg.tasks.interpolate(model, images[0::2][: len(images) // 2], images[1::2], steps, mode)
    print(kg.images.save_grid(_pictures(model, walks.reshape(-1, *model.data_shape)), out, columns=steps))


@app.command
def evaluate(run: str, *, data: str | None = None, out: str | None = None, samples: int = 200):
    """Print the figures of a model on held-out data.

    Args:
        run: run folder, or with --data any model.
        data: where to take the images from; the run's own held-out split if not given.
        out: JSON file to write them to.
        samples: importance samples per image of the log-likelihood.
    """
    model, dataset = _model_and_images(run, data, None)
    figures = kg.evaluation.report(model, dataset, num_samples=samples, verbose=1 if sys.stderr.isatty() else 0)
    table = Table("figure", "value", title=f"{type(model).__name__} of {run}")
    for name, value in figures.items():
        table.add_row(name, f"{value:,}" if isinstance(value, int) else f"{value:.4f}")
    Console().print(table)
    if out:
        write_atomically(out, lambda path: path.write_text(json.dumps(figures, indent=2) + "\n"))


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


def _model_and_images(run, source, count):
    """A model, and a dataset of images that it was not trained on, or of a named source."""
    model = kg.load(run)
    if not Path(run).is_dir() and source is None:
        raise ValueError(f"A model without a run folder needs --data. Received: {run}")
    config = runs.read_config(run) if Path(run).is_dir() else None
    if source is None:
        return model, runs.load_data(config, runs.held_out_split(config), limit=count)
    size = {"image_size": model.data_shape[:2], "channels": model.data_shape[2]} if len(model.data_shape) == 3 else {}
    splits = kg.data.info(source, **size).splits
    split = "test" if "test" in splits else next(iter(splits))
    binarize = config and config["data"]["binarize"]
    return model, kg.data.load(source, split, shuffle=False, limit=count, binarize=binarize, **size)


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
    warnings.showwarning = lambda message, *_, **__: print(f"keras-gen: note: {message}", file=sys.stderr)
    try:
        app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
        return 0
    except cyclopts.CycloptsError as error:
        return _fail(error, 2)
    except FloatingPointError as error:
        return _fail(error, 1)
    except tf.errors.OpError as error:  # a file that went away, memory that ran out
        return _fail(error.message or type(error).__name__, 1)
    except (ValueError, OSError, NotImplementedError, TypeError) as error:
        return _fail(error, 2)
    except KeyboardInterrupt:
        return _fail("interrupted; `keras-gen resume` goes on from the last checkpoint.", 130)


def _fail(error, code):
    print(f"keras-gen: {' '.join(str(error).split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
