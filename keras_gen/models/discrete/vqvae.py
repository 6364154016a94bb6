"""The vector-quantised autoencoder."""

import math
from typing import Annotated, Literal

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from keras_gen import coding, losses, networks
from keras_gen.core import Adjustable, GenerativeModel, Parts, WholeModel, batched
from keras_gen.core.arguments import Count, whole
from keras_gen.core.metrics import Perplexity, UsedCodes
from keras_gen.layers import FiniteScalarQuantizer, UnitInterval, VectorQuantizer, fsq_levels

MOST_CODES = 65_536  # what a file of codes can hold
MAPS = 32  # the channels of the networks

LIKELIHOODS = {"gaussian": losses.squared_error, "bernoulli": losses.bernoulli}


@keras.saving.register_keras_serializable("keras_gen")
class VQVAE(GenerativeModel):
    """Vector-quantised autoencoder: the code of an image is a grid of whole numbers from 0 to K - 1.

    The encoder gives a vector z_i for each place i of the grid, and the decoder is given the vector e that stands for
    its code. Minimises, with the gradient of e passed straight through to z,

        mean_b l(x_b, decode(e)) + commitment * sum_i |z_i - stop_gradient(e_i)|^2

    where l is the squared error per image ("gaussian") or the cross entropy in nats per image ("bernoulli").

    With quantizer "vq" z is brought to length 1 (Yu et al. 2022, section 3.2), and e is the nearest of K vectors, a
    codebook that moving averages of the encodings update (appendix A.1); dead codes are restarted, see
    `layers.VectorQuantizer`. With "fsq" each of a few values is rounded to its levels, 512 = 8 x 8 x 8: nothing to
    learn, no commitment (the term is 0), and nothing that dies; see `layers.FiniteScalarQuantizer`.

    `encode` gives whole numbers, and `decode` takes them. It has no distribution of codes: `kg.CodePrior(model)` learns
    one, and samples images.

    Reported: `reconstruction_loss`, `commitment_loss`, and over all codes of a pass `used_codes`, how many of K there
    were, and `perplexity`, `exp(-sum_k p_k log p_k)`, which is K where all are used alike.

    Args:
        data_shape: (H, W, C) of images in [0, 1], or (D,) of vectors.
        num_codes: K; with "fsq" a product of whole numbers from 3 to 16.
        quantizer: "vq" or "fsq".
        code_dim: size of the vectors of "vq"; with "fsq" that is the number of factors.
        commitment: weight of the commitment loss.
        likelihood: "gaussian" for the squared error, or "bernoulli" for data in [0, 1].
        encoder: "residual" (of images; up to two convolutions halve the sides, to 4 pixels or more, then two residual
            blocks), "grouped" (dense layers to 8 codes), None to choose by the data, or a built `keras.Model` of data
            to a map of features, (h, w, F) or (groups, F), with a code for each place.
        decoder: "residual", "grouped", None to choose by the data, or a built `keras.Model` of the vectors of all
            places to features.
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        (B, H, W, C) -> codes (B, h, w) -> (B, H, W, C); (B, D) -> codes (B, groups) -> (B, D).

    Score unit:
        Minus the reconstruction term: squared error per image for "gaussian", nats per image for "bernoulli".

    Reference:
        van den Oord et al. 2017, "Neural discrete representation learning", equation 3 and appendix A.1; Mentzer et
        al. 2024, "Finite scalar quantization: VQ-VAE made simple".

    Example:
        >>> model = kg.VQVAE(data_shape=(8, 8, 1), num_codes=64)
        >>> model.compile(optimizer="adam")
        >>> history = model.fit(kg.data.load("digits"), epochs=5, verbose=0)
        >>> model.encode(kg.data.load("digits", split="test")).shape
        (360, 4, 4)
    """

    reported = ("reconstruction_loss", "commitment_loss")
    watched = ("used_codes", "perplexity")
    commitment = Adjustable(minimum=0)
    without_prior = "; learn one of its codes, `kg.CodePrior(model)`, or `train code_prior --vqvae RUN`"

    def __init__(
        self,
        data_shape: tuple[int, ...],
        num_codes: Annotated[int, whole(3, MOST_CODES)] = 512,
        quantizer: Literal["vq", "fsq"] = "vq",
        code_dim: Count = 16,
        commitment: float = 0.25,
        likelihood: Literal["gaussian", "bernoulli"] = "gaussian",
        encoder: str | keras.Model | None = None,
        decoder: str | keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(data_shape, **kwargs)

        # === Config ===
        self.num_codes: int = num_codes
        self.quantizer = quantizer
        self.code_dim = code_dim
        self.commitment = commitment
        self.likelihood: str = likelihood

        # === Layers ===
        self.encoder = networks.make_grid_encoder(encoder, self.data_shape)
        *self._places, features = self.encoder.output_shape[1:]
        if quantizer == "fsq":
            self.codebook = FiniteScalarQuantizer(fsq_levels(num_codes), name="codebook")
            size = len(self.codebook.levels)
        else:
            self.codebook, size = VectorQuantizer(num_codes, name="codebook"), code_dim
        self.to_code = layers.Dense(size, dtype="float32", name="to_code")
        self.to_code.build((None, *self._places, features))
        vectors = (*self._places, size)
        self.codebook.build((None, *vectors))
        self.decoder = networks.make_grid_decoder(decoder, vectors, self.data_shape)
        activation: str | keras.Layer = networks.data_activation(self.bounded)
        if activation == "sigmoid" and likelihood == "gaussian":
            activation = UnitInterval(name="image")  # under the squared error a sigmoid would stay where it saturates
        self.image = networks.image_head(self.decoder, self.data_shape, activation)
        self.used_codes, self.perplexity = UsedCodes(num_codes), Perplexity(num_codes)
        self.built = True

    @property
    def code_shape(self) -> tuple:
        return tuple(self._places)

    @property
    def latent_dim(self) -> int:
        """How many whole numbers a code is made of."""
        return math.prod(self._places)

    @property
    def memory_factor(self) -> int:  # type: ignore[override]  # a hook: a value or a property
        """The distances to all codes, where they are more than the maps of the networks."""
        if self.quantizer == "fsq":
            return 1
        return max(1, self.latent_dim * self.num_codes // (MAPS * math.prod(self.data_shape)))

    # === Training ===

    def call(self, x, training: bool = False) -> tf.Tensor:
        """The reconstruction; in training the weighted commitment is left in `losses`. The codebook stays."""
        self.check_shape(x)
        z, vectors, _ = self._quantised(x, training)
        if training:  # for a loop of one's own
            self.add_loss(ops.mean(self.commitment * self._commitment(z, vectors)))
        return self.image(self.decoder(vectors, training=training))

    def term_weights(self, training: bool) -> dict:
        return {"commitment_loss": self.commitment}

    def terms(self, x, y, training: bool) -> dict:
        z, vectors, codes = self._quantised(x, training)
        images = self.image(self.decoder(vectors, training=training))
        if training:
            self.codebook.update(z, self.noise_key("restart", shared=True))
        return {
            "reconstruction_loss": self.reconstruction_term(x, images),
            "commitment_loss": self._commitment(z, vectors),
            "used_codes": codes,
            "perplexity": codes,
        }

    def _quantised(self, x, training=False):
        """Encodings, the vectors that stand for them, (B, *places, D), and their codes, (B, *places)."""
        z = self.to_code(self.encoder(x, training=training))
        if self.codebook.commits:
            z = ops.normalize(z)  # the commitment would shrink encodings, until one vector serves them all
        return z, *self.codebook(z)

    def _commitment(self, z, vectors):
        if not self.codebook.commits:
            return ops.zeros((ops.shape(z)[0],))
        return losses.squared_error(z, ops.stop_gradient(vectors))

    def reconstruction_term(self, target, y_pred) -> tf.Tensor:
        """How badly y_pred accounts for the target. (B, ...), (B, ...) -> (B,)."""
        return LIKELIHOODS[self.likelihood](target, y_pred)

    # === Abilities ===

    def network_parts(self) -> Parts:
        data, code = {"data": self.data_shape}, {"code": self.code_shape}
        return {"encoder": (data, lambda x: self._quantised(x)[2]), "decoder": (code, WholeModel(self, "_decoded"))}

    def _decoded(self, codes):
        return self.image(self.decoder(self.embed(codes)))

    def embed(self, codes) -> tf.Tensor:
        """The vectors that stand for codes. (B, *code_shape) -> (B, *code_shape, D)."""
        return self.codebook.embed(ops.cast(codes, "int32"))

    @batched
    def encode(self, x) -> np.ndarray:
        """The codes, int32. (B, *data_shape) -> (B, *code_shape)."""
        self.check_shape(x)
        return self._quantised(x)[2]

    @batched
    def code_vectors(self, x) -> np.ndarray:  # type: ignore[override]  # it needs no labels
        """The vectors that stand for the codes, one after the other. (B, *data_shape) -> (B, D * places)."""
        self.check_shape(x)
        return ops.reshape(self._quantised(x)[1], (ops.shape(x)[0], -1))

    @batched(images=True)
    def decode(self, z) -> np.ndarray:
        """Images of codes, whole numbers from 0 to num_codes - 1. (B, *code_shape) -> (B, *data_shape)."""
        self.check_codes(z)
        return self._decoded(z)

    def check_codes(self, codes) -> None:
        """Raises a ValueError if these are not valid codes. Inside a graph nothing is checked."""
        if tf.executing_eagerly():
            codes = np.asarray(codes)
            if np.any((codes < 0) | (codes >= self.num_codes) | (codes != np.rint(codes))):
                raise ValueError(
                    f"Codes must be whole numbers from 0 to {self.num_codes - 1}. Received: values from "
                    f"{codes.min()} to {codes.max()}"
                )

    def codes_to_bytes(self, codes) -> bytes:
        """Codes, (N, *code_shape), by an arithmetic coder that takes all as equally likely: log2 K bits each."""
        encoder, edges = coding.Encoder(), self._edges()
        for code in np.ravel(codes).tolist():
            encoder.write(code, edges)
        return encoder.finish()

    def codes_from_bytes(self, data: bytes, n: int) -> np.ndarray:
        """The codes of n images from what `codes_to_bytes` made, int32. -> (n, *code_shape)."""
        decoder, edges = coding.Decoder(data), self._edges()
        codes = [decoder.read(edges) for _ in range(n * self.latent_dim)]
        return np.array(codes, "int32").reshape(n, *self.code_shape)

    def _edges(self):
        return coding.edges(np.ones(self.num_codes)).tolist()

    @batched
    def score(self, x) -> np.ndarray:
        self.check_shape(x)
        codes = self._quantised(x)[2]
        return -self.reconstruction_term(x, self._decoded(codes))
