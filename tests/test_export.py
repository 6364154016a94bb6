"""Files for other programs: what is in them, what they say of themselves, and what is refused."""

import json
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from zoo import IMAGES, LABELS, SHAPE, VECTORS, ZOO, dense, gan

import keras_gen as kg
from keras_gen import export
from keras_gen.cli import main
from keras_gen.core import provenance
from keras_gen.export import formats, quality, writing
from keras_gen.priors import MixturePrior

ENDINGS = {"tf_saved_model": "", "litert": ".tflite", "onnx": ".onnx", "openvino": ".xml"}
FIRST = {case.cls: case for case in reversed(ZOO)}


@pytest.fixture(scope="module")
def vae():
    return kg.VAE(SHAPE, 3, **dense(3))


# === Noise ===


def test_draws_are_uniform_and_normal():
    draws = export.Draws(tf.range(10_000))
    shares, normal = draws.uniform(20).numpy(), draws.normal(21).numpy()
    assert 0 < shares.min() < shares.max() < 1
    assert stats.kstest(shares.ravel(), "uniform").statistic < 0.004  # of 200,000
    assert stats.kstest(normal.ravel(), "norm").statistic < 0.004
    for k, (expected, tolerance) in enumerate([(0, 0.01), (1, 0.015), (0, 0.04), (3, 0.1)], 1):  # 5 deviations
        assert np.mean(normal.astype("float64") ** k) == pytest.approx(expected, abs=tolerance)
    bins = [np.histogram(column, 20, (0, 1))[0] for column in shares.T]
    assert min(stats.chisquare(counts).pvalue for counts in bins) > 1e-4


def test_draws_are_independent():
    """Of units, of neighbouring seeds, of one draw and the next, and of the two halves of a normal draw."""
    draws = export.Draws(tf.range(10_000))
    first, second = draws.normal(20).numpy(), draws.normal(20).numpy()
    bound = 5.5 / np.sqrt(len(first))  # standard deviations: of 5,000 numbers, 1 in 5,000 times
    together = np.corrcoef(np.concatenate([first, second], axis=1), rowvar=False)
    assert np.abs(together - np.eye(40)).max() < bound
    squares = np.corrcoef(np.concatenate([first, second], axis=1) ** 2, rowvar=False)
    assert np.abs(squares - np.eye(40)).max() < bound
    for shift in (1, 2, 46337 % 10_000):
        assert np.abs(np.corrcoef(first[shift:], first[:-shift], rowvar=False)[:20, 20:]).max() < bound
    assert len(np.unique(first[:, 0])) > 9_950


def test_a_draw_is_a_function_of_its_seed():
    both = export.Draws(tf.constant([3, 2**31 - 1])).normal(7).numpy()
    alone = export.Draws(tf.constant([2**31 - 1])).normal(7).numpy()
    assert both[1:] == pytest.approx(alone, abs=1e-6)
    assert np.isfinite(export.Draws(tf.constant([-1, -(2**31)])).normal(7).numpy()).all()


def test_a_mixture_is_drawn_from_as_it_is():
    prior = MixturePrior(3, 2)
    prior.build()
    prior.logits.assign(np.log([0.2, 0.5, 0.3]))
    prior.means.assign([[-9.0, 0.0], [0.0, 9.0], [9.0, 0.0]])
    z = prior.draw_by(export.Draws(tf.range(5000))).numpy()
    nearest = np.argmin(((z[:, None] - prior.means.numpy()) ** 2).sum(-1), axis=1)
    assert np.bincount(nearest) / 5000 == pytest.approx([0.2, 0.5, 0.3], abs=0.03)
    assert np.std(z[nearest == 1], axis=0) == pytest.approx([1, 1], abs=0.06)


# === Files ===


FORMATS = [pytest.param(name, marks=[pytest.mark.extended] if name == "openvino" else []) for name in ENDINGS]


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_gives_what_the_model_gives(vae, tmp_path, format, capsys):
    """Any batch, every part that has another kind of input, and the same image of a seed in every format."""
    images = {}
    for part, method in {"decoder": vae.decode, "score": vae.score, "sample": None}.items():
        path = vae.export(tmp_path / f"{part}{ENDINGS[format]}", format, part=part, images=IMAGES)
        run = export.open_file(path)
        if method is None:
            images = [run({"seed": np.array(seeds, "int32")})["image"] for seeds in ([7, 8, 9], [8])]
            continue
        x = vae.encode(IMAGES) if part == "decoder" else IMAGES
        name, made = ("code", "image") if part == "decoder" else ("data", "score")
        for count in (1, 5):
            assert run({name: x[:count]})[made] == pytest.approx(np.asarray(method(x[:count])), rel=1e-5, abs=1e-5)
    expected = vae.drawn_by(export.Draws(tf.constant([7, 8, 9]))).numpy()
    assert images[0] == pytest.approx(expected, abs=1e-5)
    assert images[1] == pytest.approx(expected[1:2], abs=1e-5)
    assert np.abs(expected[0] - expected[1]).max() > 1e-3
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 3
    assert "16 examples" in said[0]


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_says_what_it_is(vae, tmp_path, format):
    path = vae.export(tmp_path / f"encoder{ENDINGS[format]}", format, part="encoder", images=IMAGES, verbose=False)
    said = export.read_metadata(path)
    assert said["model"] == "VAE"
    assert said["part"] == "encoder"
    assert said["made_by"] == f"keras_gen {kg.__version__}"
    unit = "pixels divided by 255, channels last"
    assert said["inputs"] == {"data": {"shape": [None, *SHAPE], "dtype": "float32", "range": [0, 1], "unit": unit}}
    assert said["outputs"]["code"]["shape"] == [None, 3]
    assert said["largest_difference"] < 1e-5
    assert said["compared_on"] == 16
    if format == "litert":
        with zipfile.ZipFile(path) as file:  # without this package
            assert json.loads(file.read("keras_gen.json"))["model"] == "VAE"
    with pytest.raises(ValueError, match="must be a file that `export` wrote"):
        export.read_metadata(tmp_path / "nothing.onnx")


def test_a_saved_model_holds_the_weights_of_its_part_only(vae, tmp_path):
    vae.export(tmp_path / "decoder", part="decoder", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "decoder"))
    decoder = vae.network("decoder")
    assert sorted(w.shape.as_list() for w in loaded.weights) == sorted(list(w.shape) for w in decoder.weights)
    assert np.asarray(loaded.serve(tf.zeros((2, 3)))["image"]).shape == (2, *SHAPE)


def test_labels_are_an_input(tmp_path):
    model = kg.GAN(SHAPE, 2, num_classes=2, **gan(4))
    path = model.export(tmp_path / "generator", verbose=False)
    z, run = np.random.default_rng(0).standard_normal((4, 2)).astype("float32"), export.open_file(path)
    made = run({"latents": z, "labels": np.array([0, 1, 1, 0], "int32")})["image"]
    assert made == pytest.approx(np.asarray(model.decode(z, [0, 1, 1, 0])), abs=1e-6)
    assert export.read_metadata(path)["inputs"]["labels"]["range"] == [0, 1]


def test_averages_are_written(tmp_path):
    model = kg.VAE(SHAPE, 3, ema=0.5, **dense(3))
    model.step.assign(100)
    model.averages.weights[-1].assign(model.averages.weights[-1] + 1.0)
    kept = model.get_weights()
    run = export.open_file(model.export(tmp_path / "model", images=IMAGES, verbose=False))
    assert run({"data": IMAGES})["image"] == pytest.approx(np.asarray(model.reconstruct(IMAGES)), abs=1e-6)
    assert np.abs(run({"data": IMAGES})["image"] - model.predict(IMAGES, verbose=0)).max() > 0.01
    assert all(np.array_equal(a, b) for a, b in zip(kept, model.get_weights(), strict=True))


def test_a_decoder_runs_without_tensorflow(vae, tmp_path):
    path = vae.export(tmp_path / "decoder.onnx", "onnx", part="decoder", verbose=False)
    code = """
import sys, numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
z = numpy.random.default_rng(0).standard_normal((3, 3)).astype("float32")
numpy.save(sys.argv[2], session.run(None, {"code": z})[0])
print(*{name.split(".")[0] for name in sys.modules} & {"tensorflow", "keras", "keras_gen"})
"""
    made = tmp_path / "made.npy"
    ran = subprocess.run([sys.executable, "-c", code, str(path), str(made)], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []
    z = np.random.default_rng(0).standard_normal((3, 3)).astype("float32")
    assert np.load(made) == pytest.approx(np.asarray(vae.decode(z)), abs=1e-6)


def test_a_model_of_mixed_precision_is_written_in_float32(tmp_path):
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = kg.VAE(SHAPE, 3, encoder="conv", decoder="conv")
        path = model.export(tmp_path / "encoder.tflite", "litert", part="encoder", images=IMAGES, verbose=False)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
        assert export.read_metadata(path)["weights"] == provenance.weights_hash(model)
        assert export.open_file(path)({"data": IMAGES})["code"] == pytest.approx(model.encode(IMAGES), abs=0.05)
    finally:
        keras.mixed_precision.set_global_policy("float32")


# === Refusals ===


def test_a_file_that_gives_something_else_is_refused_and_the_old_one_stays(vae, tmp_path, monkeypatch):
    for format, name in {"litert": "one.tflite", "tf_saved_model": "one"}.items():
        path = vae.export(tmp_path / format / name, format, part="decoder", verbose=False)
        before = export.read_metadata(path)
        kind = type(formats.FORMATS[format])
        opened = kind.open

        def shifted(self, path, opened=opened):
            return lambda given: {name: value + 2e-4 for name, value in opened(self, path)(given).items()}

        monkeypatch.setattr(kind, "open", shifted)
        with pytest.raises(RuntimeError, match="Nothing was written: what a file gives must be within 0.0001"):
            vae.export(path, format, part="encoder", verbose=False)
        assert export.read_metadata(path) == before
        vae.export(path, format, part="encoder", limit=1.0, verbose=False)
        monkeypatch.undo()
        assert export.read_metadata(path)["part"] == "encoder"
        assert [p.name for p in path.parent.iterdir()] == [name]  # nothing is left beside it


def test_wrong_calls_are_sentences(vae, tmp_path, monkeypatch):
    taken, other = tmp_path / "taken", tmp_path / "other.onnx"
    taken.mkdir()
    (taken / "mine.txt").write_text("mine")
    other.mkdir()
    calls = [
        ((tmp_path / "a.onnx", "pmml"), {}, ValueError, "`format` must be one of 'tf_saved_model'"),
        ((tmp_path / "a.tflite", "onnx"), {}, ValueError, "a file that ends in .onnx"),
        ((tmp_path / "a.onnx",), {}, ValueError, "is written to a folder"),
        ((taken,), {}, FileExistsError, "a folder of its own"),
        ((other, "onnx"), {}, FileExistsError, "which is a folder"),
        ((tmp_path / "a",), {"part": "critic"}, ValueError, "'reconstruct', 'score', 'encoder', 'decoder', 'sample'"),
        ((tmp_path / "a",), {"quantize": "int8"}, ValueError, "with format='litert'"),
        ((tmp_path / "a.tflite", "litert"), {"quantize": "int8"}, ValueError, "needs real data"),
        ((tmp_path / "a",), {"images": IMAGES[:, :4]}, ValueError, "VAE"),
        ((tmp_path / "a",), {"images": IMAGES * 255}, ValueError, "[0, 1]"),
        ((tmp_path / "a",), {"input_signature": [keras.InputSpec(shape=(1, *SHAPE))]}, ValueError, "`input_signature`"),
    ]
    for arguments, options, kind, sentence in calls:
        with pytest.raises(kind) as caught:
            vae.export(*arguments, **options, verbose=False)
        assert sentence in str(caught.value)
        assert "Received" in str(caught.value)
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(ImportError, match=r'pip install "keras-gen\[export\]"'):
        vae.export(tmp_path / "a.onnx", "onnx")
    assert {path.name for path in tmp_path.iterdir()} == {"taken", "other.onnx"}


def test_a_model_without_parts_says_so(tmp_path):
    class Bare(kg.core.GenerativeModel):
        pass

    with pytest.raises(NotImplementedError, match="Bare does not export"):
        Bare(SHAPE).export(tmp_path / "bare")


def test_what_a_chain_draws_is_no_part(tmp_path):
    with pytest.raises(ValueError, match="What RBM draws cannot be exported: each step of a Gibbs chain compares"):
        kg.RBM(SHAPE, 4).export(tmp_path / "sample", part="sample")


# === Quantised ===


def test_a_quantised_file_tells_what_it_loses(vae, tmp_path, capsys):
    sizes = {}
    for to in (None, "float16", "int8"):
        path = vae.export(tmp_path / f"{to}.tflite", "litert", images=IMAGES, quantize=to)
        made, expected = export.open_file(path)({"data": IMAGES})["image"], np.asarray(vae.reconstruct(IMAGES))
        assert made.dtype == np.float32
        sizes[to] = path.stat().st_size
        if to is not None:
            lost = export.read_metadata(path)["quantized"]
            assert lost["psnr"] == pytest.approx(-10 * np.log10(np.mean((made - expected) ** 2)), rel=1e-3)
            assert lost["psnr_of_data"][0] == pytest.approx(-10 * np.log10(np.mean((IMAGES - expected) ** 2)), rel=1e-3)
            assert lost["psnr"] > 30
    assert "instead of" in capsys.readouterr().out
    path = vae.export(tmp_path / "score.tflite", "litert", part="score", images=IMAGES, quantize="float16")
    here, there = export.read_metadata(path)["quantized"]["auroc"]
    scores = vae.score(IMAGES), vae.score(IMAGES[:, ::-1])
    assert here == pytest.approx(np.mean(scores[0][:, None] > scores[1]), abs=1e-6)
    assert 0 <= there <= 1


def test_figures_by_hand():
    assert quality.psnr(np.zeros((2, 2)), np.full((2, 2), 0.1)) == pytest.approx(20)
    assert quality.auroc(np.array([3.0, 1.0]), np.array([2.0, 0.0])) == 0.75
    graph = export.Graph(lambda x: x, {}, {"image": export.Value(range=(0, 1)), "score": export.Value()})
    found = {"image": np.full(3, 0.5), "score": np.full(3, 99.0)}
    expected = {"image": np.zeros(3), "score": np.full(3, 100.0)}
    assert writing._difference(graph, found, expected) == 0.5
    assert writing._difference(graph, {**found, "image": np.zeros(3)}, expected) == pytest.approx(0.01)
    assert writing._difference(graph, {**found, "image": np.full(3, np.nan)}, expected) == np.inf


# === Detectors ===


@pytest.fixture(scope="module")
def trained():
    model = kg.Autoencoder(SHAPE, 3, **dense(3))
    model.step.assign(1)  # nobody warns of it
    return model


def test_detectors_give_scores_heat_maps_and_thresholds(trained, tmp_path):
    x = np.concatenate([IMAGES, IMAGES[:, ::-1], IMAGES[:, :, ::-1]])[:40]
    gradients = kg.tasks.oriented_gradients(SHAPE)
    kinds = [
        (trained, {"relative": "variation", "blur": 0.7}, x),
        (trained, {"method": "likelihood"}, x),
        (trained, {"method": "latent"}, x),
        (gradients, {"method": "neighbors"}, x),
        (gradients, {"method": "patches"}, x),
        (gradients, {"method": "gaussian"}, x),
        (None, {"method": "gaussian"}, np.repeat(VECTORS, 3, axis=0)),
    ]
    for i, (model, options, data) in enumerate(kinds):
        detector = kg.tasks.AnomalyDetector(model, **options).fit(data)
        path = detector.export(tmp_path / f"{i}", images=data, verbose=False)
        found, said = export.open_file(path)({"data": data[:3].astype("float32")}), export.read_metadata(path)
        assert found["score"] == pytest.approx(detector.score_samples(data[:3]), rel=1e-3, abs=1e-4)
        assert said["threshold"] == detector.threshold_
        assert said["method"] == detector.method_
        assert ("heatmap" in found) == (detector.pixel_threshold_ is not None)
        if "heatmap" in found:
            assert said["pixel_threshold"] == detector.pixel_threshold_
            assert found["heatmap"] == pytest.approx(np.asarray(detector.heatmap(data[:3])), rel=1e-3, abs=1e-4)


def test_a_detector_with_a_function_cannot_leave_python(tmp_path):
    detector = kg.tasks.AnomalyDetector(lambda x: x.reshape(len(x), -1), "neighbors").fit(np.repeat(IMAGES, 2, axis=0))
    with pytest.raises(ValueError, match="a function of arrays cannot leave Python"):
        detector.export(tmp_path / "detector")


# === The command ===


def test_the_command(vae, tmp_path, capsys, monkeypatch):
    vae.save(tmp_path / "vae.keras")
    monkeypatch.chdir(tmp_path)
    call = ["export", "vae.keras", "--part", "decoder", "--data", "digits", "--out", "decoder"]
    assert main(call) == 0
    assert capsys.readouterr().out.startswith("decoder: decoder of VAE, ")
    assert main(call) == 2
    assert "--force" in capsys.readouterr().err
    assert main([*call, "--force"]) == 0
    assert main(["export", "vae.keras", "--part", "critic", "--out", "other"]) == 2
    assert "'decoder'" in capsys.readouterr().err


# === Every class ===


@pytest.mark.extended
@pytest.mark.parametrize("format", ["litert", "onnx"])
@pytest.mark.parametrize("case", FIRST.values(), ids=lambda case: case.name)
def test_every_part_of_every_class(case, format, tmp_path):
    model = case.model()
    labels = LABELS if case.supervision == "required" else None
    for part in model.export_parts():
        model.export(tmp_path / f"x{ENDINGS[format]}", format, part=part, images=case.x, labels=labels, verbose=False)
