"""How well the units of a code follow the factors that made the images, (N, D) codes against (N, K) true factors."""

from typing import NamedTuple

import numpy as np

from keras_gen.core import check_whole

MIN_CODES = 100  # codes below which none of the metrics means anything
DEAD = 0.05  # standard deviation over that of the liveliest unit, below which a unit says nothing (Kim and Mnih)


class DCI(NamedTuple):
    """Disentanglement, completeness and informativeness.

    Args:
        disentanglement: 1 where each unit matters to one factor, 0 where it matters to all equally; units are weighted
            by importance.
        completeness: 1 where each factor is in one unit.
        informativeness: held-out accuracy, or R^2 of a continuous factor, of the predictions; mean over the factors.
    """

    disentanglement: float
    completeness: float
    informativeness: float


def mutual_information_gap(codes: np.ndarray, factors: np.ndarray, bins: int = 20) -> float:
    """MIG: how much more information the best unit has about a factor than the second best.

        mean_k (I(z_best; v_k) - I(z_second; v_k)) / H(v_k)

    Codes, and factors of more than `bins` values, are cut into bins of equal width.

    Args:
        codes: (N, D), at least two units.
        factors: (N, K).
        bins: how many.

    Returns:
        float in [0, 1].

    Raises:
        ValueError: if there are fewer than 100 codes, they do not match, or a factor is constant.

    Reference:
        Chen et al. 2018, "Isolating sources of disentanglement in variational autoencoders", section 4.1.
    """
    from sklearn.metrics import mutual_info_score

    codes, factors = _checked(codes, factors)
    check_whole(2, bins=bins)
    binned_codes = [_binned(unit, bins) for unit in codes.T]
    gaps = []
    for factor in factors.T:
        binned = _binned(factor, bins)
        known = np.sort([mutual_info_score(unit, binned) for unit in binned_codes])
        gaps.append((known[-1] - known[-2]) / mutual_info_score(binned, binned))
    return float(np.mean(gaps))


def sap(codes: np.ndarray, factors: np.ndarray, seed: int = 0) -> float:
    """SAP: the gap between the best and the second best unit at predicting a factor alone, mean over the factors.

    By R^2 of a line for a continuous factor, by held-out accuracy of a threshold for one of at most ten values.

    Args:
        codes: (N, D), at least two units.
        factors: (N, K).
        seed: of the split into training and held-out codes.

    Returns:
        float in [0, 1].

    Raises:
        ValueError: as `mutual_information_gap`.

    Reference:
        Kumar, Sattigeri and Balakrishnan 2018, "Variational inference of disentangled latent concepts from unlabeled
        observations", section 3.
    """
    codes, factors = _checked(codes, factors)
    gaps = []
    for factor in factors.T:
        scores = np.sort([_alone(unit[:, None], factor, seed) for unit in codes.T])
        gaps.append(scores[-1] - scores[-2])
    return float(np.mean(gaps))


def _alone(unit, factor, seed):
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import train_test_split
    from sklearn.tree import DecisionTreeClassifier

    if not _is_discrete(factor):
        return max(0.0, LinearRegression().fit(unit, factor).score(unit, factor))
    train, test, known, asked = train_test_split(unit, factor, test_size=0.5, random_state=seed, stratify=factor)
    # The thresholds of a tree stand for the paper's linear classifier, which is none for a factor of many classes.
    tree = DecisionTreeClassifier(max_leaf_nodes=2 * len(np.unique(factor)), class_weight="balanced", random_state=seed)
    return tree.fit(train, known).score(test, asked)


def dci(codes: np.ndarray, factors: np.ndarray, seed: int = 0) -> DCI:
    """Disentanglement, completeness, informativeness, by the importances of boosted trees that predict each factor.

    With R_dk the importance of unit d for factor k: disentanglement of a unit is 1 - H_K(R_d. / sum_k R_dk), with
    the entropy to the base K, and completeness of a factor 1 - H_D(R_.k / sum_d R_dk).

    Args:
        codes: (N, D), at least two units.
        factors: (N, K), at least two.
        seed: of the trees and of the held-out half.

    Returns:
        A `DCI`.

    Raises:
        ValueError: as `mutual_information_gap`, or if there is one factor only.

    Reference:
        Eastwood and Williams 2018, "A framework for the quantitative evaluation of disentangled representations".
    """
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
    from sklearn.model_selection import train_test_split

    codes, factors = _checked(codes, factors)
    if factors.shape[1] < 2:
        raise ValueError(f"Disentanglement needs two factors or more, to tell apart. Received: {factors.shape[1]}")
    importances, scores = [], []
    for factor in factors.T:
        discrete = _is_discrete(factor)
        train, test, known, asked = train_test_split(
            codes, factor, test_size=0.5, random_state=seed, stratify=factor if discrete else None
        )
        kind = GradientBoostingClassifier if discrete else GradientBoostingRegressor
        model = kind(n_estimators=20, max_depth=3, random_state=seed).fit(train, known)
        importances.append(model.feature_importances_)
        scores.append(max(0.0, model.score(test, asked)))
    importance = np.array(importances).T  # (D, K)
    of_units = 1 - _entropy(importance, axis=1)
    of_factors = 1 - _entropy(importance, axis=0)
    weights = importance.sum(axis=1) / importance.sum()
    return DCI(float(np.sum(weights * of_units)), float(np.mean(of_factors)), float(np.mean(scores)))


def _entropy(importance, axis):
    """Of the importances along an axis, to the base of their number; 1 where there are none."""
    count = importance.shape[axis]
    total = importance.sum(axis=axis, keepdims=True)
    p = np.where(total > 0, importance / np.maximum(total, 1e-12), 1 / count)
    return -np.sum(p * np.log(np.maximum(p, 1e-12)), axis=axis) / np.log(count)


def factor_vae_score(
    codes: np.ndarray, factors: np.ndarray, votes: int = 800, group: int = 64, bins: int = 10, seed: int = 0
) -> float:
    """FactorVAE score: one factor is fixed, and the unit that varies least, relative to its spread, votes for it.

    Each group of codes is sampled where the fixed factor is in one bin. The majority of the votes assigns each unit
    a factor; the score is the accuracy on other votes.

    Args:
        codes: (N, D).
        factors: (N, K).
        votes: groups to learn from, and as many to be judged by.
        group: codes in each.
        bins: of equal count that a continuous factor is cut into.
        seed: of the groups.

    Returns:
        float: 1 at best, about 1 / K by chance.

    Raises:
        ValueError: as `mutual_information_gap`.

    Reference:
        Kim and Mnih 2018, "Disentangling by factorising", section 4 and appendix B.
    """
    codes, factors = _checked(codes, factors, fewest_units=1)
    check_whole(1, votes=votes)
    check_whole(2, group=group, bins=bins)
    rng = np.random.default_rng(seed)
    spread = codes.std(axis=0)
    alive = spread > DEAD * spread.max()
    scaled = codes[:, alive] / spread[alive]
    held = [_groups(factor, bins) for factor in factors.T]
    table = np.zeros((2, scaled.shape[1], factors.shape[1]), "int64")  # learning and judging; unit; factor
    for part in table:
        for _ in range(votes):
            k = rng.integers(factors.shape[1])
            members = held[k][rng.integers(len(held[k]))]
            variance = scaled[rng.choice(members, group)].var(axis=0)
            part[np.argmin(variance), k] += 1
    named = table[0].argmax(axis=1)
    return float(table[1][np.arange(len(named)), named].sum() / votes)


def _groups(factor, bins):
    """Indices of the codes of each value, or of each bin of equal count."""
    if _is_discrete(factor):
        return [np.flatnonzero(factor == value) for value in np.unique(factor)]
    return np.array_split(np.argsort(factor, kind="stable"), bins)


def _is_discrete(factor):
    return len(np.unique(factor)) <= 10


def _binned(values, bins):
    """Whole numbers: values as they are where there are few, else bins of equal width."""
    unique, places = np.unique(values, return_inverse=True)
    if len(unique) <= bins:
        return places
    return np.digitize(values, np.linspace(values.min(), values.max(), bins + 1)[1:-1])


def _checked(codes, factors, fewest_units=2):
    codes, factors = np.asarray(codes, "float64"), np.asarray(factors, "float64")
    factors = factors[:, None] if factors.ndim == 1 else factors
    if codes.ndim != 2 or factors.ndim != 2 or len(codes) != len(factors) or codes.shape[1] < fewest_units:
        raise ValueError(
            f"Codes must be (N, D) of {fewest_units} units or more, and factors (N, K) of the same images. "
            f"Received: codes.shape={codes.shape}, factors.shape={factors.shape}"
        )
    if len(codes) < MIN_CODES:
        raise ValueError(f"Disentanglement needs at least {MIN_CODES} codes. Received: {len(codes)}")
    if not (np.isfinite(codes).all() and np.isfinite(factors).all()):
        raise ValueError("Codes and factors must be finite. Received: infinities or NaN")
    constant = np.flatnonzero(np.ptp(factors, axis=0) == 0)
    if len(constant):
        raise ValueError(
            "Each factor must change: a constant one cannot be found in codes, so leave it out. "
            f"Received: constant columns {constant.tolist()}"
        )
    return codes, factors
