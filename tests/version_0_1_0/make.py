"""Made the files beside it, on version 0.1.0: a small trained model of each class, what it gave, and how it went on.

PYTHONPATH=checkout_of_0.1.0 python tests/version_0_1_0/make.py
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ["KERAS_GEN_XLA"] = "0"

import keras
import numpy as np

FOLDER = Path(__file__).parent
NAMES = (
    *("autoencoder", "linear", "sparse", "denoising", "contractive", "separator", "vae_iwae_logistic", "vae_vamp"),
    *("conditional_vae", "mixture_vae", "semi_supervised_vae_on_features", "gan", "infogan", "rbm_persistent"),
    *("adversarial_autoencoder_semi_supervised", "pix2pix", "cyclegan", "deep_belief_network_up_down"),
    "deep_boltzmann_machine",
)


def outputs(model, case):
    """What a model gives, as plain numbers."""
    found = {}
    if "sample" in model.offers:
        options = {"steps": 5} if hasattr(model, "walk") else {}
        found["sample"] = np.asarray(model.sample(2, seed=1, **options)).ravel()[:40].tolist()
    if "score" in model.offers:
        found["score"] = np.asarray(model.score(case.x[:4], **case.labels_of(slice(4)))).tolist()
    if "translate" in model.offers:
        found["translate"] = np.asarray(model.translate(case.x[:1])).ravel()[:40].tolist()
    return found


def go_on(model, case):
    """Trains a model for another epoch, as the same for each version. -> sums of its trainable weights."""
    x, y = case.pair()
    model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    return [float(np.sum(np.abs(np.asarray(weight, "float64")))) for weight in model.trainable_weights]


def main():
    sys.path.insert(0, str(Path(os.environ["PYTHONPATH"]) / "tests"))
    from zoo import ZOO

    expected = {}
    for case in ZOO:
        if case.name in NAMES:
            model = case.model(optimizer=keras.optimizers.Adam(1e-3))
            x, y = case.pair()
            model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
            model.save(FOLDER / f"{case.name}.keras")
            expected[case.name] = {"outputs": outputs(model, case), "step": int(model.step)}
            expected[case.name]["weights"] = go_on(model, case)
            print(case.name, flush=True)
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
