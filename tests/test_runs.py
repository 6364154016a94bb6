"""Runs: what a folder holds, resuming after a kill, stopping at figures that are no numbers."""

import dataclasses
import inspect
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import keras_gen as kg
from keras_gen import saving
from keras_gen.core import execution
from keras_gen.data.folder import FolderSource
from keras_gen.data.sources import ArraySource
from keras_gen.training import callbacks, checkpoints
from keras_gen.training.config import RunConfig
from keras_gen.training.registry import find_model

SMALL = {"data": "digits", "limit": 200, "batch_size": 50, "epochs": 4, "latent_dim": 2, "verbose": 0}


def weights(folder):
    """Weights and optimizer slots of the model of a run."""
    model = kg.load(folder)
    return [np.asarray(variable) for variable in [*model.weights, *model.optimizer.variables]]


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    """A run that was not interrupted."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    kg.training.train("vae", out=str(folder), schedule="cosine", **SMALL)
    return folder


def test_the_run_folder(whole_run):
    for name in ("config.json", "model.keras", "history.csv", "metrics.json", "reconstructions.png", "codes.png"):
        assert (whole_run / name).stat().st_size > 0, name
    assert (whole_run / "history.png").stat().st_size > 0
    assert len(list((whole_run / "samples").glob("*.png"))) == 4
    ((epoch, last),) = saving.checkpoints(whole_run)
    assert epoch == 4
    assert last.samefile(whole_run / "model.keras")  # one file, not two
    assert list((whole_run / "tensorboard").rglob("events*"))
    history = callbacks.read_history(whole_run / "history.csv")
    assert [row["epoch"] for row in history] == ["1", "2", "3", "4"]
    assert {"loss", "kl_loss", "reconstruction_loss", "active_units", "val_loss", "val_active_units"} <= set(history[0])
    config = json.loads((whole_run / "config.json").read_text())
    assert config["arguments"]["latent_dim"] == 2
    assert config["arguments"]["beta"] == 1.0  # everything resolved, defaults too
    assert kg.images.provenance(whole_run / "samples" / "epoch-0001.png")["model"] == "VAE"


def test_tensorboard_holds_figures_and_pictures(whole_run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tags = {}
    for part in ("train", "validation", "images"):
        events = EventAccumulator(str(whole_run / "tensorboard" / part)).Reload()
        tags[part] = events.Tags()["tensors"] + events.Tags()["images"]
    assert "epoch_kl_loss" in tags["train"]
    assert "epoch_loss" in tags["validation"]
    assert {"samples", "reconstructions"} <= set(tags["images"])


def test_the_saved_model_evaluates_to_what_the_run_reported(whole_run):
    reported = json.loads((whole_run / "metrics.json").read_text())["figures"]
    model = keras.saving.load_model(whole_run / "model.keras")
    figures = model.evaluate(kg.data.load("digits", "test"), verbose=0, return_dict=True)
    for name, value in figures.items():
        assert reported[name] == pytest.approx(value, rel=1e-5)


KILLED = """
import os, signal, sys
import keras, keras_gen as kg

class Kill(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        if batch >= int(sys.argv[2]) and self.epoch == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

fit = kg.VAE.fit
kg.VAE.fit = lambda self, *args, callbacks, **kwargs: fit(self, *args, callbacks=[Kill(), *callbacks], **kwargs)
kg.training.train("vae", out=sys.argv[1], schedule="cosine", data="digits", limit=200, batch_size=50, epochs=4,
                  latent_dim=2, verbose=0, figures=False)
"""


@pytest.mark.parametrize("epoch", [pytest.param(0, marks=pytest.mark.extended), 2])
def test_resumed_after_a_kill_ends_with_the_same_weights_bit_for_bit(whole_run, tmp_path, epoch):
    folder = tmp_path / "killed"
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), "0", str(epoch)], capture_output=True, text=True
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    assert not (folder / "model.keras").exists()
    assert len(saving.checkpoints(folder)) == min(epoch, checkpoints.MAX_KEPT)
    kg.training.resume(folder, verbose=0)
    for resumed, unbroken in zip(weights(folder), weights(whole_run), strict=True):
        np.testing.assert_array_equal(resumed, unbroken)
    assert [row["epoch"] for row in callbacks.read_history(folder / "history.csv")] == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("model", "options"),
    [
        pytest.param("mixture_vae", {"num_components": 3, "pretraining_epochs": 1}, marks=pytest.mark.extended),
        pytest.param("semi_supervised_vae", {"num_labels": 20}, marks=pytest.mark.extended),
        pytest.param("conditional_vae", {}, marks=pytest.mark.extended),
        pytest.param(
            "deep_boltzmann_machine",
            {"hidden_units": (8, 4), "num_chains": 10, "latent_dim": None},
            marks=pytest.mark.extended,
        ),
    ],
)
def test_resumed_across_what_happens_between_epochs(tmp_path, model, options):
    """Such as the fit of a mixture to codes, which looks at images while the training goes through them."""
    arguments = {name: value for name, value in {**SMALL, **options}.items() if value is not None}
    arguments["figures"] = False  # they take longer than the training
    kg.training.train(model, out=str(tmp_path / "whole"), **{**arguments, "epochs": 3})
    kg.training.train(model, out=str(tmp_path / "parts"), **{**arguments, "epochs": 1})
    for epochs in (2, 3):
        kg.training.resume(tmp_path / "parts", epochs=epochs, verbose=0)
    for resumed, unbroken in zip(weights(tmp_path / "parts"), weights(tmp_path / "whole"), strict=True):
        np.testing.assert_array_equal(resumed, unbroken)


@pytest.mark.extended
def test_with_xla_as_users_have_it_a_resumed_run_is_the_unbroken_one(tmp_path, monkeypatch):
    monkeypatch.delenv(execution.XLA)
    monkeypatch.setattr(execution, "XLA_PAYS_FROM", 0)  # as in a long training
    arguments = SMALL | {"figures": False}
    model = kg.training.train("vae", out=str(tmp_path / "whole"), **{**arguments, "epochs": 2})
    assert model.jit_compile
    kg.training.train("vae", out=str(tmp_path / "parts"), **{**arguments, "epochs": 1})
    kg.training.resume(tmp_path / "parts", epochs=2, verbose=0)
    for resumed, unbroken in zip(weights(tmp_path / "parts"), weights(tmp_path / "whole"), strict=True):
        np.testing.assert_array_equal(resumed, unbroken)
    monkeypatch.setenv(execution.XLA, "0")
    model.compile()
    assert not model.jit_compile
    monkeypatch.setenv(execution.XLA, "yes")
    with pytest.raises(ValueError, match=f"`{execution.XLA}` must be one of '0', '1'"):
        model.compile()


def test_killed_at_any_moment_there_is_a_whole_checkpoint(tmp_path):
    """A kill while a checkpoint is written leaves the one before."""
    path = tmp_path / "file.keras"
    code = (
        "import sys, itertools; from keras_gen.files import write_atomically\n"
        "for i in itertools.count():\n"
        "    write_atomically(sys.argv[1], lambda p: p.write_bytes(bytes([i % 256]) * 3_000_000))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(path)])
    while not path.exists():
        time.sleep(0.05)
    time.sleep(0.2)
    process.kill()
    process.wait()
    content = path.read_bytes()
    assert len(content) == 3_000_000
    assert len(set(content)) == 1


def test_a_damaged_checkpoint_is_passed_over(whole_run, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(whole_run, folder)
    newest = saving.checkpoints(folder)[-1][1]
    shutil.copy(newest, newest.with_name("epoch-0003.keras"))
    newest.write_bytes(newest.read_bytes()[:10_000])
    with pytest.warns(UserWarning, match="Going back one checkpoint"):
        assert checkpoints.restore(folder)[0] == 3


def test_resuming_for_longer(whole_run, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(whole_run, folder)
    dataclasses.replace(RunConfig.read(folder), figures=False).write(folder)
    with pytest.raises(ValueError, match="all of its epochs.*Received: epochs=4"):
        kg.training.resume(folder)
    with pytest.warns(UserWarning, match="cosine schedule has ended"):
        kg.training.resume(folder, epochs=5, verbose=0)
    assert [row["epoch"] for row in callbacks.read_history(folder / "history.csv")] == ["1", "2", "3", "4", "5"]
    with pytest.raises(FileNotFoundError, match="config.json"):
        kg.training.resume(tmp_path)


def test_training_stops_at_figures_that_are_no_numbers_and_keeps_the_last_good_checkpoint(tmp_path):
    folder = tmp_path / "run"
    kg.training.train("vae", out=str(folder), **{**SMALL, "epochs": 1, "figures": False})
    good = saving.checkpoints(folder)
    before = good[-1][1].read_bytes()
    model = kg.load(folder)
    model.weights[-1].assign(np.full(model.weights[-1].shape, np.nan))
    stop = callbacks.StopOnNonFinite()
    with pytest.raises(FloatingPointError, match="Training stopped at batch .*reconstruction_loss=nan"):
        model.fit(kg.data.load("digits", limit=50), callbacks=[stop], verbose=0)
    writer = checkpoints.Checkpoints(folder)
    writer.set_model(model)
    with pytest.raises(FloatingPointError, match="not finite"):
        writer.on_epoch_end(1)
    assert saving.checkpoints(folder) == good
    assert good[-1][1].read_bytes() == before
    with pytest.raises(FloatingPointError, match="kl_loss=inf"):
        stop.on_epoch_end(0, {"loss": 1.0, "kl_loss": float("inf")})


@pytest.mark.extended
def test_two_devices_train_and_resume(tmp_path):
    folder = tmp_path / "two"
    model = kg.training.train("vae", out=str(folder), devices=2, **{**SMALL, "epochs": 2})
    assert model.distribute_strategy.num_replicas_in_sync == 2
    kg.training.resume(folder, epochs=3, verbose=0)
    figures = json.loads((folder / "metrics.json").read_text())
    assert figures["machine"]["devices"] == 2
    assert figures["epochs_before_resuming"] == 2
    model = kg.training.resume(folder, epochs=4, devices=1, verbose=0)
    assert model.distribute_strategy.num_replicas_in_sync == 1
    assert int(model.step) == 4 * 4


def test_vectors_train_without_pictures(tmp_path):
    x = np.random.default_rng(0).normal(3, 1, (120, 5)).astype("float32")
    np.savez(tmp_path / "table.npz", x=x)
    folder = tmp_path / "run"
    kg.training.train(
        "vae",
        data=str(tmp_path / "table.npz"),
        out=str(folder),
        epochs=1,
        verbose=0,
        likelihood="gaussian",
        latent_dim=2,
    )
    assert (folder / "codes.png").is_file()
    assert not list((folder / "samples").iterdir())
    assert json.loads((folder / "metrics.json").read_text())["split"] == "train[90%:]"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"model": "nonsense"}, "one of adversarial_autoencoder, .*, vae.* Received: 'nonsense'"),
        ({"rho": 0.1}, "vae takes .*latent_dim.*Received: rho"),
        ({"epochs": 0}, "epochs=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"learning_rate": 0.0}, "learning_rate=0.0"),
        ({"validation": 1.0}, "validation=1.0"),
        ({"schedule": "linear"}, "'constant', 'cosine'. Received: schedule='linear'"),
        ({"encoder": keras.Sequential()}, "give `encoder` by name"),
        ({"latent_dim": 0}, "latent_dim=0"),
        ({"data": "nowhere/"}, "Received: nowhere/"),
    ],
)
def test_wrong_calls_leave_no_folder(tmp_path, options, sentence):
    with pytest.raises((ValueError, FileNotFoundError), match=sentence):
        kg.training.train(**{"out": str(tmp_path / "run"), **SMALL, "model": "vae", **options})
    assert not (tmp_path / "run").exists()


def test_a_folder_that_exists_is_kept(whole_run):
    before = sorted(whole_run.rglob("*"))
    with pytest.raises(FileExistsError, match="keras-gen resume"):
        kg.training.train("vae", out=str(whole_run), **SMALL)
    assert sorted(whole_run.rglob("*")) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become a user who may not write")
def test_a_folder_without_write_permission(tmp_path):
    """Root may write anywhere, so nobody tries."""
    code = (
        "import os, sys; from keras_gen import cli; os.setuid(65534)\n"
        f"sys.exit(cli.main(['train', 'vae', '--out', {str(tmp_path / 'run')!r}]))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr.startswith("keras-gen: ")
    assert "Permission denied" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_killed_after_the_last_epoch_the_run_is_completed(whole_run, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(whole_run, folder)
    for name in ("model.keras", "metrics.json"):
        (folder / name).unlink()
    kg.training.resume(folder, verbose=0)
    for completed, unbroken in zip(weights(folder), weights(whole_run), strict=True):
        np.testing.assert_array_equal(completed, unbroken)
    figures = [json.loads((run / "metrics.json").read_text())["figures"] for run in (folder, whole_run)]
    assert figures[0] == figures[1]


def test_killed_before_the_first_step_the_run_can_be_resumed(whole_run, tmp_path):
    (tmp_path / "run").mkdir()
    dataclasses.replace(RunConfig.read(whole_run), figures=False).write(tmp_path / "run")
    kg.training.resume(tmp_path / "run", verbose=0)
    for resumed, unbroken in zip(weights(tmp_path / "run"), weights(whole_run), strict=True):
        np.testing.assert_array_equal(resumed, unbroken)


def test_a_folder_of_colour_images_from_end_to_end(tmp_path):
    """Without a test split: what is held out is the validation part; images are resized and streamed."""
    rng = np.random.default_rng(0)
    for i in range(30):
        path = tmp_path / "pictures" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (20, 24, 3), "uint8")).save(path)
    folder = tmp_path / "run"
    kg.training.train(
        "autoencoder", data=str(tmp_path / "pictures"), out=str(folder), epochs=1, image_size=16, batch_size=8,
        encoder="conv", decoder="conv", validation=0.2, verbose=0,
    )  # fmt: skip
    metrics = json.loads((folder / "metrics.json").read_text())
    assert (metrics["split"], metrics["figures"]["images"]) == ("train[80%:]", 6)
    assert kg.load(folder).data_shape == (16, 16, 3)
    assert Path(json.loads((folder / "config.json").read_text())["data"]["source"]).is_absolute()


@pytest.mark.parametrize("content", ["{", "{}", "[]"])
def test_a_damaged_config(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ValueError, match="config.json"):
        kg.training.resume(tmp_path)


@pytest.mark.parametrize(
    ("section", "changes", "sentence"),
    [
        ("training", {"epochs": 0}, "`epochs` must be a .*number of at least 1. Received: epochs=0 in .*config.json"),
        ("training", {"validation": 2}, "validation=2 in .*config.json"),
        ("training", {"patience": "two"}, "patience='two' in .*config.json"),
        ("training", {"colour": "red"}, "settings that this version does not know. Received: colour in .*config.json"),
        ("arguments", {"rho": 0.1}, "Received: rho in .*config.json"),
    ],
)
def test_a_config_that_was_changed_by_hand(whole_run, tmp_path, section, changes, sentence):
    content = json.loads((whole_run / "config.json").read_text())
    content[section] |= changes
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=sentence):
        kg.open_run(tmp_path)


def test_a_config_is_read_as_it_was_written(whole_run, tmp_path):
    config = RunConfig.read(whole_run)
    config.write(tmp_path)
    assert RunConfig.read(tmp_path) == config
    content = json.loads((whole_run / "config.json").read_text())
    assert json.loads((tmp_path / "config.json").read_text()) == content
    for name in ("patience", "figures"):  # which the first versions did not write
        del content["training"][name]
    (tmp_path / "config.json").write_text(json.dumps(content))
    assert RunConfig.read(tmp_path) == config


def test_what_train_and_its_config_take_by_default_is_the_same():
    of_train = {name: p.default for name, p in inspect.signature(kg.training.train).parameters.items()}
    fields = {field.name: field.default for field in dataclasses.fields(RunConfig)}
    for name in set(of_train) & set(fields) - {"model", "arguments"}:
        assert of_train[name] == fields[name], name


# === Data ===


def count_openings(monkeypatch, *kinds):
    """A list that the kind of each source is appended to, whenever one is opened."""
    opened = []
    for kind in kinds:
        monkeypatch.setattr(kind, "__init__", lambda *args, kind=kind, init=kind.__init__, **options: (
            opened.append(kind), init(*args, **options))[1])  # fmt: skip
    return opened


@pytest.mark.extended
def test_a_run_opens_its_source_once(tmp_path, monkeypatch):
    """For its shape, classes, splits, training, metrics and pictures; and likewise a run that is gone on with."""
    opened = count_openings(monkeypatch, ArraySource)
    kg.training.train("conditional_vae", out=str(tmp_path / "run"), **SMALL | {"epochs": 1})
    assert opened == [ArraySource]
    kg.training.resume(tmp_path / "run", epochs=2, verbose=0)
    assert opened == [ArraySource] * 2


def test_a_run_of_pairs_opens_each_folder_once(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for i in range(12):
        for side in "ab":
            (tmp_path / side).mkdir(exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (8, 8), "uint8")).save(tmp_path / side / f"{i}.png")
    opened = count_openings(monkeypatch, FolderSource)
    settings = {"epochs": 1, "batch_size": 4, "verbose": 0, "validation": 0.25}
    kg.training.train("pix2pix", data_a=tmp_path / "a", data_b=tmp_path / "b", out=tmp_path / "run", **settings)
    assert opened == [FolderSource] * 2
    run = kg.open_run(tmp_path / "run")
    assert run.config.held_out_split == "train[75%:]"
    assert sum(len(x) for x, _ in run.held_out()) == 3


def test_open_run(whole_run):
    run = kg.open_run(whole_run)
    held_out = run.model.evaluate(run.held_out(), verbose=0, return_dict=True)
    reported = json.loads((whole_run / "metrics.json").read_text())
    assert held_out["loss"] == pytest.approx(reported["figures"]["loss"], rel=1e-5)
    assert run.config.held_out_split == reported["split"] == "test"
    assert (run.config.training_split, run.config.validation_split) == ("train[:90%]", "train[90%:]")
    assert len(run.history["loss"]) == len(run.history["val_loss"]) == 4
    images, labels = next(iter(run.held_out(limit=5)))
    assert (images.shape, labels.shape) == ((5, 8, 8, 1), (5,))
    assert next(iter(run.held_out(limit=5, labels=False))).shape == (5, 8, 8, 1)
    with pytest.raises(FileNotFoundError, match="A run folder must hold a config.json"):
        kg.open_run(whole_run / "samples")


def test_loading_what_is_not_a_model(whole_run, tmp_path):
    half = tmp_path / "half.keras"
    half.write_bytes((whole_run / "model.keras").read_bytes()[:20_000])
    with pytest.raises(ValueError, match="not a whole .keras file.*half.keras"):
        kg.load(half)
    (tmp_path / "model.h5").write_bytes(b"")
    with pytest.raises(ValueError, match="Models are .keras files"):
        kg.load(tmp_path / "model.h5")
    with pytest.raises(FileNotFoundError, match="no such model file"):
        kg.load(tmp_path / "none.keras")
    with pytest.raises(FileNotFoundError, match="shipped models are.*Received: no_such_model"):
        kg.load("no_such_model")
    with pytest.raises(FileNotFoundError, match="no trained model"):
        kg.load(tmp_path / "..")
    plain = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    plain.save(tmp_path / "plain.keras")
    with pytest.raises(ValueError, match="holds a Sequential, not a model of this package"):
        kg.load(tmp_path / "plain.keras")


def test_names_of_models():
    assert find_model("VAE") == find_model("vae") == ("vae", kg.VAE)
    assert find_model("Auto-Encoder")[1] is kg.Autoencoder


def test_saving_without_the_optimizer(whole_run, tmp_path):
    model = kg.load(whole_run)
    saving.save(model, tmp_path / "bare.keras", optimizer=False)
    bare = kg.load(tmp_path / "bare.keras")
    assert not bare.compiled
    assert (tmp_path / "bare.keras").stat().st_size < 0.5 * (whole_run / "model.keras").stat().st_size
    np.testing.assert_array_equal(bare.sample(2, seed=0), model.sample(2, seed=0))
    assert Path(whole_run / "model.keras").is_file()


# === Patience ===


@pytest.mark.extended
def test_a_run_without_progress_stops_and_keeps_its_best(tmp_path, monkeypatch):
    """With a rate this large the second epoch is worse: it stops after two without progress, interrupted or not."""
    options = SMALL | {"epochs": 9, "patience": 2, "learning_rate": 0.1, "figures": False}
    model = kg.training.train("vae", out=str(tmp_path / "whole"), **options)
    losses = [float(row["val_loss"]) for row in callbacks.read_history(tmp_path / "whole/history.csv")]
    best = int(np.argmin(losses)) + 1
    assert len(losses) == best + 2 < 9
    metrics = json.loads((tmp_path / "whole/metrics.json").read_text())
    assert metrics["epochs"] == best
    kept = kg.load(str(tmp_path / "whole/model.keras"))
    held_out = kg.data.load("digits", "train[90%:]", batch_size=50, shuffle=False)
    assert int(kept.step) == int(model.step) == int(kg.load(tmp_path / "whole").step) == best * 4
    assert kept.evaluate(held_out, verbose=0, return_dict=True)["loss"] == pytest.approx(losses[best - 1], rel=1e-4)

    writing = checkpoints.Checkpoints.on_epoch_end

    def interrupted(self, epoch, logs=None):
        writing(self, epoch, logs)
        if epoch == best:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.Checkpoints, "on_epoch_end", interrupted)
        with pytest.raises(KeyboardInterrupt):
            kg.training.train("vae", out=str(tmp_path / "resumed"), **options)
    kg.training.resume(tmp_path / "resumed", verbose=0)
    again = [float(row["val_loss"]) for row in callbacks.read_history(tmp_path / "resumed/history.csv")]
    assert again == pytest.approx(losses, rel=1e-6)
    with pytest.warns(UserWarning, match="stopped early: no lower val_loss for 2 epochs"):
        kg.training.resume(tmp_path / "resumed", epochs=12, verbose=0)
    for one, other in zip(
        weights(tmp_path / "whole/model.keras"), weights(tmp_path / "resumed/model.keras"), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "patience", "sentence"), [("gan", 2, "gan is a game: .*Received: patience=2"), ("vae", 0, "patience=0")]
)
def test_patience_that_cannot_be(tmp_path, model, patience, sentence):
    with pytest.raises(ValueError, match=sentence):
        kg.training.train(model, out=str(tmp_path / "run"), **SMALL | {"patience": patience})


def test_pictures_of_a_slow_model_cost_a_tenth_of_the_time(tmp_path, monkeypatch):
    """An epoch of 10 seconds, pictures of 4: the first, the last, and after 40 seconds of training."""
    now, seconds = [0.0], {True: [1, 5, 9, 12], False: [*range(1, 13)]}

    class Model:
        slow = True

    monkeypatch.setattr(callbacks.time, "monotonic", lambda: now[0])
    for Model.slow, epochs in seconds.items():
        pictures, drawn = callbacks.Pictures(tmp_path, None), []

        def draw(epoch, drawn=drawn):
            now[0] += 4
            drawn.append(epoch + 1)

        pictures._draw_all = draw
        pictures.set_model(Model())
        pictures.set_params({"epochs": 12})
        for epoch in range(12):
            now[0] += 10
            pictures.on_epoch_end(epoch)
        assert drawn == epochs
