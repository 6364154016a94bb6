"""The command itself: what verbs are added to, and the one that lists what there is."""

import functools
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import cyclopts
from rich.console import Console
from rich.table import Table

import keras_gen as kg
from keras_gen.cli import overview
from keras_gen.downloads import is_elsewhere, megabytes, shipped
from keras_gen.files import refuse_overwrite

app = cyclopts.App(
    name="keras-gen",
    help=kg.__doc__,
    version=kg.__version__,
    help_format="markdown",
    suppress_keyboard_interrupt=False,  # a run says how to go on
)

Force = Annotated[bool, cyclopts.Parameter(help="overwrite what is there.", negative=())]


def writes(function: Callable) -> Callable:
    """A verb that writes a file or a folder, `out`: it overwrites nothing, unless it is told so by --force."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def verb(*args, force: bool = False, **options):
        given = signature.bind(*args, **options)
        given.apply_defaults()
        out, run = given.arguments["out"], given.arguments["run"]
        if out is not None and (Path(run).exists() or is_elsewhere(run)):  # or else that is what is wrong
            refuse_overwrite(out, force)
        function(*args, **options)

    parameter = inspect.Parameter("force", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Force)
    vars(verb)["__signature__"] = signature.replace(parameters=[*signature.parameters.values(), parameter])
    verb.__annotations__ = {**function.__annotations__, "force": Force}
    return app.command(verb, name=function.__name__.rstrip("_"))


@app.command(name="list")
def list_() -> None:
    """List models, data and shipped models."""
    models = Table("model", "what", "offers", title="Models: keras-gen train MODEL")
    for row in [*overview.rows(), *_own()]:
        models.add_row(row.name, row.what, ", ".join(row.offers))
    coming = Table("name", "what", "size", "where", title="Shipped models: kg.load(NAME)")
    for entry in shipped("").values():
        kind = "detector" if entry.file.endswith(".zip") else "model"
        coming.add_row(entry.name, kind, megabytes(entry.size), "here" if entry.path else "fetched when loaded")
    sources = Table("source", "what", title="Data: --data SOURCE")
    sources.add_row("digits", "8 x 8 handwritten digits, embedded; no network")
    sources.add_row("mnist_mini", "5,000 + 1,000 digits of MNIST, 28 x 28, embedded; no network")
    sources.add_row("waves", "2,000 + 500 made-up series of 64 steps, of four kinds; --likelihood gaussian")
    sources.add_row("glyphs", "28 x 28 printed digits whose true factors are known; rendered once")
    sources.add_row("mnist, cifar10, ...", "any image dataset of TensorFlow Datasets")
    sources.add_row("FOLDER", "a folder of images, at any depth; its first level is the class")
    sources.add_row("FILE.npz, FILE.npy", "arrays: images, series (N, T, F) or vectors as x, and optionally y")
    sources.add_row("FILE.csv, FILE.parquet", "a table: numbers, categories, dates, missing values; --target COLUMN")
    for table in (models, sources, coming):
        Console().print(table)


def _own() -> list[overview.Row]:
    """Models that `--import` registered."""
    registry = sys.modules.get("keras_gen.training.registry")
    known = {} if registry is None else registry.registry()
    return [
        overview.Row(name, (inspect.getdoc(cls) or "").split("\n")[0], tuple(sorted(cls.offers)))
        for name, cls in sorted(known.items())
        if not cls.__module__.startswith("keras_gen.")
    ]
