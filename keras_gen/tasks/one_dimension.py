"""The game of a GAN of one number, where every density can be drawn."""

from pathlib import Path

import keras
import numpy as np

from keras_gen import images as image_files
from keras_gen import plots
from keras_gen.core import provenance
from keras_gen.information import optimal_discriminator

DRAWS = 10_000  # of the generator, whose density is estimated from them


class OneDimension(keras.callbacks.Callback):
    """Films a GAN of one number: the densities of the data and of the generator, and D beside the optimal D*.

    A callback for `fit`. The generator's density is estimated from 10,000 samples (scipy's `gaussian_kde`);
    `D*(x) = p(x) / (p(x) + p_g(x))` is what the discriminator would be at its optimum against this generator
    (Goodfellow et al. 2014, proposition 1). The discriminator's loss must be one of logits: "minimax" or
    "non_saturating".

    Args:
        density: function of points (N,) to the density of the data, such as `scipy.stats.norm(2, 0.5).pdf`.
        low: where the picture begins.
        high: where it ends.
        every: epochs between two frames.

    Example:
        >>> from scipy import stats
        >>> data = stats.norm(2, 0.5)
        >>> game = kg.GAN(data_shape=(1,), latent_dim=1)
        >>> game.compile()
        >>> watch = kg.tasks.OneDimension(data.pdf, -1, 5)
        >>> x = data.rvs((500, 1), random_state=0).astype("float32")
        >>> history = game.fit(x, epochs=3, verbose=0, callbacks=[watch])
        >>> gaps = watch.gaps()
    """

    def __init__(self, density, low, high, every=1):
        super().__init__()
        if not low < high:
            raise ValueError(f"`low` must be below `high`. Received: low={low}, high={high}")
        if every < 1:
            raise ValueError(f"`every` must be at least 1. Received: every={every}")
        self.points = np.linspace(low, high, 301)
        self.data = np.asarray(density(self.points), "float64")
        self.every = every
        self.epochs = 0
        self.frames = []  # dicts of epoch, generator, discriminator, optimal

    def on_train_begin(self, logs: dict | None = None) -> None:
        model = self.model
        game = getattr(model, "adversarial", None)
        if game is None or model.data_shape != (1,) or not game.is_logit or model.num_classes:
            raise ValueError(
                "The picture needs a GAN of one number, without labels, with a loss of logits. Received: "
                f"{type(model).__name__}, data_shape={model.data_shape}, loss={getattr(model, 'loss', None)!r}"
            )
        if not self.frames:
            self._watch()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.epochs += 1
        if self.epochs % self.every == 0:
            self._watch()

    def _watch(self):
        from scipy.special import expit
        from scipy.stats import gaussian_kde

        model = self.model
        latents = np.random.default_rng(0).standard_normal((DRAWS, model.latent_dim)).astype("float32")
        draws = np.asarray(model.image(model.generator(latents)))[:, 0]  # of the player itself, not of its average
        spread = np.ptp(draws) > 1e-6  # of a generator that gives one number only, there is no density
        generator = gaussian_kde(draws)(self.points) if spread else np.zeros_like(self.points)
        self.frames.append(
            {
                "epoch": self.epochs,
                "generator": generator,
                "discriminator": expit(model.score(self.points[:, None].astype("float32"))),
                "optimal": optimal_discriminator(self.data, generator),
            }
        )

    def gaps(self) -> np.ndarray:
        """Mean of |D - D*| where the data and the generator are, of each frame. -> (frames,)."""
        return np.array(
            [
                np.average(np.abs(f["discriminator"] - f["optimal"]), weights=self.data + f["generator"])
                for f in self.frames
            ]
        )

    def save(self, path: str | Path, frame: int = -1) -> Path:
        """Draws a frame (.png), or all as an animation (.gif, .webp). Returns the path."""
        if not self.frames:
            raise ValueError("There must be a frame: give this callback to `fit` first. Received: save before fit")
        marks = {"epochs": self.frames[-1]["epoch"]}
        if Path(path).suffix.lower() in image_files.ANIMATIONS:
            pictures = np.stack([self._picture(f) for f in self.frames])
            return image_files.save_animation(provenance.mark(pictures, self.model, **marks)[None], path, back=False)
        return image_files.save_image(provenance.mark(self._picture(self.frames[frame]), self.model, **marks), path)

    def _picture(self, frame):
        """A frame as an RGB image in [0, 1], (H, W, 3)."""
        return plots.one_dimension(self.points, self.data, frame).pixels()
