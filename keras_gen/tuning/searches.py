"""`search`: the best hyperparameters of a model, by Keras Tuner. Each trial is a run, and can be looked at as one.

search.json (everything asked for), trials/NAME/ (a run folder) and NAME.json (what became of it), tuner/ (logs of
workers), tensorboard/, report.md with a picture, best/ (the best model trained again).
"""

import contextlib
import functools
import json
import math
import os
import shutil
import time
import warnings
import zlib
from pathlib import Path
from typing import NamedTuple

import filelock
import keras_tuner as kt
import numpy as np
import tensorflow as tf
from rich.console import Console
from tensorboard.plugins.hparams import api as hparams

from keras_gen.core import AdversarialModel, check_choice, check_whole, distribution
from keras_gen.data import info as data_info
from keras_gen.evaluation.summary import has_probability
from keras_gen.files import write_atomically
from keras_gen.training import checkpoints, runs
from keras_gen.training.callbacks import best_epoch, read_history
from keras_gen.tuning import space as spaces
from keras_gen.tuning import workers as processes
from keras_gen.tuning.objectives import OBJECTIVES, HeldOut, reportable
from keras_gen.tuning.reports import write_report
from keras_gen.tuning.space import OF_THE_RUN, Range, check_space, declare, ready_space, values_of

ALGORITHMS = ("random", "bayesian", "hyperband")
LONGEST = 150  # characters of a folder's name


class Search(NamedTuple):
    """What a search found.

    Args:
        best: values of the best trial.
        figure: its objective.
        trials: list of dicts, the first to end first: name, values, status ("COMPLETED" or "FAILED"), figure,
            epochs, minutes, error.
        folder: that holds all of it; `folder / "best"` is the run of the best values, trained again.
    """

    best: dict
    figure: float
    trials: list
    folder: Path


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
    limit: int | None = None,
    devices: int | None = None,
    workers: int = 1,
    seed: int = 0,
    verbose: int = 1,
    **arguments,
):
    """Searches the hyperparameters of a model that are best by a figure of held-out images.

    Each trial is a run of `kg.training.train`; it is judged on the part of the training split that it did not train on,
    never on the test split. Called again on its folder, a search that was interrupted goes on where it was: finished
    trials are not trained again, an interrupted one goes on from its last checkpoint, and the list is the same. (Of
    several workers, a Bayesian search and Hyperband choose by what has ended so far, and so by who was faster.)

    Where Keras Tuner's environment variables are set (KERASTUNER_TUNER_ID, KERASTUNER_ORACLE_IP,
    KERASTUNER_ORACLE_PORT), this process is the chief or a worker of a search on several machines that share `out`.

    Args:
        model: its name, such as "vae".
        data: as `kg.data.load` takes them.
        objective: one of `OBJECTIVES`, or "val_..." for a figure of the history; the first that the model can report if
            not given.
        space: name to `Range(low, high, log)`, (low, high), (low, high, "log") or a list of choices: of arguments of
            the constructor, `width`, by which all layers of its networks are widened, `learning_rate` and
            `batch_size`. Two whole numbers are a range of whole numbers. The ready space of the model if not given.
        max_trials: how many; of Hyperband, which decides by itself, no more than this.
        out: folder.
        algorithm: "random"; "bayesian", a Gaussian process of the objective; or "hyperband", which gives many trials
            few epochs and goes on with the best.
        epochs: of each trial; of Hyperband of the longest.
        batch_size: examples per step, where it is not searched.
        final_epochs: of the best model, which is trained again; as long as a trial if not given.
        patience, binarize, limit, devices: as `kg.training.train` takes them.
        workers: processes of this machine that train at the same time. One that ends too early is started again.
        seed: of the choices, the weights and the figures.
        verbose: 0 silent, 1 a line for each trial, 2 and the epochs of each.
        **arguments: of the constructor, the same in all trials.

    Returns:
        A `Search`; None on a worker, for the chief alone knows the end.

    Raises:
        ValueError: if the model cannot report the objective, or the space is none; before any trial starts.
        FileExistsError: if the folder holds something else, such as another search, or is being searched in.
        RuntimeError: if every trial failed, with the error of the last; or a worker cannot work.

    Reference:
        Random: Bergstra and Bengio 2012. Bayesian: Snoek et al. 2012. Hyperband: Li et al. 2018.
    """
    name, cls = runs.find_model(model)
    space = check_space(ready_space(name) if space is None else space, name, cls)
    twice = set(space) & set(arguments)
    if twice:
        raise ValueError(f"What is searched cannot be given as well. Received: {', '.join(sorted(twice))} twice")
    if cls.pairing is not None:
        raise ValueError(f"{name} learns from pairs; train it with `kg.training.train`. Received: model={name!r}")
    check_choice("algorithm", algorithm, ALGORITHMS)
    check_whole(1, max_trials=max_trials, epochs=epochs, workers=workers)
    for option, value in {"final_epochs": final_epochs, "patience": patience}.items():
        if value is not None:
            check_whole(1, **{option: value})
    if workers > 1 and processes.role() != "alone":
        raise ValueError(
            f"Each process of a search on several machines is one: chief or worker. Received: workers={workers}"
        )
    if distribution.num_machines() > 1:
        raise ValueError(
            "On several machines a search goes by Keras Tuner's variables, each machine for itself. Received: TF_CONFIG"
        )
    if workers > 1:  # or TensorFlow takes all memory of the GPUs for this process
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    data = str(data)
    objective = objective or _first_objective(cls, data, binarize, arguments)
    settings = {
        "model": name, "data": data, "objective": objective, "space": spaces.written(space), "max_trials": max_trials,
        "algorithm": algorithm, "epochs": epochs, "batch_size": batch_size, "patience": patience,
        "binarize": binarize, "limit": limit, "devices": devices, "seed": seed, "arguments": arguments,
    }  # fmt: skip
    try:
        json.dumps(settings)
    except TypeError as error:
        raise ValueError(f"A search is made of what search.json can hold. Received: {error}") from None
    trials = _Trials(Path(out), settings, verbose)
    trials.check(cls)
    if processes.role() == "worker":
        trials.join()
        _Tuner(trials).search()
        return None
    with trials.begun():
        if workers > 1:
            processes.run(trials, min(workers, max_trials))
        else:
            _Tuner(trials).search()
        return trials.finish(final_epochs or epochs)


def _first_objective(cls, data, binarize, arguments):
    """The first that the model can report on such data; of a Bernoulli likelihood, a probability of binarized data."""
    labelled, likelihood = data_info(data).num_classes is not None, cls.arguments().get("likelihood")
    gray = binarize is None and arguments.get("likelihood", likelihood and likelihood.default) == "bernoulli"
    able = (
        name
        for name in reportable(cls)
        if (labelled or not OBJECTIVES[name].labelled) and not (gray and "log_weights" in OBJECTIVES[name].needs)
    )
    return next(able, "val_loss")


def take_part(folder):
    """What a process of `processes.run` does: the chief chooses, a worker trains."""
    settings = json.loads((Path(folder) / "search.json").read_text())
    _Tuner(_Trials(Path(folder), settings, verbose=0)).search()


def _oracle(trials):
    """Who chooses."""
    algorithm, max_trials, epochs, seed = (
        trials.settings[name] for name in ("algorithm", "max_trials", "epochs", "seed")
    )
    options = {
        "objective": kt.Objective(trials.settings["objective"], trials.direction),
        "hyperparameters": declare(trials.space),
        "allow_new_entries": True,  # Hyperband writes its own
        "tune_new_entries": False,
        "seed": seed + 1,  # 0 would be drawn at random
        "max_consecutive_failed_trials": 10**6,  # they are counted and shown, and the search goes on
    }
    if algorithm == "hyperband":
        oracle = kt.oracles.HyperbandOracle(max_epochs=epochs, **options)
        oracle.max_trials = max_trials
        return oracle
    kinds = {"random": kt.oracles.RandomSearchOracle, "bayesian": _Bayesian}
    return kinds[algorithm](max_trials=max_trials, **options)


class _Bayesian(kt.oracles.BayesianOptimizationOracle):
    """Keras Tuner's, which would try the same values again and again, or let two workers train them at once."""

    def populate_space(self, trial_id):
        chosen = super().populate_space(trial_id)
        if "values" not in chosen:
            return chosen
        tried = [trial.hyperparameters.values for trial in self.trials.values()]
        for attempt in range(100):
            if chosen["values"] not in tried:
                return chosen
            seeds = np.random.SeedSequence([self.seed, len(tried), attempt]).generate_state(len(self.get_space().space))
            chosen["values"] = {
                parameter.name: parameter.random_sample(int(seed))
                for parameter, seed in zip(self.get_space().space, seeds, strict=True)
            }
        return {"status": kt.engine.trial.TrialStatus.STOPPED}  # all there is has been tried


class _Tuner(kt.engine.base_tuner.BaseTuner):
    """Keras Tuner's loop; what a trial does is up to `_Trials`.

    Its own state is made anew each time, for it is not written whole or not at all: finished trials give back their
    figures at once, and by the same seed the oracle asks for the same.
    """

    def __init__(self, trials):
        self.trials = trials
        oracle = _oracle(trials)
        oracle.verbose = 0
        super().__init__(oracle, directory=str(trials.folder / "tuner"), project_name=processes.name(), overwrite=True)

    def search(self):
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "All-NaN")  # of trials that failed
                super().search()
        except kt.errors.FatalError as error:
            raise error.__cause__ from None

    def pre_create_trial(self):
        if processes.role() == "worker":
            time.sleep(0.1)  # where others are to end first, Keras Tuner asks again at once

    def run_trial(self, trial):
        """The objective of a trial, NaN if that failed.

        What is not the trial's fault, such as a full disk, ends the search: Keras Tuner takes every other exception for
        a failed trial.
        """
        values = values_of(trial.hyperparameters, self.trials.space)
        epochs = trial.hyperparameters.values.get("tuner/epochs", self.trials.settings["epochs"])
        try:
            return {self.trials.settings["objective"]: self.trials.run(values, epochs)}
        except Exception as error:
            raise kt.errors.FatalError(str(error)) from error


class _Trials:
    """The trials of a search: their folder, what each does, and what becomes of them."""

    def __init__(self, folder, settings, verbose):
        self.folder, self.settings, self.verbose = folder, settings, verbose
        self.space = spaces.read(settings["space"])
        self.objective = OBJECTIVES.get(settings["objective"])
        self.verbose_runs = max(0, verbose - 1)
        self.console = Console()

    @property
    def direction(self):
        if self.objective is not None:
            return self.objective.direction
        return (
            "max" if self.settings["objective"].endswith(("accuracy", "likelihood", "elbo", "ssim", "psnr")) else "min"
        )

    # === Before ===

    def check(self, cls):
        """That the model reports the objective, at both ends of the space, before any trial starts."""
        name = self.settings["objective"]
        if self.objective is None and name.startswith("val_"):
            warnings.warn(
                f"{name} contains what is searched, where that weighs its terms, as beta and rho do: the best is then "
                "the smallest. Compare by a figure that does not: " + ", ".join(OBJECTIVES) + ".",
                stacklevel=4,
            )
        elif name not in reportable(cls):
            able = ", ".join([*reportable(cls), "val_loss and its kin"])
            raise ValueError(f"{self.settings['model']} reports {able}. Received: objective={name!r}")
        ends = [{key: v[i] if isinstance(v, Range) else v[-i] for key, v in self.space.items()} for i in (0, 1)]
        unknown = set(self.settings["arguments"]) - set(cls.arguments())
        if unknown:
            raise ValueError(
                f"{self.settings['model']} takes {', '.join(cls.arguments())}. Received: {', '.join(sorted(unknown))}"
            )
        distribution.strategy(self.settings["devices"])
        config = self._config(ends[0])
        info = runs.source_info(config)
        if cls.labelling_of(self.settings["arguments"]) is not None and info.num_classes is None:
            raise ValueError(f"{self.settings['model']} learns from labels. Received: data={info.name}, without any")
        if self.settings["patience"] is not None and issubclass(cls, AdversarialModel):
            raise ValueError(
                f"{self.settings['model']} is a game: its losses do not tell whether it gets better. "
                f"Received: patience={self.settings['patience']}"
            )
        if self.objective is not None and self.objective.labelled and info.num_classes is None:
            raise ValueError(f"{name} needs data with classes. Received: data={self.settings['data']}, without any")
        if name == "mutual_information_gap" and self.settings["data"] != "glyphs":
            raise ValueError(f"{name} needs the true factors of glyphs. Received: data={self.settings['data']!r}")
        for values in ends:
            arguments = self._config(values)["arguments"]
            if cls.labelling_of(arguments) is not None:
                arguments.setdefault("num_classes", info.num_classes)
            model = cls(info.data_shape, **arguments)
        if self.objective is not None and self.objective.labelled:
            self.objective.figure(model, self.held_out)  # says what is wrong, such as few examples of a class
        if name in ("elbo", "log_likelihood") and not np.all(
            has_probability(model.data_likelihood, self.held_out.images[:100])
        ):
            raise ValueError(
                f"{name} of a Bernoulli likelihood is of zeros and ones: binarize the data, or take another. "
                f"Received: binarize={self.settings['binarize']}"
            )

    @functools.cached_property
    def held_out(self):
        first = {name: values[0] for name, values in self.space.items()}
        return HeldOut(self._config(first), self.settings["seed"])

    @property
    def written(self):
        """search.json: everything asked for."""
        return self.folder / "search.json"

    @contextlib.contextmanager
    def begun(self):
        """The folder, new or that of this very search, and nobody else's meanwhile."""
        if self.written.is_file():
            self._check_same()
        elif self.folder.exists() and not (
            self.folder.is_dir() and {path.name for path in self.folder.iterdir()} <= {".lock", "tuner"}
        ):
            raise FileExistsError(f"The folder of a search must not exist yet. Received: out={self.folder}")
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with filelock.FileLock(self.folder / ".lock", blocking=False):
                (self.folder / "tuner").mkdir(exist_ok=True)  # first: workers wait for search.json
                self._write(self.written, self.settings)
                yield
        except filelock.Timeout:
            raise FileExistsError(
                f"Another process is searching in this folder; wait for its end. Received: out={self.folder}"
            ) from None

    def join(self):
        """Waits for the chief to begin."""
        deadline = time.time() + processes.PATIENCE
        while not self.written.is_file():
            if time.time() > deadline:
                raise FileNotFoundError(
                    "The chief has not begun: start it with the same arguments, and an `out` that all machines share. "
                    f"Received: out={self.folder}"
                )
            time.sleep(0.5)
        self._check_same()

    def _check_same(self):
        if json.loads(self.written.read_text()) != json.loads(json.dumps(self.settings)):
            raise FileExistsError(
                "This folder holds another search: choose a new one, or call with the same arguments to go on. "
                f"Received: out={self.folder}"
            )

    # === A trial ===

    def run(self, values, epochs):
        """Trains, or goes on, or remembers; -> the objective."""
        folder = self._folder_of(values, epochs)
        found = {"name": folder.name, "values": values, "epochs": epochs}
        with filelock.FileLock(self.folder / "tuner" / f"{folder.name}.lock"):  # two workers may be asked for the same
            known = self.record(found["name"])
            if known is None:
                with processes.at_work_on(self.folder, found):
                    known = self._do(folder, found)
        return float("nan") if known["figure"] is None else known["figure"]

    def _do(self, folder, found):
        start = time.time()
        try:
            model = self._train(folder, found["values"], found["epochs"])
            figure = self._judge(model, folder)
            if not math.isfinite(figure):
                raise FloatingPointError(f"{self.settings['objective']} is {figure}")
            found |= {"status": "COMPLETED", "figure": figure}
        except (ValueError, TypeError, LookupError, ArithmeticError, NotImplementedError, tf.errors.OpError) as error:
            words = (str(error) or type(error).__name__).splitlines()[0]
            found |= {"status": "FAILED", "figure": None, "error": words}
        found["minutes"] = (time.time() - start) / 60
        self._log(found)
        self.write(found)
        self.show(found)
        return found

    def record(self, name):
        """What became of a trial, or None."""
        path = self.folder / "trials" / f"{name}.json"
        return json.loads(path.read_text()) if path.is_file() else None

    def write(self, found):
        """The record of a trial."""
        self._write(self.folder / "trials" / f"{found['name']}.json", found)

    def _train(self, folder, values, epochs):
        if (folder / "config.json").is_file():
            if (folder / "metrics.json").is_file():
                return checkpoints.load(folder / "model.keras")
            return runs.resume(folder, verbose=self.verbose_runs)
        shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed before it was one
        shorter = [self._folder_of(values, fewer) for fewer in range(epochs - 1, 0, -1)]
        shorter = next((path for path in shorter if (path / "metrics.json").is_file()), None)
        if shorter is None:
            return self._begin(folder, values, epochs, figures=False)
        # Hyperband goes on with its best.
        partial = self.folder / "tuner" / folder.name
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(shorter, partial)
        (partial / "metrics.json").unlink()
        config = runs.read_config(partial)
        config["training"]["epochs"] = epochs
        self._write(partial / "config.json", config)
        partial.rename(folder)
        return runs.resume(folder, verbose=self.verbose_runs)

    def _folder_of(self, values, epochs):
        return self.folder / "trials" / _trial_name(values, epochs)

    def _begin(self, folder, values, epochs, figures):
        """A run of some values."""
        config = self._config(values)
        return runs.train(
            config["model"], data=config["data"]["source"], out=str(folder), epochs=epochs, figures=figures,
            batch_size=config["training"]["batch_size"], learning_rate=config["training"]["learning_rate"],
            **{key: self.settings[key] for key in ("patience", "binarize", "limit", "devices", "seed")},
            verbose=self.verbose_runs, **config["arguments"],
        )  # fmt: skip

    def _judge(self, model, folder):
        if self.objective is None:
            rows = read_history(folder / "history.csv")
            history = rows[best_epoch(rows)] if self.settings["patience"] else rows[-1]  # the epoch of the model
            if self.settings["objective"] not in history:
                raise ValueError(
                    f"{self.settings['model']} does not log {self.settings['objective']}, but {', '.join(history)}"
                )
            return float(history[self.settings["objective"]])
        return float(self.objective.figure(model, self.held_out))

    def _config(self, values):
        """What `runs` knows of a trial, from its values."""
        of_run = {name: values.get(name, self.settings.get(name)) for name in OF_THE_RUN}
        arguments = spaces.arguments_of(runs.find_model(self.settings["model"])[1], values, self.settings["arguments"])
        data_settings = {"source": self.settings["data"], "target": None, "binarize": self.settings["binarize"],
                         "limit": self.settings["limit"], "seed": self.settings["seed"],
                         "image_size": None, "channels": None, "on_error": "stop"}  # fmt: skip
        return {"model": self.settings["model"], "arguments": arguments, "data": data_settings,
                "training": {**of_run, "validation": 0.1, "devices": self.settings["devices"],
                             "seed": self.settings["seed"]}}  # fmt: skip

    def _log(self, found):
        """The trial in TensorBoard's HParams."""
        with tf.summary.create_file_writer(str(self.folder / "tensorboard" / found["name"])).as_default():
            plain = {k: v if isinstance(v, int | float | str | bool) else str(v) for k, v in found["values"].items()}
            hparams.hparams(plain, trial_id=found["name"])
            if found["figure"] is not None:
                tf.summary.scalar(self.settings["objective"], found["figure"], step=found["epochs"])

    def show(self, found):
        """A line for a trial that has ended."""
        if self.verbose:
            figure = "failed: " + found["error"] if found["figure"] is None else f"{found['figure']:.4f}"
            told = f"trial {len(self.records())}: {found['name']}: {self.settings['objective']} {figure}"
            self.console.print(f"{told} ({found['minutes']:.1f} minutes)", highlight=False, soft_wrap=True)

    # === After ===

    def records(self):
        """What is known of each trial, the first to end first."""
        paths = sorted((self.folder / "trials").glob("[!.]*.json"), key=lambda path: path.stat().st_mtime_ns)
        return [json.loads(path.read_text()) for path in paths]

    def finish(self, epochs):
        """The best model trained again, and the report."""
        records = self.records()
        good = [found for found in records if found["status"] == "COMPLETED"]
        if not good:
            last = records[-1]["error"] if records else "no trial ran"
            raise RuntimeError(f"All {len(records)} trials failed. The last error: {last}")
        best = (max if self.direction == "max" else min)(good, key=lambda found: found["figure"])
        folder, about = self.folder / "best", {"values": best["values"], "epochs": epochs}
        told = self.folder / "best.json"  # of which trial it is
        if not told.is_file() or json.loads(told.read_text()) != about or not (folder / "config.json").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            self._write(told, about)
            self._begin(folder, best["values"], epochs, figures=True)
        elif not (folder / "metrics.json").is_file():
            runs.resume(folder, verbose=self.verbose_runs)
        write_report(self, records, best)
        return Search(best["values"], best["figure"], records, self.folder)

    @staticmethod
    def _write(path, content):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda temporary: temporary.write_text(json.dumps(content, indent=2) + "\n"))


def _trial_name(values, epochs):
    """A folder's name that says what the trial is."""
    parts = [f"{key}={value:.6g}" if isinstance(value, float) else f"{key}={value}" for key, value in values.items()]
    name = ",".join(parts).replace("/", "-").replace(" ", "")
    if len(name) > LONGEST:
        name = f"{name[:LONGEST]}-{zlib.crc32(name.encode()):08x}"
    return f"{name},epochs={epochs}"
