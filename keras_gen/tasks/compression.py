"""Compression: images as quantised codes on disk, and what that is worth beside PNG, JPEG and WebP.

    path = kg.tasks.compression.compress(model, images, "images.codes", bits=6)
    images = kg.tasks.compression.decompress(model, path)
    kg.tasks.compression.compress_folder(model, "photos", "photos.codes")
    kg.tasks.compression.decompress_folder(model, "photos.codes", "restored")
    rows = kg.tasks.compression.compare(model, images, bits=6)

The decoder is not counted: it is shared by all files, as the tables of JPEG are by all JPEG files.
"""

import io
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from keras_gen import plots
from keras_gen.data.folder import FolderSource
from keras_gen.data.image_files import read_image
from keras_gen.evaluation.quality import psnr
from keras_gen.images import like, save_image
from keras_gen.tasks import code_files

BATCH = 256  # images of a folder in memory
QUALITIES = {"JPEG": range(1, 96), "WebP": range(0, 101)}  # Pillow advises against JPEG above 95
BEST = {"JPEG": {"optimize": True, "subsampling": 0}, "WebP": {"method": 6}, "PNG": {"optimize": True}}
BITS = (1, 2, 3, 4, 5, 6, 8)  # of a curve
LONGEST_SIDE = 16_383  # of a WebP


def compress(
    model: keras.Model, images: Any, path: str | Path, bits: int | None = None, names: Sequence[str] | None = None
) -> Path:
    """Writes the codes of images: quantised to 2^bits equal steps, then the best of three entropy coders.

    The symbols lie unit by unit, so that a coder sees the distribution of each. Codes that are whole numbers are kept
    as they are. A `VQVAE` writes them with log2 num_codes bits each, or by one of the three coders, whichever file is
    smaller; a `CodePrior` with -log2 of the probabilities that it gives them, by an arithmetic coder. Those files are
    read back by the same model on the same kind of machine with the same versions of Keras and TensorFlow: floating
    point must give the same probabilities to the last digit. Where it does not, `decompress` says so.

    Args:
        model: a model that offers `encode` and `decode`.
        images: (N, *data_shape), or a dataset of such batches.
        path: file, replaced whole or not at all.
        bits: of a quantised value, 1 to 16, before entropy coding; None for 6. Whole numbers take none.
        names: of the images, kept in the file.

    Returns:
        The path.
    """
    code_files.check_bits(model, bits)
    return code_files.write(model, model.encode(images), path, bits, names)


def decompress(model: keras.Model, path: str | Path) -> np.ndarray:
    """The images of a file of `compress`, (N, *data_shape) in [0, 1].

    Raises:
        ValueError: if the file is incomplete, or was written with another model or other weights.
    """
    return model.decode(code_files.read(model, path)[1])


def compress_folder(
    model: keras.Model, folder: str | Path, path: str | Path, bits: int | None = None, on_error: str = "stop"
) -> tuple[int, int]:
    """Writes the codes of all images below a folder, each made to the model's size, and their names, to one file.

    Args:
        model: a model of images that offers `encode` and `decode`.
        folder: of images, at any depth.
        path: file, replaced whole or not at all.
        bits: as of `compress`.
        on_error: "stop" to list files that cannot be read, "skip" to leave them out with a warning.

    Returns:
        How many images there are, and how many bytes they had as files.

    Raises:
        ValueError, FileNotFoundError: if the model is not of images, or the folder holds none.
    """
    shape = model.data_shape
    if len(shape) != 3:
        raise ValueError(f"A folder of images is compressed by a model of images. Received: data_shape={shape}")
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"`folder` must be a folder of images. Received: {folder}, which is none")
    # Whatever folders are called, all of it is compressed.
    opened = FolderSource(Path(folder), shape[:2], shape[2], on_error, split_folders=False)
    files = sorted(file for found in opened.files.values() for file in found)

    def batches():
        for start in range(0, len(files), BATCH):
            pixels = [read_image(file, shape[:2], shape[2], opened.white) for file in files[start : start + BATCH]]
            yield np.stack(pixels).astype("float32") / 255

    dataset = tf.data.Dataset.from_generator(batches, output_signature=tf.TensorSpec((None, *shape)))
    compress(model, dataset, path, bits, [str(file.relative_to(folder)) for file in files])
    return len(files), sum(file.stat().st_size for file in files)


def decompress_folder(model: keras.Model, path: str | Path, out: str | Path) -> int:
    """Writes the images of a file of `compress_folder` as PNG files of their names, marked as generated.

    Args:
        model: that wrote the codes.
        path: the file.
        out: folder; files of the same names are replaced.

    Returns:
        How many images were written.

    Raises:
        ValueError: as `decompress`.
    """
    out = Path(out)
    names, codes = code_files.read(model, path)
    targets = [out / Path(name).with_suffix(".png") for name in names or map("{:05}".format, range(len(codes)))]
    if not all(target.resolve().is_relative_to(out.resolve()) for target in targets):
        raise ValueError(f"Names in the file must lie below its folder. Received: {path} with names outside of it")
    for start in range(0, len(codes), BATCH):
        restored = model.decode(codes[start : start + BATCH])
        for target, image in zip(targets[start : start + BATCH], restored, strict=False):
            save_image(like(image, restored), target)
    return len(codes)


def compare(model: keras.Model, images: np.ndarray, bits: int | None = None) -> list[dict[str, Any]]:
    """Bits per pixel of the model, and of PNG, JPEG and WebP at no less than its quality.

    The other formats get all images side by side in one file, so that their headers, larger than a small image,
    hardly count. JPEG and WebP are set to the lowest quality that reaches the PSNR of the model, or to their
    highest; PNG loses nothing.

    Args:
        model: a model that offers `encode` and `decode`.
        images: (N, H, W, C) in [0, 1].
        bits: as of `compress`.

    Returns:
        A list of dicts: `codec`, `setting`, `bits_per_pixel`, `psnr` (dB).
    """
    _check_images(images)
    ours = _measure_model(model, images, bits)
    rows = [ours]
    for codec, qualities in QUALITIES.items():
        low, high = 0, len(qualities) - 1
        while low < high:  # the lowest quality that is enough: PSNR rises with it
            middle = (low + high) // 2
            enough = _measure_codec(codec, images, qualities[middle])["psnr"] >= ours["psnr"]
            low, high = (low, middle) if enough else (middle + 1, high)
        rows.append(_measure_codec(codec, images, qualities[low]))
    return [*rows, _measure_codec("PNG", images)]


def rate_distortion(
    model: keras.Model, images: np.ndarray, path: str | Path | None = None, bits: Sequence[int] = BITS
) -> list[dict[str, Any]]:
    """Bits per pixel against PSNR of the model at several quantisations, and of JPEG and WebP at several qualities.

    Args:
        model: a model that offers `encode` and `decode`.
        images: (N, H, W, C) in [0, 1].
        path: PNG file for the curves; None for none.
        bits: quantisations; of codes that are whole numbers there is one point.

    Returns:
        A list of dicts as of `compare`.
    """
    _check_images(images)
    rows = [_measure_model(model, images, b) for b in (bits if model.num_codes is None else [None])]
    for codec, qualities in QUALITIES.items():
        rows += [_measure_codec(codec, images, quality) for quality in qualities[:: len(qualities) // 10]]
    if path is not None:
        plots.rate_distortion(rows, path)
    return rows


def _check_images(images):
    shape = getattr(images, "shape", None)
    if shape is None or len(shape) != 4 or shape[-1] not in (1, 3):
        received = type(images).__name__ if shape is None else f"shape={shape}"
        raise ValueError(f"`images` must be an array, (N, H, W, 1) or (N, H, W, 3). Received: {received}")


def _measure_model(model, images, bits):
    with tempfile.TemporaryDirectory() as folder:
        path = compress(model, images, Path(folder) / "codes", bits)
        setting = f"{bits or code_files.BITS} bits" if model.num_codes is None else f"{model.num_codes} codes"
        return _row(type(model).__name__, setting, path.stat().st_size, images, decompress(model, path))


def _measure_codec(codec, images, quality=None):
    sheet, columns = _sheet(images)
    file = io.BytesIO()
    options = BEST[codec] if quality is None else {"quality": quality, **BEST[codec]}
    Image.fromarray(sheet[..., 0] if sheet.shape[-1] == 1 else sheet).save(file, codec, **options)
    size = file.tell()
    with Image.open(file) as opened:
        back = np.asarray(opened.convert("L" if sheet.shape[-1] == 1 else "RGB")).reshape(sheet.shape)
    restored = _cut(back, images.shape, columns) / 255.0
    return _row(codec, "lossless" if quality is None else f"quality {quality}", size, images, restored)


def _row(codec, setting, size, images, restored):
    pixels = math.prod(images.shape[:3])
    return {"codec": codec, "setting": setting, "bits_per_pixel": 8 * size / pixels, "psnr": psnr(images, restored)}


def _sheet(images):
    """All images side by side, uint8 (H', W', C), black where the last row is not full; and how many in a row."""
    count, height, width, channels = images.shape
    columns = math.ceil(math.sqrt(count * height / width))
    rows = math.ceil(count / columns)
    if max(rows * height, columns * width) > LONGEST_SIDE:
        raise ValueError(
            f"Images must fit on one sheet, {LONGEST_SIDE:,} pixels on a side: give fewer. Received: {count} images"
        )
    sheet = np.zeros((rows * columns, height, width, channels), "uint8")
    sheet[:count] = np.rint(np.asarray(images) * 255)
    sheet = sheet.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return sheet.reshape(rows * height, columns * width, channels), columns


def _cut(sheet, shape, columns):
    """The images of a sheet."""
    count, height, width, channels = shape
    tiles = sheet.reshape(-1, height, columns, width, channels).swapaxes(1, 2)
    return tiles.reshape(-1, height, width, channels)[:count]
