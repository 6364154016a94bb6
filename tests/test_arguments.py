"""What a constructor takes: each argument has a rule, and what is no good is refused before anything is built."""

import inspect
import json
import math
from typing import Annotated, Any, Literal

import keras
import numpy as np
import pytest
import tensorflow as tf
from zoo import ZOO, fsq

import keras_gen as kg
from keras_gen import networks
from keras_gen.core import Adjustable, arguments, distribution
from keras_gen.core.arguments import CountOrZero

SHAPE = (8, 8, 1)
VQVAE = fsq()
CASES = {case.cls: case for case in reversed(ZOO)}  # the first of each class
NETWORKS = (str | keras.Model | None, keras.Model | None)  # their rule is in `networks`, which knows the shapes
RULED = [(cls, name) for cls in CASES for name in cls.rules]
NAN, INF = math.nan, math.inf
# No argument takes these, whatever its rule.
NONSENSE = ["no such name", "", b"8", NAN, -INF, -1, 1j, 10**400, [], {}, [[8, 8, 1]], np.ones(2), object(), int]


def required(cls):
    """The arguments that a class cannot do without."""
    given = {"data_shape": SHAPE, "num_classes": 2, "vqvae": VQVAE}
    return {name: given[name] for name, p in cls.arguments().items() if p.default is inspect.Parameter.empty}


@pytest.fixture
def nothing_is_built(monkeypatch):
    def add_weight(*args, **kwargs):
        raise AssertionError("a weight was made before the arguments were checked")

    monkeypatch.setattr(keras.layers.Layer, "add_weight", add_weight)


@pytest.mark.parametrize("cls", CASES, ids=lambda cls: cls.__name__)
def test_every_argument_has_a_rule(cls):
    for name, parameter in cls.arguments().items():
        assert name in cls.rules or parameter.annotation in NETWORKS, f"{cls.__name__} takes any {name}"


@pytest.mark.parametrize(("cls", "name"), RULED, ids=lambda value: getattr(value, "__name__", value))
def test_nonsense_is_refused_before_anything_is_built(nothing_is_built, cls, name):
    for value in [*NONSENSE, *([] if cls.rules[name].fits(None) else [None])]:
        with pytest.raises(ValueError, match=f"`{name}` must be .*Received: {name}=") as refusal:
            cls(**{**required(cls), name: value})
        assert "\n" not in str(refusal.value)
        assert len(str(refusal.value)) < 600


@pytest.mark.parametrize(("cls", "name"), RULED, ids=lambda value: getattr(value, "__name__", value))
def test_bools_and_numbers_are_two_things(nothing_is_built, cls, name):
    is_flag = isinstance(cls.arguments()[name].default, bool)
    for value in (0, 1, 2.5e9, np.int64(1)) if is_flag else (True, np.bool_(True), "3", ("3",), (True, True, True)):
        with pytest.raises(ValueError, match=f"`{name}` must be "):
            cls(**{**required(cls), name: value})


def as_numpy(value):
    """A value as numpy has it: what comes out of an array, or of a search."""
    if isinstance(value, tuple):
        return [as_numpy(part) for part in value]
    kinds = {bool: np.bool_, int: np.int32, float: np.float64, str: np.str_}
    return kinds[type(value)](value) if type(value) in kinds else value


@pytest.mark.parametrize("cls", CASES, ids=lambda cls: cls.__name__)
def test_numpy_scalars_are_kept_and_saved_as_plain_ones(cls):
    given = CASES[cls].arguments()
    defaults = {name: parameter.default for name, parameter in cls.arguments().items() if name in cls.rules}
    given = {**{name: value for name, value in defaults.items() if value is not inspect.Parameter.empty}, **given}
    model = cls(**{name: as_numpy(value) for name, value in given.items()})
    for name in cls.rules:
        assert getattr(model, name) == given[name], name
        assert type(getattr(model, name)) is type(given[name]), name
    config = model.get_config()
    assert {name: json.loads(json.dumps(config[name])) for name in cls.rules} == {
        name: list(value) if isinstance(value, tuple) else value for name, value in given.items() if name in cls.rules
    }


# === Rules ===


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (arguments.whole(), [-3, 0, np.uint8(3)], [1.0, np.float64(1), 2**31, "1", True]),
        (arguments.whole(2, 5), [2, 5], [1, 6]),
        (arguments.number(), [-3, 0.5, np.float16(2), np.array(2.0), tf.constant(2.0)], [NAN, INF, 1e39, "1", True]),
        (arguments.number(minimum=0, below=1), [0, 0.99], [1, -1e-9]),
        (arguments.number(above=0), [1e-9, 3], [0, -0.0]),
        (arguments.choice(["a", "b"]), ["a", np.str_("b")], ["", "ab", ["a"], None, np.array(["a", "b"])]),
        (arguments.FLAG, [True, np.bool_(False)], [0, 1, None, "True"]),
        (arguments.SHAPE, [(5,), (8, 8), [8, 8, np.int64(1)]], [5, True, (0, 8, 1), 8.0, "881", (10**6, 10**6, 3)]),
        (arguments.widths(2), [(5, 6), [5, 6, np.int64(7)]], [(5,), 5, "55", (5, True), (5, 0), (5, NAN), (5, 2**31)]),
        (arguments.either(arguments.whole(1), arguments.NONE), [1, None], [0, False]),
    ],
)  # fmt: skip
def test_rules(rule, good, bad):
    for value in good:
        assert rule.check("x", value) == value or rule.expected.startswith("(") or isinstance(value, list)
        json.dumps(rule.check("x", value))
    for value in bad:
        with pytest.raises(ValueError, match=r"`x` must be .*Received: x="):
            rule.check("x", value)


def test_a_long_value_is_cut_in_the_sentence():
    with pytest.raises(ValueError, match=r"Received: latent_dim=array\(.*\.\.\.$") as refusal:
        kg.VAE(SHAPE, np.arange(900.0).reshape(30, 30))
    assert "\n" not in str(refusal.value)


# === A user's own classes ===


class Own(kg.VAE):
    """A model of a user's own.

    Args:
        strength: weight of something.
        **kwargs: as of the VAE.
    """

    strength = Adjustable(minimum=0)

    def __init__(self, data_shape, latent_dim=3, strength=1.0, anything=None, mode: Literal["a", "b"] = "a", **kwargs):
        super().__init__(data_shape, latent_dim, **kwargs)
        self.strength, self.anything, self.mode = strength, anything, mode


def test_own_arguments_are_ruled_where_they_say_so_and_inherited_ones_by_name():
    assert "anything" not in Own.rules
    assert Own(SHAPE, anything=object).anything is object
    for name, value in {"latent_dim": 0, "strength": -1, "mode": "c", "beta": NAN, "seed": -1, "prior": "flat"}.items():
        with pytest.raises(ValueError, match=f"`{name}` must be .*Received: {name}={value!r}"):
            Own(SHAPE, **{name: value})


def test_what_a_class_hands_to_the_one_above_is_checked():
    class Squares(kg.VAE):
        def __init__(self, side, *args, **kwargs):
            super().__init__((side, side, 1), *args, **kwargs)

    assert Squares(8, 2).latent_dim == 2
    with pytest.raises(ValueError, match=r"`data_shape` must be .*Received: data_shape=\(0, 0, 1\)"):
        Squares(0)
    with pytest.raises(ValueError, match="`latent_dim` must be "):
        Squares(8, -2)


def test_a_class_may_take_more_than_the_one_above():
    class Wider(kg.VAE):
        def __init__(self, data_shape, latent_dim: int | Literal["auto"] = "auto", steps: CountOrZero = 0, **kwargs):
            super().__init__(data_shape, 4 if latent_dim == "auto" else latent_dim, **kwargs)
            self.steps = steps

    assert Wider(SHAPE, "auto").latent_dim == 4
    for given in ({"latent_dim": "none"}, {"steps": -1}):
        with pytest.raises(ValueError, match="must be "):
            Wider(SHAPE, **given)


def test_annotations_lose_their_rules_in_the_signature():
    annotation = kg.GAN.arguments()["num_classes"].annotation
    assert annotation == int | None
    assert arguments.plain(Annotated[int, "a note"] | str) == int | str
    assert arguments.rule_of(Any) is None


def test_missing_and_unknown_arguments_are_told_by_python_and_keras():
    with pytest.raises(TypeError, match="num_classes"):
        kg.ConditionalVAE(SHAPE)
    with pytest.raises(ValueError, match="no_such"):
        kg.VAE(SHAPE, no_such=1)


def test_weights_beyond_memory_are_a_sentence():
    class Huge(kg.VAE):
        def __init__(self, data_shape, **kwargs):
            super().__init__(data_shape, **kwargs)
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")  # after ten seconds

    with pytest.raises(ValueError, match=r"Huge do not fit into memory: make .*smaller. Received: \(8, 8, 1\), beta=2"):
        Huge(SHAPE, beta=2)


# === Networks ===


def two_inputs():
    a, b = keras.Input((7,)), keras.Input((7,))
    return keras.Model([a, b], keras.layers.add([a, b]))


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        (lambda: [keras.layers.Dense(3)], r"such as keras.Sequential\(\[keras.Input\({shape}\), ...\]\).*Dense"),
        (lambda: keras.Model, "keras.Model or layer that maps {shape} to .*Received: .*class"),
        (lambda: 3, "keras.Model or layer that maps {shape} to .*=3"),
        (lambda: "nonsense", "must be .*'.*keras.Model or layer that maps {shape} to .*'nonsense'"),
        (lambda: keras.layers.Reshape((3, 7)), r"map {shape} to .*\(3, 7\)|maps {shape} to .*cannot be called on that"),
        (two_inputs, r"maps {shape} to .*one input|switches"),
        (lambda: keras.Sequential([keras.Input((7,)), keras.layers.Dense(3)]), r"map {shape} to .*\(7,\) to \(3,\)"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda network: networks.make_encoder(network, SHAPE), r"\(8, 8, 1\)"),
        (lambda network: networks.make_decoder(network, 2, SHAPE), r"\(2,\)"),
        (lambda network: networks.make_generator(network, 5, SHAPE), r"\(5,\)"),
        (lambda network: networks.make_discriminator(network, SHAPE), r"\(8, 8, 1\)"),
        (lambda network: networks.make_translator(network, SHAPE, 3, "unet"), r"\(8, 8, 1\)"),
        (lambda network: networks.make_patch_critic(network, SHAPE, 2), r"\(8, 8, 2\)"),
    ],
)
def test_what_is_no_network_is_told_what_a_network_is(make, shape, network, sentence):
    with pytest.raises(ValueError, match=sentence.replace("{shape}", shape)):
        make(network())


@pytest.mark.parametrize(
    ("cls", "given", "sentence"),
    [
        (kg.AdversarialAutoencoder, {"category_discriminator": "dense"}, "needs num_classes"),
        (kg.AdversarialAutoencoder, {"num_classes": 2, "category_discriminator": "x"}, "`category_discriminator` must"),
        (kg.Pix2Pix, {"adversarial_weight": 0, "discriminator": "patch"}, "`discriminator` must be None"),
        (kg.VAE, {"encoder": [keras.layers.Dense(3)]}, r"`encoder` must be .*keras.Input\(\(8, 8, 1\)\).*Dense"),
        (kg.SemiSupervisedVAE, {"num_classes": 2, "classifier": 3}, r"`classifier` must be .*classifier=3"),
        (kg.CycleGAN, {"inverse_generator": keras.layers.Dense(3)}, r"`inverse_generator` must map .*dense"),
        (kg.VAE, {"encoder": "dense*1e9"}, r"less than 2\^31 units or filters. Received: encoder='dense\*1e9'"),
    ],
)  # fmt: skip
def test_networks_of_models_that_are_none_play_no_part_or_are_too_large(cls, given, sentence):
    with pytest.raises(ValueError, match=sentence):
        cls(SHAPE, **given)


@pytest.mark.parametrize(
    ("body", "arguments", "sentence"),
    [
        (networks.dense_encoder, (SHAPE, (0,)), r"`hidden` must be the sizes of layers.*hidden=\(0,\)"),
        (networks.dense_decoder, (3, SHAPE, "x"), "`hidden` must be the sizes of layers.*hidden='x'"),
        (networks.conv_decoder, (3, SHAPE, ()), r"`filters` must be the sizes of at least one layer.*filters=\(\)"),
        (networks.conv_encoder, ((8,),), r"Images must be \(height, width, channels\).*data_shape=\(8,\)"),
    ],
)
def test_bodies_of_no_sizes(body, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        body(*arguments)


# === A body whose features have the shape of the data ===


@pytest.mark.parametrize(
    ("data_shape", "given"),
    [
        ((3, 32, 32), {"decoder": "conv*4"}),
        ((8, 8, 4), {"decoder": "conv*0.5"}),
        ((8, 8, 32), {"encoder": "pool", "decoder": "pool"}),
        ((4, 4, 32), {"decoder": lambda: kg.networks.conv_decoder(3, (4, 4, 32), (64,))}),
    ],
)
def test_a_built_in_decoder_keeps_its_output_layer(data_shape, given, tmp_path):
    given = {name: value() if callable(value) else value for name, value in given.items()}
    model = kg.Autoencoder(data_shape, 3, **given)
    assert model.decoder.output_shape[1:] == data_shape
    assert model.image.weights
    z = np.random.default_rng(0).normal(0, 100, (4, 3)).astype("float32")
    images = model.decode(z)
    assert 0 <= images.min() < 0.4
    assert images.max() <= 1
    model.save(tmp_path / "model.keras")
    np.testing.assert_allclose(keras.saving.load_model(tmp_path / "model.keras").decode(z), images, rtol=1e-6)


def test_a_users_own_decoder_of_data_is_passed_through():
    code = keras.Input((3,))
    x = keras.layers.Reshape((4, 4, 32))(keras.layers.Dense(512, "sigmoid")(code))
    assert not kg.Autoencoder((4, 4, 32), 3, decoder=keras.Model(code, x)).image.weights


def test_files_of_version_0_1_0_may_hold_other_numbers():
    """It took seeds of any sign, and whole numbers as floats."""
    config = kg.VAE((4,), 2).get_config()
    old = kg.VAE.from_config({**config, "seed": -5, "warmup_steps": 100.0})
    assert (old.warmup_steps, old.seed) == (100, -5 & 0x7FFFFFFF)
    np.testing.assert_array_equal(
        distribution.noise_key(-5, 3, "purpose"), distribution.noise_key(old.seed, 3, "purpose")
    )
    with pytest.raises(ValueError, match="`warmup_steps` must be a whole number"):
        kg.VAE.from_config({**config, "warmup_steps": 1.5})
