"""The information-maximising generative adversarial network.

Longer than other models: categories and continuous codes, given, drawn, recognised and traversed.
"""

import dataclasses
import math

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen import losses
from keras_gen.core import (
    Adjustable,
    DataSpec,
    Parts,
    Player,
    batched,
    check_whole,
    distribution,
    drawn,
    provenance,
)
from keras_gen.core.arguments import CountOrZero
from keras_gen.layers import bounded_log_variance
from keras_gen.models.adversarial.base import BaseGAN
from keras_gen.models.adversarial.categories import Categorical

HIDDEN = 128  # units of the recognition network's own layer, at most as many as it has features


@keras.saving.register_keras_serializable("keras_gen")
class InfoGAN(Categorical, BaseGAN):
    """GAN whose images reveal parts of their latent: it learns classes and continuous factors without labels.

    The generator is given noise ~ N(0, I), a category c ~ uniform over `num_categories`, and `num_continuous` codes u ~
    uniform on [-1, 1]. Besides the losses of the GAN both players minimise, with weight `information_weight`, minus the
    lower bound of the mutual information between codes and image,

        L(c; G) = E[log q(c | G(z, c, u))] + log C,   and   w * (E[log q(u | G(z, c, u))] + U log 2),

    with q a network on the discriminator's body, categorical for c, normal with a learned variance for u, and w =
    `continuous_weight`.

    Reported: the metrics of `GAN`; `information`, the bound L(c; G), at most log C nats, which is 2.3 for ten
    categories; and `continuous_information`, the bound of the continuous codes.

    Args:
        num_categories: C, how many categories; 0 for none.
        num_continuous: U, how many continuous codes; 0 for none.
        noise_dim: size of the noise.
        information_weight: weight of both bounds.
        continuous_weight: w, a further weight of the bound of the continuous codes.
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        noise (B, noise_dim), category (B,), codes (B, num_continuous) -> (B, *data_shape) -> d (B,), q(c|x) (B,
        num_categories), mean of q(u|x) (B, num_continuous).

    Score unit:
        The discriminator's d(x), as in `GAN`.

    Reference:
        Chen et al. 2016, "InfoGAN: interpretable representation learning by information maximizing generative
        adversarial nets", equations 4 to 6.

    Example:
        >>> model = kg.InfoGAN(data_shape=(8, 8, 1))
        >>> model.compile()
        >>> history = model.fit(kg.data.load("digits"), epochs=5, verbose=0)
        >>> images = model.sample(10, labels=3, codes=[[0.5, -1.0]] * 10, seed=1)
        >>> categories = model.classify(images)
    """

    watched = (*BaseGAN.watched, "information", "continuous_information")
    information_weight = Adjustable(minimum=0)
    continuous_weight = Adjustable(minimum=0)
    reported = (*BaseGAN.reported, "information", "continuous_information")
    without_category = "An InfoGAN needs categories to classify. Received: num_categories=0"
    rates = (2e-4, 1e-3)  # the paper's, appendix C.1
    image_body = "infogan"  # with the wide dense layer of the paper

    def __init__(
        self,
        data_shape: tuple[int, ...],
        num_categories: CountOrZero = 10,
        num_continuous: CountOrZero = 2,
        noise_dim: CountOrZero = 62,
        information_weight: float = 1.0,
        continuous_weight: float = 0.1,
        *,
        generator: str | keras.Model | None = None,
        discriminator: str | keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(data_shape, **kwargs)
        if num_categories == 1 or num_categories + num_continuous == 0:
            raise ValueError(
                "InfoGAN needs two categories or more, or continuous codes: `num_categories` cannot be 1, nor 0 "
                f"with num_continuous=0. Received: num_categories={num_categories}, num_continuous={num_continuous}"
            )
        self.num_categories = num_categories
        self.num_continuous = num_continuous
        self.noise_dim = noise_dim
        self.information_weight = information_weight
        self.continuous_weight = continuous_weight
        self.latent_dim = noise_dim + num_categories + num_continuous
        self.build_networks(generator, discriminator, self.latent_dim)
        features = keras.Input(self.discriminator.output_shape[1:], name="features")
        x = keras.layers.LeakyReLU(0.2, name="leaky")(
            keras.layers.Dense(min(HIDDEN, features.shape[-1]), name="hidden")(features)
        )
        outputs = [
            keras.layers.Dense(size, activation, dtype="float32", name=name)(x)
            for name, size, activation in (
                ("category", num_categories, "linear"),
                ("mean", num_continuous, "linear"),
                ("log_variance", num_continuous, bounded_log_variance),
            )
            if size
        ]
        self.recognition = keras.Model(features, outputs, name="recognition")

    # === The game ===

    @property
    def players(self) -> tuple[Player, ...]:
        d, g = super().players
        return (Player(d.name, (*d.networks, self.recognition), d.steps, learning_rate=d.learning_rate), g)

    def term_weights(self, training: bool) -> dict:
        return {
            **super().term_weights(training),
            "category": self.information_weight,
            "continuous": self.information_weight * self.continuous_weight,
        }

    def draw_latents(self, n, labels, turn, training: bool) -> tf.Tensor:
        noise = distribution.normal((n, self.noise_dim), self.key(f"noise {turn}", training))
        shares = distribution.uniform((n,), self.key(f"categories {turn}", training))
        category = ops.cast(ops.floor(shares * self.num_categories), "int32")
        codes = distribution.uniform((n, self.num_continuous), self.key(f"codes {turn}", training))
        return self.joined(noise, category, 2 * codes - 1)

    def joined(self, noise, category, codes) -> tf.Tensor:
        """The latent: [noise, one-hot category, codes]. -> (B, latent_dim)."""
        return ops.concatenate([noise, ops.one_hot(category, self.num_categories, dtype="float32"), codes], axis=-1)

    def code_terms(self, features, latents, training: bool) -> dict:
        _, category, codes = ops.split(latents, [self.noise_dim, self.noise_dim + self.num_categories], axis=-1)
        logits, mean, log_variance = self._recognised(features, training)
        terms = {}
        if self.num_categories:
            log_q = ops.sum(category * ops.log_softmax(logits), axis=-1)
            terms["information"] = log_q + math.log(self.num_categories)
            terms["category"] = -log_q
        if self.num_continuous:
            log_q = losses.normal_log_density(codes, mean, log_variance)
            terms["continuous_information"] = log_q + self.num_continuous * math.log(2)
            terms["continuous"] = -log_q
        return terms

    def _recognised(self, features, training=False):
        """Logits of q(c|x), mean and log variance of q(u|x); None where there are none."""
        outputs = tf.nest.flatten(self.recognition(features, training=training))
        return ([] if self.num_categories else [None]) + outputs + ([] if self.num_continuous else [None, None])

    # === Abilities ===

    def network_parts(self) -> Parts:
        parts = super().network_parts()
        if self.num_categories:
            parts["classifier"] = ({"data": self.data_shape}, self.category_probabilities)
        return parts

    @batched
    def _codes(self, x):
        """Category probabilities and means of the codes, side by side. -> (B, num_categories + num_continuous)."""
        self.check_shape(x)
        logits, mean, _ = self._recognised(self.discriminator(x))
        parts = ([ops.softmax(logits)] if self.num_categories else []) + ([mean] if self.num_continuous else [])
        return ops.concatenate(parts, axis=-1)

    def infer_codes(self, x) -> tuple[np.ndarray, np.ndarray]:
        """What q reads in images: q(c|x) (B, num_categories), and the means of q(u|x) (B, num_continuous)."""
        probabilities, means = np.split(self._codes(x), [self.num_categories], axis=-1)
        return probabilities, means

    @property
    def has_category(self) -> bool:  # type: ignore[override]  # a hook: a value or a property
        return self.num_categories > 0

    def category_logits(self, x) -> tf.Tensor:
        return self._recognised(self.discriminator(x))[0]

    @batched(images=True)
    def decode(self, z) -> np.ndarray:
        """Images of whole latents, [noise, one-hot category, codes]. (B, latent_dim) -> (B, *data_shape)."""
        return self.generate(z)

    def spec_of(self, ability: str) -> DataSpec:
        spec = super().spec_of(ability)
        return dataclasses.replace(spec, num_classes=self.num_categories or None) if ability == "sample" else spec

    @drawn
    def sample(self, n: int, labels=None, seed: int | None = None, codes=None) -> np.ndarray:
        """Draws n images of given categories and codes.

        Args:
            n: how many.
            labels: categories, (n,) ints, or one for all; None for any.
            seed: the same seed gives the same images.
            codes: (n, num_continuous) numbers in [-1, 1], or one row for all; None for any.

        Returns:
            (n, *data_shape), images in [0, 1].
        """
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal((n, self.noise_dim))
        drawn_categories = rng.integers(max(1, self.num_categories), size=n)
        drawn_codes = rng.uniform(-1, 1, (n, self.num_continuous))
        category = drawn_categories if labels is None else labels
        codes = drawn_codes if codes is None else self._given_codes(n, codes)
        one_hot = np.eye(max(1, self.num_categories))[category][:, : self.num_categories]
        latents = np.concatenate([noise, one_hot, codes], axis=-1).astype("float32")
        return self.decode(latents)

    def drawn_by(self, draws, labels=None) -> tf.Tensor:
        """What `sample` draws, of any category and codes, by an `export.Draws`. -> (B, *data_shape)."""
        codes = 2 * draws.uniform(self.num_continuous) - 1
        return self.generate(self.joined(draws.normal(self.noise_dim), draws.whole(self.num_categories), codes))

    def traversal(self, unit, steps=11, rows=10, seed=None) -> np.ndarray:
        """Images along one continuous code, a row for each category in turn, the rest of the latent held.

        Args:
            unit: which code, from 0.
            steps: images from -1 to 1.
            rows: how many.
            seed: the same seed gives the same images.

        Returns:
            (rows, steps, *data_shape), images in [0, 1].
        """
        check_whole(0, unit=unit)
        check_whole(1, steps=steps, rows=rows)
        if unit >= self.num_continuous:
            raise ValueError(
                f"`unit` must be below {self.num_continuous}, the number of continuous codes. Received: unit={unit}"
            )
        seed = provenance.seed_for(seed)
        rng = np.random.default_rng(seed)
        noise = np.repeat(rng.standard_normal((rows, 1, self.noise_dim)), steps, axis=1)
        codes = np.zeros((rows, steps, self.num_continuous))
        codes[:, :, unit] = np.linspace(-1, 1, steps)
        category = np.arange(rows) % max(1, self.num_categories)
        one_hot = np.eye(max(1, self.num_categories))[category][:, None, : self.num_categories]
        latents = np.concatenate([noise, np.repeat(one_hot, steps, axis=1), codes], axis=-1).astype("float32")
        images = self.decode(latents.reshape(rows * steps, -1))
        return provenance.note(images, self, seed=seed).reshape(rows, steps, *self.data_shape)

    def _given_codes(self, n, codes):
        codes = np.asarray(codes, "float32")
        if codes.shape not in ((self.num_continuous,), (n, self.num_continuous)):
            raise ValueError(
                f"`codes` must be of shape ({self.num_continuous},) or ({n}, {self.num_continuous}). "
                f"Received: codes of shape {codes.shape}"
            )
        if codes.size and not (codes.min() >= -1 and codes.max() <= 1):
            raise ValueError(
                f"`codes` must lie in [-1, 1], where they were drawn in training. Received: codes in [{codes.min():g}, "
                f"{codes.max():g}]"
            )
        return np.broadcast_to(codes, (n, self.num_continuous))
