"""The semi-supervised variational autoencoder.

Longer than other models: a bound for known and one for unknown labels, alone or on the codes of M1.
"""

import math

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen import layers, losses, networks
from keras_gen.core import Adjustable, Parts, Taken, at_once, batched, checked, distribution
from keras_gen.core.arguments import Classes, Count
from keras_gen.core.labels import classification_terms
from keras_gen.core.views import nested
from keras_gen.models.variational.base import BaseVAE
from keras_gen.models.variational.stacked import Data, FrozenFeatures, frozen_copy


@keras.saving.register_keras_serializable("keras_gen")
class SemiSupervisedVAE(BaseVAE):
    """Semi-supervised variational autoencoder (M2): learns classes from few labels and many images.

    The model is y -> x <- z with p(y) uniform over C classes, p(z) = N(0, I); the posterior q(y|x) q(z|x,y). With

        L(x, y) = E_q(z|x,y)[-log p(x|y,z)] + KL(q(z|x,y) || p(z)) + log C

    it minimises the mean over the batch of `L(x, y)` where the label is known, and where it is not, of
    `sum_y q(y|x) (L(x, y) + log q(y|x))`; plus alpha times the mean of `-log q(y|x)` over those whose label is known
    (equations 6, 7, 9; the paper's alpha is this one times the number of images).

    An unknown label is -1: `fit(images, labels)`, or a dataset of both. Where known labels are rare, images that have
    one are repeated, so that they are about a tenth of each batch (of arrays, unless shuffle=False;
    `kg.data.load(..., num_labels=100)` makes such batches too). The mean over a batch thus gives them more weight than
    they have in the data. A batch without known labels contributes nothing to the classification loss.

    M1+M2: with `features`, a VAE trained on the images before, M2 models samples of its codes instead of the images:
    `SemiSupervisedVAE(shape, 50, num_classes=10, likelihood="gaussian", features=m1)`.

    Reported: `reconstruction_loss`, `kl_loss` (of z and of y), `classification_loss` (mean over known labels),
    `accuracy` (share of the known labels), and `active_units`. With `features` the first two are those of the codes.
    `encode` returns the code given the label, or given the most probable class; `decode` takes labels.

    Args:
        latent_dim: size of the code z.
        num_classes: C; labels are whole numbers from 0 to num_classes - 1, -1 where unknown.
        alpha: weight of the classification loss.
        features: None, or a trained `kg.VAE` of the same data_shape (M1); the model keeps a copy, which is not trained.
        classifier: body of q(y|x): a name as for `encoder`, or a built `keras.Model` of data (of codes, with
            `features`) to features.
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        (B, *data_shape) -> q(y|x) (B, num_classes), mean and log variance (B, latent_dim) -> (B, *data_shape).

    Score unit:
        The ELBO of log p(x) with unknown label, nats per image.

    Reference:
        Kingma et al. 2014, "Semi-supervised learning with deep generative models", equations 6 to 9.

    Example:
        >>> model = kg.SemiSupervisedVAE(data_shape=(8, 8, 1), latent_dim=8, num_classes=10)
        >>> model.compile(optimizer="adam")
        >>> history = model.fit(kg.data.load("digits", labels=True, num_labels=100), epochs=5, verbose=0)
        >>> classes = model.classify(kg.data.load("digits", split="test"))
    """

    supervision = "partial"
    evaluation_draws = 2  # each for every class
    watched = ("active_units", "classification_loss", "accuracy", "classification_in_loss")
    alpha = Adjustable(minimum=0)
    reported = ("reconstruction_loss", "kl_loss", "classification_loss")

    def __init__(
        self,
        data_shape: tuple[int, ...],
        latent_dim: int = 50,
        *,
        num_classes: Classes,
        alpha: float = 0.1,
        features: keras.Model | None = None,
        classifier: str | keras.Model | None = None,
        encoder: str | keras.Model | None = None,
        decoder: str | keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(data_shape, latent_dim, **kwargs)
        if self.bound == "iwae" or self.free_bits:
            raise ValueError(
                "With unknown labels `bound` must be 'elbo' and `free_bits` 0. Received: "
                f"bound={self.bound!r}, free_bits={self.free_bits}"
            )
        if features is not None and self.likelihood != "gaussian":
            raise ValueError(
                "Codes have any value, so the model of `features` needs likelihood='gaussian'. Received: "
                f"likelihood={self.likelihood!r}"
            )
        if features is not None and self.variable_length:
            raise ValueError("The codes of `features` are no series: variable_length must be False. Received: True")
        self.num_classes = num_classes
        self.alpha = alpha
        self.features = None if features is None else frozen_copy(features, self.data_shape)
        self.described = Data(self.data_shape) if features is None else FrozenFeatures(self.features)
        self.classifier = networks.make_encoder(classifier, self.described.shape, "classifier", self.variable_length)
        self.class_head = networks.code_head(self.classifier, num_classes)
        self.build_networks(encoder, decoder, num_classes, None if features is None else self.described.shape)
        self.accuracy = keras.metrics.Mean(name="accuracy")
        self.classification_in_loss = keras.metrics.Mean(name="classification_in_loss")

    @property
    def memory_factor(self) -> int:  # type: ignore[override]  # a hook: a value or a property
        """Every class is decoded, for each draw."""
        return self.evaluation_draws * self.num_classes

    @property
    def data_likelihood(self) -> str | None:
        return self.described.likelihood or self.likelihood

    @property
    def metrics(self) -> list:
        """Keras' own, without those of the described model, which have the same names."""
        foreign = {id(metric) for metric in self.described.metrics}
        return [metric for metric in super().metrics if id(metric) not in foreign]

    # === Training ===

    def before_training(self, data: Taken) -> None:
        """Raises a ValueError if no label is known, of what can be looked at beforehand."""
        super().before_training(data)
        if data.is_repeatable and not (data.has_y and any(np.any(y >= 0) for _, y in data.dataset.as_numpy_iterator())):
            raise ValueError(
                f"{type(self).__name__} needs some labels that are known; -1 stands for unknown. Received: "
                f"{'all labels -1' if data.has_y else 'no labels'}"
            )

    def averaged_weights(self) -> list:
        constant = {id(weight) for weight in self.described.weights}
        return [weight for weight in super().averaged_weights() if id(weight) not in constant]

    def call(self, x, training: bool = False) -> tf.Tensor:
        """As of the VAE; in training the KL divergence of z alone is left in `losses`, under the label or the best."""
        x, given = self.unpack(x)
        self.check_shape(x)
        if not training:
            return self.reconstruct(x, given)
        return self.described.images(super().call((x, self._known_or_best(self.visible(x), given)), training=True))

    def term_weights(self, training: bool) -> dict:
        return {**super().term_weights(training), "classification": self.alpha}

    def terms(self, x, y, training: bool) -> dict:
        v = self.visible(x, training)
        log_q = self.log_q_classes(v, training)
        _, nll, kl, mean = self._of_each_class(v, training)
        weights, kl_of_class = self._weigh(log_q, y)
        classification = classification_terms(log_q, y)
        return {
            "reconstruction_loss": ops.sum(weights * nll, axis=-1),
            "kl_loss": ops.sum(weights * kl, axis=-1) + kl_of_class,
            **classification,
            "active_units": ops.sum(weights[:, :, None] * mean, axis=1),
            **({} if training else {"classification_in_loss": classification["classification"]}),
        }

    def _weigh(self, log_q, given):
        """The weight of each class, 1 if known, else q(y|x), and the KL divergence of q(y|x). -> (B, C), (B,)."""
        given = -ops.ones((ops.shape(log_q)[0],), "int64") if given is None else given
        known = ops.cast(given >= 0, "float32")
        q = ops.exp(log_q)
        weights = known[:, None] * ops.one_hot(given, self.num_classes, dtype="float32") + (1 - known[:, None]) * q
        return weights, (1 - known) * ops.sum(q * log_q, axis=-1) + math.log(self.num_classes)

    def get_metrics_result(self) -> dict:
        """Keras' own; the loss of an evaluation with the mean over all known labels, whatever their batches."""
        logs = super().get_metrics_result()
        in_loss = logs.pop("classification_in_loss")
        surplus = ops.where(self.classification_in_loss.count > 0, in_loss - logs["classification_loss"], 0.0)
        logs["loss"] -= self.alpha * surplus
        return logs

    def _of_each_class(self, v, training=False):
        """Of each class y: images (k * C * B, ...), `-log p(x|y,z)`, KL(q(z|x,y) || p(z)), means of z, (B, C, ...)."""
        batch, classes = ops.shape(v)[0], self.num_classes
        every = ops.repeat(ops.arange(classes), batch)  # (C * B,): class 0 for all examples, class 1, ...
        features = self.encoder(v, training=training)
        mean, log_variance = self.posterior_head([ops.tile(features, (classes, 1)), self.given(every)])
        z = self._draws(mean, log_variance, training)
        images = self.decode_draws(z, every, training)  # (k * C * B, ...)
        v, beside = self.known(v)
        nll = layers.per_draw(self.pixel_loss, v, images, z.shape[0] * classes, **beside)  # (k * C, B)
        nll = ops.mean(ops.reshape(nll, (z.shape[0], classes, batch)), axis=0)
        kl = ops.reshape(ops.sum(losses.normal_kl(mean, log_variance), axis=-1), (classes, batch))
        means = ops.transpose(ops.reshape(mean, (classes, batch, self.latent_dim)), (1, 0, 2))
        return images, ops.transpose(nll), ops.transpose(kl), means

    # === Distributions ===

    def visible(self, x, training: bool = False) -> tf.Tensor:
        """What the model describes: the data, or the codes of `features`, drawn in training, else their means."""
        return self.described.codes(x, self.noise_key("features") if training else None)

    def log_q_classes(self, v, training: bool = False) -> tf.Tensor:
        """log q(y|x). (B, ...) -> (B, num_classes)."""
        return ops.log_softmax(self.class_head(self.classifier(v, training=training)))

    def posterior_of(self, v, labels, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and log variance of q(z | x, y). (B, ...), (B,) -> two of (B, latent_dim)."""
        return self.posterior_head([self.encoder(v, training=training), self.given(labels)])

    def posterior(self, x, labels=None, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and log variance of q(z | x, y), y the labels, or the most probable classes where they are unknown."""
        self.check_shape(x)
        v = self.visible(x)
        return self.posterior_of(v, self._known_or_best(v, labels), training)

    def _known_or_best(self, v, labels):
        """The labels, and where they are unknown the most probable classes. -> (B,)."""
        best = most_probable(self.log_q_classes(v))
        return best if labels is None else ops.where(labels >= 0, ops.cast(labels, best.dtype), best)

    def given(self, labels) -> tf.Tensor:
        return ops.one_hot(labels, self.num_classes, dtype="float32")

    # === Abilities ===

    def network_parts(self) -> Parts:
        to_visible, to_data = self.described.encoder, self.described.decoder

        def encode(x):
            v = to_visible(x)
            log_q = nested(self.log_q_classes, v, "log_q_classes")
            return self.posterior_of(v, most_probable(log_q))[0]

        data, code = {"data": self.data_shape}, {"code": (self.latent_dim,), "labels": ()}
        return {
            "encoder": (data, encode),
            "decoder": (code, lambda z, labels: to_data(self.images(z, labels))),
            "classifier": (data, lambda x: ops.exp(self.log_q_classes(to_visible(x)))),
        }

    @batched
    def class_probabilities(self, x) -> np.ndarray:
        """q(y|x). (B, *data_shape) -> (B, num_classes)."""
        self.check_shape(x)
        return ops.exp(self.log_q_classes(self.visible(x)))

    def classify(self, x) -> np.ndarray:
        """The most probable class of each image. (B, *data_shape) -> (B,) int64."""
        return np.argmax(self.class_probabilities(x), axis=-1)

    @batched(images=True)
    def decode(self, z, labels=None) -> np.ndarray:
        """Images of codes and labels, (B, latent_dim), (B,); without labels, the mean over all classes.

        With `features`, the image of the mean of its codes.
        """
        if labels is None:
            return self.described.images(layers.mean_over_classes(self.images, z, self.num_classes))
        if tf.executing_eagerly() and bool(ops.any(labels < 0)):
            raise ValueError(f"To decode, every label must be known, 0 or more. Received: labels={np.asarray(labels)}")
        return self._decoded(z, labels)

    def _decoded(self, z, labels):
        return self.described.images(self.images(z, labels))

    @batched(images=True)
    def reconstruct(self, x, labels=None) -> np.ndarray:
        """The image of the posterior mean and of the label, or of the most probable class where it is unknown."""
        self.check_shape(x)
        v = self.visible(x)
        classes = self._known_or_best(v, labels)
        return self.ended_like(x, self._decoded(self.posterior_of(v, classes)[0], classes))

    @batched
    def score(self, x) -> np.ndarray:  # type: ignore[override]  # over all classes: it takes no labels
        self.check_shape(x)
        v, surplus = self.described.draws(x)
        log_q = self.log_q_classes(v)
        _, nll, kl, _ = self._of_each_class(v)
        bound = -ops.sum(ops.exp(log_q) * (nll + kl + log_q), axis=-1) - math.log(self.num_classes)
        return ops.mean(ops.reshape(bound, (-1, ops.shape(x)[0])) + surplus, axis=0)

    @at_once
    @checked
    def log_weights(self, x, num_samples: Count, seed=0, labels=None) -> np.ndarray:
        """`log p(x, y_k, z_k) - log q(y_k, z_k | x)`, y_k drawn from q(y|x). -> (num_samples, B), nats."""

        def normal(size, purpose):
            return distribution.normal((num_samples, len(x), size), distribution.noise_key(0, seed, purpose))

        self.check_shape(x)
        v, surplus = self.described.draws(x, normal(self.described.noise_size, "log_weights of features"))
        log_q = self.log_q_classes(v)  # (k * B, C)
        uniform = distribution.uniform(tf.shape(log_q), distribution.noise_key(0, seed, "log_weights of classes"))
        classes = ops.argmax(log_q - ops.log(-ops.log(uniform + 1e-20)), -1)  # Gumbel's way to draw
        mean, log_variance = self.posterior_of(v, classes)
        z = mean + ops.exp(0.5 * log_variance) * ops.reshape(normal(self.latent_dim, "log_weights"), ops.shape(mean))
        v, beside = self.known(v)
        nll = self.pixel_loss(v, self.images(z, classes), **beside)
        log_p = losses.normal_log_density(z) - nll - math.log(self.num_classes)
        chosen = ops.sum(log_q * self.given(classes), axis=-1)
        weights = log_p - losses.normal_log_density(z, mean, log_variance) - chosen
        return ops.reshape(weights, (num_samples, len(x))) + surplus


def most_probable(log_q) -> tf.Tensor:
    """The class of the largest of each row, (B, C) -> (B,); not by Keras' argmax, which fewer formats can hold."""
    return ops.top_k(log_q, 1)[1][:, 0]
