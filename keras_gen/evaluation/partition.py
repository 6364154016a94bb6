"""The partition function of Boltzmann machines, and with it their likelihood."""

import warnings
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_gen import boltzmann
from keras_gen.core import check_whole, distribution

TEMPERATURES_PER_CALL = 250
SCHEDULE = ((0.5, 500), (0.4, 4_000), (0.1, 10_000))  # of beta, its parts and their shares of the temperatures
SMOOTHING = 0.05  # how far the base rates stay from 0 and 1
DEVIATIONS = 3
ROUNDING = 0.1  # nats, of energies of many units in float32


class PartitionEstimate(NamedTuple):
    """What `annealed_importance_sampling` found.

    Args:
        log_z: the estimate of log Z, nats. The estimate of Z is unbiased, so that its logarithm tends to be too small.
        low: log of the estimate of Z minus three of its standard deviations; -inf where the chains are too few to tell.
        high: log of the estimate of Z plus three; inf where the chains missed a mode.
        log_likelihood: (N,) nats per image, or None where no images were given: log p(x) for an `RBM`, a lower
            bound of it for deeper machines.
    """

    log_z: float
    low: float
    high: float
    log_likelihood: np.ndarray | None


def exact_log_partition(model: keras.Model) -> float:
    """log Z of a Boltzmann machine, exact: the sum over all states of its smaller side, at most 2^20.

    Args:
        model: a model with a `machine`.

    Returns:
        float, nats.

    Raises:
        ValueError: if both sides have more than 20 units, or the only side that is binary.
    """
    return boltzmann.log_partition(_machine(model))


def annealed_importance_sampling(
    model: keras.Model,
    images=None,
    num_chains: int = 100,
    num_temperatures: int = 14_500,
    seed: int = 0,
    verbose: int = 1,
) -> PartitionEstimate:
    """log Z of a Boltzmann machine, by chains that lead to it in small steps from a machine without weights.

    With `p_k(v) ~ exp((1 - beta_k) b_A.v + beta_k b.v) prod_j (1 + exp(beta_k (c_j + v W_j)))`, beta from 0 to 1, the
    weight of a chain is the product of the ratios p*_k(v_k) / p*_(k-1)(v_k), whose mean is Z / Z_A. The biases b_A are
    those of the base rates of the images, where some are given; a deep Boltzmann machine, where x lies on the other
    side, begins at the base rates of all units in the mean field of the images. The schedule is the paper's, stretched
    or shrunk: of 14,500 temperatures 500 lie below 0.5, 4,000 below 0.9 and 10,000 above.

    Args:
        model: a model with a `machine`: `RBM`, `DeepBeliefNetwork` (its top) or `DeepBoltzmannMachine`.
        images: (N, *data_shape), or a dataset of them, whose likelihood is asked for; or None.
        num_chains: how many, side by side.
        num_temperatures: how many steps each makes.
        seed: of the chains.
        verbose: 1 for a progress bar, 0 for silence.

    Returns:
        A `PartitionEstimate`.

    Raises:
        NotImplementedError: if the model is no Boltzmann machine.
        ValueError: if there are no chains or no temperatures.

    Reference:
        Salakhutdinov and Murray 2008, "On the quantitative analysis of deep belief networks", section 4.
    """
    check_whole(2, num_chains=num_chains)
    check_whole(1, num_temperatures=num_temperatures)
    machine = _machine(model)
    scores = None if images is None else np.asarray(model.score(images), "float64")  # says what is wrong with images
    base = _base_machine(model, machine, images)
    betas = tf.constant(_schedule(num_temperatures), tf.float32)
    key = distribution.noise_key(seed, 0, "annealed importance sampling")
    v = _first_states(base, num_chains, tf.random.experimental.stateless_fold_in(key, num_temperatures + 1))
    log_weights = tf.zeros((num_chains,), tf.float64)
    progress = keras.utils.Progbar(num_temperatures, verbose=verbose, unit_name="temperature")
    for start in range(0, num_temperatures, TEMPERATURES_PER_CALL):
        stop = min(start + TEMPERATURES_PER_CALL, num_temperatures)
        v, log_weights = _anneal(machine, base, betas, tf.constant(start), tf.constant(stop), v, log_weights, key)
        progress.update(stop)
    log_ratios = log_weights.numpy()
    log_mean = np.logaddexp.reduce(log_ratios) - np.log(num_chains)
    relative = np.exp(log_ratios - log_mean).std(ddof=1) / np.sqrt(num_chains)  # deviation of the mean weight
    log_z = _log_base_partition(base) + log_mean
    low = log_z + np.log1p(-DEVIATIONS * relative) if DEVIATIONS * relative < 1 else -np.inf
    high = log_z + np.log1p(DEVIATIONS * relative)
    alone = _all_off_bound(machine)
    if high < alone - ROUNDING:
        warnings.warn(
            f"log Z must be at least {alone:.1f}, the part of the states with one side off, but the chains found "
            f"{log_z:.1f}: they miss a mode of the machine. The bound is returned as log Z, and the true log p(x) is "
            "at most what is returned",
            stacklevel=2,
        )
        log_z, low, high = alone, alone, np.inf
    elif not np.isfinite(low):
        warnings.warn(
            "A few chains carry all the weight: log Z is probably too small, and log p(x) too large. Use more "
            "chains and more temperatures, or a machine with smaller weights",
            stacklevel=2,
        )
    log_likelihood = None if scores is None else scores - log_z
    return PartitionEstimate(float(log_z), float(low), float(high), log_likelihood)


def _machine(model):
    if not hasattr(model, "machine"):
        raise NotImplementedError(
            f"A partition function needs a Boltzmann machine, such as `kg.RBM`. Received: {type(model).__name__}"
        )
    with model.using_averages():
        return model.machine


def _schedule(count):
    """beta_0 = 0 to beta_count = 1."""
    parts = np.array([share for _, share in SCHEDULE], "float64")
    ends = np.cumsum(parts) / parts.sum() * count
    return np.interp(np.arange(count + 1), [0, *ends], np.cumsum([0, *(length for length, _ in SCHEDULE)]))


def _base_machine(model, machine, images):
    """The machine without weights, where the chains begin: its biases are those of the base rates of the images."""
    visible = tf.zeros_like(machine.visible_bias) if machine.sigma is None else machine.visible_bias
    base = boltzmann.Machine(tf.zeros_like(machine.kernel), visible, tf.zeros_like(machine.hidden_bias), machine.sigma)
    if images is None:
        return base
    return base._replace(
        **{name: tf.constant(boltzmann.log_odds(rates, SMOOTHING)) for name, rates in model.base_rates(images).items()}
    )


def _first_states(base, count, key):
    mean = tf.repeat(base.visible_bias[None], count, axis=0)
    if base.sigma is None:
        return boltzmann.draw(tf.sigmoid(mean), key)
    return mean + base.sigma * distribution.normal(tf.shape(mean), key)


def _log_base_partition(base):
    """log Z_A of a machine without weights."""
    hidden = np.logaddexp(0, base.hidden_bias.numpy().astype("float64")).sum()
    if base.sigma is None:
        return float(hidden + np.logaddexp(0, base.visible_bias.numpy().astype("float64")).sum())
    return float(hidden + len(base.visible_bias) / 2 * np.log(2 * np.pi * base.sigma**2))


def _all_off_bound(machine):
    """A lower bound of log Z: the log of the sum over all states of one side, with all units of the other side off."""
    energies = [machine.hidden_free_energy(tf.zeros_like(machine.hidden_bias)[None])]
    if machine.sigma is None:
        energies.append(machine.free_energy(tf.zeros_like(machine.visible_bias)[None]))
    return -float(tf.reduce_min(energies))


@tf.function
def _anneal(machine, base, betas, start, stop, v, log_weights, key):
    """Chains v, (N, D), and the logs of their weights, from one temperature to another."""

    def step(k, v, log_weights):
        before, beta = betas[k], betas[k + 1]
        field = machine.hidden_logits(v) - base.hidden_bias
        logits = base.hidden_bias + beta * field
        gain = tf.reduce_sum(tf.nn.softplus(logits) - tf.nn.softplus(base.hidden_bias + before * field), axis=-1)
        if machine.sigma is None:
            gain += (beta - before) * tf.linalg.matvec(v, machine.visible_bias - base.visible_bias)
        own = tf.random.experimental.stateless_fold_in(key, k)
        h = boltzmann.draw(tf.sigmoid(logits), tf.random.experimental.stateless_fold_in(own, 0))
        bias = base.visible_bias + beta * (machine.visible_bias - base.visible_bias)
        tempered = machine._replace(visible_bias=bias)
        v = tempered.draw_visible(beta * h, tf.random.experimental.stateless_fold_in(own, 1))
        return k + 1, v, log_weights + tf.cast(gain, tf.float64)

    return tf.while_loop(lambda k, *_: k < stop, step, (start, v, log_weights))[1:]
