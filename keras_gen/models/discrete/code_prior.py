"""The prior of discrete codes."""

import dataclasses
import math
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen import networks
from keras_gen.core import GenerativeModel, Parts, Taken, batched, distribution, drawn
from keras_gen.core.arguments import NONE, SHAPE, Classes, Count, Positive, Share, checked, either
from keras_gen.core.spec import DataSpec
from keras_gen.models.discrete.steps import UNKNOWN, StepByStep
from keras_gen.models.discrete.vqvae import VQVAE


@keras.saving.register_keras_serializable("keras_gen")
class CodePrior(StepByStep, GenerativeModel):
    """Prior of discrete codes: a causal transformer that predicts each code of an image from those before it.

    The codes c of an image, in the order of reading, have the probability

        p(c) = prod_t p(c_t | c_1, ..., c_(t-1))

    so that minus its logarithm is a sum of cross entropies, the least nats that a lossless coder can do with. What is
    minimised is its mean over the images. `sample` draws code after code, and the `VQVAE` decodes them.

    With `num_classes` it is p(c | y): `fit(images, labels)`, `sample(n, labels=...)`. An unknown label is -1, and in
    training a tenth of them are hidden, so that `score(images)` also works without labels.

    It is trained on images, and keeps a copy of the VQVAE, which is not trained any more, in the same file.

    Reported: `code_loss`, nats per image, and `bits_per_image`, the same over log 2: L log2 K if all codes
    were equally probable.

    Args:
        vqvae: a trained `kg.VQVAE`.
        num_classes: None, or C; labels are whole numbers from 0 to num_classes - 1, -1 where unknown.
        width: of the vectors of the transformer.
        depth: how many blocks of attention it has.
        heads: of attention, a divisor of the width.
        hidden_labels: share of the labels that are hidden in training.
        data_shape: None, or that of the VQVAE.
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        (B, *data_shape) -> codes (B, h, w) -> `call`: log p of each code given those before, (B, h, w).

    Score unit:
        log p(c) of the codes, or log p(c | y), nats per image; bits per image are `-score / log 2`.

    Reference:
        van den Oord et al. 2017, "Neural discrete representation learning", section 3.3, with a transformer (Vaswani et
        al. 2017, "Attention is all you need") in the place of PixelCNN.

    Example:
        >>> vqvae = kg.VQVAE(data_shape=(8, 8, 1), num_codes=64)
        >>> vqvae.compile(optimizer="adam")
        >>> history = vqvae.fit(kg.data.load("digits"), epochs=5, verbose=0)
        >>> model = kg.CodePrior(vqvae, num_classes=10, depth=1)
        >>> model.compile(optimizer="adam")
        >>> history = model.fit(kg.data.load("digits", labels=True), epochs=5, verbose=0)
        >>> sevens = model.sample(16, labels=7, seed=1)
    """

    reported = ("code_loss",)
    watched = ("bits_per_image",)
    undrawable = "it draws one code after the other"

    def __init__(
        self,
        vqvae: keras.Model | None,  # None is refused in a sentence; the command gives the model of a run by this type
        num_classes: Classes | None = None,
        width: Count = 96,
        depth: Count = 3,
        heads: Count = 4,
        hidden_labels: Share = 0.1,
        data_shape: Annotated[tuple[int, ...] | None, either(SHAPE, NONE)] = None,
        **kwargs,
    ):
        if not isinstance(vqvae, VQVAE):
            raise ValueError(
                "A prior of codes needs a model that has discrete ones: `vqvae` must be a trained VQVAE. "
                f"Received: vqvae={vqvae if vqvae is None else type(vqvae).__name__}"
            )
        if data_shape not in (None, vqvae.data_shape):
            raise ValueError(
                f"The VQVAE must be of the same data: it takes data_shape={vqvae.data_shape}. "
                f"Received: data_shape={data_shape}"
            )
        if width % heads:
            raise ValueError(f"`width` must be a multiple of `heads`. Received: width={width}, heads={heads}")
        super().__init__(vqvae.data_shape, **kwargs)

        # === Config ===
        self.num_classes = num_classes
        self.width = width
        self.depth = depth
        self.heads = heads
        self.hidden_labels = hidden_labels
        self.supervision = self.supervision_of({"num_classes": num_classes})

        # === Layers ===
        self.vqvae = vqvae.frozen_copy()
        self.length = math.prod(self.code_shape)
        self.transformer = networks.CausalTransformer(
            self.num_codes, self.length, num_classes or 0, width, depth, heads, name="transformer"
        )
        self.transformer.build()
        self.bits_per_image = keras.metrics.Mean(name="bits_per_image")
        self.built = True

    @classmethod
    def supervision_of(cls, arguments) -> str | None:
        return "partial" if arguments.get("num_classes") is not None else None

    @property
    def num_codes(self) -> int:  # type: ignore[override]  # a hook: a value or a property
        return self.vqvae.num_codes

    @property
    def code_shape(self) -> tuple:
        return self.vqvae.code_shape

    @property
    def latent_dim(self) -> int:
        return self.length

    @property
    def data_likelihood(self) -> str | None:
        return self.vqvae.likelihood

    def spec_of(self, ability: str) -> DataSpec:
        """As of any model; `sample` takes -1 too."""
        spec = super().spec_of(ability)
        return dataclasses.replace(spec, labels="partial") if ability == "sample" else spec

    @property
    def memory_factor(self) -> int:  # type: ignore[override]  # a hook: a value or a property
        """The logits of all codes."""
        return max(1, self.length * self.num_codes // math.prod(self.data_shape))

    @property
    def metrics(self) -> list:
        """Keras' own, without those of the VQVAE."""
        foreign = {id(metric) for metric in self.vqvae.metrics}
        return [metric for metric in super().metrics if id(metric) not in foreign]

    def averaged_weights(self) -> list:
        constant = {id(weight) for weight in self.vqvae.weights}
        return [weight for weight in super().averaged_weights() if id(weight) not in constant]

    # === Training ===

    def before_training(self, data: Taken) -> None:
        """Raises a ValueError where a model of classes is given no label."""
        super().before_training(data)
        if self.num_classes is not None and not data.has_y:
            raise ValueError(
                f"{type(self).__name__} of num_classes={self.num_classes} needs labels, which must be -1 where "
                "unknown: fit(images, labels). Received: no labels"
            )

    def call(self, x, training: bool = False) -> tf.Tensor:
        """log p of each code given those before it, and a label where x is (images, labels). -> (B, *code_shape)."""
        x, labels = self.unpack(x)
        self.check_shape(x)
        return ops.reshape(self._log_p(self._codes(x), labels, training), (-1, *self.code_shape))

    def terms(self, x, y, training: bool) -> dict:
        if training and y is not None:
            draws = distribution.uniform((ops.shape(x)[0],), self.noise_key("labels"))
            y = ops.where(draws < self.hidden_labels, ops.cast(UNKNOWN, y.dtype), y)
        nats = -ops.sum(self._log_p(self._codes(x), y, training), axis=-1)
        return {"code_loss": nats, "bits_per_image": nats / math.log(2)}

    def _codes(self, x):
        """(B, L), in the order of reading."""
        return ops.reshape(self.vqvae.encode(x), (-1, self.length))

    def _classes(self, labels, like):
        """The classes of labels, C where they are unknown, 0 of a model without. -> (B,) int32."""
        last = self.num_classes or 0
        if labels is None:
            return tf.fill(tf.shape(like)[:1], last)
        labels = ops.cast(labels, "int32")
        return ops.where(labels < 0, last, labels)

    def _log_p(self, codes, labels, training=False):
        """(B, L), (B,) or None -> (B, L)."""
        logits = self.transformer(codes, self._classes(labels, codes), training=training)
        # Keras' cross entropy of whole numbers is an operation that LiteRT does not have.
        return ops.take_along_axis(ops.log_softmax(logits), codes[..., None], axis=-1)[..., 0]

    # === Abilities ===

    def network_parts(self) -> Parts:
        return self.vqvae.network_parts()

    @batched
    def encode(self, x) -> np.ndarray:
        """As of the VQVAE. (B, *data_shape) -> (B, *code_shape) int32."""
        return self.vqvae.encode(x)

    @batched
    def code_vectors(self, x) -> np.ndarray:  # type: ignore[override]  # it needs no labels
        """As of the VQVAE."""
        return self.vqvae.code_vectors(x)

    @batched(images=True)
    def decode(self, z) -> np.ndarray:
        """As of the VQVAE. (B, *code_shape) -> (B, *data_shape)."""
        return self.vqvae.decode(z)

    @batched
    def score(self, x, labels=None) -> np.ndarray:
        self.check_shape(x)
        return ops.sum(self._log_p(self._codes(x), labels), axis=-1)

    @drawn
    @checked
    def sample(self, n: int, labels=None, seed: int | None = None, temperature: Positive = 1.0) -> np.ndarray:
        """Draws codes, one after the other, and decodes them. -> (n, *data_shape).

        Args:
            n: how many.
            labels: (n,), or one for all; -1 for any. None for all classes in turn.
            seed: of the draws; the same gives the same images.
            temperature: what logits are divided by: below 1, likely codes become more likely.
        """
        return self.decode(self.sample_codes(n, labels, seed, temperature))
