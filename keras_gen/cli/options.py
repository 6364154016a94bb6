"""What verbs share: options from signatures, and the model and the data that they name."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import docstring_parser
from cyclopts import Parameter

import keras_gen as kg

if typing.TYPE_CHECKING:  # Keras takes seconds to import: the verbs do so when they need it
    import numpy as np
    import tensorflow as tf

    from keras_gen.core import GenerativeModel
    from keras_gen.data.sources import Source
    from keras_gen.training.config import RunConfig


def options_of(function: Any, skip: set[str]) -> Iterator[inspect.Parameter]:
    """The parameters of a function as keyword-only options, with the help of its docstring."""
    documentation = {p.arg_name: p.description for p in docstring_parser.parse(function.__doc__ or "").params}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in skip or parameter.kind is parameter.VAR_KEYWORD:
            continue
        annotation, default = _from_text(parameter.annotation), parameter.default
        if name == "num_classes":  # the data know it
            annotation, default = int | None, None
        text = in_words(" ".join((documentation.get(name) or "").split()))
        # Of several values: --hidden-units 500 500 2000.
        option = Parameter(help=text, consume_multiple=True, negative_iterable=())
        described = Annotated[annotation, option]  # type: ignore[valid-type]  # made here
        yield parameter.replace(kind=parameter.KEYWORD_ONLY, annotation=described, default=default)


# What help of Python says, and how it reads on a command line, where a model is not given and None is left out.
IN_WORDS = (
    (r",? (?:None, )?(?:or )?a built `keras\.Model`[^.]*", ""),
    (r", None to choose by", "; if not given, chosen by"),
    (r"^None, or ", ""),
    (r"None for ", "if not given, "),
    (r", None(?=[,.])", ""),
    (r'"([\w.]+)"', r"\1"),
    (r"`", ""),
)


def in_words(text: str) -> str:
    """Help of a Python argument as help of an option."""
    for pattern, words in IN_WORDS:
        text = re.sub(pattern, words, text)
    return text


def _from_text(annotation):
    """The part of a union that can be given on a command line: str | keras.Model | None -> str | None.

    A model alone is given as a run folder, a file or the name of a shipped one.
    """
    import keras

    if annotation == keras.Model | None:
        return str | None
    if isinstance(annotation, types.UnionType):
        kept = [part for part in typing.get_args(annotation) if not _is_of_python(part)]
        return typing.Union[tuple(kept)]  # noqa: UP007  (a union made from a list)
    return annotation


def _is_of_python(annotation):
    """Whether no text can stand for it: a model, a callback, a function."""
    import keras

    parts = (annotation, *typing.get_args(annotation))
    return typing.get_origin(annotation) is Callable or {keras.Model, keras.callbacks.Callback} & {
        part for part in parts if isinstance(part, type)
    }


def with_imports(tokens: list[str]) -> list[str]:
    """A command line without `--import MODULE`, after the import: classes of one's own are registered by it.

    Modules of the working directory are found, as by `python -m`.
    """
    rest, modules = [], []
    left = iter(tokens)
    for token in left:
        if token == "--import" or token.startswith("--import="):
            module = token.partition("=")[2] or next(left, "")
            modules.append(module)
        else:
            rest.append(token)
    for module in modules:
        if not all(part.isidentifier() for part in module.split(".")):
            raise ValueError(
                "`--import` takes the name of a module, such as my_module of the file my_module.py. "
                f"Received: --import {module}"
            )
        sys.path.insert(0, os.getcwd())
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise ValueError(
                f"The module of --import must be one that can be imported ({error}). Received: {module}"
            ) from None
        finally:
            sys.path.pop(0)
    return rest


class Chosen(NamedTuple):
    """What the options of a verb name.

    Args:
        model: to look at.
        dataset: of images that it was not trained on, or of a named source.
        source: of the dataset.
        config: of the model's run; None of a model without one.
    """

    model: GenerativeModel
    dataset: tf.data.Dataset
    source: Source
    config: RunConfig | None


def choose_data(
    run: str,
    source: str | None,
    count: int | None,
    labels: bool | None = None,
    option: str = "--data",
    normal: bool = False,
) -> Chosen:
    """A model and data to look at it by, with labels where the source has classes, or as asked for.

    They are held out, or, where test data have defects and `normal` data are asked for, others.
    """
    open_run = kg.training.run_of(run)
    model = kg.load(run) if open_run is None else open_run.model
    name = type(model).__name__
    if model.target_mode is not None and (source is not None or open_run is None):
        raise ValueError(
            f"{name} must be looked at on the pairs of its run: give the run folder, and no {option}. Received: {run}"
            + ("" if source is None else f" {option} {source}")
        )
    if source is None and open_run is None:
        raise ValueError(f"A model without a run folder needs {option}. Received: {run}")
    if source is None and open_run is not None:
        dataset = open_run.config.held_out(count, labels, normal)
        return Chosen(model, dataset, open_run.config.sources[0], open_run.config)
    config = None if open_run is None else open_run.config
    binarize = None if config is None else config.binarize
    named: Any = source if model.table is None else choose_table(model, str(source), config)
    dataset, found = named_data(named, model.data_shape, count, labels, normal, binarize)
    return Chosen(model, dataset, found, config)


def named_data(
    source: Any,
    data_shape: tuple[int, ...],
    count: int | None = None,
    labels: bool | None = None,
    normal: bool = False,
    binarize: str | None = None,
) -> tuple[tf.data.Dataset, Source]:
    """Data of a named source, images of the size and channels of a model, and the source; see `choose_data`."""
    from keras_gen.data.open import opened

    size: dict[str, Any] = {}
    if len(data_shape) == 3:
        size = {"image_size": data_shape[:2], "channels": data_shape[2]}
    found = opened(source, **size)
    splits = found.info.splits
    labels = found.info.num_classes is not None if labels is None else labels
    split = "test" if "test" in splits and not (normal and found.has_defects) else next(iter(splits))
    return kg.data.load(found, split, shuffle=False, limit=count, binarize=binarize, labels=labels, **size), found


def choose_table(model: GenerativeModel, source: str, config: RunConfig | None) -> Source:
    """A table with the columns of a model, with the classes of its run where it has their column."""
    from keras_gen.data.tables import TableSource
    from keras_gen.table.files import read_table

    rows = read_table(source)
    target = None if config is None or config.target_column not in rows.columns else config.target_column
    return TableSource(rows, target, spec=model.table)


def choose_images(
    run: str, source: str | None, count: int | None, option: str = "--data", normal: bool = False
) -> tuple[GenerativeModel, np.ndarray, np.ndarray | None]:
    """The same in memory: a model, images, and labels or None."""
    chosen = choose_data(run, source, count, option=option, normal=normal)
    loaded = kg.data.stack(chosen.dataset)
    images, labels = loaded if isinstance(loaded, tuple) else (loaded, None)
    if chosen.model.supervision == "required" and labels is None:
        raise ValueError(
            f"{type(chosen.model).__name__} needs labels: its data must have classes. "
            f"Received: {chosen.source.info.name}, which has none"
        )
    return chosen.model, images, labels


def check_images(model: GenerativeModel, images: Any, or_series: bool = False) -> Any:
    """The images, of a model of images, or those series of one of series; of one of others a sentence."""
    if len(model.data_shape) != 3 and not (or_series and len(model.data_shape) == 2):
        raise ValueError(
            f"{'Series' if len(model.data_shape) == 2 else 'Vectors'} cannot be drawn as images: this takes a model of "
            f"images. Received: a model of data_shape={model.data_shape}"
        )
    return images


def save_groups(model: GenerativeModel, groups: Sequence[Any], out: str) -> Path:
    """Groups of images above each other, or of series as curves in one panel, as a picture.

    Args:
        model: that takes such data.
        groups: (N, ...) each, such as images and reconstructions.
        out: picture.
    """
    if len(model.data_shape) == 2:
        return kg.plots.series(*groups, path=out)
    return kg.images.save_grid(check_images(model, kg.images.rows(*groups)), out, columns=len(groups[0]))


def check_option(name: str, value: int, minimum: int) -> None:
    """Raises a ValueError if the value of an option is below the minimum."""
    if value < minimum:
        raise ValueError(f"--{name} must be at least {minimum}. Received: {value}")
