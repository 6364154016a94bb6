"""Samples of models that have no distribution over codes: a mixture fitted to the codes afterwards."""

from typing import Self

import numpy as np

from keras_gen.core import provenance

MAX_CODES = 20_000  # codes that the mixture is fitted to


class CodeSampler:
    """Samples images from any autoencoder: a mixture of normals is fitted to its codes (Ghosh et al. 2020, section 4).

    Args:
        model: a model that offers `encode` and `decode`.
        components: normals of the mixture, with full covariances (scikit-learn's `GaussianMixture`).
        seed: of the fit.

    Example:
        >>> images = kg.tasks.CodeSampler(model).fit(train).sample(64, seed=1)
    """

    def __init__(self, model, components=10, seed=0):
        if components < 1:
            raise ValueError(f"`components` must be at least 1. Received: components={components}")
        self.model, self.components, self.seed = model, components, seed
        self.mixture = None

    def fit(self, images, labels=None) -> Self:
        """Fits the mixture to the codes of images, (N, H, W, C) or a dataset. Returns itself."""
        from sklearn.mixture import GaussianMixture

        if self.model.latent_dim == 0:
            raise ValueError(f"A sampler needs codes. Received: {type(self.model).__name__} of latent_dim=0")
        if self.model.num_codes is not None:
            raise ValueError(
                "Whole numbers are not normal: the codes of a VQVAE have a distribution of their own, "
                f"`kg.CodePrior(model)`. Received: {type(self.model).__name__} of num_codes={self.model.num_codes}"
            )
        codes = self.model.encode(images, **({} if labels is None else {"labels": labels}))
        codes = np.random.default_rng(self.seed).permutation(codes)[:MAX_CODES]
        if len(codes) < max(2, self.components):
            raise ValueError(
                f"A mixture of {self.components} needs at least {max(2, self.components)} images: give more, or fewer "
                f"`components`. Received: {len(codes)}"
            )
        self.mixture = GaussianMixture(self.components, random_state=self.seed).fit(codes.astype("float64"))
        return self

    def sample(self, n: int, seed: int | None = None, labels=None) -> np.ndarray:
        """n images; the same seed gives the same ones. -> (n, H, W, C) in [0, 1]."""
        if self.mixture is None:
            raise ValueError("The sampler must be fitted: call `fit` first. Received: sample before fit")
        seed = provenance.seed_for(seed)
        rng = np.random.default_rng(seed)
        chosen = rng.choice(self.components, n, p=self.mixture.weights_)
        factors = np.linalg.cholesky(self.mixture.covariances_)[chosen]  # (n, D, D)
        noise = rng.standard_normal((n, factors.shape[-1]))
        z = self.mixture.means_[chosen] + np.einsum("nij,nj->ni", factors, noise)
        images = self.model.decode(z.astype("float32"), **({} if labels is None else {"labels": labels}))
        return provenance.note(images, self.model, seed=seed)
