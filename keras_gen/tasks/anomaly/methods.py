"""Methods that ask a model of the package how unlike its training data an example is.

As those of `memory`: each learns, measures, and tells how unlike its own examples would be if they were others'.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import ndimage
from sklearn.covariance import LedoitWolf

from keras_gen.tasks.anomaly.memory import FOLDS

FAINTEST = 1e-4  # mean square below which an example counts as one of this: an even image has no variation
SMOOTHED = 1.0  # pixels


class Asked:
    """A method that has nothing to learn, since the model has."""

    keeps: tuple[str, ...] = ()

    def learn(self, x: np.ndarray) -> None:
        """There is nothing to learn."""

    def ready(self) -> None:
        """There is nothing to make ready."""

    def measure(self, x: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def unseen(self, x: np.ndarray) -> Iterator[np.ndarray]:
        yield self.measure(x)


class Reconstruction(Asked):
    """Squared error of the reconstruction r, mean over channels: |B x - B r|^2 at each pixel. -> (N, H, W), or (N, D).

    Of images it is smoothed by a Gaussian of one pixel, which leaves the mean as it is. Of series it is the mean over
    the features at each step, -> (N, T), NaN where one has ended.

    Args:
        model: that reconstructs.
        relative: None, or what the errors of an example are divided by: the mean of "energy" (B x)^2 or of "variation"
            (B x - mean(B x))^2.
        blur: standard deviation of B in pixels, 0 for none.
    """

    def __init__(self, model: Any, relative: str | None, blur: float):
        self.model, self.relative, self.blur = model, relative, blur

    def measure(self, x: np.ndarray) -> np.ndarray:
        made = np.asarray(self.model.reconstruct(x), "float32")
        x, made = (self._blurred(part) for part in (x, made))
        errors = ((x - made) ** 2).astype("float64")
        if errors.ndim == 4:
            errors = ndimage.gaussian_filter(errors.mean(axis=-1), (0, SMOOTHED, SMOOTHED))
        elif errors.ndim == 3:
            errors = errors.mean(axis=-1)
        if self.relative:
            axes = tuple(range(1, x.ndim))
            ground = np.nanmean(x, axis=axes, keepdims=True) if self.relative == "variation" else 0.0
            there = np.maximum(np.nanmean((x - ground) ** 2, axis=axes, dtype="float64"), FAINTEST)
            errors = errors / there.reshape(-1, *(1,) * (errors.ndim - 1))
        return errors

    def _blurred(self, x):
        x = np.asarray(x, "float32")
        return ndimage.gaussian_filter(x, (0, self.blur, self.blur, 0)) if self.blur else x


class OwnScore(Asked):
    """Minus the model's own `score`. -> (N,)."""

    def __init__(self, model: Any):
        self.model = model

    def measure(self, x: np.ndarray) -> np.ndarray:
        return -np.asarray(self.model.score(x), "float64")


class Latent(Asked):
    """Squared Mahalanobis distance of the code from those of normal data, with a shrunk covariance. -> (N,).

    Reference:
        Lee et al. 2018, "A simple unified framework for detecting out-of-distribution samples", of one class; the
        covariance: Ledoit and Wolf 2004.
    """

    keeps = ("mean", "precision")

    def __init__(self, model: Any):
        self.model = model

    def learn(self, x: np.ndarray) -> None:
        self._codes = self._encoded(x)
        self.mean, self.precision = _normal(self._codes)

    def measure(self, x: np.ndarray) -> np.ndarray:
        return _mahalanobis(self._encoded(x), self.mean, self.precision)

    def unseen(self, x: np.ndarray) -> Iterator[np.ndarray]:
        found, fold = np.empty(len(x)), np.arange(len(x)) % FOLDS
        for i in range(min(FOLDS, len(x))):
            found[fold == i] = _mahalanobis(self._codes[fold == i], *_normal(self._codes[fold != i]))
        del self._codes
        yield found

    def _encoded(self, x):
        return np.asarray(self.model.code_vectors(x), "float64")


def _normal(codes):
    fitted = LedoitWolf().fit(codes)
    return fitted.location_, fitted.precision_


def _mahalanobis(codes, mean, precision):
    return (((codes - mean) @ precision) * (codes - mean)).sum(axis=1)
