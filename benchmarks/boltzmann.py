"""The rows of the Boltzmann machines; run by `reproduce.py`."""

import keras
import numpy as np
from autoencoders import fine_tuned_error, mnist, probe_error
from claims import CLAIMS
from common import SHAPE

import keras_gen as kg

BATCH = 100
AIS = {"num_chains": 100, "num_temperatures": 14_500}  # as published


def rbm_likelihood_cd1(seed=0):
    return _log_likelihood(seed, "CD-1", "-125.53", weight_decay=5e-4)


def rbm_likelihood_cd3(seed=0):
    return _log_likelihood(
        seed, "CD-3", "-105.50 (CD-3; not re-checked), -86.34 (CD-25)", weight_decay=5e-4, gibbs_steps=3
    )


def rbm_likelihood_pcd(seed=0):
    return _log_likelihood(seed, "PCD-1", "-86.34 (CD-25)", persistent=True)


def _log_likelihood(seed, name, published, units=500, epochs=40, **arguments):
    """Test log-likelihood of RBM-500. Settings were chosen on the last 10,000 training images."""
    train = kg.data.load("mnist", binarize="dynamic", batch_size=BATCH, seed=seed, drop_remainder=True)
    test = kg.data.stack(kg.data.load("mnist", "test", binarize="static", shuffle=False))
    keras.utils.set_random_seed(seed)
    model = kg.RBM(SHAPE, units, **arguments, seed=seed)
    model.compile(**model.default_optimizers(decay_steps=epochs * int(train.cardinality())))
    model.fit(train, epochs=epochs, verbose=2)
    estimate = kg.evaluation.annealed_importance_sampling(model, test, **AIS, seed=seed)
    value = float(estimate.log_likelihood.mean())
    return {
        "what": f"RBM-{units} by {name}: log p(x) of the test images of MNIST, statically binarized, by annealed "
        "importance sampling, nats",
        "published": published,
        "ours": f"{value:.2f}",
        "figures": {"log_likelihood": value, "log_z": estimate.log_z, "low": estimate.low, "high": estimate.high},
        "settings": f"SGD {model.learning_rate}, momentum {model.momentum}, cosine to 0, {epochs} epochs, batch "
        f"{BATCH}, dynamically binarized; weight decay {model.weight_decay:g}; {AIS['num_chains']} chains, "
        f"{AIS['num_temperatures']} temperatures; rate and weight decay chosen on 10,000 training images",
        "seed": seed,
    }


def rbm_features(seed=0, units=1024, epochs=40, weight_decay=2e-4, tuning_epochs=30, tuning_rate=1e-3):
    """Errors of logistic regression on the hidden probabilities, and of the fine-tuned network."""
    (x, y), (test, labels) = mnist()
    keras.utils.set_random_seed(seed)
    model = kg.RBM(SHAPE, units, weight_decay=weight_decay, seed=seed)
    model.compile(**model.default_optimizers(decay_steps=epochs * -(-len(x) // BATCH)))
    model.fit(x, epochs=epochs, batch_size=BATCH, verbose=2)
    figures = {
        "features": probe_error(model.encode(x), y, model.encode(test), labels),
        "fine_tuned": fine_tuned_error(model, x, y, test, labels, tuning_epochs, tuning_rate),
    }
    return {
        "what": f"RBM-{units}, CD-1: test error % of logistic regression on its features, and fine-tuned",
        "published": "1.83 and 1.27",
        "ours": f"{100 * figures['features']:.2f} and {100 * figures['fine_tuned']:.2f}",
        "figures": figures,
        "settings": f"SGD {model.learning_rate}, momentum {model.momentum}, cosine to 0, {epochs} epochs, weight decay "
        f"{weight_decay:g}, batch {BATCH}, gray values as probabilities; fine-tuning "
        f"Adam {tuning_rate:g}, {tuning_epochs} epochs",
        "seed": seed,
    }


def deep_belief_network(
    seed=0, units=(500, 500, 2000), epochs=45, weight_decay=2e-4, tuning_epochs=30, tuning_rate=5e-4
):
    """Error of a fine-tuned network of three layers."""
    (x, y), (test, labels) = mnist()
    keras.utils.set_random_seed(seed)
    model = kg.DeepBeliefNetwork(SHAPE, units, weight_decay=weight_decay, seed=seed)
    model.compile(**model.default_optimizers(decay_steps=epochs * -(-len(x) // BATCH)))
    model.fit(x, epochs=epochs, batch_size=BATCH, verbose=2)
    error = fine_tuned_error(model, x, y, test, labels, tuning_epochs, tuning_rate)
    test_binary = kg.data.stack(kg.data.load("mnist", "test", binarize="static", shuffle=False))
    estimate = kg.evaluation.annealed_importance_sampling(model, test_binary, **AIS, seed=seed)
    bound = float(np.mean(estimate.log_likelihood))
    return {
        "what": "Deep belief network: test error % after fine-tuning; lower bound of log p(x), nats",
        "published": "1.34 (three layers); bound -86.2 (RBM-500 and a layer of 2000)",
        "ours": f"{100 * error:.2f}; {bound:.2f}",
        "figures": {"error": error, "bound": bound, "log_z": estimate.log_z},
        "settings": f"{'-'.join(map(str, units))}, CD-1, SGD {model.own_rate} each, momentum {model.momentum}, "
        f"cosine to 0, {epochs} epochs for all layers together, weight decay {weight_decay:g}, batch {BATCH}; "
        f"fine-tuning Adam {tuning_rate:g}, {tuning_epochs} epochs",
        "seed": seed,
    }


def deep_boltzmann_machine(seed=0, units=(500, 1000), epochs=16, pretraining=0.25, rate=0.02, weight_decay=2e-4):
    """Lower bound of the test log-likelihood of a machine of two hidden layers."""
    train = kg.data.load("mnist", binarize="dynamic", batch_size=BATCH, seed=seed, drop_remainder=True)
    test = kg.data.stack(kg.data.load("mnist", "test", binarize="static", shuffle=False))
    keras.utils.set_random_seed(seed)
    model = kg.DeepBoltzmannMachine(SHAPE, units, pretraining=pretraining, weight_decay=weight_decay, seed=seed)
    model.compile(**model.default_optimizers(rate, decay_steps=epochs * int(train.cardinality())))
    model.fit(train, epochs=epochs, verbose=2)
    # From the base rates of images and from noise: a mode that one set of chains misses the other may find, and an
    # estimate of log Z is too small rather than too large, so that the larger is taken.
    score = float(model.score(test).mean())
    estimates = [kg.evaluation.annealed_importance_sampling(model, x, **AIS, seed=seed) for x in (test, None)]
    estimate = max(estimates, key=lambda one: one.log_z)
    figures = {
        "bound": score - estimate.log_z,
        "score": score,
        **{
            f"{figure} from {start}": getattr(one, figure)
            for start, one in zip(("images", "noise"), estimates, strict=True)
            for figure in ("log_z", "low", "high")
        },
    }
    sure = np.isfinite(estimate.low) and np.isfinite(estimate.high)
    said = CLAIMS["deep_boltzmann_machine"](figures)
    return {
        "what": "Deep Boltzmann machine of two hidden layers: lower bound of log p(x) of the test images of MNIST, "
        "statically binarized, by annealed importance sampling, nats",
        "published": "-84.62 (100 epochs of pretraining, then 300)",
        "ours": said if sure else f"none: the estimate of log Z failed ({said})",
        "figures": figures,
        "settings": f"{'-'.join(map(str, units))}, {epochs} epochs, {pretraining:.0%} of them pretraining; "
        f"SGD {rate:g}, cosine to 0, weight decay {weight_decay:g}; batch {BATCH}, dynamically binarized; "
        f"{model.mean_field_steps} sweeps of mean field; {model.num_chains} chains of {model.gibbs_steps} steps; the "
        f"larger log Z of {AIS['num_chains']} chains from base rates and as many from noise, "
        f"{AIS['num_temperatures']} temperatures",
        "seed": seed,
    }
