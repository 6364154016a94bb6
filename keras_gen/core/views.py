"""The networks of a model as Keras models of their own, such as the way from data to codes."""

from collections.abc import Callable
from typing import Any, Self

import keras
import tensorflow as tf

from keras_gen.core.part import Part

Parts = dict[str, tuple[dict[str, tuple], Callable]]


class Networks(Part):
    """Part of `GenerativeModel`: `network` gives what the model's layers make up together, by name."""

    _views: Callable[[], dict[str, keras.Model]] | None = None

    def network_parts(self) -> Parts:
        """How each network is made up, by name: shapes of its inputs by name, and a function of them to its output.

        The function gets symbolic tensors. An input named "labels" holds whole numbers.
        """
        return {}

    def network(self, name: str) -> keras.Model:
        """A network of the model as a `keras.Model`, such as the encoder: from data to codes.

        It is made of the model's own layers: to train it or to freeze it (`trainable = False`) is to train or to freeze
        them in the model too. It can be part of another functional model, and it is saved by its own `save`.

        With `ema` it has the weights themselves, as `call` has; `with model.using_averages()` lends it their averages.
        Only the generator of a GAN with `ema` is made of the averages, as its samples are.

        Args:
            name: "encoder", "decoder", "generator", "critic", or what else the model has. With labels, a network takes
                [data, labels] or [latents, labels].

        Raises:
            ValueError: if the model has no network of that name; the message lists those that it has.
        """
        if self._views is None:
            views: dict[str, keras.Model] = {}
            self._views = lambda: views  # behind a function: Keras would save what it finds in a dict
        views = self._views()
        if name not in views:
            parts = self.network_parts()
            if name not in parts:
                has = f"It has {', '.join(map(repr, parts))}" if parts else "It has none: `network_parts` lists them"
                raise ValueError(f"{type(self).__name__} has no network of that name. {has}. Received: name={name!r}")
            shapes, compose = parts[name]
            inputs = [
                keras.Input(shape, name=key, dtype="int32" if key == "labels" else "float32")
                for key, shape in shapes.items()
            ]
            outputs = compose(*inputs)
            views[name] = keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs, name=f"{self.name}_{name}")
        return views[name]


def nested(compose: Callable, x, name: str) -> tf.Tensor:
    """What a function makes of a symbolic tensor, by a network of its own: its layers may have names that recur."""
    inner = keras.Input(x.shape[1:], dtype=x.dtype)
    return keras.Model(inner, compose(inner), name=name)(x)


@keras.saving.register_keras_serializable("keras_gen")
class WholeModel(keras.layers.Layer):
    """A method of a model as a layer that has all of its weights: for models whose weights serve both ways.

    Args:
        model: a `GenerativeModel`.
        method: name of a method from one tensor to another.
    """

    def __init__(self, model, method, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self._model = lambda: model  # behind a function: Keras would save its optimizer too
        self.method = method
        self.shared = model.weights
        self.built = True

    def call(self, x) -> tf.Tensor:
        return getattr(self._model(), self.method)(x)

    def get_config(self) -> dict[str, Any]:
        model = keras.saving.serialize_keras_object(self._model())
        model.pop("compile_config", None)
        return {**super().get_config(), "model": model, "method": self.method}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        config = dict(config)
        described = config.pop("model")
        # A model that is made frozen has its weights in another order than one that is frozen later.
        trainable = described["config"].get("trainable", True)
        model = keras.saving.deserialize_keras_object(
            {**described, "config": {**described["config"], "trainable": True}}
        )
        model.trainable = trainable
        return cls(model, **config)
