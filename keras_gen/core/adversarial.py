"""`AdversarialModel`: players, and the one custom `train_step` for any number of them."""

import contextlib
import dataclasses

import keras
import tensorflow as tf
from keras import ops

from keras_gen.core import distribution
from keras_gen.core.model import GenerativeModel


@dataclasses.dataclass(frozen=True)
class Player:
    """One player of a game: what it moves, and how.

    Args:
        name: short, such as "d". `{name}_terms` of the model says what the player minimises, `{name}_optimizer` moves
            it, and `{name}_loss` is reported.
        networks: the layers whose trainable weights it moves.
        steps: how many times it moves per batch.
        meets_fakes: whether its terms look at what `fakes` makes. Who does not, moves first.
        reports: whether the step reports its loss; else the model does it in its terms.
        learning_rate: of Adam, where the model is compiled without an optimizer.
    """

    name: str
    networks: tuple
    steps: int = 1
    meets_fakes: bool = True
    reports: bool = True
    learning_rate: float = 2e-4

    @property
    def variables(self):
        """The trainable weights of its networks, each once."""
        return list({id(v): v for network in self.networks for v in network.trainable_variables}.values())

    @property
    def optimizer_name(self):
        """The attribute of the model that holds its optimizer, and the argument of `compile`."""
        return f"{self.name}_optimizer"


class AdversarialModel(GenerativeModel):
    """Base of the models that are games between players, each with a loss, networks and an optimizer of its own.

    A subclass gives `players` in the order in which they move, and for each a method
    `{name}_terms(x, y, fakes, training)` that returns named terms, (B,) each. The player minimises the mean of their
    sum, weighted by `term_weights`; terms that the model lists in `terms` are reported. `fakes(x, y, turn, training)`
    makes what the players meet over, such as generated images, once for all who move in a turn; the last player's
    gradient flows through them. Who moves several times per batch meets new ones each time, over the same data.

    Regularizers of weights are part of the loss of the player that moves them; of activities, they are refused. A
    callback that changes `model.optimizer`, such as `LearningRateScheduler`, reaches the last player only.

    `loss` is the sum of the players' losses: it tells whether the figures are finite, not whether training goes well.

    Args:
        data_shape: (H, W, C) of images in [0, 1], or (D,) of vectors.
        seed: seed of all noise of training and evaluation.
        **kwargs: `name` and the other arguments of `keras.Model`.
    """

    clips_sums = True
    learning_rate = None  # each player has its own
    betas = (0.5, 0.999)  # of Adam, where the model is compiled without an optimizer
    term_weights = {}  # noqa: RUF012  what a term counts for; 1 if it is not named
    _adversarial_loss = None
    watches_resting = True  # whether the figures of players that rest are looked at in training
    phases = ()  # (step up to which, names of the players that move until then), ...; afterwards all do

    @property
    def loss(self):
        """Name of the adversarial loss, if it has one. Keras sets an attribute of this name to None on compiling."""
        return self._adversarial_loss

    @loss.setter
    def loss(self, name):
        if name is not None:
            self._adversarial_loss = name

    @property
    def players(self):
        """The `Player`s in the order in which they move."""
        raise NotImplementedError

    def fakes(self, x, y, turn, training):
        """What the players meet over, such as generated images; None for none."""
        return None

    def terms_of(self, player, x, y, fakes, training):
        """A player's terms, by name, (B,) each."""
        return getattr(self, f"{player.name}_terms")(x, y, fakes, training)

    def after_moves(self):
        """Called at the end of each training step, on each replica."""

    # === Compiling: an optimizer for each player ===

    def compile(self, optimizer=None, *, steps_per_execution="auto", **kwargs):
        """Keras' `compile`, with an optimizer for each player.

        Args:
            optimizer: name or `keras.optimizers.Optimizer`, of which each player gets its own copy; None for the
                model's own choice.
            steps_per_execution: int, or "auto" for the measured rule of `core.execution`.
            **kwargs: `{name}_optimizer`, such as `d_optimizer`, for one player; and what `GenerativeModel.compile`
                takes.

        Raises:
            ValueError: if a loss or metrics are given, or an optimizer of nobody.
        """
        names = [player.optimizer_name for player in self.players]
        for name in kwargs:
            if name.endswith("_optimizer") and name not in names:
                raise ValueError(
                    f"{type(self).__name__} takes {', '.join(names)}, or one `optimizer` for all. Received: {name}"
                )
        chosen = {name: kwargs.pop(name, None) for name in names}
        if optimizer is not None:
            shared = keras.optimizers.serialize(keras.optimizers.get(optimizer))
            chosen = {name: shared if value is None else value for name, value in chosen.items()}
        chosen = {
            name: keras.optimizers.get(self.default_optimizers()[name] if value is None else value)
            for name, value in chosen.items()
        }
        if len({id(value) for value in chosen.values()}) < len(names):
            raise ValueError(f"Each player needs an optimizer of its own. Received: one object for {', '.join(chosen)}")
        auto_scale_loss = kwargs.pop("auto_scale_loss", True)
        scale = auto_scale_loss and self.dtype_policy.name == "mixed_float16"
        for player in self.players:
            own = chosen[player.optimizer_name]
            self._check_player(player, own)
            if scale and not isinstance(own, keras.optimizers.LossScaleOptimizer):
                own = keras.optimizers.LossScaleOptimizer(own)
            own.build(player.variables)
            setattr(self, player.optimizer_name, own)
        if self.phases and steps_per_execution not in ("auto", 1):
            raise ValueError(
                "Phases end between two calls: each call must be one step. Received: "
                f"steps_per_execution={steps_per_execution}"
            )
        steps_per_execution = 1 if self.phases else steps_per_execution
        # Keras knows the last player's only, for callbacks that look at a learning rate: it is built and scaled.
        super().compile(own, steps_per_execution=steps_per_execution, auto_scale_loss=False, **kwargs)
        self.request["auto_scale_loss"] = auto_scale_loss
        self.moving = self.moving_at(int(ops.convert_to_numpy(self.step)))

    def _check_player(self, player, optimizer):
        if getattr(optimizer, "inner_optimizer", optimizer).use_ema:
            raise ValueError(
                "Keras would write the averages of one player's optimizer into the weights of all. Received: "
                f"use_ema=True in {player.optimizer_name}"
            )
        for network in player.networks:
            for layer in getattr(network, "layers", [network]):
                if getattr(layer, "activity_regularizer", None) is not None:
                    raise ValueError(
                        "A network is called for several purposes in a step, so regularizers of activities are not "
                        f"counted; those of weights are. Received: activity_regularizer in the layer {layer.name}"
                    )

    def default_optimizers(self, learning_rate=None, decay_steps=None):
        optimizers = {}
        for player in self.players:
            own_steps = max(1, decay_steps - self._rest_of(player)) * player.steps if decay_steps else None
            rate = self.rate(learning_rate or player.learning_rate, own_steps)
            optimizers[player.optimizer_name] = keras.optimizers.Adam(rate, *self.betas)
        return optimizers

    def _rest_of(self, player):
        """Steps in which a player does not move."""
        ends = [0, *(until for until, _ in self.phases)]
        return sum(end - ends[i] for i, (end, names) in enumerate(self.phases) if player.name not in names)

    def get_compile_config(self):
        if not self.compiled:
            return {}
        names = [player.optimizer_name for player in self.players]
        return {**{name: keras.optimizers.serialize(getattr(self, name)) for name in names}, **self.request}

    def compile_from_config(self, config):
        self.compile(**config)

    # === The one step ===

    def train_step(self, data):
        """Every player moves, in turn."""
        x, y = self._taken(data)
        with distribution.step_over(x):
            alone = [player for player in self.players if not player.meets_fakes]
            together = [player for player in self.players if player.meets_fakes]
            for player in alone:
                for _ in range(player.steps if self.watches_resting or player.name in self.moving else 0):
                    self._turn([player], x, y, None)
            # Who moves less often than others does so in the last turns; who rests is only looked at, in the last.
            steps = {player.name: player.steps if player.name in self.moving else 1 for player in together}
            turns = max(steps.values(), default=0)
            for turn in range(turns):
                self._turn([player for player in together if steps[player.name] >= turns - turn], x, y, turn)
            self.after_moves()
        self.step.assign_add(1)
        return distribution.reported(self.get_metrics_result())

    def _turn(self, moving, x, y, turn):
        """Some players move, one after the other, over the same fakes."""
        *others, last = moving
        is_maker = last.name == self.players[-1].name  # whose gradient flows through the fakes
        with tf.GradientTape() as tape:
            with contextlib.nullcontext() if is_maker else tape.stop_recording():
                fakes = None if turn is None else self.fakes(x, y, turn, training=True)
            with tape.stop_recording():
                for player in others:
                    with tf.GradientTape() as own_tape:
                        loss = self._scaled_loss(player, x, y, fakes)
                    self._move(player, own_tape, loss)
            loss = self._scaled_loss(last, x, y, fakes)
        self._move(last, tape, loss)

    def _scaled_loss(self, player, x, y, fakes):
        return getattr(self, player.optimizer_name).scale_loss(self._loss(player, x, y, fakes, training=True))

    def _move(self, player, tape, loss):
        if player.name not in self.moving:
            return
        optimizer = getattr(self, player.optimizer_name)
        # TensorFlow's own zeros for what is not connected need a dtype that a variable of Keras does not have.
        gradients = [
            tf.zeros_like(tf.convert_to_tensor(variable)) if gradient is None else gradient
            for gradient, variable in zip(tape.gradient(loss, player.variables), player.variables, strict=True)
        ]
        # The gradient of a loss that is linear in d(x) does not need its value, and TensorFlow has been seen to move
        # weights before the loss had read them: to be sure, gradients wait for the loss.
        with tf.control_dependencies([loss]):
            gradients = [tf.identity(gradient) for gradient in gradients]
        optimizer.apply(distribution.averaged(gradients, optimizer), player.variables)

    def _loss(self, player, x, y, fakes, training):
        """This replica's share of the mean of a player's weighted terms; all are reported."""
        terms = self.terms_of(player, x, y, fakes, training)
        total = sum(self.term_weights.get(name, 1.0) * term for name, term in terms.items())
        penalty = sum(ops.sum(v.regularizer(v)) for v in player.variables if v.regularizer is not None)
        reported = {**terms, f"{player.name}_loss": total + penalty} if player.reports else terms
        for name, per_example in reported.items():
            if name in self.trackers:
                self.trackers[name].update_state(per_example)
        return distribution.share_of_mean(total) + penalty / distribution.num_replicas()

    def test_step(self, data):
        """Every player's terms, with noise that is the same in each evaluation."""
        x, y = self._taken(data)
        with distribution.step_over(x):
            fakes = self.fakes(x, y, 0, training=False)
            for player in self.players:
                self._loss(player, x, y, fakes, training=False)
        return distribution.reported(self.get_metrics_result())

    def get_metrics_result(self):
        """Keras' own, with the sum of the players' losses."""
        logs = super().get_metrics_result()
        return {**logs, "loss": sum(logs[f"{player.name}_loss"] for player in self.players)}

    def _taken(self, data):
        """Data, float32, and labels or None, of a batch as Keras gives it."""
        x, y, _ = keras.utils.unpack_x_y_sample_weight(self.separated(data))
        if self.labelling is None:
            y = None
        elif y is None:
            self.check_target(y)
        return tf.cast(x, tf.float32), y

    # === Phases ===

    def moving_at(self, step):
        """Names of the players that move in a step, in the order of `players`."""
        everybody = tuple(player.name for player in self.players)
        return next((names for until, names in self.phases if step < until), everybody)

    def make_train_function(self, force=False):
        """Keras' own, made anew where a phase begins: the moves of those who rest are left out of the graph."""
        moving = self.moving_at(int(ops.convert_to_numpy(self.step)))
        if moving != self.moving:
            self.moving, force = moving, True
        return super().make_train_function(force)

    def fit(self, x=None, y=None, batch_size=None, epochs=1, *, callbacks=None, **kwargs):
        """Keras' `fit`. Labels are taken and ignored by a model that has no use for them."""
        if self.phases:
            callbacks = [_Phases(), *tf.nest.flatten(callbacks or [])]
        return super().fit(x, y, batch_size, epochs, callbacks=callbacks, **kwargs)


class _Phases(keras.callbacks.Callback):
    """Makes the step anew where a phase begins."""

    def on_train_batch_begin(self, batch, logs=None):
        if len(self.model.moving) < len(self.model.players):  # the last phase is the one of everybody
            self.model.make_train_function()
