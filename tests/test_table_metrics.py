"""How close two tables are, and the picture of their columns. 4 s, most of it trees and importing."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import keras_gen as kg
from keras_gen.evaluation import column_distances, table_fidelity, two_sample

ROWS = 300


def rows(seed, slope=1.0, count=ROWS):
    """A number, a skewed number, a category, yes/no and a date, all of which follow from one normal number."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal(count)
    w = slope * z + np.sqrt(1 - slope**2) * rng.standard_normal(count)
    frame = pd.DataFrame({
        "number": z,
        "bytes": np.round(np.exp(4 * w)),
        "team": pd.Categorical(np.where(w > 1, "few", np.where(w > 0, "some", "many"))),
        "attack": pd.Series(w > 0.3, dtype="boolean"),
        "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.round(w * 30), unit="D"),
    })  # fmt: skip
    for name in frame.columns:
        frame.loc[rng.random(count) < 0.1, name] = None
    return frame


def test_a_classifier_tells_unequal_tables_apart():
    real = rows(0)
    same, loose, shifted = rows(1), rows(2, slope=0.0), rows(3).assign(number=lambda frame: frame["number"] + 1)
    assert abs(two_sample(real, same[same.columns[::-1]]).auroc - 0.5) < 0.08  # the order of columns does not count
    assert two_sample(real, shifted, folds=2).auroc > 0.7
    # Each column is right, and only what they say of each other is not.
    assert max(column_distances(real, loose).values()) < 0.15 < two_sample(real, loose).auroc - 0.5
    assert two_sample(real, real.assign(number=np.nan), folds=2).auroc > 0.85  # what is missing is seen
    assert two_sample(real, real).auroc < 0.3  # copies
    once, again = (two_sample(real, loose, folds=2, seed=1) for _ in range(2))
    assert once == again
    assert 0 < once.error < 0.05


def test_distances_of_columns_by_hand():
    real, made = rows(0), rows(1, count=200)
    found = column_distances(real, made)
    assert [*found.values()] == sorted(found.values(), reverse=True)
    assert set(found) == set(real.columns)
    # A missing number is smaller than all others; that of a category is a value.
    for name, far in (("number", -1e9), ("bytes", -1.0)):
        expected = stats.ks_2samp(real[name].fillna(far), made[name].fillna(far)).statistic
        assert found[name] == pytest.approx(expected)
    for name in ("team", "attack"):
        p, q = (part[name].astype(object).value_counts(normalize=True, dropna=False) for part in (real, made))
        p, q = ({str(key): value for key, value in part.items()} for part in (p, q))
        assert found[name] == pytest.approx(sum(abs(p[value] - q[value]) for value in p) / 2)
    days = [part["day"].map(lambda day: -1e9 if day is pd.NaT else day.toordinal()) for part in (real, made)]
    assert found["day"] == pytest.approx(stats.ks_2samp(*days).statistic)
    # Types differ, values do not: a CSV that was read again.
    again = real.assign(team=real["team"].astype("object"), attack=real["attack"].astype("object"))
    again["day"] = again["day"].dt.tz_localize("UTC")
    assert set(column_distances(real, again).values()) == {0.0}
    assert column_distances(real, real.assign(team="new"))["team"] == 1.0


def test_fidelity_of_tables_has_a_floor_and_a_control():
    found = table_fidelity(rows(0), rows(1))
    assert found["two_sample_auroc"] < 0.6 < 0.9 < found["two_sample_auroc_shuffled"]
    assert found["column_distance"] <= found["worst_column_distance"] < 0.15
    for name in ("two_sample_auroc", "two_sample_auroc_error", "column_distance", "worst_column_distance"):
        assert f"{name}_floor" in found
        assert kg.evaluation.describe(name).group == "samples"


@pytest.mark.parametrize(
    ("function", "made", "sentence"),
    [
        (two_sample, rows(0).drop(columns="team"), "in one only: team"),
        (column_distances, rows(0).assign(more=1), "in one only: more"),
        (two_sample, rows(0)[:4], "There must be 5 rows of each table. Received: 300 and 4 rows"),
        (column_distances, rows(0)[:0], "There must be rows of both tables. Received: 300 and 0 rows"),
        (kg.plots.columns, rows(0).drop(columns="team"), "300 rows, 5 columns and 300 rows, 4 columns; without team"),
        (kg.plots.columns, rows(0)[:0], "300 rows, 5 columns and 0 rows, 5 columns"),
    ],
)
def test_wrong_tables_are_sentences(function, made, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        function(rows(0), made)


def test_columns_are_drawn_as_shares_of_rows(tmp_path):
    real = rows(0).assign(nothing=np.nan, same=3, name=[f"n{i % 40}" for i in range(ROWS)])
    figure = kg.plots.columns(real, real[:150])
    panels = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
    assert [*panels] == [*real.columns]
    for name in ("number", "bytes", "day", "same"):
        known = [part[name].notna().mean() for part in (real, real[:150])]
        drawn = [patch.get_data().values.sum() for patch in panels[name].patches]
        assert drawn == pytest.approx(known), name  # no value lies beside the bins
    assert panels["bytes"].get_xscale() == "asinh"
    assert panels["number"].get_xscale() == "linear"
    bars = {name: [label.get_text() for label in panels[name].get_xticklabels()] for name in ("team", "attack", "name")}
    assert set(bars["team"]) == {"few", "some", "many", "missing"}
    assert set(bars["attack"]) == {"True", "False", "missing"}
    assert bars["name"][-1] == "31 others"
    for name, values in bars.items():
        heights = np.reshape([patch.get_height() for patch in panels[name].patches], (2, len(values)))
        np.testing.assert_allclose(heights.sum(axis=1), 1)
    assert kg.plots.columns(real, path=tmp_path / "columns").name == "columns.png"
    many = pd.DataFrame(np.zeros((2, 60)), columns=[f"x{i}" for i in range(60)])
    assert "12 further columns" in kg.plots.columns(many).get_suptitle()
