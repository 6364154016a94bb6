"""`GenerativeModel`: the contract that every model of the package keeps."""

import dataclasses
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen.core import distribution
from keras_gen.core.abilities import Abilities
from keras_gen.core.arguments import DataShape, Decay, Seed
from keras_gen.core.config import Configured
from keras_gen.core.ema import Averaged
from keras_gen.core.exporting import Exportable
from keras_gen.core.fitting import Fitted
from keras_gen.core.intake import Intake
from keras_gen.core.presets import Shared
from keras_gen.core.scalars import Adjustable
from keras_gen.core.spec import DataSpec, Targets
from keras_gen.core.views import Networks
from keras_gen.files import write_atomically
from keras_gen.table.spec import TableSpec


class GenerativeModel(Configured, Abilities, Averaged, Networks, Exportable, Shared, Fitted):
    """Base of every model: config, data, the one step, and the sentences for what a model cannot do.

    Images are float32 in [0, 1], (B, H, W, C), everywhere outside a network; vectors are (B, D), series (B, T, F).

    A subclass builds its networks in `__init__` and ends with `self.built = True`; it keeps every constructor
    argument as an attribute of the same name, which is all that `get_config` needs. Arguments that it does not name
    go on to the class above by `**kwargs`. It says what it minimises in `terms`; see `SteppedModel`. Scalars that weigh
    a term are `Adjustable`; other arguments cannot be set after construction.

    Args:
        data_shape: (H, W, C) of the images, (D,) of the vectors, or, of some models, (T, F) of series of T steps, or
            the `spec` of a table.
        seed: int; all noise of training is a function of (seed, step, replica).
        ema: None, or the decay of a moving average of the weights, such as 0.999, with which the model then samples,
            encodes, decodes and scores; `evaluate`, `predict` and `call` use the weights themselves. After setting
            weights by hand in a trained model, call `restart_averages`.
        **kwargs: `name` and the other arguments of `keras.Model`.
    """

    reported: tuple[str, ...] = ("reconstruction_loss",)  # names of the means that the model reports besides `loss`
    has_targets = False  # whether `fit` may be given targets that are neither labels nor pairs of images
    # How many `fit` trains on, to within a batch of a dataset; None where it cannot know.
    num_examples = Adjustable(minimum=1, optional=True)
    likelihood: str | None = None  # "bernoulli" or "gaussian" where the model has one
    # "required" or "partial", with -1 for unknown, where it learns from labels of `num_classes`.
    supervision: str | None = None
    # "pairs" or "unpaired" where it is trained on (inputs, targets); the function of `data` for it.
    target_mode: str | None = None
    has_normal_prior = False  # whether codes drawn from N(0, I) make images
    takes_tables = False  # whether the `spec` of a table may stand in place of a `data_shape`
    takes_series = False  # whether a `data_shape` may be (T, F)
    variable_length = False  # whether series may end early: NaN from there on
    learning_rate: float | None = 1e-3  # of Adam, where none is asked for

    def __init__(self, data_shape: DataShape, seed: Seed = 0, ema: Decay | None = None, **kwargs):
        # Networks cast for themselves; cast here, float16 targets would meet float32 losses.
        super().__init__(**{"autocast": False, **kwargs})
        if isinstance(data_shape, TableSpec):
            if not self.takes_tables:
                raise ValueError(
                    f"{type(self).__name__} does not learn from tables: VAE, Autoencoder, AdversarialAutoencoder and "
                    f"GAN do, among others. Received: data_shape, the spec of a table of {data_shape.describe()}"
                )
            self.table, data_shape = data_shape, data_shape.shape
        if len(data_shape) == 2 and not self.takes_series:
            raise ValueError(
                f"{type(self).__name__} does not learn from series: Autoencoder and VAE do, among others. An image has "
                f"three sizes, (height, width, channels). Received: data_shape={data_shape}"
            )
        if len(data_shape) == 3 and keras.config.image_data_format() != "channels_last":
            raise ValueError(
                "Channels of images must come last: keras.config.set_image_data_format('channels_last'). "
                f"Received: image_data_format={keras.config.image_data_format()!r}"
            )
        self.data_shape = data_shape
        self.seed = seed
        self.ema = ema
        self.num_examples = None
        # Keras' own mean of the loss weighs unequal replicas wrongly; the last metric of a name is the one reported.
        self.trackers = {name: keras.metrics.Mean(name=name) for name in ("loss", *self.reported)}
        self.step = self.add_weight(
            name="step", shape=(), dtype="int64", initializer="zeros", trainable=False, aggregation="only_first_replica"
        )

    def on_completed(self) -> None:
        super().on_completed()
        self.start_averages()

    @classmethod
    def supervision_of(cls, arguments: dict[str, Any]) -> str | None:
        """What `supervision` is with these arguments of the constructor, by name."""
        return cls.supervision

    def save(self, filepath, overwrite: bool = True, **kwargs) -> None:
        """Keras' `save`, to a .keras file that is written whole or not at all.

        Raises:
            ValueError: if the path has another ending.
        """
        if not isinstance(filepath, str | Path):
            super().save(filepath, overwrite, **kwargs)
        elif Path(filepath).suffix != ".keras":
            raise ValueError(f"A model is saved to a file that ends in .keras. Received: filepath={str(filepath)!r}")
        elif overwrite:
            Path(filepath).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(filepath, lambda temporary: super(GenerativeModel, self).save(temporary, **kwargs))
        else:
            super().save(filepath, overwrite, **kwargs)

    # === Data ===

    def likelihood_of(self, likelihood: str) -> str:
        """The likelihood that a constructor's argument asks for: that of a table is "table", and none has to ask.

        Raises:
            ValueError: if it does not fit.
        """
        if self.table is None and likelihood == "table":
            raise ValueError(
                "likelihood='table' is for the rows of a table: give the `spec` of one in place of a data_shape. "
                f"Received: data_shape={self.data_shape}"
            )
        if self.table is not None and likelihood not in ("bernoulli", "table"):  # the default says nothing
            raise ValueError(
                "A table has a likelihood of its own for each column: leave `likelihood` out. "
                f"Received: likelihood={likelihood!r}"
            )
        return likelihood if self.table is None else "table"

    def set_variable_length(self, variable_length: bool) -> None:
        """Keeps that argument of a constructor; a sentence, where the data are no series."""
        if variable_length and len(self.data_shape) != 2:
            raise ValueError(
                "variable_length=True is for series, data_shape=(steps, features). Received: "
                f"data_shape={self.data_shape}"
            )
        self.variable_length = variable_length

    def known(self, x) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """x as a likelihood takes it, and beside it `there`: which of its values count, of series that may end early.

        What is not there is 0: the gradient of a NaN is NaN, even where it is not taken.
        """
        if not self.variable_length:
            return x, {}
        missing = ops.isnan(x)
        return ops.where(missing, ops.zeros_like(x), x), {"there": ~missing}

    def ended_like(self, x, made) -> tf.Tensor:
        """What the model makes of series that may end early, NaN where they have ended; of other data as it is."""
        return ops.where(ops.isnan(x), x, made) if self.variable_length else made

    @property
    def data_likelihood(self) -> str | None:
        """The likelihood of the data, by name; of a model of codes, that of the model that made them."""
        return self.likelihood

    @property
    def bounded(self) -> bool:
        """Whether the data lie in [0, 1]: images do, and what a Bernoulli likelihood describes."""
        return len(self.data_shape) == 3 or self.data_likelihood == "bernoulli"

    @property
    def targets(self) -> Targets | None:
        """The `Targets` that `fit` takes besides the data, None for none."""
        return Targets() if self.has_targets else None

    @property
    def data_spec(self) -> DataSpec:
        """The `DataSpec` of what `fit` takes."""
        classes = getattr(self, "num_classes", None)
        name = type(self).__name__
        return DataSpec(
            self.data_shape, self.bounded, self.supervision, classes, self.targets, name,
            table=self.table, may_end=self.variable_length,
        )  # fmt: skip

    def check_data(self, x, y=None) -> None:
        """Raises a ValueError if x, with labels or targets y, is not what `fit` takes."""
        Intake(self.data_spec).open(x, y)

    def check_shape(self, x) -> None:
        """Raises a ValueError if x, anything with a `shape`, does not hold a batch of the model's data."""
        self.data_spec.check_shape(x)

    def in_memory(self, x, labels=None, ability: str | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        """Data as one array, (N, ...) float32, checked; and their labels, (N,) int64 or None.

        Args:
            x: as `fit` takes it.
            labels: of a model that needs some, or None where x has them.
            ability: what for, where that takes other data than the model is trained on.
        """
        kind = self.supervision if labels is not None or self.supervision == "required" else None
        if labels is not None and kind is None:
            kind = "required"  # says that there are no classes, if there are none
        spec = dataclasses.replace(self.spec_of(ability or ""), labels=kind)
        parts = [(part, y) for part, y, _ in Intake(spec).slices(x, labels, sys.maxsize)]
        if len(parts) == 1:
            return parts[0]
        return np.concatenate([x for x, _ in parts]), None if parts[0][1] is None else np.concatenate(
            [y for _, y in parts]
        )

    # === Training ===

    def unpack(self, x) -> tuple:
        """What `call` was given: data alone, or data and their labels. -> x, labels or None."""
        return tuple(x) if isinstance(x, tuple | list) else (x, None)

    def key(self, purpose: str, training: bool, shared: bool = False) -> tf.Tensor:
        """The key of this step's noise on this replica; of an evaluation, the same for each batch.

        Args:
            purpose: str, keeps two draws of one step apart.
            training: whether it is a step of training.
            shared: whether all replicas draw the same.
        """
        if training:
            return self.noise_key(purpose, shared)
        return distribution.noise_key(self.seed, 0, f"evaluation {purpose}", shared)

    def noise_key(self, purpose: str, shared: bool = False) -> tf.Tensor:
        """The key of this step's noise on this replica; see `distribution.noise_key`."""
        return distribution.noise_key(self.seed, self.step, purpose, shared)
