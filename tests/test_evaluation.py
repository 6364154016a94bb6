"""Figures on features and codes, against brute force, scipy and codes whose score is known."""

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
    assert found.error == pytest.approx(0, abs=1e-9)


def test_kernel_distance_of_like_and_unlike():
    x = features(2000)
    like = EVALUATION.kernel_distance(x[:1000], x[1000:], subsets=20, subset_size=500)
    unlike = EVALUATION.kernel_distance(x, features(1000, 1, scale=2.0), subsets=20, subset_size=500)
    assert abs(like.value) < 6 * like.error + 0.02
    assert unlike.value > 20 * unlike.error


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
    monkeypatch.setattr("keras_gen.evaluation.fidelity.MEGABYTES", 0.1)
    assert EVALUATION.precision_recall(real, generated) == whole


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
        (features(200), np.ones((200, 2)), r"constant \[0, 1\]"),
    ],
)
def test_wrong_codes_are_sentences(codes, values, sentence):
    for figure in (EVALUATION.mutual_information_gap, EVALUATION.sap, EVALUATION.dci):
        with pytest.raises(ValueError, match=sentence):
            figure(codes, values)
