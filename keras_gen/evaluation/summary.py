"""`report`: every figure that a model's abilities allow."""

import numpy as np
import tensorflow as tf

from keras_gen import data
from keras_gen.evaluation.likelihood import log_likelihood

LIKELIHOOD_IMAGES = 1_000


def report(model, images, labels=None, num_samples=200, verbose=0):
    """Held-out figures of a model on images that it was not trained on.

    Args:
        model: any model of the package.
        images: (N, H, W, C) in [0, 1] or (N, D); or a dataset of them.
        labels: (N,) ints; for figures that need them.
        num_samples: importance samples per image of the log-likelihood.
        verbose: 1 for progress bars.

    Returns:
        dict of name to figure: `images` (how many), the model's own terms as `evaluate` gives them,
        `squared_error` (per image, summed over pixels), `psnr` (dB, for images, of the mean squared error), `score`
        (mean, the model's unit), and `log_likelihood` (nats per image, of the first 1,000 images).
    """
    if isinstance(images, tf.data.Dataset):
        images = data.stack(images)
    images = np.asarray(images, "float32")
    figures = {"images": len(images)}
    if model.compiled:
        figures |= model.evaluate(images, batch_size=100, verbose=verbose, return_dict=True)
    if "reconstruct" in model.offers:
        error = np.mean((images - np.asarray(model.reconstruct(images))) ** 2, dtype="float64")
        figures["squared_error"] = float(error * np.prod(images.shape[1:]))
        if images.ndim == 4:
            figures["psnr"] = float(-10 * np.log10(max(error, 1e-12)))
    if "score" in model.offers:
        figures["score"] = float(np.mean(model.score(images), dtype="float64"))
    if "log_weights" in model.offers:
        figures["log_likelihood"] = float(
            log_likelihood(model, images[:LIKELIHOOD_IMAGES], num_samples, verbose=verbose).mean()
        )
    return figures
