"""Image files, their marks of origin, and walks through codes."""

import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from zoo import IMAGES, ZOO

import keras_gen as kg
from keras_gen.core import provenance
from keras_gen.testing import parameter_count

MODEL = next(case for case in ZOO if case.name == "vae").model()


def test_generated_images_are_marked(tmp_path):
    images = MODEL.sample(4, seed=7)
    path = kg.images.save_grid(images, tmp_path / "samples.png")
    found = kg.images.provenance(path)
    assert found["digital_source_type"] == "trainedAlgorithmicMedia"
    assert (found["model"], found["seed"]) == ("VAE", 7)
    assert found["weights"] == provenance.weights_hash(MODEL)
    assert set(found) == {"digital_source_type", "keras_gen", "model", "weights", "seed"}
    text = Image.open(path).text  # read by Pillow alone
    assert "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia" in text["XML:com.adobe.xmp"]
    assert json.loads(text["keras_gen"])["model"] == "VAE"


def test_photographs_are_not_marked(tmp_path):
    assert kg.images.provenance(kg.images.save_grid(IMAGES[:4], tmp_path / "real.png")) is None
    assert "proves nothing" in kg.images.ABSENT


def test_saving_again_drops_the_mark(tmp_path):
    path = kg.images.save_image(MODEL.sample(1, seed=0)[0], tmp_path / "a.png")
    Image.open(path).convert("L").save(tmp_path / "b.png")
    assert kg.images.provenance(tmp_path / "b.png") is None


def test_provenance_follows_the_images():
    images = MODEL.sample(6, seed=3)
    for part in (images[2], images[1:3], images.reshape(2, 3, 8, 8, 1), np.swapaxes(images, 0, 1)):
        assert part.provenance["seed"] == 3
    assert isinstance(images, np.ndarray)
    for computed in (images + 1, images.mean(), np.asarray(images)):
        assert not getattr(computed, "provenance", None)
    assert isinstance(images.mean(), np.floating)
    assert MODEL.reconstruct(IMAGES[:2]).provenance["model"] == "VAE"
    mixed = kg.images.rows(IMAGES[:2], MODEL.reconstruct(IMAGES[:2]))
    assert mixed.provenance["model"] == "VAE"
    assert mixed.shape == (4, 8, 8, 1)


def test_the_hash_is_of_the_weights():
    before = provenance.weights_hash(MODEL)
    other = next(case for case in ZOO if case.name == "vae").model()
    assert provenance.weights_hash(other) == before
    other.weights[-1].assign(other.weights[-1] + 1)
    assert provenance.weights_hash(other) != before


def test_pixels_come_back(tmp_path):
    rng = np.random.default_rng(0)
    colour = rng.uniform(0, 1, (5, 7, 3)).astype("float32")
    back = np.asarray(Image.open(kg.images.save_image(colour, tmp_path / "c.png")))
    np.testing.assert_array_equal(back, np.rint(colour * 255))
    gray = np.asarray(Image.open(kg.images.save_image(colour[..., 0], tmp_path / "g.png", scale=3)))
    np.testing.assert_array_equal(gray, np.rint(colour[..., 0] * 255).repeat(3, 0).repeat(3, 1))


def test_grids():
    images = np.arange(5, dtype="float32").reshape(5, 1, 1, 1).repeat(60, 1).repeat(60, 2) / 10
    picture = kg.images.grid(images, columns=2, padding=2)
    assert picture.shape == (3 * 62 + 2, 2 * 62 + 2, 1)
    assert picture[2 + 62, 2] == pytest.approx(0.2)  # the third image begins the second row
    assert picture[-1, -1] == 1
    assert kg.images.grid(IMAGES[:1]).shape == (8 * 7 + 4, 8 * 7 + 4, 1)


def test_shown_images():
    """Pixels as they are, small ones enlarged without smoothing, with titles above all, above each or beside rows."""
    images = np.random.default_rng(0).random((6, 28, 28, 1)).astype("float32")
    picture = kg.images.show(images, columns=3)
    assert picture.size == (3 * 58 + 2, 2 * 58 + 2)
    pixels = np.asarray(picture)
    expected = np.rint(images[4, ..., 0] * 255)
    assert np.array_equal(pixels[60:116:2, 60:116:2], expected)  # the middle of the second row
    assert np.array_equal(pixels[61:116:2, 61:116:2], expected)
    for same in (list(images), images[..., 0], tf.constant(images), np.rint(images * 255).astype("uint8")):
        assert np.array_equal(np.asarray(kg.images.show(same, columns=3)), pixels)
    assert kg.images.show(images[0]).size == (60, 60)
    assert kg.images.show(np.zeros((2, 8, 8, 3)), 2).mode == "RGB"

    above = np.asarray(kg.images.show(images, 3, "all"))
    beside = np.asarray(kg.images.show(images, 3, ["the first", "the second"]))
    over_each = np.asarray(kg.images.show(images, 3, list("012345")))
    assert np.array_equal(above[-118:], pixels)
    assert np.array_equal(beside[:, -176:], pixels)
    for text in (above[:-118], beside[:, :-176], over_each[:20]):
        assert text.min() < 64  # something is written
    tile = over_each.shape[1] // 3
    assert np.array_equal(over_each[-58:-2:2, tile + 3 : tile + 59 : 2], expected)
    for wrong, sentence in (
        ({"titles": ["one", "two", "three"]}, "each of the 6 images or for each of the 2 rows. Received: 3 titles"),
        ({"images": images[..., [0, 0]]}, r"Received: shape=\(6, 28, 28, 2\)"),
        ({"images": images[:0]}, "at least one"),
        ({"images": images * 255}, r"must lie in \[0, 1\]"),
    ):
        with pytest.raises(ValueError, match=sentence):
            kg.images.show(**{"images": images, "columns": 3} | wrong)


@pytest.mark.parametrize(
    ("image", "name", "sentence"),
    [
        (np.zeros((4, 4)), "a.bmp", ".png, .jpg.*a.bmp"),
        (np.zeros((4, 4, 2)), "a.png", r"Received: shape=\(4, 4, 2\)"),
        (np.full((4, 4), 2.0), "a.png", r"values in \[2.0, 2.0\]"),
        (np.full((4, 4), np.nan), "a.png", "nan"),
    ],
)
def test_wrong_images(tmp_path, image, name, sentence):
    with pytest.raises(ValueError, match=sentence):
        kg.images.save_image(image, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_provenance_of_what_is_no_image(tmp_path):
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(ValueError, match="must be an image"):
        kg.images.provenance(tmp_path / "a.png")
    with pytest.raises(FileNotFoundError, match="a file that exists"):
        kg.images.provenance(tmp_path / "b.png")


def test_the_latent_map_is_a_picture(tmp_path):
    for labels in (None, np.arange(16) % 3):
        path = kg.tasks.latent_map(MODEL, IMAGES, labels, tmp_path / "codes.png")
        assert Image.open(path).size[0] > 400
    wide = kg.Autoencoder(MODEL.data_shape, 5)
    maps = [kg.tasks.latent_map(wide, IMAGES, None, tmp_path / f"{way}.png", way) for way in ("pca", "tsne")]
    assert maps[0].read_bytes() != maps[1].read_bytes()
    again = kg.tasks.latent_map(wide, IMAGES, None, tmp_path / "again.png", "tsne")
    np.testing.assert_array_equal(Image.open(again), Image.open(maps[1]))
    with pytest.raises(ValueError, match="method='umap'"):
        kg.tasks.latent_map(wide, IMAGES, None, tmp_path / "no.png", "umap")
    with pytest.raises(ValueError, match="finite codes that differ"):
        kg.tasks.latent_map(wide, np.repeat(IMAGES[:1], 20, axis=0), None, tmp_path / "no.png", "tsne")
    with pytest.raises(ValueError, match="two codes or more. Received: 1"):
        kg.tasks.latent_map(wide, IMAGES[:1], None, tmp_path / "no.png")


def test_parameters_are_counted():
    assert parameter_count(MODEL) == sum(np.prod(weight.shape) for weight in MODEL.trainable_weights)
