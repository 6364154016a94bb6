"""Verbs that walk through the codes of a model."""

from typing import Literal

import numpy as np

import keras_gen as kg
from keras_gen.cli.app import writes
from keras_gen.cli.options import check_images, check_option, choose_data, choose_images


@writes
def interpolate(
    run: str,
    *,
    data: str | None = None,
    rows: int = 6,
    steps: int = 10,
    mode: Literal["linear", "spherical"] = "linear",
    out: str = "interpolation.png",
) -> None:
    """Show walks from image to image through the codes.

    Args:
        run: run folder, or with --data any model.
        data: where to take the images from; the run's own held-out split if not given.
        rows: how many walks.
        steps: images per walk.
        mode: straight, or along the great circle.
        out: PNG file, or an animation, .gif or .webp.
    """
    check_option("rows", rows, 1)
    model, images, labels = choose_images(run, data, 2 * rows)
    half = len(images) // 2
    given = {}
    if labels is not None and model.label_kwargs(labels):
        given = {"labels": labels[:half], "end_labels": labels[half : 2 * half]}
    start, end = check_images(model, images, or_series=True)[:half], images[half : 2 * half]
    kg.tasks.interpolate(model, start, end, steps, mode, **given, path=out)
    print(out)


@writes
def traverse(
    run: str,
    *,
    data: str | None = None,
    units: int = 10,
    steps: int = 11,
    extent: float = 3.0,
    out: str = "traversal.png",
) -> None:
    """Show what each unit of the code does: a row for each, the others held at the code of an image.

    Args:
        run: run folder, or with --data any model.
        data: where to take the images from; the run's own held-out split if not given.
        units: how many; those that vary most over the data come first.
        steps: images per unit.
        extent: each unit goes from -extent to extent.
        out: PNG file, or an animation, .gif or .webp.
    """
    check_option("units", units, 1)
    model = kg.load(run)
    if hasattr(model, "traversal"):
        kg.tasks.traverse(model, units=range(min(units, model.num_continuous)), steps=steps, path=out)
        print(out)
        return
    model, images, labels = choose_images(run, data, 500)
    codes = model.encode(check_images(model, images, or_series=True), **model.label_kwargs(labels))
    order = np.argsort(-codes.var(axis=0), kind="stable")
    given = {} if labels is None else model.label_kwargs(labels[0])
    kg.tasks.traverse(model, images[0], order[:units], steps, extent, **given, path=out)
    print(out)


@writes
def manifold(run: str, *, size: int = 20, label: int | None = None, out: str = "manifold.png") -> None:
    """Show the plane of a two-dimensional code.

    Args:
        run: run folder, .keras file or shipped model.
        size: images on a side.
        label: of a model that needs one.
        out: PNG file.
    """
    check_option("size", size, 1)
    model = kg.load(run)
    check_images(model, None)
    kg.tasks.manifold(model, size, label, path=out)
    print(out)


@writes
def walk(
    run: str,
    *,
    walks: int = 6,
    steps: int = 30,
    step_size: float = 0.3,
    label: list[int] | None = None,
    seed: int | None = None,
    out: str = "walk.gif",
) -> None:
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
    check_option("walks", walks, 1)
    model = kg.load(run)
    check_images(model, None)
    labels = None if label is None else np.resize(label, walks)
    kg.tasks.random_walk(model, walks, steps, step_size, seed, labels, path=out)
    print(out)


@writes
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
) -> None:
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
    check_option("rows", rows, 1)
    check_option("steps", steps, 2)
    model, dataset, source, _ = choose_data(run, data, None, labels=True)
    images, labels = kg.data.stack(dataset)
    groups, names = [], source.info.class_names or []
    for name in (present, absent):
        if name not in names:
            raise ValueError(f"The class must be one of {', '.join(names)}. Received: {name}")
        groups.append(labels == names.index(name))
    of = (labels[groups[0]], labels[groups[1]]) if model.label_kwargs(labels) else None
    vector = kg.tasks.attribute_vector(model, check_images(model, images)[groups[0]], images[groups[1]], of)
    given = model.label_kwargs(labels[groups[1]][:rows])
    vector.apply(images[groups[1]][:rows], np.linspace(0, strength, steps), **given, path=out)
    print(out)
