"""Keras' `fit`, `evaluate` and `predict` on all that `Intake` takes."""

from collections.abc import Callable
from typing import Annotated, Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen.core import distribution, execution
from keras_gen.core.arguments import Count, CountOrZero, Rule, Share, checked
from keras_gen.core.epochs import EpochClock
from keras_gen.core.intake import Arrays, Intake, Taken, refuse_weights
from keras_gen.core.players import PhaseSchedule, SharedRates
from keras_gen.core.step import SteppedModel

CALLBACKS = Rule(
    "a keras.callbacks.Callback, or a list of such",
    lambda value: all(isinstance(one, keras.callbacks.Callback) for one in tf.nest.flatten(value)),
    tf.nest.flatten,
)


class Fitted(SteppedModel):
    """A `SteppedModel` with a `data_spec` for what it is trained on. What a model does around a training are hooks."""

    _pairs = None  # specification of pairs of which several machines make one tensor

    # Function of a batch x, y or None, in a graph or not, to what the model is trained on; None for the same.
    prepare_batch: Callable | None = None

    def prepare_evaluation(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """What the model is evaluated on, of a dataset of x or of (x, y), in their order."""
        return dataset

    def before_training(self, data: Taken) -> None:
        """Called by `fit` before the first epoch: the place for a look at the data, and for a model's warnings.

        Args:
            data: the `Taken`.
        """

    def callbacks_of(self, data: Taken) -> list:
        """Callbacks that belong to the model, for a `fit` on `Taken` data. They come before the user's."""
        return []

    def after_training(self, history: keras.callbacks.History) -> None:
        """Called by `fit` after the last epoch, with its `History`."""

    @checked
    def fit(
        self,
        x=None,
        y=None,
        batch_size: Count | None = None,
        epochs: CountOrZero = 1,
        verbose="auto",
        *,
        callbacks: Annotated[Any, CALLBACKS] = None,
        validation_split: Share = 0.0,
        validation_data=None,
        validation_batch_size: Count | None = None,
        shuffle: bool = True,
        initial_epoch: CountOrZero = 0,
        steps_per_epoch: Count | None = None,
        **kwargs,
    ) -> keras.callbacks.History:
        """Keras' `fit`, on whatever `Intake` takes. Labels are taken and ignored by a model that has no use for them.

        The order of an epoch is a function of (seed, epoch). A `fit` of a model that has been trained begins with the
        epoch that follows from its number of steps, or with `initial_epoch`.

        Raises:
            ValueError: if the data do not have the model's shape or range, or examples are weighted.
        """
        if kwargs.get("sample_weight") is not None or kwargs.get("class_weight") is not None:
            refuse_weights(type(self).__name__)
        intake = self._intake()
        with intake.refusals():
            data, held_out = intake.training(
                x, y, batch_size=batch_size, seed=self.seed if shuffle else None, steps_per_epoch=steps_per_epoch,
                split=validation_split if validation_data is None else 0.0,
            )  # fmt: skip
            if validation_data is not None:
                held_out = intake.open_held_out(validation_data)
            if held_out is not None:
                held_out = self._handed_over(
                    self.prepare_evaluation(intake.held_out(held_out, batch_size=validation_batch_size or batch_size))
                )
            data.total_steps = data.steps and data.steps * max(0, epochs - initial_epoch)
            self.num_examples = data.count
            clock = EpochClock(0 if initial_epoch else self._epochs_done(data.steps), data.is_endless)
            self._choose_execution(epochs, initial_epoch, data.steps, steps_per_epoch, callbacks)
            self.before_training(data)
            phases = self.phases(epochs)
            callbacks = [
                clock, *data.callbacks, *([PhaseSchedule(phases)] if phases else []), *self.callbacks_of(data),
                *(callbacks or ()), *([SharedRates()] if len(self.players) > 1 else []),
            ]  # fmt: skip
            if self.steps_per_execution > 1:
                callbacks = execution.StepCounter(
                    callbacks, self, held_out, add_history=True, epochs=epochs, steps=data.steps, verbose=verbose
                )
            self._is_scheduled = bool(phases)
            try:
                history = super().fit(
                    self._handed_over(self._prepared(data.dataset)),
                    epochs=epochs,
                    verbose=verbose,
                    callbacks=callbacks,
                    validation_data=held_out,
                    shuffle=False,
                    initial_epoch=initial_epoch,
                    steps_per_epoch=steps_per_epoch,
                    **kwargs,
                )
            finally:
                self._is_scheduled = False
                clock.close()
        self.after_training(history)
        return history

    def _intake(self):
        replicas = self.distribute_strategy.num_replicas_in_sync
        return Intake(self.data_spec, replicas, replicas > 1 and execution.is_convolutional(self))

    def _epochs_done(self, steps):
        return int(keras.ops.convert_to_numpy(self.step)) // steps if steps else 0

    def _prepared(self, dataset):
        """A dataset with `prepare_batch` in it."""
        if self.prepare_batch is None:
            return dataset

        def prepare(*batch):
            x, y = self.prepare_batch(*batch) if len(batch) == 2 else self.prepare_batch(*batch, None)
            return x if y is None else (x, y)

        return dataset.map(prepare)

    def _handed_over(self, dataset):
        """A dataset as Keras gets it: not tuned; of several machines each reads its part, and pairs as one tensor."""
        self._pairs = None
        replicas = self.distribute_strategy.num_replicas_in_sync
        if replicas > 1 and execution.is_convolutional(self):
            dataset = dataset.map(
                lambda *batch: distribution.fill_replicas(batch if len(batch) > 1 else batch[0], replicas)
            )
        if distribution.num_machines() > 1 and isinstance(dataset.element_spec, tuple):
            self._pairs = dataset.element_spec
            dataset = distribution.concat_pair(dataset)
        dataset = distribution.sharded(execution.without_autotune(dataset.prefetch(2)))
        dataset.taken_by = self.data_spec  # Keras hands the validation data of `fit` to `evaluate`
        return dataset

    def _choose_execution(self, epochs, initial_epoch, steps, steps_per_epoch, callbacks):
        """Steps per call, and XLA once all that was trained since `compile` and is now asked for makes up for it.

        What is traced stays, whatever the number of steps of the next `fit`. A resumed training counts from its first
        epoch, so that it is executed as an unbroken one.
        """
        if not self.compiled or self.run_eagerly:
            return
        before = 0 if initial_epoch else self._steps_planned or 0
        self._steps_planned = None if steps is None else before + steps * epochs
        jit, calls = self.jit_compile, self.steps_per_execution
        if self._may_use_xla and not jit:
            jit = execution.xla_pays(self, self._steps_planned)
        if self.compile_options["steps_per_execution"] == "auto":
            calls = execution.steps_per_call(self.max_steps_per_execution, steps_per_epoch)
            calls = 1 if execution.watches_batches(callbacks or ()) else calls
        if (jit, calls) != (self.jit_compile, self.steps_per_execution):
            self.jit_compile, self.steps_per_execution = jit, calls
            self.remake_functions()

    @checked
    def evaluate(
        self, x=None, y=None, batch_size: Count | None = None, verbose="auto", *, callbacks=None, **kwargs
    ) -> Any:
        """Keras' `evaluate`."""
        intake = self._intake()
        if intake.has_taken(x):
            return super().evaluate(x, verbose=verbose, callbacks=callbacks, **kwargs)
        if kwargs.pop("sample_weight", None) is not None:
            refuse_weights(type(self).__name__)
        with intake.refusals():
            dataset = self._handed_over(self.prepare_evaluation(intake.held_out(x, y, batch_size)))
            if self.compiled and self.steps_per_execution > 1:
                callbacks = execution.StepCounter(callbacks, self, dataset, verbose=verbose, epochs=1, steps=None)
            return super().evaluate(dataset, verbose=verbose, callbacks=callbacks, **kwargs)

    @checked
    def predict(self, x, batch_size: Count | None = None, *args, **kwargs) -> np.ndarray:
        """Keras' `predict`; of a model that needs labels, on (x, labels) or a dataset of both."""
        spec = self.data_spec.of_inputs
        y = None
        if spec.labels is not None and isinstance(x, tuple | list) and len(x) == 2:
            x, y = x
        intake = Intake(spec)
        with intake.refusals():
            opened = intake.open_inputs(x, y)
            dataset = intake.held_out(opened, batch_size=batch_size) if isinstance(opened, Arrays) else opened
            if isinstance(dataset.element_spec, tuple):
                dataset = dataset.map(lambda x, y: ((x, y),))  # the model is called with both
            dataset = distribution.sharded(execution.without_autotune(dataset.prefetch(2)))
            return super().predict(dataset, None, *args, **kwargs)

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict: bool = False) -> Any:
        """Keras' `train_on_batch`, on a batch that is checked."""
        return super().train_on_batch(*self._one_batch(x, y, sample_weight, class_weight), return_dict=return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict: bool = False) -> Any:
        """Keras' `test_on_batch`, on a batch that is checked."""
        return super().test_on_batch(*self._one_batch(x, y, sample_weight), return_dict=return_dict)

    def predict_on_batch(self, x) -> np.ndarray:
        """Keras' `predict_on_batch`, on a batch that is checked; of a model that needs labels, (x, labels)."""
        spec, y = self.data_spec.of_inputs, None
        if spec.labels is not None and isinstance(x, tuple | list) and len(x) == 2:
            x, y = x
        x, y = Intake(spec).batch(x, y)
        return super().predict_on_batch(x if y is None else (x, y))

    def _one_batch(self, x, y, *weights):
        if any(weight is not None for weight in weights):
            refuse_weights(type(self).__name__)
        x, y = Intake(self.data_spec).batch(x, y)
        return (x, y) if self.prepare_batch is None else self.prepare_batch(x, y)

    def unpack_batch(self, data) -> tuple:
        """x, float32, and what the model learns from besides, or None, of a batch as Keras gives it to a step."""
        data = data if self._pairs is None else distribution.split_pair(data, self._pairs)
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        spec = self.data_spec
        if spec.labels is None and spec.targets is None:
            y = None
        elif y is None and spec.needs_y:
            spec.refuse_missing_y()
        return tf.cast(x, tf.float32), y  # of a loop of one's own x may be of another type
