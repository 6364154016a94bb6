"""What a run folder holds, and how it comes about.

config.json (everything resolved), model.keras, history.csv, history.png, metrics.json, samples/*.png,
reconstructions.png, of a table columns.png, checkpoints/ and tensorboard/.
"""

import functools
import os
import tempfile
import time
import warnings
from pathlib import Path

import keras
import tensorflow as tf

from keras_gen import data, evaluation, plots, saving, tasks
from keras_gen.core import GenerativeModel, distribution
from keras_gen.files import read_columns, refuse_overwrite, share, write_atomically, write_json
from keras_gen.training.callbacks import (
    Curves,
    History,
    Pictures,
    StopEarly,
    StopOnNonFinite,
    best_epoch,
    choose_originals,
)
from keras_gen.training.checkpoints import Checkpoints, restore
from keras_gen.training.config import VALIDATION_IMAGES, RunConfig
from keras_gen.training.header import Header
from keras_gen.training.report import html_of
from keras_gen.training.trackers import Callbacks, made_for

MAP_IMAGES = 5_000


class Run:
    """A run folder, to look at; `kg.open_run` opens one.

    Args:
        folder: of the run.
        config: of the run; read from the folder if not given.
    """

    def __init__(self, folder: str | Path, config: RunConfig | None = None):
        self.folder, self.config = Path(folder), RunConfig.read(folder) if config is None else config

    @functools.cached_property
    def model(self) -> GenerativeModel:
        """The trained model, or of a run that is not complete that of its last checkpoint."""
        return saving.load(self.folder)

    @property
    def history(self) -> dict[str, list[float]]:
        """Name of a loss or metric to its values, one for each epoch, as in the `history` of Keras' `History`."""
        columns = read_columns(self.folder / "history.csv")
        return {name: values for name, values in columns.items() if name != "epoch"}

    def held_out(self, limit: int | None = None, labels: bool | None = None) -> tf.data.Dataset:
        """Data that the model was not trained on: the test split of its source, or else its validation part.

        Args:
            limit: that many examples only.
            labels: whether to give (images, labels); None where the source has classes. Pairs have none.
        """
        return self.config.held_out(limit, labels)

    def report(self, path: str | Path | None = None, force: bool = False) -> Path:
        """Writes one HTML file that shows the run: its pictures, curves and metrics, what it trained on and how.

        Args:
            path: of the file; report.html in the run folder if not given.
            force: whether a file that exists may be replaced.

        Raises:
            FileExistsError: if there is such a file.
        """
        path = self.folder / "report.html" if path is None else Path(path)
        refuse_overwrite(path, force)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = html_of(self)
        write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
        return path


class Training:
    """One training, begun or resumed.

    On several machines each has one, over the same folder; the chief's alone writes.

    Args:
        folder: of the run.
        config: of the run.
        verbose: as of `fit`.
        callbacks: of the user.
    """

    def __init__(self, folder: Path, config: RunConfig, verbose: int = 0, callbacks: Callbacks | None = None):
        self.folder, self.config, self.writes = folder, config, distribution.is_chief()
        self.given = callbacks
        self.verbose = verbose if self.writes else 0

    def join(self) -> GenerativeModel:
        """What `train` does on several machines: begins, or goes on where they were, or gives what is complete."""
        if (self.folder / "config.json").is_file():
            ours, theirs = self.config.sections(), RunConfig.read(self.folder).sections()
            different = [name for name in ours if name != "versions" and theirs[name] != ours[name]]
            if different:
                raise FileExistsError(
                    f"This folder holds another run: its {', '.join(different)} differ. Choose another folder. "
                    f"Received: out={self.folder}"
                )
            if saving.is_complete(self.folder):
                return saving.load(self.folder / "model.keras")
        elif self.writes and self.folder.exists() and any(self.folder.iterdir()):
            raise FileExistsError(f"The run folder must not exist yet: choose another. Received: out={self.folder}")
        if self.writes:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.config.write(self.folder)
        self.prepare()
        return self.fit()

    def prepare(self) -> None:
        """Everything that can go wrong before training does: devices, data, arguments, folder."""
        config = self.config
        self.strategy = distribution.strategy(config.devices)
        replicas = self.strategy.num_replicas_in_sync
        if config.batch_size % replicas:
            raise ValueError(
                f"The batch is shared by {replicas} devices; its size must be a multiple of {replicas}. "
                f"Received: batch_size={config.batch_size}"
            )
        keras.utils.set_random_seed(config.seed)
        newest = max((epoch for epoch, _ in saving.checkpoints(self.folder)), default=0)
        until = distribution.smallest(self.strategy, newest)  # one machine may have looked before another wrote
        with self.strategy.scope():
            self.done, restored = restore(self.folder, until)
        if self.done >= config.epochs and saving.is_complete(self.folder):
            raise ValueError(
                f"This run has trained all of its epochs: to go on it must be given more, by --epochs. Received: "
                f"epochs={config.epochs}"
            )
        self.train_data = config.training()
        self.validation_data = config.validating(replicas)
        first = next(self.validation_data.as_numpy_iterator())
        first = first if isinstance(first, tuple) else (first, None)
        with self.strategy.scope():
            self.model = config.build(self.train_data) if restored is None else restored
        self.model.check_data(*first)
        classes = None if config.cls.target_mode is not None else config.info().num_classes
        shown = config.load(config.validation_split, labels=classes is not None, limit=VALIDATION_IMAGES)
        self.originals, self.labels = choose_originals(shown, classes)
        self.callbacks = made_for(self.given, Run(self.folder, config))
        for name in ("checkpoints", "samples") if self.writes else ():
            (self.folder / name).mkdir(exist_ok=True)
            tempfile.TemporaryFile(dir=self.folder / name).close()  # may we write there?

    def fit(self) -> GenerativeModel:
        """Trains all epochs that are left, and leaves the folder complete.

        Raises:
            KeyboardInterrupt: with a sentence of what is there and how to go on.
        """
        try:
            return self._fit()
        except KeyboardInterrupt:
            done = max((epoch for epoch, _ in saving.checkpoints(self.folder)), default=0)
            raise KeyboardInterrupt(
                f"interrupted; {done} of {self.config.epochs} epochs are saved, and `keras-gen resume {self.folder}` "
                "goes on from there."
            ) from None

    def _fit(self):
        start = time.time()
        if self.writes:
            for name in ("metrics.json", "evaluation.json"):  # the first tells a run that is complete
                (self.folder / name).unlink(missing_ok=True)
        self._train()
        if self.writes:
            self._finish(start)
        distribution.wait_for_workers(self.strategy)  # whoever is started again before it is complete finds the others
        self.model.origin = self.folder / "model.keras"
        return self.model

    def _train(self):
        """All epochs that are left; `epoch` is then the one that the model is of."""
        config, self.epoch = self.config, self.config.epochs
        history = History(self.folder / "history.csv", self.done, self.writes)
        best = None if config.patience is None else lambda: 1 + best_epoch(history.rows)
        stop_early = None if config.patience is None else StopEarly(history, config.patience)
        callbacks = [StopOnNonFinite(), history, *self.callbacks, *([] if stop_early is None else [stop_early])]
        if self.writes:
            callbacks[1:1] = [
                keras.callbacks.TensorBoard(self.folder / "tensorboard", write_graph=False),
                Pictures(self.folder, self.originals, config.seed, self.labels),
            ]
            callbacks.append(Curves(self.folder))
            callbacks.append(Checkpoints(self.folder, best))  # last: an epoch counts once the rest of it is written
        if self.verbose:
            callbacks.insert(0, Header(config, int(self.train_data.cardinality()), self.folder))
        if stop_early is not None and stop_early.is_over():
            warnings.warn(f"This run stopped early: no lower val_loss for {config.patience} epochs.", stacklevel=4)
        else:
            self.model.fit(
                self.train_data,
                epochs=self.epoch,
                initial_epoch=self.done,
                validation_data=self.validation_data,
                callbacks=callbacks,
                verbose=self.verbose,
            )
            self.epoch = len(history.rows)  # a callback of the user may have stopped it
        distribution.wait_for_workers(self.strategy)  # until the chief has written the last checkpoint
        if best is not None:
            self.epoch = best()
            with self.strategy.scope():
                self.model = saving.load(dict(saving.checkpoints(self.folder))[self.epoch])

    def _finish(self, start):
        """What is left to do for the one who writes: the model, its metrics, the map of its codes."""
        saved = dict(saving.checkpoints(self.folder))
        if self.epoch in saved:
            share(saved[self.epoch], self.folder / "model.keras")
        else:
            saving.save(self.model, self.folder / "model.keras")
        minutes, metrics = (time.time() - start) / 60, None
        if self.config.figures:
            model = saving.load(self.folder / "model.keras")  # the metrics are those of the file, on one device
            metrics = evaluation.report(model, self.config.held_out())
        write_json(
            self.folder / "metrics.json",
            {
                "split": self.config.held_out_split,
                "figures": metrics,
                "epochs": self.epoch,
                "epochs_before_resuming": self.done,
                "minutes": round(minutes, 3),
                "parameters": self.model.count_params(),
                "machine": {"cores": os.cpu_count(), "devices": self.strategy.num_replicas_in_sync},
            },
        )
        for epoch, path in saving.checkpoints(self.folder)[:-1]:
            if epoch != self.epoch:
                path.unlink()
        if metrics:  # after them: a picture must not cost the metrics
            self._draw_columns()
            self._draw_codes()

    def _draw_columns(self):
        """columns.png: each column of held-out rows of a table, and of what the model makes."""
        if self.model.table is None or not {"sample", "reconstruct"} & self.model.offers:
            return
        rows, labels = data.stack(self.config.held_out(limit=MAP_IMAGES)), None
        if self.config.has_classes:
            rows, labels = rows
        labels = self.model.label_kwargs(labels)
        if "sample" in self.model.offers:
            name, made = "samples", self.model.sample(len(rows), seed=self.config.seed, **labels)
        else:
            name, made = "reconstructions", self.model.table.decode(self.model.reconstruct(rows, **labels))
        plots.columns(
            self.model.table.decode(rows, missing=True), made, self.folder / "columns.png", ("held-out rows", name)
        )

    def _draw_codes(self):
        """codes.png: where the images of each class lie in the space of codes."""
        if "encode" not in self.model.offers or self.model.slow or self.model.latent_dim == 0:
            return
        loaded = data.stack(self.config.held_out(limit=MAP_IMAGES))
        images, labels = loaded if self.config.has_classes else (loaded, None)
        if len(images) < 2:
            return
        names = self.config.info().class_names
        tasks.latent_map(self.model, images, labels, self.folder / "codes.png", class_names=names)
