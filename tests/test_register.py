"""A class of one's own, by the page on it alone, in the command, runs and searches. 40 s in one process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pages
import pytest
from test_trackers import MODULE as NOTING

import keras_gen as kg
from keras_gen import cli
from keras_gen.training import registry
from keras_gen.training.config import RunConfig

PAGE, _, SECOND = pages.examples(pages.PAGES["your_own_model"])
CONTRACT = pages.examples(pages.PAGES["your_own_model"], skipped=True)[0]
SMALL = ["--limit", "60", "--epochs", "1", "--verbose", "0"]
DENSE = ["--latent-dim", "3", "--encoder", "dense", "--decoder", "dense"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that holds the page as a module, to work in; afterwards the class is forgotten."""
    (tmp_path / "my_models.py").write_text(PAGE.replace('"tc_vae"', '"my_vae"'))
    monkeypatch.chdir(tmp_path)
    before = dict(registry._own)
    yield tmp_path
    registry._own.clear()
    registry._own.update(before)
    sys.modules.pop("my_models", None)


def call(*words):
    return cli.main([*words, "--import", "my_models"])


@pytest.mark.extended  # nine seconds
def test_the_page_has_every_verb(folder, capsys):
    with mock.patch.object(kg.evaluation, "report", return_value={}):  # the resumed run takes its metrics
        assert call("train", "my_vae", "--data", "digits", "--out", "run", *SMALL, *DENSE) == 0
    assert json.loads(Path("run/config.json").read_text())["model"] == "my_vae"
    assert "total_correlation" in Path("run/history.csv").read_text()
    assert call("resume", "run", "--epochs", "2", "--verbose", "0") == 0
    for verb, out in (("sample", "s.png"), ("reconstruct", "r.png"), ("interpolate", "i.png"), ("traverse", "t.png")):
        assert call(verb, "run", "--out", out) == 0
        assert Path(out).is_file()
    assert call("evaluate", "run", "--out", "m.json", "--samples", "2", "--no-fidelity") == 0
    assert "total_correlation" in Path("m.json").read_text()
    capsys.readouterr()
    assert cli.main(["list"]) == 0
    assert "my_vae" in capsys.readouterr().out
    run = kg.open_run("run")
    assert type(run.model).__name__ == "TCVAE"
    assert len(run.history["loss"]) == 2


@pytest.mark.extended  # six seconds
def test_the_page_is_searched(folder, monkeypatch):
    monkeypatch.setattr(kg.evaluation, "report", lambda *_: {})  # of the best; the page's run has its metrics
    networks = ["--fixed", "latent_dim=3", "encoder=dense", "decoder=dense"]
    words = ["--data", "digits", "--space", "beta=1..4", "--trials", "1", "--out", "search", *SMALL, *networks]
    assert call("tune", "my_vae", *words) == 0
    assert type(kg.load("search/best")).__name__ == "TCVAE"
    assert len(list(Path("search/trials").glob("*.json"))) == 1


@pytest.mark.extended
def test_workers_of_a_search_know_the_class_and_the_callbacks(folder):
    (folder / "noting.py").write_text(NOTING)
    words = ["--data", "digits", "--space", "beta=1..4", "--trials", "2", "--workers", "2", "--out", "search", *SMALL]
    assert call("tune", "my_vae", *words, "--callbacks", "noting:note") == 0
    assert Path("noted.txt").read_text().split() == ["begun"] * 3  # two trials, the best of them again


def test_an_argument_a_term_and_an_ability_of_its_own(folder, capsys):
    (folder / "my_models.py").write_text(SECOND)
    assert call("train", "normal_autoencoder", "--help") == 0
    help_text = capsys.readouterr().out
    for words in ("--weight", "of the penalty", "--latent-dim", "size of the code"):
        assert words in help_text
    words = ["--data", "digits", "--weight", "2", "--out", "run", *SMALL, *DENSE]
    assert call("train", "normal_autoencoder", *words) == 0
    model = kg.load("run")
    assert model.weight == 2
    model.weight = 0.5
    images = model.sample(4, seed=1)
    assert images.provenance["seed"] == 1
    with pytest.raises(ValueError, match="`n` must be a whole number"):
        model.sample(-1)
    with pytest.raises(ValueError, match="takes no labels"):
        model.sample(1, labels=[0])


@pytest.mark.extended
def test_the_contract_as_a_script(folder):
    (folder / "my_models.py").write_text(PAGE)
    (folder / "contract.py").write_text(CONTRACT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "contract.py"], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "two_devices holds" in done.stdout


def test_without_the_import_the_sentence_says_what_is_missing(folder, capsys):
    assert cli.main(["list", "--import", "my_models"]) == 0
    RunConfig.from_arguments("my_vae", {"latent_dim": 3}, data="digits").write(folder)
    registry._own.pop("my_vae")
    assert cli.main(["resume", str(folder), "--epochs", "2"]) == 2
    assert "one of your own must be registered by `kg.register` and its module imported" in capsys.readouterr().err
    assert cli.main(["train", "my_vae", "--out", "other"]) == 2
    assert "--import MODULE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["list", "--import", "no_such_module"], "must be one that can be imported"),
        (["list", "--import", "my_models.py"], None),
        (["list", "--import", "./my_models"], "takes the name of a module"),
        (["list", "--import"], "takes the name of a module"),
    ],
)
def test_what_cannot_be_imported(folder, capsys, words, sentence):
    assert cli.main(words) == 2
    assert (sentence or "must be one that can be imported") in capsys.readouterr().err


@pytest.mark.parametrize("name", ["vae", "VAE", "My VAE", "", "g-an", "v_a_e", 3])
def test_names_that_cannot_be_had(name):
    with pytest.raises(ValueError, match="must"):
        kg.register(name)(type("Other", (kg.VAE,), {}))


def test_only_models_are_registered():
    for thing in (int, kg.VAE((8, 8, 1), 2), None):
        with pytest.raises(ValueError, match="must be a class that extends a model"):
            kg.register("something")(thing)


def test_a_cell_that_runs_again_defines_its_class_anew(folder):
    classes = []
    for _ in range(2):
        scope = {"__name__": "notebook"}
        exec(PAGE.replace('"tc_vae"', '"my_vae"'), scope)
        classes.append(scope["TCVAE"])
    assert registry.find_model("my-vae") == ("my_vae", classes[1])


def test_workers_cannot_know_a_class_of_a_script(folder):
    registry._own["my_vae"] = type("Own", (kg.VAE,), {"__module__": "__main__"})
    with pytest.raises(ValueError, match="in a module that they can import. Received: 'my_vae' of __main__"):
        registry.modules_of("my_vae")
    assert registry.modules_of("vae") == []
