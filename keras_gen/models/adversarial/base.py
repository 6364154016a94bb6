"""What the generative adversarial networks share. The models themselves are in files of their own.

Longer than a model: losses, schedules, the average of the generator and the warning of a game that is over.
"""

import contextlib
import math
import warnings
from typing import Any, Literal, cast

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen import layers, losses, networks
from keras_gen.core import (
    AdversarialModel,
    Parts,
    Phase,
    Player,
    Taken,
    batched,
    distribution,
)
from keras_gen.core.arguments import Count, CountOrZero
from keras_gen.core.scalars import Adjustable

EARLY = 200  # training steps of both players before the first warning
# "At chance" is the discriminator's loss where it says the same of all images.
WIN_RATIO = 0.02  # below this share of it the discriminator has won
FOOL_MARGIN = 0.1  # this much above it the generator has won


class BaseGAN(AdversarialModel):
    """A generator and a discriminator, with the losses and schedules of the literature. Abstract.

    A model makes its networks by `build_networks`, says in `draw_latents` what the generator is given, and may learn
    more of generated images by `code_terms`.

    Args:
        data_shape: (H, W, C) of images in [0, 1], or (D,) of vectors of any values.
        loss: "non_saturating" or "minimax" (Goodfellow et al. 2014), "least_squares" (Mao et al. 2017), "hinge"
            (Miyato et al. 2018), or "wasserstein_gp", with 10 times the gradient penalty at points drawn uniformly
            between real and generated images (Gulrajani et al. 2017).
        discriminator_steps: updates of the discriminator per batch, all on the same real images, with new generated
            images each time. The paper of "wasserstein_gp" has 5.
        discriminator_warmup: steps at the start in which only the discriminator is trained.
        generator_warmup: steps after those in which only the generator is trained; then both are.
        ema: None, or the decay, such as 0.999, of a moving average of the generator, which then makes the samples.
        augment: None, or "diff": in training the discriminator sees images, real and generated, that are changed at
            random, and gradients flow through the changes (Zhao et al. 2020; `kg.layers.diff_augment`). For images,
            above all for few.
        r1: weight of the penalty `r1 / 2 * |grad_x d(x)|^2` of real data (Mescheder et al. 2018, equation 9).
        spectral_norm: whether the matrices of the discriminator are divided by their largest singular value (Miyato et
            al. 2018), but for the vectors of classes. With it, or with `r1`, the discriminators of the package have no
            batch normalisation, and "dcgan" and "infogan" generators no dense layer beside their convolutions.
        generator: "dcgan", "infogan" or "residual" (images), "dense", None to choose by the data, or a built
            `keras.Model` of latents, followed by the one-hot label where there is one, to features, or straight to
            images (to vectors, if its last layer is named "image").
        discriminator: "dcgan", "infogan", "residual", "dense", None, or a built `keras.Model` of data to features.
        seed: seed of all noise of training and evaluation.
        **kwargs: `name` and the other arguments of `keras.Model`.
    """

    reported: tuple[str, ...] = ("d_loss", "g_loss", "d_real", "d_fake")
    watched: tuple[str, ...] = ("d_real", "d_fake")
    swaps_averages = False  # `generate` reads them
    r1 = Adjustable(minimum=0)
    image_body = "dcgan"  # generator and discriminator, where the data are images and none is asked for

    def __init__(
        self,
        data_shape: tuple[int, ...],
        loss: Literal["non_saturating", "minimax", "least_squares", "hinge", "wasserstein_gp"] = "non_saturating",
        discriminator_steps: Count = 1,
        discriminator_warmup: CountOrZero = 0,
        generator_warmup: CountOrZero = 0,
        ema: float | None = None,
        augment: Literal["diff"] | None = None,
        r1: float = 0.0,
        spectral_norm: bool = False,
        generator: str | keras.Model | None = None,
        discriminator: str | keras.Model | None = None,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(data_shape, seed=seed, ema=ema, **kwargs)

        # === Config ===
        self.loss = loss
        self.discriminator_steps = discriminator_steps
        self.discriminator_warmup = discriminator_warmup
        self.generator_warmup = generator_warmup
        self.augment = augment
        self.r1 = r1
        self.spectral_norm = spectral_norm
        if augment and len(self.data_shape) != 3:
            raise ValueError(
                "augment='diff' changes colours and places of images, (height, width, channels). Received: "
                f"data_shape={self.data_shape}"
            )
        if r1:
            self.trackers["r1_penalty"] = keras.metrics.Mean(name="r1_penalty")
        if loss == "wasserstein_gp":
            self.trackers["gradient_penalty"] = keras.metrics.Mean(name="gradient_penalty")

    @property
    def adversarial(self) -> losses.AdversarialLoss:
        """The functions of the loss; see `losses.ADVERSARIAL`."""
        return losses.ADVERSARIAL[cast(str, self.loss)]

    def build_networks(self, generator, discriminator, latent_size) -> None:
        """Makes generator, discriminator and critic (its logit).

        Args:
            generator: argument of the constructor.
            discriminator: argument of the constructor.
            latent_size: how many numbers the generator is given.
        """
        is_smooth = bool(self.spectral_norm or self.r1)
        # A discriminator without batch normalisation does not see that all images of a batch are alike. Before one, a
        # generator with a dense layer beside its convolutions draws one image for a thousand steps and longer.
        self.generator = networks.make_generator(
            generator, latent_size, self.data_shape, self.image_body, first_dense=not is_smooth
        )
        activation = networks.data_activation(self.bounded, self.table, hard=True)
        self.image = networks.image_head(self.generator, self.data_shape, activation)
        has_own_scale = self.loss != "wasserstein_gp"  # that loss is of differences between single images
        self.discriminator = networks.make_discriminator(
            discriminator,
            self.data_shape,
            batch_norm=has_own_scale and not is_smooth,
            of_images=self.image_body,
            spectral_norm=self.spectral_norm,
        )
        self.critic = networks.critic_head(
            self.discriminator, self.num_classes or 0, has_own_scale, spectral_norm=self.spectral_norm
        )
        self.start_averages()  # now: a file numbers the layers of a model in the order in which they were made
        self.built = True

    num_classes: int | None = None

    # === The game ===

    @property
    def players(self) -> tuple[Player, ...]:
        return (
            Player("d", (self.discriminator, self.critic), self.discriminator_steps, learning_rate=self.rates[0]),
            Player("g", (self.generator, self.image), learning_rate=self.rates[1]),
        )

    @property
    def rates(self) -> tuple[float, float]:
        """Learning rates of Adam, of the discriminator and of the generator; the papers'."""
        return (1e-4, 1e-4) if self.loss == "wasserstein_gp" else (2e-4, 2e-4)

    def phases(self, epochs) -> tuple[Phase, ...]:
        alone = self.discriminator_warmup
        if not self._warm_up:
            return ()
        return (
            Phase("discriminator", ("d",), until_step=alone),
            Phase("generator", ("g",), until_step=alone + self.generator_warmup),
        )

    @property
    def _warm_up(self):
        """Steps before both move."""
        return self.discriminator_warmup + self.generator_warmup

    def term_weights(self, training: bool) -> dict:
        return {"gradient_penalty": 10.0, "r1_penalty": 0.5 * self.r1}

    @property
    def betas(self) -> tuple[float, float]:  # type: ignore[override]  # a hook: a value or a property
        return (0.0, 0.9) if self.loss == "wasserstein_gp" else (0.5, 0.999)

    def fakes(self, x, y, turn, training: bool) -> Any:
        """As many as x has: latents (B, latent_size), images, and what else the players draw, by name."""
        latents = self.draw_latents(tf.shape(x)[0], y, turn, training)
        images = self.image(self.generator(latents, training=training), training=training)
        shapes: dict[str, tuple] = {}
        if self.loss == "wasserstein_gp":  # where to look between real images and these
            shapes["mix"] = (1,) * len(self.data_shape)
        if self.augment and training:
            shapes |= {"real changes": (layers.NUM_DRAWS,), "fake changes": (layers.NUM_DRAWS,)}
        draws = {
            name: distribution.uniform((tf.shape(x)[0], *shape), self.key(f"{name} {turn}", training))
            for name, shape in shapes.items()
        }
        return latents, images, draws

    def draw_latents(self, n, labels, turn, training: bool) -> tf.Tensor:
        """What the generator is given, (n, latent_size)."""
        raise NotImplementedError

    def logits(self, features, labels=None) -> tf.Tensor:
        """The critic's value of features. (B, F) -> (B,)."""
        return self.critic(features if labels is None else [features, self.one_hot(labels)])[:, 0]

    def with_label(self, latents, labels) -> tf.Tensor:
        """Latents followed by the one-hot label, if there is one. -> (B, latent_size)."""
        return latents if labels is None else ops.concatenate([latents, self.one_hot(labels)], axis=-1)

    def one_hot(self, labels) -> tf.Tensor:
        """(B,) -> (B, num_classes)."""
        return ops.one_hot(ops.cast(labels, "int32"), self.num_classes, dtype="float32")

    def d_terms(self, x, y, fakes, training: bool) -> dict:
        latents, images, draws = fakes
        training = training and "d" in self.active_players  # while it rests, its statistics rest too
        terms = {}
        with tf.GradientTape() if self.setting("r1") else contextlib.nullcontext() as tape:
            if tape:
                tape.watch(x)
            real = self.logits(self.discriminator(changed(x, draws, "real"), training=training), y)
        if tape:
            terms["r1_penalty"] = losses.sum_per_example(ops.square(ops.cast(tape.gradient(real, x), "float32")))
        images = changed(images, draws, "fake")
        features = self.discriminator(images, training=training)
        fake = self.logits(features, y)
        shown = ops.sigmoid if self.adversarial.is_logit else tf.identity
        terms |= {
            "real": self.adversarial.real(real),
            "fake": self.adversarial.fake(fake),
            "d_real": shown(real),
            "d_fake": shown(fake),
        }
        if self.loss == "wasserstein_gp":
            mix = draws["mix"]
            points = mix * changed(x, draws, "real") + (1 - mix) * images
            terms["gradient_penalty"] = self._gradient_penalty(points, y, training)
        return terms | self.code_terms(features, latents, training)

    def g_terms(self, x, y, fakes, training: bool) -> dict:
        latents, images, draws = fakes
        training = training and "d" in self.active_players
        features = self.discriminator(changed(images, draws, "fake"), training=training)
        fooling = {"fooling": self.adversarial.generator(self.logits(features, y))}
        return fooling | self.code_terms(features, latents, training)

    def code_terms(self, features, latents, training: bool) -> dict:
        """Further terms of both players, made of the features of generated images and of their latents."""
        return {}

    def _gradient_penalty(self, points, labels, training):
        with tf.GradientTape() as tape:
            tape.watch(points)
            values = self.logits(self.discriminator(points, training=training), labels)
        return losses.gradient_penalty(ops.cast(tape.gradient(values, points), "float32"))

    def on_step_end(self) -> None:
        for layer in networks.spectral_layers(self.discriminator, self.critic):
            layer.iterate()

    # === The average of the generator ===

    def averaged_weights(self) -> list:
        return [weight for network in (self.generator, self.image) for weight in network.weights]

    def make_averages(self) -> list:
        """Copies of the networks, which `generate` calls, also inside a graph."""
        self.averages = [networks.copy(self.generator), networks.copy(self.image)]
        for network in self.averages:
            network.trainable = False
        return [weight for network in self.averages for weight in network.weights]

    # === Training ===

    def before_training(self, data: Taken) -> None:
        last_step = int(ops.convert_to_numpy(self.step)) + (data.total_steps or 0)
        if data.total_steps and self._warm_up and self._warm_up >= last_step:
            warnings.warn(
                "The run ends before both players move: make it longer, or the warm-ups shorter. Received: "
                f"discriminator_warmup={self.discriminator_warmup}, "
                f"generator_warmup={self.generator_warmup}, last step of the run={last_step}",
                stacklevel=3,
            )

    def callbacks_of(self, data: Taken) -> list:
        return [DominanceMonitor()]

    # === Abilities ===

    def network_parts(self) -> Parts:
        labels: dict[str, tuple] = {"labels": ()} if self.num_classes else {}
        return {
            "generator": (
                {"latents": (self.latent_dim,), **labels},
                lambda latents, y=None: self.generate(self.with_label(latents, y)),
            ),
            "critic": ({"data": self.data_shape, **labels}, lambda x, y=None: self.logits(self.discriminator(x), y)),
        }

    def call(self, x, training: bool = False) -> tf.Tensor:
        """The critic's values of data, logits for the losses that have such. (B, *data_shape) -> (B,)."""
        x, labels = self.unpack(x)
        self.check_shape(x)
        if self.num_classes and labels is None:
            self.data_spec.as_labels(None)
        return self.logits(self.discriminator(x, training=training), labels if self.num_classes else None)

    @batched
    def score(self, x, labels=None) -> np.ndarray:
        return self((x, labels) if self.num_classes else x)

    def generate(self, latents) -> tf.Tensor:
        """Images of latents, by the average of the generator if there is one. (B, latent_size) -> (B, *data_shape)."""
        generator, image = self.averages if self.ema is not None else (self.generator, self.image)
        return image(generator(latents))


def changed(images, draws, kind: str) -> tf.Tensor:
    """Images as the discriminator sees them: augmented, where there are draws for that."""
    draw = draws.get(f"{kind} changes")
    return images if draw is None else layers.diff_augment(images, draw)


class DominanceMonitor(keras.callbacks.Callback):
    """Warns once of a player that has won."""

    def __init__(self):
        super().__init__()
        self.silent = False

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        step = int(ops.convert_to_numpy(self.model.step))
        self.judging = step >= EARLY + self.model._warm_up

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        loss = self.model.adversarial
        if self.silent or not self.judging or logs is None:
            return
        real, fake = logs["d_real"], logs["d_fake"]
        figures = f"mean D(x)={real:.3g}, mean D(G(z))={fake:.3g}"
        if loss.is_logit:
            real, fake = (math.log(max(p, 1e-7) / max(1 - p, 1e-7)) for p in (real, fake))
        contest = float(loss.real(real) + loss.fake(fake))
        if loss.at_chance is not None and contest < WIN_RATIO * loss.at_chance:
            self._say(
                "The discriminator has won: it tells nearly all images apart, and the generator has little to learn "
                "from. Give the discriminator a smaller learning rate, fewer steps or a smaller network, or use "
                f'loss="wasserstein_gp". Epoch {epoch + 1}: {figures}'
            )
        elif fake > real and contest > (loss.at_chance or 0) + FOOL_MARGIN:
            self._say(
                "The generator has won: the discriminator takes generated images for real rather than real ones. Give "
                f"the discriminator a larger learning rate, more steps or a larger network. Epoch {epoch + 1}: "
                f"{figures}"
            )

    def _say(self, sentence):
        self.silent = True
        warnings.warn(sentence, stacklevel=2)
