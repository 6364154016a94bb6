"""Translation of images: tasks, pairs, folders, losses, the history of made images."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import ndimage
from zoo import COLOURS, IMAGES, ZOO

import keras_gen as kg
from keras_gen import layers
from keras_gen.data import degradations as tasks

CASES = {case.name: case for case in ZOO}
KEY = tf.constant([1, 2], tf.int64)


def photographs(count=4, height=8, width=6, seed=0):
    return np.random.default_rng(seed).random((count, height, width, 3)).astype("float32")


def write_images(folder, names, size=(8, 8), channels=3):
    rng = np.random.default_rng(0)
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (*size, channels), dtype="uint8")
        Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(path)


# === Tasks ===


def test_super_resolution_shrinks_by_means():
    x = photographs()
    made = tasks.super_resolution(tf.constant(x), 2, KEY)
    np.testing.assert_allclose(made, x.reshape(4, 4, 2, 3, 2, 3).mean(axis=(2, 4)), rtol=1e-6)


def test_inpainting_hides_a_square_anywhere():
    x = photographs(400)
    made = tasks.inpainting(tf.constant(x), 0.5, KEY).numpy()
    hidden = (made == tasks.HIDDEN).all(axis=-1)
    np.testing.assert_array_equal(made[~hidden], x[~hidden])
    assert (hidden.sum(axis=(1, 2)) == 9).all()  # half of 6, squared
    tops, lefts = hidden.any(axis=2).argmax(axis=1), hidden.any(axis=1).argmax(axis=1)
    for top, left, image in zip(tops, lefts, hidden, strict=True):
        assert image[top : top + 3, left : left + 3].all()
    for places, count in ((tops, 6), (lefts, 4)):  # every place, about equally often
        assert np.bincount(places, minlength=count).min() > 0.6 * 400 / count


def test_denoising_adds_clipped_normal_noise():
    x = np.full((50, 20, 20, 1), 0.5, "float32")
    noise = tasks.denoising(tf.constant(x), 0.1, KEY).numpy() - x
    assert noise.std() == pytest.approx(0.1, rel=0.02)
    assert abs(noise.mean()) < 0.002
    made = tasks.denoising(tf.constant(x), 5.0, KEY).numpy()
    assert made.min() == 0
    assert made.max() == 1


def test_edges_are_sobels():
    x = photographs(2, 12, 10)
    gray = x @ np.array([0.299, 0.587, 0.114])
    expected = [np.hypot(ndimage.sobel(g, 0, mode="mirror"), ndimage.sobel(g, 1, mode="mirror")) / 4 for g in gray]
    made = tasks.edges(tf.constant(x), None, KEY).numpy()[..., 0]
    np.testing.assert_allclose(made, np.minimum(expected, 1), atol=1e-5)


def test_colorization_starts_from_gray():
    x = photographs(2)
    made = tasks.colorization(tf.constant(x), None, KEY)
    np.testing.assert_allclose(made[..., 0], x @ np.array([0.299, 0.587, 0.114]), rtol=1e-5)


# === Pairs ===


def test_noise_is_new_in_each_epoch_of_training_and_the_same_in_evaluation():
    train = kg.data.pairs("digits", task="denoising", limit=200, batch_size=64)
    held_out = kg.data.pairs("digits", split="test", task="denoising")
    first, clean = kg.data.stack(train)
    with kg.data.epoch(1):
        second, _ = kg.data.stack(train)
    assert len(first) == 200
    assert clean.shape == first.shape
    assert np.abs(np.sort((first - clean).ravel()) - np.sort((second - clean).ravel())).max() > 1e-3
    for part, again in zip(kg.data.stack(held_out), kg.data.stack(held_out), strict=True):
        np.testing.assert_array_equal(part, again)
    late = kg.data.pairs("digits", task="denoising", limit=200, batch_size=64, first_epoch=1)
    np.testing.assert_array_equal(kg.data.stack(late)[0], second)  # a resumed run goes on with its own
    np.testing.assert_array_equal(clean, kg.data.stack(kg.data.load("digits", limit=200, batch_size=64)))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"source": "digits"}, "a source and a task .*or from two folders, or .*Received: .*task=None"),
        ({"source": "digits", "target": "digits", "task": "edges"}, "or from two folders"),
        ({"source": "digits", "task": "wishing"}, "must be one of super_resolution, .*Received: task='wishing'"),
        ({"source": "digits", "task": "colorization"}, "colour images. Received: images of 1 channel"),
        ({"source": "digits", "task": "edges", "level": 2}, "edges has no level. Received: level=2"),
        ({"source": "digits", "task": "super_resolution", "level": 3}, "divides.*level=3, images of 8 x 8"),
        ({"source": "digits", "task": "inpainting", "level": 1.0}, "between 0 and 1. Received: level=1.0"),
        ({"source": "digits", "task": "denoising", "level": 0}, "above 0. Received: level=0"),
    ],
)
def test_what_makes_no_pairs_is_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        kg.data.pairs(**options)


def test_folders_are_paired_by_name(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    names = [f"{i // 3}/{i}" for i in range(7)]
    write_images(a, [f"{name}.png" for name in names])
    write_images(b, [f"{name}.bmp" for name in reversed(names)], (16, 16), 1)
    inputs, targets = kg.data.stack(kg.data.pairs(a, b, batch_size=3, seed=5))
    assert inputs.shape == (7, 8, 8, 3)
    assert targets.shape == (7, 16, 16, 1)
    read = {
        np.asarray(Image.open(a / f"{name}.png")).tobytes(): np.asarray(Image.open(b / f"{name}.bmp")) for name in names
    }
    for x, y in zip(inputs, targets, strict=True):
        np.testing.assert_array_equal(read[np.rint(x * 255).astype("uint8").tobytes()], np.rint(y[..., 0] * 255))


def test_what_has_no_partner_is_named(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    write_images(a, ["1.png", "2.png", "3.png"])
    write_images(b, ["2.png", "3.png", "4.png"])
    with pytest.raises(ValueError, match=r"2 files have no partner .*Received: .*1.png, .*4.png"):
        kg.data.pairs(a, b)
    with pytest.warns(UserWarning, match=r"Left out 2 files .*1.png, .*4.png"):
        dataset = kg.data.pairs(a, b, on_error="skip")
    assert len(kg.data.stack(dataset)[0]) == 2
    write_images(a, ["2.jpg"])
    with pytest.raises(ValueError, match=r"Of two files of one name .*2.jpg.*2.png"):
        kg.data.pairs(a, b)
    with pytest.raises(FileNotFoundError, match="two folders, or from one of both. Received: digits"):
        kg.data.pairs("digits", b)
    write_images(tmp_path / "c", ["x.png"])
    write_images(tmp_path / "split" / "test", ["a.png"])
    write_images(tmp_path / "split" / "train", ["a.png"])
    with pytest.raises(ValueError, match="must have the same splits.*Received: .* with train; .* with train, test"):
        kg.data.pairs(tmp_path / "a", tmp_path / "split")
    with pytest.raises(ValueError, match="no common name"):
        kg.data.pairs(tmp_path / "c", b)


def test_unpaired_repeats_the_shorter(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(5, dtype="float32")[:, None] / 10)
    np.savez(tmp_path / "b.npz", x=np.arange(12, dtype="float32")[:, None] / 100)
    dataset = kg.data.unpaired(tmp_path / "a.npz", tmp_path / "b.npz", batch_size=5)
    for _ in range(2):
        a, b = kg.data.stack(dataset)
        np.testing.assert_allclose(np.sort(b[:, 0]), np.arange(12) / 100, atol=1e-6)
        assert (np.unique(np.rint(a * 10), return_counts=True)[1] >= 2).all()
    assert [len(part) for part, _ in dataset.as_numpy_iterator()] == [5, 5, 2]
    assert int(dataset.cardinality()) == 3


# === The history of made images ===


def test_history_keeps_swaps_and_loses_nothing():
    buffer = layers.HistoryBuffer(4, seed=3)
    buffer.build((None, 1))
    first = buffer(tf.constant([[1.0], [2.0], [3.0]]), training=True)
    np.testing.assert_array_equal(first[:, 0], [1, 2, 3])
    np.testing.assert_array_equal(buffer.past[:, 0], [1, 2, 3, 0])
    np.testing.assert_array_equal(buffer(tf.constant([[4.0]]), training=True), [[4.0]])
    swapped = 0
    for step in range(200):
        before = buffer.past.numpy()[:, 0]
        given = 10.0 + 6 * step + np.arange(6, dtype="float32")
        made = buffer(tf.constant(given[:, None]), training=True).numpy()[:, 0]
        together = np.sort([*buffer.past.numpy()[:, 0], *made])
        np.testing.assert_array_equal(together, np.sort([*before, *given]))
        np.testing.assert_array_equal(made[4:], given[4:])  # more images than places
        swapped += np.sum(made != given)
    assert swapped / 800 == pytest.approx(0.5, abs=0.06)
    past = buffer.past.numpy()
    np.testing.assert_array_equal(buffer(tf.constant([[7.0]])), [[7.0]])
    np.testing.assert_array_equal(buffer.past, past)


def test_the_critics_see_the_past():
    model = CASES["cyclegan"].model()
    model.fit(IMAGES, COLOURS, batch_size=4, epochs=3, verbose=0)
    assert int(model.made_a.seen) == int(model.made_b.seen) == 48
    assert model.made_b.past.numpy().std(axis=0).max() > 0


# === Losses ===


def test_pix2pix_minimises_what_it_says():
    model = CASES["pix2pix"].model()
    x, y = CASES["pix2pix"].pair()
    figures = model.evaluate(x, y, batch_size=16, verbose=0, return_dict=True)
    given = tf.image.resize(x, (8, 8)).numpy()
    made = model.generator(given).numpy()
    real, fake = (
        model.discriminator(np.concatenate([given, images], axis=-1)).numpy().astype("float64") for images in (y, made)
    )
    l1 = np.abs(y - made).mean()
    assert figures["l1_loss"] == pytest.approx(l1, rel=1e-5)
    assert figures["d_loss"] == pytest.approx(np.log1p(np.exp(-real)).mean() + np.log1p(np.exp(fake)).mean(), rel=1e-5)
    assert figures["g_loss"] == pytest.approx(np.log1p(np.exp(-fake)).mean() + 100 * 2 * l1, rel=1e-5)
    assert figures["d_real"] == pytest.approx((1 / (1 + np.exp(-real))).mean(), rel=1e-5)


def test_cyclegan_minimises_what_it_says():
    keras.utils.set_random_seed(0)
    model = kg.CycleGAN((8, 8, 1), cycle_weight=4.0, identity_weight=3.0)
    model.compile(jit_compile=False)
    a, b = IMAGES, 1 - IMAGES[::-1]
    figures = model.evaluate(a, b, batch_size=16, verbose=0, return_dict=True)
    forward, backward = (lambda x: model.generator(x).numpy()), (lambda x: model.inverse_generator(x).numpy())
    of_b, of_a = (lambda x: model.discriminator(x).numpy()), (lambda x: model.inverse_discriminator(x).numpy())
    made_b, made_a = forward(a), backward(b)
    cycle = np.abs(backward(made_b) - a).mean() + np.abs(forward(made_a) - b).mean()
    identity = np.abs(forward(b) - b).mean() + np.abs(backward(a) - a).mean()
    fooling = ((of_b(made_b) - 1) ** 2).mean() + ((of_a(made_a) - 1) ** 2).mean()
    told = sum(((of(x) - is_real) ** 2).mean() / 2 for of, x, is_real in
               ((of_b, b, 1), (of_b, made_b, 0), (of_a, a, 1), (of_a, made_a, 0)))  # fmt: skip
    assert figures["cycle_loss"] == pytest.approx(cycle, rel=1e-4)
    assert figures["identity_loss"] == pytest.approx(identity, rel=1e-4)
    assert figures["d_loss"] == pytest.approx(told, rel=1e-4)
    assert figures["g_loss"] == pytest.approx(fooling + 2 * 4 * cycle + 2 * 3 * identity, rel=1e-4)


@pytest.mark.extended
def test_pix2pix_begins_as_the_identity_and_restores():
    """Without a critic, a few epochs bring noisy digits closer to the clean ones than they are."""
    noisy, clean = kg.data.stack(kg.data.pairs("digits", split="test", task="denoising", level=0.3))
    model = kg.Pix2Pix((8, 8, 1), adversarial_weight=0.0, generator=kg.networks.unet((8, 8, 1), 1, (16, 32)))
    model.compile()
    np.testing.assert_allclose(model.translate(noisy), noisy, atol=1e-5)
    model.fit(kg.data.pairs("digits", task="denoising", level=0.3, batch_size=64), epochs=15, verbose=0)
    assert kg.evaluation.psnr(clean, model.translate(noisy)) > kg.evaluation.psnr(clean, noisy) + 3
    figures = kg.evaluation.report(model, kg.data.pairs("digits", split="test", task="denoising", level=0.3))
    assert figures["psnr"] == pytest.approx(kg.evaluation.psnr(clean, model.translate(noisy)), rel=1e-4)
    assert figures["ssim"] == pytest.approx(kg.evaluation.ssim(clean, model.translate(noisy)).mean(), rel=1e-4)


def test_ssim():
    x = photographs(2, 32, 32)
    np.testing.assert_allclose(kg.evaluation.ssim(x, x), 1, rtol=1e-5)
    assert (kg.evaluation.ssim(x, 1 - x) < 0).all()


# === Other sizes, folders ===


def test_images_of_other_sizes_are_translated():
    model = CASES["pix2pix"].model()
    assert model.translate(np.zeros((1, 6, 10, 1), "float32")).shape == (1, 12, 20, 3)
    with pytest.raises(ValueError, match=r"images \(batch, height, width, 1\).*Received: shape=\(1, 6, 10, 3\)"):
        model.translate(np.zeros((1, 6, 10, 3), "float32"))
    cycle = CASES["cyclegan"].model()
    assert cycle.translate(np.zeros((1, 12, 16, 3), "float32"), direction="backward").shape == (1, 12, 16, 1)
    with pytest.raises(
        ValueError, match=r"images of height 8, or a multiple of 2 pixels more or less.*Received: height 7"
    ):
        cycle.translate(np.zeros((1, 7, 8, 1), "float32"))
    with pytest.raises(ValueError, match="direction='sideways'"):
        cycle.translate(IMAGES, direction="sideways")


def pooled(inputs):
    """A body that halves by pooling and joins what it had before, so that a side must be even."""
    x = keras.layers.UpSampling2D()(keras.layers.MaxPooling2D(padding="same")(inputs))
    return keras.layers.Conv2D(1, 1, activation="sigmoid")(keras.layers.Concatenate()([x, inputs]))


def test_the_sizes_that_a_generator_takes_are_found_by_trying():
    shape = (16, 16, 1)
    images = keras.Input((None, None, 1))
    nested = keras.Sequential([keras.Input((None, None, 1)), kg.networks.unet(shape, 1)])
    for body, multiples in (
        (kg.networks.unet(shape, 1), (4, 4)),
        (kg.networks.resnet(shape, 1), (4, 4)),
        (keras.Model(images, pooled(images)), (2, 2)),
        (nested, (4, 4)),
        (keras.Sequential([keras.Input(shape), keras.layers.Conv2D(1, 1)]), (None, None)),
    ):
        assert kg.networks.multiples_of(body, shape) == multiples, body.name
    shrunk = kg.Pix2Pix((8, 16, 1), (8, 8, 1))  # its U-Net halves 8 x 8 once
    assert shrunk.translate(np.zeros((1, 10, 20, 1), "float32")).shape == (1, 10, 10, 1)
    with pytest.raises(ValueError, match="images of width 16, or a multiple of 4 pixels more or less"):
        shrunk.translate(np.zeros((1, 8, 18, 1), "float32"))
    fixed = kg.CycleGAN((8, 8, 1), generator=keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(1, 1)]))
    with pytest.raises(ValueError, match="translates images of height 8. Received: height 16"):
        fixed.translate(np.zeros((1, 16, 8, 1), "float32"))


def test_large_images_are_translated_few_at_a_time():
    met = []

    class Spy(keras.layers.Layer):
        def call(self, x):
            met.append(x.shape[0])
            return x

    images = keras.Input((None, None, 1))
    model = kg.Pix2Pix((8, 8, 1), adversarial_weight=0, generator=keras.Model(images, Spy()(images)))
    met.clear()
    model.translate(np.zeros((30, 256, 256, 1), "float32"))
    assert max(n for n in met if n) * 256 * 256 <= 1_000_000


def test_a_folder_is_translated_file_by_file(tmp_path):
    model, source = CASES["cyclegan"].model(), tmp_path / "in"
    write_images(source, ["a.png", "deep/b.jpg"], channels=1)
    write_images(source, ["deep/large.png"], (16, 12), channels=1)
    assert kg.tasks.translate_folder(model, source, tmp_path / "out", verbose=0) == 3
    sizes = {name: Image.open(tmp_path / "out" / name).size for name in ("a.png", "deep/b.png", "deep/large.png")}
    assert sizes == {"a.png": (8, 8), "deep/b.png": (8, 8), "deep/large.png": (12, 16)}
    assert kg.images.provenance(tmp_path / "out" / "a.png")["model"] == "CycleGAN"
    expected = model.translate(np.asarray(Image.open(source / "a.png"), "float32")[None, ..., None] / 255)[0]
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "a.png")), np.rint(expected * 255))
    with pytest.raises(FileExistsError, match="cannot be overwritten"):
        kg.tasks.translate_folder(model, source, tmp_path / "out", verbose=0)


def test_files_that_cannot_be_translated_are_named(tmp_path):
    model, source = CASES["cyclegan"].model(), tmp_path / "in"
    write_images(source, ["1.png", "5.png"], channels=1)
    write_images(source, ["2.png"], (7, 8), channels=1)
    write_images(source, ["3.png"])
    (source / "4.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"2.png: CycleGAN translates images .*\(1 of 5 files were translated"):
        kg.tasks.translate_folder(model, source, tmp_path / "out", verbose=0)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["1.png"]
    with pytest.warns(UserWarning, match=r"Left out 3 of 5 files: .*2.png.*3.png.*4.png"):
        count = kg.tasks.translate_folder(model, source, tmp_path / "rest", on_error="skip", verbose=0)
    assert count == 2
    with pytest.warns(UserWarning, match="1 of 5 files were there already"):  # one stop does not lose what is done
        assert kg.tasks.translate_folder(model, source, tmp_path / "out", on_error="skip", verbose=0) == 1
    (source / "1.png").unlink(), (source / "5.png").unlink()
    with pytest.raises(ValueError, match="none of 3 is.*2.png"):
        kg.tasks.translate_folder(model, source, tmp_path / "none", on_error="skip", verbose=0)
    with pytest.raises(ValueError, match="a folder of its own"):
        kg.tasks.translate_folder(model, source, source, verbose=0)
    write_images(tmp_path / "above" / "in", ["a.png"], channels=1)
    assert kg.tasks.translate_folder(model, tmp_path / "above" / "in", tmp_path / "above", verbose=0) == 1
    with pytest.raises(NotImplementedError, match="VAE does not translate"):
        kg.tasks.translate_folder(CASES["vae"].model(), source, tmp_path / "vae", verbose=0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="without any"):
        kg.tasks.translate_folder(model, tmp_path / "empty", tmp_path / "nothing", verbose=0)


@pytest.mark.parametrize(
    ("cls", "arguments", "sentence"),
    [
        (kg.Pix2Pix, {"data_shape": (27, 28, 1)}, "height 26 or 28, width 28. Received: images of 27 x 28"),
        (kg.Pix2Pix, {"data_shape": (6, 16, 1)}, "height 8, width 16. Received: images of 6 x 16"),
        (kg.Pix2Pix, {"data_shape": (6,)}, r"for images .*Received: data_shape=\(6,\)"),
        (kg.Pix2Pix, {"data_shape": (16, 16, 1), "target_shape": (40, 40, 1)}, "whole multiples.*16 x 16 and 40 x 40"),
        (kg.Pix2Pix, {"data_shape": (8, 8, 1), "l1_weight": -1}, "l1_weight=-1"),
        (kg.Pix2Pix, {"data_shape": (8, 8, 1), "l1_weight": 0, "adversarial_weight": 0}, "One weight"),
        (kg.Pix2Pix, {"data_shape": (8, 8, 1), "loss": "wasserstein_gp"}, "loss='wasserstein_gp'"),
        (kg.Pix2Pix, {"data_shape": (8, 8, 1), "generator": "dense"}, "one of 'unet', 'resnet'.*'dense'"),
        (kg.Pix2Pix, {"data_shape": (8, 8, 1), "discriminator": "dense"}, "'patch' or a keras.Model"),
        (kg.Pix2Pix, {"data_shape": (8, 8, 1), "generator": kg.networks.unet((8, 8, 1), 3)}, r"maps .* to \(8, 8, 3\)"),
        (kg.CycleGAN, {"data_shape": (30, 32, 3)}, "multiples of 4. .*28 or 32.*Received: images of 30 x 32"),
        (kg.CycleGAN, {"data_shape": (8, 8, 1), "target_shape": (16, 16, 1)}, "one height and width"),
        (kg.CycleGAN, {"data_shape": (8, 8, 1), "target_shape": (8, 8, 3), "identity_weight": 1.0}, "as many channels"),
        (kg.CycleGAN, {"data_shape": (8, 8, 1), "buffer_size": 0}, "buffer_size=0"),
    ],
)
def test_wrong_arguments_are_sentences(cls, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        cls(**arguments)


def test_what_is_no_pair_is_refused():
    model = CASES["pix2pix"].model()
    x, y = CASES["pix2pix"].pair()
    for targets, sentence in (
        (None, "takes pairs of images.*Received: nothing"),
        (y[:5], "as many targets as examples. Received: 5 targets, 16 examples"),
        (y[:, :7], r"Received: shape=\(16, 7, 8, 3\)"),
        (y * 255, r"for targets, takes .*in \[0, 1\].*Received: values in .*255.0"),
        (y * np.nan, "for targets, takes finite numbers"),
    ):
        with pytest.raises(ValueError, match=sentence):
            model.fit(x, targets)


# === Two sources without pairs ===


def save_numbers(path, count, start=0):
    """Images that are told apart by their gray."""
    np.save(path, np.tile((start + np.arange(count))[:, None, None, None] / 255, (1, 8, 8, 1)).astype("float32"))
    return path


def numbers(dataset):
    return [np.rint(part[:, 0, 0, 0] * 255).astype(int).tolist() for part in kg.data.stack(dataset)]


def test_unpaired_epochs_do_not_depend_on_what_was_read_before(tmp_path):
    short, long = save_numbers(tmp_path / "short.npy", 4), save_numbers(tmp_path / "long.npy", 10, 100)

    def opened(**options):
        return kg.data.unpaired(short, long, batch_size=4, **options)

    dataset = opened()
    first = numbers(dataset)
    assert sorted(first[1]) == list(range(100, 110))
    assert sorted(first[0][:4]) == sorted(first[0][4:8]) == [0, 1, 2, 3]
    assert first[0][:4] != first[0][4:8]
    with kg.data.epoch(1):
        second = numbers(dataset)
    assert second != first
    assert numbers(opened(first_epoch=1)) == second  # a resumed run goes on with its own
    assert numbers(dataset) == first  # to look at a dataset changes nothing
    assert numbers(opened(shuffle=False)) == [[0, 1, 2, 3] * 2 + [0, 1], list(range(100, 110))]


def test_unpaired_sources_of_one_size_have_an_order_each(tmp_path):
    both = [save_numbers(tmp_path / f"{name}.npy", 20) for name in "ab"]
    a, b = numbers(kg.data.unpaired(*both))
    assert sorted(a) == sorted(b)
    assert np.mean(np.equal(a, b)) < 0.5


def test_a_report_takes_targets():
    model, (x, y) = CASES["pix2pix"].model(), CASES["pix2pix"].pair()
    figures = kg.evaluation.report(model, x, y)
    assert figures["psnr"] == pytest.approx(kg.evaluation.psnr(y, model.translate(x)), rel=1e-4)


@pytest.mark.extended  # nine seconds
def test_runs_of_two_sources(tmp_path):
    write_images(tmp_path / "b", [f"{i}.png" for i in range(12)], channels=1)
    settings = {"limit": 20, "epochs": 1, "batch_size": 4, "verbose": 0}
    small = {"generator": "unet", "inverse_generator": "unet"}
    kg.training.train("cyclegan", data_a="digits", data_b=tmp_path / "b", out=tmp_path / "run", **settings, **small)
    assert "train" in (tmp_path / "run" / "metrics.json").read_text()  # folder b has no test images
    for model, options, sentence in (
        ("pix2pix", {"data": "digits", "data_a": "a", "data_b": "b"}, "Either data, or data_a and data_b"),
        (
            "pix2pix",
            {"data": "digits"},
            "Pix2Pix learns from pairs of images: add --task denoising .or super_resolution, "
            ".*or give two folders.*Received: data='digits'",
        ),
        (
            "pix2pix",
            {"data_a": "a", "data_b": "b", "task": "edges"},
            "or from one folder of both.*Received: data_a='a'",
        ),
        ("cyclegan", {"data": "digits"}, "CycleGAN learns from images of two kinds.*Received: data='digits'"),
        ("vae", {"task": "edges"}, "VAE does not translate images.*Received: task='edges'"),
        ("pix2pix", {"task": "denoising", "target_shape": (4, 4, 1)}, "shapes are those of the data"),
        ("pix2pix", {"task": "denoising", "task_level": float("nan")}, "must be a number"),
    ):
        with pytest.raises(ValueError, match=sentence):
            kg.training.train(model, out=tmp_path / "wrong", **settings, **options)
    with pytest.raises(FileNotFoundError, match="nope, which is none"):
        kg.training.train("pix2pix", data_a=tmp_path / "nope", data_b=tmp_path / "b", out=tmp_path / "wrong")
