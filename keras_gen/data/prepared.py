"""Any image dataset of TensorFlow Datasets, prepared on this machine or downloaded by it."""

import math
import os
import socket
import tempfile
import urllib.request
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlparse

import numpy as np
import tensorflow as tf

from keras_gen.data.sources import ArraySource, Examples, Info, Source, Stream

LARGEST_IN_MEMORY = 2**30  # bytes of a split; larger ones are streamed


class PreparedSource(Source):
    """A dataset of TensorFlow Datasets with an "image" feature (and, if it has one, a "label").

    Looks in `TFDS_DATA_DIR` or `~/tensorflow_datasets` first; a dataset that is prepared there is not downloaded.
    """

    def __init__(self, name):
        import tensorflow_datasets as tfds

        try:
            # Given, for TensorFlow Datasets looks at the variable only once, when it is imported.
            self.builder = tfds.builder(name, data_dir=os.environ.get("TFDS_DATA_DIR") or None)
        except (tfds.core.DatasetNotFoundError, AssertionError, ValueError):  # of name, version, configuration
            if "/" in name or name.startswith("."):
                raise FileNotFoundError(f"There is no such folder. Received: {name}") from None
            raise ValueError(
                "The data must be digits, mnist_mini, waves, glyphs, an image dataset of TensorFlow Datasets such as "
                f"mnist, fashion_mnist or cifar10, a folder of images, or a .npy or .npz file. Received: {name!r}"
            ) from None
        features = self.builder.info.features
        features = dict(features.items()) if isinstance(features, tfds.features.FeaturesDict) else {}
        image = features.get("image")
        if image is None or len(image.shape) != 3 or image.np_dtype != np.uint8:
            described = ", ".join(f"{key} {feature.shape} {feature.np_dtype}" for key, feature in features.items())
            raise ValueError(f"A dataset of images has a feature 'image' of uint8. Received: {name}, with {described}")
        if name == "glyphs" and not self.builder.is_prepared() and not _writable(self.builder.data_path):
            # They are made on the spot: a read-only folder of datasets need not stop them.
            self.builder = tfds.builder(name, data_dir=Path(tempfile.gettempdir(), "tensorflow_datasets"))
        if not self.builder.is_prepared():
            self._prepare(name)
        label = features.get("label")
        classes = label.names if isinstance(label, tfds.features.ClassLabel) else None
        splits = {split: int(part.num_examples) for split, part in self.builder.info.splits.items()}
        self.info = Info(name, tuple(image.shape), classes and len(classes), classes, splits)

    def _prepare(self, name):
        reason = _unreachable(self.builder)
        if reason is None:
            try:
                self.builder.download_and_prepare()
                return
            except Exception as error:  # of whatever kind: its first line is all that a user can act on
                reason = f"{type(error).__name__}: {(str(error).strip() or 'no details').splitlines()[0][:200]}"
        raise ValueError(
            f"{name} is not prepared on this machine ({self.builder.data_path}) and cannot be downloaded: {reason}. "
            f"Prepare it where there is a network with `tfds build {name}`, copy the folder here and set TFDS_DATA_DIR "
            "to it, or use the embedded digits or mnist_mini."
        )

    def open(self, split: str) -> Examples | Stream:
        count, shape = self.info.splits[split], self.info.data_shape
        labelled = self.info.class_names is not None
        if None not in shape and count * math.prod(shape) <= LARGEST_IN_MEMORY:
            images, labels = _read(self.builder, split, labelled)
            labels = labels if labelled else None
            return ArraySource(self.info.name, {split: (images, labels)}, self.info.class_names).open(split)
        return Stream(count, lambda part: _examples(self.builder, split + part, labelled))


def _writable(path):
    """Whether a folder, or the first above it that exists, can be written to."""
    path = Path(path)
    return os.access(next(folder for folder in (path, *path.parents) if folder.exists()), os.W_OK)


def _examples(builder, split, labelled):
    """A dataset of (image, label), label -1 where the dataset has no classes, in the stored order."""
    dataset = builder.as_dataset(split=split, shuffle_files=False)
    return dataset.map(
        lambda example: (example["image"], tf.cast(example["label"] if labelled else -1, tf.int64)),
        num_parallel_calls=tf.data.AUTOTUNE,
    )


_in_memory: dict[tuple, tuple] = {}  # the last split read: its parts are opened one after the other


def _read(builder, split, labelled):
    """(images uint8, labels) of a whole split."""
    key = (str(builder.data_path), split)
    if key not in _in_memory:
        count, shape = builder.info.splits[split].num_examples, builder.info.features["image"].shape
        images, labels = np.empty((count, *shape), "uint8"), np.empty(count, "int64")
        start = 0
        for x, y in _examples(builder, split, labelled).batch(1000).prefetch(2).as_numpy_iterator():
            images[start : start + len(x)], labels[start : start + len(x)] = x, y
            start += len(x)
        _in_memory.clear()
        _in_memory[key] = images, labels
    return _in_memory[key]


def _unreachable(builder):
    """Why the hosts of a dataset's files cannot be reached, None if they can or are not known.

    The downloader would find out too, after minutes of retries. Behind a proxy only it can tell.
    """
    if urllib.request.getproxies():
        return None
    hosts = sorted({urlparse(url).hostname for url in builder.url_infos or ()} - {None})
    for host in hosts:
        try:
            socket.create_connection((host, 443), timeout=5).close()
        except OSError as error:
            return f"no connection to {host} ({error.strerror or error})"
    return None


class Truth(NamedTuple):
    """Images, and what made them.

    Args:
        images: (N, 28, 28, 1) float32 in [0, 1].
        factors: (N, 7) float32: the class, then the continuous factors.
        names: of the factors.
    """

    images: np.ndarray
    factors: np.ndarray
    names: tuple


def glyphs(split: str = "test", limit: int | None = None) -> Truth:
    """The images of "glyphs" with their true factors, to judge codes by.

    Args:
        split: "train" (30,000) or "test" (5,000), or a part in the words of TensorFlow Datasets.
        limit: the first so many.

    Returns:
        A `Truth`.

    Raises:
        ValueError: if the limit is below 1, or there is no such split.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"`limit` must be at least 1. Received: limit={limit}")
    from keras_gen.data.rendered import FACTORS  # and with it the builder

    builder = PreparedSource("glyphs").builder
    examples = list(builder.as_dataset(split=split).take(-1 if limit is None else limit).as_numpy_iterator())
    images, labels, factors = (
        np.stack([example[name] for example in examples]) for name in ("image", "label", "factors")
    )
    factors = np.concatenate([labels[:, None], factors], axis=1).astype("float32")
    return Truth(images.astype("float32") / 255, factors, ("class", *FACTORS))
