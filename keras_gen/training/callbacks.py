"""What a run does besides training: history, pictures, and stopping when metrics are no longer numbers."""

import csv
import math
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen import evaluation, images, plots
from keras_gen.core import check_whole
from keras_gen.files import write_atomically

SAMPLES = 64
SERIES = 20  # drawn, of samples
RECONSTRUCTIONS = 10
MAX_RECONSTRUCTIONS = 20  # of so many classes; of more, each k-th
CURVES_EVERY = 20  # times as long as drawing the curves takes
PICTURES_EVERY = 9  # times as long as drawing the pictures of a slow model takes


class StopOnNonFinite(keras.callbacks.Callback):
    """Raises FloatingPointError as soon as any logged metric, not the loss alone, is NaN or infinite."""

    def on_train_batch_end(self, batch, logs: dict | None = None) -> None:
        self._check(logs, f"batch {batch + 1}")

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._check(logs, f"epoch {epoch + 1}")

    @staticmethod
    def _check(logs, where):
        bad = {name: float(value) for name, value in (logs or {}).items() if not math.isfinite(float(value))}
        if bad:
            values = ", ".join(f"{name}={value}" for name, value in bad.items())
            raise FloatingPointError(f"Training stopped at {where}: {values}. Try a smaller learning rate.")


class History(keras.callbacks.Callback):
    """history.csv: one row per epoch, rewritten atomically; on resuming, rows after the checkpoint are dropped.

    Args:
        path: of the file.
        epochs_done: rows that are kept.
        writes: whether the file is written, as the chief of several machines does alone.
    """

    def __init__(self, path, epochs_done=0, writes=True):
        super().__init__()
        self.path, self.writes = Path(path), writes
        self.rows = [row for row in read_history(path) if int(row["epoch"]) <= epochs_done]

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.rows.append({"epoch": epoch + 1, **{name: f"{float(value):.9g}" for name, value in (logs or {}).items()}})
        if self.writes:
            write_atomically(self.path, self._write)

    def _write(self, path):
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        with open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(self.rows)


class Curves(keras.callbacks.Callback):
    """history.png: the curves of a training, drawn at its end, and meanwhile as often as costs a twentieth of the time.

    Args:
        folder: run folder, whose history.csv is written before.
    """

    def __init__(self, folder):
        super().__init__()
        self.folder, self.cost, self.drawn = Path(folder), 0.5, time.monotonic()  # seconds

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if time.monotonic() - self.drawn >= CURVES_EVERY * self.cost:
            self._draw()

    def on_train_end(self, logs: dict | None = None) -> None:
        if read_history(self.folder / "history.csv"):
            self._draw()

    def _draw(self):
        start = time.monotonic()
        plots.history(self.folder, self.folder / "history.png")
        self.drawn = time.monotonic()
        self.cost = self.drawn - start


def read_history(path: str | Path) -> list[dict[str, str]]:
    """Rows of a history.csv as dicts of strings; none if there is no such file."""
    path = Path(path)
    if not path.is_file():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def best_epoch(rows: list[dict[str, str]]) -> int:
    """Index of the row of a history with the lowest `val_loss`, the first of equals."""
    return min(range(len(rows)), key=lambda i: float(rows[i]["val_loss"]))


class StopEarly(keras.callbacks.Callback):
    """Stops when `val_loss` has not become lower for so many epochs; a function of the history, so resuming is exact.

    Args:
        history: `History`, which comes before.
        patience: epochs.
    """

    def __init__(self, history, patience):
        super().__init__()
        self.history, self.patience = history, patience

    def is_over(self) -> bool:
        """Whether the epochs so far say so."""
        rows = self.history.rows
        return bool(rows) and len(rows) - 1 - best_epoch(rows) >= self.patience

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.model.stop_training |= self.is_over()


def choose_originals(dataset: tf.data.Dataset, num_classes: int | None = None) -> tuple[np.ndarray, Any]:
    """The images that the pictures of a training show, the same each time: as many of each class, class by class.

    Args:
        dataset: of images, of (images, labels), or of pairs. It is read until there are enough of each class.
        num_classes: how many classes the labels name; None for the first images, whatever they are.

    Returns:
        (images, labels, or targets of pairs, or None): ten, or one of each class where there are more, up to twenty.
    """
    if num_classes is None:
        first = next(dataset.as_numpy_iterator())
        x, y = first if isinstance(first, tuple) else (first, None)
        return x[:RECONSTRUCTIONS], None if y is None else y[:RECONSTRUCTIONS]
    wanted = range(0, num_classes, -(-num_classes // MAX_RECONSTRUCTIONS))
    each = -(-RECONSTRUCTIONS // len(wanted))
    found: dict[int, list[np.ndarray]] = {label: [] for label in wanted}
    for x, y in dataset.as_numpy_iterator():
        for image, label in zip(x, y, strict=True):
            if len(found.get(int(label), range(each))) < each:
                found[int(label)].append(image)
        if all(len(images) == each for images in found.values()):
            break
    labels = np.array([label for label, images in found.items() for _ in images], "int64")
    if not len(labels):  # none is known
        return choose_originals(dataset)
    return np.stack([image for images in found.values() for image in images]), labels


class Pictures(keras.callbacks.Callback):
    """After each epoch: samples from the same codes, and the model's own pictures, as PNG and in TensorBoard.

    Of a model that takes long to draw: after the first and the last epoch, and meanwhile as often as costs a tenth of
    the time.

    Args:
        folder: run folder.
        originals: (N, H, W, C), or series (N, T, F), the few held-out ones that the model's pictures show; see
            `choose_originals`.
        seed: seed of the samples.
        labels: (N,) labels of the originals, or None.
    """

    def __init__(self, folder, originals, seed=0, labels=None):
        super().__init__()
        self.folder, self.originals, self.seed, self.labels = Path(folder), originals, seed, labels
        self.writer = tf.summary.create_file_writer(str(self.folder / "tensorboard" / "images"))
        self.cost, self.drawn = 0.0, time.monotonic()  # seconds

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        start = time.monotonic()
        is_soon = start - self.drawn < PICTURES_EVERY * self.cost
        if self.model.slow and is_soon and epoch + 1 < self.params["epochs"]:
            return
        self._draw_all(epoch)
        self.drawn = time.monotonic()
        self.cost = self.drawn - start

    def _draw_all(self, epoch):
        shape = self.model.data_shape
        is_series = len(shape) == 2
        if not is_series and (len(shape) != 3 or shape[-1] not in (1, 3)):
            return
        if "sample" in self.model.offers:
            samples = self.model.sample(SERIES if is_series else SAMPLES, seed=self.seed)
            self._draw("samples", [samples], self.folder / "samples" / f"epoch-{epoch + 1:04}.png", epoch)
        for name, groups in self.model.pictures(
            self.originals, self.seed, **self.model.label_kwargs(self.labels)
        ).items():
            self._draw(name, groups, self.folder / f"{name}.png", epoch)

    def _draw(self, name, groups, path, epoch):
        """Groups of images above each other, or of series in one panel; one alone as a grid."""
        if len(self.model.data_shape) == 2:
            figure = plots.series(*groups, names=(("original", name) if len(groups) == 2 else ()))
            figure.write(path)
            picture = figure.pixels()
        else:
            rows, columns = (groups[0], None) if len(groups) == 1 else (images.rows(*groups), len(groups[0]))
            images.save_grid(rows, path, columns=columns)
            picture = np.asarray(images.grid(rows, columns))
        with self.writer.as_default():
            tf.summary.image(name, picture[None], step=epoch)
        self.writer.flush()


class Fidelity(keras.callbacks.Callback):
    """Metrics of `kg.evaluation.fidelity` while training: `val_kernel_distance`, `val_precision`, ... in the logs.

    Put it before callbacks that read them, such as `EarlyStopping("val_kernel_distance", mode="min")`. The samples
    have the same seed each time. In epochs without an evaluation the last metrics are repeated.

    Args:
        real: (N, H, W, C) images in [0, 1] that the model is not trained on.
        features: `kg.evaluation.Features`, or a function of images to (N, D).
        every: epochs between two evaluations; the first comes after as many.
        size: how many samples, no more than half of the real images.
        seed: of the samples and of the comparison.
        labels: of the samples, for a model that needs them; see `sample`.

    Raises:
        NotImplementedError: when training begins, if the model does not sample.
    """

    def __init__(self, real, features, every=1, size=1000, seed=0, labels=None):
        super().__init__()
        check_whole(1, every=every, size=size)
        self.real, self.features, self.every, self.size, self.seed, self.labels = (
            real,
            features,
            every,
            size,
            seed,
            labels,
        )
        self.metrics = {}

    def on_train_begin(self, logs: dict | None = None) -> None:
        if "sample" not in self.model.offers:
            self.model.sample(1)  # says why not

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if (epoch + 1) % self.every == 0:
            samples = self.model.sample(self.size, labels=self.labels, seed=self.seed)
            found = evaluation.fidelity(samples, self.real, self.features, self.seed)["generated"]
            self.metrics = {f"val_{name}": value for name, value in found.items()}
        if logs is not None:
            logs.update(self.metrics)
