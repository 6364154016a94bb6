"""The checks, by name."""

import functools
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_gen import export
from keras_gen.core import AdversarialModel, GenerativeModel
from keras_gen.core.abilities import ABILITIES
from keras_gen.testing import processes
from keras_gen.testing.case import Case, assert_equal, assert_finite, evaluate, fit, optimizers_of, trained

IMAGE_ABILITIES = ("decode", "reconstruct", "sample", "translate")

CHECKS: dict[str, Callable[[Case], None]] = {}


def check(function: Callable[[Case], None]) -> Callable[[Case], None]:
    """Decorator: a function of a case is a check of the contract."""
    CHECKS[function.__name__.removeprefix("check_")] = function
    return function


def checks(case: Case) -> list[tuple[str, Callable]]:
    """(name, function of the case) of every check that the case does not except with a reason."""
    return [(name, check) for name, check in CHECKS.items() if name not in case.exceptions]


@check
def check_arguments(case: Case) -> None:
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


@check
def check_fit(case: Case) -> None:
    """fit takes arrays, datasets and labels; each term and its val_ twin is in the history, finite."""
    terms = {"loss", *case.cls.reported}
    model = trained(case).model
    history = fit(model, case.pair(), validation_data=case.pair() if case.taught else case.x)
    expected = terms | {f"val_{name}" for name in terms}
    assert expected <= set(history), f"the history lacks {expected - set(history)}"
    assert_finite(history, "fit on an array")
    if not case.taught:
        dataset = tf.data.Dataset.from_tensor_slices(case.x).batch(4)
        assert_finite(fit(model, dataset, batch_size=None), "fit on a dataset")
    if case.labels is not None:
        assert_finite(fit(model, (case.x, case.labels)), "fit on an array and labels")
        pairs = tf.data.Dataset.from_tensor_slices((case.x, case.labels)).batch(4)
        assert_finite(fit(model, pairs, batch_size=None), "fit on a dataset with labels")


@check
def check_weights_move(case: Case) -> None:
    """Training moves every trainable weight."""
    one = trained(case)
    trainable = {id(weight) for weight in one.model.trainable_weights}
    for (weight, old), new in zip(one.start, one.weights, strict=False):
        assert id(weight) not in trainable or np.any(old != new), f"{weight.path} did not move"


@check
def check_learning(case: Case) -> None:
    """A few steps lower the loss; of players, each lowers its own while others rest, and moves its networks only."""
    if issubclass(case.cls, AdversarialModel):
        _check_players(case)
        return
    one = trained(case)
    one.restart()
    before = evaluate(one.model, case.pair())["loss"]
    fit(one.model, case.repeated(5), epochs=6)
    after = evaluate(one.model, case.pair())["loss"]
    assert after < before, f"the loss went from {before} to {after}"


def _check_players(case):
    one = trained(case)
    model, optimizers = one.model, optimizers_of(one.model)
    one.restart()
    before = [weight.numpy() for weight in model.trainable_weights]
    for player, own in zip(model.players, optimizers, strict=True):
        one.restart()
        for optimizer in optimizers:
            optimizer.learning_rate = 3e-3 if optimizer is own else 0.0
        losses = fit(model, case.repeated(5), epochs=6)[f"{player.name}_loss"]
        assert losses[-1] < losses[0], f"{player.name}_loss went from {losses[0]} to {losses[-1]}"
        mine = {id(variable) for variable in player.variables}
        for weight, old in zip(model.trainable_weights, before, strict=True):
            moved = np.any(weight.numpy() != old)
            assert moved == (id(weight) in mine), f"{player.name}: {weight.path} {'moved' if moved else 'did not move'}"
    one.restart()


@check
def check_outputs(case: Case) -> None:
    """Abilities take and give numpy arrays of the shapes, types and ranges of the contract."""
    model, n = case.model(), 5
    x, given = case.x[:n], case.labels_of(slice(n))
    images = {}
    if "encode" in model.offers:
        z = model.encode(x, **given)
        assert z.shape == (n, *model.code_shape), f"encode gave {z.shape}, expected {(n, *model.code_shape)}"
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
        image = np.asarray(image)[~np.isnan(x)] if name == "reconstruct" else image  # NaN: a series has ended
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
    assert_equal([np.asarray(model(case.inputs(n)))], [predicted], "call and predict", tolerance)


@check
def check_sample_seeds(case: Case) -> None:
    """The same seed gives the same images, another seed others, no seed others each time."""
    model = case.model()
    if "sample" not in model.offers:
        return
    assert_equal([model.sample(4, seed=1)], [model.sample(4, seed=1)], "two samples of one seed")
    assert np.any(model.sample(4, seed=1) != model.sample(4, seed=2)), "two seeds gave the same images"
    assert np.any(model.sample(4) != model.sample(4)), "two samples without a seed are the same"
    first = model.sample(4)
    assert_equal([first], [model.sample(4, seed=first.provenance["seed"])], "a sample and another of its recorded seed")


@check
def check_inference_is_pure(case: Case) -> None:
    """Inference changes no weight, and is independent of the batch."""
    model = trained(case).model
    before = model.get_weights()
    model(case.inputs(3))
    model.predict(case.inputs(), verbose=0)
    evaluate(model, case.pair())
    for ability in ("encode", "reconstruct", "score", "translate"):
        if ability in model.offers:
            function = getattr(model, ability)
            whole = function(case.x, **case.labels_of(slice(None)))
            parts = [slice(i, i + 1) for i in range(3)]
            single = np.concatenate([function(case.x[part], **case.labels_of(part)) for part in parts])
            assert_equal([whole[:3]], [single], f"{ability} of three images and of each alone", 1e-4)
    if "sample" in model.offers:
        model.sample(2, seed=1)
    assert_equal(before, model.get_weights(), "weights before and after inference")


@check
def check_odd_batches(case: Case) -> None:
    """Training takes a batch of one, and a last batch that is not full."""
    model = trained(case).model
    assert_finite(fit(model, case.pair(5), batch_size=4), "a last batch of one")
    assert_finite(fit(model, case.pair(1)), "a single example")
    assert_finite(evaluate(model, case.pair(5), batch_size=4), "evaluate")


@check
def check_refusals(case: Case) -> None:
    """What the model cannot do raises NotImplementedError with a sentence; weights for examples are refused."""
    model = case.model()
    arguments: dict[str, list] = {
        "encode": [case.x], "decode": [np.zeros((2, 2), "float32")], "reconstruct": [case.x], "sample": [2],
        "score": [case.x], "denoise": [case.x], "separate": [case.x], "translate": [case.x],
        "log_weights": [case.x, 2], "unit_kl": [case.x],
    }  # fmt: skip
    for ability in set(ABILITIES) - model.offers:
        message = _error(NotImplementedError, getattr(model, ability), *arguments[ability])
        assert message.startswith(f"{case.cls.__name__} does not"), message
    weights = np.ones(len(case.x))
    assert "weighs every example alike" in _error(ValueError, model.fit, *case.pair(), sample_weight=weights)
    weighted = tf.data.Dataset.from_tensor_slices((case.x, np.zeros(len(case.x), "int64"), weights)).batch(4)
    assert "weighs every example alike" in _error(ValueError, model.fit, weighted)
    assert "loss" in _error(ValueError, case.cls(**case.arguments()).compile, loss="mse")


@check
def check_wrong_data(case: Case) -> None:
    """A wrong shape, type or range is answered by a sentence with the class, the expected and the received."""
    model = case.model()
    wrong = case.x[..., :-1] if case.x.ndim == 2 else case.x[:, :-1]
    given = case.labels_of(slice(None))
    pair = (wrong, case.labels) if given else wrong
    calls = [lambda: fit(model, (wrong, case.pair()[1])), lambda: model(pair)]
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
        levels = tf.data.Dataset.from_tensor_slices((case.x * 255.0, *labels)).batch(4)
        assert "[0, 1]" in _error(ValueError, model.fit, levels)
    bad = np.array(case.x, copy=True)
    bad.flat[-1] = np.nan
    assert "finite" in _error(ValueError, model.fit, bad, case.pair()[1])


def _error(kind, call, *args, **kwargs):
    """The message of the error that a call must raise."""
    try:
        call(*args, **kwargs)
    except kind as error:
        return str(error)
    raise AssertionError(f"{call} raised no {kind.__name__}")


@check
def check_saving(case: Case) -> None:
    """Loaded in another process, the model is compiled, gives the same figures, and trains on exactly as here."""
    model = trained(case).model
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.keras")
        model.save(path)
        figures = evaluate(model, case.pair(), batch_size=4)
        fit(model, case.pair(), epochs=2)
        there = (
            processes.other_process().submit(processes.load_and_train, case.cls.__module__, path, case.pair()).result()
        )
    assert_equal([list(figures.values())], [list(there["figures"].values())], "figures here and there", 1e-5)
    assert_equal(model.get_weights(), there["weights"], "weights after training on, here and in another process")
    assert_equal([model.step.numpy()], [there["step"]], "training steps")


@check
def check_saving_weights(case: Case) -> None:
    """save_weights and load_weights carry a model over."""
    model = case.model()
    model.set_weights([weight + 1 for weight in model.get_weights()])
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.weights.h5")
        model.save_weights(path)
        other = case.cls(**case.arguments())
        other.load_weights(path)
    assert_equal(model.get_weights(), other.get_weights(), "weights saved and loaded")


@check
def check_repeatable(case: Case) -> None:
    """The same seed gives the same model, and the same training."""
    one = trained(case)
    for _ in range(2):
        one.restart()
        fit(one.model, case.pair(), epochs=3)
        assert_equal(one.weights, one.model.get_weights(), "weights of two equal trainings")
    assert_equal(case.model().get_weights(), case.model().get_weights(), "weights of two new models")


@check
def check_exports(case: Case) -> None:
    """Every part is written as a saved model, which gives what the model gives, for a batch of one and of others."""
    model = case.model()
    parts = model.export_parts()
    assert parts, f"{case.cls.__name__} has nothing to export"
    with tempfile.TemporaryDirectory() as folder:
        for part, graph in parts.items():
            path = model.export(Path(folder) / "part", part=part, images=case.x[:5], verbose=False)
            run, given = export.open_file(path), case.labels_of(slice(3))
            method = {"encoder": "encode", "reconstruct": "reconstruct", "score": "score", "translate": "translate"}
            if part in method and method[part] in model.offers:
                found = run({"data": case.x[:3], **{name: value.astype("int32") for name, value in given.items()}})
                expected = np.asarray(getattr(model, method[part])(case.x[:3], **given))
                tolerance = 1e-4 * max(1, np.abs(expected).max())
                assert_equal([found[next(iter(graph.outputs))]], [expected], f"{part} of the file", tolerance)
