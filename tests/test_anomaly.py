"""Anomaly detection: scikit-learn's interface, thresholds, heat maps, folders."""

import csv

import keras
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import keras_gen as kg


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
    model.fit(data[0], epochs=60, verbose=0)
    return model


def detector_of(model, normal, score="reconstruction", false_alarms=0.1):
    return kg.tasks.AnomalyDetector(model, score, false_alarms).fit(normal)


@pytest.mark.parametrize("score", ["reconstruction", "likelihood", "latent"])
def test_anomalies_are_found(autoencoder, data, score):
    _, normal, other = data
    detector = detector_of(autoencoder, normal, score)
    assert (detector.predict(normal) == -1).mean() == pytest.approx(0.1, abs=1 / len(normal))
    assert (detector.predict(other) == -1).mean() > 0.9
    scores = detector.score_samples(other)
    np.testing.assert_array_equal(scores, detector.score_samples(other))
    np.testing.assert_allclose(detector.decision_function(other), scores - detector.threshold_)
    np.testing.assert_allclose(detector.score_samples(other[3:5]), scores[3:5], rtol=1e-4, atol=1e-4)


def test_scores_are_what_they_say(autoencoder, data):
    _, normal, other = data
    errors = ((other - autoencoder.reconstruct(other)) ** 2).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(detector_of(autoencoder, normal).score_samples(other), -errors, rtol=1e-4)
    found = detector_of(autoencoder, normal, "likelihood").score_samples(other)
    np.testing.assert_allclose(found, autoencoder.score(other), rtol=1e-5)


def test_other_models(data):
    _, normal, other = data
    for model, scores in (
        (kg.VAE((8, 8, 1), 2), ("reconstruction", "likelihood", "latent")),
        (kg.AdversarialAutoencoder((8, 8, 1), 2), ("reconstruction", "likelihood", "latent")),
        (kg.RBM((8, 8, 1), 5), ("reconstruction", "likelihood", "latent")),
        (kg.GAN((8, 8, 1), 4), ("likelihood", "critic")),
    ):
        for score in scores:
            found = detector_of(model, normal, score).score_samples(other[:5])
            assert found.shape == (5,)
            assert np.isfinite(found).all()


def test_scikit_learn_takes_it_for_one_of_its_own(autoencoder, data):
    _, normal, other = data
    detector = kg.tasks.AnomalyDetector(autoencoder, false_alarms=0.2)
    copy = clone(detector)
    assert copy.model is autoencoder
    assert copy.get_params() == detector.get_params()
    halves = make_pipeline(FunctionTransformer(lambda x: x / 2), copy).fit(2 * normal)
    np.testing.assert_array_equal(halves.predict(2 * other), detector.fit(normal).predict(other))
    np.testing.assert_array_equal(clone(detector).fit_predict(normal), detector.predict(normal))


def test_heat_maps_are_hot_where_something_was_changed(autoencoder, data):
    _, normal, _ = data
    changed = normal[:5].copy()
    changed[:, 6:, :2] = 1.0  # the lower left corner, dark in a zero
    heat = detector_of(autoencoder, normal).heatmap(changed, blur=0.5)
    assert heat.shape == (5, 8, 8, 1)
    assert heat.min() >= 0
    assert heat.max() == pytest.approx(1)
    for one in heat[..., 0]:
        row, column = np.unravel_index(one.argmax(), one.shape)
        assert row >= 6
        assert column < 2


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
    assert kg.images.provenance(tmp_path / "report/worst.png")["model"] == "Autoencoder"
    with pytest.raises(FileExistsError, match="report cannot be overwritten"):
        kg.tasks.detect_folder(detector, tmp_path / "in", tmp_path / "report", verbose=0)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda m, x: detector_of(m, x, "surprise"), "score='surprise'"),
        (lambda m, x: detector_of(m, x, "critic"), "one that Autoencoder gives: reconstruction, likelihood, latent"),
        (lambda m, x: detector_of(kg.GAN((8, 8, 1), 4), x), "one that GAN gives: likelihood, critic"),
        (lambda m, x: detector_of(m, x, false_alarms=0), "between 0 and 1.*Received: 0"),
        (lambda m, x: kg.tasks.AnomalyDetector(m, relative="size").fit(x), "relative='size'"),
        (lambda m, x: kg.tasks.AnomalyDetector(m, "latent", blur=1).fit(x), "need score='reconst.*score='latent'"),
        (lambda m, x: kg.tasks.AnomalyDetector(m, blur=-1).fit(x), "at least 0. Received: blur=-1"),
        (lambda m, x: detector_of(m, x[:5]), "at least 20 normal examples.*--normal FOLDER.*Received: 5"),
        (lambda m, x: detector_of(kg.Autoencoder((4,), 2), x[:, 0, :4, 0]).heatmap(x), r"data_shape=\(4,\)"),
    ],
)
def test_wrong_calls_are_sentences(autoencoder, data, make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make(autoencoder, data[1])


def test_relative_errors_by_hand(autoencoder, data):
    _, normal, other = data
    x, made = (np.stack([gaussian_filter(one, (0.8, 0.8, 0)) for one in part]).reshape(len(other), -1).astype("float64")
               for part in (other, np.asarray(autoencoder.reconstruct(other))))  # fmt: skip
    errors = ((x - made) ** 2).sum(axis=1)
    for relative, there in ((None, 1.0), ("energy", (x**2).sum(axis=1)), ("variation", x.shape[1] * x.var(axis=1))):
        detector = kg.tasks.AnomalyDetector(autoencoder, relative=relative, blur=0.8).fit(normal)
        np.testing.assert_allclose(detector.score_samples(other), -errors / there, rtol=1e-4)
        assert clone(detector).get_params() == detector.get_params()
    detector = kg.tasks.AnomalyDetector(autoencoder, relative="variation").fit(normal)
    assert np.isfinite(detector.score_samples(np.zeros((2, 8, 8, 1), "float32"))).all()


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
