"""The detector, by the interface of scikit-learn."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import keras
import numpy as np
import tensorflow as tf
from scipy import ndimage
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_is_fitted, validate_data

from keras_gen.core import provenance
from keras_gen.core.presets import Shared
from keras_gen.core.renamed import renamed_arguments
from keras_gen.tasks.anomaly import calibration, choosing, exporting, storage
from keras_gen.tasks.anomaly.features import batches

Method = Literal["reconstruction", "likelihood", "latent", "critic", "neighbors", "gaussian", "patches"]
Pooling = Literal["mean", "max", "top"]


class AnomalyDetector(Shared, OutlierMixin, BaseEstimator):
    """A detector of what is unlike normal data, with the interface of scikit-learn: 1 is normal, -1 an anomaly.

    Methods that ask a trained model of the package:

    - "reconstruction": minus the squared error of the reconstruction r: |B x - B r|^2, at each pixel. Squared errors
      alone find the busiest images, whatever they show; `relative` divides by what there is to explain: the energy
      |B x|^2 (bright strokes on a dark background) or the variation |B x - mean(B x)|^2. B blurs, so that a stroke
      shifted by a pixel counts less than a missing one.
    - "likelihood": the model's own `score`: of a VAE the bound of log p(x), of an RBM minus the free energy.
    - "latent": minus the squared Mahalanobis distance of the code from those of normal data, with a shrunk covariance.
    - "critic": the logit of a GAN's discriminator.

    Methods that remember features of normal data, of a network or of any function:

    - "neighbors": minus the mean distance to the nearest of the normal features, one vector for each image (DN2).
    - "gaussian": minus the Mahalanobis distance from a normal, one for each position of a feature map (PaDiM).
    - "patches": minus the distance of each patch to the nearest of a memory of normal ones (PatchCore).

    `fit` takes normal data that no model was trained on, such as `kg.open_run(folder).held_out()`, and sets the
    threshold: of normal data to come a share `false_alarms` at most falls below it, on average over the data of `fit`.
    Methods with a memory measure each of their examples by the others. `fit` does not train a model.

    Args:
        model: a trained model of the package; or an extractor of features: another `keras.Model`, such as
            `kg.tasks.application("mobilenet_v2")`, or a function of images (N, H, W, C) to features (N, D) or feature
            maps (N, h, w, D). None for vectors as they are.
        method: which; None for "reconstruction" or what else the model can, of an extractor "patches" where it gives
            feature maps, and "neighbors" where it gives vectors.
        pooling: how the map of an example becomes one number: its "mean", its "max" or the mean of its "top"
            hundredth; None for "top" of reconstructed images and series, "mean" of vectors, "max" of patches. Of
            "neighbors" how a feature map becomes one vector, by its "mean" or "max".
        false_alarms: share of normal data that may be called an anomaly, between 0 and 1.
        relative: of reconstructions, what the error is divided by; None for nothing.
        blur: of reconstructions of images, the standard deviation of the blur B in pixels; 0 for none.
        n_neighbors: how many are averaged over.
        dimensions: of feature maps, how many are drawn at random for "gaussian".
        coreset: share of the patches that is remembered.
        layers: names of layers that give the features; None for those that suit the method. Features are scaled to
            length 1, codes and plain vectors to standard deviation 1.
        seed: of what is drawn.

    Attributes:
        threshold_: score below which an example is an anomaly.
        offset_: the same, by scikit-learn's name.
        pixel_threshold_: value of a heat map above which a pixel is unusual: a share `false_alarms` at most of normal
            images has such a pixel. None of a method without maps.
        normal_scores_: (N,) scores of the examples of `fit`, as of others.
        method_: which method it is.
        measure_: what measures by it.
        data_shape_: of one example.

    Reference:
        Each method has its own: `kg.tasks.anomaly.methods` and `memory`; the threshold: `calibration`.

    Example:
        >>> train, test = (kg.data.stack(kg.data.load("digits", split)) for split in ("train", "test"))
        >>> model = kg.Autoencoder((8, 8, 1), latent_dim=8)
        >>> model.compile()
        >>> history = model.fit(train, epochs=3, verbose=0)
        >>> detector = kg.tasks.AnomalyDetector(model, false_alarms=0.1).fit(test)
        >>> detector.predict(1 - test[:3]).tolist()  # dark on light
        [-1, -1, -1]
    """

    @renamed_arguments(score="method")
    def __init__(
        self,
        model: Any = None,
        method: Method | None = None,
        pooling: Pooling | None = None,
        false_alarms: float = 0.05,
        relative: Literal["energy", "variation"] | None = None,
        blur: float = 0.0,
        n_neighbors: int = 5,
        dimensions: int = 100,
        coreset: float = 0.1,
        layers: Sequence[str] | None = None,
        seed: int = 0,
    ):
        self.model = model
        self.method = method
        self.pooling = pooling
        self.false_alarms = false_alarms
        self.relative = relative
        self.blur = blur
        self.n_neighbors = n_neighbors
        self.dimensions = dimensions
        self.coreset = coreset
        self.layers = layers
        self.seed = seed

    def fit(self, X, y=None) -> Self:  # noqa: N803  scikit-learn's name
        """Learns what is normal, and sets the threshold.

        Args:
            X: (N, H, W, C), (N, T, F) or (N, D), or a dataset of such, or, of a model of a table, a data frame; with
                5 % of false alarms at least 19.
            y: ignored.

        Raises:
            ValueError: if the method does not go with the model, the rate is none, there are too few examples, or some
                are NaN or infinite.
        """
        choosing.check_arguments(self)
        x = self.taken(X, reset=True)
        calibration.check_enough(len(x), self.false_alarms)
        choosing.warn_if_untrained(self.model)
        if "origin" in vars(self):
            del self.origin  # it is not the one of a file any more
        self.data_shape_ = x.shape[1:]
        self.method_ = choosing.choose_method(self, x)
        self.measure_ = choosing.measure_of(self, self.method_)
        self.measure_.learn(x)
        self.measure_.ready()
        scores, peaks = [], []
        for found in self.measure_.unseen(x):
            scores.append(self._scores(found))
            if found.ndim > 1 and len(self.data_shape_) > 1:
                peaks.append(-calibration.pool(self._upsampled(found), "max"))
        self.normal_scores_ = np.concatenate(scores)
        self.threshold_ = self.offset_ = calibration.threshold(self.normal_scores_, self.false_alarms)
        self.pixel_threshold_ = -calibration.threshold(np.concatenate(peaks), self.false_alarms) if peaks else None
        return self

    def score_samples(self, X) -> np.ndarray:  # noqa: N803
        """Higher is more normal. (N, ...) -> (N,)."""
        check_is_fitted(self, "threshold_")
        return np.concatenate([self._scores(self.measure_.measure(part)) for part in batches(self.taken(X))])

    def decision_function(self, X) -> np.ndarray:  # noqa: N803
        """The score above the threshold: below 0 is an anomaly. (N, ...) -> (N,)."""
        return self.score_samples(X) - self.threshold_

    def predict(self, X) -> np.ndarray:  # noqa: N803
        """1 for normal, -1 for an anomaly. (N, ...) -> (N,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def score(self, X, y=None) -> float:  # noqa: N803
        """The share of examples that `predict` is right on; without y, 1 for normal or -1, the mean of their scores."""
        return float(np.mean(self.score_samples(X)) if y is None else accuracy_score(y, self.predict(X)))

    def heatmap(self, X) -> np.ndarray:  # noqa: N803
        """Where an image, or a series, is unusual: above `pixel_threshold_`, in the units of the method.

        Those of a reconstruction are squared errors, mean over the channels, smoothed by a Gaussian of one pixel; those
        of feature maps are distances, resized to the image and smoothed by half a position of the map. Those of a
        series are squared errors of its steps, mean over the features.

        Args:
            X: (N, H, W, C) images, or (N, T, F) series.

        Returns:
            (N, H, W, 1) float32, 0 or more; of series (N, T), NaN where one has ended.

        Raises:
            ValueError: if the data are neither, or the method has no maps.
        """
        check_is_fitted(self, "threshold_")
        if self.pixel_threshold_ is None:
            raise ValueError(
                "A heat map takes images or series, and a method with maps: reconstruction, or patches and gaussian on "
                f"feature maps. Received: method={self.method_!r}, data of shape {self.data_shape_}"
            )
        maps = [self._upsampled(self.measure_.measure(part)) for part in batches(self.taken(X))]
        heat = np.concatenate(maps).astype("float32")
        heat = heat[..., None] if heat.ndim == 3 else heat
        return provenance.mark(heat, self.model) if self.method_ == "reconstruction" else heat

    def save(self, path: str | Path) -> Path:
        """Writes the fitted detector, with its model, to one .zip file: JSON, arrays and a .keras file.

        Args:
            path: file ending in .zip; replaced whole or not at all.

        Returns:
            The path.
        """
        check_is_fitted(self, "threshold_")
        return storage.save(self, path)

    def export(
        self,
        path: str | Path,
        format: str = "tf_saved_model",
        *,
        images: Any = None,
        anomalies: Any = None,
        quantize: str | None = None,
        limit: float = 1e-4,
        verbose: bool = True,
    ) -> Path:
        """Writes the fitted detector to a file that runs without this package: data to "score" and "heatmap".

        The thresholds stand in its metadata, `keras_gen.export.read_metadata`. The file is run and compared with the
        detector; see `export` of a model, and its formats.

        Args:
            path: a folder for "tf_saved_model", else a file that ends in .tflite, .onnx or .xml.
            format: "tf_saved_model", "litert", "onnx" or "openvino".
            images: data to compare on, (N, ...); None for random ones.
            anomalies: as many, for the AUROC that a quantised file loses; None for the images upside down.
            quantize: None, "float16" or "int8", of "litert".
            limit: of the difference from the detector, relative to the largest output.
            verbose: whether to print what was written.

        Returns:
            The path.

        Raises:
            ValueError, FileExistsError, RuntimeError, ImportError: as `export` of a model; ValueError also where the
                features are those of a function.
        """
        check_is_fitted(self, "threshold_")
        return exporting.write_detector(self, path, format, images, anomalies, quantize, limit, verbose)

    @classmethod
    def load(cls, name: str | Path, extractor: Any = None) -> Self:
        """A detector that `save` wrote. Nothing in such a file can run code.

        Args:
            name: of the file, of a preset, "hf://user/name", or of a shipped detector.
            extractor: the function of features, where the detector had one: a file holds its name only.

        Raises:
            FileNotFoundError: if there is no such file or shipped detector.
            ValueError: if the file is no detector, or the function is missing.
        """
        return storage.load(cls, name, extractor)

    def __sklearn_clone__(self):
        """A detector without a threshold, of the same model: weights are not copied."""
        return type(self)(**self.get_params(deep=False))

    # === Data, and what is made of them ===

    def taken(self, X, reset=False) -> np.ndarray:  # noqa: N803
        """Data as one array, finite, of one shape. (N, ...)."""
        if isinstance(X, tf.data.Dataset):
            stacked = [part[0] if isinstance(part, tuple) else part for part in X.as_numpy_iterator()]
            X = np.concatenate(stacked)  # noqa: N806
        table = getattr(self.model, "table", None)
        if table is not None and hasattr(X, "columns"):
            X = table.encode(X)  # noqa: N806
        if self.model is None or np.ndim(X) == 2:
            X = validate_data(self, X, dtype=("float64", "float32"), ensure_all_finite=False, reset=reset)  # noqa: N806
        x = np.asarray(X)
        if getattr(self.model, "variable_length", False):
            x, _ = self.model.in_memory(x)  # says what is not finite, but for the ends of series
            return self._of_shape(x, reset)
        finite = np.isfinite(x.reshape(len(x), -1)).all(axis=1) if x.dtype.kind == "f" else np.ones(len(x), bool)
        if not finite.all():
            raise ValueError(
                "Data must be finite: examples with NaN or infinite values must be left out, or filled in. "
                f"Received: {(~finite).sum():,} of {len(x):,} with some, the first of them number {finite.argmin()}"
            )
        return self._of_shape(x, reset)

    def _of_shape(self, x, reset):
        if not reset and x.shape[1:] != self.data_shape_:
            raise ValueError(f"Data must be (N, *{self.data_shape_}), as those of `fit`. Received: shape={x.shape}")
        return x

    def _scores(self, found):
        """Of what a method measures, one number for each or a map. -> (N,), higher is more normal."""
        pooling = choosing.pooling_of(self, self.method_, len(self.data_shape_) + 1)
        return -(found if found.ndim == 1 else calibration.pool(found, pooling)).astype("float64")

    def _upsampled(self, maps):
        """Maps at the size of the image, smoothed by half of one of their positions. (N, h, w) -> (N, H, W)."""
        size = self.data_shape_[:2]
        if maps.ndim == 2 or maps.shape[1:] == size:
            return maps
        resized = keras.ops.image.resize(
            maps[..., None].astype("float32"), size, interpolation="bilinear", data_format="channels_last"
        )
        smoothing = [0.0] + [
            exporting.SMOOTHED * full / small for full, small in zip(size, maps.shape[1:], strict=True)
        ]
        return ndimage.gaussian_filter(np.asarray(resized)[..., 0].astype("float64"), smoothing)
