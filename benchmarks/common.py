"""What the rows of several families share."""

import keras
import numpy as np

import keras_gen as kg

SHAPE = (28, 28, 1)


def cosine(rate, epochs, steps, warmup_epochs=0):
    """A schedule of `steps` per epoch: up to `rate`, then by a cosine to 0."""
    warmup = {"warmup_target": rate, "warmup_steps": warmup_epochs * steps} if warmup_epochs else {}
    start = 0.0 if warmup_epochs else rate
    return keras.optimizers.schedules.CosineDecay(start, (epochs - warmup_epochs) * steps, **warmup)


def labelled(split):
    """Images and labels of MNIST, in the stored order."""
    return kg.data.stack(kg.data.load("mnist", split, labels=True, shuffle=False))


def spread_of(errors):
    """Mean, standard deviation and best of a few seeds, in percent."""
    errors = 100 * np.asarray(errors)
    return f"{errors.mean():.2f} +- {errors.std(ddof=1):.2f} (best {errors.min():.2f})"


def classifier(x, y, test, test_y, seed=0):
    """A classifier of digits that judges what others make, and the share of test images that it is right on."""
    keras.utils.set_random_seed(seed)
    judge = kg.Autoencoder(SHAPE, 64, encoder=kg.networks.dense_encoder(SHAPE, (512,))).as_classifier(10)
    judge.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    judge.fit(x, y, batch_size=128, epochs=8, verbose=2)
    return judge, judge.evaluate(test, test_y, verbose=0, return_dict=True)["accuracy"]
