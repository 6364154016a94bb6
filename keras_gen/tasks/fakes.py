"""Telling generated images from real ones."""

from typing import Self

import keras
import numpy as np

from keras_gen import networks
from keras_gen.core import check_whole
from keras_gen.core.checks import check_data_shape
from keras_gen.core.epochs import EpochClock, batches

MIN_EXAMPLES = 20  # of each kind
LEVELS = 255
BATCH = 64


class FakeDetector:
    """A critic that is trained to tell generated images from real ones.

    `score_samples` and `predict` are as those of `AnomalyDetector`: higher is more real, 1 real, -1 generated.

    It minimises the cross entropy of its logit d(x), both kinds weighing alike:

        1/2 E_real [-log sigmoid(d(x))] + 1/2 E_generated [-log(1 - sigmoid(d(x)))]

    so that at best d(x) = log p_real(x) / p_generated(x), the optimum of a GAN's discriminator. It learns how
    the generators that it has seen differ from data; it recognises others only by what they share with these.
    Images are rounded to 8 bits first, as files hold them: values between two levels would give every generator away.

    Args:
        data_shape: (H, W, C) or (D,); vectors are not rounded.
        body: network of images to features, or its name, as a GAN's `discriminator`; None for one that fits.
        epochs: of training.
        seed: of the order of training; the weights are drawn by Keras, see `keras.utils.set_random_seed`.

    Reference:
        Goodfellow et al. 2014, "Generative adversarial networks", proposition 1; that such a detector finds other
        generators as far as they share a fault: Wang et al. 2020, "CNN-generated images are surprisingly easy to spot".

    Example:
        >>> real = kg.data.stack(kg.data.load("digits"))
        >>> generated = np.random.default_rng(0).random(real.shape, dtype="float32")
        >>> detector = kg.tasks.FakeDetector((8, 8, 1), epochs=2).fit(real[:200], generated[:200], verbose=0)
        >>> detector.predict(generated[200:203]).tolist()  # 1 real, -1 generated
        [-1, -1, -1]
    """

    def __init__(self, data_shape, body=None, epochs=5, seed=0):
        self.data_shape = check_data_shape(data_shape)
        check_whole(1, epochs=epochs)
        self.epochs, self.seed = epochs, seed
        # Without batch normalisation: a score is independent of the batch.
        body = networks.make_discriminator(body, self.data_shape, batch_norm=False)
        head = networks.critic_head(body)
        self.critic = keras.Model(body.inputs, head(body.outputs[0]), name="critic")
        self._fitted = False

    def fit(self, real, generated, verbose: int = 1) -> Self:
        """Trains the critic, from where it is.

        Args:
            real: (N, H, W, C) in [0, 1] or (N, D).
            generated: (M, ...) of the same kind.
            verbose: 0 silent, 1 a progress bar, 2 one line per epoch.

        Raises:
            ValueError: if there are fewer than 20 of a kind, or they are no data of the detector's shape.
        """
        real, generated = self._checked(real, "real"), self._checked(generated, "generated")
        for name, part in (("real", real), ("generated", generated)):
            if len(part) < MIN_EXAMPLES:
                raise ValueError(
                    f"The detector needs at least {MIN_EXAMPLES} examples of each kind. Received: {len(part)} {name}"
                )
        x = np.concatenate([real, generated])
        is_real = np.repeat([1.0, 0.0], [len(real), len(generated)]).astype("float32")
        weight = len(x) / 2 / np.where(is_real, len(real), len(generated))
        self.critic.compile(keras.optimizers.Adam(1e-3), keras.losses.BinaryCrossentropy(from_logits=True))
        # Keras shuffles by the generator of the process.
        dataset = batches((x, is_real[:, None], weight), BATCH, self.seed)
        self.critic.fit(dataset, epochs=self.epochs, shuffle=False, verbose=verbose, callbacks=[EpochClock()])
        self._fitted = True
        return self

    def score_samples(self, x) -> np.ndarray:
        """The logit d(x), in nats: higher is more like real images. (N, ...) -> (N,)."""
        if not self._fitted:
            raise ValueError(
                "The detector must be trained: call `fit(real, generated)` first. Received: scores before fit"
            )
        dataset = batches((self._checked(x, "given"),), 500)
        return self.critic.predict(dataset, verbose=0)[:, 0].astype("float64")

    def predict(self, x) -> np.ndarray:
        """1 for real, -1 for generated. (N, ...) -> (N,)."""
        return np.where(self.score_samples(x) < 0, -1, 1)

    def _checked(self, x, name):
        x = np.asarray(x, "float32")
        if x.shape[1:] != self.data_shape:
            raise ValueError(f"Data must be (N, *{self.data_shape}). Received: {name} {x.shape}")
        if not np.isfinite(x).all():
            raise ValueError(f"Data must be finite. Received: {name} ones with infinities or NaN")
        if len(self.data_shape) == 1:
            return x
        if len(x) and (x.min() < 0 or x.max() > 1):
            raise ValueError(f"Images must be in [0, 1]. Received: {name} ones from {x.min():.3g} to {x.max():.3g}")
        return np.rint(x * LEVELS) / LEVELS
