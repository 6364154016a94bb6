"""How close rows of a made table are to those of a real one: by a classifier that tells them apart, and by column."""

from typing import Any, NamedTuple

import numpy as np

from keras_gen.core import check_whole
from keras_gen.table.order import is_ordered, on_axis

MAX_ROWS = 10_000  # of each table, that the classifier learns from
MAX_CATEGORIES = 250  # a tree takes no more of them as categories; further ones are told apart by their order only


class TwoSample(NamedTuple):
    """How well a classifier tells made rows from real ones.

    Args:
        auroc: mean over the folds; 0.5 where it cannot, 1 where it always can. Clearly below 0.5, rows of one table
            are copies of rows of the other.
        error: the standard deviation over the folds over the root of their number. The folds share rows, so that it
            is somewhat too small.
    """

    auroc: float
    error: float


def two_sample(real, made, folds: int = 5, seed: int = 0) -> TwoSample:
    """Classifier two-sample test: the held-out AUROC of gradient-boosted trees that tell made rows from real ones.

    It sees all that a tree sees: each column, what is missing, and how columns depend on each other. Equally many rows
    of both are compared, at most 10,000. What was rounded in one table only gives that table away.

    Args:
        real, made: DataFrames of the same columns, in any order. `real` is best held out from what `made` learned.
        folds: of the cross-validation.
        seed: of the draw of rows, the folds and the trees.

    Returns:
        A `TwoSample`.

    Raises:
        ValueError: if the columns differ, or there are fewer rows than folds.

    Reference:
        Lopez-Paz and Oquab 2017, "Revisiting classifier two-sample tests".

    Example:
        >>> import pandas as pd
        >>> rng = np.random.default_rng(0)
        >>> one, same = (pd.DataFrame({"height": rng.normal(170, 9, 300)}) for _ in range(2))
        >>> taller = one + 9
        >>> kg.evaluation.two_sample(one, same).auroc < 0.6 < kg.evaluation.two_sample(one, taller).auroc
        True
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from threadpoolctl import threadpool_limits

    check_whole(2, folds=folds)
    made = _same_columns(real, made)
    count = min(len(real), len(made), MAX_ROWS)
    if count < folds:
        raise ValueError(f"There must be {folds} rows of each table. Received: {len(real)} and {len(made)} rows")
    rng = np.random.default_rng(seed)
    chosen = [table.iloc[rng.choice(len(table), count, replace=False)] for table in (real, made)]
    coded = [_codes(*(table[name] for table in chosen)) for name in real.columns]
    x, categorical = np.stack([codes for codes, _ in coded], axis=1), [is_category for _, is_category in coded]
    trees = HistGradientBoostingClassifier(categorical_features=categorical, early_stopping=False, random_state=seed)
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    with threadpool_limits(1):  # where others work too, threads wait for each other: 50 s in place of 1 s
        areas = cross_val_score(trees, x, np.repeat([0, 1], count), scoring="roc_auc", cv=split)
    return TwoSample(float(areas.mean()), float(areas.std(ddof=1) / np.sqrt(folds)))


def column_distances(real, made) -> dict[str, float]:
    """Distance of each column's distribution in two tables: 0 for equal ones, 1 for values that never meet.

    Of numbers and dates the Kolmogorov-Smirnov statistic, the largest difference of the two distribution functions, in
    which a missing value is smaller than all others; of categories and yes/no the total variation, half the sum of
    |p(value) - q(value)|, in which "missing" is a value. Two draws of n rows each from the same numbers are about
    1.2 / n^(1/2) apart.

    Args:
        real, made: DataFrames of the same columns, in any order.

    Returns:
        dict of column to distance, the largest first.

    Raises:
        ValueError: if the columns differ, or a table is empty.

    Example:
        >>> import pandas as pd
        >>> real = pd.DataFrame({"age": [20, 30, 40, 50], "team": ["a", "a", "b", "b"]})
        >>> made = pd.DataFrame({"age": [20, 30, 40, 50], "team": ["a", "a", "a", "b"]})
        >>> kg.evaluation.column_distances(real, made)
        {'team': 0.25, 'age': 0.0}
    """
    made = _same_columns(real, made)
    if not len(real) or not len(made):
        raise ValueError(f"There must be rows of both tables. Received: {len(real)} and {len(made)} rows")
    found = {name: _distance(real[name], made[name]) for name in real.columns}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def table_fidelity(real, made, seed: int = 0) -> dict[str, float]:
    """What `report` says of a table's samples: the distances above, and what stands beside them.

    Args:
        real, made: DataFrames of the same columns; `real` is best held out from what `made` learned.
        seed: of all draws.

    Returns:
        dict of `two_sample_auroc` with its `_error`, and the mean of the `column_distance`s and the largest of them,
        `worst_column_distance`; each with its `_floor`, of one half of the real rows beside the other, and the first
        with its `_shuffled`, of real rows whose columns were shuffled, each by itself: what a table scores in which
        every column is right and no column knows of another.
    """
    rng = np.random.default_rng(seed)
    half = rng.permutation(len(real))
    halves = real.iloc[half[: len(half) // 2]], real.iloc[half[len(half) // 2 :]]
    shuffled = real.copy()
    for name in real.columns:
        shuffled[name] = real[name].to_numpy()[rng.permutation(len(real))]
    metrics: dict[str, float] = {}
    for ending, pair in {"": (real, made), "_floor": halves, "_shuffled": (real, shuffled)}.items():
        auroc, error = two_sample(*pair, seed=seed)
        metrics |= {"two_sample_auroc" + ending: auroc, "two_sample_auroc_error" + ending: error}
        if ending != "_shuffled":
            distances = list(column_distances(*pair).values())
            metrics |= {"column_distance" + ending: float(np.mean(distances))}
            metrics |= {"worst_column_distance" + ending: max(distances)}
    return metrics


def _same_columns(real, made) -> Any:
    """`made` with its columns in the order of `real`."""
    unequal = set(real.columns) ^ set(made.columns)
    if unequal or real.columns.has_duplicates or made.columns.has_duplicates:
        raise ValueError(
            "Both tables must have the same columns, each once. "
            f"Received: {'in one only: ' + ', '.join(map(str, sorted(unequal, key=str))) if unequal else 'one twice'}"
        )
    return made[real.columns]


def _distance(real, made) -> float:
    from scipy.stats import ks_2samp

    if is_ordered(real) and is_ordered(made):
        both = (np.where(np.isnan(numbers), -np.inf, numbers) for numbers in map(on_axis, (real, made)))
        return float(ks_2samp(*both, method="asymp").statistic)
    codes, values = _factorized(real, made)
    shares = [np.bincount(part + 1, minlength=len(values) + 1) / len(part) for part in np.split(codes, [len(real)])]
    return float(0.5 * np.abs(shares[0] - shares[1]).sum())


def _factorized(real, made) -> tuple[np.ndarray, Any]:
    """One column of both tables, below each other, as numbers of values, -1 where missing; and the values."""
    import pandas as pd

    return pd.factorize(pd.concat([real.astype(object), made.astype(object)]))


def _codes(real, made) -> tuple[np.ndarray, bool]:
    """One column of both tables, below each other, as numbers, NaN where missing, and whether these are categories."""
    if is_ordered(real) and is_ordered(made):
        return np.concatenate([on_axis(real), on_axis(made)]), False
    codes, values = _factorized(real, made)
    return np.where(codes < 0, np.nan, codes), len(values) <= MAX_CATEGORIES
