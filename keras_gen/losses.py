"""Loss functions: pure, one value per example, (B, ...) -> (B,).

Each sums over everything but the batch axis, so that a term keeps its meaning when the image grows: nats per
image for likelihoods and divergences, squared error per image for `squared_error`. Nothing here knows of
models, batches or devices.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf
from keras import ops

from keras_gen.face import names_of

LOG_2_PI = math.log(2 * math.pi)


def sum_per_example(values, there=None) -> tf.Tensor:
    """Sums over all axes but the first, of the values where `there` is True, if it is given. (B, ...) -> (B,)."""
    values = values if there is None else ops.where(there, values, 0.0)
    return ops.sum(values, axis=tuple(range(1, len(values.shape))))


def bernoulli(x, mean, there=None) -> tf.Tensor:
    """Negative log-likelihood of independent Bernoulli pixels, `-sum_i x_i log m_i + (1 - x_i) log(1 - m_i)`.

    For x strictly between 0 and 1 this is the cross entropy, not a normalised likelihood.
    Where `mean` comes straight from a sigmoid, Keras computes from its logits, so that a saturated pixel keeps
    its gradient; other means are clipped to [1e-7, 1 - 1e-7].

    Args:
        x: (B, ...) in [0, 1].
        mean: (B, ...) in [0, 1].
        there: (B, ...) bool, which values count; None for all.

    Returns:
        (B,), nats per image.
    """
    return sum_per_example(ops.binary_crossentropy(x, mean), there)


def gaussian(x, mean, log_variance=0.0, there=None) -> tf.Tensor:
    """Negative log-likelihood of independent normal pixels.

    `0.5 * sum_i (log 2 pi + log v + (x_i - m_i)^2 / v)`

    Args:
        x: (B, ...).
        mean: (B, ...).
        log_variance: log v, scalar or broadcastable to x.
        there: (B, ...) bool, which values count; None for all.

    Returns:
        (B,), nats per image; a density, so it may be negative.
    """
    error = ops.square(x - mean) * ops.exp(-log_variance)
    return 0.5 * sum_per_example(error + log_variance + LOG_2_PI, there)


def discretized_logistic(x, mean, log_scale, levels: int = 256) -> tf.Tensor:
    """Negative log-likelihood of pixels of a few levels, each the share that a logistic density has of its bin.

    `-sum_i log(S((x_i - m_i + h) / s) - S((x_i - m_i - h) / s))`, S the sigmoid, h = 1 / (2 (levels - 1)) half a bin;
    the bins of 0 and of 1 reach to infinity (Kingma et al. 2016, "Improving variational inference with inverse
    autoregressive flow", section 5.2).

    Args:
        x: (B, ...), multiples of 1 / (levels - 1) in [0, 1].
        mean: (B, ...).
        log_scale: log s, scalar or broadcastable to x.
        levels: how many values a pixel may have; 256 for 8 bits.

    Returns:
        (B,), nats per image; a probability, so it is never negative.
    """
    half = 0.5 / (levels - 1)
    above = (x - mean + half) * ops.exp(-log_scale)
    below = (x - mean - half) * ops.exp(-log_scale)
    # S(a) - S(b) = S(a) S(-b) (1 - e^(b - a)): no difference of numbers close to 1.
    width = 2 * half * ops.exp(-log_scale)
    inside = ops.log_sigmoid(above) + ops.log_sigmoid(-below) + ops.log(-ops.expm1(-width))
    first, last = x < half, x > 1 - half
    return -sum_per_example(ops.where(first, ops.log_sigmoid(above), ops.where(last, ops.log_sigmoid(-below), inside)))


def squared_error(x, mean, there=None) -> tf.Tensor:
    """Squared Euclidean distance `sum_i (x_i - m_i)^2`. (B, ...), (B, ...) -> (B,), squared error per image.

    With `there`, (B, ...) bool, over the values that it says.
    """
    return sum_per_example(ops.square(x - mean), there)


def bernoulli_kl(rho, rho_hat) -> tf.Tensor:
    """KL divergence of a coin of probability rho_hat from one of probability rho.

    `rho log(rho / rho_hat) + (1 - rho) log((1 - rho) / (1 - rho_hat))` (Ng 2011, "Sparse autoencoder", CS294A lecture
    notes). Its derivative by rho_hat is `-rho / rho_hat + (1 - rho) / (1 - rho_hat)`.

    Args:
        rho: between 0 and 1.
        rho_hat: (...) in [0, 1]; clipped to [1e-7, 1 - 1e-7].

    Returns:
        (...), nats.
    """
    rho_hat = ops.clip(rho_hat, 1e-7, 1 - 1e-7)
    return rho * ops.log(rho / rho_hat) + (1 - rho) * ops.log((1 - rho) / (1 - rho_hat))


def si_sdr(target, estimate) -> tf.Tensor:
    """Scale-invariant signal-to-distortion ratio, `10 log10(|a t|^2 / |a t - e|^2)` with `a = <e, t> / |t|^2`.

    How much of the estimate is the target, whatever its scale (Le Roux et al. 2019, "SDR - half-baked or well done?",
    equation 3). An estimate that holds nothing of the target, be it zero everywhere, counts as -80 dB.

    Args:
        target: (B, ...).
        estimate: (B, ...).

    Returns:
        (B,), dB, between -80 and 80; higher is better.
    """
    scale = sum_per_example(estimate * target) / ops.maximum(sum_per_example(ops.square(target)), 1e-12)
    scaled = ops.reshape(scale, (-1, *[1] * (len(target.shape) - 1))) * target
    signal, noise = sum_per_example(ops.square(scaled)), sum_per_example(ops.square(scaled - estimate))
    ratio = signal / ops.maximum(noise, 1e-12)
    return ops.clip(10 * ops.log10(ops.maximum(ratio, 1e-12)), -80.0, 80.0)


def normal_kl(mean, log_variance) -> tf.Tensor:
    """KL divergence of N(mean, diag exp(log_variance)) from N(0, I), per dimension.

    `0.5 * (m^2 + v - 1 - log v)` (Kingma and Welling 2014, appendix B).

    Args:
        mean: (B, D).
        log_variance: (B, D).

    Returns:
        (B, D), nats; the sum over D is the KL divergence of the posterior from the prior.
    """
    return 0.5 * (ops.square(mean) + ops.exp(log_variance) - 1.0 - log_variance)


def normal_log_density(z, mean=0.0, log_variance=0.0) -> tf.Tensor:
    """Log density of N(mean, diag exp(log_variance)), summed over the last axis. (..., D) -> (...), nats."""
    error = ops.square(z - mean) * ops.exp(-log_variance)
    return -0.5 * ops.sum(error + log_variance + LOG_2_PI, axis=-1)


# === Divergences of an aggregate posterior, q(z) = mean_n q(z | x_n) ===


class Decomposition(NamedTuple):
    """`log q(z|x) / p(z)` of draws z of q(z|x), in three parts, (B,) each, nats; their means add up to the mean KL."""

    mutual_information: tf.Tensor  # between the index of an example and its code, log q(z|x) / q(z)
    total_correlation: tf.Tensor  # log q(z) / prod_d q(z_d): 0 where units are independent
    dimension_wise_kl: tf.Tensor  # sum_d log q(z_d) / p(z_d)


def kl_decomposition(z, mean, log_variance, own=None, num_examples=None) -> Decomposition:
    """The KL divergence of normal posteriors from N(0, I) in three parts, by the draws and posteriors of a batch.

    q(z) and each q(z_d) are mixtures of the posteriors of all N examples, of which the batch holds B'. The posterior
    that z was drawn from, which is always among them, weighs 1 / N, and the others share the rest: `q(z_i)` is taken as
    `1/N q(z_i|x_i) + (1 - 1/N) / (B' - 1) sum_{j != i} q(z_i|x_j)`. That is without bias; its logarithm is not.

    Source: Chen et al. 2018, "Isolating sources of disentanglement in variational autoencoders", equation 2, with the
    stratified sampling of appendix C.2, whose remainder is shared by all others alike.

    Args:
        z: (B, D), a draw of the posterior of each of B examples.
        mean: (B', D), of the posteriors of the batch; of one device B' = B.
        log_variance: (B', D).
        own: (B,), which of the B' each draw is from; None for the same order.
        num_examples: N; None for B', where the batch is all that there is.
    """
    size = ops.shape(mean)[0]
    own = ops.arange(ops.shape(z)[0]) if own is None else own
    is_own = own[:, None] == ops.arange(size)  # (B, B')
    count = ops.cast(size, "float32")
    total = count if num_examples is None else ops.maximum(ops.cast(num_examples, "float32"), count)
    share = ops.where(count > 1, 1.0 / total, 1.0)  # of one example alone, q(z) is its posterior
    log_weight = ops.log(ops.where(is_own, share, (1.0 - share) / ops.maximum(count - 1.0, 1.0)))
    error = ops.square(z[:, None] - mean) * ops.exp(-log_variance)
    of_units = -0.5 * (error + log_variance + LOG_2_PI)  # (B, B', D)
    of_codes = ops.sum(of_units, axis=-1)
    log_posterior = ops.sum(ops.where(is_own, of_codes, 0.0), axis=1)
    log_code = ops.logsumexp(log_weight + of_codes, axis=1)
    log_units = ops.sum(ops.logsumexp(log_weight[..., None] + of_units, axis=1), axis=-1)
    return Decomposition(log_posterior - log_code, log_code - log_units, log_units - normal_log_density(z))


SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # of the kernel, as in the code of Tolstikhin et al.


def inverse_multiquadratic(a, b) -> tf.Tensor:
    """Kernel `sum_s C_s / (C_s + |a_i - b_j|^2)`, `C_s = 2 D s`, s one of `SCALES`. (N, D), (M, D) -> (N, M).

    2 D is the mean squared distance of two draws of N(0, I) (Tolstikhin et al. 2018, section 4).
    """
    squares = ops.sum(ops.square(a), -1)[:, None] + ops.sum(ops.square(b), -1) - 2 * ops.matmul(a, ops.transpose(b))
    constants = [2.0 * a.shape[-1] * scale for scale in SCALES]
    return sum(constant / (constant + ops.maximum(squares, 0.0)) for constant in constants)


def maximum_mean_discrepancy(a, b, kernel=inverse_multiquadratic) -> tf.Tensor:
    """Squared maximum mean discrepancy of two distributions, by samples. (N, D), (M, D) -> scalar.

    `mean_{i != j} k(a_i, a_j) + mean_{i != j} k(b_i, b_j) - 2 mean_{i,j} k(a_i, b_j)`: without bias, so that it may be
    below 0 (Gretton et al. 2012, "A kernel two-sample test", equation 3).
    """

    def of_pairs(x):
        values, n = kernel(x, x), ops.cast(ops.shape(x)[0], "float32")
        return (ops.sum(values) - ops.sum(tf.linalg.diag_part(values))) / ops.maximum(n * (n - 1), 1.0)

    return of_pairs(a) + of_pairs(b) - 2 * ops.mean(kernel(a, b))


def covariance_penalty(covariance) -> tf.Tensor:
    """How far a covariance is from that of N(0, I), `sum_ij (C_ij - I_ij)^2`. (D, D) -> scalar.

    Source: Kumar et al. 2018, "Variational inference of disentangled latent concepts from unlabeled observations", with
    one weight for what lies on the diagonal and beside it.
    """
    return ops.sum(ops.square(covariance - ops.eye(covariance.shape[-1])))


# === Adversarial losses: of a critic's value d(x), a logit where D(x) = sigmoid(d(x)) is a probability ===


class AdversarialLoss(NamedTuple):
    """What the players of a GAN minimise; each a function of the critic's values, (B,) -> (B,)."""

    real: Callable  # the discriminator, of d(x)
    fake: Callable  # the discriminator, of d(G(z))
    generator: Callable  # the generator, of d(G(z))
    is_logit: bool  # whether d is the logit of a probability
    at_chance: float | None  # the discriminator's loss where it cannot tell real from fake, if there is such a value


ADVERSARIAL = {
    # Goodfellow et al. 2014, equation 1: -log D(x) - log(1 - D(G(z))); log(1 - D(G(z)))
    "minimax": AdversarialLoss(
        lambda d: ops.softplus(-d), lambda d: ops.softplus(d), lambda d: -ops.softplus(d), True, 2 * math.log(2)
    ),
    # Goodfellow et al. 2014, section 3: the same discriminator; -log D(G(z))
    "non_saturating": AdversarialLoss(
        lambda d: ops.softplus(-d), lambda d: ops.softplus(d), lambda d: ops.softplus(-d), True, 2 * math.log(2)
    ),
    # Mao et al. 2017, equation 9: (d(x) - 1)^2 / 2 + d(G(z))^2 / 2; (d(G(z)) - 1)^2 / 2
    "least_squares": AdversarialLoss(
        lambda d: ops.square(d - 1) / 2, lambda d: ops.square(d) / 2, lambda d: ops.square(d - 1) / 2, False, 0.25
    ),
    # Miyato et al. 2018, equations 16 and 17: max(0, 1 - d(x)) + max(0, 1 + d(G(z))); -d(G(z))
    "hinge": AdversarialLoss(lambda d: ops.relu(1 - d), lambda d: ops.relu(1 + d), lambda d: -d, False, 2.0),
    # Arjovsky et al. 2017, equation 2; its critic is to be Lipschitz: see `gradient_penalty`
    "wasserstein_gp": AdversarialLoss(lambda d: -d, lambda d: d, lambda d: -d, False, None),
}


def gradient_penalty(gradient) -> tf.Tensor:
    """How far a critic's gradient is from length 1, `(|grad d(x)| - 1)^2`. (B, ...) -> (B,).

    Source: Gulrajani et al. 2017, equation 3, at points drawn uniformly between real and generated images.
    """
    length = ops.sqrt(sum_per_example(ops.square(gradient)) + 1e-12)  # its derivative at 0 is not a number
    return ops.square(length - 1)


__dir__ = names_of(globals())
