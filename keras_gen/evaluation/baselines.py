"""What a simple rival makes of the same images: principal components, as many as a code has units."""

import math
from typing import Any

import keras
import numpy as np

from keras_gen.evaluation import probes
from keras_gen.evaluation.quality import psnr_of_error, ssim
from keras_gen.evaluation.summary import Reservoir, batches_of

MAX_TRAINING = 5_000  # images that the components are fitted to


def baselines(model: keras.Model, training_images: np.ndarray, images, labels=None) -> dict[str, Any]:
    """The metrics of principal components, the best linear code, beside those of `report` on the same images.

    With D units of a code, the D first components of the training images make a code and, clipped to [0, 1], a
    reconstruction, which is judged like the model's own. There is nothing for a model without a code, and no
    reconstruction for one that restores, separates or translates.

    Args:
        model: any model of the package.
        training_images: (N, H, W, C) or (N, D); of more than 5,000 the first 5,000.
        images, labels: as of `report`.

    Returns:
        dict of `squared_error_baseline`, `psnr_baseline`, `ssim_baseline` and those of `probe`, each as far as `report`
        gives the metric; and `baseline`, which says what it is. Empty if there is nothing to compare.
    """
    from sklearn.decomposition import PCA

    if "encode" not in model.offers or model.target_mode is not None:
        return {}
    training = _flat(training_images[:MAX_TRAINING])
    components, found = None, dict[str, Any]()
    reconstructs = "reconstruct" in model.offers and not {"denoise", "separate"} & set(model.offers)
    is_image = len(model.data_shape) == 3
    squared_error, similarity, count = 0.0, 0.0, 0
    judged = Reservoir(probes.MAX_CODES)
    for x, y in batches_of(images, labels):
        if components is None:
            units = math.prod(np.shape(model.encode(x[:1], **model.label_kwargs(None if y is None else y[:1])))[1:])
            if units == 0:
                return {}
            components = PCA(min(units, *training.shape), random_state=0).fit(training)
        codes = components.transform(_flat(x))
        if y is not None:
            judged.add(codes, y)
        if reconstructs:
            made = components.inverse_transform(codes).reshape(x.shape).astype("float32")
            made = made.clip(0, 1) if is_image else made
            squared_error += np.nansum((made - x) ** 2, dtype="float64")
            similarity += np.sum(ssim(made, x), dtype="float64") if is_image else 0.0
            count += len(x)
    if components is None:
        return {}
    if count:
        found["squared_error_baseline"] = float(squared_error / count)
        if is_image:
            error = found["squared_error_baseline"] / math.prod(model.data_shape)
            found |= {"psnr_baseline": psnr_of_error(error), "ssim_baseline": float(similarity / count)}
    if judged.count and probes.can_judge(*judged.all()):
        probed = probes.probe(*judged.all())
        found |= {f"{name}_baseline": value for name, value in probed.items()}
    if found:
        found["baseline"] = (
            f"the principal components, the best linear code of as many units ({components.n_components_}), fitted to "
            f"{len(training):,} training images"
        )
    return found


def _flat(x):
    """(N, ...) -> (N, D), 0 where a series has ended."""
    return np.nan_to_num(np.reshape(x, (len(x), -1)))
