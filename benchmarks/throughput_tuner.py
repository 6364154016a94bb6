"""What it costs that tf.data tunes a dataset while it is read: `python benchmarks/throughput_tuner.py`.

Writes results/throughput_tuner.json: how many epochs wait at their end, and images per second of `fit` from the call to
its return. The convolutional VAE of throughput.py on MNIST, in epochs of ten batches: as a user gets it, with the tuner
that the package turns off, and in the pattern of keras.io. They take turns; the first epoch of each does not count.
"""

import os
import statistics
from pathlib import Path

import tensorflow as tf
from racing import keras_epoch, race
from throughput import LATENT, SHAPE, bodies, plain_keras

import keras_gen as kg

IMAGES, BATCH, ROUNDS = 1_280, 128, 20


def main():
    encoder, decoder = bodies("conv")
    model = kg.VAE(SHAPE, LATENT, encoder=encoder, decoder=decoder)
    model.compile(optimizer="adam")
    data = kg.data.load("mnist", batch_size=BATCH, limit=IMAGES)
    tuning = tf.data.Options()
    tuning.autotune.enabled = True
    race(
        "throughput_tuner",
        "Epochs of ten batches that wait about two seconds at their end, of 20: a convolutional VAE, 32 and 64 "
        "filters, batch 128, MNIST, without and with tf.data's tuner, and the keras.io pattern",
        {
            "keras_gen": lambda: keras_epoch(model, data),
            "keras_gen with the tuner": lambda: keras_epoch(model, data.with_options(tuning)),
            "plain Keras": plain_keras("conv", kg.data.stack(kg.data.load("mnist", shuffle=False, limit=IMAGES))),
        },
        IMAGES,
        ROUNDS,
        settings="as compiled by default, images by seconds over all rounds",
        average=statistics.harmonic_mean,
    )


if __name__ == "__main__":
    os.chdir(Path(__file__).parent.parent)
    main()
