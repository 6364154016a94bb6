"""Who moves in a step, and when: players, phases, and the callback that goes from phase to phase."""

import dataclasses
import math
import sys

import keras

from keras_gen.core.renamed import warn_of


@dataclasses.dataclass(frozen=True)
class Player:
    """One player of a game: what it moves, and how.

    Args:
        name: short, such as "d". `{name}_terms` of the model says what the player minimises, `{name}_optimizer` moves
            it, and `{name}_loss` is reported. The one player of a model without opponents has no name: `terms`,
            `optimizer`, `loss`.
        networks: the layers whose trainable weights it moves.
        steps: how many times it moves per batch.
        uses_generated: whether its terms use what `fakes` makes. Players that do not use it move first.
        reports: whether the step reports its loss; else the model does so by its terms.
        learning_rate: of Adam, where the model is compiled without an optimizer.
        meets_fakes: the old name of `uses_generated`.
    """

    name: str
    networks: tuple
    steps: int = 1
    uses_generated: bool = True
    reports: bool = True
    learning_rate: float = 2e-4
    meets_fakes: bool | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self):
        if self.meets_fakes is not None:
            warn_of("meets_fakes", "uses_generated")
            object.__setattr__(self, "uses_generated", self.meets_fakes)

    @property
    def variables(self) -> list:
        """The trainable weights of its networks, each once."""
        return list({id(v): v for network in self.networks for v in network.trainable_variables}.values())

    def _named(self, what):
        return f"{self.name}_{what}" if self.name else what

    @property
    def optimizer_name(self) -> str:
        """The attribute of the model that holds its optimizer, and the argument of `compile`."""
        return self._named("optimizer")

    @property
    def terms_name(self) -> str:
        """The method of the model that gives its terms."""
        return self._named("terms")

    @property
    def loss_name(self) -> str:
        """The name that its loss is reported by."""
        return self._named("loss")


@dataclasses.dataclass(frozen=True)
class Phase:
    """A part of training in which some players move and the others rest.

    Args:
        name: of the phase.
        players: names of the players that move; None for all.
        until_step: it lasts as long as the model has made fewer steps than this.
        until_epoch: it lasts as long as fewer epochs of this `fit` are over.
    """

    name: str
    players: tuple | None = None
    until_step: float = math.inf
    until_epoch: float = math.inf

    def contains(self, step, epoch) -> bool:
        """Whether a step of the model, in an epoch of `fit`, may belong to it."""
        return step < self.until_step and epoch < self.until_epoch


OUTSIDE = sys.maxsize  # the epoch outside of any `fit`: after all that are counted
EVERYBODY = Phase("everybody")


class PhaseSchedule(keras.callbacks.Callback):
    """Lets a model trace its step anew where a phase begins: the moves of those who rest are left out of the graph.

    Args:
        phases: as of `SteppedModel.phases`.
    """

    def __init__(self, phases):
        super().__init__()
        self.phases = phases

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch = epoch
        self._enter()

    def on_train_batch_begin(self, batch, logs: dict | None = None) -> None:
        if self.model.phase.until_step < math.inf:
            self._enter()

    def _enter(self):
        phase = self.model._phase_of(self.phases, self.epoch)
        if phase != self.model.phase:
            self.model.phase = phase
            self.model.make_train_function(force=True)


class SharedRates(keras.callbacks.Callback):
    """Lets all players follow a callback that changes the learning rate of `model.optimizer`, the last player's.

    The rates of the others change by the same factor, unless somebody has set them too. It comes after such callbacks.
    Factors are of the rates that are saved, so that a resumed training goes on as it would have. A rate that follows a
    `LearningRateSchedule` neither leads nor follows.
    """

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._rates = self._read()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._follow()

    def on_train_batch_begin(self, batch, logs: dict | None = None) -> None:
        self._follow()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._follow()

    def _optimizers(self):
        return [getattr(self.model, player.optimizer_name) for player in self.model.players]

    def _read(self):
        return [float(keras.ops.convert_to_numpy(optimizer.learning_rate)) for optimizer in self._optimizers()]

    def _follow(self):
        before, now, optimizers = self._rates, self._read(), self._optimizers()
        if now[-1] != before[-1] and not _has_schedule(optimizers[-1]):
            for optimizer, was, rate in zip(optimizers[:-1], before, now, strict=False):
                if rate == was and not _has_schedule(optimizer):
                    optimizer.learning_rate = rate * now[-1] / before[-1] if before[-1] else now[-1]
        self._rates = self._read()


def _has_schedule(optimizer):
    """Whether the rate of an optimizer is a function of its steps, which nobody can set."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # of a LossScaleOptimizer
    return isinstance(inner.get_config()["learning_rate"], dict)
