"""`train`, `resume` and `open_run`: a model, data and settings to a run folder, and back."""

import shutil
import warnings
from pathlib import Path
from typing import Any, Literal

from keras_gen import saving
from keras_gen.core import GenerativeModel, distribution
from keras_gen.training.config import RunConfig
from keras_gen.training.run import Run, Training
from keras_gen.training.trackers import Callbacks


def train(
    model: str = "vae",
    *,
    data: str | None = None,
    data_a: str | None = None,
    data_b: str | None = None,
    task: str | None = None,
    task_level: float | None = None,
    input_half: Literal["left", "right"] | None = None,
    input_suffix: str | None = None,
    target_suffix: str | None = None,
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
    augment: list[Literal["flip", "crop", "colour", "rotate", "diff"]] | None = None,
    balance: bool = False,
    num_labels: int | None = None,
    limit: int | None = None,
    on_error: Literal["stop", "skip"] = "stop",
    split_folders: bool | None = None,
    classes_from: Literal["first", "last"] | None = None,
    target: str | None = None,
    kinds: dict[str, str] | None = None,
    devices: int | None = None,
    figures: bool = True,
    seed: int = 0,
    verbose: int = 1,
    callbacks: Callbacks | None = None,
    **arguments: Any,
) -> GenerativeModel:
    """Trains a model on data and leaves a run folder.

    Args:
        model: name of the model.
        data: digits (if none is given), an image dataset of TensorFlow Datasets, a folder of images, a .npy or .npz
            file, or a table: a .csv, .tsv or .parquet file, or a folder with train.csv and test.csv.
        data_a: of a model that translates images, the folder of its inputs; of one that needs no pairs, any data.
        data_b: the folder of the targets, whose files have the names of the inputs; or any data of the other kind.
        task: of a model that learns from pairs, what makes inputs out of the data: super_resolution, inpainting,
            colorization, denoising or edges.
        task_level: of the task: the factor of super_resolution, the standard deviation of the noise of denoising, the
            share of a side that inpainting hides.
        input_half: where a folder holds pairs as images side by side, which half is the input, left or right.
        input_suffix: where a folder holds pairs told apart by name, what the names of the inputs end in.
        target_suffix: likewise of the targets, such as _mask of 1_mask.png beside 1.jpg.
        out: run folder; it must not exist yet.
        epochs: passes over the training data.
        batch_size: examples per step, over all devices together.
        learning_rate: of the model's optimizers; none for its own.
        schedule: constant, or cosine from the learning rate down to 0 at the last epoch.
        validation: share of the training split that is held out for the metrics of each epoch.
        patience: epochs without a lower `val_loss` after which training stops; the model is then that of the epoch with
            the lowest. None for all epochs and the last.
        image_size: side to crop and resize images to.
        channels: 1 for gray, 3 for colour; none for what the data have.
        binarize: draw black and white pixels, once (static) or anew each time (dynamic).
        augment: random changes that training images undergo, anew in each epoch: flip (left and right), crop (shifts),
            colour (brightness, contrast, saturation, hue), rotate. Images that are held out stay as they are. Of a GAN
            also diff: only its discriminator sees images changed, the generated ones too, so that samples are not.
        balance: repeat training examples of the smaller classes, so that all classes are as large as the largest.
        num_labels: of a model that learns from labels known in part, how many are known, as many of each class.
        limit: train on that many examples only.
        on_error: of a folder, stop at files that cannot be read, or skip them.
        split_folders: whether folders named like splits (train, val, test, ...) are splits. If not given, they are
            where nothing else lies beside them, and what can be read in two ways is refused.
        classes_from: which folder of an image is its class, the first within its split or the last; the first if not
            given.
        target: of a table, the column of classes, which is not learnt as the others are.
        kinds: of a table, kinds of columns that are not as they look, such as zip category or note ignore: number,
            whole, date, flag, category or ignore.
        devices: how many devices train together; none for one.
        figures: at the end, take the metrics on the held-out split and draw the codes.
        seed: of weights, noise and shuffling.
        verbose: 0 silent, 1 a progress bar, 2 one line per epoch.
        callbacks: of Keras, such as those of a tracker of experiments: a list, a function that makes the list for a
            `Run`, or a text that says where the function is, such as my_module:my_callbacks.
        **arguments: of the model's constructor.

    Returns:
        The trained model.

    Raises:
        ValueError, OSError: if an argument, the data or the folder is not what it should be.
        FloatingPointError: if a metric stops being a finite number; the last good checkpoint is kept.
    """
    config = RunConfig.from_arguments(
        model, arguments, data=data, data_a=data_a, data_b=data_b, task=task, task_level=task_level,
        input_half=input_half, input_suffix=input_suffix, target_suffix=target_suffix, epochs=epochs,
        batch_size=batch_size, learning_rate=learning_rate, schedule=schedule, validation=validation,
        patience=patience, image_size=image_size, channels=channels, binarize=binarize, augment=augment,
        balance=balance, num_labels=num_labels, limit=limit, on_error=on_error, split_folders=split_folders,
        classes_from=classes_from, target_column=target, kinds=kinds, devices=devices, figures=figures, seed=seed,
    )  # fmt: skip
    return begin(config, out, verbose, callbacks)


def begin(config: RunConfig, out: str | Path, verbose: int = 1, callbacks: Callbacks | None = None) -> GenerativeModel:
    """Trains what a config asks for, in a folder that must not exist yet."""
    folder = Path(out)
    clustered = distribution.num_machines() > 1  # who is started again after a failure gets the same command
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not clustered:
        raise FileExistsError(
            f"The run folder must not exist yet: choose another, or go on with `keras-gen resume {folder}`. "
            f"Received: out={out}"
        )
    if clustered and not saving.is_complete(folder):
        distribution.strategy(config.devices)  # first: to look at data may start TensorFlow
    training = Training(folder, config.with_classes(), verbose, callbacks)
    if clustered:
        return training.join()
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        training.config.write(folder)  # first: what is killed from now on can be resumed
        training.prepare()
    except BaseException:
        if made:  # nothing was trained: a second try with mended arguments should not find a folder in its way
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return training.fit()


def resume(
    folder: str | Path,
    epochs: int | None = None,
    devices: int | None = None,
    verbose: int = 1,
    callbacks: Callbacks | None = None,
) -> GenerativeModel:
    """Goes on with a run from its last complete checkpoint, as if it had not been interrupted.

    Args:
        folder: run folder.
        epochs: the new total, to train longer than was asked for at first; None for what was asked for.
        devices: how many train together from now on; None for as many as were asked for.
        verbose: 0 silent, 1 a progress bar, 2 one line per epoch.
        callbacks: as `train` takes them: those of the first call are not recorded.

    Returns:
        The trained model.

    Raises:
        FileNotFoundError: if the folder is not a run.
        ValueError: if there is nothing left to train.
    """
    config = RunConfig.read(folder)
    if epochs is not None and epochs > config.epochs and config.schedule == "cosine":
        warnings.warn("The cosine schedule has ended: the added epochs train with a learning rate of 0.", stacklevel=2)
    changes = {"epochs": epochs, "devices": devices}
    config = config.replace(**{name: value for name, value in changes.items() if value is not None})
    training = Training(Path(folder), config, verbose, callbacks)
    training.prepare()
    if training.writes:
        config.write(folder)
    return training.fit()


def open_run(folder: str | Path) -> Run:
    """Opens a run folder: `run.model`, `run.held_out()` (data it was not trained on), `run.config`, `run.history`.

    Args:
        folder: run folder, complete or not.

    Returns:
        A `Run`. The model and the data are read when they are asked for.

    Raises:
        FileNotFoundError: if the folder is not a run.
        ValueError: if its config.json is damaged.

    Example:
        >>> run = kg.open_run("runs/vae")  # doctest: +SKIP
        >>> run.model.evaluate(run.held_out())  # doctest: +SKIP
    """
    return Run(folder)


def run_of(name: str | Path) -> Run | None:
    """The run of a run folder; None of what else `kg.load` takes: a file, a preset, the name of a model elsewhere."""
    is_run = Path(name).is_dir() and not (Path(name) / saving.METADATA).is_file()
    return open_run(name) if is_run else None
