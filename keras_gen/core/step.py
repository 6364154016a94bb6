"""The one training step: players that minimise weighted sums of named terms, one value per example."""

import contextlib
import math
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_gen.core import distribution
from keras_gen.core.compiling import Compiled
from keras_gen.core.players import EVERYBODY, OUTSIDE, Phase, Player
from keras_gen.core.renamed import Renamed


class SteppedModel(Renamed, Compiled, keras.Model):
    """A `keras.Model` that is trained by the one step of named terms.

    A model of one objective gives `terms(x, y, training)`: terms by name, (B,) each. It minimises the mean over the
    batch of their sum, weighted by `term_weights`. A game gives `players` in the order in which they move, and for each
    a method `{name}_terms(x, y, fakes, training)`. `fakes(x, y, turn, training)` makes what they share, such as
    generated images, once for all players that move in a turn; the gradient of the last player flows through them. A
    player that moves several times per batch is given new ones each time, beside the same data.

    Terms are pure: they return all that they have to say, and use neither `add_loss` nor metrics. Those in `watched`
    are reported and not minimised; they may be pairs (values, weights of the examples), or what a metric of that name
    of the model takes. A term that couples the examples of a batch uses `distribution.global_mean` or
    `distribution.gather` and is repeated for each example by `distribution.for_each`.

    What layers add with `add_loss`, and regularizers of activities, count in a model of one player; of a network that
    is called twice in a step, those of the last call. A game calls its networks for several purposes in a step, so it
    refuses them. Regularizers of weights count for the player that moves the weights.

    `loss` of a game is the sum of the players' losses: it tells whether they are finite, not whether training goes
    well. Where a callback such as `LearningRateScheduler` changes the rate of `model.optimizer`, which is that of the
    last player, those of the others change by the same factor.
    """

    watched: tuple[str, ...] = ()  # names of the terms that are reported and not minimised
    evaluates_frozen = True  # whether the terms of players that rest are looked at in training
    first_phase = EVERYBODY  # before any `fit`, and where no phase of `phases` applies
    phase = EVERYBODY
    _is_scheduled = False  # whether a `PhaseSchedule` says which phase it is

    @property
    def players(self) -> tuple[Player, ...]:
        """The `Player`s in the order in which they move."""
        return (Player("", (self,), uses_generated=False, learning_rate=self.learning_rate),)

    def fakes(self, x, y, turn, training: bool) -> Any:
        """What the players are given besides the data, such as generated images; None for nothing."""
        return None

    def term_weights(self, training: bool) -> dict:
        """What each term counts for, by name; 1 if it is not named."""
        return {}

    def terms_of(self, player, x, y, fakes, training: bool) -> dict:
        """A player's terms, by name, (B,) each."""
        terms = getattr(self, player.terms_name)
        return terms(x, y, fakes, training) if player.name else terms(x, y, training)

    def on_step_end(self) -> None:
        """Called at the end of each training step, on each replica."""

    # === The step ===

    def train_step(self, data) -> dict:
        """Every player moves, in turn. Steps are counted; the count is saved, and drives noise and schedules."""
        x, y = self.unpack_batch(data)
        with distribution.global_batch(x):
            alone = [player for player in self.players if not player.uses_generated]
            together = [player for player in self.players if player.uses_generated]
            for player in alone:
                for _ in range(player.steps if self.evaluates_frozen or player.name in self.active_players else 0):
                    self._update([player], x, y, None)
            # A player with fewer steps than others moves in the last turns of the batch. The terms of one that rests
            # are evaluated in the last turn only.
            steps = {player.name: player.steps if player.name in self.active_players else 1 for player in together}
            turns = max(steps.values(), default=0)
            for turn in range(turns):
                self._update([player for player in together if steps[player.name] >= turns - turn], x, y, turn)
            self.on_step_end()
            self.update_averages()
        self.step.assign_add(1)
        return distribution.reported(self.get_metrics_result())

    def _update(self, players, x, y, turn):
        """A move of some players, one after the other, over the same generated images."""
        *others, last = players
        is_maker = last.name == self.players[-1].name  # whose gradient flows through the fakes
        with tf.GradientTape() as tape:
            with (
                contextlib.nullcontext() if is_maker else tape.stop_recording(),
                distribution.own_losses(self._added_losses) as added_losses,
            ):
                fakes = None if turn is None else self.fakes(x, y, turn, training=True)
            added = added_losses()
            with tape.stop_recording():
                for player in others:
                    with tf.GradientTape() as own_tape:
                        loss = self._scaled_loss(player, x, y, fakes, added)
                    self._move(player, own_tape, loss)
            loss = self._scaled_loss(last, x, y, fakes, added)
        self._move(last, tape, loss)

    def _scaled_loss(self, player, x, y, fakes, added):
        loss = self.loss_of(player, x, y, fakes, training=True, added=added)
        return getattr(self, player.optimizer_name).scale_loss(loss)

    def _move(self, player, tape, loss):
        variables = player.variables
        if player.name not in self.active_players or not variables:
            return
        optimizer = getattr(self, player.optimizer_name)
        # TensorFlow's own zeros for what is not connected need a dtype that a variable of Keras does not have.
        gradients = [
            tf.zeros_like(tf.convert_to_tensor(variable)) if gradient is None else tf.convert_to_tensor(gradient)
            for gradient, variable in zip(tape.gradient(loss, variables), variables, strict=True)
        ]
        # The gradient of a loss that is linear in d(x) does not need its value, and TensorFlow has been seen to move
        # weights before the loss had read them: to be sure, gradients wait for the loss.
        with tf.control_dependencies([loss]):
            gradients = [tf.identity(gradient) for gradient in gradients]
        distribution.apply(optimizer, gradients, variables)

    def loss_of(self, player: Player, x, y, fakes, training: bool, added=()) -> tf.Tensor:
        """This replica's share of the mean of a player's weighted terms; those with a metric are reported. -> scalar.

        Inside `distribution.global_batch(x)`.

        Args:
            player: whose terms.
            x: (B, ...).
            y: labels or targets, or None.
            fakes: what `fakes` made, or None.
            training: whether it is a step of training.
            added: what layers added with `add_loss` while the fakes were made.
        """
        with distribution.own_losses(self._added_losses) as added_losses:
            terms = self.terms_of(player, x, y, fakes, training)
        added = [*added, *added_losses()]
        if added and len(self.players) > 1:
            raise ValueError(
                "A game calls its networks for several purposes in a step, so what layers add with `add_loss` cannot "
                f"count once. Received: {len(added)} such losses in the terms of {player.name!r}"
            )
        weights, watched = self.term_weights(training), self.watched
        metrics = {metric.name: metric for metric in self.metrics}
        self._check_terms(terms, watched, metrics)
        minimised = [weights.get(name, 1.0) * term for name, term in terms.items() if name not in watched]
        # What a layer adds is a mean over this replica's examples.
        total = sum(minimised) + sum(ops.cast(ops.sum(loss), "float32") for loss in added)
        penalty = sum(ops.sum(v.regularizer(v)) for v in player.variables if v.regularizer is not None)
        reported = {**terms, player.loss_name: total + penalty} if player.reports else terms
        for name, values in reported.items():
            if name in metrics:
                metrics[name].update_state(*(values if isinstance(values, tuple) else (values,)))
        return distribution.share_of_mean(total) + penalty / distribution.num_replicas()

    def _check_terms(self, terms, watched, metrics):
        """Raises a ValueError if a term cannot be minimised, or would neither be minimised nor reported."""
        for name, values in terms.items():
            if name in watched and name not in metrics:
                raise ValueError(
                    f"What is in `watched` is reported, so {type(self).__name__} needs a metric of that name, as "
                    f"`reported` gives it one. Received: {name!r} in watched"
                )
            shape = getattr(values, "shape", None)
            if name not in watched and (shape is None or len(shape) != 1):
                raise ValueError(
                    "A term must have one value for each example, (B,); `distribution.for_each` repeats a scalar of "
                    f"the whole batch. Received: {name!r}, {type(values).__name__ if shape is None else shape}"
                )

    def _added_losses(self):
        """What layers added with `add_loss` in this step: Keras' `losses`, without the regularizers of weights."""
        losses = self.losses
        return losses[: len(losses) - sum(v.regularizer is not None for v in self.trainable_weights)]

    def test_step(self, data) -> dict:
        """Every player's terms, with noise that is the same in each evaluation."""
        x, y = self.unpack_batch(data)
        with distribution.global_batch(x):
            with distribution.own_losses(self._added_losses) as added_losses:
                fakes = self.fakes(x, y, 0, training=False)
            for player in self.players:
                self.loss_of(player, x, y, fakes, training=False, added=added_losses())
        return distribution.reported(self.get_metrics_result())

    def get_metrics_result(self) -> dict:
        """Keras' own; of a game with the sum of the players' losses."""
        logs = super().get_metrics_result()
        if len(self.players) == 1:
            return {**logs, "loss": logs[self.players[0].loss_name]}
        return {**logs, "loss": sum(logs[player.loss_name] for player in self.players)}

    # === Phases ===

    def phases(self, epochs) -> tuple[Phase, ...]:
        """The `Phase`s of a `fit` of so many epochs, in order; () where everybody moves all the time."""
        return ()

    @property
    def active_players(self) -> tuple[str, ...]:
        """Names of the players that move now."""
        names = self.phase.players
        return tuple(player.name for player in self.players) if names is None else names

    @property
    def _has_phases_in_steps(self):
        return any(phase.until_step < math.inf for phase in self.phases(1))

    def _phase_of(self, phases, epoch):
        step = int(ops.convert_to_numpy(self.step))
        return next((phase for phase in phases if phase.contains(step, epoch)), self.first_phase)

    def _rest_of(self, player):
        """Steps in which a player does not move."""
        phases = [phase for phase in self.phases(1) if phase.until_step < math.inf]
        ends = [0, *(phase.until_step for phase in phases)]
        return sum(
            phase.until_step - end
            for phase, end in zip(phases, ends, strict=False)
            if phase.players is not None and player.name not in phase.players
        )

    def make_train_function(self, force: bool = False) -> Any:
        """Keras' own, made anew where a phase that is counted in steps begins, as `train_on_batch` needs it."""
        if self._has_phases_in_steps and not self._is_scheduled:
            phase = self._phase_of(self.phases(1), epoch=OUTSIDE)
            if phase != self.phase:
                self.phase, force = phase, True
        return super().make_train_function(force)

    def remake_functions(self) -> None:
        """Traces anew what the next call runs: what was traced holds the players that moved, and what was off."""
        if self.compiled:
            self.make_train_function(force=True)
            self.make_test_function(force=True)
