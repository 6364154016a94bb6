"""Searches: spaces, objectives, trials that fail or are interrupted, reports."""

import json
from unittest import mock

import keras_tuner as kt
import numpy as np
import pytest

import keras_gen as kg
from keras_gen import cli
from keras_gen.training.config import RunConfig
from keras_gen.tuning import keras_tuner, objectives, workers
from keras_gen.tuning import trial as trial_module
from keras_gen.tuning.search import _shared_config, first_objective
from keras_gen.tuning.trials import Trials

tuning = kg.tuning
TINY = {"epochs": 1, "limit": 96, "batch_size": 32, "verbose": 0}


# === Spaces ===


def test_spaces_of_the_command_line():
    space = tuning.parse_space(["beta=0.5..8:log", "latent-dim=2..64", "penalty=kl,l1", "tied=True,False", "rho=0.1"])
    assert space == {
        "beta": tuning.Range(0.5, 8, log=True),
        "latent_dim": tuning.Range(2, 64),
        "penalty": ["kl", "l1"],
        "tied": [True, False],
        "rho": [0.1],
    }
    assert space["latent_dim"].whole
    assert not space["beta"].whole


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (["beta"], "entries such as beta=0.5..8:log.*Received: 'beta'"),
        (["beta=1..2", "beta=3"], "named once.*beta twice"),
        (["beta=1..2:cubic"], "'linear', 'log'.*'cubic'"),
        (["beta=low..high"], "a number at both ends"),
    ],
)
def test_texts_that_are_no_space(texts, sentence):
    with pytest.raises(ValueError, match=sentence):
        tuning.parse_space(texts)


def test_ready_spaces_hold_what_a_model_takes():
    assert set(tuning.ready_space("vae")) == {"latent_dim", "beta", "learning_rate", "width"}
    assert {"rho", "beta", "latent_dim"} <= set(tuning.ready_space("sparse_autoencoder"))
    assert "hidden_units" in tuning.ready_space("rbm")
    assert "hidden_units" not in tuning.ready_space("deep_belief_network")  # several numbers


@pytest.mark.parametrize(
    ("model", "data", "options", "objective"),
    [
        ("vae", "digits", {"binarize": "static"}, "elbo"),
        ("vae", "digits", {"likelihood": "gaussian"}, "elbo"),
        ("vae", "digits", {}, "probe_accuracy"),  # gray pixels have no Bernoulli probability
        ("vae", "{plain}", {}, "squared_error"),  # nor labels
        ("gan", "{plain}", {}, "val_loss"),
        ("gan", "digits", {}, "kernel_distance"),
    ],
)
def test_the_objective_that_is_chosen(tmp_path, model, data, options, objective):
    np.save(tmp_path / "plain.npy", np.zeros((40, 8, 8, 1), "float32"))
    binarize, data = options.pop("binarize", None), data.format(plain=tmp_path / "plain.npy")
    assert first_objective(RunConfig.from_arguments(model, options, data=data, binarize=binarize)) == objective


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"space": {}}, "nothing to search in an empty space"),
        ({"space": {"beta": (8.0, 0.5)}}, "from low to high. Received: beta=8.0..0.5"),
        ({"space": {"beta": (0.0, 0.5, "log")}}, "begins above 0"),
        ({"space": {"bta": (0.5, 8.0)}}, "may hold .*latent_dim.*learning_rate.*Received: bta"),
        ({"space": {"beta": 3.0}}, "a range or a list of choices"),
        ({"objective": "probe"}, "vae reports elbo, .*val_loss.*Received: objective='probe'"),
        ({"model": "autoencoder", "objective": "elbo"}, "autoencoder reports probe_accuracy"),
        ({"model": "gan", "objective": "squared_error"}, "gan reports kernel_distance"),
        ({"objective": "elbo"}, "binarize the data"),
        ({"objective": "mutual_information_gap"}, "true factors of glyphs"),
        ({"model": "pix2pix"}, "learns from pairs"),
        ({"max_trials": 0}, "max_trials=0"),
        ({"algorithm": "grid"}, "'random', 'bayesian', 'hyperband'"),
        ({"beta": 2.0}, "beta twice"),
        ({"bta": 2.0}, "Received: bta"),
        ({"devices": 99}, "device.*Received: devices=99"),
        ({"workers": 0}, "workers=0"),
        ({"space": {"width": ["a", 1.0]}}, "width is a number. Received: width="),
        ({"space": {"learning_rate": (None, 1.0)}}, "learning_rate is a number"),
        ({"model": "gan", "patience": 2, "objective": None}, "gan is a game"),
        ({"space": {"beta": [np.float32(1.0)]}}, "what search.json can hold"),
        ({"space": {"width": [0.5, -1.0]}}, "a factor above 0. Received: width="),
        ({"space": {"width": [2.0]}, "encoder": "shallow"}, "no hidden layers to widen"),
        ({"model": "sparse_autoencoder", "space": {"width": [2.0]}}, "may hold .*rho.*Received: width"),
    ],
)
def test_wrong_searches_are_sentences_before_any_trial(tmp_path, options, sentence):
    call = {"model": "vae", "data": "digits", "space": {"beta": (0.5, 8.0)}, "objective": "squared_error",
            "latent_dim": 2, **TINY} | options  # fmt: skip
    if options.get("model") in ("gan", "autoencoder", "pix2pix"):
        call |= {"space": {"learning_rate": (1e-4, 1e-3)}}
    with pytest.raises(ValueError, match=sentence):
        tuning.search(**call, out=str(tmp_path / "search"))
    assert not (tmp_path / "search/trials").exists()


# === Searches ===


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A search of three trials, one of which fails."""
    out = tmp_path_factory.mktemp("tuning") / "whole"
    options = {"space": {"beta": [0.01, 1.0], "learning_rate": [1e-3, 1e9]}, "latent_dim": 3, "binarize": "static"}
    options |= {"model": "vae", "objective": "elbo", "max_trials": 3, **TINY, "seed": 1}  # a failure between successes
    with mock.patch.object(kg.evaluation, "report", return_value={"score": -40.0}):  # takes longer than a trial
        return tuning.search(**options, out=str(out)), options


def test_a_search_leaves_its_trials_its_report_and_the_best(whole, capsys):
    found, _ = whole
    assert len(found.trials) == 3
    good = [trial for trial in found.trials if trial["status"] == "COMPLETED"]
    assert len(good) == 2
    assert [trial["values"]["learning_rate"] for trial in found.trials if trial not in good] == [1e9]
    assert found.metric == max(trial["figure"] for trial in good)
    for trial in good:
        model = kg.load(str(found.folder / "trials" / trial["name"]))
        x = kg.data.stack(kg.data.load("digits", "train[90%:]", binarize="static", shuffle=False, seed=1))
        assert trial["figure"] == pytest.approx(float(model.score(x).mean()), rel=1e-4)
        assert not (found.folder / "trials" / trial["name"] / "codes.png").exists()  # figures are those of the search
    best = json.loads((found.folder / "best/config.json").read_text())
    assert best["arguments"]["beta"] == found.best["beta"]
    assert "score" in json.loads((found.folder / "best/metrics.json").read_text())["figures"]
    report = (found.folder / "report.md").read_text()
    assert report.count("failed: ") == len(found.trials) - len(good)
    assert f"{found.metric:.4f}" in report
    assert (found.folder / "objective.png").stat().st_size > 5000
    assert len(list((found.folder / "tensorboard").glob("*/*tfevents*"))) == 3


def test_a_search_judges_on_what_its_runs_hold_out(tmp_path, monkeypatch):
    """Whatever share that is: no trial may train on what it is judged on."""
    judged, objective = [], tuning.OBJECTIVES["squared_error"]

    def remember(model, held_out):
        judged.append(held_out.images)
        return objective.metric(model, held_out)

    monkeypatch.setitem(tuning.OBJECTIVES, "squared_error", objective._replace(metric=remember))
    monkeypatch.setitem(RunConfig.__init__.__kwdefaults__, "validation", 0.3)
    monkeypatch.setattr(kg.evaluation, "report", lambda *_: {})  # the metrics on the test split take longer
    options = TINY | {"limit": None, "max_trials": 1, "objective": "squared_error"}
    found = tuning.search("autoencoder", space={"latent_dim": [1]}, **options, out=str(tmp_path / "search"))
    for folder in (found.folder / "trials" / found.trials[0]["name"], found.folder / "best"):
        config = kg.open_run(folder).config
        assert config.validation_split == "train[70%:]"
        np.testing.assert_array_equal(judged[0], kg.data.stack(config.load(config.validation_split)))
        trained = {image.tobytes() for image in kg.data.stack(config.training())}
        assert trained.isdisjoint(image.tobytes() for image in judged[0])


@pytest.mark.extended
def test_an_interrupted_search_ends_as_the_whole_one(whole, tmp_path, monkeypatch):
    found, options = whole
    judge, calls = trial_module.Trial._judge, []

    def interrupted(self, model):
        calls.append(self.folder)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return judge(self, model)

    monkeypatch.setattr(trial_module.Trial, "_judge", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tuning.search(**options, out=str(tmp_path / "search"))
    done = len(list((tmp_path / "search/trials").glob("*.json")))
    assert done < 3
    again = tuning.search(**options, out=str(tmp_path / "search"))
    key = lambda trials: [(trial["values"], trial["status"], trial["figure"]) for trial in trials]  # noqa: E731
    for (*one, figure), (*other, expected) in zip(key(again.trials), key(found.trials), strict=True):
        assert one == other
        assert figure == (expected if expected is None else pytest.approx(expected, rel=1e-5))
    monkeypatch.setattr(trial_module.Trial, "_train", None)  # all is known: nothing is trained
    assert tuning.search(**options, out=str(tmp_path / "search")).best == found.best
    with pytest.raises(FileExistsError, match="holds another search"):
        tuning.search(**options | {"seed": 5}, out=str(tmp_path / "search"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other/notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="must not exist yet"):
        tuning.search(**options, out=str(tmp_path / "other"))


@pytest.mark.extended
def test_a_worker_that_is_killed_is_started_again(tmp_path, monkeypatch, recwarn):
    """All trials are done, each once, whoever did them; and nobody else may search in the folder meanwhile."""
    options = {"model": "autoencoder", "space": {"latent_dim": [1, 2, 3]}, "objective": "squared_error"}
    options |= {"max_trials": 3, **TINY, "out": str(tmp_path / "search")}
    tell, killed = workers.WorkerPool._show_ended, []

    def kill_at_the_first_trial(self):
        tell(self)
        if not killed and list((tmp_path / "search/trials").glob("*/config.json")):
            with pytest.raises(FileExistsError, match="Another process is searching"):
                tuning.search(**options)
            for who in self.workers:
                self.processes[who].kill()
                self.processes[who].wait()
            killed.extend(self.workers)

    monkeypatch.setattr(workers.WorkerPool, "_show_ended", kill_at_the_first_trial)
    found = tuning.search(**options, workers=2)
    assert killed == ["worker0", "worker1"]
    assert {str(note.message).partition(" ended")[0] for note in recwarn} >= {"The worker0", "The worker1"}
    assert [trial["status"] for trial in found.trials] == ["COMPLETED"] * 3
    assert sorted(trial["values"]["latent_dim"] for trial in found.trials) == [1, 2, 3]
    assert kg.load(str(tmp_path / "search/best")).latent_dim == found.best["latent_dim"]
    assert not list((tmp_path / "search").rglob(".*.json"))


def test_workers_that_cannot_work_are_told_of(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "RESTARTS", 1)
    monkeypatch.setattr(workers.sys, "executable", "/bin/false")
    with pytest.warns(UserWarning, match="started again"), pytest.raises(RuntimeError, match="ended 2 times without"):
        tuning.search("autoencoder", "digits", "squared_error", {"latent_dim": [1, 2]}, **TINY, workers=2,
                      out=str(tmp_path / "search"))  # fmt: skip


def test_a_trial_that_its_process_dies_of_has_failed(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "RESTARTS", 1)
    trials = trials_of(tmp_path / "search", {"latent_dim": [1, 2]})
    pool = workers.WorkerPool(trials, 1, ())
    (tmp_path / "search/tuner").mkdir(parents=True)
    (tmp_path / "search/tuner/worker0.log").touch()
    trial = {"name": "latent_dim=1,epochs=1", "values": {"latent_dim": 1}, "epochs": 1}
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker0")
    with pytest.raises(KeyboardInterrupt), workers.at_work_on(trials.folder, trial):
        raise KeyboardInterrupt  # whatever ends it
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"worker0 ended \(SIGKILL\)"):
            pool._count_death("worker0", -9)
    found = trials.record(trial["name"])
    assert found["status"] == "FAILED"
    assert "its process ended 2 times (SIGKILL)" in found["error"]
    assert np.isnan(trials.run({"latent_dim": 1}, 1))  # and is not tried again


def trials_of(folder, space, **settings):
    """The trials of a search of an autoencoder, as `search` makes them."""
    settings = {"model": "autoencoder", "data": "digits", "objective": "squared_error", "max_trials": 4, "seed": 0,
                "algorithm": "random", "epochs": 2, "batch_size": 32, "patience": None, "binarize": None, "limit": 96,
                "devices": None, "arguments": {}, "space": tuning.space.written(space)} | settings  # fmt: skip
    return Trials(folder, settings, _shared_config(settings), verbose=0)


def test_a_kill_while_a_shorter_trial_is_gone_on_with_loses_nothing(tmp_path, monkeypatch):
    trials = trials_of(tmp_path / "search", {"latent_dim": [2]})
    (tmp_path / "search/tuner").mkdir(parents=True)
    trials.run({"latent_dim": 2}, 1)
    with monkeypatch.context() as patch:
        patch.setattr(trial_module, "resume", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            trials.run({"latent_dim": 2}, 2)
    assert np.isfinite(trials.run({"latent_dim": 2}, 2))
    history = (tmp_path / "search/trials/latent_dim=2,epochs=2/history.csv").read_text().splitlines()
    assert len(history) == 1 + 2


def test_what_is_not_a_trials_fault_ends_the_search(tmp_path, monkeypatch):
    def full(self):
        raise OSError("No space left on device")

    monkeypatch.setattr(trial_module.Trial, "_train", full)
    with pytest.raises(OSError, match="No space left"):
        tuning.search("autoencoder", space={"latent_dim": [1, 2]}, **TINY, objective="squared_error",
                      out=str(tmp_path / "search"))  # fmt: skip
    assert not list((tmp_path / "search/trials").glob("*.json"))


def test_whole_numbers_stay_in_their_range():
    """Keras Tuner's largest of a logarithmic range is one too large."""
    space = {"latent_dim": tuning.Range(4, 64, log=True)}
    hp = tuning.space.declare(space)
    hp.values["latent_dim"] = hp.space[0].prob_to_value(1.0)
    assert hp.values["latent_dim"] == 65  # where this changes, `values_of` may forget about it
    assert tuning.space.values_of(hp, space) == {"latent_dim": 64}


@pytest.mark.parametrize(
    ("algorithm", "values", "largest"),
    [
        ("random", tuning.Range(2, 6), 6),
        ("bayesian", tuning.Range(2, 6), 6),
        ("bayesian", [*range(2, 10)], 9),  # of which Keras Tuner's would try seven, and these again and again
    ],
)
def test_no_values_are_tried_twice(tmp_path, algorithm, values, largest):
    trials = trials_of(tmp_path, {"latent_dim": values, "tied": [True]}, algorithm=algorithm, max_trials=12)
    oracle = keras_tuner.make_oracle(trials)
    oracle._set_project_dir(tmp_path, "oracle")
    seen = []
    while (trial := oracle.create_trial("one")).status == "RUNNING":
        seen.append(int(trial.hyperparameters.values["latent_dim"]))
        oracle.update_trial(trial.trial_id, {"squared_error": float(seen[-1])})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    assert sorted(seen) == [*range(2, largest + 1)]  # and then there is nothing left


def test_a_figure_that_is_no_number_is_marked_and_not_the_best(tmp_path, monkeypatch):
    monkeypatch.setattr(trial_module.Trial, "_train", lambda self: self.values["latent_dim"])  # nothing need be trained
    monkeypatch.setattr(trial_module.Trial, "_judge", lambda self, latent_dim: [np.nan, 0.5][latent_dim - 1])
    monkeypatch.setitem(tuning.search.__globals__, "begin", lambda *_: None)  # nor the best
    options = {"model": "autoencoder", "space": {"latent_dim": [1, 2]}, "objective": "squared_error", **TINY}
    found = tuning.search(**options, max_trials=2, out=str(tmp_path / "search"))
    assert found.best == {"latent_dim": 2}
    (bad,) = (trial for trial in found.trials if trial["values"] == {"latent_dim": 1})
    assert bad["status"] == "FAILED"
    assert bad["error"] == "squared_error is nan"


def test_long_values_make_names_that_files_can_have():
    values = {"encoder": "x" * 400}
    name = trial_module.trial_name(values, 3)
    assert len(name) < 200
    assert name.endswith(",epochs=3")
    assert name != trial_module.trial_name({"encoder": "x" * 401}, 3)


@pytest.mark.extended
def test_the_best_that_is_kept_is_that_of_the_best_trial(tmp_path):
    options = {"model": "autoencoder", "space": {"latent_dim": [1, 2]}, "objective": "squared_error"}
    options |= {"max_trials": 2, **TINY, "out": str(tmp_path / "search")}
    found = tuning.search(**options)
    other = next(trial for trial in found.trials if trial["values"] != found.best)
    record = tmp_path / f"search/trials/{other['name']}.json"
    record.write_text(json.dumps(other | {"figure": 0.0}))
    assert tuning.search(**options).best == other["values"]
    assert kg.load(str(tmp_path / "search/best")).latent_dim == other["values"]["latent_dim"]
    tuning.search(**options, final_epochs=2)
    assert json.loads((tmp_path / "search/best/metrics.json").read_text())["epochs"] == 2


def test_a_process_of_several_machines_is_one(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "1")
    options = {"model": "autoencoder", "space": {"latent_dim": [1, 2]}, "objective": "squared_error"}
    options |= {**TINY, "out": str(tmp_path / "search")}
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker0")
    with pytest.raises(ValueError, match=r"chief or worker\. Received: workers=2"):
        tuning.search(**options, workers=2)
    monkeypatch.setattr(workers, "PATIENCE", 0)
    with pytest.raises(FileNotFoundError, match="The chief has not begun"):
        tuning.search(**options)


@pytest.mark.extended
def test_val_loss_picks_the_smallest_beta_and_the_likelihood_does_not(tmp_path):
    """The loss contains beta: without the KL divergence it is smaller, and the model no better."""
    options = {"model": "vae", "space": {"beta": [0.01, 1.0], "learning_rate": [5e-3]}, "max_trials": 2, "epochs": 12,
               "binarize": "static", "latent_dim": 8, "batch_size": 32, "final_epochs": 1, "verbose": 0}  # fmt: skip
    with pytest.warns(UserWarning, match="val_loss contains what is searched"):
        found = tuning.search(objective="val_loss", **options, out=str(tmp_path / "search"))
    assert found.best["beta"] == 0.01
    held_out = objectives.HeldOut(kg.open_run(found.folder / "best").config)
    likelihoods = {
        trial["values"]["beta"]: tuning.OBJECTIVES["log_likelihood"].metric(
            kg.load(str(found.folder / "trials" / trial["name"])), held_out
        )
        for trial in found.trials
    }
    assert likelihoods[1.0] > likelihoods[0.01] + 1


def test_a_search_without_a_success_raises(tmp_path):
    options = {"model": "autoencoder", "space": {"learning_rate": [1e9, 1e10]}, "latent_dim": 2, "max_trials": 2}
    with pytest.raises(RuntimeError, match="All 2 trials failed. The last error: .*smaller learning rate"):
        tuning.search(**options, objective="squared_error", **TINY | {"epochs": 3}, out=str(tmp_path / "search"))


@pytest.mark.extended
def test_hyperband_goes_on_with_the_best(tmp_path):
    found = tuning.search(
        "autoencoder", space={"latent_dim": (2, 30)}, objective="squared_error", algorithm="hyperband", max_trials=5,
        **TINY | {"epochs": 3}, out=str(tmp_path / "search"),
    )  # fmt: skip
    assert len({trial["epochs"] for trial in found.trials}) > 1
    longest = max(found.trials, key=lambda trial: trial["epochs"])
    history = (found.folder / "trials" / longest["name"] / "history.csv").read_text().splitlines()
    assert len(history) == 1 + longest["epochs"]


@pytest.mark.extended
def test_the_bayesian_search_and_the_command(tmp_path, capsys):
    command = (
        "tune sparse_autoencoder --data digits --space rho=0.02..0.2:log beta=0.1..3 --fixed latent_dim=12 --trials 3 "
        f"--objective sparse_reconstruction --algorithm bayesian --epochs 1 --limit 96 --out {tmp_path / 'search'}"
    )
    assert cli.main(command.split()) == 0
    text = capsys.readouterr().out
    assert "trial 3" in text
    assert "report.md" in text
    assert kg.load(str(tmp_path / "search/best")).latent_dim == 12
    assert cli.main(["tune", "vae", "--out", str(tmp_path / "no"), "--space", "beta=8..1"]) == 2
    assert "from low to high" in capsys.readouterr().err


# === Objectives ===


def test_sparse_reconstruction_by_hand():
    model = kg.SparseAutoencoder((8, 8, 1), 20)
    x = kg.data.stack(kg.data.load("digits", limit=5))

    class HeldOut:
        images = x

    codes = model.encode(x)
    kept = np.zeros_like(codes)
    for row, code in zip(kept, codes, strict=True):
        for unit in np.argsort(-np.abs(code))[:2]:  # a tenth of twenty
            row[unit] = code[unit]
    expected = ((model.decode(kept) - x) ** 2).sum(axis=(1, 2, 3)).mean()
    assert tuning.OBJECTIVES["sparse_reconstruction"].metric(model, HeldOut) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("model", "objective"),
    [("conditional_vae", "squared_error"), pytest.param("gan", "kernel_distance", marks=pytest.mark.extended)],
)
def test_objectives_of_models_with_and_without_labels(tmp_path, model, objective):
    # A tenth of 1,437 images holds ten of each class at least.
    trials = trials_of(tmp_path, {"width": [0.1]}, model=model, objective=objective, limit=None,
                       arguments={"latent_dim": 4})  # fmt: skip
    (tmp_path / "tuner").mkdir()
    assert np.isfinite(trials.run({"width": 0.1}, 1))


def test_a_hypermodel_for_a_tuner_of_ones_own(tmp_path):
    x = kg.data.stack(kg.data.load("digits", limit=64))
    hypermodel = tuning.HyperModel("sparse_autoencoder", (8, 8, 1), {"rho": (0.01, 0.3, "log")}, latent_dim=4)
    tuner = kt.RandomSearch(
        hypermodel, kt.Objective("val_reconstruction_loss", "min"), 2, directory=tmp_path, seed=1, overwrite=True
    )
    tuner.search(x, epochs=1, validation_data=(x,), verbose=0)
    best = tuner.get_best_hyperparameters()[0].values
    assert 0.01 <= best["rho"] <= 0.3
    assert tuner.get_best_models()[0].rho == pytest.approx(best["rho"])
