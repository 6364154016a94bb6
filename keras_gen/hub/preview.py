"""The picture of a preset, of what the model offers."""

import shutil
from pathlib import Path
from typing import Any

from keras_gen import images
from keras_gen.core import GenerativeModel
from keras_gen.files import write_atomically
from keras_gen.hub.records import Records

COLUMNS, ROWS = 10, 6  # of samples


def draw(thing: Any, path: Path, records: Records, examples: Any = None) -> bool:
    """Draws the picture, and says whether there is one: samples, or else what the model makes of examples.

    Args:
        thing: model or detector.
        path: PNG file, with its provenance.
        records: what is known of the model; it has held-out examples, or a picture, where it comes from a run.
        examples: data, or (data, labels).
    """
    shape: Any = getattr(thing, "data_shape", ())
    if isinstance(thing, GenerativeModel) and len(shape) == 3 and shape[-1] in (1, 3):
        if "sample" in thing.offers:
            columns = min(thing.data_spec.num_classes or COLUMNS, 2 * COLUMNS)  # in turn: a column for each class
            images.save_grid(thing.sample(columns * ROWS, seed=1), path, columns)
            return True
        groups = _pictures(thing, records, examples)
        if groups is not None:
            images.save_grid(images.rows(*groups), path, len(groups[0]))
            return True
    picture = records.picture
    if picture is not None:
        write_atomically(path, lambda temporary: shutil.copyfile(picture, temporary))
    return picture is not None


def _pictures(model, records, examples):
    """Groups of images to lie above each other: given, and made. None without examples."""
    try:
        if examples is None and records.examples is not None:
            examples = records.examples()
    except (OSError, ValueError):  # the data are not there any more
        return None
    if examples is None:
        return None
    x, y = examples if isinstance(examples, tuple) else (examples, None)
    x, y = x[: 2 * COLUMNS], None if y is None else y[: 2 * COLUMNS]
    return next(iter(model.pictures(x, **model.label_kwargs(y)).values()), None)
