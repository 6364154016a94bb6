"""Training time of an RBM beside scikit-learn's; writes results/throughput_rbm.json.

784 visible and 500 hidden units, persistent chains of one step, batch 100, as many chains: a sweep of each over the
same binarized images, in turns; after the race the likelihood of both, by annealed importance sampling, and the limit:
the rate of a matrix product of 1024 x 1024 over the operations of the five products of a step (the data to hidden
units, a step of the chains there and back, and the gradient's two).
"""

import os
import time
from pathlib import Path

import keras
import numpy as np
import sklearn
from racing import keras_epoch, matrix_rate, race
from sklearn.neural_network import BernoulliRBM

import keras_gen as kg

SHAPE, UNITS, BATCH, IMAGES, ROUNDS, RATE = (28, 28, 1), 500, 100, 20_000, 5, 0.05


def main():
    keras.utils.set_random_seed(0)
    x = kg.data.stack(kg.data.load("mnist", binarize="static", shuffle=False, limit=IMAGES))
    test = kg.data.stack(kg.data.load("mnist", "test", binarize="static", shuffle=False, limit=2000))
    ours = kg.RBM(SHAPE, UNITS, persistent=True, num_chains=BATCH)
    ours.compile(**ours.default_optimizers(RATE), jit_compile=True)  # as `fit` chooses for many epochs
    flat = x.reshape(len(x), -1)
    theirs = BernoulliRBM(UNITS, learning_rate=RATE, batch_size=BATCH, n_iter=1, random_state=0)
    theirs.partial_fit(flat[:BATCH])  # makes its weights; `fit` would begin anew each time
    rng = np.random.RandomState(0)

    def sweep():
        order = rng.permutation(len(flat))
        start = time.perf_counter()
        for first in range(0, len(flat), BATCH):
            theirs.partial_fit(flat[order[first : first + BATCH]])
        return time.perf_counter() - start

    def likelihood_and_limit():
        twin = kg.RBM(SHAPE, UNITS)
        weights = (theirs.components_.T, theirs.intercept_visible_, theirs.intercept_hidden_)
        for weight, value in zip(twin.units.weights, weights, strict=True):
            weight.assign(value)
        models = {"keras_gen": ours, "scikit-learn": twin}
        likelihoods = {
            f"log p(x) of {name}": float(
                kg.evaluation.annealed_importance_sampling(model, test, verbose=0).log_likelihood.mean()
            )
            for name, model in models.items()
        }
        return likelihoods | {"limit": matrix_rate() / (5 * 2 * flat.shape[1] * UNITS)}

    race(
        "throughput_rbm",
        f"Training speed of an RBM of {UNITS} hidden units, persistent chains, batch {BATCH}, MNIST: times that of "
        "scikit-learn's BernoulliRBM, medians of alternating sweeps",
        {
            "keras_gen": lambda: keras_epoch(ours, x, batch_size=BATCH),
            f"scikit-learn {sklearn.__version__}": sweep,
        },
        len(x),
        ROUNDS,
        settings=f"{IMAGES} images, float32, rate {RATE}",
        after=likelihood_and_limit,
    )


if __name__ == "__main__":
    os.chdir(Path(__file__).parent.parent)
    main()
