"""Training speed beside the rivals': `python benchmarks/throughput.py dense|conv|aae` writes results/throughput_*.json.

Images per second, on MNIST: ours as a user gets it (no option chosen), the same networks in the keras.io pattern (own
train_step, `fit`), and pythae's trainer. They take turns, epoch by epoch, after a first epoch each that does not count;
the figures are medians of the epochs, and their ratios. The limit beside them is the rate of a large matrix product,
measured at the end, by the operations of one image.

- dense: a VAE of 784-512-16-512-784, batch 100.
- conv: a VAE of two convolutions of stride 2, 32 and 64 filters, a dense layer of 256, and their mirror, batch 128.
- aae: an adversarial autoencoder of the dense networks, discriminator 16-512-1, batch 100.

The GAN is in throughput_gan.py. The rivals are not requirements of the package: pip install torch pythae==0.1.2
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from racing import keras_epoch, matrix_rate, race

import keras_gen as kg

SHAPE, HIDDEN, LATENT, ROUNDS = (28, 28, 1), 512, 16, 5
BATCHES = {"dense": 100, "conv": 128, "aae": 100}
IMAGES = {"dense": 60_000, "conv": 12_800, "aae": 60_000}
WHAT = {
    "dense": "VAE 784-512-16-512-784",
    "conv": "convolutional VAE, 32 and 64 filters",
    "aae": "adversarial autoencoder 784-512-16-512-784, discriminator 16-512-1",
}


# === Ours ===


def bodies(kind):
    """Encoder and decoder bodies, the same for ours and for plain Keras."""
    if kind == "conv":
        return kg.networks.conv_encoder(SHAPE, (32, 64)), kg.networks.conv_decoder(LATENT, SHAPE, (32, 64))
    return kg.networks.dense_encoder(SHAPE, (HIDDEN,)), kg.networks.dense_decoder(LATENT, SHAPE, (HIDDEN,))


def ours(kind):
    encoder, decoder = bodies(kind)
    jit_compile = kind != "conv"  # as `fit` chooses for a training of many epochs: here each has a `fit` of its own
    if kind == "aae":
        critic = kg.networks.dense_encoder((LATENT,), (HIDDEN,))
        model = kg.AdversarialAutoencoder(
            SHAPE, LATENT, posterior="gaussian", encoder=encoder, decoder=decoder, discriminator=critic
        )
        model.compile(jit_compile=jit_compile)
    else:
        model = kg.VAE(SHAPE, LATENT, encoder=encoder, decoder=decoder)
        model.compile(optimizer="adam", jit_compile=jit_compile)
    data = kg.data.load("mnist", batch_size=BATCHES[kind], limit=IMAGES[kind])
    return lambda: keras_epoch(model, data)


# === The pattern of keras.io ===


class PlainVAE(keras.Model):
    """The pattern of the keras.io example, with these networks."""

    names = ("loss", "reconstruction_loss", "kl_loss")

    def __init__(self, kind):
        super().__init__()
        body, decoder = bodies(kind)
        heads = [layers.Dense(LATENT, name=name)(body.output) for name in ("mean", "log_variance")]
        self.encoder = keras.Model(body.input, heads)
        if kind == "conv":
            images = layers.Conv2D(1, 3, padding="same", activation="sigmoid", name="image")(decoder.output)
        else:
            images = layers.Reshape(SHAPE)(layers.Dense(784, "sigmoid", name="image")(decoder.output))
        self.decoder = keras.Model(decoder.input, images)
        self.seeds = keras.random.SeedGenerator(0)
        self.trackers = [keras.metrics.Mean(name=name) for name in self.names]

    @property
    def metrics(self):
        return self.trackers

    def draw(self, x):
        mean, log_variance = self.encoder(x)
        return mean, log_variance, mean + ops.exp(0.5 * log_variance) * keras.random.normal(
            ops.shape(mean), seed=self.seeds
        )  # fmt: skip

    def reconstruction(self, x, z):
        return ops.mean(ops.sum(keras.losses.binary_crossentropy(x, self.decoder(z)), axis=(1, 2)))

    def report(self, *values):
        for tracker, value in zip(self.trackers, values, strict=True):
            tracker.update_state(value)
        return {tracker.name: tracker.result() for tracker in self.trackers}

    def train_step(self, x):
        with tf.GradientTape() as tape:
            mean, log_variance, z = self.draw(x)
            reconstruction = self.reconstruction(x, z)
            kl = -0.5 * (1 + log_variance - ops.square(mean) - ops.exp(log_variance))
            kl = ops.mean(ops.sum(kl, axis=1))
            loss = reconstruction + kl
        self.optimizer.apply_gradients(
            zip(tape.gradient(loss, self.trainable_weights), self.trainable_weights, strict=True)
        )
        return self.report(loss, reconstruction, kl)


class PlainAAE(PlainVAE):
    """The same with a discriminator of codes."""

    names = ("reconstruction_loss", "d_loss", "g_loss")

    def __init__(self, kind):
        super().__init__(kind)
        self.discriminator = keras.Sequential(
            [keras.Input((LATENT,)), layers.Dense(HIDDEN, "relu"), layers.Dense(1)]
        )  # fmt: skip
        self.loss_fn = keras.losses.BinaryCrossentropy(from_logits=True)

    def compile(self, optimizer):
        super().compile(optimizer=optimizer)
        self.d_optimizer, self.g_optimizer = keras.optimizers.Adam(1e-4), keras.optimizers.Adam(1e-4)

    def train_step(self, x):
        with tf.GradientTape() as tape:
            z = self.draw(x)[-1]
            reconstruction = self.reconstruction(x, z)
        weights = self.encoder.trainable_weights + self.decoder.trainable_weights
        self.optimizer.apply_gradients(zip(tape.gradient(reconstruction, weights), weights, strict=True))
        n = ops.shape(x)[0]
        codes = ops.concatenate([keras.random.normal((n, LATENT), seed=self.seeds), z], axis=0)
        labels = ops.concatenate([ops.ones((n, 1)), ops.zeros((n, 1))], axis=0)
        with tf.GradientTape() as tape:
            d_loss = self.loss_fn(labels, self.discriminator(codes))
        weights = self.discriminator.trainable_weights
        self.d_optimizer.apply_gradients(zip(tape.gradient(d_loss, weights), weights, strict=True))
        with tf.GradientTape() as tape:
            g_loss = self.loss_fn(ops.ones((n, 1)), self.discriminator(self.draw(x)[-1]))
        weights = self.encoder.trainable_weights
        self.g_optimizer.apply_gradients(zip(tape.gradient(g_loss, weights), weights, strict=True))
        return self.report(reconstruction, d_loss, g_loss)


def plain_keras(kind, x):
    model = (PlainAAE if kind == "aae" else PlainVAE)(kind)
    model.compile(optimizer="adam")
    return lambda: keras_epoch(model, x, batch_size=BATCHES[kind])


# === pythae ===


def pythae(kind, x):
    """Epochs of pythae, in a process of its own: PyTorch that trains after TensorFlow in one process has crashed."""
    path = Path(tempfile.mkdtemp()) / "images.npy"
    np.save(path, x)
    command = [sys.executable, str(Path(__file__).parent / "pythae_epochs.py"), kind, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def epoch():
        print(file=process.stdin, flush=True)
        return float(process.stdout.readline())

    return epoch


# === The limit ===


def operations(network):
    """Multiplications and additions of one image through a network: two for each weight and place that it is used."""
    total = 0
    for layer in network.layers:
        if isinstance(layer, layers.Dense):
            total += 2 * layer.kernel.shape[0] * layer.kernel.shape[1]
        elif isinstance(layer, layers.Conv2DTranspose | layers.Conv2D):
            places = layer.input if isinstance(layer, layers.Conv2DTranspose) else layer.output
            total += 2 * int(tf.size(layer.kernel)) * places.shape[1] * places.shape[2]
    return total


def limit(kind):
    """Images per second if a step were its products alone: forward once, and backward twice, once for each factor."""
    model = PlainAAE(kind) if kind == "aae" else PlainVAE(kind)
    steps = operations(model.encoder) + operations(model.decoder)
    if kind == "aae":  # the encoder moves once more, and the discriminator sees codes, draws and codes again
        steps += operations(model.encoder) + 3 * operations(model.discriminator)
    return matrix_rate() / (3 * steps)


def main(kind):
    x = kg.data.stack(kg.data.load("mnist", shuffle=False, limit=IMAGES[kind]))
    contenders = {"keras_gen": ours(kind), "plain Keras": plain_keras(kind, x), "pythae 0.1.2": pythae(kind, x)}
    race(
        f"throughput_{kind}",
        f"Training speed, {WHAT[kind]}, batch {BATCHES[kind]}, MNIST: times that of the keras.io pattern and of pythae "
        "0.1.2, medians of alternating epochs",
        contenders,
        len(x),
        ROUNDS,
        after=lambda: {"limit": limit(kind)},
    )


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in WHAT:
        sys.exit(f"usage: python benchmarks/throughput.py {'|'.join(WHAT)}")
    os.chdir(Path(__file__).parent.parent)
    main(sys.argv[1])
