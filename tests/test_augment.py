"""Augmentation and balance: what they change, and that it follows from (seed, epoch). 6 seconds."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from test_data import needs_mnist

import keras_gen as kg
from keras_gen.data import prepared, stack
from keras_gen.data.augment import AUGMENTATIONS, augmentation
from keras_gen.training.config import RunConfig


@pytest.fixture
def folders(tmp_path):
    """Two folders of pairs: a/cats 8 colour images, a/dogs 3, of 12 x 16; b the same, each pixel four times."""
    rng = np.random.default_rng(0)
    for i in range(11):
        pixels = rng.integers(0, 256, (12, 16, 3), "uint8")
        for name, picture in {"a": pixels, "b": pixels.repeat(2, axis=0).repeat(2, axis=1)}.items():
            path = tmp_path / name / ("cats" if i < 8 else "dogs") / f"{i:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path)
    return tmp_path


def test_what_is_drawn_follows_from_seed_and_epoch(folders):
    for augment in (tuple(AUGMENTATIONS), [keras.layers.RandomZoom(0.3)]):

        def images(augment=augment, **options):
            return stack(kg.data.load(folders / "a", batch_size=4, augment=augment, **options))

        def same(x, y):  # in whatever order
            return np.array_equal(np.sort(x, axis=None), np.sort(y, axis=None))

        dataset = kg.data.load(folders / "a", batch_size=4, augment=augment)
        first = stack(dataset)
        assert first.shape == (11, 12, 16, 3)
        assert (first.min() >= 0, first.max() <= 1) == (True, True)
        assert not same(first, images(None))
        np.testing.assert_array_equal(stack(dataset), first)
        with kg.data.epoch(1):
            assert not same(stack(dataset), first)
        assert not same(images(seed=1), first)
        held_out = kg.data.load(folders / "a", batch_size=4, augment=augment, shuffle=False)
        kept = stack(held_out)
        with kg.data.epoch(1):  # not shuffled: the same in each pass
            np.testing.assert_array_equal(stack(held_out), kept)


def test_half_of_the_images_are_flipped():
    plain = stack(kg.data.load("digits", shuffle=False))
    flipped = stack(kg.data.load("digits", shuffle=False, augment="flip"))
    mirrored = plain[:, :, ::-1]
    is_flipped = np.array([np.array_equal(x, y) for x, y in zip(flipped, mirrored, strict=True)])
    is_plain = np.array([np.array_equal(x, y) for x, y in zip(flipped, plain, strict=True)])
    assert (is_flipped | is_plain).all()
    assert abs(is_flipped.mean() - 0.5) < 0.05  # three and a half standard errors of 1,437
    assert not np.array_equal(is_flipped[:128], is_flipped[128:256])  # not the same in each batch


def test_a_crop_shifts_by_an_eighth_at_most():
    x = np.zeros((64, 16, 16, 1), "float32")
    x[:, 8, 8] = 1
    shift = augmented("crop", x)
    rows, columns = shift.max(axis=(2, 3)).argmax(axis=1) - 8, shift.max(axis=(1, 3)).argmax(axis=1) - 8
    assert set(rows) | set(columns) <= {-2, -1, 0, 1, 2}
    assert len(set(zip(rows, columns, strict=True))) > 10


def augmented(names, x):
    return augmentation(names, x.shape[1:])(tf.constant(x), tf.constant([3, 4], tf.int64)).numpy()


def test_colours_of_gray_and_of_colour_images_change():
    for channels in (1, 3):
        x = np.random.default_rng(0).random((16, 8, 8, channels), dtype="float32")
        made = augmented("colour", x)
        assert np.abs(made - x).mean() > 0.03
        means = made.mean(axis=(1, 2, 3))
        assert means.std() > 0.05  # each image by a draw of its own


def test_pairs_are_augmented_alike(folders):
    """Also where the target is larger than the input; and a task starts from the augmented image."""
    names = ("flip", "colour")
    inputs, targets = stack(kg.data.pairs(folders / "a", folders / "b", augment=names, batch_size=4))
    np.testing.assert_allclose(targets[:, ::2, ::2], inputs, atol=1e-6)
    plain = stack(kg.data.load(folders / "a", batch_size=4))
    assert np.abs(inputs - plain).max() > 0.1
    inputs, targets = stack(
        kg.data.pairs(folders / "b", task="super_resolution", augment=tuple(AUGMENTATIONS), batch_size=4)
    )
    pooled = targets.reshape(len(targets), 12, 2, 16, 2, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(inputs, pooled, atol=1e-6)
    a, b = stack(kg.data.unpaired(folders / "a", folders / "a", augment="flip", shuffle=False))
    assert not np.array_equal(a, b)  # each on its own
    for path in (folders / "b").rglob("*.png"):
        Image.open(path).convert("L").save(path)
    with pytest.raises(ValueError, match="as many channels: leave 'colour' out"):
        kg.data.pairs(folders / "a", folders / "b", augment="colour")


def test_balance_repeats_the_smaller_class(folders):
    dataset = kg.data.load(folders / "a", labels=True, balance=True, batch_size=4)
    assert int(dataset.cardinality()) == 4
    x, y = stack(dataset)
    assert np.bincount(y).tolist() == [8, 8]
    repeats = np.unique(x[y == 1].reshape(8, -1), axis=0, return_counts=True)[1]
    assert sorted(repeats) == [2, 3, 3]  # of three dogs, to within one
    assert len(np.unique(x[y == 0].reshape(8, -1), axis=0)) == 8
    assert len(stack(kg.data.load(folders / "a", balance=True))) == 16  # without labels too
    _, other = stack(kg.data.load(folders / "a", labels=True, balance=True, batch_size=4, seed=1))
    assert y.tolist() != other.tolist()


@needs_mnist
def test_a_stream_is_augmented(monkeypatch):
    monkeypatch.setattr(prepared, "LARGEST_IN_MEMORY", 0)
    dataset = kg.data.load("mnist", "test[:64]", augment="rotate", batch_size=32)
    plain, made = stack(kg.data.load("mnist", "test[:64]", batch_size=32)), stack(dataset)
    np.testing.assert_array_equal(stack(dataset), made)
    assert 0.01 < np.abs(made - plain).mean() < 0.2
    with pytest.raises(ValueError, match="fits in memory"):
        kg.data.load("mnist", balance=True)


def test_runs_augment_what_they_train_on():
    config = RunConfig.from_arguments("vae", data="digits", augment=["crop"], balance=True)
    assert not np.array_equal(stack(config.training()), stack(config.replace(augment=None).training()))
    plain = RunConfig.from_arguments("vae", data="digits")
    np.testing.assert_array_equal(stack(config.validating()), stack(plain.validating()))
    assert (config.sections()["data"]["augment"], config.sections()["data"]["balance"]) == (["crop"], True)
    with pytest.raises(ValueError, match="by names"):
        config.replace(augment=[keras.layers.RandomZoom(0.1)])


def test_what_cannot_be_is_said():
    for source, options, sentence in (
        ("digits", {"augment": "blur"}, "`augment` must hold names of flip, crop, colour, rotate"),
        ("digits", {"augment": [3]}, "`augment` must hold"),
        ("digits", {"augment": "flip", "binarize": "static"}, "use binarize='dynamic'"),
        ("digits", {"balance": True, "labels": True, "num_labels": 100}, "all of which are known"),
    ):
        with pytest.raises(ValueError, match=sentence):
            kg.data.load(source, **options)


def test_vectors_and_data_without_classes_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((4, 3), "float32"))
    with pytest.raises(ValueError, match="`augment` is for images"):
        kg.data.load(tmp_path / "x.npy", augment="flip")
    with pytest.raises(ValueError, match=r"needs a source with classes.*which has none"):
        kg.data.load(tmp_path / "x.npy", balance=True)
