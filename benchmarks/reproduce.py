"""Published figures, measured again: `python benchmarks/reproduce.py ROW` writes benchmarks/results/ROW.json.

`python benchmarks/reproduce.py table` makes RESULTS.md from all of them. Rows take minutes to an hour; each says its
settings, seed, minutes and machine. TFDS_DATA_DIR must lead to the prepared MNIST.
"""

import json
import os
import platform
import sys
import time
from pathlib import Path

import autoencoders
import keras
import numpy as np
import variational

import keras_gen as kg

FOLDER = Path(__file__).parent
ROWS = {}


def row(function):
    """Registers a row: a function that returns a dict with `what`, `published`, `figures` and `settings`.

    Where one training makes several rows, the function returns them by name.
    """
    ROWS[function.__name__] = function
    return function


for function in (
    autoencoders.linear_autoencoder_is_pca,
    autoencoders.deep_autoencoder_30,
    autoencoders.features_1000,
    autoencoders.stacked_sparse,
    autoencoders.denoising,
    autoencoders.separation,
    autoencoders.compression,
    variational.dynamic_vae_k1,
    variational.dynamic_vae_k5,
    variational.dynamic_iwae_k5,
    variational.overnight_vae_k1,
    variational.overnight_iwae_k50,
):
    row(function)


@row
def vae_static_binarization(
    seed=0, epochs=600, batch_size=100, learning_rate=2.5e-3, warmup_epochs=10, kl_warmup_epochs=50
):
    keras.utils.set_random_seed(seed)
    options = {"binarize": "static", "seed": seed, "batch_size": batch_size}
    train = kg.data.load("mnist", "train", **options)
    test = kg.data.stack(kg.data.load("mnist", "test", **options))
    shape, steps = (28, 28, 1), int(train.cardinality())
    model = kg.VAE(
        shape,
        latent_dim=40,
        encoder=kg.networks.dense_encoder(shape, hidden=(400,)),
        decoder=kg.networks.dense_decoder(40, shape, hidden=(400,)),
        warmup_steps=kl_warmup_epochs * steps,
        seed=seed,
    )
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, (epochs - warmup_epochs) * steps, warmup_target=learning_rate, warmup_steps=warmup_epochs * steps
    )
    model.compile(optimizer=keras.optimizers.Adam(schedule))
    history = model.fit(train, epochs=epochs, verbose=2)
    likelihood = kg.evaluation.log_likelihood(model, test, num_samples=200, seed=seed, verbose=0)
    return {
        "what": "VAE, static binarization, NLL of the 10,000 test images, nats, 200 importance samples",
        "published": "89.9; 89.78 by pythae (the classic binarized file; Adam 1e-4, batch 100, 500 epochs)",
        "ours": f"{-likelihood.mean():.2f}",
        "figures": {
            "nll": -likelihood.mean(),
            "nll_standard_error": likelihood.std() / np.sqrt(len(test)),
            "test": model.evaluate(test, batch_size=500, verbose=0, return_dict=True),
            "train_loss": history.history["loss"][-1],
        },
        "settings": f"784-400-40-400-784 ReLU; Adam, {warmup_epochs} epochs up to {learning_rate:g}, then cosine to 0 "
        f"at epoch {epochs}, KL warm-up over {kl_warmup_epochs} epochs, batch {batch_size}, the last weights; "
        f"60,000 images; binarized once with seed {seed} (not the classic file)",
        "seed": seed,
    }


def machine():
    """What the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "keras": keras.__version__,
        "keras_gen": kg.__version__,
    }


def table():
    """RESULTS.md from all results."""
    lines = [
        "# Results",
        "",
        "Made by `python benchmarks/reproduce.py table` from `benchmarks/results/*.json`; not edited by hand.",
        "",
        "| row | what | published | ours | settings | seed | minutes | cores |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for path in sorted((FOLDER / "results").glob("*.json")):
        r = json.loads(path.read_text())
        cells = [
            path.stem,
            r["what"],
            r["published"],
            f"**{r['ours']}**",
            r["settings"],
            r["seed"],
            f"{r['minutes']:.1f}",
        ]
        cells.append(r["machine"]["cores"])
        lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
    (FOLDER / "RESULTS.md").write_text("\n".join(lines) + "\n")


def main():
    name = sys.argv[1] if len(sys.argv) == 2 else None
    if name == "table":
        return table()
    if name not in ROWS:
        sys.exit(f"usage: python benchmarks/reproduce.py ROW, one of {', '.join(ROWS)}; or table")
    start = time.time()
    result = ROWS[name]()
    about = {"minutes": (time.time() - start) / 60, "machine": machine()}
    (FOLDER / "results").mkdir(exist_ok=True)
    for key, part in ({name: result} if "what" in result else result).items():
        (FOLDER / "results" / f"{key}.json").write_text(json.dumps(part | about, indent=2, default=float) + "\n")
    table()


if __name__ == "__main__":
    main()
