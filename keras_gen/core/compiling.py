"""Compiling a model with an optimizer for each of its players."""

from typing import Any, Literal

import keras

from keras_gen.core import distribution, execution
from keras_gen.core.arguments import Count, checked
from keras_gen.core.part import Part
from keras_gen.core.players import OUTSIDE


class Compiled(Part):
    """Part of `SteppedModel`: `compile` with optimizers only, and what a file keeps of it."""

    betas: tuple[float, float] = (0.9, 0.999)  # of Adam, where the model is compiled without an optimizer

    @checked
    def compile(
        self,
        optimizer=None,
        *,
        jit_compile: bool | Literal["auto"] = "auto",
        steps_per_execution: Count | Literal["auto"] = "auto",
        run_eagerly: bool = False,
        **kwargs,
    ) -> None:
        """Keras' `compile` with optimizers only: the model brings its objective.

        Args:
            optimizer: name or `keras.optimizers.Optimizer`, of which each player of a game gets its own copy; None for
                those of `default_optimizers`. They are built here, so that training may start under any strategy.
            jit_compile: bool, or "auto" for the measured rule of `core.execution`.
            steps_per_execution: int, or "auto" for the measured rule of `core.execution`.
            run_eagerly: bool, for debugging.
            **kwargs: `{name}_optimizer`, such as `d_optimizer`, for one player of a game; `auto_scale_loss` of Keras.

        Raises:
            ValueError: if a loss or metrics are given, or an optimizer of nobody.
        """
        with distribution.scope_of(self):  # a model is compiled on the devices that it was made on
            self._compile(optimizer, jit_compile, steps_per_execution, run_eagerly, kwargs)

    def _compile(self, optimizer, jit_compile, steps_per_execution, run_eagerly, kwargs):
        for name in ("loss", "loss_weights", "metrics", "weighted_metrics"):
            if kwargs.get(name) is not None:
                raise ValueError(
                    f"{type(self).__name__} brings its own objective and metrics; compile it with an optimizer "
                    f"only. Received: {name}={kwargs[name]}"
                )
        chosen = self._chosen_optimizers(optimizer, kwargs)
        auto_scale_loss = kwargs.pop("auto_scale_loss", True)
        scale = auto_scale_loss and self.dtype_policy.name == "mixed_float16"
        for player in self.players:
            own = chosen[player.optimizer_name]
            if len(chosen) > 1:
                self._check_player(player, own)
            if scale and not isinstance(own, keras.optimizers.LossScaleOptimizer):
                own = keras.optimizers.LossScaleOptimizer(own)
            if not own.built:
                own.build(player.variables)
            setattr(self, player.optimizer_name, own)
        if self._has_phases_in_steps and steps_per_execution not in ("auto", 1):
            raise ValueError(
                "Phases end between two calls: each call must be one step. Received: "
                f"steps_per_execution={steps_per_execution}"
            )
        jit, steps, self._may_use_xla = execution.resolve(
            self, jit_compile, 1 if self._has_phases_in_steps else steps_per_execution
        )
        if run_eagerly:
            jit, steps, self._may_use_xla = False, 1, False
        # Of a game Keras knows the last player's only, for callbacks that look at a learning rate. It is built and
        # scaled.
        super().compile(
            optimizer=own,
            jit_compile=jit,
            steps_per_execution=steps,
            run_eagerly=run_eagerly,
            auto_scale_loss=False,
            **kwargs,
        )
        self.max_steps_per_execution, self._steps_planned = steps, 0
        self.compile_options = {
            "jit_compile": jit_compile,
            "steps_per_execution": 1 if self._has_phases_in_steps else steps_per_execution,
            "auto_scale_loss": auto_scale_loss,
            **kwargs,
        }
        self.phase = self._phase_of(self.phases(1), epoch=OUTSIDE)

    def _chosen_optimizers(self, optimizer, options):
        """An optimizer for each player, by name; those of single players are taken out of the options."""
        names = [player.optimizer_name for player in self.players]
        for name in options:
            if name.endswith("_optimizer") and name not in names:
                raise ValueError(
                    f"{type(self).__name__} takes {', '.join(names)}, or one `optimizer` for all. Received: {name}"
                )
        if names == ["optimizer"]:
            chosen = {"optimizer": optimizer}
        else:
            chosen = {name: options.pop(name, None) for name in names}
            if optimizer is not None:
                shared = keras.optimizers.serialize(keras.optimizers.get(optimizer))
                chosen = {name: shared if value is None else value for name, value in chosen.items()}
        defaults = self.default_optimizers() if None in chosen.values() else {}
        chosen = {
            name: keras.optimizers.get(defaults[name] if value is None else value) for name, value in chosen.items()
        }
        if len({id(value) for value in chosen.values()}) < len(names):
            raise ValueError(f"Each player needs an optimizer of its own. Received: one object for {', '.join(chosen)}")
        return chosen

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

    def default_optimizers(self, learning_rate=None, decay_steps=None) -> dict:
        """Arguments for `compile`: Adam for each player, as the model is best trained.

        Args:
            learning_rate: float; None for the players' own.
            decay_steps: batches over which it goes down to 0 by a cosine; None for a constant rate.
        """
        optimizers = {}
        for player in self.players:
            own_steps = max(1, decay_steps - self._rest_of(player)) * player.steps if decay_steps else None
            rate = self.learning_rate_schedule(learning_rate or player.learning_rate, own_steps)
            optimizers[player.optimizer_name] = keras.optimizers.Adam(rate, *self.betas)
        return optimizers

    @staticmethod
    def learning_rate_schedule(learning_rate, decay_steps=None) -> Any:
        """A constant rate, or one that goes down to 0 by a cosine."""
        return keras.optimizers.schedules.CosineDecay(learning_rate, decay_steps) if decay_steps else learning_rate

    def get_compile_config(self) -> dict:
        if not self.compiled:
            return {}
        names = [player.optimizer_name for player in self.players]
        optimizers = {name: keras.optimizers.serialize(getattr(self, name)) for name in names}
        return {**optimizers, **self.compile_options, "num_examples": self.setting("num_examples")}

    def compile_from_config(self, config) -> None:
        config = dict(config)
        self.num_examples = config.pop("num_examples", None)  # files of version 0.1.0 do not have it
        self.compile(**config)
