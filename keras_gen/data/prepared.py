"""Any image dataset of TensorFlow Datasets, prepared on this machine or downloaded by it."""

import math
import socket
from urllib.parse import urlparse

import numpy as np
import tensorflow as tf

from keras_gen.data.sources import ArraySource, Info, Stream

LARGEST_IN_MEMORY = 2**30  # bytes of a split; larger ones are streamed


class PreparedSource:
    """A dataset of TensorFlow Datasets with an "image" feature (and, if it has one, a "label").

    Looks in `TFDS_DATA_DIR` or `~/tensorflow_datasets` first; where the dataset is prepared, no network is touched.
    """

    def __init__(self, name):
        import tensorflow_datasets as tfds

        try:
            self.builder = tfds.builder(name)
        except tfds.core.DatasetNotFoundError:
            raise ValueError(
                "The data must be digits, an image dataset of TensorFlow Datasets such as mnist, fashion_mnist or "
                f"cifar10, a folder of images, or a .npy or .npz file. Received: {name!r}"
            ) from None
        features = self.builder.info.features
        features = dict(features.items()) if isinstance(features, tfds.features.FeaturesDict) else {}
        image = features.get("image")
        if image is None or len(image.shape) != 3:
            raise ValueError(f"A dataset of images has a feature 'image'. Received: {name}, with {list(features)}")
        if not self.builder.is_prepared():
            self._prepare(name)
        label = features.get("label")
        classes = label.names if isinstance(label, tfds.features.ClassLabel) else None
        splits = {split: int(part.num_examples) for split, part in self.builder.info.splits.items()}
        self.info = Info(name, tuple(image.shape), classes and len(classes), classes, splits)
        self.tfds = tfds

    def _prepare(self, name):
        reason = _unreachable(self.builder)
        if reason is None:
            try:
                self.builder.download_and_prepare()
                return
            except Exception as error:  # of whatever kind: its first line is all that a user can act on
                reason = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}"
        raise ValueError(
            f"{name} is not prepared on this machine ({self.builder.data_path}) and cannot be downloaded: {reason}. "
            f"Prepare it where there is a network with `tfds build {name}`, copy the folder here and set TFDS_DATA_DIR "
            "to it, or use the embedded digits."
        )

    def open(self, split):
        count, shape = self.info.splits[split], self.info.data_shape
        if None not in shape and count * math.prod(shape) <= LARGEST_IN_MEMORY:
            return self._in_memory(split, count, shape)
        return Stream(count, lambda part: self._examples(split + part))

    def _examples(self, split):
        dataset = self.builder.as_dataset(split=split, shuffle_files=False)
        no_label = tf.constant(-1, tf.int64)
        labelled = self.info.class_names is not None
        return dataset.map(
            lambda example: (example["image"], example["label"] if labelled else no_label),
            num_parallel_calls=tf.data.AUTOTUNE,
        )

    def _in_memory(self, split, count, shape):
        images, labels = np.empty((count, *shape), "uint8"), np.empty(count, "int64")
        start = 0
        for x, y in self._examples(split).batch(1000).prefetch(2).as_numpy_iterator():
            images[start : start + len(x)], labels[start : start + len(x)] = x, y
            start += len(x)
        y = labels if self.info.class_names else None
        return ArraySource(self.info.name, {split: (images, y)}, self.info.class_names).open(split)


def _unreachable(builder):
    """Why the hosts of a dataset's files cannot be reached, None if they can or are not known.

    The downloader would find out too, after minutes of retries.
    """
    hosts = sorted({urlparse(url).hostname for url in builder.url_infos} - {None})
    for host in hosts:
        try:
            socket.create_connection((host, 443), timeout=5).close()
        except OSError as error:
            return f"no connection to {host} ({error.strerror or error})"
    return None
