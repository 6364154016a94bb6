"""What is unlike the data that a model knows: scores, decisions at a chosen rate of false alarms, and where."""

import csv
from pathlib import Path
from typing import Literal, Self

import keras
import numpy as np
from scipy import ndimage
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.covariance import LedoitWolf
from sklearn.utils.validation import check_is_fitted

from keras_gen import images
from keras_gen.core import provenance
from keras_gen.core.checks import check_at_least, check_choice
from keras_gen.data.folder import FolderSource
from keras_gen.data.image_files import read_image
from keras_gen.files import write_atomically

SCORES = {
    "reconstruction": "reconstruct",
    "likelihood": "score",
    "latent": "encode",
    "critic": "score",
}  # what it takes
BATCH = 100
FAINTEST = 1e-4  # mean square below which an example counts as one of this: an even image has no variation
MIN_EXAMPLES = 20  # normal examples below which no rate of false alarms can be met


class AnomalyDetector(OutlierMixin, BaseEstimator):
    """A trained model as a detector with the interface of scikit-learn: 1 is normal, -1 an anomaly.

    Scores, higher is more normal, all deterministic:

    - "reconstruction": minus the squared error of the reconstruction r, per example: |B x - B r|^2. Squared errors
      alone find the busiest images, whatever they show; `relative` divides by what there is to explain: the energy
      |B x|^2 (bright strokes on a dark background) or the variation |B x - mean(B x)|^2. B blurs, so that a stroke
      shifted by a pixel counts less than a missing one. Both together separate one digit of MNIST better from the rest.
    - "likelihood": the model's own `score`: of a VAE the bound of log p(x), of an RBM minus the free energy.
    - "latent": minus the squared Mahalanobis distance of the code from those of normal data, with a shrunk covariance.
    - "critic": the logit of a GAN's discriminator.

    `fit` takes normal data that the model was not trained on, and sets the threshold so that a share `false_alarms` of
    them scores below it. It does not train the model.

    Args:
        model: trained, of the package.
        score: which.
        false_alarms: share of normal data that may be called an anomaly, between 0 and 1.
        relative: of reconstructions, what the error is divided by; None for nothing.
        blur: of reconstructions of images, the standard deviation of the blur B in pixels; 0 for none.

    Attributes:
        threshold_: score below which an example is an anomaly.
        offset_: the same, by scikit-learn's name.

    Reference:
        Latent: Lee et al. 2018, "A simple unified framework for detecting out-of-distribution samples", of one class;
        the covariance: Ledoit and Wolf 2004.

    Example:
        >>> train, test = (kg.data.stack(kg.data.load("digits", split)) for split in ("train", "test"))
        >>> model = kg.Autoencoder((8, 8, 1), latent_dim=8)
        >>> model.compile()
        >>> history = model.fit(train, epochs=3, verbose=0)
        >>> detector = kg.tasks.AnomalyDetector(model, false_alarms=0.1).fit(test)
        >>> detector.predict(1 - test[:3]).tolist()  # dark on light
        [-1, -1, -1]
    """

    def __init__(
        self,
        model,
        score: Literal["reconstruction", "likelihood", "latent", "critic"] = "reconstruction",
        false_alarms: float = 0.05,
        relative: Literal["energy", "variation"] | None = None,
        blur: float = 0.0,
    ):
        self.model = model
        self.score = score
        self.false_alarms = false_alarms
        self.relative = relative
        self.blur = blur

    def fit(self, X, y=None) -> Self:  # noqa: N803  scikit-learn's name
        """Sets the threshold on normal data.

        Args:
            X: (N, H, W, C) or (N, D), at least 20.
            y: ignored.

        Raises:
            ValueError: if the model cannot give the score, the rate is none, or there are too few examples.
        """
        self._check()
        if len(X) < MIN_EXAMPLES:
            raise ValueError(
                f"The threshold needs at least {MIN_EXAMPLES} normal examples: give more of them (--normal FOLDER). "
                f"Received: {len(X)}"
            )
        if self.score == "latent":
            self.codes_ = LedoitWolf().fit(self._encoded(X))
        self.threshold_ = self.offset_ = float(np.quantile(self._scores(X), self.false_alarms))
        return self

    def score_samples(self, X) -> np.ndarray:  # noqa: N803
        """Higher is more normal. (N, ...) -> (N,)."""
        check_is_fitted(self, "threshold_")
        return self._scores(X)

    def decision_function(self, X) -> np.ndarray:  # noqa: N803
        """The score above the threshold: below 0 is an anomaly. (N, ...) -> (N,)."""
        return self.score_samples(X) - self.threshold_

    def predict(self, X) -> np.ndarray:  # noqa: N803
        """1 for normal, -1 for an anomaly. (N, ...) -> (N,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def heatmap(self, X, blur: float = 1.0) -> np.ndarray:  # noqa: N803
        """Where an image is unlike its reconstruction: squared errors, mean over the channels, blurred.

        Args:
            X: (N, H, W, C) images.
            blur: standard deviation in pixels; 0 for none.

        Returns:
            (N, H, W, 1) float32 in [0, 1], each on the scale of the largest of its images.

        Raises:
            ValueError: if the data are no images, or the model does not reconstruct.
        """
        if len(self.model.data_shape) != 3:
            raise ValueError(f"`heatmap` needs a model of images. Received: data_shape={self.model.data_shape}")
        errors = ((np.asarray(X) - self._reconstructed(X)) ** 2).mean(axis=-1)
        errors = ndimage.gaussian_filter(errors, (0, blur, blur)) if blur else errors
        errors = errors / max(float(errors.max()), 1e-12)
        return provenance.mark(errors[..., None].astype("float32"), self.model)

    def __sklearn_clone__(self):
        """A detector without a threshold, of the same model: weights are not copied."""
        return type(self)(**self.get_params(deep=False))

    # === Scores ===

    def _check(self):
        if self.score not in SCORES:
            raise ValueError(f"`score` must be one of {', '.join(SCORES)}. Received: score={self.score!r}")
        if not 0 < self.false_alarms < 1:
            raise ValueError(f"`false_alarms` must be a share between 0 and 1. Received: {self.false_alarms}")
        offers = self.model.offers
        able = [name for name, ability in SCORES.items() if ability in offers]
        if not hasattr(self.model, "discriminator") or "reconstruct" in offers:  # that of an autoencoder sees codes
            able = [name for name in able if name != "critic"]
        if self.score not in able:
            raise ValueError(
                f"`score` must be one that {type(self.model).__name__} gives: {', '.join(able) or '(none)'}. "
                f"Received: score={self.score!r}"
            )
        check_choice("relative", self.relative, (None, "energy", "variation"))
        check_at_least(0, blur=self.blur)
        if (self.relative or self.blur) and self.score != "reconstruction":
            raise ValueError(f"`relative` and `blur` need score='reconstruction'. Received: score={self.score!r}")
        if self.blur and len(self.model.data_shape) != 3:
            raise ValueError(f"`blur` needs a model of images. Received: data_shape={self.model.data_shape}")

    def _scores(self, X):  # noqa: N803
        if self.score == "reconstruction":
            x, made = (self._blurred(part) for part in (X, self._reconstructed(X)))
            errors = ((x - made) ** 2).sum(axis=1, dtype="float64")
            if self.relative:
                ground = x.mean(axis=1, keepdims=True) if self.relative == "variation" else 0.0
                there = ((x - ground) ** 2).sum(axis=1, dtype="float64")
                errors = errors / np.maximum(there, FAINTEST * x.shape[1])
            return -errors
        if self.score == "latent":
            return -self.codes_.mahalanobis(self._encoded(X))
        return np.asarray(self.model.score(X), "float64")

    def _blurred(self, X):  # noqa: N803
        """(N, ...) -> (N, D)."""
        x = np.asarray(X, "float32")
        x = ndimage.gaussian_filter(x, (0, self.blur, self.blur, 0)) if self.blur else x
        return x.reshape(len(x), -1)

    def _reconstructed(self, X):  # noqa: N803
        return np.asarray(self.model.reconstruct(X))

    def _encoded(self, X):  # noqa: N803
        codes = np.asarray(self.model.encode(X), "float64")
        return codes.reshape(len(codes), -1)


def detect_folder(
    detector: AnomalyDetector,
    source: str | Path,
    out: str | Path,
    *,
    on_error: str = "stop",
    count: int = 20,
    verbose: int = 1,
) -> tuple[int, int]:
    """Scores every image below a folder; the model's size and channels are made of each.

    Leaves `scores.csv` (file, score, anomaly; worst first) and `worst.png`, a column for each of the worst: the image,
    and where the model reconstructs, its reconstruction and its heat map.

    Args:
        detector: an `AnomalyDetector` of images, fitted.
        source: folder of images.
        out: folder for the report; made where it does not exist.
        on_error: "stop" to list files that cannot be read, "skip" to leave them out with a warning.
        count: how many images of the worst are drawn.
        verbose: 1 for a progress bar.

    Returns:
        How many images there are, and how many of them are anomalies.

    Raises:
        ValueError, FileNotFoundError: if the model is not of images, or the folder holds none.
        FileExistsError: if there is a report already.
    """
    source, out, shape = Path(source), Path(out), detector.model.data_shape
    if len(shape) != 3:
        raise ValueError(f"`detect_folder` needs a model of images. Received: data_shape={shape}")
    if not source.is_dir():
        raise FileNotFoundError(f"`source` must be a folder of images. Received: {source}, which is none")
    if (out / "scores.csv").exists():
        raise FileExistsError(f"A report cannot be overwritten: choose another folder. Received: {out}, which has one")
    # Whatever folders are called, all of it is judged.
    opened = FolderSource(source, image_size=shape[:2], channels=shape[2], on_error=on_error, split_folders=False)
    files = [path for paths in opened.files.values() for path in paths]

    def read(paths):
        pixels = [read_image(path, shape[:2], shape[2], opened.white) for path in paths]
        return np.stack(pixels).astype("float32") / 255

    parts, progress = [], keras.utils.Progbar(len(files), verbose=verbose, unit_name="image")
    for start in range(0, len(files), BATCH):
        parts.append(detector.score_samples(read(files[start : start + BATCH])))
        progress.update(min(start + BATCH, len(files)))
    scores = np.concatenate(parts)
    worst_first = np.argsort(scores, kind="stable")
    found = scores < detector.threshold_

    def write(path):
        with open(path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["file", "score", "anomaly"])
            writer.writerows([files[i].relative_to(source), f"{scores[i]:.6g}", int(found[i])] for i in worst_first)

    out.mkdir(parents=True, exist_ok=True)
    drawn = read([files[i] for i in worst_first[:count]])
    groups = [drawn]
    if "reconstruct" in detector.model.offers:
        heat = detector.heatmap(drawn)
        groups += [detector.model.reconstruct(drawn), images.like(np.repeat(heat, shape[2], axis=-1), heat)]
    images.save_grid(images.rows(*groups), out / "worst.png", len(drawn))
    write_atomically(out / "scores.csv", write)
    return len(files), int(found.sum())
