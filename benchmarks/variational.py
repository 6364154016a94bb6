"""The rows of the variational family; run by `reproduce.py`."""

import keras
import numpy as np

import keras_gen as kg

SHAPE = (28, 28, 1)


def cosine(rate, epochs, steps, warmup_epochs=0):
    """A schedule of `steps` per epoch: up to `rate`, then by a cosine to 0."""
    warmup = {"warmup_target": rate, "warmup_steps": warmup_epochs * steps} if warmup_epochs else {}
    start = 0.0 if warmup_epochs else rate
    return keras.optimizers.schedules.CosineDecay(start, (epochs - warmup_epochs) * steps, **warmup)


def burda_schedule(steps, stages=8):
    """Burda et al. 2015: 1e-3 * 10^(-i/7) for 3^i epochs, i = 0..7: 3,280 epochs."""
    ends = np.cumsum([3**i for i in range(stages)])
    rates = [1e-3 * 10 ** (-i / 7) for i in range(stages)]
    return keras.optimizers.schedules.PiecewiseConstantDecay([int(end) * steps for end in ends[:-1]], rates), ends[-1]


def dynamic_binarization(num_samples, bound, epochs=300, rate=2e-3, batch_size=100, published=False, seed=0):
    """784-200-200-50-200-200-784, tanh, of Burda et al. 2015; NLL by 5,000 samples."""
    keras.utils.set_random_seed(seed)
    batch_size = 20 if published else batch_size
    train = kg.data.load("mnist", "train", binarize="dynamic", batch_size=batch_size, seed=seed)
    test = kg.data.stack(kg.data.load("mnist", "test", binarize="static", seed=seed))
    model = kg.VAE(
        SHAPE,
        latent_dim=50,
        num_samples=num_samples,
        bound=bound,
        encoder=kg.networks.dense_encoder(SHAPE, (200, 200), "tanh"),
        decoder=kg.networks.dense_decoder(50, SHAPE, (200, 200), "tanh"),
        seed=seed,
    )
    pixel_means = np.mean(kg.data.stack(kg.data.load("mnist", "train", shuffle=False)), axis=0).clip(1e-3, 1 - 1e-3)
    output = model.image.get_layer("dense")
    output.bias.assign(np.log(pixel_means / (1 - pixel_means)).ravel())
    steps = int(train.cardinality())
    if published:
        schedule, epochs = burda_schedule(steps)
        optimizer, said = keras.optimizers.Adam(schedule, epsilon=1e-4), "the published schedule, Adam epsilon 1e-4"
    else:
        optimizer = keras.optimizers.Adam(cosine(rate, epochs, steps, warmup_epochs=5))
        said = f"Adam, 5 epochs up to {rate:g}, then cosine to 0 at epoch {epochs}"
    model.compile(optimizer=optimizer)
    history = model.fit(train, epochs=int(epochs), verbose=2).history
    likelihood = kg.evaluation.log_likelihood(model, test, num_samples=5_000, seed=seed, verbose=0)
    figures = model.evaluate(test, batch_size=500, verbose=0, return_dict=True)
    active = int(figures["active_units"])
    known = {(1, "elbo"): "86.76 (19)", (5, "elbo"): "86.47 (20)", (50, "elbo"): "86.35 (20)"}
    known |= {(5, "iwae"): "85.54 (22)", (50, "iwae"): "84.78 (25)"}
    name = {"elbo": "VAE", "iwae": "IWAE"}[bound]
    return {
        "what": f"{name}, k = {num_samples}, dynamic binarization, NLL of the 10,000 test images, nats, 5,000 "
        "importance samples (active units)",
        "published": known[num_samples, bound],
        "ours": f"{-likelihood.mean():.2f} ({active})",
        "figures": {
            "nll": -likelihood.mean(),
            "nll_standard_error": likelihood.std() / np.sqrt(len(test)),
            "test": figures,
            "train_loss": history["loss"][-1],
        },
        "settings": f"784-200-200-50-200-200-784 tanh, output bias = logit of the pixel means; {said}, batch "
        f"{batch_size}, 60,000 images, the last weights; test images binarized once with seed {seed}",
        "seed": seed,
    }


def dynamic_vae_k1():
    return dynamic_binarization(1, "elbo")


def dynamic_vae_k5():
    return dynamic_binarization(5, "elbo")


def dynamic_iwae_k5():
    return dynamic_binarization(5, "iwae")


def overnight_vae_k1():
    return dynamic_binarization(1, "elbo", published=True)


def overnight_iwae_k50():
    return dynamic_binarization(50, "iwae", published=True)
