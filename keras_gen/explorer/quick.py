"""A model that answers at once: its abilities compiled, and the mark of what it makes computed once."""

import functools
import threading
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen.core import GenerativeModel, provenance


class Quick:
    """The abilities of a model by name, each compiled on its first call, for any number of examples.

    One call at a time: a page has several threads, and a model with averages lends them its weights meanwhile.

    Args:
        model: any model of the package.
    """

    def __init__(self, model: GenerativeModel):
        self.model, self.lock = model, threading.RLock()
        self._compiled = functools.cache(self._compile)
        self._hash = functools.cache(lambda step: provenance.weights_hash(model))

    def __call__(self, ability: str, x: Any, labels: Any = None, **details: Any) -> np.ndarray:
        """What `model.ability(x, labels)` gives, an array; of images, marked with the model and with details.

        Args:
            ability: "encode", "decode", "reconstruct", ...
            x: (N, ...).
            labels: (N,) ints, or None.
            **details: of the mark, such as the seed.
        """
        given = [tf.constant(np.asarray(x), tf.float32)]
        if labels is not None:
            given.append(tf.constant(np.asarray(labels), tf.int64))
        with self.lock, self.model.using_averages():
            made = self._compiled(ability, len(given) == 2)(*given).numpy()
        return made if ability in ("encode", "score", "unit_kl") else self.marked(made, **details)

    def marked(self, made: np.ndarray, **details: Any) -> np.ndarray:
        """An array with the mark of the model; its weights are read again only once it has been trained further."""
        step = int(keras.ops.convert_to_numpy(self.model.step))
        mark = {"model": type(self.model).__name__, "weights": self._hash(step), **details}
        return provenance.GeneratedImages(made, mark)

    def _compile(self, ability, with_labels):
        shape = self.model.spec_of(ability).shape if ability == "decode" else self.model.data_shape
        signature = [tf.TensorSpec((None, *shape), tf.float32)]
        signature += [tf.TensorSpec((None,), tf.int64)] if with_labels else []

        def plain(x):
            return getattr(self.model, ability)(x)

        def labelled(x, labels):
            return getattr(self.model, ability)(x, labels=labels)

        function = tf.function(labelled if with_labels else plain, signature, autograph=False)
        return function.get_concrete_function()  # a function that is traced anew is warned of
