"""Epochs of pythae for throughput.py: `python benchmarks/pythae_epochs.py dense|conv|aae IMAGES.npy`.

Trains for an epoch for each line that it reads, and prints its seconds.

pip install torch pythae==0.1.2
"""

import os
import sys
import tempfile
import time

import numpy as np
import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, Adversarial_AE, Adversarial_AE_Config, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseDiscriminator, BaseEncoder
from pythae.trainers import AdversarialTrainer, AdversarialTrainerConfig, BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback

HIDDEN, LATENT = 512, 16
BATCHES = {"dense": 100, "conv": 128, "aae": 100}


class TorchEncoder(BaseEncoder):
    def __init__(self, kind):
        super().__init__()
        nn = torch.nn
        if kind == "conv":
            self.hidden = nn.Sequential(
                nn.Conv2d(1, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU(), nn.Flatten(),
                nn.Linear(7 * 7 * 64, 256), nn.ReLU(),
            )  # fmt: skip
        else:
            self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(784, HIDDEN), nn.ReLU())
        size = 256 if kind == "conv" else HIDDEN
        self.mean, self.log_variance = nn.Linear(size, LATENT), nn.Linear(size, LATENT)

    def forward(self, x):
        h = self.hidden(x)
        return ModelOutput(embedding=self.mean(h), log_covariance=self.log_variance(h))


class TorchDecoder(BaseDecoder):
    def __init__(self, kind):
        super().__init__()
        nn = torch.nn
        if kind == "conv":
            self.layers = nn.Sequential(
                nn.Linear(LATENT, 7 * 7 * 64), nn.ReLU(), nn.Unflatten(1, (64, 7, 7)),
                nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(32, 32, 4, 2, 1), nn.ReLU(),
                nn.Conv2d(32, 1, 3, 1, 1), nn.Sigmoid(),
            )  # fmt: skip
        else:
            self.layers = nn.Sequential(
                nn.Linear(LATENT, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 784), nn.Sigmoid(), nn.Unflatten(1, (1, 28, 28))
            )

    def forward(self, z):
        return ModelOutput(reconstruction=self.layers(z))


class TorchDiscriminator(BaseDiscriminator):
    def __init__(self):
        super().__init__()
        nn = torch.nn
        self.layers = nn.Sequential(nn.Linear(LATENT, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1), nn.Sigmoid())

    def forward(self, z):
        return ModelOutput(embedding=self.layers(z))


class TorchClock(TrainingCallback):
    def on_epoch_begin(self, training_config, **kwargs):
        self.start = time.perf_counter()

    def on_epoch_end(self, training_config, **kwargs):
        self.seconds = time.perf_counter() - self.start


def trainer_of(kind, x):
    torch.set_num_threads(os.cpu_count())
    parts = {"encoder": TorchEncoder(kind), "decoder": TorchDecoder(kind)}
    config = {"input_dim": (1, 28, 28), "latent_dim": LATENT, "reconstruction_loss": "bce"}
    if kind == "aae":
        model = Adversarial_AE(Adversarial_AE_Config(**config), discriminator=TorchDiscriminator(), **parts)
        trainer, settings, rate = AdversarialTrainer, AdversarialTrainerConfig, {}
    else:
        model = VAE(VAEConfig(**config), **parts)
        trainer, settings, rate = BaseTrainer, BaseTrainerConfig, {"learning_rate": 1e-3}
    images = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    dataset = BaseDataset(images, torch.ones(len(images)))

    def epoch():
        clock = TorchClock()
        with tempfile.TemporaryDirectory() as folder:
            options = settings(
                output_dir=folder, num_epochs=1, per_device_train_batch_size=BATCHES[kind], no_cuda=True, **rate
            )
            trainer(model, dataset, training_config=options, callbacks=[clock]).train()
        return clock.seconds

    return epoch


if __name__ == "__main__":
    kind, path = sys.argv[1:]
    told, sys.stdout = sys.stdout, sys.stderr  # pythae prints too
    one_epoch = trainer_of(kind, np.load(path))
    for _ in sys.stdin:
        print(one_epoch(), file=told, flush=True)
