"""Codes on disk and back."""

import itertools

import keras
import numpy as np
import pytest
from zoo import IMAGES, SHAPE, VECTORS, dense

import keras_gen as kg
from keras_gen.tasks import code_files, compression


@pytest.fixture(scope="module")
def model():
    model = kg.Autoencoder(SHAPE, 3, **dense(3, width=32))
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False, steps_per_execution=1)
    model.fit(np.tile(IMAGES, (25, 1, 1, 1)), batch_size=16, epochs=20, verbose=0)  # 500 steps
    return model


@pytest.mark.parametrize("bits", [1, 6, 8, 12, 16])
def test_codes_come_back_to_half_a_step(model, tmp_path, bits, monkeypatch):
    path = compression.compress(model, IMAGES, tmp_path / "codes", bits)
    codes = model.encode(IMAGES)
    seen = []
    monkeypatch.setattr(type(model), "decode", lambda self, z: seen.append(z) or z)
    compression.decompress(model, path)
    step = (codes.max(0) - codes.min(0)) / (2**bits - 1)
    assert np.all(np.abs(seen[0] - codes) <= step / 2 + 1e-5)


def test_fine_codes_give_the_reconstruction(model, tmp_path):
    path = compression.compress(model, IMAGES, tmp_path / "codes", bits=16)
    np.testing.assert_allclose(compression.decompress(model, path), model.reconstruct(IMAGES), atol=1e-3)


def test_more_bits_cost_more_and_lose_less(model):
    images = IMAGES[np.random.default_rng(0).integers(16, size=2000)]
    images = images * np.random.default_rng(1).uniform(0.5, 1, (2000, 1, 1, 1)).astype("float32")
    rows = [row for row in compression.rate_distortion(model, images) if row["codec"] == "Autoencoder"]
    assert all(a["bits_per_pixel"] < b["bits_per_pixel"] for a, b in itertools.pairwise(rows))
    assert rows[0]["psnr"] < rows[-1]["psnr"]
    assert rows[-1]["psnr"] == pytest.approx(kg.evaluation.psnr(images, model.reconstruct(images)), abs=0.1)


def test_bits_per_pixel_are_those_of_the_file(model, tmp_path):
    row = compression.compare(model, IMAGES, bits=4)[0]
    size = compression.compress(model, IMAGES, tmp_path / "codes", bits=4).stat().st_size
    assert row["bits_per_pixel"] == 8 * size / (16 * 64)


def test_the_other_formats_reach_the_quality_or_give_their_best(model, tmp_path):
    rows = {row["codec"]: row for row in compression.compare(model, IMAGES)}
    assert set(rows) == {"Autoencoder", "JPEG", "WebP", "PNG"}
    assert rows["PNG"]["psnr"] > 55  # rounding to 8 bits
    for codec, best in (("JPEG", "quality 95"), ("WebP", "quality 100")):
        assert rows[codec]["psnr"] >= rows["Autoencoder"]["psnr"] or rows[codec]["setting"] == best
    compression.rate_distortion(model, IMAGES, tmp_path / "curve.png", bits=(2, 4))
    assert (tmp_path / "curve.png").stat().st_size > 10_000


def test_sheets_hold_every_image(model):
    for count in (1, 5, 16):
        sheet, columns = compression._sheet(IMAGES[:count])
        back = compression._cut(sheet, IMAGES[:count].shape, columns) / 255
        np.testing.assert_allclose(back, IMAGES[:count], atol=1 / 255)


def test_wrong_files_and_arguments(model, tmp_path):
    path = compression.compress(model, IMAGES, tmp_path / "codes")
    other = kg.Autoencoder(SHAPE, 3, **dense(3, width=32))
    with pytest.raises(ValueError, match="another Autoencoder"):
        compression.decompress(other, path)
    whole = path.read_bytes()
    for damaged in (
        whole[:-20],
        whole[:40],
        b"something else",
        code_files.MAGIC + b"[]\n",
        whole[:100] + b"\0\0" + whole[102:],
    ):
        (tmp_path / "damaged").write_bytes(damaged)
        with pytest.raises(ValueError, match="a whole one.*damaged"):
            compression.decompress(model, tmp_path / "damaged")
    with pytest.raises(ValueError, match="must be an array.*Received: .*Dataset"):
        compression.compare(model, kg.data.load("digits"))
    with pytest.raises(ValueError, match="bits=0"):
        compression.compress(model, IMAGES, tmp_path / "codes", bits=0)
    assert path.read_bytes() == whole
    vectors = kg.Autoencoder((6,), 2, likelihood="gaussian")
    with pytest.raises(ValueError, match=r"Received: shape=\(16, 6\)"):
        compression.compare(vectors, VECTORS)


def test_psnr():
    assert kg.evaluation.psnr(np.zeros((2, 3)), np.full((2, 3), 0.1)) == pytest.approx(20.0)
    assert kg.evaluation.psnr(IMAGES, IMAGES) == 120.0
    with pytest.raises(ValueError, match="Received"):
        kg.evaluation.psnr(IMAGES, IMAGES[:2])
