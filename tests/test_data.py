"""Data: sources, pictures of every kind in a folder, shuffling, binarization, parts."""

import os
import tempfile
import tracemalloc
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import keras_gen as kg
from keras_gen.data import folder as folder_source
from keras_gen.data import prepared, rendered, stack
from keras_gen.data.image_files import read_image

HAS_MNIST = (Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser() / "mnist").is_dir()
needs_mnist = pytest.mark.skipif(not HAS_MNIST, reason="needs MNIST prepared in TFDS_DATA_DIR")


@pytest.fixture
def folder(tmp_path):
    """Twelve 10 x 12 colour images in two classes, at different depths."""
    rng = np.random.default_rng(0)
    for i in range(12):
        path = tmp_path / ("cats", "dogs")[i % 2] / (".", "deep")[i % 3 == 0] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (10, 12, 3), "uint8")).save(path)
    return tmp_path


def test_mnist_mini_is_of_mnist():
    """In the package, as many of each digit, behaving as `mnist` does; its images stand in MNIST under their labels."""
    info = kg.data.info("mnist_mini")
    assert info.splits == {"train": 5000, "test": 1000}
    assert (info.data_shape, info.class_names) == ((28, 28, 1), [str(digit) for digit in range(10)])
    found = {split: stack(kg.data.load("mnist_mini", split, labels=True, shuffle=False)) for split in info.splits}
    for x, y in found.values():
        assert x.dtype == "float32"
        assert x.max() == 1
        assert set(np.bincount(y)) == {len(y) // 10}
        assert len(np.unique(x.reshape(len(x), -1), axis=0)) == len(x)
    binary, _ = stack(kg.data.load("mnist_mini", "train[90%:]", labels=True, limit=100, binarize="static"))
    assert set(np.unique(binary)) == {0, 1}
    assert len(binary) == 100
    if HAS_MNIST:
        of = {(image.tobytes(), y) for image, y in zip(*stack(kg.data.load("mnist", "test", labels=True)), strict=True)}
        assert all((image.tobytes(), y) in of for image, y in zip(*found["test"], strict=True))


def test_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    info = kg.data.info("digits")
    assert (info.data_shape, info.num_classes, info.splits) == ((8, 8, 1), 10, {"train": 1437, "test": 360})
    train, train_y = stack(kg.data.load("digits", labels=True))
    test, test_y = stack(kg.data.load("digits", "test", labels=True))
    bunch = load_digits()
    ours = sorted(zip(np.concatenate([train, test]).reshape(1797, -1).tolist(), [*train_y, *test_y], strict=True))
    assert ours == sorted(zip((bunch.data / 16).astype("float32").tolist(), bunch.target, strict=True))
    assert set(test_y) == set(range(10))
    assert train.dtype == np.float32


def test_shuffling_is_by_seed_and_epoch():
    def passes(n=2, **options):
        dataset = kg.data.load("digits", limit=100, **options)
        found = []
        for epoch in range(n):
            with kg.data.epoch(epoch):
                found.append(stack(dataset))
        return found

    first, second = passes()
    assert not np.array_equal(first, second)
    assert np.array_equal(np.sort(first, 0), np.sort(second, 0))
    np.testing.assert_array_equal(passes(), [first, second])
    np.testing.assert_array_equal(passes(1, first_epoch=1)[0], second)
    assert not np.array_equal(passes(seed=1)[0], first)
    np.testing.assert_array_equal(*passes(shuffle=False))
    dataset = kg.data.load("digits", limit=100)
    for _ in range(2):  # to look at a dataset changes nothing
        np.testing.assert_array_equal(stack(dataset), first)


@pytest.mark.parametrize("streamed", [False, pytest.param(True, marks=needs_mnist)])
def test_binarization(streamed, monkeypatch):
    source, options = "digits", {"limit": 200}
    if streamed:
        monkeypatch.setattr(prepared, "LARGEST_IN_MEMORY", 0)
        source = "mnist"
    gray = stack(kg.data.load(source, "test", **options))
    static = kg.data.load(source, "test", binarize="static", **options)
    dynamic = kg.data.load(source, "test", binarize="dynamic", **options)
    once, again = stack(static), stack(static)
    assert set(np.unique(once)) == {0.0, 1.0}
    np.testing.assert_array_equal(once, again)
    draws = []
    for epoch in range(40):
        with kg.data.epoch(epoch):
            draws.append(stack(dynamic))
    np.testing.assert_array_equal(stack(dynamic), draws[0])
    assert not np.array_equal(draws[0], draws[1])
    assert np.abs(np.mean(draws, 0) - gray).mean() < 0.06
    np.testing.assert_allclose(once.mean(), gray.mean(), rtol=0.05)
    assert not np.array_equal(once, stack(kg.data.load(source, "test", binarize="static", seed=1, **options)))


def test_parts_are_disjoint_and_mixed():
    head, _ = stack(kg.data.load("digits", "train[:90%]", labels=True))
    tail, tail_y = stack(kg.data.load("digits", "train[90%:]", labels=True))
    assert len(head) + len(tail) == 1437
    assert len(tail) == 144
    assert len(np.unique(np.concatenate([head, tail]).reshape(1437, -1), axis=0)) > 1430
    assert set(tail_y) == set(range(10))
    assert len(stack(kg.data.load("digits", "train[-5:]"))) == 5
    assert [x.shape[0] for x in kg.data.load("digits", "train[:100]", batch_size=40)] == [40, 40, 20]
    assert [x.shape[0] for x in kg.data.load("digits", "train[:100]", batch_size=40, drop_remainder=True)] == [40, 40]


@needs_mnist
def test_mnist_in_memory_and_streamed_are_the_same(monkeypatch):
    keras.utils.set_random_seed(0)  # with which Dataset.shuffle fails
    info = kg.data.info("mnist")
    assert (info.data_shape, info.num_classes) == ((28, 28, 1), 10)
    assert info.splits == {"train": 60000, "test": 10000}
    x, y = stack(kg.data.load("mnist", "test", labels=True))
    assert x.shape == (10000, 28, 28, 1)
    np.testing.assert_allclose(x.mean(), 0.1325, atol=1e-3)  # the known mean of the test images
    assert np.bincount(y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    monkeypatch.setattr(prepared, "LARGEST_IN_MEMORY", 0)
    streamed = kg.data.load("mnist", "test[:300]", labels=True, shuffle=True)
    assert int(streamed.cardinality()) == 3
    first = stack(streamed)
    with kg.data.epoch(1):
        second = stack(streamed)
    assert not np.array_equal(first[1], second[1])
    order = np.lexsort(first[0].reshape(300, -1).T)
    np.testing.assert_array_equal(first[0][order], x[:300][np.lexsort(x[:300].reshape(300, -1).T)])


def test_a_folder(folder):
    info = kg.data.info(folder)
    assert (info.data_shape, info.class_names, info.splits) == ((10, 12, 3), ["cats", "dogs"], {"train": 12})
    x, y = stack(kg.data.load(folder, labels=True, shuffle=False))
    paths = sorted(folder.rglob("*.png"))
    expected = np.stack([np.asarray(Image.open(path)) for path in paths]) / np.float32(255)
    np.testing.assert_allclose(x, expected)
    assert y.tolist() == [int("dogs" in path.parts) for path in paths]
    small = stack(kg.data.load(str(folder), image_size=(6, 5), channels=1))
    assert small.shape == (12, 6, 5, 1)


def test_photographs(photographs):
    """The real ones that come beside the project, where they do."""
    info = kg.data.info(photographs)
    assert info.class_names == ["automobile", "ship"]
    assert info.splits == {"train": 3000, "test": 600}
    x, y = kg.data.stack(kg.data.load(photographs, "test", labels=True))
    assert x.shape == (600, 32, 32, 3)
    assert np.bincount(y).tolist() == [300, 300]
    assert 0.3 < x.mean() < 0.7


@pytest.fixture
def photographs():
    folder = Path(__file__).parents[2] / "shared" / "images"
    if not folder.is_dir():
        pytest.skip("the photographs are not beside this checkout")
    return folder


def test_a_folder_of_splits(tmp_path):
    target = tmp_path / "whole"
    for split in ("train", "test"):
        (target / split / "a").mkdir(parents=True)
        Image.new("L", (4, 4)).save(target / split / "a" / "x.png")
    assert kg.data.info(target).splits == {"train": 1, "test": 1}
    assert kg.data.info(target).data_shape == (4, 4, 1)
    with pytest.raises(ValueError, match=r"train \(1\), test \(1\).*Received: split='valid'"):
        kg.data.load(target, "valid")


@pytest.fixture
def bad_folder(folder):
    """The folder with files that are no images, and one CMYK picture, which is one."""
    whole = (folder / "cats" / "02.png").read_bytes()
    (folder / "cats" / "truncated.png").write_bytes(whole[: len(whole) // 2])
    (folder / "cats" / "empty.jpg").write_bytes(b"")
    (folder / "cats" / "text.jpeg").write_text("This is not an image.")
    Image.new("1", (20_000, 10_000)).save(folder / "cats" / "huge.png")
    Image.new("CMYK", (12, 10), (0, 255, 255, 0)).save(folder / "cats" / "print.jpg", quality=95)
    (folder / "notes.txt").write_text("not meant to be an image, nor named like one")
    return folder


def test_bad_files_are_named(bad_folder):
    with pytest.raises(ValueError, match="4 of 17 files cannot be read") as caught:
        kg.data.load(bad_folder)
    for name in ("truncated.png", "empty.jpg", "text.jpeg", "huge.png"):
        assert name in str(caught.value)
    assert "print.jpg" not in str(caught.value)


def test_bad_files_are_left_out_on_request(bad_folder):
    with pytest.warns(UserWarning, match=r"Left out 4 of 17 files.*huge\.png"):
        dataset = kg.data.load(bad_folder, on_error="skip", shuffle=False)
    x = stack(dataset)
    assert x.shape == (13, 10, 12, 3)
    red = read_image(bad_folder / "cats" / "print.jpg")  # CMYK without cyan is red
    np.testing.assert_allclose(red.mean((0, 1)), [255, 0, 0], atol=12)


def test_truncated_jpeg_is_named(tmp_path):
    path = tmp_path / "photo.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), "uint8")).save(path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ValueError, match="photo.jpg"):
        kg.data.load(tmp_path)


def test_kinds_of_pixels(tmp_path):
    Image.fromarray(np.full((4, 4), 65535, "uint16")).save(tmp_path / "sixteen.png")
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    Image.new("P", (4, 4)).save(tmp_path / "palette.png")
    assert read_image(tmp_path / "sixteen.png").tolist() == np.full((4, 4, 1), 255).tolist()
    assert read_image(tmp_path / "clear.png").tolist() == np.full((4, 4, 3), 255).tolist()  # laid on white
    Image.new("LA", (4, 4), (10, 255)).save(tmp_path / "gray.png")
    assert read_image(tmp_path / "gray.png").tolist() == np.full((4, 4, 1), 10).tolist()  # transparency is no colour
    Image.new("F", (4, 4), 0.5).save(tmp_path / "floating.tif")
    with pytest.raises(ValueError, match="floating.tif: pixels are floating-point numbers"):
        read_image(tmp_path / "floating.tif")
    assert read_image(tmp_path / "palette.png", channels=3).shape == (4, 4, 3)


def test_unequal_sizes_need_image_size(folder):
    Image.new("RGB", (5, 7)).save(folder / "cats" / "zz.png")
    with pytest.raises(ValueError, match="image_size.*10 x 12 and zz.png of 7 x 5"):
        kg.data.load(folder)
    assert stack(kg.data.load(folder, image_size=8)).shape == (13, 8, 8, 3)


@pytest.mark.parametrize(("kept", "times"), [(2**28, 1), (12 * 10 * 12 * 3 - 1, 2)])
def test_few_pixels_are_decoded_once(folder, monkeypatch, kept, times):
    calls = []
    monkeypatch.setattr(folder_source, "read_image", lambda path, *rest: calls.append(path) or read_image(path, *rest))
    monkeypatch.setattr(folder_source, "MAX_KEPT_BYTES", kept)
    data = kg.data.load(folder, batch_size=5, shuffle=False)
    calls.clear()  # a look at each file comes first
    first, second = (np.concatenate(list(data.as_numpy_iterator())) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert len(calls) == times * 12


def test_memory_does_not_grow_with_the_folder(tmp_path, monkeypatch):
    """Four times the images, as much memory, of more than are kept: decoded pixels of some batches."""
    monkeypatch.setattr(folder_source, "MAX_KEPT_BYTES", 40 * 128 * 128 * 3 - 1)
    rng = np.random.default_rng(0)
    peaks = []
    for count in (40, 160):
        for i in range(count):
            path = tmp_path / str(count) / f"{i}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (128, 128, 3), "uint8")).save(path, compress_level=0)
        tracemalloc.start()
        for _ in kg.data.load(tmp_path / str(count), batch_size=4, shuffle=False):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 40 * 128 * 128 * 3


def test_array_files(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (20, 6, 6), "uint8"), rng.integers(0, 3, 20)
    np.savez(tmp_path / "a.npz", x=x, y=y)
    np.savez(tmp_path / "b.npz", x_train=x, y_train=y, x_test=x[:5], y_test=y[:5])
    np.save(tmp_path / "v.npy", rng.standard_normal((30, 4)))
    images, labels = stack(kg.data.load(tmp_path / "a.npz", labels=True, shuffle=False))
    np.testing.assert_allclose(images[..., 0], x / np.float32(255))
    np.testing.assert_array_equal(labels, y)
    assert kg.data.info(tmp_path / "b.npz").splits == {"train": 20, "test": 5}
    assert stack(kg.data.load(tmp_path / "v.npy")).shape == (30, 4)


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"x": np.full((4, 3, 3, 1), 2.0)}, "floats in \\[0, 1\\]"),
        ({"x": np.full((4, 3), np.nan)}, "12 NaN"),
        ({"x": np.zeros((4, 3)), "y": np.zeros(3, int)}, "one integer label per example"),
        ({"x": np.zeros((4,))}, "Received: shape=\\(4,\\)"),
        ({"z": np.zeros((4, 3))}, "array x.*Received: \\['z'\\]"),
        ({"x": np.array([{}], dtype=object)}, "Object arrays"),
    ],
)
def test_wrong_array_files(tmp_path, arrays, sentence):
    np.savez(tmp_path / "wrong.npz", **arrays)
    with pytest.raises(ValueError, match=sentence):
        kg.data.load(tmp_path / "wrong.npz")


@pytest.mark.parametrize(
    ("source", "options", "sentence"),
    [
        ("digits", {"split": "valid"}, "Received: split='valid'"),
        ("digits", {"batch_size": 0}, "batch_size=0"),
        ("digits", {"limit": 0}, "limit=0"),
        ("digits", {"binarize": "yes"}, "binarize='yes'"),
        ("digits", {"channels": 2}, "channels=2"),
        ("digits", {"image_size": (1, 2, 3)}, "image_size=\\(1, 2, 3\\)"),
        ("digits", {"on_error": "ignore"}, "on_error='ignore'"),
        ("digits", {"split": "train[:0]"}, "at least one example"),
        ("no_such_dataset_at_all", {}, "TensorFlow Datasets.*Received: 'no_such_dataset_at_all'"),
        ("fashion_mnist", {}, "not prepared.*tfds build fashion_mnist.*digits"),
    ],
)
def test_wrong_calls(source, options, sentence, tmp_path, monkeypatch):
    monkeypatch.setattr(
        prepared.socket, "create_connection", lambda *a, **k: (_ for _ in ()).throw(OSError("no network"))
    )
    if source == "fashion_mnist":
        monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(ValueError, match=sentence):
        kg.data.load(source, **options)


def test_a_truncated_archive(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((100, 8, 8), "uint8"))
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:3000])
    with pytest.raises(ValueError, match="a.npz is not a readable"):
        kg.data.load(tmp_path / "a.npz")


def test_labels_of_one_split_only(tmp_path):
    x = np.zeros((10, 4, 4), "uint8")
    np.savez(tmp_path / "a.npz", x_train=x, y_train=np.arange(10) % 2, x_test=x)
    assert kg.data.info(tmp_path / "a.npz").num_classes is None


def test_versions_that_do_not_exist():
    with pytest.raises(ValueError, match="Received: 'mnist:9.9.9'"):
        kg.data.load("mnist:9.9.9")


def test_missing_folders_and_files(tmp_path):
    for missing in (tmp_path / "nothing", tmp_path / "nothing.npz"):
        with pytest.raises(FileNotFoundError, match=f"Received: {missing}"):
            kg.data.load(missing)
    with pytest.raises(ValueError, match="folder without any"):
        kg.data.load(tmp_path)


def test_datasets_train_under_a_strategy():
    """The pipeline survives being distributed, and each epoch is shuffled anew."""
    from keras_gen import testing

    with testing.two_devices().scope():
        model = kg.Autoencoder((8, 8, 1), 2)
        model.compile()
    history = model.fit(kg.data.load("digits", limit=64, batch_size=16), epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()


# === Glyphs ===


def middle(**changed):
    """Factors in the middle of their ranges, but for some."""
    return [changed.get(name, sum(ends) / 2) for name, ends in rendered.FACTORS.items()]


def moments(image):
    """Mass, middle (x, y) and covariance of the light of an image."""
    light = image[..., 0].astype("float64")
    rows, columns = np.mgrid[: light.shape[0], : light.shape[1]]
    places = np.stack([columns.ravel(), rows.ravel()])
    return light.sum(), places @ light.ravel() / light.sum(), np.cov(places, aweights=light.ravel())


def test_glyphs_do_what_their_factors_say():
    _, centre, spread = moments(rendered.render(8, middle()))
    mass, moved, _ = moments(rendered.render(8, middle(shift_x=3.0, shift_y=-2.0)))
    np.testing.assert_allclose(moved - centre, [3, -2], atol=0.1)
    assert moments(rendered.render(8, middle(stroke=1.0)))[0] > 1.2 * mass
    wide, narrow = (moments(rendered.render(8, middle(width=w)))[2][0, 0] for w in (1.2, 0.8))
    assert wide / narrow == pytest.approx((1.2 / 0.8) ** 2, rel=0.1)
    assert abs(spread[0, 1]) < 0.5
    assert moments(rendered.render(8, middle(shear=0.4)))[2][0, 1] < -2  # the upper part to the right: y points down
    assert moments(rendered.render(8, middle(rotation=30.0)))[2][0, 1] > 2  # the upper part to the left


def test_glyphs_are_a_dataset_with_its_truth(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(rendered, "SPLITS", {"train": 30, "test": 20})
    info = kg.data.info("glyphs")
    assert (info.data_shape, info.num_classes, info.splits) == ((28, 28, 1), 10, {"train": 30, "test": 20})
    x, y = kg.data.stack(kg.data.load("glyphs", "test", labels=True, shuffle=False))
    truth = kg.data.glyphs("test")
    np.testing.assert_array_equal(truth.images, x)
    np.testing.assert_array_equal(truth.factors[:, 0], y)
    assert truth.names == ("class", *rendered.FACTORS)
    for image, (label, *factors) in zip(truth.images, truth.factors, strict=True):
        np.testing.assert_array_equal(rendered.render(label, factors) / np.float32(255), image)
    assert len(kg.data.glyphs("train", limit=7).images) == 7
    with pytest.raises(ValueError, match="limit=0"):
        kg.data.glyphs(limit=0)


def test_glyphs_beside_a_folder_of_datasets_that_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "shared"))
    (tmp_path / "own").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "own"))
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    monkeypatch.setattr(rendered, "SPLITS", {"train": 3, "test": 2})
    assert kg.data.info("glyphs").splits == {"train": 3, "test": 2}
    assert not (tmp_path / "shared").exists()
    assert (tmp_path / "own/tensorflow_datasets/glyphs").is_dir()
