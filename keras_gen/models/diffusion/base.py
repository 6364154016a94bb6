"""What flow matching and diffusion share: a path between noise and data, and the network that is trained on it."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen import losses, networks
from keras_gen.core import GenerativeModel, Parts, Taken, distribution
from keras_gen.core.arguments import Classes
from keras_gen.models.diffusion import latent as latents
from keras_gen.models.diffusion.abilities import DiffusionAbilities
from keras_gen.models.diffusion.likelihood import Likelihoods

LABEL_DROPOUT = 0.1  # share of the examples that are trained on without their label, for guidance
EVALUATION_TIMES = 4


class BaseDiffusion(DiffusionAbilities, Likelihoods, GenerativeModel):
    """A network that separates data x and noise e ~ N(0, I) in their mixture `x_t = alpha_t x + sigma_t e`. Abstract.

    Time goes from noise, t = 0, to data, t = 1. A model gives alpha and sigma by `path`, what its network is trained to
    predict by `target_of`, and the x and e that follow from it by `split`.

    Args:
        data_shape: (H, W, C) of images in [0, 1], or (D,) of vectors of any values.
        num_classes: None, or how many classes: `fit(images, labels)`, `sample(n, labels=...)`. A tenth of the examples
            is trained on without its label, for `guidance`.
        latent: None, or a trained autoencoder of the same data_shape, such as `kg.load(...)`, whose codes are learned
            in place of the data. The model keeps a copy, which is not trained.
        denoiser: "unet" (images), "dense", None to choose by the data's size, or a built `keras.Model` that maps [data,
            time] or [data, time, labels] to the shape of the data; time is (B, 1) in [0, 1], and the label num_classes
            stands for none.
        ema: None, or the decay of a moving average of the weights, with which the model samples and scores.
        seed: seed of all noise of training and evaluation.
        **kwargs: `name` and the other arguments of `keras.Model`.
    """

    has_normal_prior = True
    samplers: tuple[str, ...] = ()  # names, the default first
    crowding: float = 3.0  # of the times of a likelihood, 1 - w^crowding: close to data, much happens in little time
    clips = False  # whether estimates of x are brought into the range of images

    def __init__(
        self,
        data_shape: tuple[int, ...],
        num_classes: Classes | None = None,
        latent: keras.Model | None = None,
        denoiser: str | keras.Model | None = None,
        ema: float | None = 0.999,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(data_shape, seed=seed, ema=ema, **kwargs)
        self.num_classes = num_classes
        self.supervision = self.supervision_of({"num_classes": num_classes})
        self.latent = None if latent is None else latents.frozen_copy(latent, self.data_shape)
        self.described_shape = self.data_shape if self.latent is None else tuple(self.latent.code_shape)
        self.denoiser = networks.make_denoiser(denoiser, self.described_shape, num_classes)
        if self.is_scaled:
            shared: dict[str, Any] = {"shape": self.described_shape, "trainable": False, "dtype": "float32"}
            self.shift = self.add_weight(name="shift", initializer="zeros", autocast=False, **shared)
            self.scale = self.add_weight(name="scale", initializer="ones", autocast=False, **shared)
        graphs: dict[Any, Any] = {}
        self.graphs = lambda: graphs  # behind a function: Keras tracks what it finds in a dict
        self.built = True

    @classmethod
    def supervision_of(cls, arguments) -> str | None:
        return "required" if arguments.get("num_classes") is not None else None

    # === The path, and what a network says of it ===

    def path(self, t) -> tuple[Any, Any]:
        """alpha and sigma at times in [0, 1], arrays, tensors or numbers."""
        raise NotImplementedError

    def rates(self, t) -> tuple[Any, Any]:
        """Their derivatives by t."""
        raise NotImplementedError

    def quantile(self, u) -> tf.Tensor:
        """Training times, from numbers uniform on [0, 1]."""
        return u

    def target_of(self, x, e, t) -> tf.Tensor:
        """What the network is trained to say of x_t. Three of (B, ...), t broadcast."""
        raise NotImplementedError

    def split(self, said, x_t, t) -> tuple[tf.Tensor, tf.Tensor]:
        """x and e of what the network said of x_t: `x_hat`, `e_hat`."""
        raise NotImplementedError

    def network_scale(self, t) -> Any:
        """What x_t is multiplied by before the network sees it."""
        return 1.0

    def said(self, x_t, t, labels=None, training: bool = False) -> tf.Tensor:
        """The network's output. (B, ...), t (B,), labels (B,), the number of classes for none -> (B, ...)."""
        inputs = [x_t * self.network_scale(self._beside(t)), t[:, None]]
        if self.num_classes is not None:
            inputs.append(ops.cast(labels, "int32"))
        return self.denoiser(inputs, training=training)

    def predicted(self, x_t, t, labels=None, guidance=None, clips: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """x_hat and e_hat of states at one time; see `split`.

        With guidance w the network says `(1 + w) f(x_t, y) - w f(x_t)` (Ho and Salimans 2022, equation 6).

        Args:
            x_t: (B, ...).
            t: scalar.
            labels: (B,) or None.
            guidance: w, scalar, or None.
            clips: whether x_hat is brought into the range of images.
        """
        times = tf.fill((tf.shape(x_t)[0],), tf.cast(t, tf.float32))
        if guidance is None:
            said = self.said(x_t, times, labels)
        else:
            both = tf.concat([labels, tf.fill(tf.shape(labels), tf.cast(self.num_classes, labels.dtype))], axis=0)
            twice = tf.concat([x_t, x_t], axis=0)
            given, alone = tf.split(self.said(twice, tf.concat([times, times], axis=0), both), 2)
            said = (1 + guidance) * given - guidance * alone
        x_hat, e_hat = self.split(said, x_t, t)
        if clips and self.clips and self.bounded and self.latent is None:
            alpha, sigma = self.path(t)
            x_hat = ops.clip(x_hat, -1.0, 1.0)
            e_hat = (x_t - alpha * x_hat) / sigma
        return x_hat, e_hat

    def velocity(self, x_t, t, labels=None) -> tf.Tensor:
        """dx/dt of the probability-flow equation, `alpha'_t x_hat + sigma'_t e_hat`. (B, ...), scalar -> (B, ...)."""
        x_hat, e_hat = self.predicted(x_t, t, labels)
        alpha_rate, sigma_rate = self.rates(t)
        return alpha_rate * x_hat + sigma_rate * e_hat

    def _labels(self, labels):
        """Labels as the network takes them, or None; a sentence where they are missing."""
        if self.num_classes is None:
            return None
        if labels is None:
            self.data_spec.as_labels(None)
        return tf.cast(labels, tf.int32)

    # === Training ===

    def terms(self, x, y, training: bool) -> dict:
        v = ops.stop_gradient(self.normalised(x))
        if training:
            t = self.quantile(distribution.uniform((tf.shape(v)[0],), self.noise_key("time")))
            return {self.reported[0]: self._error(v, self._noise(v), t, self._dropped(y), training)}
        # The same times and noise for each example, whatever the batch.
        k = EVALUATION_TIMES
        t = ops.repeat(self.quantile((np.arange(k, dtype="float32") + 0.5) / k), tf.shape(v)[0])
        e = distribution.normal((k, 1, *self.described_shape), self.key("noise", False, shared=True))
        e = ops.reshape(e + ops.zeros_like(v)[None], (-1, *self.described_shape))
        y = None if y is None else ops.tile(y, k)
        errors = self._error(ops.tile(v, (k, *(1 for _ in self.described_shape))), e, t, y, training)
        return {self.reported[0]: ops.mean(ops.reshape(errors, (k, -1)), axis=0)}

    def _error(self, x, e, t, labels, training):
        beside = self._beside(t)
        alpha, sigma = self.path(beside)
        said = self.said(alpha * x + sigma * e, t, labels, training)
        return losses.squared_error(self.target_of(x, e, beside), said)

    def _noise(self, v):
        return distribution.normal(tf.shape(v), self.noise_key("noise"))

    def _dropped(self, labels):
        """Labels, a tenth of them those of no class."""
        if labels is None or self.num_classes is None:
            return None
        is_dropped = distribution.uniform(tf.shape(labels), self.noise_key("labels")) < LABEL_DROPOUT
        return ops.where(is_dropped, ops.cast(self.num_classes, labels.dtype), labels)

    def _beside(self, t):
        """Times as they multiply data. (B,) -> (B, 1, ...)."""
        return ops.reshape(t, (-1, *(1 for _ in self.described_shape)))

    # === Scales ===

    @property
    def is_scaled(self) -> bool:
        """Whether `fit` takes shift and scale of the data: of vectors and codes. Those of images are known."""
        return self.latent is not None or not self.bounded

    def before_training(self, data: Taken) -> None:
        """Takes mean and deviation of each value, of up to 10,000 examples."""
        if self.is_scaled and int(ops.convert_to_numpy(self.step)) == 0:
            x = data.sample(latents.examples(self.data_shape))
            mean, deviation = latents.moments(x if self.latent is None else self.latent.encode(np.asarray(x)))
            self.shift.assign(mean)
            self.scale.assign(deviation)

    def normalised(self, x) -> tf.Tensor:
        """What the path leads to: images in [-1, 1], vectors and codes of mean 0 and variance 1. data -> (B, ...)."""
        if not self.is_scaled:
            return 2.0 * x - 1.0
        return ((x if self.latent is None else self.latent.encode(x)) - self.shift) / self.scale

    def as_data(self, v) -> tf.Tensor:
        """The inverse of `normalised`; images are clipped to [0, 1]."""
        if not self.is_scaled:
            return ops.clip(0.5 * (v + 1.0), 0.0, 1.0)
        v = v * self.scale + self.shift
        return v if self.latent is None else self.latent.decode(v)

    # === Parts ===

    @property
    def latent_dim(self) -> int:
        """Size of a code: the noise that leads to an example is as large as what is described."""
        return math.prod(self.described_shape)

    @property
    def metrics(self) -> list:
        """Keras' own, without those of the autoencoder, which have the same names."""
        foreign = set() if self.latent is None else {id(metric) for metric in self.latent.metrics}
        return [metric for metric in super().metrics if id(metric) not in foreign]

    def averaged_weights(self) -> list:
        return [weight for weight in self.denoiser.weights if "float" in weight.dtype]

    def network_parts(self) -> Parts:
        labels: dict[str, tuple] = {} if self.num_classes is None else {"labels": ()}
        shapes: dict[str, tuple] = {"state": self.described_shape, "time": (1,), **labels}
        return {"network": (shapes, lambda x, t, y=None: self.said(x, t[:, 0], y))}

    def export_parts(self) -> dict:
        """The network alone: the sampling loop belongs to the program that uses it."""
        return {name: part for name, part in super().export_parts().items() if name == "network"}
