"""Lower bounds of log p(x) by draws of the posterior: what a variational autoencoder minimises, and its score."""

import math

import tensorflow as tf
from keras import ops


class ElboBound:
    """`E_q[log p(x | z)] - D(q(z | x), p(z))`, with the divergence of the model."""

    watched = ()
    balances_draws = True  # whether the draws of an evaluation are balanced to mean 0 and variance 1

    @staticmethod
    def terms(model, nll, z, mean, log_variance, training: bool) -> dict:
        """What is minimised, of `-log p(x | z_k)`, (k, B), for draws z, (k, B, D). -> terms by name, (B,) each."""
        return {"reconstruction_loss": ops.mean(nll, axis=0), **model.divergence_terms(mean, log_variance, z)}

    @staticmethod
    def value(model, nll, z, mean, log_variance) -> tf.Tensor:
        """The bound at beta = 1. -> (B,), nats."""
        return -ops.mean(nll, axis=0) - ops.sum(model.code_prior.kl(mean, log_variance, z), axis=-1)


class IwaeBound:
    """`E[log 1/K sum_k p(x, z_k) / q(z_k | x)]` (Burda et al. 2015, equation 8). The parts are only reported."""

    watched = ("reconstruction_loss", "kl_loss")
    balances_draws = False  # importance weights need standard normal ones

    @staticmethod
    def terms(model, nll, z, mean, log_variance, training: bool) -> dict:
        """As of `ElboBound`."""
        log_weights = model.kl_weight(training) * model.log_ratio(z, mean, log_variance) - nll
        return {**ElboBound.terms(model, nll, z, mean, log_variance, training), "bound": -_log_mean_exp(log_weights)}

    @staticmethod
    def value(model, nll, z, mean, log_variance) -> tf.Tensor:
        """The bound. -> (B,), nats."""
        return _log_mean_exp(model.log_ratio(z, mean, log_variance) - nll)


BOUNDS = {"elbo": ElboBound, "iwae": IwaeBound}


def _log_mean_exp(values):
    """`log 1/K sum_k exp(v_k)`. (K, B) -> (B,)."""
    return ops.logsumexp(values, axis=0) - math.log(values.shape[0])
