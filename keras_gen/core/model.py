"""`GenerativeModel`: the contract that every model of the package keeps."""

import copy
import inspect
import math

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gen.core import distribution, documentation, execution, labels
from keras_gen.core.batching import batched
from keras_gen.core.checks import check_data_shape, check_labels, labels_sentence

ABILITIES = (
    "encode", "decode", "reconstruct", "sample", "score", "denoise", "separate", "translate", "log_weights", "unit_kl",
)  # fmt: skip


class GenerativeModel(keras.Model):
    """Base of every model: config, named losses, execution, and the sentences for what a model cannot do.

    Images are float32 in [0, 1], (B, H, W, C), everywhere outside a network; vectors are (B, D).

    A subclass builds its networks in `__init__` and ends with `self.built = True`; it keeps every constructor
    argument as an attribute of the same name, which is all that `get_config` needs. Arguments that it does not name
    go on to the class above by `**kwargs`. One with a single objective defines `call(x, training)`, adds its own
    terms there with `add_term`, and gives `reconstruction_term`; it trains by Keras' own `train_step`.

    Args:
        data_shape: (H, W, C) of the images or (D,) of the vectors.
        seed: int; all noise of training is a function of (seed, step, replica).
        **kwargs: `name` and the other arguments of `keras.Model`.
    """

    terms = ("reconstruction_loss",)  # the figures that the model reports besides `loss`
    likelihood = None  # "bernoulli" or "gaussian" where the model has one
    labelling = None  # "required" or "partial", with -1 for unknown, where it learns from labels of `num_classes`
    pairing = None  # "pairs" or "unpaired" where it is trained on (inputs, targets); the function of `data` for it
    has_normal_prior = False  # whether codes drawn from N(0, I) make images
    clips_sums = False  # whether gradients are summed over the devices before they are clipped
    learning_rate = 1e-3  # of Adam, where none is asked for
    expansion = 1  # how many times the data an ability holds in memory, for batches of a size that fits
    examples = None  # function of no argument to a sample of the training images; set by a run
    offers = frozenset()  # what the class can do, of ABILITIES; derived below from what it defines

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        defined = {name for name in ABILITIES if getattr(cls, name) is not getattr(GenerativeModel, name)}
        cls.offers = frozenset(defined | ({"reconstruct"} if {"encode", "decode"} <= defined else set()))
        cls.__signature__ = inspect.Signature(cls.arguments().values())  # for help() and notebooks
        cls.__doc__ = documentation.complete(cls, cls.arguments())

    def __init__(self, data_shape, seed=0, **kwargs):
        # Networks cast for themselves; cast here, float16 targets would meet float32 losses.
        super().__init__(**{"autocast": False, **kwargs})
        self.data_shape = check_data_shape(data_shape)
        self.seed = seed
        self._pairs = None  # specification of pairs of which several machines make one tensor
        self._validation = None  # identity of what `fit` validates on
        # Keras' own mean of the loss weighs unequal replicas wrongly; the last metric of a name is the one reported.
        self.trackers = {name: keras.metrics.Mean(name=name) for name in ("loss", *self.terms)}
        self.step = self.add_weight(
            name="step", shape=(), dtype="int64", initializer="zeros", trainable=False, aggregation="only_first_replica"
        )

    # === Config ===

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

    def compile(self, optimizer=None, *, jit_compile="auto", steps_per_execution="auto", run_eagerly=False, **kwargs):
        """Keras' `compile` with an optimizer only: the model brings its objective.

        Args:
            optimizer: name or `keras.optimizers.Optimizer`; None for that of `default_optimizers`. It is built here, so
                that training may start under any strategy.
            jit_compile: bool, or "auto" for the measured rule of `core.execution`.
            steps_per_execution: int, or "auto" for the measured rule of `core.execution`.
            run_eagerly: bool, for debugging.
            **kwargs: `auto_scale_loss` of Keras.

        Raises:
            ValueError: if a loss or metrics are given.
        """
        for name in ("loss", "loss_weights", "metrics", "weighted_metrics"):
            if kwargs.get(name) is not None:
                raise ValueError(
                    f"{type(self).__name__} brings its own objective and figures; compile it with an optimizer "
                    f"only. Received: {name}={kwargs[name]}"
                )
        if optimizer is None:
            optimizer = self.default_optimizers()["optimizer"]
        if self._replicas > 1 and not self.clips_sums:
            distribution.warn_of_clipping(optimizer)
        resolved_jit, resolved_steps = execution.resolve(self, jit_compile, steps_per_execution)
        if run_eagerly:
            resolved_jit, resolved_steps = False, 1
        super().compile(
            optimizer=optimizer,
            jit_compile=resolved_jit,
            steps_per_execution=resolved_steps,
            run_eagerly=run_eagerly,
            **kwargs,
        )
        if not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)
        self._most_steps = resolved_steps
        self.request = {"jit_compile": jit_compile, "steps_per_execution": steps_per_execution, **kwargs}

    def default_optimizers(self, learning_rate=None, decay_steps=None):
        """Arguments for `compile`: Adam, as the model is best trained.

        Args:
            learning_rate: float; None for the model's own.
            decay_steps: batches over which it goes down to 0 by a cosine; None for a constant rate.
        """
        return {"optimizer": keras.optimizers.Adam(self.rate(learning_rate or self.learning_rate, decay_steps))}

    @staticmethod
    def rate(learning_rate, decay_steps=None):
        """A constant rate, or one that goes down to 0 by a cosine."""
        return keras.optimizers.schedules.CosineDecay(learning_rate, decay_steps) if decay_steps else learning_rate

    def get_compile_config(self):
        if not self.compiled:
            return {}
        return {"optimizer": keras.saving.serialize_keras_object(self.optimizer), **self.request}

    def compile_from_config(self, config):
        self.compile(**{**config, "optimizer": keras.saving.deserialize_keras_object(config["optimizer"])})

    def fit(self, x=None, y=None, batch_size=None, epochs=1, **kwargs):
        """Keras' `fit`. Labels are taken and ignored by a model that has no use for them.

        Raises:
            ValueError: if the data do not have the model's shape or range, or examples are weighted.
        """
        if kwargs.get("sample_weight") is not None or kwargs.get("class_weight") is not None:
            self._refuse_weights()
        self.check_data(x, y)
        x, y = self.hold_out(x, y, kwargs)
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
        x, y = self._fed(*self._prepared(x, y), size, order)
        self._validation = id(kwargs.get("validation_data"))
        try:
            return super().fit(x, y, batch_size=batch_size, epochs=epochs, **kwargs)
        finally:
            self._validation = None

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
        if not self.compiled or self.run_eagerly or self.request["steps_per_execution"] != "auto":
            return
        steps = execution.steps_per_call(self._most_steps, steps_per_epoch)
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

    def train_step(self, data):
        """Keras' own step, counted. The count is saved with the weights and drives noise and schedules."""
        data = self.separated(data)
        with distribution.step_over(keras.utils.unpack_x_y_sample_weight(data)[0]):
            logs = super().train_step(self.pack(data))
        self.step.assign_add(1)
        return distribution.reported(logs)

    def test_step(self, data):
        """Keras' own step."""
        data = self.separated(data)
        with distribution.step_over(keras.utils.unpack_x_y_sample_weight(data)[0]):
            return distribution.reported(super().test_step(self.pack(data)))

    def predict_step(self, data):
        """Keras' own step."""
        return super().predict_step(self.pack(data))

    def pack(self, data):
        """A batch as Keras takes it apart: where the model learns from labels, x is a pair of data and labels."""
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        if tf.is_tensor(x) and x.dtype == tf.float64:  # of a user's own dataset; Keras casts arrays only
            x = tf.cast(x, tf.float32)
            data = keras.utils.pack_x_y_sample_weight(x, y, weight)
        return data if self.labelling is None or y is None else ((x, y), y)

    def unpack(self, x):
        """What `call` was given: data alone, or data and their labels. -> x, labels or None."""
        return x if isinstance(x, tuple | list) else (x, None)

    def key(self, purpose, training):
        """The key of this step's noise on this replica; of an evaluation, the same for each batch."""
        return self.noise_key(purpose) if training else distribution.noise_key(self.seed, 0, f"evaluation {purpose}")

    def noise_key(self, purpose):
        """The key of this step's noise on this replica; see `distribution.noise_key`."""
        return distribution.noise_key(self.seed, self.step, purpose)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The reconstruction term, plus what `call` and the layers added with `add_loss`.

        Keras' own `compute_loss` would take the losses of all replicas; see `distribution.step_over`.
        """
        replicas = distribution.num_replicas()
        loss = self.reconstruction_loss(self.target(x, y), y_pred)
        for added in self.losses:
            if distribution.is_own(added):
                loss = loss + ops.sum(added) / replicas
        self.trackers["loss"].update_state(loss * replicas, distribution.global_batch_size(x) / replicas)
        return loss

    def target(self, x, y):
        """What the output for x is compared with: x itself. A model of pairs returns y, and thereby is given it."""
        return self.unpack(x)[0]

    def reconstruction_loss(self, target, y_pred):
        """Reports the reconstruction term per example and returns this replica's share of its mean."""
        per_example = self.reconstruction_term(target, y_pred)
        self.trackers["reconstruction_loss"].update_state(per_example)
        return distribution.share_of_mean(per_example)

    def reconstruction_term(self, target, y_pred):
        """How badly y_pred accounts for the target. (B, ...), (B, ...) -> (B,)."""
        raise NotImplementedError

    def add_term(self, name, per_example, weight=1.0):
        """Inside `call`: reports a named term, (B,), and adds `weight` times its mean to the loss."""
        self.trackers[name].update_state(per_example)
        # What is added is divided by the number of replicas, as in Keras, and a share is already divided.
        self.add_loss(weight * distribution.share_of_mean(per_example) * distribution.num_replicas())

    def add_batch_term(self, name, value, weight, x):
        """Inside `call`: the same for a term that couples the batch x of all replicas, a scalar equal on each."""
        share = distribution.global_batch_size(x) / distribution.num_replicas()
        self.trackers[name].update_state(value, share)
        self.add_loss(weight * value)

    def add_loss(self, loss):
        """Keras' `add_loss`, of a scalar that is the mean over this replica's examples."""
        super().add_loss(distribution.claim(loss))

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
        has_targets = type(self).target is not GenerativeModel.target
        if has_targets or self.pairing is not None:
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

    def compared(self, x, y=None):
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
