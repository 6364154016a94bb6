"""The command keras-gen, called as a user calls it, in one process; and once as a command."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import keras_gen as kg
from keras_gen import cli


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "run"
    options = "--latent-dim 2 --epochs 1 --limit 200 --verbose 0 --beta 0.5"
    assert cli.main(["train", "vae", *options.split(), "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "conditional"
    options = "--latent-dim 2 --epochs 1 --limit 200 --verbose 0"
    assert cli.main(["train", "conditional_vae", *options.split(), "--out", str(folder)]) == 0
    return folder


def test_options_are_the_constructors(run):
    arguments = json.loads((run / "config.json").read_text())["arguments"]
    assert arguments["latent_dim"] == 2
    assert arguments["beta"] == 0.5


def test_help_shows_what_a_model_takes(capsys):
    assert cli.main(["train", "vae", "--help"]) == 0
    text = capsys.readouterr().out
    for option in ("--latent-dim", "--beta", "--free-bits", "--likelihood", "--data", "--devices", "KL divergence"):
        assert option in text
    assert cli.main(["train", "autoencoder", "--help"]) == 0
    assert "--beta" not in capsys.readouterr().out


def test_list(capsys):
    assert cli.main(["list"]) == 0
    text = capsys.readouterr().out
    for word in ("vae", "autoencoder", "digits", "mnist"):
        assert word in text


@pytest.mark.parametrize("verb", ["sample", "reconstruct", "interpolate", "filters"])
def test_pictures(run, tmp_path, capsys, verb):
    out = tmp_path / "picture.png"
    assert cli.main([verb, str(run), "--out", str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    assert kg.images.provenance(out)["model"] == "VAE"
    assert cli.main(["inspect", str(out)]) == 0
    assert "trainedAlgorithmicMedia" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "ending"),
    [
        ("manifold {run} --size 3", "png"),
        ("traverse {run} --units 2 --steps 3", "png"),
        ("walk {run} --walks 2 --steps 4 --seed 1", "gif"),
        ("walk {run} --walks 2 --steps 4", "webp"),
        ("interpolate {run} --rows 2 --steps 4", "gif"),
        ("attribute {run} --present 7 --absent 1 --rows 2 --steps 3", "png"),
        ("sample {run} --count 4 --components 2", "png"),
        ("reconstruct {conditional} --count 3", "png"),
        ("interpolate {conditional} --rows 2 --steps 3", "png"),
        ("manifold {conditional} --size 3 --label 4", "png"),
        ("traverse {conditional} --units 2 --steps 3", "png"),
        ("walk {conditional} --label 3 --label 4 --walks 2 --steps 3", "gif"),
        ("attribute {conditional} --present 7 --absent 1 --rows 2 --steps 3", "png"),
        ("sample {conditional} --label 3 --label 4 --count 4", "png"),
    ],
)
def test_walks_and_labels(run, conditional, tmp_path, capsys, command, ending):
    out = tmp_path / f"picture.{ending}"
    assert cli.main([*command.format(run=run, conditional=conditional).split(), "--out", str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    assert kg.images.provenance(out)["model"] == ("ConditionalVAE" if "{conditional}" in command else "VAE")


def test_a_run_with_labels(conditional, tmp_path, capsys):
    config = json.loads((conditional / "config.json").read_text())
    assert config["arguments"]["num_classes"] == 10  # the data said so
    for name in ("reconstructions.png", "codes.png", "samples/epoch-0001.png"):
        assert (conditional / name).is_file()
    out = tmp_path / "figures.json"
    assert cli.main(["evaluate", str(conditional), "--out", str(out)]) == 0
    reported = json.loads((conditional / "metrics.json").read_text())["figures"]
    assert json.loads(out.read_text())["score"] == pytest.approx(reported["score"], rel=1e-4)


@pytest.mark.extended
def test_m1_and_m2_as_runs(run, tmp_path, capsys):
    """M1 is given as a run; few labels; the run is resumed."""
    folder = tmp_path / "m1_m2"
    options = (
        f"--features {run} --num-labels 20 --likelihood gaussian --latent-dim 2 --epochs 1 --limit 200 --verbose 0"
    )
    assert cli.main(["train", "semi_supervised_vae", *options.split(), "--out", str(folder)]) == 0
    assert cli.main(["resume", str(folder), "--epochs", "2", "--verbose", "0"]) == 0
    assert "accuracy" in json.loads((folder / "metrics.json").read_text())["figures"]


def test_the_same_seed_draws_the_same_picture(run, tmp_path):
    for name in "ab":
        assert cli.main(["sample", str(run), "--seed", "3", "--out", str(tmp_path / f"{name}.png")]) == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_evaluate_agrees_with_the_run(run, tmp_path, capsys):
    out = tmp_path / "figures.json"
    assert cli.main(["evaluate", str(run), "--out", str(out), "--no-fidelity"]) == 0
    assert "psnr" in capsys.readouterr().out
    reported = json.loads((run / "metrics.json").read_text())["figures"]
    assert "linear_probe" in reported
    found = json.loads(out.read_text())
    for name, value in reported.items():
        assert found[name] == pytest.approx(value, rel=1e-4)
    assert found["squared_error_baseline"] > 0


def test_evaluate_compares_samples_with_real_images(run, tmp_path, capsys):
    out = tmp_path / "figures.json"
    assert cli.main(["evaluate", str(run), "--out", str(out)]) == 0
    text = capsys.readouterr().out
    for words in ("180 samples beside 180 held-out images", "real images", "noise", "share, higher is better", "PCA"):
        assert words in text
    figures = json.loads(out.read_text())
    assert figures["kernel_distance_control"] > figures["kernel_distance_floor"]
    assert "10 classes" in figures["fidelity_features"]


def test_map(run, tmp_path, capsys):
    for method in ("pca", "tsne"):
        out = tmp_path / f"{method}.png"
        assert cli.main(["map", str(run), "--method", method, "--count", "50", "--out", str(out)]) == 0
        assert str(out) in capsys.readouterr().out
        assert out.is_file()


def test_resume(run, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(run, folder)
    assert cli.main(["resume", str(folder), "--epochs", "2", "--verbose", "0"]) == 0
    assert json.loads((folder / "metrics.json").read_text())["epochs"] == 2


def test_inspect_of_an_unmarked_image(tmp_path, capsys):
    from PIL import Image

    Image.new("RGB", (4, 4)).save(tmp_path / "photo.png")
    assert cli.main(["inspect", str(tmp_path / "photo.png")]) == 0
    assert "proves nothing" in capsys.readouterr().out


@pytest.fixture(scope="module")
def denoiser(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "denoiser"
    options = "--latent-dim 4 --level 0.2 --epochs 1 --limit 100 --verbose 0 --out"
    assert cli.main(["train", "denoising_autoencoder", *options.split(), str(folder)]) == 0
    return folder


def test_denoise(denoiser, tmp_path, capsys):
    out = tmp_path / "denoised.png"
    assert (denoiser / "denoised.png").exists()
    assert cli.main(["denoise", str(denoiser), "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert re.search(r"noisy: PSNR \d+\.\d\d dB", text)
    assert re.search(r"restored: PSNR \d+\.\d\d dB", text)
    assert kg.images.provenance(out)["model"] == "DenoisingAutoencoder"
    assert cli.main(["denoise", str(denoiser), "--as-given", "--count", "3", "--out", str(out), "--force"]) == 0
    assert "PSNR" not in capsys.readouterr().out


def test_separate(tmp_path, capsys):
    folder, out = tmp_path / "run", tmp_path / "separated.png"
    options = "--latent-dim 4 --epochs 1 --limit 100 --verbose 0 --out"
    assert cli.main(["train", "source_separator", *options.split(), str(folder)]) == 0
    assert (folder / "separated.png").exists()
    assert "si_sdr" in json.loads((folder / "metrics.json").read_text())["figures"]
    for given in ([], ["--as-given", "--force"]):
        assert cli.main(["separate", str(folder), *given, "--out", str(out)]) == 0
        assert kg.images.provenance(out)["model"] == "SourceSeparator"


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("sparse_autoencoder", "--rho 0.1 --beta 2 --penalty kl --momentum 0.5"),
        ("contractive_autoencoder", "--weight 0.2 --latent-dim 9"),
        ("linear_autoencoder", "--latent-dim 3 --no-tied"),
        ("autoencoder", "--encoder pool --decoder pool --code-activation tanh"),
    ],
)
def test_every_autoencoder_trains_from_the_command_line(model, options, tmp_path):
    out = tmp_path / "run"
    command = f"train {model} {options} --epochs 1 --limit 100 --verbose 0 --out {out}"
    assert cli.main(command.split()) == 0
    for name in ("model.keras", "reconstructions.png", "codes.png", "metrics.json", "history.csv"):
        assert (out / name).exists(), name
    kg.load(out)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("train nonsense --out {out}", ["nonsense", "vae"]),
        ("train vae", ["--out"]),
        ("train vae --latent-dim 0 --out {out}", ["latent_dim=0"]),
        ("train vae --latent-dim two --out {out}", ["--latent-dim", "two"]),
        ("train vae --beta -1 --out {out}", ["beta=-1.0"]),
        ("train vae --rho 0.1 --out {out}", ["--rho"]),
        ("train vae --likelihood poisson --out {out}", ["poisson", "bernoulli"]),
        ("train vae --data no_such_dataset_at_all --out {out}", ["no_such_dataset_at_all", "digits"]),
        ("train vae --data {empty} --out {out}", ["images", "empty"]),
        ("train vae --devices 1000 --out {out}", ["devices=1000"]),
        ("train vae --batch-size 33 --devices 2 --out {out}", ["multiple of 2"]),
        ("train vae --out {run}", ["exist", "resume"]),
        ("resume {empty}", ["config.json"]),
        ("resume {run}", ["--epochs"]),
        ("train sparse_autoencoder --rho 1.5 --out {out}", ["rho=1.5", "between 0 and 1"]),
        ("train sparse_autoencoder --code-activation relu --out {out}", ["[0, 1]", "relu"]),
        ("train denoising_autoencoder --corruption masking --level 2 --out {out}", ["level=2.0", "between 0 and 1"]),
        ("train denoising_autoencoder --corruption given --out {out}", ["fit(noisy, clean)"]),
        ("train autoencoder --encoder conv --decoder tied --out {out}", ["dense layers only"]),
        ("train vae --encoder pool --decoder pool --out {out}", ["decoder='pool'"]),
        ("train source_separator --latent-dim 5 --out {out}", ["latent_dim=5"]),
        ("denoise {run}", ["VAE does not denoise"]),
        ("separate {run}", ["VAE does not separate"]),
        ("sample {run} --count 0", ["--count"]),
        ("sample nowhere.keras", ["nowhere.keras"]),
        ("sample no_such_model", ["no_such_model"]),
        ("sample {half}", ["half.keras", "damaged"]),
        ("sample {run} --out {out}.bmp", [".png, .jpg"]),
        ("reconstruct {run}/model.keras", ["--data"]),
        ("interpolate {run} --steps 1", ["steps=1"]),
        ("interpolate {run} --out {out}.bmp", ["out.bmp", ".png, .jpg"]),
        ("manifold vae_mnist_conv16", ["code of two units", "latent_dim=16"]),
        ("attribute {run} --present cat --absent 1", ["must be one of 0, 1", "cat"]),
        ("sample conditional_vae_mnist --label 12", ["0 to 9", "labels from 12 to 12"]),
        ("train vae --num-labels 10 --out {out}", ["vae does not learn from labels", "num_labels=10"]),
        ("train conditional_vae --num-classes 5 --out {out}", ["10 classes", "num_classes=5"]),
        ("train semi_supervised_vae --num-labels 5 --out {out}", ["num_labels=5"]),
        ("inspect {out}", ["a file that exists"]),
        ("dance", ["dance"]),
    ],
)
def test_wrong_calls_end_with_two_and_one_line(run, tmp_path, capsys, command, words):
    (tmp_path / "empty").mkdir()
    half = tmp_path / "half.keras"
    half.write_bytes((run / "model.keras").read_bytes()[:9_999])
    out = tmp_path / "out"
    tokens = command.format(out=out, run=run, empty=tmp_path / "empty", half=half).split()
    assert cli.main(tokens) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    assert error.startswith("keras-gen: ")
    for word in words:
        assert word in error, error
    assert not out.exists()


def test_a_model_without_the_ability_says_so(tmp_path, capsys):
    kg.Autoencoder((8, 8, 1), 2).save(tmp_path / "ae.keras")
    assert cli.main(["sample", str(tmp_path / "ae.keras"), "--out", str(tmp_path / "x.png")]) == 2
    assert "Autoencoder does not sample: it has no" in capsys.readouterr().err


def test_a_run_that_leaves_the_numbers_ends_with_one(tmp_path, capsys):
    options = "--epochs 3 --limit 200 --verbose 0 --learning-rate 1e30"
    assert cli.main(["train", "vae", *options.split(), "--out", str(tmp_path / "run")]) == 1
    error = capsys.readouterr().err
    assert "Training stopped at" in error
    assert "nan" in error or "inf" in error
    assert not list((tmp_path / "run" / "checkpoints").iterdir())


def test_the_installed_command_is_quiet(tmp_path):
    command = Path(sys.executable).with_name("keras-gen")
    result = subprocess.run(
        [command, "train", "vae", "--latent-dim", "0", "--out", "x"], capture_output=True, text=True, cwd=tmp_path
    )
    assert result.returncode == 2
    assert result.stderr == "keras-gen: `latent_dim` must be a whole number of at least 1. Received: latent_dim=0\n"


def test_detect(run, tmp_path, capsys):
    images = kg.data.stack(kg.data.load("digits", "test", limit=5))
    for i, image in enumerate(images):
        kg.images.save_image(image, tmp_path / f"photos/{i}.png")
    command = ["detect", str(run), str(tmp_path / "photos"), "--out", str(tmp_path / "report"), "--verbose", "0"]
    assert cli.main([*command, "--score", "likelihood", "--false-alarms", "0.2"]) == 0
    assert "of 5 images are anomalies at 20.0% false alarms" in capsys.readouterr().out
    assert len((tmp_path / "report/scores.csv").read_text().splitlines()) == 6
    assert cli.main([*command, "--score", "likelihood"]) == 2
    assert "without --force" in capsys.readouterr().err
    assert cli.main([*command, "--score", "likelihood", "--force"]) == 0
    assert cli.main([*command, "--score", "critic", "--force"]) == 2
    assert "one that VAE gives: reconstruction, likelihood, latent" in capsys.readouterr().err
    assert cli.main(["detect", "rbm_mnist", *command[2:], "--force"]) == 2
    assert "needs --normal" in capsys.readouterr().err
    assert cli.main([*command, "--method", "neighbors", "--save", str(tmp_path / "normal.zip"), "--force"]) == 0
    assert cli.main(["detect", str(tmp_path / "normal.zip"), *command[2:], "--force"]) == 0
    without = [command[0], *command[2:], "--force", "--extractor"]  # a run's model makes features, and knows nothing
    assert cli.main([*without, str(run), "--normal", "digits"]) == 0
    for options, sentence in (
        ([str(run)], "Without a run there must be images to call normal: --normal FOLDER"),
        (
            ["mobilenet_v2", "--normal", "digits", "--weights", "missing.h5"],
            "Without a download there are oriented_gradients",
        ),
    ):
        assert cli.main([*without, *options]) == 2
        assert sentence in capsys.readouterr().err
    assert cli.main(["detect", *command[2:], "--force"]) == 2
    assert "FOLDER is missing" in capsys.readouterr().err


def test_several_values_of_an_option(tmp_path):
    options = "--hidden-units 6 5 --epochs 1 --limit 100 --verbose 0"
    assert cli.main(["train", "deep_belief_network", *options.split(), "--out", str(tmp_path / "run")]) == 0
    assert json.loads((tmp_path / "run/config.json").read_text())["arguments"]["hidden_units"] == [6, 5]


def test_evaluate_says_why_samples_are_not_compared(run, tmp_path, capsys):
    """One class only, or no images to learn the features from: the other figures stand."""
    x, y = kg.data.stack(kg.data.load("digits", labels=True, limit=60))
    for name, labels in (("ones", np.ones(60, int)), ("split", y)):
        np.savez(tmp_path / f"{name}.npz", x=x, y=labels)
        out = tmp_path / f"{name}.json"
        assert cli.main(["evaluate", str(run), "--data", str(tmp_path / f"{name}.npz"), "--out", str(out)]) == 0
        assert "samples are not compared with images" in capsys.readouterr().err
        figures = json.loads(out.read_text())
        assert "psnr" in figures
        assert "precision" not in figures


def test_a_run_with_one_held_out_image_ends(tmp_path):
    np.savez(tmp_path / "ten.npz", x=kg.data.stack(kg.data.load("digits", limit=10)))
    command = f"train vae --data {tmp_path / 'ten.npz'} --latent-dim 2 --epochs 1 --verbose 0 --out {tmp_path / 'run'}"
    assert cli.main(command.split()) == 0
    assert (tmp_path / "run/metrics.json").is_file()


def test_what_goes_from_noise_to_data(tmp_path, capsys):
    """Its options, and the way as an animation, of which the last frame stays. Eight seconds."""
    model = kg.FlowMatching((8, 8, 1), num_classes=10, denoiser="dense")
    model.compile()
    model.save(tmp_path / "flow.keras")
    words = [str(tmp_path / "flow.keras"), "--count", "4", "--label", "3", "--seed", "1"]
    out = tmp_path / "way.gif"
    assert cli.main(["sample", *words, "--steps", "4", "--guidance", "2", "--sampler", "heun", "--out", str(out)]) == 0
    with Image.open(out) as animation:
        assert animation.n_frames == 5
        animation.seek(4)
        assert animation.info["duration"] > 2000
    assert kg.images.provenance(out)["model"] == "FlowMatching"
    capsys.readouterr()
    for option, sentence in (
        ("--steps 0", "`steps` must be a whole number of at least 1. Received: steps=0"),
        ("--guidance -1", "`guidance` must be a number of at least 0. Received: guidance=-1.0"),
        (
            "--sampler ddim",
            "`sampler` of FlowMatching must be one of 'euler', 'heun', 'ddpm'. Received: sampler='ddim'",
        ),
        ("--temperature 2", "FlowMatching does not sample by it: leave --temperature out. Received: --temperature 2.0"),
    ):
        assert cli.main(["sample", *words, *option.split(), "--out", str(tmp_path / "no.png")]) == 2
        assert sentence in capsys.readouterr().err
    assert cli.main(["sample", "vae_mnist_2d", "--steps", "3", "--out", str(tmp_path / "no.png")]) == 2
    assert "VAE does not sample by it: leave --steps out. Received: --steps 3" in capsys.readouterr().err
    assert not (tmp_path / "no.png").exists()
