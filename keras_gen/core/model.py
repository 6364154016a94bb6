"""`GenerativeModel`: the contract that every model of the package keeps."""

import dataclasses
import sys

import keras
import numpy as np
import tensorflow as tf

from keras_gen.core import distribution, execution
from keras_gen.core.abilities import Abilities
from keras_gen.core.arguments import DataShape, Decay, Seed
from keras_gen.core.config import Configured
from keras_gen.core.ema import Averaged
from keras_gen.core.epochs import EpochClock
from keras_gen.core.intake import Arrays, Intake, refuse_weights
from keras_gen.core.scalars import Adjustable
from keras_gen.core.spec import DataSpec, Targets
from keras_gen.core.step import PhaseSchedule, SteppedModel
from keras_gen.core.views import Networks


class GenerativeModel(Configured, Abilities, Averaged, Networks, SteppedModel):
    """Base of every model: config, data, the one step, and the sentences for what a model cannot do.

    Images are float32 in [0, 1], (B, H, W, C), everywhere outside a network; vectors are (B, D).

    A subclass builds its networks in `__init__` and ends with `self.built = True`; it keeps every constructor
    argument as an attribute of the same name, which is all that `get_config` needs. Arguments that it does not name
    go on to the class above by `**kwargs`. It says what it minimises in `terms`; see `SteppedModel`. Scalars that weigh
    a term are `Adjustable`; other arguments cannot be set after construction.

    Args:
        data_shape: (H, W, C) of the images or (D,) of the vectors.
        seed: int; all noise of training is a function of (seed, step, replica).
        ema: None, or the decay of a moving average of the weights, such as 0.999, with which the model then samples,
            encodes, decodes and scores; `evaluate`, `predict` and `call` use the weights themselves. After setting
            weights by hand in a trained model, call `restart_averages`.
        **kwargs: `name` and the other arguments of `keras.Model`.
    """

    reported = ("reconstruction_loss",)  # names of the means that the model reports besides `loss`
    has_targets = False  # whether `fit` may be given targets that are neither labels nor pairs of images
    # How many `fit` trains on, to within a batch of a dataset; None where it cannot know.
    num_examples = Adjustable(minimum=1, optional=True)
    likelihood = None  # "bernoulli" or "gaussian" where the model has one
    labelling = None  # "required" or "partial", with -1 for unknown, where it learns from labels of `num_classes`
    pairing = None  # "pairs" or "unpaired" where it is trained on (inputs, targets); the function of `data` for it
    has_normal_prior = False  # whether codes drawn from N(0, I) make images
    learning_rate = 1e-3  # of Adam, where none is asked for

    def __init__(self, data_shape: DataShape, seed: Seed = 0, ema: Decay | None = None, **kwargs):
        # Networks cast for themselves; cast here, float16 targets would meet float32 losses.
        super().__init__(**{"autocast": False, **kwargs})
        self.data_shape = data_shape
        self.seed = seed
        self.ema = ema
        self.num_examples = None
        self._pairs = None  # specification of pairs of which several machines make one tensor
        # Keras' own mean of the loss weighs unequal replicas wrongly; the last metric of a name is the one reported.
        self.trackers = {name: keras.metrics.Mean(name=name) for name in ("loss", *self.reported)}
        self.step = self.add_weight(
            name="step", shape=(), dtype="int64", initializer="zeros", trainable=False, aggregation="only_first_replica"
        )

    def on_completed(self):
        super().on_completed()
        self.start_averages()

    @classmethod
    def labelling_of(cls, arguments):
        """What `labelling` is with these arguments of the constructor, by name."""
        return cls.labelling

    # === Data ===

    @property
    def data_likelihood(self):
        """The likelihood of the data, by name; of a model of codes, that of the model that made them."""
        return self.likelihood

    @property
    def bounded(self):
        """Whether the data lie in [0, 1]: images do, and what a Bernoulli likelihood describes."""
        return len(self.data_shape) == 3 or self.data_likelihood == "bernoulli"

    @property
    def targets(self):
        """The `Targets` that `fit` takes besides the data, None for none."""
        return Targets() if self.has_targets else None

    @property
    def data_spec(self):
        """The `DataSpec` of what `fit` takes."""
        classes = getattr(self, "num_classes", None)
        return DataSpec(type(self).__name__, self.data_shape, self.bounded, self.labelling, classes, self.targets)

    def check_data(self, x, y=None):
        """Raises a sentence if x, with labels or targets y, is not what `fit` takes."""
        Intake(self.data_spec).open(x, y)

    def check_shape(self, x):
        """Raises a sentence if x, anything with a `shape`, does not hold a batch of the model's data."""
        self.data_spec.check_shape(x)

    def in_memory(self, x, labels=None):
        """Data as one array, (N, ...) float32, checked; and their labels, (N,) int64 or None.

        Args:
            x: as `fit` takes it.
            labels: of a model that needs some, or None where x has them.
        """
        kind = self.labelling if labels is not None or self.labelling == "required" else None
        if labels is not None and kind is None:
            kind = "required"  # says that there are no classes, if there are none
        spec = dataclasses.replace(self.data_spec.of_inputs, labels=kind)
        parts = [(part, y) for part, y, _ in Intake(spec).slices(x, labels, sys.maxsize)]
        if len(parts) == 1:
            return parts[0]
        return np.concatenate([x for x, _ in parts]), None if parts[0][1] is None else np.concatenate(
            [y for _, y in parts]
        )

    def prepare_batch(self, x, y):
        """What the model is trained on, of a batch that `fit` was given, in a graph or not: x, y or None."""
        return x, y

    def prepare_evaluation(self, dataset):
        """What the model is evaluated on, of a dataset of x or of (x, y), in their order."""
        return dataset

    # === Training ===

    def before_training(self, data):
        """Called by `fit` before the first epoch: the place for a look at the data, and for a model's warnings.

        Args:
            data: the `Taken`.
        """

    def callbacks_of(self, data):
        """Callbacks that belong to the model, for a `fit` on `Taken` data. They come before the user's."""
        return []

    def after_training(self, history):
        """Called by `fit` after the last epoch, with its `History`."""

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        *,
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        validation_batch_size=None,
        shuffle=True,
        initial_epoch=0,
        steps_per_epoch=None,
        **kwargs,
    ):
        """Keras' `fit`, on whatever `Intake` takes. Labels are taken and ignored by a model that has no use for them.

        The order of an epoch is a function of (seed, epoch). A `fit` of a model that has been trained begins with the
        epoch that follows from its number of steps, or with `initial_epoch`.

        Raises:
            ValueError: if the data do not have the model's shape or range, or examples are weighted.
        """
        if kwargs.get("sample_weight") is not None or kwargs.get("class_weight") is not None:
            refuse_weights(type(self).__name__)
        intake = Intake(self.data_spec)
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
            data.total_steps = data.steps and data.steps * (epochs - initial_epoch)
            self.num_examples = data.count
            clock = EpochClock(0 if initial_epoch else self._epochs_done(data.steps), data.is_endless)
            self._make_whole_calls(data.steps)
            self.before_training(data)
            phases = self.phases(epochs)
            callbacks = [
                clock, *data.callbacks, *([PhaseSchedule(phases)] if phases else []), *self.callbacks_of(data),
                *tf.nest.flatten(callbacks or []),
            ]  # fmt: skip
            self._is_scheduled = bool(phases)
            try:
                history = super().fit(
                    self._handed_over(self._prepared(data.dataset)),
                    epochs=epochs,
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

    def _epochs_done(self, steps):
        return int(keras.ops.convert_to_numpy(self.step)) // steps if steps else 0

    def _prepared(self, dataset):
        """A dataset with `prepare_batch` in it."""

        def prepare(*batch):
            x, y = self.prepare_batch(*batch) if len(batch) == 2 else self.prepare_batch(*batch, None)
            return x if y is None else (x, y)

        return dataset.map(prepare)

    def _handed_over(self, dataset):
        """A dataset as Keras gets it: not tuned; of several machines each reads its part, and pairs as one tensor."""
        self._pairs = None
        if distribution.num_machines() > 1 and isinstance(dataset.element_spec, tuple):
            self._pairs = dataset.element_spec
            dataset = distribution.joined(dataset)
        dataset = distribution.sharded(execution.untuned(dataset.prefetch(2)))
        dataset.taken_by = self.data_spec  # Keras hands the validation data of `fit` to `evaluate`
        return dataset

    def _make_whole_calls(self, steps_per_epoch):
        if not self.compiled or self.run_eagerly or self.compile_options["steps_per_execution"] != "auto":
            return
        steps = execution.steps_per_call(self.max_steps_per_execution, steps_per_epoch)
        if steps != self.steps_per_execution:
            self.steps_per_execution = steps
            self.make_train_function(force=True)

    def evaluate(self, x=None, y=None, batch_size=None, **kwargs):
        """Keras' `evaluate`."""
        intake = Intake(self.data_spec)
        if intake.has_taken(x):
            return super().evaluate(x, **kwargs)
        if kwargs.pop("sample_weight", None) is not None:
            refuse_weights(type(self).__name__)
        with intake.refusals():
            dataset = self.prepare_evaluation(intake.held_out(x, y, batch_size))
            return super().evaluate(self._handed_over(dataset), **kwargs)

    def predict(self, x, batch_size=None, *args, **kwargs):
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
            dataset = distribution.sharded(execution.untuned(dataset.prefetch(2)))
            return super().predict(dataset, None, *args, **kwargs)

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """Keras' `train_on_batch`, on a batch that is checked."""
        return super().train_on_batch(*self._one_batch(x, y, sample_weight, class_weight), return_dict=return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """Keras' `test_on_batch`, on a batch that is checked."""
        return super().test_on_batch(*self._one_batch(x, y, sample_weight), return_dict=return_dict)

    def _one_batch(self, x, y, *weights):
        if any(weight is not None for weight in weights):
            refuse_weights(type(self).__name__)
        return self.prepare_batch(*Intake(self.data_spec).batch(x, y))

    def unpack_batch(self, data):
        """x, float32, and what the model learns from besides, or None, of a batch as Keras gives it to a step."""
        data = data if self._pairs is None else distribution.separated(data, self._pairs)
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        spec = self.data_spec
        if spec.labels is None and spec.targets is None:
            y = None
        elif y is None and spec.needs_y:
            spec.refuse_missing_y()
        return tf.cast(x, tf.float32), y  # of a loop of one's own x may be of another type

    def unpack(self, x):
        """What `call` was given: data alone, or data and their labels. -> x, labels or None."""
        return x if isinstance(x, tuple | list) else (x, None)

    def key(self, purpose, training, shared=False):
        """The key of this step's noise on this replica; of an evaluation, the same for each batch.

        Args:
            purpose: str, keeps two draws of one step apart.
            training: whether it is a step of training.
            shared: whether all replicas draw the same.
        """
        if training:
            return self.noise_key(purpose, shared)
        return distribution.noise_key(self.seed, 0, f"evaluation {purpose}", shared)

    def noise_key(self, purpose, shared=False):
        """The key of this step's noise on this replica; see `distribution.noise_key`."""
        return distribution.noise_key(self.seed, self.step, purpose, shared)
