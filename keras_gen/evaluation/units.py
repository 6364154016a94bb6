"""Which units of a code say anything of the data."""

import dataclasses
from pathlib import Path

import keras
import numpy as np

from keras_gen import plots

THRESHOLD = 0.01  # of the variance of the posterior mean (Burda et al. 2015, section 5.2)


@dataclasses.dataclass
class Units:
    """What `latent_units` finds: `kl` (D,), mean KL divergence of each unit from N(0, 1), nats; `variance` (D,), of the
    posterior mean over the data; `active` (D,), whether that is above 0.01; `order`, the units by falling KL."""

    kl: np.ndarray
    variance: np.ndarray

    @property
    def active(self) -> np.ndarray:
        return self.variance > THRESHOLD

    @property
    def order(self) -> np.ndarray:
        return np.argsort(-self.kl, kind="stable")

    def __str__(self):
        return f"{self.active.sum()} of {len(self.kl)} units active; {self.kl.sum():.2f} nats"


def latent_units(model: keras.Model, images, labels=None, path: str | Path | None = None) -> Units:
    """How much information each latent unit of a VAE carries: shows posterior collapse.

    A unit whose posterior repeats the prior for every image has a KL divergence of 0 and a mean that does not vary.

    Args:
        model: a model that offers `unit_kl`.
        images: (N, *data_shape), or a dataset of them.
        labels: (N,) ints of a model that needs them.
        path: PNG file for a picture of both, or None.

    Returns:
        `Units`, with `kl`, `variance`, `active` and `order`.
    """
    given = {} if labels is None else {"labels": labels}
    units = Units(model.unit_kl(images, **given).mean(axis=0), model.encode(images, **given).var(axis=0))
    if path is not None:
        plots.latent_units(units, f"{type(model).__name__}: {units}", path)
    return units
