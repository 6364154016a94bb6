"""Training speed beside the rivals': `python benchmarks/throughput.py` writes results/throughput.json.

A VAE of 784-512-16-512-784, batch 100, on MNIST, in images per second: ours as a user gets it (no option chosen),
the same network in the keras.io pattern (own train_step, `fit`), and pythae's trainer. They take turns, epoch by epoch,
in one process, after a first epoch each that does not count; the figures are medians of the epochs, and their ratios.

The rivals are not requirements of the package: pip install torch pythae==0.1.2
"""

import os
import tempfile
import time
from pathlib import Path

import keras
import tensorflow as tf
import torch
from keras import layers, ops
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback
from racing import keras_epoch, race

import keras_gen as kg

SHAPE, HIDDEN, LATENT, BATCH, ROUNDS = (28, 28, 1), 512, 16, 100, 5


def ours(x):
    model = kg.VAE(
        SHAPE,
        LATENT,
        encoder=kg.networks.dense_encoder(SHAPE, (HIDDEN,)),
        decoder=kg.networks.dense_decoder(LATENT, SHAPE, (HIDDEN,)),
    )
    model.compile(optimizer="adam")
    data = kg.data.load("mnist", batch_size=BATCH)
    return lambda: keras_epoch(model, data)


class PlainVAE(keras.Model):
    """The pattern of the keras.io example, with this network."""

    def __init__(self):
        super().__init__()
        data, code = keras.Input(SHAPE), keras.Input((LATENT,))
        h = layers.Dense(HIDDEN, "relu")(layers.Flatten()(data))
        self.encoder = keras.Model(data, [layers.Dense(LATENT)(h), layers.Dense(LATENT)(h)])
        h = layers.Dense(784, "sigmoid")(layers.Dense(HIDDEN, "relu")(code))
        self.decoder = keras.Model(code, layers.Reshape(SHAPE)(h))
        self.seeds = keras.random.SeedGenerator(0)
        self.trackers = [keras.metrics.Mean(name=name) for name in ("loss", "reconstruction_loss", "kl_loss")]

    @property
    def metrics(self):
        return self.trackers

    def train_step(self, x):
        with tf.GradientTape() as tape:
            mean, log_variance = self.encoder(x)
            z = mean + ops.exp(0.5 * log_variance) * keras.random.normal(ops.shape(mean), seed=self.seeds)
            crossentropy = keras.losses.binary_crossentropy(x, self.decoder(z))
            reconstruction = ops.mean(ops.sum(crossentropy, axis=(1, 2)))
            kl = -0.5 * (1 + log_variance - ops.square(mean) - ops.exp(log_variance))
            kl = ops.mean(ops.sum(kl, axis=1))
            loss = reconstruction + kl
        self.optimizer.apply_gradients(
            zip(tape.gradient(loss, self.trainable_weights), self.trainable_weights, strict=True)
        )
        for tracker, value in zip(self.trackers, (loss, reconstruction, kl), strict=True):
            tracker.update_state(value)
        return {tracker.name: tracker.result() for tracker in self.trackers}


def plain_keras(x):
    model = PlainVAE()
    model.compile(optimizer="adam")
    return lambda: keras_epoch(model, x, batch_size=BATCH)


class TorchEncoder(BaseEncoder):
    def __init__(self):
        super().__init__()
        self.hidden = torch.nn.Sequential(torch.nn.Linear(784, HIDDEN), torch.nn.ReLU())
        self.mean, self.log_variance = torch.nn.Linear(HIDDEN, LATENT), torch.nn.Linear(HIDDEN, LATENT)

    def forward(self, x):
        h = self.hidden(x.reshape(len(x), 784))
        return ModelOutput(embedding=self.mean(h), log_covariance=self.log_variance(h))


class TorchDecoder(BaseDecoder):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(LATENT, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, 784), torch.nn.Sigmoid()
        )

    def forward(self, z):
        return ModelOutput(reconstruction=self.layers(z).reshape(-1, 1, 28, 28))


class TorchClock(TrainingCallback):
    def on_epoch_begin(self, training_config, **kwargs):
        self.start = time.perf_counter()

    def on_epoch_end(self, training_config, **kwargs):
        self.seconds = time.perf_counter() - self.start


def pythae(x):
    torch.set_num_threads(os.cpu_count())
    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=LATENT, reconstruction_loss="bce")
    model = VAE(config, encoder=TorchEncoder(), decoder=TorchDecoder())
    from pythae.data.datasets import BaseDataset

    images = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    dataset = BaseDataset(images, torch.ones(len(images)))

    def epoch():
        clock = TorchClock()
        with tempfile.TemporaryDirectory() as folder:
            settings = BaseTrainerConfig(
                output_dir=folder, num_epochs=1, learning_rate=1e-3, per_device_train_batch_size=BATCH, no_cuda=True
            )
            BaseTrainer(model, dataset, training_config=settings, callbacks=[clock]).train()
        return clock.seconds

    return epoch


def main():
    x = kg.data.stack(kg.data.load("mnist", shuffle=False))
    contenders = {"keras_gen": ours(x), "plain Keras": plain_keras(x), "pythae 0.1.2": pythae(x)}
    race(
        "throughput",
        "Training speed, VAE 784-512-16-512-784, batch 100, MNIST: times that of pythae 0.1.2 and of the keras.io "
        "pattern, medians of alternating epochs",
        contenders,
        len(x),
        ROUNDS,
    )


if __name__ == "__main__":
    os.chdir(Path(__file__).parent.parent)
    main()
