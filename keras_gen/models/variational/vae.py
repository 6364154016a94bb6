"""The variational autoencoder."""

from typing import Literal

import keras

from keras_gen.core.arguments import Count
from keras_gen.models.variational.base import BaseVAE
from keras_gen.priors import FlowPrior, VampPrior


@keras.saving.register_keras_serializable("keras_gen")
class VAE(BaseVAE):
    """Variational autoencoder: codes have a distribution, so that images can be sampled.

    Minimises `mean_b E_q(z|x)[-log p(x|z)] + beta * KL(q(z|x) || p(z))` with p(z) = N(0, I) and q(z|x) =
    N(mean(x), diag exp(log_variance(x))), in nats per image. At beta = 1 that is minus the ELBO, and the ELBO is a
    lower bound of log p(x). With bound="iwae", minus the tighter bound `E[log 1/K sum_k p(x, z_k) / q(z_k|x)]` of K =
    num_samples samples (Burda et al. 2015, equation 8).

    Training uses one sample (or `num_samples` samples) of z per image. Validation and `score` use the same eight
    samples each time, whatever `num_samples`. This estimate of the bound is deterministic; one from the posterior mean
    would be too good. For the ELBO the samples are balanced to mean 0 and variance 1. Validation metrics use the full
    beta, whatever the warm-up.

    Photographs need a `latent_dim` of 64 to 128 and likelihood="gaussian": two units hold little of them, and the
    Bernoulli likelihood is of black and white pixels.

    Reported: `reconstruction_loss`, `kl_loss`, and `active_units`, the number of code units whose posterior mean
    varies by more than 0.01 over the data.

    Args:
        prior: "normal"; "vamp", the mean of the posteriors of learned pseudo-inputs (Tomczak and Welling 2018); or
            "flow", a learned density of any shape, by affine coupling layers (Dinh et al. 2017).
        num_pseudo_inputs: how many of them.
        num_couplings: how many layers the flow has.
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        (B, *data_shape) -> mean and log variance (B, latent_dim) -> (B, *data_shape).

    Score unit:
        The ELBO at beta = 1, nats per image; of bound="iwae" the importance-weighted bound of eight samples.

    Reference:
        Kingma and Welling 2014, "Auto-encoding variational Bayes", equation 10.

    Example:
        >>> model = kg.VAE(data_shape=(8, 8, 1), latent_dim=2)
        >>> model.compile(optimizer="adam")
        >>> history = model.fit(kg.data.load("digits"), epochs=5, verbose=0)
        >>> images = model.sample(16, seed=1)
    """

    def __init__(
        self,
        data_shape: tuple[int, ...],
        latent_dim: int = 2,
        beta: float = 1.0,
        likelihood: Literal["bernoulli", "gaussian", "discretized_logistic", "table"] = "bernoulli",
        *,
        prior: Literal["normal", "vamp", "flow"] = "normal",
        num_pseudo_inputs: Count = 100,
        num_couplings: Count = 4,
        encoder: str | keras.Model | None = None,
        decoder: str | keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(data_shape, latent_dim, beta, likelihood, **kwargs)
        if prior != "normal" and self.free_bits:
            raise ValueError(f"`free_bits` must be 0 without a normal prior. Received: free_bits={self.free_bits}")
        if prior == "flow" and latent_dim < 2:
            raise ValueError(
                f"A flow moves units by others: `latent_dim` must be 2 or more. Received: latent_dim={latent_dim}"
            )
        self.prior = prior
        self.num_pseudo_inputs = num_pseudo_inputs
        self.num_couplings = num_couplings
        self.build_networks(encoder, decoder)
        if prior == "vamp":
            self.code_prior = VampPrior(num_pseudo_inputs, self.data_shape, self.bounded, self.posterior)
        elif prior == "flow":
            self.code_prior = FlowPrior(latent_dim, num_couplings)
