"""What the autoencoders share. The models themselves are in files of their own."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen import losses, networks
from keras_gen.core import GenerativeModel, Parts, WholeModel, batched, by_averages, check_whole
from keras_gen.core.arguments import Activation, Count
from keras_gen.likelihoods import table_likelihood


class BaseAutoencoder(GenerativeModel):
    """An encoder body, a code, a decoder body, an image. Abstract: a model adds what its paper adds.

    Args:
        data_shape: (H, W, C) of images in [0, 1], (T, F) of series of T steps, or (D,) of vectors.
        latent_dim: size of the code.
        likelihood: "bernoulli" for data in [0, 1], "gaussian" for vectors of any value, or for images. A table has its
            own, "table", by itself: nats per row, see `keras_gen.likelihoods.TableLikelihood`.
        encoder: "dense", "shallow" (no hidden layer), "conv", "pool" (max pooling), of series "conv1d" or "recurrent"
            (a GRU), None to choose by the data's size, or a built `keras.Model` of data to features.
        decoder: "dense", "shallow", "conv" (transposed convolutions), "pool" (unpooling by the switches of the encoder
            "pool"), "tied" (the mirror of a dense encoder, with its weights), of series "conv1d" or "recurrent", None
            to choose by the data's size, or a built `keras.Model` of codes to features, or straight to images (to
            vectors, if its last layer is named "image").
        code_activation: activation of the code, by name.
        variable_length: whether series may end early: NaN in all features of every later step, as `kg.data.pad` makes
            them. Only the steps that are there are encoded, count in the loss and the score, and are reconstructed.
        seed: seed of all noise of training.
        **kwargs: `name` and the other arguments of `keras.Model`.
    """

    takes_tables = takes_series = True
    likelihoods: Mapping[str, Callable] = MappingProxyType(
        {"bernoulli": losses.bernoulli, "gaussian": losses.squared_error}
    )

    def __init__(
        self,
        data_shape: tuple[int, ...],
        latent_dim: Count = 16,
        likelihood: Literal["bernoulli", "gaussian", "table"] = "bernoulli",
        encoder: str | keras.Model | None = None,
        decoder: str | keras.Model | None = None,
        code_activation: Activation = "linear",
        variable_length: bool = False,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(data_shape, seed=seed, **kwargs)

        # === Config ===
        self.latent_dim = latent_dim
        self.likelihood: str = self.likelihood_of(likelihood)
        self.code_activation = code_activation
        self.set_variable_length(variable_length)

        # === Layers ===
        encoder = "dense" if encoder is None and decoder == "tied" else encoder  # one that can be mirrored
        self.encoder = networks.make_encoder(encoder, self.data_shape, variable_length=variable_length)
        self.code = networks.code_head(self.encoder, latent_dim, code_activation)
        activation = networks.data_activation(self.bounded, self.table)
        self.decoder = networks.make_decoder(
            decoder, latent_dim, self.data_shape, self.encoder, self.code, activation, beside=encoder
        )
        self.image = networks.image_head(self.decoder, self.data_shape, activation)
        if self.table is not None:
            self.pixel_loss = table_likelihood(self.table)
        # Where the decoder unpools, the same layers, giving their switches too.
        self.encoder_with_switches = networks.with_switches(self.encoder) if len(self.decoder.inputs) > 1 else None
        self.built = True

    def network_parts(self) -> Parts:
        # A tied layer has no kernel without the encoder.
        decode = WholeModel(self, "_decoded") if networks.is_tied(self.decoder) else self._decoded
        code = {"code": (self.latent_dim,)}
        return {"encoder": ({"data": self.data_shape}, self._encoded), "decoder": (code, decode)}

    def call(self, x, training: bool = False) -> tf.Tensor:
        self.check_shape(x)
        code, switches = self._code_and_switches(x, training)
        if training:  # for a loop of one's own: the step of the package does not call this
            weights = self.term_weights(training)
            for name, term in self.penalties(code, training).items():
                if name not in self.watched:
                    self.add_loss(ops.mean(weights.get(name, 1.0) * term))
        return self._image(code, switches, training)

    def terms(self, x, y, training: bool) -> dict:
        code, switches = self._code_and_switches(x, training)
        images = self._image(code, switches, training)
        return {"reconstruction_loss": self.reconstruction_term(x, images), **self.penalties(code, training)}

    def penalties(self, code, training: bool) -> dict:
        """Terms of the code, besides the reconstruction term. (B, latent_dim) -> (B,) each, by name."""
        return {}

    def _code_and_switches(self, x, training=False):
        if self.encoder_with_switches is None:
            return self.code(self.encoder(x, training=training)), []
        features, *switches = self.encoder_with_switches(x, training=training)
        return self.code(features), switches

    def _image(self, code, switches, training=False):
        return self.image(self.decoder([code, *switches] if switches else code, training=training))

    def _encoded(self, x):
        return self.code(self.encoder(x))

    def _decoded(self, z):
        return self._image(z, networks.even_switches(self.decoder, z))

    def reconstruction_term(self, target, y_pred) -> tf.Tensor:
        """How badly y_pred accounts for the target. (B, ...), (B, ...) -> (B,)."""
        x, beside = self.known(target)
        return self.data_loss(x, y_pred, **beside)

    @property
    def data_loss(self) -> Callable:
        """By the likelihood. (B, ...), (B, ...) -> (B,)."""
        return self.likelihoods[self.likelihood] if self.table is None else self.pixel_loss

    @batched
    def encode(self, x) -> np.ndarray:
        self.check_shape(x)
        return self._encoded(x)

    @batched(images=True)
    def decode(self, z) -> np.ndarray:
        """Images of codes. Where the decoder unpools, the code does not say to which place: to each its share."""
        return self._decoded(z)

    @batched(images=True)
    def reconstruct(self, x) -> np.ndarray:
        """`decode(encode(x))`, and by the switches of x where the decoder unpools."""
        self.check_shape(x)
        return self.ended_like(x, self._image(*self._code_and_switches(x)))

    @batched
    def score(self, x) -> np.ndarray:
        return -self.reconstruction_term(x, self.reconstruct(x))

    @by_averages
    def as_classifier(self, num_classes) -> keras.Model:
        """The encoder and its code, copied, with a softmax on top, to be fine-tuned on labels.

        Args:
            num_classes: how many.

        Returns:
            A built `keras.Model`, data -> probabilities (B, num_classes). Compile it with a loss of labels, such as
            "sparse_categorical_crossentropy".
        """
        check_whole(2, num_classes=num_classes)
        return networks.classifier(self.encoder, self.code, num_classes)
