"""`AdversarialModel`: what the models that are games between players share."""

from keras_gen.core.model import GenerativeModel
from keras_gen.core.players import Player


class AdversarialModel(GenerativeModel):
    """Base of the models that are games between players, each with a loss, networks and an optimizer of its own.

    A subclass gives `players`, `{name}_terms` for each, and `fakes`; see `SteppedModel`.

    Args:
        data_shape: (H, W, C) of images in [0, 1], or (D,) of vectors.
        seed: seed of all noise of training and evaluation.
        **kwargs: `name` and the other arguments of `keras.Model`.
    """

    learning_rate = None  # a `Player` brings its own
    betas = (0.5, 0.999)
    _adversarial_loss: str | None = None

    @property
    def loss(self) -> str | None:
        """Name of the adversarial loss, or None. A property, because Keras' `compile` sets `loss` to None."""
        return self._adversarial_loss

    @loss.setter
    def loss(self, name: str | None) -> None:
        if name is not None:
            self._adversarial_loss = name

    @property
    def players(self) -> tuple[Player, ...]:
        raise NotImplementedError
