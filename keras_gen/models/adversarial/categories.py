"""The classes that a model with a category in its code tells images apart by."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen.core import Part, batched


class Categorical(Part):
    """Part of a model with a category in its code: `classify` and `cluster`, where it `has_category`.

    The model gives `category_logits`, and in `without_category` the sentence for one that has none.
    """

    has_category = True
    without_category = ""

    def category_logits(self, x) -> tf.Tensor:
        """Logits of q(y|x). (B, *data_shape) -> (B, num_classes)."""
        raise NotImplementedError

    def category_probabilities(self, x) -> tf.Tensor:
        """q(y|x), tensors. (B, *data_shape) -> (B, num_classes)."""
        return ops.softmax(self.category_logits(x))

    @batched
    def _class_probabilities(self, x):
        self.check_shape(x)
        return self.category_probabilities(x)

    @property
    def class_probabilities(self) -> Callable[..., np.ndarray]:
        """q(y|x) of images, (B, *data_shape) -> (B, num_classes), of a model with a category."""
        if not self.has_category:
            raise AttributeError(self.without_category)
        return self._class_probabilities

    @property
    def classify(self) -> Callable[..., np.ndarray]:
        """The most probable class of images, (B, *data_shape) -> (B,) int64, of a model with a category."""
        probabilities = self.class_probabilities
        return lambda x: np.argmax(probabilities(x), axis=-1)

    cluster = classify
