"""How far the codes of all data are from the prior, beyond the KL divergence of each posterior from it.

Each is minimised beside it: `beta * KL + divergence_weight * divergence`.
"""

import tensorflow as tf
from keras import ops

from keras_gen import losses
from keras_gen.core import distribution


class KlDivergence:
    """The KL divergence and nothing else."""

    minimised: tuple[str, ...] = ()  # the terms that `divergence_weight` weighs
    watched: tuple[str, ...] = ()  # those that are only reported
    weight: float | None = None  # of the paper, where none is given; None where there is nothing to weigh

    @staticmethod
    def terms(model, mean, log_variance) -> dict:
        """Terms by name, (B,) each, of posteriors (B, D), (B, D)."""
        return {}


class MaximumMeanDiscrepancy(KlDivergence):
    """The maximum mean discrepancy of codes from as many draws of the prior, with inverse multiquadratic kernels.

    Zhao et al. 2019, "InfoVAE: balancing learning and inference in variational autoencoders", with `1 - alpha` as
    `beta` and `alpha + lambda - 1` as `divergence_weight`. With beta=0 it is the MMD-VAE of that paper, and the WAE-MMD
    of Tolstikhin et al. 2018, "Wasserstein auto-encoders", algorithm 2, with a normal posterior.
    """

    minimised = ("mmd_loss",)
    weight = 10.0  # lambda of Tolstikhin et al., for MNIST

    @staticmethod
    def terms(model, mean, log_variance) -> dict:
        codes = distribution.gather(draw_apart(model, mean, log_variance))
        of_prior = distribution.normal(tf.shape(codes), model.noise_key("prior", shared=True))
        return {"mmd_loss": distribution.for_each(losses.maximum_mean_discrepancy(codes, of_prior), mean)}


class TotalCorrelation(KlDivergence):
    """The total correlation of the codes: the units are to be independent.

    Chen et al. 2018, "Isolating sources of disentanglement in variational autoencoders", equation 4, whose beta is here
    `beta + divergence_weight`. The other two parts of the KL divergence are reported; see `losses.kl_decomposition`.
    """

    minimised = ("total_correlation",)
    watched = ("mutual_information", "dimension_wise_kl")
    weight = 5.0

    @staticmethod
    def terms(model, mean, log_variance) -> dict:
        z = draw_apart(model, mean, log_variance)
        means, log_variances = distribution.gather(mean), distribution.gather(log_variance)
        own = distribution.examples_before(mean) + ops.arange(ops.shape(mean)[0])
        count = model.num_examples if model.setting("num_examples") else None  # `fit` knows it
        return losses.kl_decomposition(z, means, log_variances, own, count)._asdict()


class CovariancePenalty(KlDivergence):
    """How far the covariance of the codes is from I.

    Kumar et al. 2018, "Variational inference of disentangled latent concepts from unlabeled observations", DIP-VAE-II:
    the covariance of q(z), `E[diag v(x)] + Cov[m(x)]`, and lambda_od = lambda_d. That of the means alone, DIP-VAE-I,
    would ask every unit to vary, needed or not.
    """

    minimised = ("covariance_loss",)
    weight = 10.0

    @staticmethod
    def terms(model, mean, log_variance) -> dict:
        centred = mean - distribution.global_mean(mean)
        products = ops.matmul(ops.transpose(centred), centred)  # summed over the batch: (D, D), not (B, D, D)
        of_means = distribution.cross_replica_sum(products) / distribution.global_batch_size(centred)
        covariance = of_means + tf.linalg.diag(distribution.global_mean(ops.exp(log_variance)))
        return {"covariance_loss": distribution.for_each(losses.covariance_penalty(covariance), mean)}


DIVERGENCES: dict[str, type[KlDivergence]] = {
    "kl": KlDivergence,
    "mmd": MaximumMeanDiscrepancy,
    "tc": TotalCorrelation,
    "dip": CovariancePenalty,
}


def check_divergence(model, weight: float | None) -> None:
    """Raises a ValueError if a model cannot have the divergence that it asks for, with that weight."""
    name, asked, free_bits = type(model).__name__, model.divergence, model.setting("free_bits")
    if (weight is None) != (asked == "kl"):
        raise ValueError(
            "`divergence_weight` must be None with divergence='kl', and a number with any other. Received: "
            f"divergence_weight={weight}, of a {name} with divergence={asked!r}"
        )
    fits = model.bound == "elbo" and model.has_normal_prior and model.latent_dim and model.supervision != "partial"
    if asked != "kl" and (not fits or free_bits):
        raise ValueError(
            "`divergence` must be 'kl' unless the model has a code, a normal prior, bound='elbo', no free bits and no "
            f"unknown labels. Received: divergence={asked!r}, of a {name} with "
            f"latent_dim={model.latent_dim}, bound={model.bound!r}, free_bits={free_bits}, "
            f"a {type(model.code_prior).__name__}"
        )


def draw_apart(model, mean, log_variance) -> tf.Tensor:
    """A draw of each posterior, (B, D), by noise of its own: that of an evaluation is the same for all examples, so
    that their draws say nothing of how codes are distributed."""
    return model.codes_of(mean, log_variance, distribution.normal(tf.shape(mean), model.noise_key("codes")))
