"""What the variational autoencoders share. The models themselves are in files of their own.

Longer than a model: networks, likelihoods, bounds, warm-up and free bits of all of them meet here.
"""

import warnings
from typing import Any, Literal

import keras
import tensorflow as tf
from keras import ops

from keras_gen import layers, losses, networks
from keras_gen.core import (
    Adjustable,
    GenerativeModel,
    Parts,
    Taken,
    distribution,
)
from keras_gen.core.arguments import Count, Positive
from keras_gen.core.metrics import ActiveUnits
from keras_gen.likelihoods import likelihood
from keras_gen.models.variational.abilities import VariationalAbilities
from keras_gen.models.variational.bounds import BOUNDS
from keras_gen.models.variational.divergences import DIVERGENCES, check_divergence
from keras_gen.priors import NormalPrior

EARLY = 200  # training steps before which nobody speaks of a collapse
FEW_ACTIVE = 0.1  # share of the code's units; fewer that say anything are a collapse


class BaseVAE(VariationalAbilities, GenerativeModel):
    """An encoder with a normal posterior, a prior, a decoder, and a bound of the likelihood. Abstract.

    A model makes its networks by `build_networks`, and may set another `code_prior`.

    Args:
        data_shape: (H, W, C) of images in [0, 1], (T, F) of series of T steps, or (D,) of vectors.
        latent_dim: size of the code.
        beta: weight of the KL divergence (Higgins et al. 2017); 1 for the bound.
        likelihood: "bernoulli" for data in [0, 1]; "gaussian" for any values; "discretized_logistic" for the 256
            levels of 8-bit images, with one learned scale for each channel. A table has its own, "table", by itself.
        variance: of "gaussian": "learned", one for all values; "per_value", one learned for each; or a number.
        num_samples: samples of z per image and step.
        bound: "elbo", or "iwae", the importance-weighted bound of `num_samples` samples.
        divergence: what is minimised beside the weighted KL divergence: "kl", nothing; "mmd", "tc" or "dip", how far
            all codes together are from the prior, as in the InfoVAE and the WAE, in the beta-TC-VAE, and in the
            DIP-VAE-II; see `DIVERGENCES`.
        divergence_weight: of that; None for 10 ("mmd", "dip") or 5 ("tc").
        warmup_steps: training steps over which both weights grow from 0 to their values (Sonderby et al. 2016).
        free_bits: nats of KL divergence per code unit, averaged over the batch, that are not penalised (Kingma et
            al. 2016, equation 15).
        variable_length: whether series may end early: NaN in all features of every later step, as `kg.data.pad` makes
            them. Only the steps that are there are encoded, count in the likelihood, and are reconstructed.
        encoder: "dense", "conv", of series "conv1d" or "recurrent" (a GRU), None to choose by the data's size, or a
            built `keras.Model` of data to features.
        decoder: the same names, or a built `keras.Model` of codes, followed by the one-hot label if the model has one,
            to features, or straight to images (to vectors, if its last layer is named "image").
        seed: seed of all noise of training and evaluation.
        **kwargs: `name` and the other arguments of `keras.Model`.
    """

    reported: tuple[str, ...] = ("reconstruction_loss", "kl_loss")
    takes_tables = takes_series = True

    def __init__(
        self,
        data_shape: tuple[int, ...],
        latent_dim: Count = 2,
        beta: float = 1.0,
        likelihood: Literal["bernoulli", "gaussian", "discretized_logistic", "table"] = "bernoulli",
        variance: Literal["learned", "per_value"] | Positive = "learned",
        num_samples: Count = 1,
        bound: Literal["elbo", "iwae"] = "elbo",
        divergence: Literal["kl", "mmd", "tc", "dip"] = "kl",
        divergence_weight: float | None = None,
        warmup_steps: int = 0,
        free_bits: float = 0.0,
        variable_length: bool = False,
        encoder: str | keras.Model | None = None,
        decoder: str | keras.Model | None = None,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(data_shape, seed=seed, **kwargs)
        if variance != "learned" and likelihood != "gaussian":
            raise ValueError(
                "Only likelihood='gaussian' has a variance: `variance` must be 'learned' with others. "
                f"Received: variance={variance!r}, likelihood={likelihood!r}"
            )
        if likelihood == "discretized_logistic" and len(self.data_shape) != 3:
            raise ValueError(
                "likelihood='discretized_logistic' needs images (height, width, channels). Received: "
                f"data_shape={self.data_shape}"
            )
        if bound == "iwae" and free_bits:
            raise ValueError(f"Free bits need bound='elbo'. Received: bound='iwae', free_bits={free_bits}")

        # === Config ===
        self.latent_dim = latent_dim
        self.beta = beta
        self.likelihood: str = self.likelihood_of(likelihood)
        self.variance = variance
        self.num_samples = num_samples
        self.bound = bound
        self.divergence = divergence
        self.divergence_weight = self._divergence.weight if divergence_weight is None else divergence_weight
        for name in (*self._divergence.minimised, *self._divergence.watched):
            self.trackers[name] = keras.metrics.Mean(name=name)
        self.warmup_steps = warmup_steps
        self.free_bits = free_bits
        self.set_variable_length(variable_length)

    beta = Adjustable(minimum=0)
    divergence_weight = Adjustable(minimum=0, optional=True)
    warmup_steps = Adjustable(minimum=0, whole=True)
    free_bits = Adjustable(minimum=0)
    evaluation_draws = 8  # of z, for each image
    memory_factor = 8

    @property
    def has_normal_prior(self) -> bool:  # type: ignore[override]  # a hook: a value or a property
        return isinstance(self.code_prior, NormalPrior)

    def build_networks(self, encoder, decoder, num_given=0, shape=None) -> None:
        """Makes encoder, posterior, decoder, image and likelihood.

        Args:
            encoder: argument of the constructor.
            decoder: argument of the constructor.
            num_given: how many numbers they are given besides features and codes.
            shape: of what is encoded, if that is not the data but unbounded vectors made of them.
        """
        activation = networks.data_activation(self.bounded and shape is None, self.table)
        shape = shape or self.data_shape
        if self.latent_dim:
            self.encoder = networks.make_encoder(encoder, shape, variable_length=self.variable_length)
            self.posterior_head = networks.gaussian_head(self.encoder, self.latent_dim, num_given)
        else:
            self.encoder = None
        self.decoder = networks.make_decoder(
            decoder, self.latent_dim + num_given, shape, beside=encoder, num_labels=num_given
        )
        self.image = networks.image_head(self.decoder, shape, activation)
        self.pixel_loss = likelihood(self.likelihood, shape, self.variance, self.table)
        self.code_prior: Any = NormalPrior(self.latent_dim)
        self.active_units = ActiveUnits(self.latent_dim)
        self.built = True

    def on_completed(self) -> None:
        check_divergence(self, self.divergence_weight)
        super().on_completed()

    # === Training ===

    def check_setting(self, name, value) -> None:
        if name == "divergence_weight":
            check_divergence(self, value)
        if name != "free_bits" or not value:
            return
        plain = self.bound == "elbo" and self.divergence == "kl"
        if not plain or not self.has_normal_prior or self.supervision == "partial":
            raise ValueError(
                f"Free bits belong to the bound 'elbo', the divergence 'kl' and a normal prior: they must be 0 here. "
                f"Received: free_bits={value}, of a {type(self).__name__} with bound={self.bound!r}, "
                f"divergence={self.divergence!r}"
            )

    def before_training(self, data: Taken) -> None:
        if data.total_steps is None:
            return
        last_step = int(ops.convert_to_numpy(self.step)) + data.total_steps
        if self.setting("warmup_steps") > last_step:
            warnings.warn(
                f"The run ends before the warm-up: beta will reach {last_step / self.warmup_steps:.0%} of its value. "
                f"Received: warmup_steps={self.warmup_steps}, last step of the run={last_step}",
                stacklevel=3,
            )

    def after_training(self, history: keras.callbacks.History) -> None:
        """Warns of a posterior that has collapsed: one in which few units of the code depend on the data."""
        active = history.history.get("active_units", [self.latent_dim])[-1]
        few = min(self.latent_dim, max(1, FEW_ACTIVE * self.latent_dim))
        if active < few and int(ops.convert_to_numpy(self.step)) >= EARLY:
            warnings.warn(
                f"The posterior has collapsed: {active:.0f} of {self.latent_dim} code units depend on the data, the "
                "means of the others do not vary. Train for longer; or let beta grow (warmup_steps), make it smaller, "
                'or give each unit free_bits; for likelihood="gaussian", learn the variance. '
                "`kg.evaluation.latent_units` shows the units.",
                stacklevel=3,
            )

    def call(self, x, training: bool = False) -> tf.Tensor:
        """Images of the posterior means; in training of one draw, with the weighted KL divergence in `losses`.

        So a loop of one's own adds the reconstruction term to it for minus the ELBO, whatever `bound` is. The step of
        the package does not call this.
        """
        x, labels = self.unpack(x)
        mean, log_variance = self.posterior(x, labels, training=training)
        if not training:
            return self.images(self.codes_of(mean, log_variance), labels)
        z = self._draws(mean, log_variance, training)[:1]
        weights = self.term_weights(training)
        for name, term in self.divergence_terms(mean, log_variance, z).items():
            if name not in self._only_reported:
                self.add_loss(ops.mean(weights.get(name, 1.0) * term))
        return self.decode_draws(z, labels, training)

    def terms(self, x, y, training: bool) -> dict:
        mean, log_variance = self.posterior(x, y, training=training)
        z = self._draws(mean, log_variance, training)
        nll = self.negative_log_likelihood(x, self.decode_draws(z, y, training), z.shape[0])
        return {
            **self._bound.terms(self, nll, z, mean, log_variance, training),
            "active_units": self.codes_of(mean, log_variance),
        }

    @property
    def _bound(self):
        return BOUNDS[self.bound]

    @property
    def _divergence(self):
        return DIVERGENCES[self.divergence]

    @property
    def watched(self) -> tuple[str, ...]:  # type: ignore[override]  # a hook: a value or a property
        return ("active_units", *self._only_reported, *self._bound.watched)

    @property
    def _only_reported(self):
        """Of the terms of the divergence: with free bits, those above them are minimised."""
        return (*(("kl_loss",) if self.setting("free_bits") else ()), *self._divergence.watched)

    def term_weights(self, training: bool) -> dict:
        weight = self.kl_weight(training)
        of_divergence = {name: self._warm(self.divergence_weight, training) for name in self._divergence.minimised}
        return {"kl_loss": weight, "kl_above_free_bits": weight, **of_divergence}

    def kl_weight(self, training: bool) -> Any:
        """The weight of the KL divergence in this step: beta, in training after the warm-up."""
        return self._warm(self.beta, training)

    def _warm(self, weight, training):
        """A weight in this step: in training it grows over the warm-up."""
        if not training or not self.setting("warmup_steps"):
            return weight
        return weight * ops.minimum(1.0, ops.cast(self.step, "float32") / self.warmup_steps)

    def divergence_terms(self, mean, log_variance, z) -> dict:
        """How far the posterior is from the prior, as terms by name, (B,) each: the KL divergence, nats, and others.

        A paper that asks for another divergence overrides this method; what it adds and what that weighs, it lists in
        `reported` and `term_weights`.

        Args:
            mean: (B, D), of q(z | x).
            log_variance: (B, D).
            z: (k, B, D), draws of it.
        """
        kl = self.code_prior.kl(mean, log_variance, z)
        terms = {"kl_loss": ops.sum(kl, axis=-1)}
        if self.setting("free_bits"):  # what is minimised; the first is then reported only
            per_unit = ops.maximum(distribution.global_mean(kl), self.free_bits)
            terms["kl_above_free_bits"] = distribution.for_each(ops.sum(per_unit), mean)
        return {**terms, **self._divergence.terms(self, mean, log_variance)}

    # === Distributions ===

    def posterior(self, x, labels=None, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and log variance of q(z | x). (B, *data_shape) -> two of (B, latent_dim)."""
        self.check_shape(x)
        if not self.latent_dim:
            return ops.zeros((ops.shape(x)[0], 0)), ops.zeros((ops.shape(x)[0], 0))
        features = self.encoder(x, training=training)
        given = self.given(labels)
        return self.posterior_head(features if given is None else [features, given])

    def codes_of(self, mean, log_variance, noise=None) -> tf.Tensor:
        """Codes of q(z | x) by standard normal noise, (..., B, D), or without it the code of the means, (B, D)."""
        return mean if noise is None else layers.draw_codes(mean, log_variance, noise)

    def log_posterior(self, z, mean, log_variance) -> tf.Tensor:
        """`log q(z | x)` by what `posterior` gives for x. (..., B, D) -> (..., B), nats."""
        return losses.normal_log_density(z, mean, log_variance)

    def given(self, labels) -> tf.Tensor | None:
        """What encoder and decoder are given besides features and codes, (B, num_given), or None."""
        return None

    def images(self, z, labels=None, training: bool = False) -> tf.Tensor:
        """The means of p(x | z). (B, latent_dim) -> (B, *data_shape)."""
        given = self.given(labels)
        if given is not None:
            z = ops.concatenate([z, given], -1) if self.latent_dim else given  # few formats hold an axis of size 0
        return self.image(self.decoder(z, training=training))

    def _draws(self, mean, log_variance, training=False):
        """Draws of the posterior, of an evaluation the same for each image. -> (k, B, latent_dim)."""
        if training:
            noise = distribution.normal((self.num_samples, *tf.unstack(tf.shape(mean))), self.noise_key("posterior"))
        else:
            noise = layers.fixed_noise(
                self.evaluation_draws, self.latent_dim, self.seed, scaled=self._bound.balances_draws
            )
        return self.codes_of(mean, log_variance, noise)

    def decode_draws(self, z, labels=None, training: bool = False) -> tf.Tensor:
        """(k, B, latent_dim) -> (k * B, *data_shape), draw by draw."""
        labels = None if labels is None else layers.repeat_batch(labels, z.shape[0])
        flat = ops.reshape(z, (z.shape[0] * ops.shape(z)[1], self.latent_dim))  # not -1: a code may be of size 0
        return self.images(flat, labels, training)

    def negative_log_likelihood(self, x, images, draws=None) -> tf.Tensor:
        """`-log p(x | z_k)` of the images of k draws. (B, ...), (k * B, ...) -> (k, B), nats."""
        x, beside = self.known(x)
        return layers.per_draw(self.pixel_loss, x, images, draws, **beside)

    def log_ratio(self, z, mean, log_variance) -> tf.Tensor:
        """`log p(z_k) - log q(z_k | x)`. (k, B, D) -> (k, B), nats."""
        return self.code_prior.log_density(z) - self.log_posterior(z, mean, log_variance)

    def network_parts(self) -> Parts:
        labels = {"labels": ()} if self.supervision == "required" else {}
        decoder = {"decoder": ({"code": (self.latent_dim,), **labels}, self.images)}
        if not self.latent_dim:
            return decoder
        return {"encoder": ({"data": self.data_shape, **labels}, self._encoded), **decoder}
