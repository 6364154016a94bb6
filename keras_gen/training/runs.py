"""`train` and `resume`: a model, data and settings, to a run folder.

config.json (everything resolved), model.keras, history.csv, metrics.json, samples/*.png, reconstructions.png,
checkpoints/ and tensorboard/.
"""

import json
import os
import platform
import re
import shutil
import tempfile
import time
import warnings
from pathlib import Path
from typing import Literal

import keras
import tensorflow as tf

from keras_gen import data, evaluation, models, tasks
from keras_gen.core import AdversarialModel, GenerativeModel, check_at_least, check_choice, distribution
from keras_gen.data.open import EMBEDDED
from keras_gen.files import write_atomically
from keras_gen.training import checkpoints
from keras_gen.training.callbacks import History, Pictures, StopEarly, StopOnNonFinite, best_epoch
from keras_gen.version import __version__

VALIDATION_IMAGES = 10_000  # at most, for the figures of each epoch
MAP_IMAGES = 5_000
SHAPES = ("data_shape", "target_shape")  # arguments of models that a run takes from its data
EXAMPLES = 10_000  # training images, at most, that a model may ask for


def registry():
    """Every model of the package by its name on the command line: {"vae": VAE, "infogan": InfoGAN, ...}."""
    classes = [
        value for value in vars(models).values() if isinstance(value, type) and issubclass(value, GenerativeModel)
    ]
    return {re.sub(r"(?<=[a-z])(?=[A-Z])(?!GAN$)", "_", cls.__name__).lower(): cls for cls in classes}


def find_model(name):
    """(name, class) of a model, whatever the case and the dashes of its name."""
    known = registry()
    for key, cls in known.items():
        if str(name).lower().replace("-", "").replace("_", "") == key.replace("_", ""):
            return key, cls
    raise ValueError(f"The model must be one of {', '.join(sorted(known))}. Received: {name!r}")


def train(
    model: str = "vae",
    *,
    data: str | None = None,
    data_a: str | None = None,
    data_b: str | None = None,
    task: str | None = None,
    task_level: float | None = None,
    out: str,
    epochs: int = 20,
    batch_size: int = 128,
    learning_rate: float | None = None,
    schedule: Literal["constant", "cosine"] = "constant",
    validation: float = 0.1,
    patience: int | None = None,
    image_size: int | None = None,
    channels: int | None = None,
    binarize: Literal["static", "dynamic"] | None = None,
    num_labels: int | None = None,
    limit: int | None = None,
    on_error: Literal["stop", "skip"] = "stop",
    devices: int | None = None,
    figures: bool = True,
    seed: int = 0,
    verbose: int = 1,
    **arguments,
):
    """Trains a model on data and leaves a run folder.

    Args:
        model: name of the model.
        data: digits (if none is given), an image dataset of TensorFlow Datasets, a folder of images, or a .npy or .npz
            file.
        data_a: of a model that translates images, the folder of its inputs; of one that needs no pairs, any data.
        data_b: the folder of the targets, whose files have the names of the inputs; or any data of the other kind.
        task: of a model that learns from pairs, what makes inputs out of the data: super_resolution, inpainting,
            colorization, denoising or edges.
        task_level: of the task: the factor of super_resolution, the standard deviation of the noise of denoising, the
            share of a side that inpainting hides.
        out: run folder; it must not exist yet.
        epochs: passes over the training data.
        batch_size: examples per step, over all devices together.
        learning_rate: of the model's optimizers; none for its own.
        schedule: constant, or cosine from the learning rate down to 0 at the last epoch.
        validation: share of the training split that is held out for the figures of each epoch.
        patience: epochs without a lower `val_loss` after which training stops; the model is then that of the epoch with
            the lowest. None for all epochs and the last.
        image_size: side to crop and resize images to.
        channels: 1 for gray, 3 for colour; none for what the data have.
        binarize: draw black and white pixels, once (static) or anew each time (dynamic).
        num_labels: of a model that learns from labels known in part, how many are known, as many of each class.
        limit: train on that many examples only.
        on_error: of a folder, stop at files that cannot be read, or skip them.
        devices: how many devices train together; none for one.
        figures: at the end, take the figures on the held-out split and draw the codes.
        seed: of weights, noise and shuffling.
        verbose: 0 silent, 1 a progress bar, 2 one line per epoch.
        **arguments: of the model's constructor.

    Returns:
        The trained model.

    Raises:
        ValueError, OSError: if an argument, the data or the folder is not what it should be.
        FloatingPointError: if a figure stops being a finite number; the last good checkpoint is kept.
    """
    name, cls = find_model(model)
    unknown = set(arguments) - set(cls.arguments())
    if unknown:
        raise ValueError(f"{name} takes {', '.join(cls.arguments())}. Received: {', '.join(sorted(unknown))}")
    labelling = cls.labelling_of(arguments)
    if num_labels is not None and labelling != "partial":
        raise ValueError(f"{name} does not learn from labels known in part. Received: num_labels={num_labels}")
    for argument, value in arguments.items():
        if argument in SHAPES:
            raise ValueError(f"The shapes are those of the data. Received: {argument}={value}")
        if isinstance(value, keras.Layer):
            raise ValueError(
                f"A run is made of what config.json can hold: give `{argument}` by name, or train with `fit`. "
                f"Received: {argument}={value}"
            )
    check_at_least(1, epochs=epochs, batch_size=batch_size)
    learning_rate = cls.learning_rate if learning_rate is None else learning_rate
    if learning_rate is not None and not learning_rate > 0:
        raise ValueError(f"`learning_rate` must be above 0. Received: learning_rate={learning_rate}")
    check_choice("schedule", schedule, ("constant", "cosine"))
    if not 0 < validation < 1:
        raise ValueError(f"`validation` must be a share between 0 and 1. Received: validation={validation}")
    if patience is not None:
        check_at_least(1, patience=patience)
        if issubclass(cls, AdversarialModel):
            raise ValueError(
                f"{name} is a game: its losses do not tell whether it gets better, so it cannot stop by them. "
                f"Received: patience={patience}"
            )
    folder = Path(out)
    clustered = distribution.num_machines() > 1  # who is started again after a failure gets the same command
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not clustered:
        raise FileExistsError(
            f"The run folder must not exist yet: choose another, or go on with `keras-gen resume {folder}`. "
            f"Received: out={out}"
        )
    chosen = {"data_a": data_a, "data_b": data_b, "task": task, "task_level": task_level}
    source, target = _sources(name, cls, data, **chosen)
    defaults = {
        key: p.default
        for key, p in cls.arguments().items()
        if p.default is not p.empty and key not in ("seed", *SHAPES)
    }
    config = {
        "model": name,
        "arguments": {**defaults, **arguments},
        "data": {"source": source, "target": target, "task": task, "task_level": task_level, "image_size": image_size,
                 "channels": channels, "binarize": binarize,
                 "num_labels": num_labels, "limit": limit, "on_error": on_error, "seed": seed},
        "training": {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "schedule": schedule,
                     "validation": validation, "patience": patience, "devices": devices, "figures": figures,
                     "seed": seed},
        "versions": {"keras_gen": __version__, "keras": keras.__version__,
                     "python": platform.python_version()},
    }  # fmt: skip
    if clustered and not (folder / "metrics.json").is_file():
        distribution.strategy(devices)  # first: to look at data may start TensorFlow
    if labelling is not None:
        _set_num_classes(name, config)
    run = _Run(folder, config, verbose)
    if clustered:
        return run.join()
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        run.write_json("config.json", config)  # first: what is killed from now on can be resumed
        run.prepare()
    except BaseException:
        if made:  # nothing was trained: a second try with mended arguments should not find a folder in its way
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return run.fit()


def resume(folder, epochs=None, devices=None, verbose=1):
    """Goes on with a run from its last complete checkpoint, as if it had not been interrupted.

    Args:
        folder: run folder.
        epochs: the new total, to train longer than was asked for at first; None for what was asked for.
        devices: how many train together from now on; None for as many as were asked for.
        verbose: 0 silent, 1 a progress bar, 2 one line per epoch.

    Returns:
        The trained model.

    Raises:
        FileNotFoundError: if the folder is not a run.
        ValueError: if there is nothing left to train.
    """
    folder = Path(folder)
    config = read_config(folder)
    if epochs is not None:
        if epochs > config["training"]["epochs"] and config["training"]["schedule"] == "cosine":
            warnings.warn(
                "The cosine schedule has ended: the added epochs train with a learning rate of 0.", stacklevel=2
            )
        config["training"]["epochs"] = epochs
    if devices is not None:
        config["training"]["devices"] = devices
    run = _Run(folder, config, verbose)
    run.prepare()
    if run.writes:
        run.write_json("config.json", config)
    return run.fit()


def _sources(name, cls, data, *, data_a, data_b, task, task_level):
    """What a run reads, and what else it reads, as config.json holds them."""
    if cls.pairing is None and any(value is not None for value in (data_a, data_b, task, task_level)):
        raise ValueError(
            f"data_a, data_b, task and task_level are for models that translate images. Received: model={name}"
        )
    if (data_a is None) != (data_b is None):
        raise ValueError(f"data_a and data_b go together. Received: data_a={data_a}, data_b={data_b}")
    if cls.pairing == "unpaired" and (data_a is None or task is not None or task_level is not None):
        raise ValueError(
            f"{name} learns from data_a and data_b, without a task. Received: data_a={data_a}, task={task}"
        )
    if cls.pairing == "pairs" and (data_a is None) == (task is None):
        raise ValueError(
            f"{name} learns from data and a task, or from the folders data_a and data_b. "
            f"Received: data_a={data_a}, task={task}"
        )
    if data is not None and data_a is not None:
        raise ValueError(f"Either data, or data_a and data_b. Received: data={data}, data_a={data_a}, data_b={data_b}")
    for folder in (data_a, data_b) if cls.pairing == "pairs" and data_a else ():
        if not Path(folder).is_dir():
            raise FileNotFoundError(f"Pairs without a task come from two folders. Received: {folder}, which is none")
    found = (data or "digits", None) if data_a is None else (data_a, data_b)
    return tuple(
        str(Path(source).resolve()) if source and str(source) not in EMBEDDED and Path(source).exists() else source
        for source in found
    )


def _set_num_classes(name, config):
    """The number of classes is that of the data, unless it was given; then it is at least that."""
    info = source_info(config)
    given = config["arguments"].setdefault("num_classes", info.num_classes)
    if info.num_classes is None:
        raise ValueError(f"{name} learns from labels. Received: data={info.name}, which has none")
    if given < info.num_classes:
        raise ValueError(f"{info.name} has {info.num_classes} classes. Received: num_classes={given}")


def read_config(folder):
    """The config.json of a run folder."""
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"A run folder holds a config.json. Received: {folder}")
    try:
        config = json.loads(path.read_text())
        missing = {"model", "arguments", "data", "training"} - set(config)
    except (json.JSONDecodeError, TypeError) as error:
        raise ValueError(f"This config.json is damaged ({error}). Received: {path}") from None
    if missing:
        raise ValueError(f"This config.json lacks {', '.join(sorted(missing))}. Received: {path}")
    return config


def source_info(config, source="source"):
    """`kg.data.info` of a run's data, or of the "target"."""
    options = {name: config["data"][name] for name in ("image_size", "channels", "on_error")}
    return data.info(config["data"][source], **options)


def _splits(config):
    """Names of the splits that all of a run's sources have."""
    return set.intersection(
        *(set(source_info(config, name).splits) for name in ("source", "target") if config["data"].get(name))
    )


def held_out_split(config):
    """The split that a run was not trained on: "test" where the source has one, else its validation part."""
    return "test" if "test" in _splits(config) else parts(config)[1]


def load_data(config, split, **options):
    """A split of a run's data, unshuffled unless asked otherwise."""
    settings = {"batch_size": config["training"]["batch_size"], "shuffle": False, **config["data"]}
    settings["num_labels"] = None  # labels are hidden from the training alone
    settings["labels"] = registry()[config["model"]].labelling_of(config["arguments"]) is not None
    settings |= options
    source, pairing = settings.pop("source"), registry()[config["model"]].pairing
    chosen = {name: settings.pop(name, None) for name in ("target", "task")}
    level = settings.pop("task_level", None)
    if pairing is None:
        return data.load(source, split, **settings)
    for name in ("labels", "num_labels", "binarize"):
        settings.pop(name)
    if pairing == "unpaired":
        return data.unpaired(source, chosen["target"], split, **settings)
    return data.pairs(source, split=split, level=level, **chosen, **settings)


def parts(config):
    """What a run trains on and what it validates on: the source's own splits, or parts of its training split."""
    if "validation" in _splits(config):
        return "train", "validation"
    percent = 100 - max(1, round(100 * config["training"]["validation"]))
    return f"train[:{percent}%]", f"train[{percent}%:]"


class _Run:
    """One training, begun or resumed.

    On several machines each has one, over the same folder; the chief's alone writes.
    """

    def __init__(self, folder, config, verbose):
        self.folder, self.config, self.writes = folder, config, distribution.is_chief()
        self.verbose = verbose if self.writes else 0

    def join(self):
        """What `train` does on several machines: begins, or goes on where they were, or gives what is complete."""
        if (self.folder / "config.json").is_file():
            different = [key for key, value in self._plain(self.config).items()
                         if key != "versions" and read_config(self.folder).get(key) != value]  # fmt: skip
            if different:
                raise FileExistsError(
                    f"This folder holds another run: its {', '.join(different)} differ. Received: out={self.folder}"
                )
            if (self.folder / "metrics.json").is_file():
                return checkpoints.load(self.folder / "model.keras")
        elif self.writes and self.folder.exists() and any(self.folder.iterdir()):
            raise FileExistsError(f"The run folder must not exist yet: choose another. Received: out={self.folder}")
        if self.writes:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.write_json("config.json", self.config)
        self.prepare()
        return self.fit()

    @staticmethod
    def _plain(config):
        return json.loads(json.dumps(config, default=str))

    def prepare(self):
        """Everything that can go wrong before training does: devices, data, arguments, folder."""
        settings = self.config["training"]
        self.strategy = distribution.strategy(settings["devices"])
        replicas = self.strategy.num_replicas_in_sync
        if settings["batch_size"] % replicas:
            raise ValueError(
                f"The batch is shared by {replicas} devices; its size must be a multiple of {replicas}. "
                f"Received: batch_size={settings['batch_size']}"
            )
        keras.utils.set_random_seed(settings["seed"])
        self.done, self.model = 0, None
        newest = max((epoch for epoch, _ in checkpoints.checkpoints(self.folder)), default=0)
        until = distribution.smallest(self.strategy, newest)  # one machine may have looked before another wrote
        with self.strategy.scope():
            self.done, self.model = checkpoints.restore(self.folder, until)
        if self.done >= settings["epochs"] and (self.folder / "metrics.json").is_file():
            raise ValueError(
                f"This run has all of its {self.done} epochs; ask for more with --epochs. Received: "
                f"epochs={settings['epochs']}"
            )
        training, validation = parts(self.config)
        num_labels = self.config["data"].get("num_labels")
        self.train_data = load_data(self.config, training, shuffle=True, num_labels=num_labels)
        self.validation_data = self._even(validation, replicas)
        first = next(self.validation_data.as_numpy_iterator())
        self.originals, self.labels = first if isinstance(first, tuple) else (first, None)
        if self.model is None:
            with self.strategy.scope():
                self.model = self._build()
        self.model.in_memory(self.originals, self.labels)  # says so if the data do not fit
        for name in ("checkpoints", "samples") if self.writes else ():
            (self.folder / name).mkdir(exist_ok=True)
            tempfile.TemporaryFile(dir=self.folder / name).close()  # may we write there?

    def _even(self, split, replicas):
        """Validation images, of a number that the replicas can share."""
        whole = load_data(self.config, split, limit=VALIDATION_IMAGES, batch_size=1)
        count = int(whole.cardinality())
        return load_data(self.config, split, limit=max(replicas, count - count % replicas))

    def _build(self):
        settings = self.config["training"]
        cls = registry()[self.config["model"]]
        shape, *others = (tuple(spec.shape[1:]) for spec in tf.nest.flatten(self.train_data.element_spec))
        arguments = {"seed": settings["seed"], **self.config["arguments"]}
        if cls.pairing is not None:
            arguments["target_shape"] = others[0]
        for name, parameter in cls.arguments().items():
            if parameter.annotation == keras.Model | None and arguments.get(name) is not None:
                arguments[name] = checkpoints.load(arguments[name])  # a trained model, by its run, file or name
        model = cls(data_shape=shape, **arguments)
        steps = settings["epochs"] * int(self.train_data.cardinality())
        decay_steps = steps if settings["schedule"] == "cosine" else None
        model.compile(**model.default_optimizers(settings["learning_rate"], decay_steps))
        return model

    def fit(self):
        start = time.time()
        if self.writes:
            (self.folder / "metrics.json").unlink(missing_ok=True)  # it tells a run that is complete
        self._train()
        if self.writes:
            self._finish(start)
        distribution.smallest(self.strategy, 0)  # whoever is started again before it is complete finds the others
        return self.model

    def _finish(self, start):
        """What is left to do for the one who writes: the model, its figures, the map of its codes."""
        checkpoints.save(self.model, self.folder / "model.keras")
        minutes = (time.time() - start) / 60
        split, figures = held_out_split(self.config), None
        if self.config["training"].get("figures", True):
            model = checkpoints.load(self.folder / "model.keras")  # the figures are those of the file, on one device
            figures = evaluation.report(model, load_data(self.config, split, limit=None, labels=self._labelled))
        self.write_json(
            "metrics.json",
            {
                "split": split,
                "figures": figures,
                "epochs": self.epoch,
                "epochs_before_resuming": self.done,
                "minutes": round(minutes, 3),
                "parameters": self.model.count_params(),
                "machine": {"cores": os.cpu_count(), "devices": self.strategy.num_replicas_in_sync},
            },
        )
        if figures:  # after them: a picture must not cost the figures
            self._draw_codes(split)

    def _train(self):
        """All epochs that are left; `epoch` is then the one that the model is of."""
        patience = self.config["training"].get("patience")
        self.epoch = self.config["training"]["epochs"]
        history = History(self.folder / "history.csv", self.done, self.writes)
        best = None if patience is None else lambda: 1 + best_epoch(history.rows)
        callbacks = [StopOnNonFinite(), history, *([] if patience is None else [StopEarly(history, patience)])]
        if self.writes:
            callbacks[1:1] = [
                keras.callbacks.TensorBoard(self.folder / "tensorboard", write_graph=False),
                Pictures(self.folder, self.originals, self.config["training"]["seed"], self.labels),
            ]
            # Last: an epoch counts once all the rest of it is written.
            callbacks.append(checkpoints.Checkpoints(self.folder, best))
        if patience is not None and StopEarly(history, patience).is_over():
            warnings.warn(f"This run stopped early: no lower val_loss for {patience} epochs.", stacklevel=4)
        else:
            self.model.fit(
                self.train_data,
                epochs=self.epoch,
                initial_epoch=self.done,
                validation_data=self.validation_data,
                callbacks=callbacks,
                verbose=self.verbose,
            )
        distribution.smallest(self.strategy, 0)  # until the chief has written the last checkpoint
        if best is not None:
            self.epoch = best()
            with self.strategy.scope():
                self.model = checkpoints.load(dict(checkpoints.checkpoints(self.folder))[self.epoch])

    @property
    def _labelled(self):
        return source_info(self.config).num_classes is not None

    def _draw_codes(self, split):
        """codes.png: where the images of each class lie in the space of codes."""
        if "encode" not in self.model.offers or self.model.latent_dim == 0:
            return
        loaded = data.stack(load_data(self.config, split, limit=MAP_IMAGES, labels=self._labelled))
        images, labels = loaded if self._labelled else (loaded, None)
        if len(images) < 2:
            return
        tasks.latent_map(self.model, images, labels, self.folder / "codes.png")

    def write_json(self, name, content):
        text = json.dumps(content, indent=2, default=str) + "\n"
        write_atomically(self.folder / name, lambda path: path.write_text(text))
