"""How the command feels: at once where nothing is computed, quiet, careful with files, in words."""

import inspect
import json
import subprocess
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import keras_gen as kg
from keras_gen import cli, startup
from keras_gen.cli import overview
from keras_gen.cli.options import in_words, options_of
from keras_gen.training import header
from keras_gen.training.config import RunConfig
from keras_gen.training.registry import registry


def test_the_list_says_what_the_classes_say():
    classes = {name: cls for name, cls in registry().items() if cls.__module__.startswith("keras_gen.")}
    assert overview.rows() == [
        (name, inspect.getdoc(cls).split("\n")[0], tuple(sorted(cls.offers))) for name, cls in sorted(classes.items())
    ]


def test_help_and_lists_come_without_keras():
    """`--help`, `--version` and `list` in one process that looks like the command."""
    code = """
        import sys; sys.argv = ["keras-gen"]
        from keras_gen import cli
        codes = [cli.main([token]) for token in ("--help", "--version", "list")]
        codes.append(cli.main(["sample", "--help"]))
        heavy = {"tensorflow", "keras", "sklearn", "matplotlib"} & set(sys.modules)
        import keras_gen as kg
        print("RESULT", codes, heavy, kg.VAE.__name__, "tensorflow" in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", inspect.cleandoc(code)], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "RESULT [0, 0, 0, 0] set() VAE True", done.stderr
    assert done.stderr == ""


def test_tab_shows_what_is_public():
    assert {"VAE", "data", "tuning", "load", "open_run"} <= set(dir(kg))
    assert not {"np", "math", "keras", "core", "startup", "public", "annotations"} & set(dir(kg))
    assert all(getattr(kg, name) is not None for name in dir(kg))
    assert {"AnomalyDetector", "interpolate"} <= set(dir(kg.tasks))
    assert not {"np", "math", "ops", "keras"} & {*dir(kg.losses), *dir(kg.images), *dir(kg.networks), *dir(kg.data)}
    model = kg.GAN((4,), 2)
    assert "sample" in dir(model)
    assert "encode" not in dir(model)


@pytest.mark.parametrize("name", registry())
def test_help_has_no_python_in_it(name):
    for parameter in options_of(registry()[name], {"data_shape", "target_shape", "seed"}):
        text = parameter.annotation.__metadata__[0].help
        assert not any(word in text for word in ("None", "keras.", "`", "numpy")), (parameter.name, text)


def test_python_in_words():
    python = '"dense", "conv", None to choose by the data\'s size, or a built `keras.Model` of data to features.'
    assert in_words(python) == "dense, conv; if not given, chosen by the data's size."
    assert in_words("None, or how many classes.") == "how many classes."


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("train vae --data digits", "keras-gen: --out is missing."),
        ("translate", "keras-gen: RUN is missing."),
        ("sample vae_mnist_2d --cout 3", "keras-gen: Unknown option: --cout. Did you mean --count?"),
    ],
)
def test_what_is_wrong_with_a_command(command, sentence, capsys):
    assert cli.main(command.split()) == 2
    assert capsys.readouterr().err.strip() == sentence


def test_nothing_is_overwritten_without_force(tmp_path, capsys):
    out = tmp_path / "samples.png"
    out.write_text("mine")
    command = ["sample", "vae_mnist_2d", "--count", "2", "--out", str(out)]
    assert cli.main(command) == 2
    assert out.read_text() == "mine"
    assert f"choose another --out. Received: {out}, which exists" in capsys.readouterr().err
    assert cli.main([*command, "--force"]) == 0
    assert kg.images.provenance(out)["model"] == "VAE"


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.gif", "folder"])
def test_samples_in_every_form(tmp_path, name):
    out = tmp_path / name
    assert cli.main(["sample", "vae_mnist_2d", "--count", "3", "--seed", "1", "--out", str(out)]) == 0
    files = sorted(out.iterdir()) if out.is_dir() else [out]
    assert len(files) == (3 if name == "folder" else 1)
    assert all(kg.images.provenance(file)["seed"] == 1 for file in files)


def test_a_folder_is_compressed_and_comes_back(tmp_path, capsys):
    digits = kg.data.stack(kg.data.load("digits", image_size=28, limit=5, shuffle=False))
    for i, digit in enumerate(digits):
        kg.images.save_image(digit, tmp_path / "photos" / "ab"[i % 2] / f"{i}.png")
    photos, codes, back = (str(tmp_path / name) for name in ("photos", "photos.codes", "back"))
    assert cli.main(["compress", "vae_mnist_conv16", photos, "--out", codes, "--bits", "8"]) == 0
    assert "5 images" in capsys.readouterr().out
    assert cli.main(["decompress", "vae_mnist_conv16", codes, "--out", back]) == 0
    names = {str(path.relative_to(photos)) for path in (tmp_path / "photos").rglob("*.png")}
    assert {str(path.relative_to(back)) for path in (tmp_path / "back").rglob("*.png")} == names
    model = kg.load("vae_mnist_conv16")
    restored = kg.data.stack(kg.data.load(back, shuffle=False))
    given = kg.data.stack(kg.data.load(photos, shuffle=False))
    assert np.abs(restored - model.reconstruct(given)).mean() < 0.02
    assert cli.main(["decompress", "vae_mnist_2d", codes, "--out", f"{back}2"]) == 2
    assert "must be decoded by the VAE that wrote them" in capsys.readouterr().err


def test_names_in_a_file_of_codes_cannot_lead_out_of_the_folder(tmp_path):
    model = kg.load("vae_mnist_2d")
    kg.tasks.compression.compress(model, np.zeros((1, 28, 28, 1), "float32"), tmp_path / "codes", names=["../out.png"])
    with pytest.raises(ValueError, match="Names in the file must lie below its folder"):
        kg.tasks.compression.decompress_folder(model, tmp_path / "codes", tmp_path / "folder")
    assert not (tmp_path / "out.png").exists()


def test_the_header_of_a_training():
    config = RunConfig.from_arguments("vae", {"latent_dim": 3}, data="digits", epochs=7, batch_size=32)
    model = config.build(config.training())
    text = "\n".join(header.lines(config, model, 51))
    for words in (
        f"vae, {model.count_params():,} weights: encoder ", "digits", "train[:90%]", "run on test",
        "7 epochs of 51 steps of 32 examples", "CPU of", "float32, no XLA",
    ):  # fmt: skip
        assert words in text


@pytest.mark.parametrize(("first", "second", "told"), [(100, 100, [1]), (30, 20, [2]), (1, 1, [])])
def test_how_long_it_will_take(monkeypatch, capsys, first, second, told):
    """Of a short first epoch, of which tracing is a large part, the second is waited for."""
    now = iter([0, first, first + second, first + 2 * second])
    monkeypatch.setattr(header, "time", SimpleNamespace(time=lambda: next(now)))
    callback, said = header.Header(None, 1, None), []
    callback.set_params({"epochs": 20})
    for epoch in range(4):
        callback.on_epoch_begin(epoch)
        if out := capsys.readouterr().out:
            seconds = (first if epoch == 1 else second) * (20 - epoch)
            assert out == f"About {seconds / 60:.0f} minutes to go.\n"
            said.append(epoch)
    assert said == told


def test_an_interrupted_training_says_how_to_go_on(tmp_path, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(keras.Model, "fit", interrupted)
    out = str(tmp_path / "run")
    assert cli.main(["train", "autoencoder", "--limit", "20", "--out", out, "--epochs", "3"]) == 130
    error = capsys.readouterr().err
    assert (
        error == f"keras-gen: interrupted; 0 of 3 epochs are saved, and `keras-gen resume {out}` goes on from there.\n"
    )
    assert json.loads((tmp_path / "run" / "config.json").read_text())["training"]["epochs"] == 3


def test_only_warnings_of_steps_are_left_out():
    def record(text):
        return SimpleNamespace(getMessage=lambda: text)

    of_keras = "5 out of the last 5 calls to <function TensorFlowTrainer._make_function.<locals>.multi_step> triggered "
    assert startup.is_about_a_step(record(f"{of_keras}tf.function retracing."))
    assert not startup.is_about_a_step(record("5 out of 5 calls to <function mine> triggered tf.function retracing."))
    assert not startup.is_about_a_step(record("TensorFlowTrainer. is slow"))
