"""Rows on searches: what Keras Tuner finds, beside the values that were set by hand."""

import tempfile
from pathlib import Path

from claims import CLAIMS

import keras_gen as kg

RESULTS = Path(__file__).parent / "results"


def search_vae():
    """Beta and the latent size of a VAE, by the importance-sampled likelihood of held-out images."""
    return _beside_by_hand(
        "search_vae",
        "VAE on MNIST: beta 0.5 to 4 and latent size 4 to 64, by importance-sampled likelihood",
        {"model": "vae", "objective": "log_likelihood", "binarize": "static", "encoder": "dense"},
        space={"beta": (0.5, 4.0, "log"), "latent_dim": (4, 64, "log")},
        by_hand={"beta": [1.0], "latent_dim": [16]},
        test="log_likelihood",
    )


def search_sparse():
    """Rho and beta of a sparse autoencoder, by a linear probe of the codes of held-out images."""
    return _beside_by_hand(
        "search_sparse",
        "Sparse autoencoder of 400 units on MNIST: rho 0.01 to 0.3 and beta 0.1 to 10, by a linear probe of the codes",
        {"model": "sparse_autoencoder", "objective": "probe_accuracy", "latent_dim": 400},
        space={"rho": (0.01, 0.3, "log"), "beta": (0.1, 10.0, "log")},
        by_hand={"rho": [0.05], "beta": [3.0]},
        test="linear_probe",
    )


def _beside_by_hand(name, what, options, *, space, by_hand, test, trials=16, epochs=10):
    """A row, and the report of the search beside it as NAME.md and NAME.png."""
    options = options | {"data": "mnist", "epochs": epochs, "algorithm": "bayesian", "seed": 0}
    with tempfile.TemporaryDirectory() as folder:
        found = kg.tuning.search(space=space, max_trials=trials, out=f"{folder}/search", **options)
        hand = kg.tuning.search(space=by_hand, max_trials=1, out=f"{folder}/hand", **options)
        tests = {
            key: _test_figure(result.folder / "best", test, options.get("binarize"))
            for key, result in {"searched": found, "by hand": hand}.items()
        }
        report = (found.folder / "report.md").read_text().replace("objective.png", f"{name}.png")
        (RESULTS / f"{name}.md").write_text(report)
        (RESULTS / f"{name}.png").write_bytes((found.folder / "objective.png").read_bytes())
    figures = {
        "held_out": {"searched": found.metric, "by hand": hand.metric},
        "test": tests,
        "best": found.best,
        "trials": [{key: trial[key] for key in ("values", "figure", "status")} for trial in found.trials],
    }
    return {
        "what": what,
        "published": "none",
        "ours": CLAIMS[name](figures),
        "figures": figures,
        "settings": f"{trials} trials of a Bayesian search, {epochs} epochs each, seed 0; by hand "
        + ", ".join(f"{key} {value[0]:g}" for key, value in by_hand.items()),
        "seed": 0,
    }


def _test_figure(run, test, binarize):
    model = kg.load(str(run))
    if test == "log_likelihood":
        images = kg.data.stack(kg.data.load("mnist", "test", binarize=binarize, shuffle=False, limit=2000))
        return float(kg.evaluation.log_likelihood(model, images, 1000, verbose=0).mean())
    images, labels = kg.data.stack(kg.data.load("mnist", "test", labels=True, shuffle=False))
    return kg.evaluation.probe(model.encode(images), labels, seed=0)[test]
