"""Anomaly detection: scikit-learn's interface, thresholds, methods by hand, heat maps, files, folders."""

import csv
import json
import warnings
import zipfile

import keras
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.covariance import OAS
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator

import keras_gen as kg
from keras_gen.tasks.anomaly import calibration, features, memory

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def data():
    """Zeros of the digits for training and for the threshold; ones of the digits as anomalies."""
    x, y = kg.data.stack(kg.data.load("digits", labels=True, shuffle=False))
    zeros = x[y == 0]
    return zeros[:90], zeros[90:], x[y == 1]


@pytest.fixture(scope="module")
def autoencoder(data):
    keras.utils.set_random_seed(0)
    model = kg.Autoencoder((8, 8, 1), 4)
    model.compile(keras.optimizers.Adam(5e-3))
    model.fit(np.tile(data[0], (15, 1, 1, 1)), epochs=4, verbose=0)
    return model


def detector_of(model, normal, method="reconstruction", false_alarms=0.1, **options):
    return kg.tasks.AnomalyDetector(model, method, false_alarms=false_alarms, **options).fit(normal)


def quarters(images):
    """Feature maps by hand, each position with the pixels of its quarter. (N, 8, 8, 1) -> (N, 2, 2, 16)."""
    return images.reshape(-1, 2, 4, 2, 4).transpose(0, 1, 3, 2, 4).reshape(-1, 2, 2, 16)


def of_length_1(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


# === Of models ===


def test_anomalies_are_found(autoencoder, data):
    _, normal, other = data
    for method in ("reconstruction", "likelihood", "latent", "neighbors", "gaussian"):
        detector = detector_of(autoencoder, normal, method)
        assert (detector.predict(normal) == -1).mean() <= 0.1
        assert (detector.normal_scores_ < detector.threshold_).sum() == int(0.1 * (len(normal) + 1)) - 1
        assert (detector.predict(other) == -1).mean() > 0.9
        scores = detector.score_samples(other)
        np.testing.assert_array_equal(scores, detector.score_samples(other))
        np.testing.assert_allclose(detector.decision_function(other), scores - detector.threshold_)
        np.testing.assert_allclose(detector.score_samples(other[3:5]), scores[3:5], rtol=1e-4, atol=1e-4)


def test_scores_are_what_they_say(autoencoder, data):
    _, normal, other = data
    errors = ((other - autoencoder.reconstruct(other)) ** 2).mean(axis=(1, 2, 3))
    found = detector_of(autoencoder, normal, pooling="mean").score_samples(other)
    np.testing.assert_allclose(found, -errors, rtol=1e-4)
    found = detector_of(autoencoder, normal, "likelihood").score_samples(other)
    np.testing.assert_allclose(found, autoencoder.score(other), rtol=1e-5)
    codes, new = (autoencoder.encode(part).astype("float64") for part in (normal, other))
    found = detector_of(autoencoder, normal, "neighbors", n_neighbors=3).score_samples(other)
    distances = np.sort(cdist(new / codes.std(axis=0), codes / codes.std(axis=0)), axis=1)[:, :3]
    np.testing.assert_allclose(found, -distances.mean(axis=1), rtol=1e-4)


def test_relative_errors_by_hand(autoencoder, data):
    _, normal, other = data
    x, made = (np.stack([gaussian_filter(one, (0.8, 0.8, 0)) for one in part]).reshape(len(other), -1).astype("float64")
               for part in (other, np.asarray(autoencoder.reconstruct(other))))  # fmt: skip
    errors = ((x - made) ** 2).mean(axis=1)
    for relative, there in ((None, 1.0), ("energy", (x**2).mean(axis=1)), ("variation", x.var(axis=1))):
        detector = detector_of(autoencoder, normal, pooling="mean", relative=relative, blur=0.8)
        np.testing.assert_allclose(detector.score_samples(other), -errors / there, rtol=1e-4)
        assert clone(detector).get_params() == detector.get_params()
    detector = detector_of(autoencoder, normal, relative="variation")
    assert np.isfinite(detector.score_samples(np.zeros((2, 8, 8, 1), "float32"))).all()


@pytest.mark.filterwarnings("ignore:.*not been trained")
def test_other_models(data):
    _, normal, other = data
    for model, methods in (
        (kg.VAE((8, 8, 1), 2), ("reconstruction", "likelihood", "latent", "neighbors")),
        (kg.AdversarialAutoencoder((8, 8, 1), 2, encoder="conv"), ("reconstruction", "patches", "gaussian")),
        (kg.RBM((8, 8, 1), 5), ("reconstruction", "likelihood", "latent", "neighbors")),
        (kg.GAN((8, 8, 1), 4), ("likelihood", "critic", None, "patches", "neighbors")),
    ):
        for method in methods:
            found = detector_of(model, normal, method).score_samples(other[:5])
            assert found.shape == (5,)
            assert np.isfinite(found).all()
    assert detector_of(model, normal, None).method_ == "critic"


def test_who_is_untrained_is_warned_of(autoencoder, data):
    with pytest.warns(UserWarning, match="The VAE has not been trained"):
        detector_of(kg.VAE((8, 8, 1), 2), data[1])
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*not been trained")
        detector_of(autoencoder, data[1])


# === Thresholds ===


def test_false_alarms_are_kept_on_average():
    """Below the k-th of n a new one falls with probability k / (n + 1), never above the rate that is asked for."""
    rng = np.random.default_rng(1)
    for n in (20, 39, 50, 200):
        k = int(0.05 * (n + 1))
        alarms = [(rng.standard_normal(500) < calibration.threshold(rng.standard_normal(n), 0.05)).mean()
                  for _ in range(2000)]  # fmt: skip
        error = np.std(alarms) / len(alarms) ** 0.5
        assert np.mean(alarms) == pytest.approx(k / (n + 1), abs=4 * error)
        assert k / (n + 1) <= 0.05
    with pytest.raises(ValueError, match="0.05 of false alarms .* at least 19 normal examples.*n_samples=18"):
        calibration.threshold(np.zeros(18), 0.05)
    assert calibration.threshold(np.arange(19.0), 0.05) == 0  # the least number for which it holds


def test_a_memory_measures_its_own_by_the_others():
    """The rate holds for methods that remember what the threshold is set by."""
    rng = np.random.default_rng(2)
    rows, maps = lambda n: rng.standard_normal((n, 3)), lambda n: rng.standard_normal((n, 2, 2, 6)).astype("float32")
    for method, extractor, draw, trials in (
        ("neighbors", None, rows, 150),
        ("gaussian", None, rows, 150),
        ("patches", np.asarray, maps, 40),
        ("gaussian", np.asarray, maps, 40),
    ):
        alarms = []
        for _ in range(trials):
            detector = kg.tasks.AnomalyDetector(extractor, method, false_alarms=0.1, coreset=0.5).fit(draw(29))
            alarms.append((detector.predict(draw(100)) == -1).mean())
        error = np.std(alarms) / trials**0.5
        assert np.mean(alarms) < 0.1 + 3 * error, method
        assert np.mean(alarms) > 0.02, method  # not by never calling anything one


def test_pooling_by_hand():
    maps = RNG.random((3, 10, 30))
    flat = np.sort(maps.reshape(3, -1), axis=1)
    for pooling, found in (("mean", flat.mean(axis=1)), ("max", flat[:, -1]), ("top", flat[:, -3:].mean(axis=1))):
        np.testing.assert_allclose(calibration.pool(maps, pooling), found)


# === scikit-learn ===


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_checks_it():
    """All checks of scikit-learn, without exception, for the methods that take vectors as they are."""
    for method in ("neighbors", "gaussian"):
        check_estimator(kg.tasks.AnomalyDetector(method=method, false_alarms=0.1))


def test_scikit_learn_takes_it_for_one_of_its_own(autoencoder, data):
    _, normal, other = data
    detector = kg.tasks.AnomalyDetector(autoencoder, false_alarms=0.2)
    copy = clone(detector)
    assert copy.model is autoencoder
    assert copy.get_params() == detector.get_params()
    halves = make_pipeline(FunctionTransformer(lambda x: x / 2), copy).fit(2 * normal)
    np.testing.assert_array_equal(halves.predict(2 * other), detector.fit(normal).predict(other))
    np.testing.assert_array_equal(clone(detector).fit_predict(normal), detector.predict(normal))
    assert np.isfinite(cross_val_score(detector, normal, cv=3)).all()
    assert detector.score(normal, np.ones(len(normal))) == (detector.predict(normal) == 1).mean()


def test_the_old_name_of_the_method(autoencoder):
    with pytest.warns(DeprecationWarning, match="`score` is called `method` now"):
        assert kg.tasks.AnomalyDetector(autoencoder, score="latent").method == "latent"
    with pytest.raises(TypeError, match="surprise"):
        kg.tasks.AnomalyDetector(autoencoder, surprise=1)


# === Features ===


def test_neighbors_by_brute_force(data):
    _, normal, other = data
    detector = detector_of(lambda x: x.reshape(len(x), -1), normal, "neighbors", n_neighbors=2)
    flat = [of_length_1(part.reshape(len(part), -1)) for part in (normal, other)]
    distances = np.sort(cdist(flat[1], flat[0]), axis=1)[:, :2].mean(axis=1)
    np.testing.assert_allclose(detector.score_samples(other), -distances, rtol=1e-4)
    own = np.sort(cdist(flat[0], flat[0]) + np.diag(np.full(len(normal), np.inf)), axis=1)[:, :2].mean(axis=1)
    np.testing.assert_allclose(detector.normal_scores_, -own, rtol=1e-4)


def test_gaussian_by_brute_force(data):
    _, normal, other = data
    detector = detector_of(quarters, normal, "gaussian", dimensions=7)
    chosen = np.sort(np.random.default_rng(0).choice(16, 7, replace=False))
    x, new = (of_length_1(quarters(part)).astype("float64")[..., chosen] for part in (normal, other))
    found = np.empty((len(new), 2, 2))
    for row in range(2):
        for column in range(2):
            fitted = OAS().fit(x[:, row, column])
            found[:, row, column] = np.sqrt(fitted.mahalanobis(new[:, row, column]))
    np.testing.assert_allclose(detector.score_samples(other), -found.max(axis=(1, 2)), rtol=2e-3)


def test_patches_by_brute_force(data):
    """Local averages, lengths, nearest of a memory of all, and of those that are not an image's own."""
    _, normal, other = data
    detector = detector_of(quarters, normal, "patches", coreset=1.0)

    def averaged(images):
        maps = quarters(images)  # 2 x 2: each position has all four for its neighbours
        return of_length_1(np.broadcast_to(maps.mean(axis=(1, 2), keepdims=True), maps.shape).reshape(len(maps), 4, 16))

    x, new = averaged(normal), averaged(other)
    distances = cdist(new.reshape(-1, 16), x.reshape(-1, 16)).min(axis=1).reshape(-1, 4)
    np.testing.assert_allclose(detector.score_samples(other), -distances.max(axis=1), rtol=1e-3)
    own = cdist(x[:, 0], x[:, 0]) + np.diag(np.full(len(x), np.inf))
    np.testing.assert_allclose(detector.normal_scores_, -own.min(axis=1), rtol=1e-3)


def test_a_greedy_coreset_covers():
    vectors = RNG.standard_normal((200, 5)).astype("float32")
    chosen = memory.greedy_coreset(vectors, 20, np.random.default_rng(0))
    assert len(set(chosen)) == 20
    by_hand = [chosen[0]]
    for _ in range(19):
        by_hand.append(int(cdist(vectors, vectors[by_hand]).min(axis=1).argmax()))
    np.testing.assert_array_equal(chosen, by_hand)
    wide = RNG.standard_normal((100, 300)).astype("float32")
    radius = [cdist(wide, wide[memory.greedy_coreset(wide, n, np.random.default_rng(0))]).min(axis=1).max()
              for n in (5, 50, 100)]  # fmt: skip
    assert radius[0] > radius[1] > radius[2] == 0


def test_feature_maps_are_those_before_each_halving():
    layers = keras.layers
    body = keras.Sequential(
        [keras.Input((32, 32, 3)), layers.Conv2D(4, 3, 2, "same", name="a"), layers.ZeroPadding2D(1),
         layers.Conv2D(5, 3, 2, name="b"), layers.Conv2D(6, 3, 2, "same", name="c"),
         layers.Conv2D(6, 3, 2, "same", name="d"), layers.Flatten(), layers.Dense(3, "softmax")]
    )  # fmt: skip
    assert [tuple(part.shape[1:]) for part in features.stages(body)] == [(16, 16, 4), (8, 8, 5), (4, 4, 6), (2, 2, 6)]
    images = RNG.random((30, 32, 32, 3), dtype="float32")
    found = features.features_of(body, True).of(images)
    assert [part.shape for part in found] == [(30, 8, 8, 5), (30, 4, 4, 6)]
    np.testing.assert_allclose(
        found[0], keras.Model(body.inputs[0], body.layers[2].output)(images), rtol=1e-4, atol=1e-5
    )
    assert features.features_of(body, False).of(images)[0].shape == (30, 2, 2, 6)  # before the classes
    # In another network, after what prepares images for it.
    image = keras.Input((32, 32, 3))
    outer = keras.Model(image, layers.Dense(2)(body(layers.Rescaling(2.0, -1.0)(image))))
    np.testing.assert_allclose(
        features.features_of(outer, True).of(images)[1], features.features_of(body, True).of(2 * images - 1)[1],
        rtol=1e-4, atol=1e-5,
    )  # fmt: skip
    named = features.features_of(body, True, ["c", "a"]).of(images)
    assert [part.shape[1] for part in named] == [16, 4]
    detector = detector_of(body, images, None)
    assert detector.method_ == "neighbors"  # its output is a vector
    assert detector_of(keras.Model(body.inputs[0], body.get_layer("b").output), images, None).method_ == "patches"


def test_a_network_of_keras_applications():
    network = kg.tasks.application("mobilenet_v2", image_size=64, weights=None)
    gray = RNG.random((3, 20, 24, 1), dtype="float32")
    found = features.features_of(network, True).of(gray)
    assert [part.shape[1:3] for part in found] == [(16, 16), (8, 8)]  # of 32, 16, 8 and 4
    inside = network.get_layer("levels").output  # 255 x, of the size that was asked for
    assert keras.Model(network.inputs[0], inside)(np.repeat(gray, 3, -1)).shape == (3, 64, 64, 3)
    for options, sentence in (
        ({"name": "lenet"}, "one of keras.applications.*mobilenetv2.*'lenet'"),
        ({"name": "mobilenet_v2", "image_size": 16}, "at least 32. Received: image_size=16"),
        ({"name": "mobilenet_v2", "weights": "no_such.h5"}, "could not be had.*Without a download.*no_such.h5"),
    ):
        with pytest.raises(ValueError, match=sentence):
            kg.tasks.application(**options)


def test_oriented_gradients_by_hand():
    """An edge of one direction answers in that direction alone; colours stand beside where they are asked for."""
    images = np.zeros((1, 32, 32, 3), "float32")
    images[:, :, 16:] = 0.5  # brighter to the right
    found = features.features_of(kg.tasks.oriented_gradients((32, 32, 3), 4), True).of(images)[0]
    by_hand = np.zeros((8, 8, 5))
    by_hand[..., 4] = 0.1
    by_hand[:, 3:5, 0] = 0.25**0.5 * 0.5  # a slope of 0.25 in one column of a cell's four
    np.testing.assert_allclose(found[0, 1:-1], by_hand[1:-1], atol=1e-3)
    network = kg.tasks.oriented_gradients((64, 64, 3), 4, colour=2.0)
    maps = features.features_of(network, True).of(RNG.random((2, 64, 64, 3), dtype="float32"))
    assert [part.shape[1:] for part in maps] == [(16, 16, 8), (8, 8, 8)]
    assert network.output_shape == (None, 8 * 8 * 8)
    np.testing.assert_allclose(network(np.ones((1, 64, 64, 3))).numpy().reshape(8, 8, 8)[..., 5:], 2.0, rtol=1e-5)
    with pytest.raises(ValueError, match="height.*at least 8"):
        kg.tasks.oriented_gradients((4, 32, 1))


# === Heat maps ===


def test_heat_maps_are_hot_where_something_was_changed(autoencoder, data):
    _, normal, _ = data
    changed = normal[:5].copy()
    changed[:, 6:, :2] = 1.0  # the lower left corner, dark in a zero
    for model, method, row, column in ((autoencoder, "reconstruction", 6, 2), (quarters, "gaussian", 4, 4)):
        detector = detector_of(model, normal, method)
        heat = detector.heatmap(changed)
        assert heat.shape == (5, 8, 8, 1)
        assert heat.min() >= 0
        np.testing.assert_allclose(
            detector.heatmap(changed[2:3]), heat[2:3], rtol=1e-4
        )  # not on the scale of the batch
        for one in heat[..., 0]:
            found = np.unravel_index(one.argmax(), one.shape)
            assert found[0] >= row
            assert found[1] < column
        assert (heat.max(axis=(1, 2, 3)) > detector.pixel_threshold_).all()
        unusual = (detector.heatmap(normal) > detector.pixel_threshold_).any(axis=(1, 2, 3)).mean()
        assert unusual <= 0.1


def test_small_defects_are_found_by_default(autoencoder, data):
    _, normal, _ = data
    defective = normal.copy()
    defective[:, 3:5, 3:5] = 0.6
    areas = {}
    for pooling in (None, "mean"):
        detector = detector_of(autoencoder, normal, pooling=pooling)
        areas[pooling] = kg.evaluation.roc(detector.score_samples(normal), detector.score_samples(defective))
    assert areas[None] > areas["mean"]


# === Files ===


def test_a_detector_is_saved_without_pickle(autoencoder, data, tmp_path):
    _, normal, other = data
    network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(3, 3, 2, "same")])
    for model, method in (
        (autoencoder, "reconstruction"), (autoencoder, "latent"), (network, "patches"), (network, "gaussian"),
        (quarters, "neighbors"),
    ):  # fmt: skip
        detector = detector_of(model, normal, method)
        path = detector.save(tmp_path / "detector.zip")
        loaded = kg.tasks.AnomalyDetector.load(path, **({"extractor": quarters} if model is quarters else {}))
        np.testing.assert_allclose(loaded.score_samples(other), detector.score_samples(other), rtol=1e-5)
        assert loaded.threshold_ == detector.threshold_
        assert loaded.pixel_threshold_ == detector.pixel_threshold_
        np.testing.assert_array_equal(loaded.normal_scores_, detector.normal_scores_)
        if detector.pixel_threshold_ is not None:
            np.testing.assert_allclose(loaded.heatmap(other[:2]), detector.heatmap(other[:2]), rtol=1e-4)
    with pytest.raises(ValueError, match="test_anomaly:quarters, which a file cannot hold"):
        kg.tasks.AnomalyDetector.load(path)
    rows = kg.tasks.AnomalyDetector().fit(RNG.random((30, 3)))
    loaded = kg.tasks.AnomalyDetector.load(rows.save(tmp_path / "rows.zip"))
    assert loaded.predict(np.full((1, 3), 9.0)) == -1


def test_a_hostile_file_runs_nothing(tmp_path):
    detector = kg.tasks.AnomalyDetector().fit(RNG.random((30, 3)))
    path = detector.save(tmp_path / "detector.zip")
    with zipfile.ZipFile(path) as file:
        settings, arrays = json.loads(file.read("detector.json")), file.read("arrays.npz")

    def written(settings, arrays=arrays):
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("detector.json", settings if isinstance(settings, str) else json.dumps(settings))
            file.writestr("arrays.npz", arrays)
        return path

    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, memory=np.array([print], object))
    for changed, sentence in (
        ((settings, pickled.read_bytes()), "not a detector|Object arrays cannot be loaded"),
        (("no JSON",), "not a detector"),
        (({**settings, "format": 99},), "its format is 99"),
        (({**settings, "parameters": {"surprise": 1}},), "not a detector.*surprise"),
        (({**settings, "model": {"kind": "function", "name": "os:system"}},), "os:system, which a file cannot hold"),
    ):
        with pytest.raises(ValueError, match=sentence):
            kg.tasks.AnomalyDetector.load(written(*changed))
    code = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Lambda(lambda x: x[:, ::2])])
    with_code = detector_of(code, RNG.random((30, 8, 8, 1)), "neighbors").save(tmp_path / "code.zip")
    with pytest.raises(ValueError, match="The network in this file cannot be loaded.*code.zip"):
        kg.tasks.AnomalyDetector.load(with_code)
    with pytest.raises(FileNotFoundError, match="one that is shipped"):
        kg.tasks.AnomalyDetector.load("nothing")
    with pytest.raises(ValueError, match="ends in .zip"):
        detector.save(tmp_path / "detector.pkl")


# === Folders ===


def test_a_folder(autoencoder, data, tmp_path):
    _, normal, other = data
    for i in range(3):
        kg.images.save_image(normal[i], tmp_path / f"in/normal/{i}.png")
        kg.images.save_image(other[i], tmp_path / f"in/other/{i}.png")
    detector = detector_of(autoencoder, normal, false_alarms=0.05)
    total, found = kg.tasks.detect_folder(detector, tmp_path / "in", tmp_path / "report", verbose=0)
    with open(tmp_path / "report/scores.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert total == len(rows) == 6
    assert found == sum(int(row["anomaly"]) for row in rows) == 3
    assert {row["file"].split("/")[0] for row in rows[:3]} == {"other"}
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores)
    assert all(float(row["threshold"]) == pytest.approx(detector.threshold_, rel=1e-4) for row in rows)
    assert kg.images.provenance(tmp_path / "report/worst.png")["model"] == "Autoencoder"
    assert (tmp_path / "report/histogram.png").is_file()
    metrics = json.loads((tmp_path / "report/metrics.json").read_text())
    assert metrics["image_auroc"] == metrics["found"] == 1.0
    with pytest.raises(FileExistsError, match="report cannot be overwritten"):
        kg.tasks.detect_folder(detector, tmp_path / "in", tmp_path / "report", verbose=0)


def test_masks_give_the_auroc_of_pixels(data, tmp_path):
    """MVTec's layout: what lies in test is judged, ground_truth holds masks of the same crop and size."""
    _, normal, _ = data
    defective, mask = normal[:4].copy(), np.zeros((8, 8, 1), "float32")
    defective[:, :4, :4], mask[:4, :4] = 1.0, 1.0
    for i in range(4):
        kg.images.save_image(normal[i], tmp_path / f"train/good/{i}.png")
        kg.images.save_image(normal[10 + i], tmp_path / f"test/good/{i}.png")
        kg.images.save_image(defective[i], tmp_path / f"test/hole/{i}.png")
        kg.images.save_image(mask, tmp_path / f"ground_truth/hole/{i}_mask.png")
    detector = detector_of(quarters, normal, "gaussian")
    assert kg.tasks.detect_folder(detector, tmp_path, tmp_path / "report", verbose=0)[0] == 8
    metrics = json.loads((tmp_path / "report/metrics.json").read_text())
    heat = np.concatenate([detector.heatmap(part) for part in (normal[10:14], defective)])
    is_odd = np.concatenate([np.zeros((4, 8, 8, 1)), np.tile(mask, (4, 1, 1, 1))]) > 0
    assert metrics["pixel_auroc"] == pytest.approx(kg.evaluation.roc(-heat[~is_odd], -heat[is_odd]), abs=0.01)
    kg.tasks.detect_folder(detector, tmp_path / "test", tmp_path / "again", verbose=0)  # the folder of the split alone
    assert json.loads((tmp_path / "again/metrics.json").read_text()) == metrics


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda m, x: detector_of(m, x, "surprise"), "method.*surprise"),
        (
            lambda m, x: detector_of(m, x, "critic"),
            "that Autoencoder gives: reconstruction, likelihood, latent, neig",
        ),
        (lambda m, x: detector_of(quarters, x, "latent"), "one that quarters gives: neighbors, gaussian, patches"),
        (lambda m, x: detector_of(m, x, "patches"), "need feature maps.*encoder='conv'.*Received: Autoencoder"),
        (lambda m, x: detector_of(lambda x: x[:, 0, :, 0], x, "patches"), r"need feature maps.*shape \(\d+, 8\)"),
        (lambda m, x: detector_of(m, x, false_alarms=0), "between 0 and 1.*Received: 0"),
        (lambda m, x: detector_of(m, x, relative="size"), "relative.*size"),
        (lambda m, x: detector_of(m, x, "latent", blur=1), "need method='reconst.*method='latent'"),
        (lambda m, x: detector_of(m, x, "latent", pooling="max"), "`pooling` of method='latent'.*pooling='max'"),
        (lambda m, x: detector_of(m, x, pooling=0.05), "pooling.*0.05"),
        (lambda m, x: detector_of(m, x, blur=-1), "at least 0. Received: blur=-1"),
        (lambda m, x: detector_of(m, x, coreset=0), "above 0, up to 1. Received: coreset=0"),
        (lambda m, x: detector_of(m, x[:5]), "at least 9 normal examples.*--normal FOLDER.*Received: n_samples=5"),
        (lambda m, x: detector_of(m, np.where(x > 0.99, np.nan, x)), "finite.*NaN.*Received: [1-9]"),
        (lambda m, x: detector_of(m, x).score_samples(np.where(x > 0.99, np.inf, x)), "finite.*infinite"),
        (lambda m, x: detector_of(quarters, x, None).score_samples(x[:, :4]), r"\(8, 8, 1\).*shape=\(\d+, 4, 8, 1\)"),
        (lambda m, x: detector_of(None, x[:, 0, :, 0], "neighbors").heatmap(x[:, 0, :, 0]), r"shape \(8,\)"),
    ],
)
def test_wrong_calls_are_sentences(autoencoder, data, make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make(autoencoder, data[1])


# === Fakes ===


def test_a_detector_of_fakes_knows_what_it_has_seen():
    rng = np.random.default_rng(0)
    real = kg.data.stack(kg.data.load("digits", shuffle=False))
    flipped, noise = real[:, :, ::-1], rng.random((300, 8, 8, 1), dtype="float32")
    seen = kg.tasks.FakeDetector((8, 8, 1), epochs=8).fit(real[:500], flipped[500:900], verbose=0)
    area = kg.evaluation.roc(seen.score_samples(real[1000:]), seen.score_samples(flipped[1000:]))
    assert area > 0.9
    assert (seen.predict(flipped[1000:]) == -1).mean() > 0.7
    assert (seen.predict(real[1000:]) == 1).mean() > 0.7
    unseen = kg.tasks.FakeDetector((8, 8, 1), epochs=8).fit(real[:500], noise, verbose=0)
    assert kg.evaluation.roc(unseen.score_samples(real[1000:]), unseen.score_samples(flipped[1000:])) < 0.75


def test_a_detector_of_fakes_is_repeatable_and_leaves_the_generators_alone(data):
    found = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        detector = kg.tasks.FakeDetector((8, 8, 1), epochs=2)
        state = np.random.get_state()[1].copy()
        detector.fit(data[0], data[2], verbose=0)
        np.testing.assert_array_equal(np.random.get_state()[1], state)
        found.append(detector.score_samples(data[1]))
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-4)


def test_values_between_two_levels_do_not_give_a_fake_away():
    """Real images as files hold them, against the same with less than a level of noise."""
    rng = np.random.default_rng(0)
    real = np.rint(255 * kg.data.stack(kg.data.load("digits", shuffle=False))) / 255
    between = np.clip(real + rng.uniform(-0.45, 0.45, real.shape) / 255, 0, 1).astype("float32")
    detector = kg.tasks.FakeDetector((8, 8, 1), epochs=1).fit(real[:300], between[300:600], verbose=0)
    np.testing.assert_array_equal(detector.score_samples(between), detector.score_samples(real))


def test_few_real_images_weigh_as_much_as_many_generated_ones():
    """Of like data the logit is 0 at best: the log of a ratio of densities, not of numbers."""
    x = np.random.default_rng(0).standard_normal((2200, 3)).astype("float32")
    detector = kg.tasks.FakeDetector((3,), epochs=3).fit(x[:200], x[200:], verbose=0)
    assert abs(detector.score_samples(x).mean()) < 0.5  # log(200 / 2000) is -2.3


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda x: x[:5], "at least 20 examples of each kind. Received: 5 generated"),
        (lambda x: x[:, :7], r"must be \(N, \*\(8, 8, 1\)\). Received: generated"),
        (lambda x: x * 2, r"in \[0, 1\]. Received: generated ones from 0 to 2"),
        (lambda x: x * np.nan, "finite. Received: generated"),
    ],
)
def test_wrong_fakes_are_sentences(data, change, sentence):
    x, detector = data[2], kg.tasks.FakeDetector((8, 8, 1))
    with pytest.raises(ValueError, match=sentence):
        detector.fit(x, change(x), verbose=0)
    with pytest.raises(ValueError, match="before fit"):
        detector.score_samples(x)
