"""The contract of every model, as checks that anybody can run on a model of their own.

    for name, check in keras_gen.testing.checks(case):
        check(case)

A check raises AssertionError with a sentence. The checks on two devices need two logical devices, which must be set
up before TensorFlow starts: `keras_gen.core.distribution.strategy(2)` does it, as the first thing in a process.
"""

import concurrent.futures
import dataclasses
import functools
import importlib
import json
import math
import multiprocessing
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_gen.core import AdversarialModel, distribution, execution
from keras_gen.core.model import ABILITIES, GenerativeModel
from keras_gen.testing import replicas

IMAGE_ABILITIES = ("decode", "reconstruct", "sample", "translate")


@dataclasses.dataclass(eq=False)
class Case:
    """A model to check.

    Args:
        name: of the case.
        cls: the model's class.
        arguments: of its constructor; a function of no argument returns them, so that networks are made anew.
        x: (N, H, W, C) or (N, D), at least 12 examples, few pixels.
        labels: (N,) ints or None; of a model that learns from labels, what it is given; of one that translates images,
            the targets.
        exceptions: name of a check to the reason why it does not hold for this model; or "empty_replica", for a model
            that a device without an example fails.
    """

    name: str
    cls: type
    arguments: Callable[[], dict]
    x: np.ndarray
    labels: np.ndarray | None = None
    exceptions: dict = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def labelling(self):
        """How the model learns from labels; see `GenerativeModel.labelling`."""
        return self.cls.labelling_of(self.arguments())

    @property
    def taught(self):
        """Whether `fit` takes more than x: labels, or targets."""
        return bool(self.labelling or self.cls.pairing)

    def model(self, optimizer=None, **compile_options):
        """A new model with the same weights each time, compiled for SGD; without XLA, whose compiling takes seconds.

        A step of SGD is traced in less than half the time that one of Adam takes.
        """
        keras.utils.set_random_seed(0)
        model = self.cls(**self.arguments())
        options = {"jit_compile": False, "steps_per_execution": 1, **compile_options}
        model.compile(optimizer=optimizer or keras.optimizers.SGD(1e-3), **options)
        return model

    def pair(self, count=None):
        """The first `count` examples, and the labels or targets that `fit` takes with them, if it does."""
        return self.x[:count], self.labels[:count] if self.taught else None

    def inputs(self, count=None):
        """What the model is called with: x, or x and labels where it needs them."""
        x, y = self.pair(count)
        return (x, y) if self.labelling == "required" else x

    def labels_of(self, chosen):
        """Keyword arguments of an ability for the chosen examples."""
        return {"labels": self.labels[chosen]} if self.labelling == "required" else {}


@dataclasses.dataclass
class Trained:
    """A model, what it was when it was new, and its weights after three epochs; it may have been trained on since."""

    model: GenerativeModel
    start: list  # of pairs: each variable, first the weights, then those of optimizers, and its value
    weights: list

    def restart(self):
        """Puts every variable that there was back to its value when the model was new."""
        for variable, value in self.start:
            variable.assign(value)


@functools.lru_cache(maxsize=1)
def _trained(case):
    """One model for those checks of a case that may train it on: tracing a step takes as long as a hundred steps."""
    model = case.model(optimizer=keras.optimizers.Adam(3e-3))
    variables = [*model.weights, *(variable for optimizer in _optimizers(model) for variable in optimizer.variables)]
    start = [(variable, np.array(variable)) for variable in variables]
    _fit(model, case.pair(), epochs=3)
    return Trained(model, start, model.get_weights())


def _optimizers(model):
    """The model's optimizer, or that of each player."""
    if isinstance(model, AdversarialModel):
        return [getattr(model, player.optimizer_name) for player in model.players]
    return [model.optimizer]


def checks(case):
    """(name, function of the case) of every check that the case does not except with a reason."""
    return [(name, check) for name, check in CHECKS.items() if name not in case.exceptions]


CHECKS = {}


def _check(function):
    CHECKS[function.__name__.removeprefix("check_")] = function
    return function


def _fit(model, data, **options):
    """History of `fit` on an array, a dataset, or a pair of array and labels."""
    x, y = data if isinstance(data, tuple) else (data, None)
    return model.fit(x, y, **{"batch_size": 4, "epochs": 1, "shuffle": False, "verbose": 0, **options}).history


def _evaluate(model, data, **options):
    return model.evaluate(*data, **{"verbose": 0, "return_dict": True, **options})


def _equal(a, b, what, tolerance=0.0):
    for i, (left, right) in enumerate(zip(a, b, strict=True)):
        difference = np.max(np.abs(np.asarray(left, "float64") - np.asarray(right, "float64")), initial=0.0)
        assert difference <= tolerance, f"{what}: array {i} differs by {difference}, more than {tolerance}"


def _finite(figures, what):
    for name, value in figures.items():
        assert np.all(np.isfinite(value)), f"{what}: {name}={value} is not finite"


@_check
def check_arguments(case):
    """Constructor arguments are attributes of the same name and come back from get_config, through JSON."""
    given = case.arguments()
    before = repr(given)
    model = case.cls(**given)
    assert repr(given) == before, f"the constructor changed its arguments: {before} became {given}"
    for name, value in given.items():
        if isinstance(value, GenerativeModel):
            assert type(getattr(model, name)) is type(value), f"{name}={value} became {getattr(model, name)}"
        elif not isinstance(value, str) or isinstance(getattr(model, name), str):  # a network may be given by name
            assert getattr(model, name) == value, f"{name}={value} became {getattr(model, name)}"
    config = json.loads(json.dumps(model.get_config()))
    assert set(case.cls.arguments()) <= set(config), f"get_config lacks {set(case.cls.arguments()) - set(config)}"
    again = case.cls.from_config(config)
    assert json.loads(json.dumps(again.get_config())) == config, "get_config differs after from_config"
    for name in case.cls.arguments():
        if not isinstance(getattr(model, name), keras.Layer):
            assert getattr(again, name) == getattr(model, name), f"{name} came back as {getattr(again, name)}"
    assert again.count_params() == model.count_params(), "the copy has another size"


@_check
def check_fit(case):
    """fit takes arrays, datasets and labels; each term and its val_ twin is in the history, finite."""
    terms = {"loss", *case.cls.reported}
    model = _trained(case).model
    history = _fit(model, case.pair(), validation_data=case.pair() if case.taught else case.x)
    expected = terms | {f"val_{name}" for name in terms}
    assert expected <= set(history), f"the history lacks {expected - set(history)}"
    _finite(history, "fit on an array")
    if not case.taught:
        dataset = tf.data.Dataset.from_tensor_slices(case.x).batch(4)
        _finite(_fit(model, dataset, batch_size=None), "fit on a dataset")
    if case.labels is not None:
        _finite(_fit(model, (case.x, case.labels)), "fit on an array and labels")
        pairs = tf.data.Dataset.from_tensor_slices((case.x, case.labels)).batch(4)
        _finite(_fit(model, pairs, batch_size=None), "fit on a dataset with labels")


@_check
def check_weights_move(case):
    """Training moves every trainable weight."""
    trained = _trained(case)
    trainable = {id(weight) for weight in trained.model.trainable_weights}
    for (weight, old), new in zip(trained.start, trained.weights, strict=False):
        assert id(weight) not in trainable or np.any(old != new), f"{weight.path} did not move"


@_check
def check_learning(case):
    """A few steps lower the loss; of players, each lowers its own while others rest, and moves its networks only."""
    if issubclass(case.cls, AdversarialModel):
        _check_players(case)
        return
    trained = _trained(case)
    trained.restart()
    before = _evaluate(trained.model, case.pair())["loss"]
    _fit(trained.model, case.pair(), epochs=30)
    after = _evaluate(trained.model, case.pair())["loss"]
    assert after < before, f"the loss went from {before} to {after}"


def _check_players(case):
    trained = _trained(case)
    model, optimizers = trained.model, _optimizers(trained.model)
    trained.restart()
    before = [weight.numpy() for weight in model.trainable_weights]
    for player, own in zip(model.players, optimizers, strict=True):
        trained.restart()
        for optimizer in optimizers:
            optimizer.learning_rate = 3e-3 if optimizer is own else 0.0
        losses = _fit(model, case.pair(), epochs=30)[f"{player.name}_loss"]
        assert losses[-1] < losses[0], f"{player.name}_loss went from {losses[0]} to {losses[-1]}"
        mine = {id(variable) for variable in player.variables}
        for weight, old in zip(model.trainable_weights, before, strict=True):
            moved = np.any(weight.numpy() != old)
            assert moved == (id(weight) in mine), f"{player.name}: {weight.path} {'moved' if moved else 'did not move'}"
    trained.restart()


@_check
def check_outputs(case):
    """Abilities take and give numpy arrays of the shapes, types and ranges of the contract."""
    model, n = case.model(), 5
    x, given = case.x[:n], case.labels_of(slice(n))
    images = {}
    if "encode" in model.offers:
        z = model.encode(x, **given)
        assert z.shape == (n, model.latent_dim), f"encode gave {z.shape}, expected {(n, model.latent_dim)}"
        assert isinstance(z, np.ndarray), f"encode gave {type(z)}"
        if "decode" in model.offers:
            images["decode"] = model.decode(z, **given)
    for ability in ("reconstruct", "translate"):
        if ability in model.offers:
            images[ability] = getattr(model, ability)(x, **given)
    if "sample" in model.offers:
        images["sample"] = model.sample(n, seed=1)
    for name, image in images.items():
        assert isinstance(image, np.ndarray), f"{name} gave {type(image)}"
        assert image.dtype == np.float32, f"{name} gave {image.dtype}"
        assert image.shape[0] == n, f"{name} gave {image.shape}"
        assert name == "translate" or image.shape == x.shape, f"{name} gave {image.shape}, expected {x.shape}"
        assert np.isfinite(image).all(), f"{name} gave values that are not finite"
        if model.bounded:
            assert image.min() >= 0, f"{name} gave {image.min()}"
            assert image.max() <= 1, f"{name} gave {image.max()}"
    if "score" in model.offers:
        score = model.score(x, **given)
        assert isinstance(score, np.ndarray), f"score gave {type(score)}"
        assert score.shape == (n,), f"score gave {score.shape}"
        assert np.isfinite(score).all(), f"score gave {score}"
    predicted = model.predict(case.inputs(n), verbose=0)
    tolerance = {"float32": 1e-5, "mixed_float16": 1e-3}.get(keras.mixed_precision.global_policy().name, 1e-2)
    _equal([np.asarray(model(case.inputs(n)))], [predicted], "call and predict", tolerance)


@_check
def check_sample_seeds(case):
    """The same seed gives the same images, another seed others, no seed others each time."""
    model = case.model()
    if "sample" not in model.offers:
        return
    _equal([model.sample(4, seed=1)], [model.sample(4, seed=1)], "two samples of one seed")
    assert np.any(model.sample(4, seed=1) != model.sample(4, seed=2)), "two seeds gave the same images"
    assert np.any(model.sample(4) != model.sample(4)), "two samples without a seed are the same"
    first = model.sample(4)
    _equal([first], [model.sample(4, seed=first.provenance["seed"])], "a sample and another of its recorded seed")


@_check
def check_inference_is_pure(case):
    """Inference changes no weight, and is independent of the batch."""
    model = _trained(case).model
    before = model.get_weights()
    model(case.inputs(3))
    model.predict(case.inputs(), verbose=0)
    _evaluate(model, case.pair())
    for ability in ("encode", "reconstruct", "score", "translate"):
        if ability in model.offers:
            function = getattr(model, ability)
            whole = function(case.x, **case.labels_of(slice(None)))
            parts = [slice(i, i + 1) for i in range(3)]
            single = np.concatenate([function(case.x[part], **case.labels_of(part)) for part in parts])
            _equal([whole[:3]], [single], f"{ability} of three images and of each alone", 1e-4)
    if "sample" in model.offers:
        model.sample(2, seed=1)
    _equal(before, model.get_weights(), "weights before and after inference")


@_check
def check_odd_batches(case):
    """Training takes a batch of one, and a last batch that is not full."""
    model = _trained(case).model
    _finite(_fit(model, case.pair(5), batch_size=4), "a last batch of one")
    _finite(_fit(model, case.pair(1)), "a single example")
    _finite(_evaluate(model, case.pair(5), batch_size=4), "evaluate")


@_check
def check_refusals(case):
    """What the model cannot do raises NotImplementedError with a sentence; weights for examples are refused."""
    model = case.model()
    arguments = {"encode": [case.x], "decode": [np.zeros((2, 2), "float32")], "reconstruct": [case.x], "sample": [2],
                 "score": [case.x], "denoise": [case.x], "separate": [case.x], "translate": [case.x],
                 "log_weights": [case.x, 2], "unit_kl": [case.x]}  # fmt: skip
    for ability in set(ABILITIES) - model.offers:
        message = _error(NotImplementedError, getattr(model, ability), *arguments[ability])
        assert message.startswith(f"{case.cls.__name__} does not"), message
    weights = np.ones(len(case.x))
    assert "weighs every example alike" in _error(ValueError, model.fit, *case.pair(), sample_weight=weights)
    weighted = tf.data.Dataset.from_tensor_slices((case.x, np.zeros(len(case.x), "int64"), weights)).batch(4)
    assert "weighs every example alike" in _error(ValueError, model.fit, weighted)
    assert "loss" in _error(ValueError, case.cls(**case.arguments()).compile, loss="mse")


@_check
def check_wrong_data(case):
    """A wrong shape, type or range is answered by a sentence with the class, the expected and the received."""
    model = case.model()
    wrong = case.x[..., :-1] if case.x.ndim == 2 else case.x[:, :-1]
    given = case.labels_of(slice(None))
    pair = (wrong, case.labels) if given else wrong
    calls = [lambda: _fit(model, (wrong, case.pair()[1])), lambda: model(pair)]
    calls += [functools.partial(getattr(model, name), wrong, **given) for name in ("encode", "score")
              if name in model.offers]  # fmt: skip
    for call in calls:
        message = _error(ValueError, call)
        for part in (case.cls.__name__, str(case.x.shape[1]), str(wrong.shape), "Received"):
            assert part in message, f"{part!r} is not in: {message}"
    if model.bounded:
        message = _error(ValueError, model.fit, case.x * 255.0, case.pair()[1])
        assert "[0, 1]" in message, message
        labels = (case.labels,) if case.taught else ()
        whole = tf.data.Dataset.from_tensor_slices(((case.x * 255).astype("uint8"), *labels)).batch(4)
        assert "uint8" in _error(ValueError, model.fit, whole)


def _error(kind, call, *args, **kwargs):
    """The message of the error that a call must raise."""
    try:
        call(*args, **kwargs)
    except kind as error:
        return str(error)
    raise AssertionError(f"{call} raised no {kind.__name__}")


@_check
def check_saving(case):
    """Loaded in another process, the model is compiled, gives the same figures, and trains on exactly as here."""
    model = _trained(case).model
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.keras")
        model.save(path)
        figures = _evaluate(model, case.pair(), batch_size=4)
        _fit(model, case.pair(), epochs=2)
        there = _other_process().submit(_load_and_train, case.cls.__module__, path, case.pair()).result()
    _equal([list(figures.values())], [list(there["figures"].values())], "figures here and there", 1e-5)
    _equal(model.get_weights(), there["weights"], "weights after training on, here and in another process")
    _equal([model.step.numpy()], [there["step"]], "training steps")


@_check
def check_saving_weights(case):
    """save_weights and load_weights carry a model over."""
    model = case.model()
    model.set_weights([weight + 1 for weight in model.get_weights()])
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.weights.h5")
        model.save_weights(path)
        other = case.cls(**case.arguments())
        other.load_weights(path)
    _equal(model.get_weights(), other.get_weights(), "weights saved and loaded")


_processes = []


def _other_process():
    """A process that never saw the model, started once."""
    if not _processes:
        context = multiprocessing.get_context("spawn")
        _processes.append(concurrent.futures.ProcessPoolExecutor(1, mp_context=context))
    return _processes[0]


def close():
    """Ends the other process, where one was started."""
    while _processes:
        _processes.pop().shutdown()


def _load_and_train(module, path, pair):
    importlib.import_module(module)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # Keras only warns when it skips an optimizer
        model = keras.saving.load_model(path)
    assert model.compiled, "the loaded model is not compiled"
    figures = _evaluate(model, pair, batch_size=4)
    _fit(model, pair, epochs=2)
    return {"figures": figures, "weights": model.get_weights(), "step": int(model.step)}


@_check
def check_two_devices(case):
    """Four steps of SGD on two devices give the weights of four on one, with noise switched off; saved, and loaded.

    The two devices hold the same weights, and a file of theirs is that of one device.
    """
    pair = case.pair(11)  # a batch of 8, and one of 3 that leaves a replica with fewer examples than the other, or none
    weights, figures = [], []
    with replicas.without_noise():
        for strategy in (tf.distribute.get_strategy(), two_devices()):
            alone = strategy.num_replicas_in_sync == 1
            with strategy.scope():
                model = case.model(run_eagerly=alone)
            held_out = case.pair(10 if "empty_replica" in case.exceptions else 9)  # and one that is empty
            history = _fit(model, pair, batch_size=8, epochs=2, validation_data=held_out)
            weights.append(model.get_weights())
            figures.append([history[name][0] for name in sorted(history)])
    _equal(weights[0], weights[1], "weights of one and of two devices", 1e-6)
    _equal([figures[0]], [figures[1]], "figures of one and of two devices", 1e-3)
    for weight in model.weights:
        here, there = two_devices().experimental_local_results(weight.value)
        _equal([here], [there], f"{weight.path} on two devices")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.keras")
        model.save(path)
        for strategy in (tf.distribute.get_strategy(), two_devices()):
            with strategy.scope():
                loaded = keras.saving.load_model(path)
            _equal(weights[1], loaded.get_weights(), "weights of two devices, saved and loaded")
            _equal([model.optimizer.iterations], [loaded.optimizer.iterations], "steps of the optimizer")


SPLITS = ((6, 5), (10, 1), (11, 0))  # of a batch: the second replica gets less, or nothing


@_check
def check_replicas(case):
    """Two steps of SGD on two replicas give the weights and the metrics of two steps on one, however they share them.

    By threads in the place of devices; see `keras_gen.testing.replicas`.
    """
    with replicas.without_noise():
        one = case.model(run_eagerly=True)
        batch = _step_batch(one, case, sum(SPLITS[0]))
        expected = [_two_steps(one, batch), one.get_weights()]
        for sizes in SPLITS:
            if 0 in sizes and execution.is_convolutional(one):
                continue  # TensorFlow's convolution of an empty batch, eagerly; in a graph it is checked on two devices
            models = [case.model(run_eagerly=True) for _ in sizes]
            parts = zip(*(tf.split(part, sizes) for part in batch), strict=True)
            runs = [functools.partial(_two_steps, model, part) for model, part in zip(models, parts, strict=True)]
            replicas.run(*runs)
            replicas.add_up(*(model.metrics_variables for model in models))
            metrics = [models[0].get_metrics_result()]
            for model in models:
                _equal(expected[1], model.get_weights(), f"weights of one replica and of two of {sizes} examples", 2e-6)
            names = sorted(expected[0])
            _equal(
                [[float(expected[0][name]) for name in names]],
                [[float(metrics[0][name]) for name in names]],
                f"metrics {names} of one replica and of two of {sizes} examples",
                1e-3,
            )


def _step_batch(model, case, count):
    """A batch as Keras gives it to a step, as a tuple of tensors."""
    x, y = case.pair(count)
    if "separate" in model.offers:
        x, y = model.mix(x)
    return (tf.constant(x),) if y is None else (tf.constant(x), tf.constant(y))


def _two_steps(model, batch):
    """The metrics of two training steps and a look at the batch."""
    for _ in range(2):
        model.train_step(batch)
    model.test_step(batch)
    return model.get_metrics_result()


@_check
def check_replica_noise(case):
    """Where training draws noise, two replicas given the same images draw different noise."""
    models = [case.model() for _ in range(2)]
    inputs = tf.nest.map_structure(tf.constant, case.inputs(2))
    x, y = (None if part is None else tf.constant(part) for part in case.pair(2))

    def outputs(model):
        fakes = model.fakes(x, y, 0, training=True)
        return model(inputs, training=True) if fakes is None else tf.nest.flatten(fakes)[0]

    here, there = replicas.run(*(functools.partial(outputs, model) for model in models))
    first = outputs(models[0])
    models[0].step.assign_add(1)
    noisy = not np.array_equal(first, outputs(models[0]))
    assert not noisy or np.any(here.numpy() != there.numpy()), "both replicas drew the same noise"
    assert noisy or np.all(here.numpy() == there.numpy()), "a model without noise differs between replicas"


def two_devices():
    """The strategy of two logical devices."""
    if len(tf.config.list_logical_devices("CPU")) < 2:
        raise RuntimeError("Set up two logical devices first: keras_gen.core.distribution.strategy(2)")
    return distribution.mirrored(("CPU:0", "CPU:1"))


@_check
def check_xla(case):
    """The step compiles under XLA, and several steps run in one call."""
    model = case.model(jit_compile=True, steps_per_execution=2)
    assert model.jit_compile, "XLA was switched off"
    _finite(_fit(model, case.pair()), "training with XLA")


@_check
def check_mixed_precision(case):
    """Training in mixed_float16 and mixed_bfloat16 stays finite, and images come out in float32."""
    before = keras.mixed_precision.global_policy()
    try:
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
        check_outputs(dataclasses.replace(case, name=f"{case.name} in mixed_bfloat16"))
        _finite(_fit(case.model(run_eagerly=True), case.pair(8)), "training in mixed_bfloat16")
        keras.mixed_precision.set_global_policy("mixed_float16")
        model = case.model(run_eagerly=True)
        scaled = [isinstance(optimizer, keras.optimizers.LossScaleOptimizer) for optimizer in _optimizers(model)]
        assert all(scaled), "the loss is not scaled"
        _finite(_fit(model, case.pair(8), epochs=2), "training in mixed_float16")
        check_outputs(dataclasses.replace(case, name=f"{case.name} in mixed_float16"))
    finally:
        keras.mixed_precision.set_global_policy(before)


@_check
def check_repeatable(case):
    """The same seed gives the same model, and the same training."""
    trained = _trained(case)
    for _ in range(2):
        trained.restart()
        _fit(trained.model, case.pair(), epochs=3)
        _equal(trained.weights, trained.model.get_weights(), "weights of two equal trainings")
    _equal(case.model().get_weights(), case.model().get_weights(), "weights of two new models")


def parameter_count(model):
    """Trainable parameters of a model, for keeping the cases small."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)
