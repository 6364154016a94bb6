"""`GenerativeModel`: the contract that every model of the package keeps."""

import copy
import inspect
import math

import keras
import numpy as np
import tensorflow as tf

from keras_gen.core import distribution, documentation, execution, labels
from keras_gen.core.batching import batched
from keras_gen.core.checks import check_between, check_data_shape, check_labels, labels_sentence
from keras_gen.core.ema import Averaged
from keras_gen.core.scalars import Adjustable, setting
from keras_gen.core.step import PhaseSchedule, SteppedModel
from keras_gen.core.views import Networks

ABILITIES = (
    "encode", "decode", "reconstruct", "sample", "score", "denoise", "separate", "translate", "log_weights", "unit_kl",
)  # fmt: skip


class _Completed(type(keras.Model)):
    """Tells a model when its constructor, with those of all classes above, is done."""

    def __call__(cls, *args, **kwargs):
        model = super().__call__(*args, **kwargs)
        model.on_completed()
        return model


class GenerativeModel(Averaged, Networks, SteppedModel, metaclass=_Completed):
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
    memory_factor = 1  # how many times the data an ability holds in memory, for batches of a size that fits
    examples = None  # function of no argument to a sample of the training images; set by a run
    offers = frozenset()  # what the class can do, of ABILITIES; derived below from what it defines

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        defined = {name for name in ABILITIES if getattr(cls, name) is not getattr(GenerativeModel, name)}
        cls.offers = frozenset(defined | ({"reconstruct"} if {"encode", "decode"} <= defined else set()))
        cls._arguments = frozenset(cls.arguments())
        cls._adjustables = frozenset(
            name for name in cls._arguments if isinstance(inspect.getattr_static(cls, name, None), Adjustable)
        )
        cls.__signature__ = inspect.Signature(cls.arguments().values())  # for help() and notebooks
        cls.__doc__ = documentation.complete(cls, cls.arguments())

    def __init__(self, data_shape, seed=0, ema: float | None = None, **kwargs):
        # Networks cast for themselves; cast here, float16 targets would meet float32 losses.
        super().__init__(**{"autocast": False, **kwargs})
        self.data_shape = check_data_shape(data_shape)
        self.seed = seed
        if ema is not None:
            check_between(0, 1, ema=ema)
        self.ema = ema
        self.num_examples = None
        self._pairs = None  # specification of pairs of which several machines make one tensor
        self._validation = None  # identity of what `fit` validates on
        # Keras' own mean of the loss weighs unequal replicas wrongly; the last metric of a name is the one reported.
        self.trackers = {name: keras.metrics.Mean(name=name) for name in ("loss", *self.reported)}
        self.step = self.add_weight(
            name="step", shape=(), dtype="int64", initializer="zeros", trainable=False, aggregation="only_first_replica"
        )

    def on_completed(self):
        """Called when the constructor is done."""
        self.is_complete = True
        self.start_averages()

    # === Config ===

    is_complete = False  # whether the constructor is done

    def __setattr__(self, name, value):
        if self.is_complete and name in self._arguments:
            self._check_settable(name, value)
        super().__setattr__(name, value)

    def _check_settable(self, name, value):
        """Raises a sentence if an argument of the constructor is set that cannot be: it has shaped what was built."""
        if name in self._adjustables or value is getattr(self, name) or (name == "loss" and value is None):
            return
        can = ", ".join(f"`{other}`" for other in sorted(self._adjustables))
        raise AttributeError(
            f"`{name}` of {type(self).__name__} cannot be changed after construction: make a new model. "
            f"{f'What can be set while it trains: {can}. ' if can else ''}Received: {name}={value!r}"
        )

    def check_setting(self, name, value):
        """Called where an `Adjustable` is set anew; raises a sentence if that value cannot be had any more."""

    def setting(self, name):
        """The value of an `Adjustable` as a Python number or None, in a graph too: for what is computed at all."""
        return setting(self, name)

    @classmethod
    def labelling_of(cls, arguments):
        """What `labelling` is with these arguments of the constructor, by name."""
        return cls.labelling

    @classmethod
    def arguments(cls):
        """The constructor's arguments, its own and those of the classes above, name -> `inspect.Parameter`."""
        found = {}
        for owner in cls.__mro__[: cls.__mro__.index(GenerativeModel) + 1]:
            if "__init__" not in vars(owner):
                continue
            passed_on = bool(found)
            for name, parameter in inspect.signature(owner.__init__).parameters.items():
                if name != "self" and parameter.kind is not parameter.VAR_KEYWORD:
                    found.setdefault(name, parameter.replace(kind=parameter.KEYWORD_ONLY) if passed_on else parameter)
        return found

    def get_config(self):
        config = super().get_config()
        for name in self.arguments():
            value = getattr(self, name)
            config[name] = keras.saving.serialize_keras_object(value) if isinstance(value, keras.Layer) else value
        return config

    @classmethod
    def from_config(cls, config):
        config = copy.deepcopy(config)  # Keras empties the dicts that it deserializes
        for name in ("dtype", *cls.arguments()):
            if isinstance(config.get(name), dict) and "class_name" in config[name]:
                config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)

    # === Training ===

    def fit(self, x=None, y=None, batch_size=None, epochs=1, *, callbacks=None, **kwargs):
        """Keras' `fit`. Labels are taken and ignored by a model that has no use for them.

        Raises:
            ValueError: if the data do not have the model's shape or range, or examples are weighted.
        """
        if kwargs.get("sample_weight") is not None or kwargs.get("class_weight") is not None:
            self._refuse_weights()
        first_batch = self.check_data(x, y)
        x, y = self.hold_out(x, y, kwargs)
        count = len(x) if hasattr(x, "shape") else None
        size = batch_size or 32
        if hasattr(x, "shape") and self._even_batch(x, size) != min(len(x), size):
            self._refuse_odd_batch(min(len(x), size))
        validation, held_out_y, _ = keras.utils.unpack_x_y_sample_weight(kwargs.get("validation_data"))
        if validation is not None:
            self.check_data(validation, held_out_y, shared=False)
            held_out_size = kwargs.pop("validation_batch_size", None) or size
            held_out = self._fed(*self._prepared(validation, held_out_y), held_out_size)
            kwargs["validation_data"] = held_out[0] if held_out[1] is None else held_out
        shuffled = kwargs.get("shuffle", True)
        if self.labelling == "partial" and y is not None and hasattr(x, "shape") and shuffled:
            x, y = labels.spread(x, y, size, self.seed), None
        self._make_whole_calls(kwargs.get("steps_per_epoch"))
        steps = kwargs.get("steps_per_epoch") or self.steps_per_epoch(x, size)
        if steps is not None:
            self.before_training(steps * (epochs - kwargs.get("initial_epoch", 0)))
        order = None
        if hasattr(x, "shape"):  # shuffled here
            order = self.seed + int(keras.ops.convert_to_numpy(self.step)) if shuffled else None
            kwargs["shuffle"] = False
        elif isinstance(x, tf.data.Dataset):
            kwargs.setdefault("shuffle", False)  # a dataset shuffles itself; Keras warns of its own default
        self.num_examples = count or (steps and first_batch and steps * first_batch) or None
        x, y = self._fed(*self._prepared(x, y), size, order)
        phases = self.phases(epochs)
        if phases:
            callbacks = [PhaseSchedule(phases), *tf.nest.flatten(callbacks or [])]
        self._validation = id(kwargs.get("validation_data"))
        self._is_scheduled = bool(phases)
        try:
            return super().fit(x, y, batch_size=batch_size, epochs=epochs, callbacks=callbacks, **kwargs)
        finally:
            self._validation, self._is_scheduled = None, False

    def is_ready(self, x):
        """Whether x is what `fit` has made of its validation data: with it Keras calls `evaluate`."""
        return id(x) == self._validation

    @staticmethod
    def hold_out(x, y, options):
        """Training data without the last ones, which become the validation data of options, as `fit` takes them.

        Raises:
            ValueError: if nothing is left of one of the two.
        """
        if not options.get("validation_split") or options.get("validation_data") is not None or not hasattr(x, "shape"):
            return x, y
        split = options.pop("validation_split")
        at = math.floor(len(x) * (1 - split))
        if not 0 < at < len(x):
            raise ValueError(
                f"`validation_split` must leave examples to train on and to validate on. Received: {split}, of {len(x)}"
            )
        options["validation_data"] = x[at:] if y is None else (x[at:], y[at:])
        return x[:at], None if y is None else y[:at]

    def _fed(self, x, y=None, batch_size=None, seed=None):
        """Data as Keras takes them: arrays and datasets as a dataset that all devices share, and others as they are.

        Args:
            x: data.
            y: labels or targets.
            batch_size: of arrays.
            seed: of the shuffling of arrays, None for none.

        Returns:
            x, y: the second None of a dataset.
        """
        if hasattr(x, "shape"):
            arrays = x if y is None else (x, np.asarray(y))
            x, y = execution.batches(arrays, self._even_batch(x, batch_size), seed), None
        if isinstance(x, tf.data.Dataset):
            x = self._shared_out(execution.untuned(x))
        return x, y

    def _shared_out(self, x):
        """A dataset as several machines take it: a part of each batch for each, and pairs as one tensor."""
        if distribution.num_machines() > 1 and isinstance(x.element_spec, tuple):
            self._pairs = x.element_spec
            x = distribution.joined(x)
        return distribution.sharded(x)

    def separated(self, data):
        """A batch as Keras gives it, of which several machines made one tensor."""
        return data if self._pairs is None else distribution.separated(data, self._pairs)

    def _make_whole_calls(self, steps_per_epoch):
        if not self.compiled or self.run_eagerly or self.compile_options["steps_per_execution"] != "auto":
            return
        steps = execution.steps_per_call(self.max_steps_per_execution, steps_per_epoch)
        if steps != self.steps_per_execution:
            self.steps_per_execution = steps
            self.make_train_function(force=True)

    def evaluate(self, x=None, y=None, batch_size=None, **kwargs):
        """Keras' `evaluate`."""
        if not self.is_ready(x):
            self.check_data(x, y)
            x, y = self._fed(*self._prepared(x, y), batch_size or 32)
        return super().evaluate(x, y, batch_size=batch_size, **kwargs)

    def predict(self, x, batch_size=None, *args, **kwargs):
        """Keras' `predict`; of a model that needs labels, on (x, labels) or a dataset of both."""
        if self.labelling is not None and isinstance(x, tuple | list):
            self.check_target(x[1])
        elif self.labelling is not None and isinstance(x, tf.data.Dataset):
            x = x.map(self._with_known_labels)
        if all(hasattr(part, "shape") for part in keras.tree.flatten(x)):
            x = execution.batches((x,), batch_size or 32)
        if isinstance(x, tf.data.Dataset):
            x = distribution.sharded(execution.untuned(x))
        return super().predict(x, batch_size, *args, **kwargs)

    @property
    def _replicas(self):
        return self.distribute_strategy.num_replicas_in_sync

    def _even_batch(self, x, batch_size):
        """The largest size up to batch_size of which the replicas get equal parts of the first batch.

        Keras averages the first batch over the replicas to learn its shape, and fails if they are unequal.
        """
        size = min(len(x), batch_size)
        return max(size - size % self._replicas, 1)

    @staticmethod
    def steps_per_epoch(x, batch_size):
        """Batches in one pass over x, None where it is not known."""
        if isinstance(x, tf.data.Dataset):
            cardinality = int(x.cardinality())
            return cardinality if cardinality >= 0 else None
        return math.ceil(len(x) / batch_size) if hasattr(x, "__len__") else None

    def before_training(self, total_steps):
        """Called by `fit` where the number of steps is known: the place for a model's warnings."""

    def predict_step(self, data):
        """Keras' own step."""
        return super().predict_step(self.pack(data))

    def pack(self, data):
        """A batch as `predict` takes it apart: where the model learns from labels, x is a pair of data and labels."""
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        if tf.is_tensor(x) and x.dtype == tf.float64:  # of a user's own dataset; Keras casts arrays only
            x = tf.cast(x, tf.float32)
        return (x,) if self.labelling is None or y is None else ((x, y),)

    def unpack_batch(self, data):
        """Data, float32, and what the model learns from besides, or None, of a batch as Keras gives it to a step."""
        x, y, _ = keras.utils.unpack_x_y_sample_weight(self.separated(data))
        if self.labelling is None and not self.has_targets:
            y = None
        elif y is None:
            self.check_target(y)
        return tf.cast(x, tf.float32), y

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

    # === Checks ===

    @property
    def data_likelihood(self):
        """The likelihood of the data, by name; of a model of codes, that of the model that made them."""
        return self.likelihood

    @property
    def bounded(self):
        """Whether the data lie in [0, 1]: images do, and what a Bernoulli likelihood describes."""
        return len(self.data_shape) == 3 or self.data_likelihood == "bernoulli"

    def check_data(self, x, y=None, shared=True):
        """Raises a sentence if x, an array or a dataset, is not data of the model's shape, type and range.

        Of a dataset, the first batch is looked at; `shared` says whether the devices must get equal parts of it.

        Returns:
            How many examples it looked at, or None of other data.
        """
        if isinstance(x, tf.data.Dataset):
            for element in x.take(1):
                x, y, weight = keras.utils.unpack_x_y_sample_weight(element)
                if weight is not None:
                    self._refuse_weights()
                if shared and self._even_batch(x, len(x)) != len(x):
                    self._refuse_odd_batch(len(x))
        if hasattr(x, "shape"):
            self.check_array(x)
            self.check_target(y)
            return len(x)
        return None

    def check_target(self, y):
        """Raises a sentence if y, labels or targets or None, is not what the model is trained with."""
        if self.labelling == "required" or (self.labelling == "partial" and y is not None):
            check_labels(y, self.num_classes, type(self).__name__, self.labelling == "partial")

    def check_array(self, x):
        """Raises a sentence if x is not an array of data of the model's shape, type and range."""
        self.check_shape(x)
        if not np.issubdtype(np.asarray(x[:1]).dtype, np.floating):
            raise ValueError(f"{self._takes()}, float32. Received: {np.asarray(x[:1]).dtype}")
        self.check_range(x)

    def check_shape(self, x):
        """Raises a sentence if x, anything with a `shape`, does not hold a batch of the model's data."""
        shape = getattr(x, "shape", None)
        if shape is None or len(shape) != len(self.data_shape) + 1 or tuple(shape[1:]) != self.data_shape:
            hint = " (a single gray image or batch needs its channel axis)" if len(self.data_shape) == 3 else ""
            raise ValueError(f"{self._takes()}{hint}. Received: shape={None if shape is None else tuple(shape)}")

    def check_range(self, x):
        """Raises a sentence if the numbers of x are known by now, must lie in [0, 1] and do not."""
        if not self.bounded or (tf.is_tensor(x) and not tf.executing_eagerly()) or len(x) == 0:
            return
        low, high = float(np.min(x)), float(np.max(x))
        if not (low >= 0.0 and high <= 1.0):  # not a number is neither
            hint = "" if len(self.data_shape) == 3 else ' (or the likelihood "gaussian")'
            raise ValueError(f"{self._takes()} with values in [0, 1]{hint}. Received: values in [{low}, {high}]")

    def _prepared(self, x, y=None):
        """Data and labels as they go to Keras: int64 where the model learns from them, else none."""
        if self.has_targets or self.pairing is not None:
            return x, y
        if self.labelling is None:
            is_labelled = isinstance(x, tf.data.Dataset) and isinstance(x.element_spec, tuple)
            return x.map(lambda *batch: batch[0]) if is_labelled else x, None
        if isinstance(x, tf.data.Dataset):
            return x.map(self._with_known_labels), None
        return x, None if y is None else np.asarray(y, "int64")

    def _with_known_labels(self, *batch):
        """A batch, after a look at its labels: of a dataset, `check_data` sees the first batch only."""
        x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        if y is None:
            return x
        y = tf.cast(y, tf.int64)
        sentence = labels_sentence(self.num_classes, type(self).__name__, self.labelling == "partial")
        lowest = -1 if self.labelling == "partial" else 0
        within = tf.reduce_all((y >= lowest) & (y < self.num_classes))
        with tf.control_dependencies([tf.debugging.Assert(within, [sentence, "Received:", y])]):
            return tf.identity(x), tf.identity(y)

    def _refuse_weights(self):
        raise ValueError(
            f"{type(self).__name__} weighs every example alike: its objective is a sum of terms of which some have no "
            "weight. Repeat examples instead. Received: weights of examples or classes"
        )

    def _refuse_odd_batch(self, size):
        raise ValueError(
            f"The batch is shared by {self._replicas} devices; its size must be a multiple of {self._replicas}. "
            f"Received: a first batch of {size}"
        )

    def _takes(self):
        shape = ", ".join(str(size) for size in (None, *self.data_shape))
        return f"{type(self).__name__} was built for data of shape ({shape})"

    # === Abilities ===

    def _cannot(self, what, reason=""):
        offered = ", ".join(sorted(self.offers)) or "nothing else"
        raise NotImplementedError(f"{type(self).__name__} does not {what}{reason}. It offers: {offered}.")

    def encode(self, x):
        """Deterministic codes. (B, H, W, C) -> (B, latent_dim)."""
        self._cannot("encode", ": it has no encoder")

    def decode(self, z):
        """Images of codes. (B, latent_dim) -> (B, H, W, C) in [0, 1]."""
        self._cannot("decode", ": it has no decoder")

    @batched(images=True)
    def reconstruct(self, x):
        """`decode(encode(x))`. (B, H, W, C) -> (B, H, W, C) in [0, 1]."""
        if "reconstruct" not in self.offers:
            self._cannot("reconstruct", ": that takes an encoder and a decoder")
        self.check_shape(x)
        return self.decode(self.encode(x))

    def sample(self, n, labels=None, seed=None):
        """Draws n images from the model; the same seed gives the same images. -> (n, H, W, C) in [0, 1]."""
        self._cannot("sample", ": it has no distribution over codes to draw from")

    def score(self, x):
        """Higher = more like the training data; deterministic, the unit is the model's. (B, H, W, C) -> (B,)."""
        self._cannot("score")

    def denoise(self, x):
        """The clean images of corrupted ones. (B, H, W, C) -> (B, H, W, C) in [0, 1]."""
        self._cannot("denoise", ": it was not trained on corrupted images")

    def separate(self, x):
        """The sources of mixtures, in any order. (B, H, W, C) -> (B, S, H, W, C) in [0, 1]."""
        self._cannot("separate", ": it was not trained on mixtures")

    def reconstruction_pairs(self, x, y=None):
        """What a report compares: (images that the model makes of a batch, what they should be), None for nothing."""
        return (self.reconstruct(x, **self.needs(y)), x) if "reconstruct" in self.offers else None

    def pictures(self, originals, seed=0, **given):
        """What shows how far a training is: name -> groups of images, (N, H, W, C) each, to lie above each other."""
        if "reconstruct" not in self.offers:
            return {}
        return {"reconstructions": [originals, self.reconstruct(originals, **given)]}

    def needs(self, labels):
        """Labels as keyword arguments of `encode`, `reconstruct`, `score`, ..., if those need them."""
        return {"labels": labels} if self.labelling == "required" else {}

    def translate(self, x):
        """Images of the other domain. (B, H, W, C) -> (B, H, W, C) in [0, 1]."""
        self._cannot("translate", ": it knows one kind of image only")

    def log_weights(self, x, num_samples, seed=0):
        """`log p(x, z_k) - log q(z_k | x)` for draws z_k ~ q(z | x). (B, H, W, C) -> (num_samples, B), nats."""
        self._cannot("give importance weights", ": it has no approximate posterior")

    def unit_kl(self, x):
        """KL divergence of each code unit's posterior from N(0, 1). (B, H, W, C) -> (B, latent_dim), nats."""
        self._cannot("tell the KL divergence of its units", ": it has no approximate posterior")
