"""`search`: the best hyperparameters of a model, by Keras Tuner. Each trial is a run, and can be looked at as one.

search.json (everything asked for), trials/NAME/ (a run folder) and NAME.json (what became of it), tuner/ (logs of
workers), tensorboard/, report.md with a picture, best/ (the best model trained again).
"""

import json
import os
import shutil
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_gen import saving
from keras_gen.core import check_choice, check_whole, distribution
from keras_gen.core.renamed import warn_of
from keras_gen.evaluation.summary import in_support
from keras_gen.files import write_json
from keras_gen.training.api import begin, resume
from keras_gen.training.config import RunConfig
from keras_gen.training.registry import find_model, modules_of
from keras_gen.training.trackers import Callbacks, check_maker
from keras_gen.tuning import space as spaces
from keras_gen.tuning import workers as processes
from keras_gen.tuning.keras_tuner import ALGORITHMS, Tuner
from keras_gen.tuning.objectives import OBJECTIVES, reportable
from keras_gen.tuning.reports import write_report
from keras_gen.tuning.space import Range, check_space, ready_space
from keras_gen.tuning.trials import Trials


class Search(NamedTuple):
    """What a search found.

    Args:
        best: values of the best trial.
        metric: its value of the objective.
        trials: list of dicts, the first to end first: name, values, status ("COMPLETED" or "FAILED"), figure,
            epochs, minutes, error.
        folder: that holds all of it; `folder / "best"` is the run of the best values, trained again.
    """

    best: dict
    metric: float
    trials: list
    folder: Path

    @property
    def figure(self) -> float:
        warn_of("figure", "metric")
        return self.metric


def search(
    model: str = "vae",
    data: str = "digits",
    objective: str | None = None,
    space: dict | None = None,
    max_trials: int = 20,
    *,
    out: str,
    algorithm: str = "random",
    epochs: int = 10,
    batch_size: int = 128,
    final_epochs: int | None = None,
    patience: int | None = None,
    binarize: str | None = None,
    target: str | None = None,
    kinds: dict[str, str] | None = None,
    limit: int | None = None,
    devices: int | None = None,
    workers: int = 1,
    seed: int = 0,
    verbose: int = 1,
    callbacks: Callbacks | None = None,
    **arguments: Any,
) -> Search | None:
    """Searches for the hyperparameters of a model with the best metric on held-out images.

    Each trial is a run of `kg.training.train`; it is judged on the part of the training split that it did not train on,
    never on the test split. Called again on its folder, an interrupted search continues: finished trials are
    not trained again, an interrupted trial continues from its last checkpoint, and the list is the same. (With several
    workers, a Bayesian search and Hyperband choose by the trials that have ended, and so by which were faster.)

    Where Keras Tuner's environment variables are set (KERASTUNER_TUNER_ID, KERASTUNER_ORACLE_IP,
    KERASTUNER_ORACLE_PORT), this process is the chief or a worker of a search on several machines that share `out`.

    Args:
        model: its name, such as "vae".
        data: as `kg.data.load` takes them.
        objective: one of `OBJECTIVES`, or "val_..." for a metric of the history; the first that the model can report if
            not given.
        space: name to `Range(low, high, log)`, (low, high), (low, high, "log") or a list of choices: of arguments of
            the constructor, `width`, by which all layers of its networks are widened, `learning_rate` and
            `batch_size`. Two whole numbers are a range of whole numbers. The ready space of the model if not given.
        max_trials: how many; of Hyperband, which decides by itself, no more than this.
        out: folder.
        algorithm: "random"; "bayesian", a Gaussian process of the objective; or "hyperband", which gives many trials
            few epochs and continues with the best.
        epochs: of each trial; of Hyperband of the longest.
        batch_size: examples per step, where it is not searched.
        final_epochs: of the best model, which is trained again; as long as a trial if not given.
        patience, binarize, target, kinds, limit, devices: as `kg.training.train` takes them.
        workers: processes of this machine that train at the same time. One that ends too early is started again.
        seed: of the choices, the weights and the metrics.
        verbose: 0 silent, 1 a line for each trial, 2 and the epochs of each.
        callbacks: a function that makes the callbacks of Keras for a run, given the `Run`, of each trial and of the
            best trained again; with workers a text that says where it is, such as my_module:my_callbacks.
        **arguments: of the constructor, the same in all trials.

    Returns:
        A `Search`; None on a worker, because only the chief knows the result.

    Raises:
        ValueError: if the model cannot report the objective, or the space is invalid; before any trial starts.
        FileExistsError: if the folder holds something else, such as another search, or is being searched in.
        RuntimeError: if every trial failed, with the error of the last; or a worker cannot work.

    Reference:
        Random: Bergstra and Bengio 2012. Bayesian: Snoek et al. 2012. Hyperband: Li et al. 2018.
    """
    name, cls = find_model(model)
    space = check_space(ready_space(name) if space is None else space, name, cls)
    twice = set(space) & set(arguments)
    if twice:
        raise ValueError(
            "What is searched cannot be given as well: leave it out of the space, or of the arguments. "
            f"Received: {', '.join(sorted(twice))} twice"
        )
    if cls.target_mode is not None:
        raise ValueError(
            f"{name} learns from pairs, which a search cannot give it: train it with `kg.training.train`. "
            f"Received: model={name!r}"
        )
    check_choice("algorithm", algorithm, ALGORITHMS)
    check_whole(1, max_trials=max_trials, epochs=epochs, workers=workers)
    for option, value in {"final_epochs": final_epochs, "patience": patience}.items():
        if value is not None:
            check_whole(1, **{option: value})
    check_maker(callbacks, of_processes=workers > 1)
    if workers > 1 and processes.role() != "alone":
        raise ValueError(
            "Leave `workers` out: on several machines each process of a search must be one, chief or worker. "
            f"Received: workers={workers}"
        )
    if distribution.num_machines() > 1:
        raise ValueError(
            "A search on several machines cannot go by TF_CONFIG, for each machine trains trials of its own: set Keras "
            "Tuner's variables instead. Received: TF_CONFIG"
        )
    if workers > 1:  # or TensorFlow takes all memory of the GPUs for this process
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    settings = {
        "model": name, "data": str(data), "objective": objective, "space": spaces.written(space),
        "max_trials": max_trials, "algorithm": algorithm, "epochs": epochs, "batch_size": batch_size,
        "patience": patience, "binarize": binarize, "limit": limit, "devices": devices, "seed": seed,
        "arguments": arguments,
        **{name: value for name, value in {"target": target, "kinds": kinds}.items() if value is not None},
    }  # fmt: skip
    try:
        json.dumps(settings)
    except TypeError as error:
        raise ValueError(
            f"A search must be made of what search.json can hold, such as numbers and texts. Received: {error}"
        ) from None
    config = _shared_config(settings)
    settings["objective"] = objective or first_objective(config)
    trials = Trials(Path(out), settings, config, verbose, callbacks)
    _check(trials)
    if processes.role() == "worker":
        trials.join()
        Tuner(trials).search()
        return None
    with trials.begun():
        if workers > 1:
            processes.run(trials, min(workers, max_trials), modules_of(config.model), callbacks)
        else:
            Tuner(trials).search()
        return _finish(trials, final_epochs or epochs)


def _shared_config(settings: dict[str, Any]) -> RunConfig:
    """What the runs of all trials have in common, of what search.json holds."""
    shared = ("data", "epochs", "batch_size", "patience", "binarize", "limit", "devices", "seed")
    options = {name: settings[name] for name in shared}
    options |= {"target_column": settings.get("target"), "kinds": settings.get("kinds")}
    return RunConfig.from_arguments(settings["model"], settings["arguments"], **options)


def first_objective(config: RunConfig) -> str:
    """The first that the model can report on such data; of a Bernoulli likelihood, a probability of binarized data."""
    labelled = config.sources[0].classes_in("train") > 1  # of the normal images of MVTec there is one alone
    gray = config.binarize is None and config.info().spec is None and config.arguments.get("likelihood") == "bernoulli"
    able = (
        name
        for name in reportable(config.cls)
        if (labelled or not OBJECTIVES[name].labelled) and not (gray and "log_weights" in OBJECTIVES[name].needs)
    )
    return next(able, "val_loss")


def _check(trials):
    """That the model reports the objective, at both ends of the space, before any trial starts."""
    name, config = trials.settings["objective"], trials.config
    if trials.objective is None and name.startswith("val_"):
        warnings.warn(
            f"{name} contains what is searched, where that weighs its terms, as beta and rho do: the best is then the "
            "smallest. Compare by a metric that does not: " + ", ".join(OBJECTIVES) + ".",
            stacklevel=3,
        )
    elif name not in reportable(config.cls):
        able = ", ".join([*reportable(config.cls), "val_loss and its kin"])
        raise ValueError(
            f"{config.model} reports {able}: the objective must be one of them. Received: objective={name!r}"
        )
    if name == "kernel_distance" and config.info().spec is not None:
        raise ValueError(f"{name} is of images: search by another objective. Received: data={config.source!r}, a table")
    distribution.strategy(config.devices)
    if trials.objective is not None and trials.objective.labelled and not config.has_classes:
        raise ValueError(
            f"{name} needs data with classes: search by another objective. Received: data={config.source!r}"
        )
    if name == "mutual_information_gap" and config.source != "glyphs":
        raise ValueError(
            f"{name} needs the true factors of glyphs: it must be given data='glyphs'. Received: data={config.source!r}"
        )
    ends = [{key: v[i] if isinstance(v, Range) else v[-i] for key, v in trials.space.items()} for i in (0, 1)]
    for values in ends:
        arguments = trials.config_of(values).arguments
        model = config.cls(data_shape=config.info().shape, **arguments)
    if trials.objective is not None and trials.objective.labelled:
        trials.objective.metric(model, trials.held_out)  # says what is wrong, such as few examples of a class
    if name in ("elbo", "log_likelihood") and not np.all(
        in_support(model.data_likelihood, trials.held_out.images[:100])
    ):
        raise ValueError(
            f"{name} of a Bernoulli likelihood is of zeros and ones: binarize the data, or take another objective. "
            f"Received: binarize={config.binarize}"
        )


def run_worker(folder: str | Path, callbacks: str | None = None) -> None:
    """What a process of `workers.run` does: the chief chooses, a worker trains."""
    settings = json.loads((Path(folder) / "search.json").read_text())
    Tuner(Trials(Path(folder), settings, _shared_config(settings), 0, callbacks)).search()


def _finish(trials, epochs):
    """The best model trained again, and the report."""
    records = trials.records()
    good = [record for record in records if record["status"] == "COMPLETED"]
    if not good:
        last = records[-1]["error"] if records else "no trial ran"
        raise RuntimeError(f"All {len(records)} trials failed. The last error: {last}")
    best = (max if trials.direction == "max" else min)(good, key=lambda record: record["figure"])
    folder, about = trials.folder / "best", {"values": best["values"], "epochs": epochs}
    told = trials.folder / "best.json"  # of which trial it is
    if not told.is_file() or json.loads(told.read_text()) != about or not (folder / "config.json").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        write_json(told, about)
        begin(trials.config_of(best["values"], epochs=epochs), folder, trials.verbose_runs, trials.callbacks)
    elif not saving.is_complete(folder):
        resume(folder, verbose=trials.verbose_runs, callbacks=trials.callbacks)
    write_report(trials, records, best)
    return Search(best["values"], best["figure"], records, trials.folder)
