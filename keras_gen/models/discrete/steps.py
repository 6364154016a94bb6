"""What a prior of codes does place by place: it draws codes, and writes and reads them by their probabilities."""

import functools

import numpy as np
import tensorflow as tf

from keras_gen import coding
from keras_gen.core import Part, by_averages

UNKNOWN = -1  # label
DRAWN = 500  # images at a time, at most
CACHED = 40_000_000  # numbers in the keys and values of the cache, at a time
CODED = 64  # images at a time: floating point may depend on the size of a batch


class StepByStep(Part):
    """Part of `CodePrior`: what its transformer does with a cache, one place after the other."""

    @by_averages
    def sample_codes(self, n: int, labels=None, seed: int | None = None, temperature: float = 1.0) -> np.ndarray:
        """Codes of the model, int32. -> (n, *code_shape)."""
        draws = np.random.default_rng(seed).random((n, self.length), "float32")
        labels = np.full(n, UNKNOWN) if labels is None else np.asarray(labels)
        size = min(DRAWN, max(1, CACHED // (2 * self.depth * self.length * self.width)))
        made = [
            np.asarray(self._drawn_codes(draws[i : i + size], tf.constant(labels[i : i + size]), temperature))
            for i in range(0, n, size)
        ]
        return np.concatenate(made).reshape(n, *self.code_shape)

    @by_averages
    def codes_to_bytes(self, codes) -> bytes:
        """Codes, (N, *code_shape), by an arithmetic coder with the probabilities of the model, without labels.

        About `-score / log 2` bits per image. Only the same probabilities, to the last digit, give the codes back.
        """
        codes, encoder = np.reshape(codes, (-1, self.length)), coding.Encoder()

        def write(images, place, edges):
            for code, each in zip(codes[images, place].tolist(), edges, strict=True):
                encoder.write(code, each)
            return codes[images, place]

        self._walk(len(codes), write)
        return encoder.finish()

    @by_averages
    def codes_from_bytes(self, data: bytes, n: int) -> np.ndarray:
        """The codes of n images from what `codes_to_bytes` made, int32. -> (n, *code_shape)."""
        codes, decoder = np.zeros((n, self.length), "int32"), coding.Decoder(data)

        def read(images, place, edges):
            codes[images, place] = [decoder.read(each) for each in edges]
            return codes[images, place]

        self._walk(n, read)
        return codes.reshape(n, *self.code_shape)

    def _walk(self, n, codes_of):
        """From place to place, for batches of one size: `codes_of(images, place, edges)` gives the codes of a place.

        Args:
            n: how many images.
            codes_of: function of a slice of the images, a place, and a list of the edges of the codes of each image.
        """
        for start in range(0, n, CODED):
            images = slice(start, min(n, start + CODED))
            count = images.stop - start
            before, cache = np.zeros(CODED, "int32"), self.transformer.start(CODED)
            for place in range(self.length):
                p, cache = self._probabilities(tf.constant(before), tf.constant(place), cache)
                before[:count] = codes_of(images, place, coding.edges(p[:count]).tolist())

    @functools.cached_property
    def _probabilities(self):
        """A function of codes (B,), their next place and a cache to the probabilities there, (B, K), and the cache."""

        @tf.function(autograph=False)
        def step(before, place, cache):
            logits, cache = self.transformer.step(before, place, self._classes(None, before), cache)
            return tf.nn.softmax(logits), cache

        return step

    @functools.cached_property
    def _drawn_codes(self):
        """A function of draws (B, L) uniform on [0, 1), labels (B,) and a temperature to codes (B, L)."""
        spec = [tf.TensorSpec((None, self.length)), tf.TensorSpec((None,), "int64"), tf.TensorSpec(())]

        @tf.function(input_signature=spec, autograph=False)
        def draw(draws, labels, temperature):
            classes = self._classes(labels, draws)

            def step(place, before, codes, cache):
                logits, cache = self.transformer.step(before, place, classes, cache)
                reached = tf.cumsum(tf.nn.softmax(logits / temperature), axis=-1)
                # The last share may not reach 1 by a rounding.
                chosen = tf.reduce_sum(tf.cast(reached <= draws[:, place, None], tf.float32), axis=-1)
                chosen = tf.cast(tf.minimum(chosen, self.num_codes - 1.0), tf.int32)
                return place + 1, chosen, codes.write(place, tf.cast(chosen, tf.float32)), cache

            batch = tf.shape(draws)[0]
            nothing, codes = tf.zeros((batch,), tf.int32), tf.TensorArray(tf.float32, self.length)
            start = (0, nothing, codes, self.transformer.start(batch))
            codes = tf.while_loop(lambda place, *_: place < self.length, step, start)[2]
            return tf.cast(tf.transpose(codes.stack()), tf.int32)  # of whole numbers TensorFlow complains

        return draw
