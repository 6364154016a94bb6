"""Callbacks of users, in runs and in searches, and the trackers of the page.

About 8 seconds, 20 more extended; workers are tested in test_register.py.
"""

import json
import re
from pathlib import Path

import keras
import pytest

import keras_gen as kg
from keras_gen import cli, tuning
from keras_gen.training import trackers

PAGE = Path(__file__).parents[1] / "docs" / "trackers.md"
TINY = {"data": "digits", "limit": 100, "batch_size": 50, "epochs": 3, "latent_dim": 2, "verbose": 0, "figures": False}


class Watch(keras.callbacks.Callback):
    """Keeps what there is of a run at the end of each epoch, and may stop it."""

    def __init__(self, run, stop_at=None):
        super().__init__()
        self.run, self.stop_at, self.seen = run, stop_at, []

    def on_epoch_end(self, epoch, logs=None):
        rows = len(self.run.history["loss"])  # written before
        self.seen.append((epoch + 1, rows, (self.run.folder / "samples" / f"epoch-{epoch + 1:04d}.png").is_file()))
        self.model.stop_training = epoch + 1 == self.stop_at


def test_a_run_takes_callbacks_and_can_be_stopped_by_one(tmp_path):
    made = []

    def watch(run):
        made.append(Watch(run, stop_at=2 if not made else None))
        return made[-1:]

    folder = tmp_path / "run"
    kg.training.train("vae", out=str(folder), callbacks=watch, **TINY)
    assert made[0].run.config.arguments["latent_dim"] == 2
    assert made[0].seen == [(1, 1, True), (2, 2, True)]
    assert json.loads((folder / "metrics.json").read_text())["epochs"] == 2  # not the 3 that were asked for
    assert int(kg.load(folder).step) == 4
    kg.training.resume(folder, callbacks=watch, verbose=0)
    assert made[1].seen == [(3, 3, True)]
    assert json.loads((folder / "metrics.json").read_text())["epochs"] == 3


@pytest.mark.extended
def test_a_search_makes_callbacks_for_each_trial_and_for_the_best(tmp_path):
    runs = []

    def watch(run):
        runs.append(run)
        return [Watch(run)]

    options = {"limit": 100, "batch_size": 50, "epochs": 1, "verbose": 0, "callbacks": watch}
    tuning.search(
        "autoencoder", "digits", "squared_error", {"latent_dim": [2, 3]}, 2, out=str(tmp_path / "s"), **options
    )
    assert {run.config.arguments["latent_dim"] for run in runs[:2]} == {2, 3}
    assert runs[2].folder == tmp_path / "s" / "best"
    assert len(runs) == 3


MODULE = """
import pathlib, keras

class Note(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        pathlib.Path("noted.txt").open("a").write("begun ")

def note(run):
    return [Note()]

number = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A folder in which one works, with `noting.py`."""
    (tmp_path / "noting.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("module")
def test_the_command_finds_callbacks_in_the_folder_in_which_one_works(capsys):
    command = "train vae --data digits --limit 60 --epochs 1 --no-figures --verbose 0 --out run --callbacks"
    assert cli.main([*command.split(), "noting:note"]) == 0
    assert Path("noted.txt").read_text() == "begun "
    assert cli.main([*command.replace("run", "other").split(), "noting:nowhere"]) == 2
    assert "Received: 'noting:nowhere'" in capsys.readouterr().err
    assert not Path("other").exists()


@pytest.mark.usefixtures("module")
def test_what_are_no_callbacks():
    run = object()
    for wrong, sentence in (
        ("noting", "'module:function'"),
        ("no_such_module:note", "No module named"),
        ("noting:number", "which is 3"),
        ([3], r"Received: \[3\]"),
        (lambda run: None, "Received: None"),
        (3, "Received: 3"),
    ):
        with pytest.raises(ValueError, match=sentence):
            trackers.made_for(wrong, run)
    one = keras.callbacks.Callback()
    assert trackers.made_for([one], run) == [one]
    assert trackers.made_for(None, run) == []
    with pytest.raises(ValueError, match="callbacks of its own"):
        trackers.check_maker([one])
    with pytest.raises(ValueError, match="able to import"):
        trackers.check_maker(lambda run: [one], of_processes=True)


@pytest.mark.extended
def test_mlflow_keeps_what_the_page_says(tmp_path, monkeypatch):
    """The example of the page, as it stands, with MLflow's files."""
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file:{tmp_path / 'mlruns'}")
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    try:
        exec(compile(example, str(PAGE), "exec"), {})
    finally:
        mlflow.end_run()
    runs = mlflow.search_runs(experiment_names=["digits"], output_format="list")
    found = {run.info.run_name: run.data for run in runs}
    assert len(found) == 4  # the run, two trials, the best of them again
    assert found["tracked"].params["latent_dim"] == "2"
    history = kg.open_run("runs/tracked").history
    assert found["tracked"].metrics["val_loss"] == pytest.approx(history["val_loss"][-1])
