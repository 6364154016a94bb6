"""Reports of runs: what the rows say, and the page. 4 s, most of it a picture of curves."""

import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import keras_gen as kg
from keras_gen import metrics
from keras_gen.evaluation.rows import written
from keras_gen.files import refuse_overwrite
from keras_gen.training import callbacks, page
from keras_gen.training.config import RunConfig

EVALUATED = {
    "images": 12_000,
    "loss": 9.0,
    "kl_loss": 2.0,
    "my_term": 3.0,
    "squared_error": 7.0,
    "squared_error_baseline": 5.0,
    "psnr": 20.0,
    "log_likelihood": -90.0,
    "linear_probe": 0.9,
    "linear_probe_baseline": 0.8,
    "precision": 0.97,
    "precision_floor": 0.95,
    "precision_control": 0.63,
    "recall": 0.5,
    "recall_floor": 0.9,
    "recall_control": 0.0,
    "kernel_distance": 0.5,
    "kernel_distance_floor": 0.01,
    "kernel_distance_control": 8.0,
    "kernel_distance_error": 0.1,
    "kernel_distance_error_floor": 0.1,
    "kernel_distance_error_control": 0.1,
    "fidelity_images": 2_000,
    "fidelity_features": "64 features of a classifier of 2 classes",
    "fidelity_classes": 2,
    "baseline": "principal components",
}


def test_every_number_of_a_report_is_described():
    documented = set(re.findall(r"`(\w+)`", kg.evaluation.report.__doc__)) & set(metrics.METRICS)
    assert {"squared_error", "psnr", "ssim", "score", "log_likelihood", "bits_per_value"} <= documented
    codes = np.random.default_rng(0).standard_normal((60, 3))
    labels = np.arange(60) % 2
    numbers = {*kg.evaluation.probe(codes, labels), *kg.evaluation.clustering(codes, labels)}
    numbers |= {*kg.evaluation.fidelity(codes[:20], codes, lambda x: x)["generated"]}
    numbers |= {"two_sample_auroc", "two_sample_auroc_error", "column_distance", "worst_column_distance"}
    for name in numbers:
        assert name in metrics.METRICS, name
    for name, metric in metrics.METRICS.items():
        assert metric.group in metrics.GROUPS, name
        assert metric.better in ("lower", "higher", ""), name
        assert metric.meaning.endswith("."), name
        assert len(metric.meaning) <= 80, name
        assert "\n" not in metric.meaning, name


def test_rows_in_groups_with_what_stands_beside():
    groups = {group.title: group for group in kg.evaluation.grouped(EVALUATED)}
    assert [*groups] == [*metrics.GROUPS.values()]
    rows = {row.name: row for group in groups.values() for row in group.rows}
    assert not {"images", "precision_floor", "fidelity_classes", "baseline"} & set(rows)
    assert rows["squared_error"].beside == {"PCA": 5.0}
    assert rows["precision"].beside == {"real images": 0.95, "noise": 0.63}
    assert rows["psnr"].beside == {}
    assert rows["loss"].metric.unit == "nats per image"  # of a bound
    assert rows["my_term"].metric == metrics.UNKNOWN
    assert groups["Samples"].beside == ["real images", "noise"]
    assert groups["Samples"].measured_on.startswith("2,000 samples beside 2,000 held-out images, by 64 features")
    assert groups["Codes"].measured_on.startswith("codes of 5,000")
    assert "the first 1,000" in groups["Likelihood"].measured_on
    assert groups["Reconstruction"].measured_on == "12,000 held-out images"


def test_terms_have_the_unit_of_their_likelihood_and_a_game_no_direction():
    for likelihood, unit in (("bernoulli", "nats per image"), ("gaussian", "squared error per image")):
        model = kg.Autoencoder((6,), 2, likelihood=likelihood)
        found = metrics.describe_all(["loss", "reconstruction_loss"], model)
        assert [metric.unit for metric in found.values()] == [unit, unit]
        found = metrics.describe_all(["loss", "reconstruction_loss", "my_loss"], model)
        assert [metric.unit for metric in found.values()] == ["", unit, ""]
    found = metrics.describe_all(["loss", "psnr"], kg.Autoencoder)  # a class has no likelihood yet
    assert [metric.unit for metric in found.values()] == ["", "dB"]
    assert found["loss"].better == "lower"
    assert metrics.describe_all(["loss", "d_loss", "g_loss"])["loss"].better == ""


def test_doubts_where_features_cannot_judge():
    two_classes, noise = kg.evaluation.doubts(EVALUATED)
    assert "2 classes" in two_classes
    assert "precision (noise 0.6300, real images 0.9500)" in noise
    assert "recall" not in noise
    assert "kernel_distance" not in noise
    good = EVALUATED | {"precision_control": 0.01, "fidelity_classes": 10}
    assert kg.evaluation.doubts(good) == []
    assert kg.evaluation.doubts({"images": 3}) == []
    (blind,) = kg.evaluation.doubts(good | {"kernel_distance_control": 0.2})
    assert "kernel_distance" in blind


def test_numbers_as_they_are_written():
    values = {0.12345: "0.1235", 123.456: "123.46", -1234.56: "-1,234.6", 51189.4: "51,189", 1000: "1,000", "x": "x"}
    for value, text in values.items():
        assert written(value) == text
    assert written(np.float64(0.5)) == "0.5000"


def test_baselines_are_principal_components():
    """Of data on a plane, two components are all, and the codes tell the classes apart."""
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    plane = rng.standard_normal((2, 6))
    x = ((rng.standard_normal((400, 2)) + 6 * labels[:, None]) @ plane).astype("float32")
    found = {units: kg.evaluation.baselines(kg.Autoencoder((6,), units, likelihood="gaussian"), x[:200], x[200:],
                                            labels[200:]) for units in (1, 2)}  # fmt: skip
    assert found[2]["squared_error_baseline"] == pytest.approx(0, abs=1e-6)
    centred = x[200:] - x[:200].mean(axis=0)
    direction = np.linalg.svd(x[:200] - x[:200].mean(axis=0), full_matrices=False)[2][0]
    error = np.sum((centred - np.outer(centred @ direction, direction)) ** 2, axis=1).mean()
    assert found[1]["squared_error_baseline"] == pytest.approx(error, rel=1e-3)
    assert found[2]["linear_probe_baseline"] > 0.95
    assert "psnr_baseline" not in found[2]  # vectors
    assert "as many units (2), fitted to 200 training images" in found[2]["baseline"]
    assert kg.evaluation.baselines(kg.GAN((8, 8, 1)), x, x) == {}  # no codes
    denoiser = kg.DenoisingAutoencoder((6,), 2, likelihood="gaussian")
    assert {*kg.evaluation.baselines(denoiser, x[:200], x[200:], labels[200:])} == {
        "linear_probe_baseline", "nearest_neighbors_baseline", "baseline"
    }  # fmt: skip
    images = rng.random((30, 4, 4, 1), "float32")
    found = kg.evaluation.baselines(kg.Autoencoder((4, 4, 1), 99), images, images)  # more units than pixels
    assert found["psnr_baseline"] > 60
    assert found["ssim_baseline"] == pytest.approx(1, abs=1e-3)


# === The page ===

EVIL = "<script>alert('x')</script>&\""


def test_text_is_escaped_and_html_is_not():
    inner = page.element("b", EVIL, title=EVIL)
    assert "<script" not in inner
    assert page.element("p", inner, 3) == f"<p>{inner}3</p>"
    for made in (page.table([EVIL], [[EVIL]]), page.facts({EVIL: EVIL}), page.picture(b"", EVIL), page.page(EVIL)):
        assert "<script" not in made
        assert '&"' not in made


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run made by hand, with names that nobody gives by accident; not complete."""
    folder = tmp_path_factory.mktemp("runs") / "<script>alert(1)<"
    data = tmp_path_factory.mktemp("data") / "<script> & photos"
    for name in ("<script>alert(2)<", "b & c"):
        (data / name).mkdir(parents=True)
        for i in range(10):
            Image.new("L", (8, 8), 20 * i).save(data / name / f"{i}.png")
    (folder / "samples").mkdir(parents=True)
    RunConfig.from_arguments("vae", {"latent_dim": 2}, data=str(data), epochs=40).write(folder)
    rows = "".join(f"{i},{9 / i},{'' if i == 1 else 8 / i}\n" for i in range(1, 31))
    (folder / "history.csv").write_text(f"epoch,loss,val_loss\n{rows}")
    for name in ("samples/epoch-0001.png", "samples/epoch-0030.png", "reconstructions.png", "<script>.png"):
        Image.new("L", (8, 8)).save(folder / name)
    (folder / "evaluation.json").write_text(json.dumps(EVALUATED))
    return folder


def test_the_report_of_a_run(run):
    path = kg.open_run(run).report()
    assert path == run / "report.html"
    text = path.read_text(encoding="utf-8")
    assert "<script" not in text
    assert not re.search(r"""(src|href)=["'](?!data:)|url\(|@import""", text)  # it needs no other file
    assert text.count("data:image/png;base64,") == 5
    for words in ("&lt;script&gt;alert(2)&lt;, b &amp; c", "30 of 40: not complete", "10 of 30 epochs",
                  "train 20; trained on train[:90%]", "Samples after epoch 30", "latent_dim", "PCA",
                  "of a classifier of 2 classes: they know", "higher", "keras-gen resume", "kg.open_run("):  # fmt: skip
        assert words in text, words
    with pytest.raises(FileExistsError, match="Nothing is overwritten without --force.*report.html, which exists"):
        kg.open_run(run).report()
    assert kg.open_run(run).report(force=True) == path
    refuse_overwrite(run / "other.html")


def test_the_report_of_a_run_that_has_next_to_nothing(run, tmp_path):
    RunConfig.from_arguments("vae", data=str(tmp_path / "gone")).write(tmp_path)
    (tmp_path / "evaluation.json").write_text("[1]")
    text = kg.open_run(tmp_path).report(tmp_path / "new" / "a.html").read_text(encoding="utf-8")
    for words in ("not there any more", "No epoch is complete yet", "Nothing is measured yet"):
        assert words in text
    (tmp_path / "metrics.json").write_text(json.dumps({"split": "test", "figures": {"images": 3, "psnr": 9.0},
                                                       "epochs": 20, "minutes": 1.0, "parameters": 1234}))  # fmt: skip
    text = kg.open_run(tmp_path).report(tmp_path / "b.html").read_text(encoding="utf-8")
    for words in ("Of the test split, as training left them", "3 held-out images", "1,234", "20 of 20"):
        assert words in text


# === Pictures while training ===


def test_pictures_show_every_class_however_the_data_are_sorted():
    labels = np.repeat([0, 1, -1, 2], [50, 3, 4, 20])
    images = np.arange(77, dtype="float32").reshape(77, 1, 1, 1)
    dataset = lambda *arrays: kg.training.callbacks.tf.data.Dataset.from_tensor_slices(arrays).batch(8)  # noqa: E731
    shown, classes = callbacks.choose_originals(dataset(images, labels), 3)
    assert classes.tolist() == [0] * 4 + [1] * 3 + [2] * 4
    assert shown.ravel().tolist() == [0, 1, 2, 3, 50, 51, 52, 57, 58, 59, 60]
    many = np.arange(77) % 50
    assert callbacks.choose_originals(dataset(images, many), 50)[1].tolist() == [*range(0, 50, 3)]
    shown, classes = callbacks.choose_originals(dataset(images, np.full(77, -1)), 3)
    assert len(shown) == 8
    shown, classes = callbacks.choose_originals(
        kg.training.callbacks.tf.data.Dataset.from_tensor_slices(images).batch(32)
    )
    assert (len(shown), classes) == (10, None)


def test_curves_are_drawn_at_the_end_and_seldom_before(tmp_path, monkeypatch):
    drawn, now = [], [0.0]

    def draw(folder, path):
        drawn.append(now[0])
        now[0] += 1.0  # it takes a second
        Path(path).write_bytes(b"")

    monkeypatch.setattr(callbacks.plots, "history", draw)
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: now[0])
    curves = callbacks.Curves(tmp_path)
    (tmp_path / "history.csv").write_text("epoch,loss\n1,2\n")
    for epoch in range(100):
        now[0] += 1.0
        curves.on_epoch_end(epoch)
    assert len(drawn) == 5  # a twentieth of the time
    curves.on_train_end()
    assert len(drawn) == 6
    assert isinstance(curves, keras.callbacks.Callback)
