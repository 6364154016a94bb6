"""The output of a network for the rows of a table."""

from typing import Any, Self

import keras
import tensorflow as tf
from keras import ops

from keras_gen.table.spec import TableSpec


@keras.saving.register_keras_serializable("keras_gen")
class TableOutput(keras.layers.Layer):
    """From D numbers to what the slots of a row hold: normal scores, and probabilities, also that a value is known.

    Args:
        table: its columns.
        hard: whether a category is the most probable one, a flag 0 or 1 and a value known or 0, with the gradients of
            the probabilities (straight-through, Bengio et al. 2013): what a critic sees of data is no probability
            either.

    Call: (B, D) -> (B, D).
    """

    def __init__(self, table: TableSpec, hard: bool = False, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.table, self.hard = table, hard

    def call(self, x) -> tf.Tensor:
        parts = []
        for column, slots in self.table.modelled:
            part = x[:, slots]
            if column.kind == "category":
                values = part[:, : len(column.values)]
                values = self._chosen(ops.softmax(values), lambda p: ops.one_hot(ops.argmax(p, -1), p.shape[-1]))
            elif column.kind == "flag":
                values = self._yes(part[:, :1])
            else:
                values = part[:, :1]
            if column.has_mask:
                known = self._yes(part[:, -1:])
                values = ops.concatenate([values * known if self.hard else values, known], axis=-1)
            parts.append(values)
        return ops.concatenate(parts, axis=-1)

    def _yes(self, logits):
        return self._chosen(ops.sigmoid(logits), lambda p: ops.cast(p >= 0.5, "float32"))

    def _chosen(self, probabilities, choose):
        if not self.hard:
            return probabilities
        return probabilities + ops.stop_gradient(choose(probabilities) - probabilities)

    def compute_output_shape(self, input_shape) -> tuple:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        table = keras.saving.serialize_keras_object(self.table)
        return {**super().get_config(), "table": table, "hard": self.hard}

    @classmethod
    def from_config(cls, config) -> Self:
        if isinstance(config.get("table"), dict):
            config = {**config, "table": keras.saving.deserialize_keras_object(config["table"])}
        return cls(**config)
