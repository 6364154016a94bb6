"""A causal transformer over rows of whole numbers: each place sees those before it."""

from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

Cache = list[tuple[tf.Tensor, tf.Tensor]]  # keys and values of each block, (B, heads, length, size)


@keras.saving.register_keras_serializable("keras_gen")
class CausalBlock(layers.Layer):
    """Attention to the places before and to itself, then two dense layers, each added to what it is given.

    Both see their input normalised (Xiong et al. 2020, "On layer normalization in the transformer architecture").

    Args:
        width: of a place's vector.
        heads: of attention, a divisor of the width.
        length: how many places there are.

    Call: (B, length, width) -> (B, length, width).
    """

    def __init__(self, width: int, heads: int, length: int, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})  # what is passed on; the dense layers are of the policy
        self.width, self.heads, self.length = width, heads, length
        self.norms = [layers.LayerNormalization(dtype="float32", name=f"norm_{i}") for i in range(2)]
        self.to_heads = layers.Dense(3 * width, use_bias=False, name="to_heads")
        self.from_heads = layers.Dense(width, name="from_heads")
        self.wide = layers.Dense(4 * width, "gelu", name="wide")
        self.narrow = layers.Dense(width, name="narrow")

    def build(self, input_shape: tuple) -> None:
        for layer in (*self.norms, self.to_heads, self.from_heads, self.wide):
            layer.build(input_shape)
        self.narrow.build((*input_shape[:-1], 4 * self.width))

    def call(self, x) -> tf.Tensor:
        places = ops.arange(self.length)
        query, key, value = self._heads_of(x)
        return self._rest(x, self._attended(query, key, value, places[:, None] >= places[None, :]))

    def step(self, x, place, kept) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """The same of one place, given the keys and values of those before it.

        Args:
            x: (B, 1, width).
            place: scalar int.
            kept: keys and values, (B, heads, length, width / heads) each.

        Returns:
            (B, 1, width), and the keys and values with those of the place.
        """
        query, *own = self._heads_of(x)
        places = ops.arange(self.length)
        here = ops.cast(places == place, query.dtype)[:, None]
        key, value = (before + here * new for before, new in zip(kept, own, strict=True))
        return self._rest(x, self._attended(query, key, value, places[None, :] <= place)), (key, value)

    def _heads_of(self, x):
        """Queries, keys and values, (B, heads, places, width / heads) each."""
        made = self.to_heads(self.norms[0](x))
        made = ops.reshape(made, (-1, x.shape[1], 3, self.heads, self.width // self.heads))
        return ops.unstack(ops.transpose(made, (2, 0, 3, 1, 4)), 3)

    def _attended(self, query, key, value, seen):
        scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) * (self.width // self.heads) ** -0.5
        shares = ops.softmax(ops.where(seen, scores, ops.cast(-3e4, scores.dtype)))  # a float16 can hold that
        made = ops.transpose(ops.matmul(shares, value), (0, 2, 1, 3))
        return self.from_heads(ops.reshape(made, (-1, query.shape[2], self.width)))

    def _rest(self, x, attended):
        x = x + ops.cast(attended, "float32")
        return x + ops.cast(self.narrow(self.wide(self.norms[1](x))), "float32")

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width, "heads": self.heads, "length": self.length}


@keras.saving.register_keras_serializable("keras_gen")
class CausalTransformer(layers.Layer):
    """Logits of each code given those before it, and given a class.

    A place is given the code before it, its own number and the class, each as a vector that is learned; the first place
    is given no code. Vaswani et al. 2017; the order of places is that of reading.

    Args:
        num_codes: K.
        length: L, how many codes there are.
        num_classes: C; 0 for none. Class C stands for an unknown one.
        width: of a place's vector.
        depth: how many blocks.
        heads: of attention, a divisor of the width.

    Call: codes (B, L), classes (B,), int32 -> logits (B, L, K), float32.
    """

    def __init__(self, num_codes: int, length: int, num_classes: int, width: int, depth: int, heads: int, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.num_codes, self.length, self.num_classes = num_codes, length, num_classes
        self.width, self.depth, self.heads = width, depth, heads
        given: dict[str, Any] = {"dtype": "float32"}
        self.of_code = layers.Embedding(num_codes, width, name="of_code", **given)
        self.of_place = layers.Embedding(length, width, name="of_place", **given)
        self.of_class = layers.Embedding(num_classes + 1, width, name="of_class", **given)
        self.blocks = [CausalBlock(width, heads, length, name=f"block_{i}") for i in range(depth)]
        self.norm = layers.LayerNormalization(name="norm", **given)
        self.to_logits = layers.Dense(num_codes, name="to_logits", **given)

    def build(self, input_shape: Any = None) -> None:
        for layer in (self.of_code, self.of_place, self.of_class):
            layer.build()
        for layer in (*self.blocks, self.norm, self.to_logits):
            layer.build((None, self.length, self.width))
        self.built = True

    def call(self, codes, classes) -> tf.Tensor:
        x = ops.pad(self.of_code(codes[:, :-1]), ((0, 0), (1, 0), (0, 0)))
        x = x + self.of_place(ops.arange(self.length)) + self.of_class(classes)[:, None]
        for block in self.blocks:
            x = block(x)
        return self.to_logits(self.norm(x))

    def start(self, batch) -> Cache:
        """The empty cache of a batch."""
        shape = (batch, self.heads, self.length, self.width // self.heads)
        return [(tf.zeros(shape, block.to_heads.compute_dtype),) * 2 for block in self.blocks]

    def step(self, before, place, classes, cache: Cache) -> tuple[tf.Tensor, Cache]:
        """The logits of one place.

        Args:
            before: (B,) int32, the codes of the place before; of the first place they do not count.
            place: scalar int.
            classes: (B,) int32.
            cache: of `start`, or of the step before.

        Returns:
            (B, K), and the cache for the next place.
        """
        x = self.of_code(before) * ops.cast(place > 0, "float32")
        x = (x + self.of_place(ops.convert_to_tensor(place)) + self.of_class(classes))[:, None]
        kept = []
        for block, of_block in zip(self.blocks, cache, strict=True):
            x, of_block = block.step(x, place, of_block)
            kept.append(of_block)
        return self.to_logits(self.norm(x))[:, 0], kept

    def compute_output_spec(self, codes, classes) -> keras.KerasTensor:
        return keras.KerasTensor((codes.shape[0], self.length, self.num_codes), "float32")

    def get_config(self) -> dict[str, Any]:
        names = ("num_codes", "length", "num_classes", "width", "depth", "heads")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
