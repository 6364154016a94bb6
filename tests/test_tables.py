"""Tables: columns as numbers and back, their likelihood, models of them, files. 20 seconds."""

import json
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image
from scipy import stats
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer

import keras_gen as kg
from keras_gen.cli import main
from keras_gen.data import stack, tables
from keras_gen.layers import TableOutput
from keras_gen.likelihoods import TableLikelihood, table_likelihood
from keras_gen.table.fitting import fit_spec
from keras_gen.table.spec import TableSpec
from keras_gen.training.config import RunConfig

pytestmark = pytest.mark.filterwarnings("ignore:Columns of")


def make(n=400, seed=0):
    """A row of each kind: what a user's file holds."""
    rng = np.random.default_rng(seed)
    service = rng.choice(["dns", "mail", "web"], n, p=[0.2, 0.3, 0.5])
    frame = pd.DataFrame({
        "service": service,
        "size": np.where(rng.random(n) < 0.3, 0, rng.lognormal(6, 1, n).astype(int)),
        "seconds": rng.gamma(2, 1, n) + (service == "mail") * 5,
        "secure": rng.random(n) < 0.3 + 0.6 * (service == "web"),
        "answer": rng.choice(["no", "yes"], n),
        "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n), unit="D"),
        "version": 1,
        "id": [f"row {i}" for i in range(n)],
    })  # fmt: skip
    frame.loc[rng.random(n) < 0.2, "seconds"] = np.nan
    frame.loc[rng.random(n) < 0.1, "service"] = None
    return frame


FRAME = make()
DENSE = {"encoder": [16], "decoder": [16]}


@pytest.fixture(scope="module")
def spec():
    return fit_spec(FRAME)


# === Columns ===


def test_kinds_are_told_by_the_values(spec):
    assert [column.kind for column in spec.columns] == [
        "category", "whole", "number", "flag", "flag", "date", "constant", "ignore",
    ]  # fmt: skip
    assert spec.width == 3 + 1 + 1 + 2 + 1 + 1 + 1
    assert spec.masks.nonzero()[0].tolist() == [3, 6]
    assert spec.describe() == "1 number, 1 whole number, 1 date, 2 flags, 1 category, 1 constant, 1 ignored column"
    assert fit_spec(FRAME, {"id": "category", "size": "ignore"}).columns[-1].width == len(FRAME)
    text = pd.DataFrame({"when": ["2024-01-05", "2024-02-01", "2023-07-09"], "x": [1.5, 2.0, 3.0]})
    of_text = fit_spec(text)
    assert of_text.columns[0].kind == "date"
    assert of_text.decode(of_text.encode(text))["when"].tolist() == pd.to_datetime(text["when"]).tolist()


def test_rows_come_back(spec):
    back = spec.decode(spec.encode(FRAME))
    assert back.columns.tolist() == FRAME.columns.tolist()[:-1]
    for name in back.columns:
        known = FRAME[name].notna()
        assert back[name].notna().all()
        if name == "seconds":
            error = np.abs(back[name] - FRAME[name])[known]  # by 257 quantiles of 400 rows
            assert error.max() < 0.2
            assert error.median() < 0.01
        elif name == "size":
            assert np.abs(np.log1p(back[name]) - np.log1p(FRAME[name])).max() < 0.1
            assert (back[name][FRAME[name] == 0] == 0).all()
        elif name == "day":
            assert (back[name] - FRAME[name]).abs().max() <= pd.Timedelta(days=1)
            assert (back[name] == back[name].dt.normalize()).all()
        else:
            assert (back[name][known] == FRAME[name][known]).all(), name
        if name != "seconds":
            assert back[name].dtype == FRAME[name].dtype, name
    gaps = spec.decode(spec.encode(FRAME), missing=True)
    assert (gaps.isna() == FRAME[gaps.columns].isna()).all(axis=None)
    shuffled = FRAME[FRAME.columns[::-1]].assign(more=1)
    np.testing.assert_array_equal(spec.encode(shuffled), spec.encode(FRAME))


def test_encoding_is_that_of_scikit_learn(spec):
    """Normal scores and one-hot vectors, beside QuantileTransformer and OneHotEncoder."""
    rows = FRAME.dropna()
    ours = ColumnTransformer([
        ("numbers", QuantileTransformer(n_quantiles=257, output_distribution="normal"), ["seconds"]),
        ("categories", OneHotEncoder(sparse_output=False), ["service"]),
    ]).fit(rows)  # fmt: skip
    theirs, encoded = ours.transform(rows), fit_spec(rows[["seconds", "service"]]).encode(rows)
    inside = np.abs(theirs[:, 0]) < 1.5  # their ends are at infinity, ours half a quantile before
    np.testing.assert_allclose(encoded[inside, 0], theirs[inside, 0], atol=0.02)
    np.testing.assert_array_equal(encoded[:, 1:], theirs[:, 1:])
    scores = spec.encode(FRAME)[FRAME["seconds"].notna(), 5]
    assert stats.kstest(scores, "norm").pvalue > 0.5


def test_numbers_beyond_the_training_go_on_and_come_back_inside(spec):
    """An outlier has a score in proportion to its distance, and no sample leaves the range."""
    column = spec.columns[2]
    top = column.quantiles[-1]
    scores = column.to_score(np.array([top, top + column.scale, top + 11 * column.scale]))
    np.testing.assert_allclose(np.diff(scores), [1, 10], rtol=1e-5)
    assert column.from_score(scores).tolist() == [top] * 3


def test_samples_have_the_decimals_of_the_data():
    frame = pd.DataFrame({
        "price": np.random.default_rng(0).integers(100, 99_999, 300) / 100,
        "share": np.random.default_rng(1).random(300),
        "at": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(300) * 7, unit="min"),
    })  # fmt: skip
    spec = fit_spec(frame)
    assert [column.step for column in spec.columns] == [0.01, 0, 60]
    made = spec.decode(np.random.default_rng(2).standard_normal((500, 3)))
    assert made["price"].map(lambda price: len(str(price).split(".")[1])).max() == 2
    assert (made["share"].round(6) != made["share"]).mean() > 0.9
    assert (made["at"] == made["at"].dt.round("min")).all()


def test_a_repeated_value_comes_back_as_often(spec):
    """30 % of a column are 0: so are 30 % of standard normal scores."""
    made = spec.columns[1].from_score(np.random.default_rng(0).standard_normal(20_000))
    assert abs((np.round(made) == 0).mean() - (FRAME["size"] == 0).mean()) < 0.015
    quantiles = np.array(spec.columns[1].quantiles)  # and its own score is in the middle of theirs
    ends = stats.norm.ppf((np.array([0, (quantiles == 0).sum() - 1]) + 0.5) / len(quantiles))
    np.testing.assert_allclose(spec.columns[1].to_score(np.zeros(1)), ends.mean(), rtol=1e-6)


def test_a_spec_is_plain_json(spec):
    text = json.dumps(keras.saving.serialize_keras_object(spec))
    assert keras.saving.deserialize_keras_object(json.loads(text)) == spec


def test_what_was_not_in_training(spec):
    rows = FRAME.head(3).assign(service=["ftp", "web", "ssh"])
    with pytest.warns(UserWarning, match=r"'service' holds values that were not in training.*'ftp', 'ssh'"):
        encoded = spec.encode(rows)
    assert encoded[:, :3].sum(axis=1).tolist() == encoded[:, 3].tolist() == [0, 1, 0]
    with pytest.warns(UserWarning, match=r"'answer' holds values that were not in training.*'perhaps'"):
        encoded = spec.encode(FRAME.head(3).assign(answer=["no", "perhaps", "yes"]))
    assert encoded[:, 8].tolist() == [0, 0.5, 1]
    with pytest.raises(ValueError, match="'answer' has no missing values in training"):
        spec.encode(FRAME.head(3).assign(answer=["no", None, "yes"]))
    with pytest.raises(ValueError, match=r"'size' has no missing values in training: fill them.*row 1"):
        spec.encode(FRAME.head(3).assign(size=[1, None, 2]))
    with pytest.raises(ValueError, match="must hold finite numbers. Received: inf in row 2"):
        spec.encode(FRAME.head(3).assign(seconds=[1, None, np.inf]))
    with pytest.raises(ValueError, match="'seconds' must hold numbers"):
        spec.encode(FRAME.head(3).assign(seconds=["1", "many", "2"]))
    with pytest.raises(ValueError, match="'day' must hold dates"):
        spec.encode(FRAME.head(3).assign(day="soon"))
    with pytest.raises(ValueError, match=r"without \['size', 'answer'\]"):
        spec.encode(FRAME.drop(columns=["size", "answer"]))
    with pytest.raises(ValueError, match=r"Rows of this table are \(N, 10\)"):
        spec.decode(np.zeros((2, 3)))


def test_columns_that_teach_nothing():
    with pytest.warns(UserWarning, match="one value only are not learnt: version"):
        spec = fit_spec(FRAME.assign(note=[f"text {i}" for i in range(len(FRAME))]))
    assert spec.names == FRAME.columns.tolist()[:-1]
    with pytest.raises(ValueError, match="must have a column whose values differ"):
        fit_spec(pd.DataFrame({"a": [1, 1], "b": [None, None]}))
    with pytest.raises(ValueError, match="`kinds` maps columns"):
        fit_spec(FRAME, {"size": "large"})
    with pytest.raises(ValueError, match="A flag has two values. Received: 3"):
        fit_spec(FRAME, {"service": "flag"})


# === The likelihood ===


def test_likelihood_is_that_of_scipy_column_by_column(spec):
    layer = table_likelihood(spec)
    layer.scaled_log_variance.assign([0.1, -0.2, 0.05])
    deviation = np.exp(0.5 * np.asarray(layer.log_variance))
    x = spec.encode(FRAME.head(50))
    rng = np.random.default_rng(1)
    mean = TableOutput(spec)(rng.standard_normal(x.shape).astype("float32")).numpy()
    parts = layer.parts(x, mean).numpy()
    gaps = {slot: -stats.bernoulli(mean[:, slot]).logpmf(x[:, slot]) for slot in (3, 6)}
    expected = {
        0: gaps[3] - np.log((x[:, :3] * mean[:, :3]).sum(axis=1) + (x[:, 3] == 0)),
        1: -stats.norm(mean[:, 4], deviation[0]).logpdf(x[:, 4]),
        2: gaps[6] - x[:, 6] * stats.norm(mean[:, 5], deviation[1]).logpdf(x[:, 5]),
        3: -stats.bernoulli(mean[:, 7]).logpmf(x[:, 7]),
        4: -stats.bernoulli(mean[:, 8]).logpmf(x[:, 8]),
        5: -stats.norm(mean[:, 9], deviation[2]).logpdf(x[:, 9]),
    }
    for i, values in expected.items():
        np.testing.assert_allclose(parts[:, i], values, rtol=2e-4, atol=1e-5)
    np.testing.assert_allclose(layer(x, mean), parts.sum(axis=1), rtol=1e-5)
    twin = TableLikelihood.from_config(json.loads(json.dumps(layer.get_config())))
    assert twin.table == spec


def test_draws_have_the_likelihood_s_probabilities(spec):
    layer = table_likelihood(spec)
    logits = np.random.default_rng(2).standard_normal((1, 10)).astype("float32")
    mean = TableOutput(spec)(logits).numpy()
    rows = layer.draw(np.repeat(mean, 20_000, axis=0), seed=0)
    yes_or_no = [0, 1, 2, 3, 6, 7, 8]
    np.testing.assert_allclose(rows[:, yes_or_no].mean(axis=0), mean[0, yes_or_no], atol=0.012)
    assert set(np.unique(rows[:, yes_or_no])) == {0, 1}
    numbers = [4, 5, 9]
    np.testing.assert_allclose(rows[:, numbers].mean(axis=0), mean[0, numbers], atol=0.03)
    np.testing.assert_allclose(rows[:, numbers].std(axis=0), np.exp(0.5 * np.asarray(layer.log_variance)), rtol=0.03)


def test_hard_categories_have_the_gradients_of_their_probabilities(spec):
    gaps = TableOutput(spec, hard=True)(np.random.default_rng(5).standard_normal((50, 10)).astype("float32")).numpy()
    assert set(np.unique(gaps[:, 3])) == {0, 1}
    np.testing.assert_array_equal(gaps[:, :3].sum(axis=1), gaps[:, 3])  # what is missing is 0, as in the data
    assert (gaps[gaps[:, 6] == 0, 5] == 0).all()
    spec = fit_spec(FRAME.dropna())
    x = tf.constant(np.random.default_rng(3).standard_normal((5, 8)), tf.float32)
    weights = tf.constant(np.random.default_rng(4).standard_normal((5, 8)), tf.float32)
    gradients, made = [], []
    for hard in (False, True):
        with tf.GradientTape() as tape:
            tape.watch(x)
            made.append(TableOutput(spec, hard)(x))
            value = tf.reduce_sum(weights * made[-1])
        gradients.append(tape.gradient(value, x))
    np.testing.assert_allclose(gradients[0], gradients[1], atol=1e-6)
    np.testing.assert_allclose(made[0].numpy()[:, :3].sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(made[1].numpy()[:, :3], np.eye(3)[made[0].numpy()[:, :3].argmax(axis=1)])


# === Models ===


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (kg.VAE, {"latent_dim": 2, **DENSE}),
        (kg.Autoencoder, {"latent_dim": 2, **DENSE}),
        (kg.AdversarialAutoencoder, {"latent_dim": 2, "discriminator": [8], **DENSE}),
        (kg.GAN, {"latent_dim": 4, "generator": [16], "discriminator": [16]}),
    ],
)
def test_models_take_tables(spec, cls, options, tmp_path):
    model = cls(spec, **options)
    model.compile()
    history = model.fit(FRAME, epochs=2, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    model.save(tmp_path / "model.keras")
    loaded = kg.load(tmp_path / "model.keras")
    assert loaded.table == spec
    np.testing.assert_array_equal(loaded.score(FRAME), model.score(FRAME))
    if "sample" in model.offers:
        made = model.sample(7, seed=1)
        assert made.dtypes.drop("day").to_dict() == FRAME.drop(columns=["id", "day"]).dtypes.to_dict()
        assert made["service"].dropna().isin(["dns", "mail", "web"]).all()
        assert made.equals(loaded.sample(7, seed=1))
        assert not made.equals(model.sample(7, seed=2))
        assert made.attrs["provenance"]["seed"] == 1
    if "reconstruct" in model.offers:
        some = FRAME.iloc[[5, 3, 9]]
        made = model.reconstruct(some)
        assert made.index.tolist() == [5, 3, 9]
        assert made.columns.tolist() == spec.names
        assert model.reconstruct(spec.encode(some)).shape == (3, 10)
        scores = model.column_scores(some)
        np.testing.assert_allclose(scores.sum(axis=1), model.column_scores(spec.encode(some)).sum(axis=1), rtol=1e-5)
        filled = model.impute(FRAME)
        known = FRAME.notna()
        assert filled.notna().all(axis=None)
        assert filled.where(known).equals(FRAME.where(known))
    else:
        with pytest.raises(NotImplementedError, match="does not impute: that takes an encoder"):
            model.impute(FRAME)


def test_imputed_values_follow_from_the_others():
    """y is a function of x, and the sign of x a category: better than the most frequent value and the median."""
    x = np.random.default_rng(0).standard_normal(2_000)
    frame = pd.DataFrame(
        {"x": x, "y": np.exp(x), "sign": np.where(x > 0, "plus", "minus"), "kind": (x > 1).astype(int)}
    )
    model = kg.VAE(fit_spec(frame), latent_dim=1, encoder=[32], decoder=[32])
    model.compile(keras.optimizers.Adam(3e-3))
    model.fit(frame, epochs=10, verbose=0)
    holes = frame.head(300).assign(y=np.nan, sign=None)
    filled = model.impute(holes)
    assert (filled["sign"] == frame["sign"].head(300)).mean() > 0.9
    assert np.corrcoef(np.log(filled["y"]), x[:300])[0, 1] > 0.9
    unusual = frame.head(50).assign(sign=np.where(x[:50] > 0, "minus", "plus"))
    assert (model.column_scores(unusual)["sign"] > model.column_scores(frame.head(50))["sign"]).mean() > 0.9


def test_models_that_take_no_table_and_likelihoods_that_do_not_fit(spec):
    with pytest.raises(ValueError, match="RBM does not learn from tables: VAE"):
        kg.RBM(spec)
    with pytest.raises(ValueError, match="`data_shape` must be a tuple: .*, or the `spec` of a table"):
        kg.VAE(TableSpec(()))
    with pytest.raises(ValueError, match="leave `likelihood` out. Received: likelihood='gaussian'"):
        kg.VAE(spec, likelihood="gaussian")
    with pytest.raises(ValueError, match="likelihood='table' is for the rows of a table"):
        kg.VAE((3,), likelihood="table")
    model = kg.VAE((3,), latent_dim=1, likelihood="gaussian", **DENSE)
    with pytest.raises(NotImplementedError, match="does not impute: it was not made with the `spec`"):
        model.impute(FRAME)


# === Files ===


def test_a_table_is_split_and_fitted_on_its_training_rows(tmp_path):
    frame = FRAME.assign(attack=np.where(FRAME["size"] > 500, "yes", "no"))
    for name in ("rows.csv", "rows.tsv", "rows.parquet"):
        if name.endswith("parquet"):
            frame.to_parquet(tmp_path / name)
        else:
            frame.to_csv(tmp_path / name, index=False, sep="\t" if name.endswith("tsv") else ",")
        table = kg.data.table(tmp_path / name, target="attack")
        assert table.info.class_names == ["no", "yes"]
        assert sum(table.info.splits.values()) == 400
        assert 50 < table.info.splits["test"] < 110
        assert "attack" not in table.spec.names
        x, y = stack(kg.data.load(table, "test", labels=True))
        np.testing.assert_array_equal(x, table.spec.encode(table.frame("test")))
        np.testing.assert_array_equal(y, table.frame("test")["attack"] == "yes")
        top = table.frame("train")["seconds"].max()
        assert table.spec.columns[2].quantiles[-1] == top
    of_frame = kg.data.table(frame, target="attack")
    assert of_frame.frame("test").index.tolist() == table.frame("test").index.tolist()
    assert kg.data.info(frame, target="attack").spec == of_frame.spec
    assert stack(kg.data.load(frame, "test", target="attack")).shape == x.shape


def test_a_table_larger_than_memory_is_read_in_parts(tmp_path, monkeypatch):
    frame = FRAME.assign(attack=np.arange(len(FRAME)) % 2)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    held = kg.data.table(tmp_path / "rows.csv", target="attack")
    monkeypatch.setattr(tables, "LARGEST_IN_MEMORY", 0)
    monkeypatch.setattr("keras_gen.table.files.ROWS_OF_A_PART", 64)
    parts = kg.data.table(tmp_path / "rows.csv", target="attack")
    assert parts.info == held.info
    for split in ("train[:90%]", "train[90%:]", "test"):
        batches = stack(kg.data.load(parts, split, labels=True, shuffle=False))
        assert len(batches[0]) == len(stack(kg.data.load(held, split, shuffle=False)))
        assert set(batches[1]) == {0, 1}
    ours, theirs = (stack(kg.data.load(table, "test")) for table in (parts, held))
    np.testing.assert_array_equal(ours, theirs)
    first = stack(kg.data.load(parts))
    assert not np.array_equal(first, stack(kg.data.load(parts, shuffle=False)))
    monkeypatch.setattr(tables, "ROWS_FOR_FIT", 100)
    few = kg.data.table(tmp_path / "rows.csv", target="attack").spec.columns[1].quantiles
    assert len(few) == 100


def test_folders_of_tables(tmp_path):
    FRAME.head(300).to_csv(tmp_path / "train.csv", index=False)
    FRAME.tail(100).to_csv(tmp_path / "test.csv", index=False)
    assert kg.data.info(tmp_path).splits == {"train": 300, "test": 100}
    FRAME.to_csv(tmp_path / "more.csv", index=False)
    with pytest.raises(ValueError, match=r"must hold train.csv, test.csv.*more.csv"):
        kg.data.info(tmp_path)


def test_files_that_are_no_tables(tmp_path):
    cases = {
        "empty.csv": (b"", "is not a readable table: No columns"),
        "ragged.csv": (b"a,b\n1,2\n1,2,3,4\n", "Expected 2 fields in line 3, saw 4"),
        "latin.csv": ("größe,b\n1,2\n".encode("latin-1"), "must be text in UTF-8"),
        "semicolons.csv": (b"a;b\n1;2\n3;4\n", "separated by commas"),
        "twice.parquet": (b"no parquet", "is not a readable table"),
    }
    for name, (content, sentence) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=sentence):
            kg.data.table(tmp_path / name)
    with pytest.raises(ValueError, match="Each column must have a name of its own. Received: a twice"):
        kg.data.table(pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]))
    with pytest.raises(FileNotFoundError, match="There is no such file"):
        kg.data.table(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="`target` must be a column of the table: service"):
        kg.data.table(FRAME, target="attack")
    with pytest.raises(ValueError, match="`target` and `kinds` are for a table"):
        kg.data.load("digits", target="x")
    with pytest.raises(ValueError, match="write the data frame by"):
        kg.training.train("vae", data=FRAME, out=str(tmp_path / "run"))


def test_runs_and_verbs_of_tables(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    FRAME.assign(attack=FRAME["size"] > 500).to_csv("rows.csv", index=False)
    options = "--target attack --kinds.answer category --latent-dim 2 --epochs 1 --verbose 0"
    assert main(["train", "vae", "--data", "rows.csv", *options.split(), "--out", "run"]) == 0
    config = RunConfig.read("run")
    assert (config.target_column, config.kinds) == ("attack", {"answer": "category"})
    model = kg.load("run")
    assert model.table.columns[4].kind == "category"
    assert Image.open("run/columns.png").width > 500
    groups = {
        g.title: g for g in kg.evaluation.grouped(json.loads(Path("run/metrics.json").read_text())["figures"], model)
    }
    assert groups["Reconstruction"].measured_on.endswith(" held-out rows")
    (auroc,) = (row for row in groups["Samples"].rows if row.name == "two_sample_auroc")
    assert set(auroc.beside) == {"real rows", "columns shuffled"}
    assert {row.metric.unit for row in groups["Loss and its terms"].rows} == {"nats per row", "units"}
    assert main(["sample", "run", "--count", "5", "--seed", "1", "--out", "new.csv"]) == 0
    assert pd.read_csv("new.csv").columns.tolist() == model.table.names
    assert main(["impute", "run", "rows.csv", "--out", "full.parquet"]) == 0
    assert "values filled" in capsys.readouterr().out
    assert pd.read_parquet("full.parquet")["seconds"].notna().all()
    assert main(["reconstruct", "run", "--data", "rows.csv", "--count", "3", "--out", "made.csv"]) == 0
    assert len(pd.read_csv("made.csv")) == 3
    FRAME.tail(30).assign(size=10**9).to_csv("odd.csv", index=False)
    assert main(["detect", "run", "odd.csv", "--out", "report", "--method", "likelihood"]) == 0
    report = pd.read_csv("report/scores.csv")
    assert report["score"].is_monotonic_increasing
    assert report["anomaly"].all()
    assert report["unusual"].str.startswith("size").all()
    assert main(["sample", "run", "--out", "new.png"]) == 2
    assert "ends in .csv, .tsv, .parquet. Received: new.png" in capsys.readouterr().err
    assert kg.open_run("run").held_out().element_spec[0].shape[1:] == model.data_shape


@pytest.mark.extended  # ten seconds
def test_a_search_of_tables(tmp_path):
    FRAME.assign(attack=FRAME["size"] > 500).to_csv(tmp_path / "rows.csv", index=False)
    options = {"data": str(tmp_path / "rows.csv"), "target": "attack", "max_trials": 2, "epochs": 1, "verbose": 0}
    found = kg.tuning.search("vae", space={"latent_dim": [1, 2]}, out=str(tmp_path / "search"), **options)
    assert found.best["latent_dim"] in (1, 2)
    assert kg.load(tmp_path / "search" / "best").table is not None
    with pytest.raises(ValueError, match=r"kernel_distance is of images.*a table"):
        kg.tuning.search("vae", objective="kernel_distance", out=str(tmp_path / "other"), **options)
