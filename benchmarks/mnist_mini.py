"""Makes keras_gen/data/mnist_mini.webp, the real digits that come with the package.

    TFDS_DATA_DIR=... python benchmarks/mnist_mini.py

A fixed random choice of MNIST, as many of each class: 5,000 of its training images in the upper 50 rows of 100, 1,000
of its test images in the lower 10. The digit of an image is its column modulo 10, so no file of labels is needed.
"""

from pathlib import Path

import numpy as np
from PIL import Image

import keras_gen as kg
from keras_gen.data.sources import MNIST_MINI

SEED = 0
SIZES = {"train": 5_000, "test": 1_000}
COLUMNS = 100


def chosen(split: str, count: int) -> np.ndarray:
    """`count` images of a split, (count, 28, 28) uint8, their digits 0, 1, ..., 9, 0, 1, ..."""
    images, labels = kg.data.stack(kg.data.load("mnist", split, labels=True, shuffle=False))
    order = np.random.default_rng(SEED).permutation(len(labels))
    of_each = [order[labels[order] == digit][: count // 10] for digit in range(10)]
    return np.rint(255 * images[np.stack(of_each, axis=1).ravel(), ..., 0]).astype("uint8")


def sprite(images: np.ndarray) -> np.ndarray:
    """(N, 28, 28) -> one picture of COLUMNS images in a row."""
    rows = images.reshape(-1, COLUMNS, 28, 28)
    return rows.transpose(0, 2, 1, 3).reshape(28 * len(rows), 28 * COLUMNS)


def main(path: Path = MNIST_MINI) -> None:
    picture = sprite(np.concatenate([chosen(split, count) for split, count in SIZES.items()]))
    Image.fromarray(picture).save(path, lossless=True)
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
