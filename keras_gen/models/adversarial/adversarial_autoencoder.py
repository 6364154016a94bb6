"""The adversarial autoencoder.

Longer than other models: it has three posteriors, three priors and three uses of labels.
"""

from types import MappingProxyType
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen import layers, losses, networks, priors
from keras_gen.core import (
    AdversarialModel,
    Parts,
    Player,
    batched,
    distribution,
    drawn,
)
from keras_gen.core.arguments import Classes, Count
from keras_gen.core.labels import classification_terms
from keras_gen.likelihoods import table_likelihood
from keras_gen.models.adversarial.categories import Categorical
from keras_gen.models.adversarial.code_game import Categories, CodeGame, PlaysForCodes
from keras_gen.models.adversarial.posteriors import POSTERIORS

# Of Adam, for every player. Its steps are as long whatever the gradient: a reconstruction that is faster than the game
# drives codes out of the prior without end, a game that is faster than the labels decides what a category stands for.
RATE = 1e-3
# Of clusters. With the category's softmax itself, as in the paper, few categories were ever used on MNIST; without the
# noise on the codes they hold what the category should.
TEMPERATURE = 0.7
CODE_NOISE = 0.5  # in standard deviations of the prior


@keras.saving.register_keras_serializable("keras_gen")
class AdversarialAutoencoder(Categorical, PlaysForCodes, AdversarialModel):
    """Adversarial autoencoder: a discriminator gives the codes the distribution of a prior.

    Each batch, in this order: encoder and decoder minimise the reconstruction loss; with a category, the encoder the
    classification loss of the known labels; the discriminator learns to tell samples of the prior from codes; the
    encoder learns to fool it.

    The posterior q(z|x) is "deterministic" (a function of the image), "gaussian" (z is sampled with a predicted mean
    and variance), or "universal" (a function of the image and of noise). The prior p(z) is "normal", "mixture" (ten
    normals, or `num_classes`, in a ring), or "swiss_roll". The last two shape the first two dimensions of the code; the
    other dimensions are normal.

    With `num_classes`, labels are ints, -1 where unknown, and are used in one of three ways:

    - label_use="code": the code also has a category, softmax(y(x)), with a uniform prior and its own discriminator. It
      learns from the known labels, and the model classifies (semi-supervised).
    - label_use="none": the category is learned without labels, and the model clusters. Unlike in the paper, logits are
      normalised over the batch, the category is sampled in training (straight-through Gumbel-softmax), and the decoder
      sees noisy codes.
    - label_use="prior": there is no category. The discriminator of z sees the label, so that codes of class c move to
      the c-th component of the mixture or of the roll.

    Reported: `reconstruction_loss`, `d_loss`, `g_loss`; `d_real` and `d_fake`, the mean D of samples of the prior and
    of codes, which both come close to 0.5 when the codes follow the prior; with a category, `classification_loss` and
    `accuracy`, of known labels.

    Args:
        latent_dim: size of the code z.
        posterior: "deterministic", "gaussian" or "universal".
        prior: "normal", "mixture" or "swiss_roll".
        num_classes: None, or how many classes or clusters.
        label_use: "code", "none" or "prior".
        likelihood: "bernoulli" for data in [0, 1], "gaussian" for vectors of any value, or for images; of a table
            "table", by itself.
        noise_dim: size of the noise of the universal posterior.
        encoder: "dense", "conv", None to choose by the data's size, or a built `keras.Model` of data to features.
        decoder: the same names, or a built `keras.Model` of codes, followed by the category if any, to features.
        discriminator: "dense", None for the same, or a built `keras.Model` of codes, followed by the label with
            label_use="prior" (of num_classes + 1 numbers, the last for unknown), to features.
        category_discriminator: the same, of categories.
        seed: seed of all noise of training and evaluation.
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        (B, *data_shape) -> z (B, latent_dim), y (B, num_classes) -> (B, *data_shape).

    Score unit:
        Minus the reconstruction loss, nats or squared error per image.

    Reference:
        Makhzani et al. 2016, "Adversarial autoencoders", sections 2 to 6.

    Example:
        >>> model = kg.AdversarialAutoencoder(data_shape=(8, 8, 1), latent_dim=2, prior="swiss_roll")
        >>> model.compile()
        >>> history = model.fit(kg.data.load("digits"), epochs=5, verbose=0)
        >>> images = model.sample(16, seed=1)
    """

    takes_tables = takes_series = True
    watched = ("d_real", "d_fake", "accuracy", "classification_loss")
    reported = ("reconstruction_loss", "d_loss", "g_loss", "d_real", "d_fake")
    without_category = "An adversarial autoencoder classifies with num_classes, and not with label_use='prior'."
    num_classes: Any  # a whole number, or None
    likelihoods = MappingProxyType({"bernoulli": losses.bernoulli, "gaussian": losses.squared_error})

    def __init__(
        self,
        data_shape: tuple[int, ...],
        latent_dim: Count = 2,
        posterior: Literal["deterministic", "gaussian", "universal"] = "deterministic",
        prior: Literal["normal", "mixture", "swiss_roll"] = "normal",
        num_classes: Classes | None = None,
        label_use: Literal["code", "none", "prior"] = "code",
        likelihood: Literal["bernoulli", "gaussian", "table"] = "bernoulli",
        noise_dim: Count = 8,
        encoder: str | keras.Model | None = None,
        decoder: str | keras.Model | None = None,
        discriminator: str | keras.Model | None = None,
        category_discriminator: str | keras.Model | None = None,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(data_shape, seed=seed, **kwargs)
        if prior != "normal" and latent_dim < 2:
            raise ValueError(
                f"The prior {prior!r} is a pattern of the plane: `latent_dim` must be at least 2. Received: "
                f"latent_dim={latent_dim}"
            )
        if label_use == "prior" and (prior == "normal" or num_classes is None):
            raise ValueError(
                "label_use='prior' gives each class its component: it needs `num_classes`, and prior='mixture' or "
                f"'swiss_roll'. Received: prior={prior!r}, num_classes={num_classes}"
            )
        if category_discriminator is not None and (num_classes is None or label_use == "prior"):
            raise ValueError(
                "`category_discriminator` needs num_classes, and a label_use other than 'prior': it judges classes in "
                f"the code. Received: category_discriminator={category_discriminator!r}, num_classes={num_classes}, "
                f"label_use={label_use!r}"
            )

        # === Config ===
        self.latent_dim = latent_dim
        self.posterior = posterior
        self.prior = prior
        self.num_classes = num_classes
        self.label_use = label_use
        self.likelihood: str = self.likelihood_of(likelihood)
        self.noise_dim = noise_dim
        self.supervision = self.supervision_of({"num_classes": num_classes, "label_use": label_use})
        self.has_normal_prior = prior == "normal"

        # === Layers ===
        categories = 0 if num_classes is None or label_use == "prior" else num_classes
        self.has_category = categories > 0
        self.clusters = self.has_category and not self.supervision
        self.coding = POSTERIORS[posterior](latent_dim, noise_dim)
        self.pattern = priors.PATTERNS[prior](latent_dim, *([] if prior == "normal" else [num_classes or 10]))
        told = num_classes if label_use == "prior" else None  # of how many classes the discriminator is told
        self.encoder = networks.make_encoder(encoder, self.data_shape)
        self.code = self.coding.make_head(self.encoder)
        self.decoder = networks.make_decoder(decoder, latent_dim + categories, self.data_shape, beside=encoder)
        activation = networks.data_activation(self.bounded, self.table)
        self.image = networks.image_head(self.decoder, self.data_shape, activation)
        if self.table is not None:
            self.pixel_loss = table_likelihood(self.table)
        self.discriminator = networks.make_discriminator(discriminator, (latent_dim + (told + 1 if told else 0),))
        self.critic = networks.critic_head(self.discriminator)
        self.code_game = CodeGame(self.discriminator, self.critic, self.pattern, told)
        self.category_discriminator = None
        self.category_game: CodeGame | None = None
        if self.has_category:
            self.category = (networks.code_head if self.supervision else networks.cluster_head)(
                self.encoder, categories
            )
            self.category_discriminator = networks.make_discriminator(
                category_discriminator, (categories,), argument="category_discriminator"
            )
            self.category_critic = networks.critic_head(self.category_discriminator)
            self.category_game = CodeGame(
                self.category_discriminator, self.category_critic, Categories(categories), suffix="_category"
            )
            if self.supervision:
                self.trackers["classification_loss"] = keras.metrics.Mean(name="classification_loss")
                self.accuracy = keras.metrics.Mean(name="accuracy")
        self.built = True

    @classmethod
    def supervision_of(cls, arguments) -> str | None:
        learns = arguments.get("num_classes") is not None and arguments.get("label_use", "code") != "none"
        return "partial" if learns else None

    # === The game ===

    @property
    def players(self) -> tuple[Player, ...]:
        encoder: tuple = (self.encoder, self.code)
        discriminators = self.code_game.networks
        games: dict[str, Any] = {"learning_rate": RATE}
        first = {**games, "uses_generated": False}
        if self.category_game is not None:
            encoder += (self.category,)
            discriminators += self.category_game.networks
        decoder = (self.decoder, self.image, *([] if self.table is None else [self.pixel_loss]))
        players = [Player("reconstruction", (*encoder, *decoder), **first)]
        if self.has_category and self.supervision:
            players.append(Player("classification", (self.encoder, self.category), reports=False, **first))
        return (*players, Player("d", discriminators, **games), Player("g", encoder, **games))

    def codes(self, x, training: bool = False, noise=(None, None)) -> tuple[tf.Tensor, tf.Tensor | None]:
        """z, and the probabilities of y, a draw of y, or None. (B, ...) -> (B, latent_dim), (B, num_classes).

        Args:
            x: (B, *data_shape).
            training: whether layers train.
            noise: what `posterior_noise` gives: standard normal, (B, noise_size), that z is drawn by, None for its mean
                or the code of noise 0; and uniform, (B, num_classes), that y is drawn by, None for its probabilities.
        """
        features = self.encoder(x, training=training)
        noise, category_noise = noise
        z, y = self.coding.codes(self.code, features, noise), None
        if self.has_category:
            logits = self.category(features, training=training)
            drawn = category_noise is not None
            y = layers.draw_category(logits, category_noise, TEMPERATURE) if drawn else ops.softmax(logits)
        return z, y

    def category_logits(self, x, training: bool = False) -> tf.Tensor:
        return self.category(self.encoder(x, training=training), training=training)

    def posterior_noise(self, x, training: bool) -> tuple[tf.Tensor | None, tf.Tensor | None]:
        """Noise to draw codes and clusters of x by, see `codes`; None where they are not drawn."""
        n, noise, category_noise = tf.shape(x)[0], None, None
        if self.coding.noise_size:
            noise = distribution.normal((n, self.coding.noise_size), self.key("posterior", training))
        if self.clusters:
            category_noise = distribution.uniform((n, self.num_classes), self.key("posterior category", training))
        return noise, category_noise

    def images(self, z, y=None, training: bool = False) -> tf.Tensor:
        """Images of codes and categories. (B, latent_dim), (B, num_classes) or None -> (B, *data_shape)."""
        return self.image(self.decoder(z if y is None else ops.concatenate([z, y], axis=-1), training=training))

    def fakes(self, x, y, turn, training: bool) -> Any:
        return self.codes(x, training, self.posterior_noise(x, training))

    def reconstruction_terms(self, x, y, fakes, training: bool) -> dict:
        return {"error": self.reconstruction_term(x, self._map(x, training))}

    def reconstruction_term(self, target, y_pred) -> tf.Tensor:
        return (self.likelihoods[self.likelihood] if self.table is None else self.pixel_loss)(target, y_pred)

    def classification_terms(self, x, y, fakes, training: bool) -> dict:
        return classification_terms(ops.log_softmax(self.category_logits(x, training)), y)

    # === Abilities ===

    @property
    def memory_factor(self) -> int:  # type: ignore[override]  # a hook: a value or a property
        """Without a label, a code is decoded with every category."""
        return self.num_classes if self.has_category else 1

    def call(self, x, training: bool = False) -> tf.Tensor:
        x, _ = self.unpack(x)
        self.check_shape(x)
        return self._map(x, training)

    def _map(self, x, training):
        if not training:  # by means
            return self.images(*self.codes(x))
        z, y = self.codes(x, training, self.posterior_noise(x, training))
        if self.clusters:
            z += CODE_NOISE * distribution.normal(ops.shape(z), self.key("code", training))
        return self.images(z, y, training)

    def network_parts(self) -> Parts:
        data, code = {"data": self.data_shape}, {"code": (self.latent_dim,)}
        parts: Parts = {"encoder": (data, lambda x: self.codes(x)[0]), "decoder": (code, self.images)}
        if self.has_category:
            parts["decoder"] = ({**code, "labels": ()}, self._images_of_classes)
            parts["classifier"] = (data, self.category_probabilities)
        return parts

    @batched
    def encode(self, x) -> np.ndarray:
        self.check_shape(x)
        return self.codes(x)[0]

    @batched(images=True)
    def decode(self, z, labels=None) -> np.ndarray:
        """Images of codes and categories, (B, latent_dim), (B,); without labels, the mean over all categories."""
        if labels is not None and (not self.has_category or (tf.executing_eagerly() and bool(ops.any(labels < 0)))):
            known = f"the categories 0 to {self.num_classes - 1}" if self.has_category else "None without categories"
            raise ValueError(f"`labels` must be {known}. Received: labels={np.asarray(labels)}")
        if not self.has_category:
            return self.images(z)
        if labels is not None:
            return self._images_of_classes(z, labels)
        return layers.mean_over_classes(self._images_of_classes, z, self.num_classes)

    def _images_of_classes(self, z, labels):
        return self.images(z, ops.one_hot(labels, self.num_classes, dtype="float32"))

    @batched(images=True)
    def reconstruct(self, x) -> np.ndarray:
        """The image of the code and of the category's probabilities."""
        return self(x)

    @batched
    def score(self, x) -> np.ndarray:
        return -self.reconstruction_term(x, self(x))

    @drawn
    def sample(self, n: int, labels=None, seed: int | None = None) -> np.ndarray:
        """Draws n images; of given classes, or of all in turn, if it has such."""
        rng = np.random.default_rng(seed)
        component = rng.integers(self.pattern.num_components, size=n)
        if self.label_use == "prior" and labels is not None:
            component = labels
        noise = rng.standard_normal((n, self.latent_dim)).astype("float32")
        z = np.asarray(self.pattern.transform(noise, rng.random(n).astype("float32"), component))
        return self.decode(z, **({"labels": labels} if self.has_category else {}))

    def drawn_by(self, draws, labels=None) -> tf.Tensor:
        """What `sample` draws, by an `export.Draws`. -> (B, *data_shape)."""
        by_label = self.label_use == "prior" and labels is not None
        component = labels if by_label else draws.whole(self.pattern.num_components)
        z = self.pattern.transform(draws.normal(self.latent_dim), draws.uniform(1)[:, 0], component)
        return self.decode(z, **({"labels": labels} if self.has_category else {}))
