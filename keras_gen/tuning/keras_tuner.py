"""Keras Tuner's part in a search: who chooses the values of trials, and the loop over them."""

import time
import warnings

import keras_tuner as kt
import numpy as np

from keras_gen.tuning import workers
from keras_gen.tuning.space import declare, values_of

ALGORITHMS = ("random", "bayesian", "hyperband")


def make_oracle(trials) -> kt.Oracle:
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
    kinds = {"random": kt.oracles.RandomSearchOracle, "bayesian": BayesianOracle}
    return kinds[algorithm](max_trials=max_trials, **options)


class BayesianOracle(kt.oracles.BayesianOptimizationOracle):
    """Keras Tuner's, which would try the same values again and again, or let two workers train them at once."""

    def populate_space(self, trial_id) -> dict:
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


class Tuner(kt.engine.base_tuner.BaseTuner):
    """Keras Tuner's loop; what a trial does is up to `Trials`.

    Its own state is made anew each time, for it is not written whole or not at all: finished trials give back their
    objectives at once, and by the same seed the oracle asks for the same.
    """

    def __init__(self, trials):
        self.trials = trials
        oracle = make_oracle(trials)
        oracle.verbose = 0
        super().__init__(oracle, directory=str(trials.folder / "tuner"), project_name=workers.name(), overwrite=True)

    def search(self) -> None:
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "All-NaN")  # of trials that failed
                super().search()
        except kt.errors.FatalError as error:
            raise error.__cause__ from None

    def pre_create_trial(self) -> None:
        if workers.role() == "worker":
            time.sleep(0.1)  # where others are to end first, Keras Tuner asks again at once

    def run_trial(self, trial) -> dict:
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
