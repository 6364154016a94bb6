"""Speed of a DCGAN step beside the rivals': `python benchmarks/throughput_gan.py` writes results/throughput_gan.json.

Generator 100-7x7x128-128-64-1, discriminator 64-128-1, 28 x 28 pixels, batch 128, in images per second: ours, the same
networks in the pattern of the keras.io example (two batches of generated images per step), and a PyTorch loop (channels
last). They take turns in one process, after a first epoch each that does not count.

PyTorch is no requirement of the package: pip install torch
"""

import os
import time
from pathlib import Path

import keras
import tensorflow as tf
import torch
from keras import layers
from racing import keras_epoch, race

import keras_gen as kg

SHAPE, LATENT, BATCH, IMAGES, ROUNDS = (28, 28, 1), 100, 128, 128 * 24, 5


def generator():
    latent = keras.Input((LATENT,))
    x = layers.Reshape((7, 7, 128))(layers.Dense(7 * 7 * 128, "relu")(latent))
    for filters in (128, 64):
        x = layers.Conv2DTranspose(filters, 4, strides=2, padding="same", activation="relu")(x)
    return keras.Model(latent, layers.Conv2D(1, 3, padding="same", activation="sigmoid", dtype="float32")(x))


def discriminator():
    images = x = keras.Input(SHAPE)
    for filters in (64, 128):
        x = layers.Conv2D(filters, 4, strides=2, padding="same")(x)
        x = layers.LeakyReLU(0.2)(x)
    return keras.Model(images, layers.Flatten()(x))


def ours(x):
    model = kg.GAN(SHAPE, LATENT, generator=generator(), discriminator=discriminator())
    model.compile()
    return lambda: keras_epoch(model, x, batch_size=BATCH)


class PlainGAN(keras.Model):
    """The pattern of the keras.io example, with these networks."""

    def __init__(self):
        super().__init__()
        self.generator, body = generator(), discriminator()
        self.discriminator = keras.Model(body.input, layers.Dense(1)(body.output))
        self.seeds = keras.random.SeedGenerator(0)
        self.d_metric, self.g_metric = keras.metrics.Mean(name="d_loss"), keras.metrics.Mean(name="g_loss")

    def compile(self, d_optimizer, g_optimizer):
        super().compile()
        self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer
        self.loss_fn = keras.losses.BinaryCrossentropy(from_logits=True)

    @property
    def metrics(self):
        return [self.d_metric, self.g_metric]

    def train_step(self, real):
        n = tf.shape(real)[0]
        generated = self.generator(keras.random.normal((n, LATENT), seed=self.seeds))
        both = tf.concat([generated, real], axis=0)
        labels = tf.concat([tf.ones((n, 1)), tf.zeros((n, 1))], axis=0)
        with tf.GradientTape() as tape:
            d_loss = self.loss_fn(labels, self.discriminator(both))
        weights = self.discriminator.trainable_weights
        self.d_optimizer.apply_gradients(zip(tape.gradient(d_loss, weights), weights, strict=True))
        latents = keras.random.normal((n, LATENT), seed=self.seeds)
        with tf.GradientTape() as tape:
            g_loss = self.loss_fn(tf.zeros((n, 1)), self.discriminator(self.generator(latents)))
        weights = self.generator.trainable_weights
        self.g_optimizer.apply_gradients(zip(tape.gradient(g_loss, weights), weights, strict=True))
        self.d_metric.update_state(d_loss)
        self.g_metric.update_state(g_loss)
        return {"d_loss": self.d_metric.result(), "g_loss": self.g_metric.result()}


def plain_keras(x):
    model = PlainGAN()
    model.compile(keras.optimizers.Adam(2e-4, 0.5), keras.optimizers.Adam(2e-4, 0.5))
    return lambda: keras_epoch(model, x, batch_size=BATCH)


def pytorch(x):
    torch.set_num_threads(os.cpu_count())
    nn = torch.nn
    g = nn.Sequential(
        nn.Linear(LATENT, 7 * 7 * 128), nn.ReLU(), nn.Unflatten(1, (128, 7, 7)),
        nn.ConvTranspose2d(128, 128, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(128, 64, 4, 2, 1), nn.ReLU(),
        nn.Conv2d(64, 1, 3, padding=1), nn.Sigmoid(),
    ).to(memory_format=torch.channels_last)  # fmt: skip
    d = nn.Sequential(
        nn.Conv2d(1, 64, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(64, 128, 4, 2, 1), nn.LeakyReLU(0.2), nn.Flatten(),
        nn.Linear(7 * 7 * 128, 1),
    ).to(memory_format=torch.channels_last)  # fmt: skip
    d_optimizer = torch.optim.Adam(d.parameters(), 2e-4, (0.5, 0.999))
    g_optimizer = torch.optim.Adam(g.parameters(), 2e-4, (0.5, 0.999))
    softplus = nn.functional.softplus
    images = torch.from_numpy(x.transpose(0, 3, 1, 2).copy()).to(memory_format=torch.channels_last)

    def epoch():
        start = time.perf_counter()
        for batch in images[torch.randperm(len(images))].split(BATCH):
            fakes = g(torch.randn(len(batch), LATENT))  # once for both players, as in PyTorch's own example
            d_loss = (softplus(-d(batch)) + softplus(d(fakes.detach()))).mean()
            d_optimizer.zero_grad()
            d_loss.backward()
            d_optimizer.step()
            g_loss = softplus(-d(fakes)).mean()
            g_optimizer.zero_grad()
            g_loss.backward()
            g_optimizer.step()
        return time.perf_counter() - start

    return epoch


def main():
    x = kg.data.stack(kg.data.load("mnist", shuffle=False, limit=IMAGES))
    race(
        "throughput_gan",
        "Training speed of a DCGAN, generator 100-7x7x128-128-64-1, discriminator 64-128-1, batch 128, MNIST: times "
        "that of the keras.io pattern and of a PyTorch loop, medians of alternating epochs of 24 batches",
        {"keras_gen": ours(x), "plain Keras": plain_keras(x), f"PyTorch {torch.__version__}": pytorch(x)},
        len(x),
        ROUNDS,
    )


if __name__ == "__main__":
    os.chdir(Path(__file__).parent.parent)
    main()
