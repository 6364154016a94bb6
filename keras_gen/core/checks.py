"""Checks of arguments, each with a sentence that says what was expected and what was received."""

import keras
import numpy as np

from keras_gen.core import arguments


def check_data_shape(data_shape, name="data_shape"):
    """(H, W, C) or (D,) as a tuple of ints, or a sentence."""
    return arguments.SHAPE.check(name, data_shape)


def check_at_least(minimum, **given):
    """Raises a sentence if any of the named arguments is below the minimum, or is no number."""
    _check(arguments.number(minimum), given)


def check_whole(minimum, **given):
    """Raises a sentence if any of the named arguments is not a whole number of at least the minimum."""
    _check(arguments.whole(minimum), given)


def check_choice(name, value, choices):
    """Raises a sentence if an argument is not one of its choices."""
    arguments.choice(choices).check(name, value)


def _check(rule, given):
    for name, value in given.items():
        rule.check(name, value)


def is_probability(activation):
    """Whether an activation, by name, stays in [0, 1]."""
    values = keras.ops.convert_to_numpy(keras.activations.get(activation)(np.array([[-20.0, -1, 0, 1, 20]], "float32")))
    return bool(np.min(values) >= 0 and np.max(values) <= 1)


def labels_sentence(num_classes, name, unknown=False):
    """What labels a model takes."""
    also = ", -1 where it is unknown" if unknown else ""
    return f"{name} takes the label of each example, a whole number from 0 to {num_classes - 1}{also}."


def check_labels(labels, num_classes, name, unknown=False):
    """Raises a sentence if labels, an array or None, are not whole numbers of one of the classes.

    Args:
        labels: (N,) or None.
        num_classes: how many.
        name: of the model that takes them.
        unknown: whether -1 is a label.
    """
    sentence = labels_sentence(num_classes, name, unknown)
    if labels is None:
        raise ValueError(f"{sentence} Received: no labels")
    labels = np.asarray(labels)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"{sentence} Received: labels of shape {labels.shape}, {labels.dtype}")
    if len(labels) and not (labels.min() >= (-1 if unknown else 0) and labels.max() < num_classes):
        raise ValueError(f"{sentence} Received: labels from {labels.min()} to {labels.max()}")


def sample_labels(n, labels, num_classes, name):
    """Labels of n images to draw, one for each or one for all, as (n,) ints, or a sentence.

    Args:
        n: how many.
        labels: (n,) ints, or an int.
        num_classes: how many classes, categories or components there are.
        name: of what takes them.
    """
    labels = np.broadcast_to(labels, (n,)) if np.ndim(labels) == 0 else np.asarray(labels)
    check_labels(labels, num_classes, name)
    if len(labels) != n:
        raise ValueError(f"There must be as many labels as images. Received: {len(labels)} labels, n={n}")
    return labels
