"""Methods that remember features of normal data: nearest neighbours, a normal for each position, patches.

Each learns from arrays of data, measures how unlike it others are, and tells how unlike each of its own examples would
be if it had not been among them: by that a threshold keeps its promise.
"""

import math
from collections.abc import Iterator

import numpy as np
from sklearn.neighbors import NearestNeighbors

from keras_gen.tasks.anomaly.features import Features, batches, patches, pooled

FOLDS = 5  # of data, of which each is measured by what the others teach
MAX_CANDIDATES = 20_000  # patches that a memory is chosen from
PROJECTED = 64  # dimensions in which they are chosen
ROWS = 4096  # patches in one product


class Neighbors:
    """Mean Euclidean distance to the k nearest of the normal features, one vector for each image.

    Reference:
        Bergman, Cohen and Hoshen 2020, "Deep nearest neighbor anomaly detection" (DN2).
    """

    keeps = ("memory", "centre", "scale")

    def __init__(self, features: Features, k: int, pooling: str | None):
        self.features, self.k, self.pooling = features, k, pooling or "mean"

    def learn(self, x: np.ndarray) -> None:
        found = self._vectors(x)
        self.centre, self.scale = np.zeros(1), np.ones(1)
        if self.features.scaling == "standard":
            deviation = found.std(axis=0)
            self.centre, self.scale = found.mean(axis=0), np.where(deviation > 0, deviation, 1.0)
        self.memory = (found - self.centre) / self.scale
        self.ready()

    def ready(self) -> None:
        self._index = NearestNeighbors().fit(self.memory)

    def measure(self, x: np.ndarray) -> np.ndarray:
        found = (self._vectors(x) - self.centre) / self.scale
        return self._mean_distance(found, min(self.k, len(self.memory)))

    def unseen(self, x: np.ndarray) -> Iterator[np.ndarray]:
        yield self._mean_distance(None, min(self.k, len(self.memory) - 1))  # None: of each but itself

    def _mean_distance(self, vectors, k):
        return self._index.kneighbors(vectors, k)[0].mean(axis=1)

    def _vectors(self, x):
        return pooled(self.features.of(x), self.features.scaling, self.pooling)


class Gaussian:
    """Mahalanobis distance from a normal of the features, one for each position of a map. -> (N, h, w), or (N,).

    The features are a random choice of dimensions where they are maps; the covariance S is shrunk towards a multiple of
    the identity, (1 - r) S + r tr(S)/d I, with the r of the oracle approximating shrinkage.

    Reference:
        Defard et al. 2021, "PaDiM: a patch distribution modeling framework"; the shrinkage: Chen et al. 2010.
    """

    keeps = ("mean", "whitening", "chosen", "shape")

    def __init__(self, features: Features, dimensions: int, seed: int):
        self.features, self.dimensions, self.seed = features, dimensions, seed

    def learn(self, x: np.ndarray) -> None:
        first = self._raw(x[:1])
        self.shape, size = np.array(first.shape[1:-1], int), first.shape[-1]
        kept = min(size, self.dimensions) if first.ndim == 4 else size
        self.chosen = np.sort(np.random.default_rng(self.seed).choice(size, kept, replace=False))
        positions = math.prod(self.shape)
        # Of each fold: the number of examples, their sum, and the sum of their products, at each position.
        self._folds = [[0, np.zeros((positions, kept)), np.zeros((positions, kept, kept))] for _ in range(FOLDS)]
        start = 0
        for part in batches(x):
            found, which = self._positions(part), np.arange(start, start + len(part)) % FOLDS
            for i, fold in enumerate(self._folds):
                of_fold = found[:, which == i]
                fold[0] += of_fold.shape[1]
                fold[1] += of_fold.sum(axis=1)
                fold[2] += of_fold.transpose(0, 2, 1) @ of_fold
            start += len(part)
        self.mean, self.whitening = _normal(*map(sum, zip(*self._folds, strict=True)))

    def ready(self) -> None:
        """There is nothing to make ready."""

    def measure(self, x: np.ndarray) -> np.ndarray:
        return np.concatenate([self._distance(part, self.mean, self.whitening) for part in batches(x)])

    def unseen(self, x: np.ndarray) -> Iterator[np.ndarray]:
        found, fold = np.empty((len(x), *self.shape)), np.arange(len(x)) % FOLDS
        for i in range(min(FOLDS, len(x))):
            others = _normal(*map(sum, zip(*self._folds[:i], *self._folds[i + 1 :], strict=True)))
            parts = batches(x[fold == i])
            found[fold == i] = np.concatenate([self._distance(part, *others) for part in parts])
        del self._folds
        yield found

    def _distance(self, x, mean, whitening):
        white = (self._positions(x) - mean[:, None]) @ whitening
        return np.sqrt((white**2).sum(axis=-1)).T.reshape(len(x), *self.shape)

    def _positions(self, x):
        """(N, ...) -> (positions, N, d) float64."""
        found = self._raw(x)[..., self.chosen]
        return found.reshape(len(found), -1, len(self.chosen)).transpose(1, 0, 2).astype("float64")

    def _raw(self, x):
        maps = self.features.of(x)
        if maps[0].ndim == 4:
            return patches(maps, self.features.scaling, averaged=False)
        return pooled(maps, self.features.scaling)


def _normal(count, total, products):
    """Mean, (P, d), and W with W W^T the inverse of the shrunk covariance, (P, d, d), of each position."""
    mean = total / count
    covariance = products / count - mean[:, :, None] * mean[:, None]
    size = mean.shape[1]
    scale = np.maximum(np.trace(covariance, axis1=1, axis2=2) / size, np.finfo("float32").tiny)
    shrinkage = _shrinkage(covariance, count, scale)[:, None, None]
    shrunk = (1 - shrinkage) * covariance + shrinkage * scale[:, None, None] * np.eye(size)
    shrunk += 1e-9 * scale[:, None, None] * np.eye(size)  # where no shrinkage is called for, and columns depend
    return mean, np.linalg.inv(np.linalg.cholesky(shrunk)).transpose(0, 2, 1)


def _shrinkage(covariance, count, scale):
    """Chen et al. 2010, equation 23, of each position."""
    size = covariance.shape[1]
    squares = (covariance**2).mean(axis=(1, 2))
    above, below = squares + scale**2, (count + 1) * (squares - scale**2 / size)
    return np.where(below > above, above / np.maximum(below, np.finfo("float64").tiny), 1.0)


class Patches:
    """Distance of each patch to the nearest of a memory of normal ones. -> (N, h, w).

    The memory is a greedy coreset: of the patches, each next one is the farthest from those chosen, in a random
    projection. Where there are more than 20,000, it is chosen from so many drawn at random.

    Reference:
        Roth et al. 2022, "Towards total recall in industrial anomaly detection" (PatchCore), algorithm 1, without the
        weights of equation 7.
    """

    keeps = ("memory", "owner")

    def __init__(self, features: Features, coreset: float, seed: int):
        self.features, self.coreset, self.seed = features, coreset, seed

    def learn(self, x: np.ndarray) -> None:
        rng = np.random.default_rng(self.seed)
        kept, owner, lot = np.empty((0, 0), "float32"), np.empty(0, int), np.empty(0)
        start = 0
        for part in batches(x):
            found = self._maps(part)
            flat = found.reshape(-1, found.shape[-1])
            kept = np.concatenate([kept.reshape(-1, flat.shape[1]), flat])
            owner = np.append(owner, np.repeat(np.arange(start, start + len(part)), len(flat) // len(part)))
            lot = np.append(lot, rng.random(len(flat)))
            start += len(part)
            if len(lot) > MAX_CANDIDATES:
                least = np.sort(np.argpartition(lot, MAX_CANDIDATES)[:MAX_CANDIDATES])
                kept, owner, lot = kept[least], owner[least], lot[least]
        chosen = greedy_coreset(kept, math.ceil(self.coreset * len(kept)), rng)
        if len(set(owner[chosen])) == 1 < start:  # images that are all alike: each is measured by another
            chosen = np.append(chosen, np.flatnonzero(owner != owner[chosen[0]])[:1])
        self.memory, self.owner = kept[chosen], owner[chosen]

    def ready(self) -> None:
        """There is nothing to make ready."""

    def measure(self, x: np.ndarray) -> np.ndarray:
        return np.concatenate([self._nearest(self._maps(part)) for part in batches(x)])

    def unseen(self, x: np.ndarray) -> Iterator[np.ndarray]:
        start = 0
        for part in batches(x):
            yield self._nearest(self._maps(part), np.arange(start, start + len(part)))
            start += len(part)

    def _maps(self, x):
        maps = self.features.of(x)
        if maps[0].ndim != 4:
            raise ValueError(
                "Patches need feature maps, (N, h, w, C); with method='neighbors' vectors will do. "
                f"Received: features of shape {maps[0].shape}"
            )
        return patches(maps, self.features.scaling, averaged=True)

    def _nearest(self, maps, but=None):
        """Distances to the nearest of the memory, or of that part of it which is not of the images themselves."""
        flat = maps.reshape(-1, maps.shape[-1])
        number = None if but is None else np.repeat(but, len(flat) // len(but))
        lengths, found = (self.memory**2).sum(axis=1), []
        for start in range(0, len(flat), ROWS):
            rows = flat[start : start + ROWS]
            squares = lengths - 2 * rows @ self.memory.T  # but for the length of the row
            if number is not None:
                squares[number[start : start + ROWS, None] == self.owner] = np.inf
            nearest = squares.argmin(axis=1)
            found.append(np.linalg.norm(rows - self.memory[nearest], axis=1))
        return np.concatenate(found).reshape(maps.shape[:3]).astype("float64")


def greedy_coreset(vectors: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Indices of vectors that cover all: each next one is the farthest from those chosen (Gonzalez 1985). -> (count,).

    Args:
        vectors: (N, D); of more than 64 dimensions a random projection to so many is looked at.
        count: how many.
        rng: draws the projection and the first one.
    """
    if count >= len(vectors):
        return np.arange(len(vectors))
    if vectors.shape[1] > PROJECTED:
        vectors = vectors @ (rng.standard_normal((vectors.shape[1], PROJECTED)) / PROJECTED**0.5).astype("float32")
    lengths = (vectors**2).sum(axis=1)
    chosen, distances = [int(rng.integers(len(vectors)))], np.full(len(vectors), np.inf, vectors.dtype)
    for _ in range(count - 1):
        last = vectors[chosen[-1]]
        distances = np.minimum(distances, lengths - 2 * vectors @ last + last @ last)
        distances[chosen[-1]] = -np.inf
        chosen.append(int(distances.argmax()))
    return np.array(chosen)
