"""Figures on features and codes, against brute force, scipy and codes whose score is known."""

import importlib
import re

import keras
import numpy as np
import pytest
from scipy.linalg import hadamard, sqrtm
from scipy.spatial.distance import cdist

import keras_gen as kg

EVALUATION = kg.evaluation


def features(count, seed=0, dimensions=6, scale=1.0, shift=0.0):
    return shift + scale * np.random.default_rng(seed).standard_normal((count, dimensions))


# === Fidelity ===


def test_kernel_distance_is_the_unbiased_one():
    x, y = features(40), features(40, 1, shift=0.5)
    k = lambda a, b: (a @ b / len(a) + 1) ** 3  # noqa: E731
    pairs = [(i, j) for i in range(40) for j in range(40)]
    own = sum(np.mean([k(z[i], z[j]) for i, j in pairs if i != j]) for z in (x, y))
    expected = own - 2 * np.mean([k(x[i], y[j]) for i, j in pairs])
    found = EVALUATION.kernel_distance(x, y, subsets=2, subset_size=40)  # all of both, in another order
    assert found.value == pytest.approx(expected, rel=1e-9)
    assert np.isnan(found.error)  # of a subset that is the whole nothing is known


def test_kernel_distance_of_like_and_unlike():
    x = features(2000)
    like = EVALUATION.kernel_distance(x[:1000], x[1000:], subsets=20, subset_size=500)
    unlike = EVALUATION.kernel_distance(x, features(1000, 1, scale=2.0), subsets=20, subset_size=500)
    assert abs(like.value) < 3 * like.error
    assert unlike.value > 10 * unlike.error


@pytest.mark.parametrize(
    ("size", "scale", "least", "most"), [(50, 1.3, 0.75, 1.35), (100, 1.3, 0.75, 1.35), (100, 1.0, 1, 3)]
)
def test_the_error_of_the_kernel_distance_is_that_of_new_images(size, scale, least, most):
    """Against the spread of the distance over independent draws of all images."""
    found = [
        EVALUATION.kernel_distance(features(200, 2 * i), features(200, 2 * i + 1, scale=scale), 40, size, seed=i)
        for i in range(60)
    ]
    spread = np.std([one.value for one in found])
    assert least < np.mean([one.error for one in found]) / spread < most
    assert np.isnan(EVALUATION.kernel_distance(features(50), features(50, 1), 3, 50).error)
    assert np.isnan(EVALUATION.kernel_distance(features(50), features(50, 1), 1, 20).error)


def test_precision_recall_density_and_coverage_by_brute_force():
    real, generated, k = features(300), features(200, 1, scale=0.7, shift=0.3), 4
    real_radius = np.sort(cdist(real, real), axis=1)[:, k]
    generated_radius = np.sort(cdist(generated, generated), axis=1)[:, k]
    distances = cdist(real, generated)
    inside = distances <= real_radius[:, None]
    found = EVALUATION.precision_recall(real, generated, neighbors=k)
    assert found.precision == pytest.approx(inside.any(axis=0).mean())
    assert found.recall == pytest.approx((distances <= generated_radius).any(axis=1).mean())
    assert found.density == pytest.approx(inside.sum() / k / 200)
    assert found.coverage == pytest.approx(inside.any(axis=1).mean())


def test_parts_of_the_distances_make_the_whole(monkeypatch):
    real, generated = features(900), features(800, 1, shift=0.4)
    whole = EVALUATION.precision_recall(real, generated)
    module = importlib.import_module("keras_gen.evaluation.fidelity")  # of which the package shows the function
    monkeypatch.setattr(module, "MEGABYTES", 0.1)
    # Products of matrices of other sizes are rounded otherwise, so a distance on the edge may change sides.
    np.testing.assert_allclose(EVALUATION.precision_recall(real, generated), whole, atol=0.005)


def test_one_mode_of_two_has_precision_without_recall():
    real = np.concatenate([features(300), features(300, 1, shift=20)])
    found = EVALUATION.precision_recall(real, features(300, 2))
    assert found.precision > 0.9
    assert found.recall < 0.55
    assert found.coverage < 0.55


def test_frechet_distance_against_scipy():
    x, y = features(500), features(400, 1, scale=0.5, shift=1.0)
    s, t = np.cov(x.T), np.cov(y.T)
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(s + t - 2 * sqrtm(s @ t).real)
    assert EVALUATION.frechet_distance(x, y) == pytest.approx(expected, rel=1e-6)
    assert EVALUATION.frechet_distance(x, x) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: EVALUATION.kernel_distance(features(10), features(30)), "at least 1000 features.*Received: 10 real"),
        (lambda: EVALUATION.precision_recall(features(30), features(5)), "at least 6 features.*Received: 5 generated"),
        (lambda: EVALUATION.precision_recall(features(30), features(30), 0), "neighbors=0"),
        (lambda: EVALUATION.frechet_distance(features(30), features(30, dimensions=3)), r"\(30, 6\).*\(30, 3\)"),
        (lambda: EVALUATION.frechet_distance(np.ones((9, 3)), features(9, dimensions=3)), "constant features"),
        (lambda: EVALUATION.frechet_distance(features(9) * np.nan, features(9)), "infinities or NaN"),
    ],
)
def test_wrong_features_are_sentences(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


@pytest.fixture(scope="module")
def digits():
    x, y = kg.data.stack(kg.data.load("digits", labels=True, shuffle=False))
    return x, y, EVALUATION.classifier_features(x, y, epochs=8, verbose=0)


def test_features_of_a_classifier(digits):
    x, y, found = digits
    assert found(x[:3]).shape == (3, 64)
    assert (found.probabilities(x).argmax(axis=1) == y).mean() > 0.8
    accuracy = float(re.search(r"of 10 classes, held-out accuracy ([\d.]+)%", found.name)[1])
    assert 80 < accuracy <= 100
    again = EVALUATION.classifier_features(x, y, epochs=8, verbose=0)
    np.testing.assert_allclose(again(x[:3]), found(x[:3]), rtol=1e-4, atol=1e-4)
    shares, confidence = EVALUATION.class_histogram(x[y == 3], found)
    assert shares.argmax() == 3
    assert shares.sum() == pytest.approx(1)
    assert 0.5 < confidence < 1


def test_fidelity_has_a_floor_and_a_control(digits):
    x, _, found = digits
    real, others = x[:700], x[700:1000]
    good = EVALUATION.fidelity(others, real, found)
    assert (good["size"], good["features"]) == (300, found.name)
    assert good["generated"]["precision"] == pytest.approx(good["floor"]["precision"], abs=0.05)
    bad = EVALUATION.fidelity(np.clip(others + 0.5, 0, 1), real, found)
    for name, better in (("kernel_distance", -1), ("frechet_distance", -1), ("recall", 1), ("coverage", 1)):
        assert better * good["generated"][name] > better * bad["generated"][name], name
        assert better * good["floor"][name] > better * good["control"][name], name
    assert EVALUATION.fidelity(others, real, found) == good


def test_nearest_finds_copies(digits):
    x, _, found = digits
    copied = x[[5, 700, 31]]
    for measure in (None, found):
        indices, distances = EVALUATION.nearest(copied, x, measure)
        np.testing.assert_array_equal(indices, [5, 700, 31])
        np.testing.assert_allclose(distances, 0, atol=1e-2)


def test_fidelity_while_training(digits):
    x, _, found = digits
    model = kg.VAE((8, 8, 1), 2)
    model.compile()
    watch = kg.training.Fidelity(x[:300], found, every=2, size=100)
    stop = keras.callbacks.EarlyStopping("val_kernel_distance", mode="min", patience=10)
    history = model.fit(x[300:], epochs=3, verbose=0, callbacks=[watch, stop]).history
    figures = history["val_kernel_distance"]
    assert len(figures) == 2  # none in the first epoch; that of the second stands in the third
    assert figures[0] == figures[1]
    expected = EVALUATION.fidelity(model.sample(100, seed=0), x[:300], found)["generated"]
    watch.every = 1
    watch.on_epoch_end(3, logs := {})
    assert logs["val_kernel_distance"] == pytest.approx(expected["kernel_distance"])
    watch.set_model(kg.Pix2Pix((8, 8, 1), adversarial_weight=0))
    with pytest.raises(NotImplementedError, match="sample"):
        watch.on_train_begin()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x, y, f: EVALUATION.classifier_features(x, None), "labels=None"),
        (lambda x, y, f: EVALUATION.classifier_features(x, y[:5]), r"shape=\(5,\)"),
        (lambda x, y, f: EVALUATION.classifier_features(x, 0 * y), "two classes or more"),
        (lambda x, y, f: f(x[:, :4]), r"must be \(8, 8, 1\).*\(1437, 4, 8, 1\)"),
        (lambda x, y, f: EVALUATION.fidelity(x[:5], x, f), "at least 10 generated.*Received: 5 generated"),
    ],
)
def test_wrong_images_are_sentences(digits, call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call(*digits)


# === Disentanglement ===


def factors(count=3000):
    rng = np.random.default_rng(0)
    return np.stack([rng.integers(0, 5, count), *rng.uniform(-1, 1, (3, count))], axis=1)


def rotated(values):
    """Each unit hears of each factor alike."""
    return (values / values.std(axis=0)) @ hadamard(4) / 2


def perfect(values):
    """A unit for each factor, on scales of its own, and two that say nothing."""
    idle = 1e-3 * np.random.default_rng(2).standard_normal((len(values), 2))
    return np.concatenate([values * [1, 2, -3, 0.5], idle], axis=1)


def scores(codes, values):
    return {
        "mig": EVALUATION.mutual_information_gap(codes, values),
        "sap": EVALUATION.sap(codes, values),
        "factor": EVALUATION.factor_vae_score(codes, values),
        **EVALUATION.dci(codes, values)._asdict(),
    }


def test_codes_whose_disentanglement_is_known():
    values = factors()
    best, mixed = scores(perfect(values), values), scores(rotated(values), values)
    chance = scores(np.random.default_rng(3).standard_normal((len(values), 4)), values)
    assert min(best.values()) > 0.93
    assert max(chance[name] for name in ("mig", "sap", "disentanglement", "completeness", "informativeness")) < 0.1
    assert chance["factor"] == pytest.approx(1 / 4, abs=0.1)
    for name in ("mig", "sap", "disentanglement", "completeness"):
        assert mixed[name] < 0.2, name
    assert mixed["informativeness"] > 0.6  # all is there, in no unit alone


def test_mutual_information_gap_by_hand():
    """Of two fair bits, one known by a unit alone and the other by two: gaps of 1 and 0."""
    bits = np.array([[a, b] for a in (0, 1) for b in (0, 1)] * 50)
    codes = np.stack([bits[:, 0], bits[:, 1], bits[:, 1]], axis=1)
    assert EVALUATION.mutual_information_gap(codes, bits) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("codes", "values", "sentence"),
    [
        (features(50), factors(50), "at least 100 codes.*Received: 50"),
        (features(200), factors(150), r"codes.shape=\(200, 6\), factors.shape=\(150, 4\)"),
        (features(200)[:, :1], factors(200), r"2 units or more.*\(200, 1\)"),
        (features(200), np.ones((200, 2)), r"constant columns \[0, 1\]"),
    ],
)
def test_wrong_codes_are_sentences(codes, values, sentence):
    for figure in (EVALUATION.mutual_information_gap, EVALUATION.sap, EVALUATION.dci):
        with pytest.raises(ValueError, match=sentence):
            figure(codes, values)


# === Codes at work ===


def test_probes_of_codes_that_hold_the_class_and_of_codes_that_do_not():
    rng = np.random.default_rng(0)
    labels = np.arange(600) % 3
    held = np.eye(3)[labels] * 8 + rng.standard_normal((600, 3))
    found = EVALUATION.probe(held, labels) | EVALUATION.clustering(held, labels)
    assert min(found.values()) > 0.95, found
    nothing = EVALUATION.probe(rng.standard_normal((600, 3)), labels)
    assert all(0.2 < value < 0.47 for value in nothing.values()), nothing
    nothing = EVALUATION.clustering(rng.standard_normal((600, 3)), labels)
    assert nothing["kmeans_accuracy"] < 0.45
    assert abs(nothing["kmeans_ari"]) < 0.03
    assert nothing["mixture_nmi"] < 0.05


def test_a_ring_is_for_neighbors_and_not_for_a_line():
    """Held out: on the codes that it has seen a neighbor is always right."""
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    angle = rng.uniform(0, 2 * np.pi, 400)
    ring = (1 + 4 * labels)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    found = EVALUATION.probe(ring + 0.2 * rng.standard_normal((400, 2)), labels)
    assert found["nearest_neighbors"] > 0.95
    assert found["linear_probe"] < 0.65
    assert EVALUATION.probe(rng.standard_normal((400, 2)), labels, neighbors=1)["nearest_neighbors"] < 0.65


@pytest.mark.parametrize(
    ("codes", "labels", "sentence"),
    [
        (features(30), None, "judged by their classes"),
        (features(30), np.zeros(29, int), "a code and a whole label"),
        (features(30), np.arange(30) / 2, "labels of float64"),
        (features(30), np.arange(30) % 4, "at least 10 codes of each.*0: 8"),
        (features(30), np.zeros(30, int), "two classes or more"),
        (np.ones((30, 4)), np.arange(30) % 2, "Codes must differ"),
        (np.where(features(30) > 2, np.nan, 1.0), np.arange(30) % 2, "finite"),
    ],
)
def test_codes_that_cannot_be_judged(codes, labels, sentence):
    for figures in (EVALUATION.probe, EVALUATION.clustering):
        with pytest.raises(ValueError, match=sentence):
            figures(codes, labels)


def test_report_on_codes_and_samples(digits):
    """What the abilities and the inputs allow, and no more."""
    x, y, found = digits
    keras.utils.set_random_seed(0)
    model = kg.VAE((8, 8, 1), 4)
    model.compile()
    model.fit(x[:800], epochs=3, verbose=0)
    x, y = x[800:1300], y[800:1300]
    figures = EVALUATION.report(model, x, y, num_samples=2, features=found)
    codes = model.encode(x)
    expected = EVALUATION.probe(codes, y) | EVALUATION.clustering(codes, y)
    compared = EVALUATION.fidelity(model.sample(250, seed=0), x, found)
    for part, ending in (("generated", ""), ("floor", "_floor"), ("control", "_control")):
        expected |= {name + ending: value for name, value in compared[part].items()}
    for name, value in expected.items():  # codes of other batches differ in their last digits
        assert figures[name] == pytest.approx(value, rel=1e-2, abs=0.02), name
    assert figures["fidelity_features"] == found.name
    in_batches = kg.data.load("digits", labels=True, shuffle=False).take(2)
    assert "linear_probe" in EVALUATION.report(model, in_batches, num_samples=2)
    for labels in (None, np.zeros(500, int)):  # no classes
        assert not {"linear_probe", "kmeans_nmi", "precision"} & EVALUATION.report(model, x, labels, 2).keys()
    autoencoder = kg.Autoencoder((8, 8, 1), 4)  # does not sample
    assert "precision" not in EVALUATION.report(autoencoder, x, y, features=found)


def test_roc_is_the_share_of_pairs_in_order(tmp_path):
    rng = np.random.default_rng(0)
    normal, others = rng.integers(0, 8, 60).astype(float), rng.integers(-3, 5, 40).astype(float)
    pairs = (normal[:, None] > others).mean() + (normal[:, None] == others).mean() / 2
    assert EVALUATION.roc(normal, others) == pytest.approx(pairs)
    areas = EVALUATION.roc(normal, {"others": others, "alike": normal}, path=tmp_path / "roc.png")
    assert areas == {"others": pytest.approx(pairs), "alike": 0.5}
    assert (tmp_path / "roc.png").stat().st_size > 5000
    for wrong in (np.array([]), np.full(3, np.nan), np.ones((3, 2))):
        with pytest.raises(ValueError, match="Scores must be finite"):
            EVALUATION.roc(normal, wrong)


def test_dead_units_do_not_drown_the_others():
    rng = np.random.default_rng(0)
    labels = np.arange(600) % 2
    alive = 6.0 * labels[:, None] + rng.standard_normal((600, 2))
    codes = np.concatenate([alive, 1e-4 * rng.standard_normal((600, 30))], axis=1)
    found = EVALUATION.probe(codes, labels) | EVALUATION.clustering(codes, labels)
    assert min(found.values()) > 0.9, found


def test_report_looks_at_all_of_sorted_data(digits):
    """Real images as samples: by the first ones alone, which are zeros to fours, half of the samples would be false."""
    x, y, found = digits
    order = np.argsort(y, kind="stable")
    summary = importlib.import_module("keras_gen.evaluation.summary")

    class Real(kg.VAE):
        def sample(self, n, labels=None, seed=None):
            return x[np.random.default_rng(1).permutation(len(x))[:n]]

    model = Real((8, 8, 1), 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(summary, "FIDELITY_IMAGES", 250)
        patch.setattr(summary.probes, "MAX_CODES", 300)
        figures = EVALUATION.report(model, x[order], y[order], 2, features=found)
    assert figures["precision"] > 0.9
    assert figures["recall"] > 0.9
    assert "linear_probe" in figures


@pytest.mark.extended  # six seconds
def test_samples_beside_black_and_white_images_are_drawn(digits):
    """A model whose samples are the right probabilities is as good as real images, and gray ones are not."""
    x, _, found = digits
    binary = (np.random.default_rng(0).random(x.shape) < x).astype("float32")

    class Right(kg.VAE):
        def sample(self, n, labels=None, seed=None):
            return x[np.random.default_rng(1).permutation(len(x))[:n]]

    figures = EVALUATION.report(Right((8, 8, 1), 2), binary, None, 2, features=found)
    gray = EVALUATION.fidelity(x[1::2], binary, found)["generated"]
    assert figures["recall"] == pytest.approx(figures["recall_floor"], abs=0.05)
    assert gray["recall"] < figures["recall"] - 0.1


@pytest.mark.parametrize("labels", [np.full(40, -1), np.arange(40) / 3, np.ones((40, 1), int), np.arange(40)])
def test_report_leaves_out_what_it_cannot_judge(digits, labels):
    model = kg.VAE((8, 8, 1), 2)
    figures = EVALUATION.report(model, digits[0][:40], labels, 2)
    assert "linear_probe" not in figures
    assert figures["images"] == 40
    assert "precision" not in EVALUATION.report(model, digits[0][:19], None, 2, features=digits[2])


def test_what_is_chosen_is_a_fair_draw_in_order():
    chosen = importlib.import_module("keras_gen.evaluation.summary").Reservoir(100)
    for start in range(0, 3000, 30):
        chosen.add(np.arange(start, start + 30), -np.arange(start, start + 30))
    values, negative = chosen.all()
    assert len(values) == 100
    assert (np.diff(values) > 0).all()
    np.testing.assert_array_equal(values, -negative)
    assert np.histogram(values, 3, (0, 3000))[0].min() > 15  # of each third, by chance 33
    few = importlib.import_module("keras_gen.evaluation.summary").Reservoir(100)
    few.add(np.arange(40))
    np.testing.assert_array_equal(few.all()[0], np.arange(40))


def test_a_probe_may_learn_from_other_codes():
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    centers = rng.standard_normal((3, 4))
    (known, y), (asked, z) = (
        (centers[labels] + rng.standard_normal((len(labels), 4)), labels)
        for labels in (rng.integers(0, 3, 400), rng.integers(0, 3, 150))
    )
    found = EVALUATION.probe(asked, z, learn_from=(known, y))
    scaler = StandardScaler().fit(known)
    linear = LogisticRegression(max_iter=1000).fit(scaler.transform(known), y)
    assert found["linear_probe"] == pytest.approx(linear.score(scaler.transform(asked), z), abs=1e-9)
    assert found["nearest_neighbors"] == pytest.approx(KNeighborsClassifier(5).fit(known, y).score(asked, z), abs=1e-9)
    with pytest.raises(ValueError, match="at least 10 codes of each"):
        EVALUATION.probe(asked[:5], z[:5], learn_from=(known[:5], y[:5]))
