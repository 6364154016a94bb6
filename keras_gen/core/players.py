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
