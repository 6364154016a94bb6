"""The variational autoencoder with a mixture of normals as prior."""

import dataclasses
import math
import warnings
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_gen.core import DataSpec, Taken, batched, drawn
from keras_gen.core.arguments import Count, CountOrZero
from keras_gen.layers import LOG_VARIANCE_LIMIT
from keras_gen.models.variational.base import BaseVAE
from keras_gen.priors import MixturePrior

FITTED_IMAGES = 10_000  # whose codes the mixture starts from
DRAWS_PER_COMPONENT = 10  # of codes, at least, where there are few images


@keras.saving.register_keras_serializable("keras_gen")
class MixtureVAE(BaseVAE):
    """Variational autoencoder whose prior is a mixture of normals, one for each kind of image: it clusters.

    Minimises `mean_b E_q(z|x)[-log p(x|z) + beta * (log q(z|x) - log p(z))]` with `p(z) = sum_c pi_c N(z; m_c, diag
    v_c)`, weights, means and variances learned. That is minus the ELBO of the model c -> z -> x with q(c|x,z) = p(c|z),
    a tighter bound than the paper's, with q(c|x). What `cluster` reports is its mean, E_q(z|x) p(c|z) (equation 16).

    The first `pretraining_epochs` learn to reconstruct, without the KL divergence. Then a mixture is fitted to the
    codes of 10,000 images by expectation maximisation (scikit-learn), and all are trained together: from a random
    mixture the components do not come apart. A warm-up of beta begins there.

    Reported: `reconstruction_loss`, `kl_loss`, and `active_units`, as in `VAE`.

    Args:
        latent_dim: size of the code.
        num_components: how many normals.
        pretraining_epochs: epochs before the mixture is fitted, counted over all calls of `fit`.
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        (B, *data_shape) -> mean and log variance (B, latent_dim) -> (B, *data_shape).

    Score unit:
        The bound at beta = 1, nats per image.

    Reference:
        Jiang et al. 2017, "Variational deep embedding" (VaDE), equations 1 and 9.

    Example:
        >>> model = kg.MixtureVAE(data_shape=(8, 8, 1), latent_dim=4, num_components=10, pretraining_epochs=2)
        >>> model.compile(optimizer="adam")
        >>> train = kg.data.load("digits")
        >>> history = model.fit(train, epochs=5, verbose=0)
        >>> clusters = model.cluster(train)
        >>> images = model.sample(16, labels=clusters[0], seed=1)
    """

    def __init__(
        self,
        data_shape: tuple[int, ...],
        latent_dim: int = 10,
        num_components: Count = 10,
        pretraining_epochs: CountOrZero = 10,
        encoder: str | keras.Model | None = None,
        decoder: str | keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(data_shape, latent_dim, **kwargs)
        if self.free_bits:
            raise ValueError(f"`free_bits` must be 0 without a normal prior. Received: free_bits={self.free_bits}")
        self.num_components = num_components
        self.pretraining_epochs = pretraining_epochs
        self.build_networks(encoder, decoder)
        self.code_prior = MixturePrior(num_components, latent_dim, name="prior")
        self.code_prior.build()
        self.epochs_done, self.fitted_at = (
            self.add_weight(
                name=name, shape=(), dtype="int64", initializer="zeros", trainable=False,
                aggregation="only_first_replica",
            ) for name in ("epochs_done", "fitted_at")
        )  # fmt: skip

    # === Training ===

    def callbacks_of(self, data: Taken) -> list:
        return [FitPrior(data.sample)]  # before the user's, so that a checkpoint of this epoch counts it

    def after_training(self, history: keras.callbacks.History) -> None:
        super().after_training(history)
        done = int(ops.convert_to_numpy(self.epochs_done))
        if done <= self.pretraining_epochs:
            warnings.warn(
                "The mixture is not fitted yet: train for more epochs than those of the pretraining. Received: "
                f"pretraining_epochs={self.pretraining_epochs}, {done} epochs so far",
                stacklevel=3,
            )

    def kl_weight(self, training: bool) -> Any:
        if not training:
            return self.beta
        weight = self.beta * ops.cast(self.epochs_done >= self.pretraining_epochs, "float32")
        if self.setting("warmup_steps"):
            weight = weight * ops.minimum(1.0, ops.cast(self.step - self.fitted_at, "float32") / self.warmup_steps)
        return weight

    def fit_prior(self, images) -> None:
        """Fits the mixture to the codes of images, by expectation maximisation. (N, *data_shape)."""
        from sklearn.mixture import GaussianMixture

        self.restart_averages()  # the codes are those of the encoder as it is, and the average begins at the mixture
        rng = np.random.default_rng(self.seed)
        draws = math.ceil(DRAWS_PER_COMPONENT * self.num_components / len(images))
        # Draws, not means: the prior is to be the mean of the posteriors, however wide they are.
        codes = np.concatenate([self.draw_code(images, rng) for _ in range(draws)])
        mixture = GaussianMixture(self.num_components, covariance_type="diag", n_init=5, random_state=self.seed)
        mixture.fit(codes.astype("float64"))
        log_variances = np.clip(np.log(mixture.covariances_) / LOG_VARIANCE_LIMIT, -0.99, 0.99)
        self.code_prior.logits.assign(np.log(np.maximum(mixture.weights_, 1e-6)))
        self.code_prior.means.assign(mixture.means_)
        self.code_prior.raw_log_variances.assign(LOG_VARIANCE_LIMIT * np.arctanh(log_variances))
        self.restart_averages()

    # === Clusters ===

    @batched
    def cluster_probabilities(self, x) -> np.ndarray:
        """q(c | x). (B, *data_shape) -> (B, num_components)."""
        z = self._draws(*self.posterior(x))
        return ops.mean(self.code_prior.responsibilities(z), axis=0)

    def cluster(self, x) -> np.ndarray:
        """The most probable component of each image. (B, *data_shape) -> (B,) int64."""
        return np.argmax(self.cluster_probabilities(x), axis=-1)

    def spec_of(self, ability: str) -> DataSpec:
        spec = super().spec_of(ability)
        return dataclasses.replace(spec, num_classes=self.num_components) if ability == "sample" else spec

    @drawn
    def sample(self, n: int, labels=None, seed: int | None = None) -> np.ndarray:
        """Images of given components, (n,) or one for all; of none, of any."""
        return self.decode(self.code_prior.draw(n, np.random.default_rng(seed), labels))


class FitPrior(keras.callbacks.Callback):
    """Counts the epochs of a model, and fits its mixture at the end of the pretraining.

    Args:
        sample: function of a number to so many training images at most.
    """

    def __init__(self, sample):
        super().__init__()
        self.sample = sample

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        model = self.model
        if int(ops.convert_to_numpy(model.epochs_done)) == model.pretraining_epochs:
            model.fit_prior(self.sample(FITTED_IMAGES))
            model.fitted_at.assign(ops.convert_to_numpy(model.step))

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.model.epochs_done.assign_add(1)
