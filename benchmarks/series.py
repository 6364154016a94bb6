"""The row of series: bodies of an autoencoder of made-up series after the same time of processors."""

import time

import keras
import numpy as np
from sklearn.decomposition import PCA

import keras_gen as kg

STEPS, CODES, COUNT, SECONDS, WARM_UP = 64, 8, 2_000, 30, 2


def _trained(body, x, seed):
    """An autoencoder with such a body, and its epochs."""
    keras.utils.set_random_seed(seed)
    model = kg.Autoencoder(x.shape[1:], CODES, likelihood="gaussian", encoder=body, decoder=body, seed=seed)
    model.compile()
    model.fit(x, batch_size=64, epochs=WARM_UP, verbose=0)  # compiling does not count
    start, epochs = time.process_time(), 0
    while time.process_time() - start < SECONDS:
        model.fit(x, batch_size=64, verbose=0)
        epochs += 1
    return model, epochs + WARM_UP


def bodies_of_series(seeds=(0, 1)):
    """Squared error of held-out series by encoder and decoder, beside principal components."""
    x, _ = kg.data.waves(COUNT, STEPS, seed=0)
    test, _ = kg.data.waves(500, STEPS, seed=1)
    pca = PCA(CODES).fit(x[..., 0])
    linear = pca.inverse_transform(pca.transform(test[..., 0]))
    found = {"principal components": {"error": [float(np.square(linear - test[..., 0]).sum(1).mean())], "epochs": []}}
    for body in ("conv1d", "dense", "recurrent"):
        found[body] = {"error": [], "epochs": []}
        for seed in seeds:
            model, epochs = _trained(body, x, seed)
            error = np.square(model.reconstruct(test) - test).sum((1, 2)).mean()
            found[body]["error"].append(float(error))
            found[body]["epochs"].append(epochs)
            print(body, seed, error, epochs, flush=True)
    shown = "; ".join(
        f"{name} {' and '.join(f'{error:.1f}' for error in figures['error'])}"
        + (f" ({' and '.join(map(str, figures['epochs']))} epochs)" if figures["epochs"] else "")
        for name, figures in found.items()
    )
    return {
        "what": f"Series of {STEPS} steps through {CODES} codes: squared error of a held-out series, by encoder and "
        "decoder, one figure for each seed",
        "published": "none",
        "ours": shown,
        "figures": found,
        "settings": f"{COUNT:,} and 500 `waves`; Autoencoder, Adam 1e-3, batches of 64, {SECONDS} s of processors "
        f"after {WARM_UP} epochs",
        "seed": list(seeds),
    }
