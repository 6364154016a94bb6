"""One image file, read whole: which kinds are read, what a look at one tells, and its pixels as uint8."""

import contextlib
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image, ImageOps

SUFFIXES = {".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".webp", ".avif", ".jp2", ".j2k", ".tif",
            ".tiff", ".tga", ".ppm", ".pgm", ".pbm", ".pnm"}  # fmt: skip
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "AVIF", "JPEG2000", "TIFF", "PPM")
# Images that are not read: whoever has some is told.
UNREAD_SUFFIXES = {".arw", ".cr2", ".cr3", ".dcm", ".dds", ".dng", ".exr", ".hdr", ".heic", ".heif", ".ico", ".jxl",
                   ".nef", ".nii", ".orf", ".pcx", ".pfm", ".psd", ".qoi", ".raf", ".raw", ".rw2", ".svg"}  # fmt: skip
MAX_PIXELS = 89_478_485  # beyond this Pillow warns of a decompression bomb
WHITES = (2**8 - 1, 2**12 - 1, 2**16 - 1)  # of whole numbers: bytes, the sensors of cameras, all of 16 bits

Half = Literal["left", "right"]


class Look(NamedTuple):
    """What a file holds.

    Args:
        height: in pixels.
        width: in pixels.
        channels: 1 or 3.
        frames: whether there are several.
        largest: whole number in it, where a gray pixel has 16 or 32 bits; else None.
        upper: the largest of the upper 8 bits, where each colour has 16, of which Pillow reads no more; else None.
    """

    height: int
    width: int
    channels: int
    frames: bool
    largest: int | None
    upper: int | None


def read_image(
    path: Path,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    white: int = WHITES[-1],
    half: Half | None = None,
) -> np.ndarray:
    """One image file as uint8 (H, W, channels): upright, in gray or RGB, cropped to the aspect of `size`.

    Transparent pixels are laid on white. Of several frames it is the first.

    Args:
        path: the file.
        size: (H, W) to crop and resize to; None for its own.
        channels: 1 or 3; None for what it has.
        white: which number is white where pixels are whole numbers of 16 or 32 bits: see `white_of`.
        half: take "left" or "right" alone, of two images side by side.

    Raises:
        ValueError: names the file if it cannot be read whole.
    """
    with _opened(path) as (_, image, _):
        gray = _is_gray(image)
        if "A" in image.getbands() or "transparency" in image.info:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        if image.mode.startswith("I"):  # convert() would clip, not scale
            pixels = np.asarray(image, "float64") * (255 / white)
            image = Image.fromarray(pixels.round().clip(0, 255).astype("uint8"))
        channels = channels or (1 if gray else 3)
        image = image.convert("L" if channels == 1 else "RGB")
        if half is not None:
            middle = image.width // 2
            left = 0 if half == "left" else middle
            image = image.crop((left, 0, left + middle, image.height))
        if size is not None and image.size != (size[1], size[0]):
            image = ImageOps.fit(image, (size[1], size[0]), Image.Resampling.LANCZOS)
        return np.asarray(image).reshape(image.height, image.width, channels)


def look_at(path: Path) -> Look | str:
    """What a file holds, or the sentence of what is wrong with it; each file is read once while it does not change."""
    try:
        return _look(path, path.stat().st_mtime_ns)
    except OSError as error:
        return f"{path}: {'a link to nothing' if path.is_symlink() else error.strerror}"
    except ValueError as error:
        return str(error)


def white_of(files: Iterable[Path]) -> int:
    """Which number is white in files of whole numbers: 255, 4095 or 65535, the first that none of them exceeds.

    Files of 16 bits often hold 12. One file cannot tell: a dark one would be made as bright as any. Others than those
    of 16 or 32 bits are not read.
    """
    largest = 0
    for path in files:
        with contextlib.suppress(OSError, SyntaxError, ValueError), Image.open(path, formats=_formats(path)) as file:
            if file.mode.startswith("I") and isinstance(look := look_at(path), Look):
                largest = max(largest, look.largest or 0)
    return next(white for white in WHITES if largest <= white) if largest else WHITES[-1]


@functools.cache  # one look at each file, however many splits and parts are opened
def _look(path, modified):
    with _opened(path) as (file, image, sixteen):
        largest = upper = None
        if image.mode.startswith("I"):
            pixels = np.asarray(image)
            largest = int(pixels.max())
            if pixels.min() < 0 or largest > WHITES[-1]:
                raise ValueError(
                    f"pixels are whole numbers from {pixels.min()} to {largest}, of which the file does not say what "
                    "is white"
                )
        elif sixteen:
            upper = int(np.max(np.asarray(image.convert("RGB"))))
        # The other pictures of an MPO are a camera's previews.
        frames = bool(getattr(file, "is_animated", False)) and file.format != "MPO"
        return Look(image.height, image.width, 1 if _is_gray(image) else 3, frames, largest, upper)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[Image.Image, Image.Image, bool]]:
    """The file; its first frame, whole and upright; whether it has 16 bits for each colour or gray.

    What goes wrong within names the file.
    """
    try:
        with Image.open(path, formats=_formats(path)) as file:
            if file.width * file.height > MAX_PIXELS:
                raise ValueError(f"{file.width} x {file.height} pixels, more than {MAX_PIXELS:,}")
            if file.mode == "F":
                raise ValueError("pixels are floating-point numbers, of which the file does not say what is white")
            sixteen = ";16" in str(file.tile)  # read before the pixels, after which it is empty
            yield file, ImageOps.exif_transpose(file), sixteen
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        reason = str(error).replace(str(path), path.name) or type(error).__name__
        raise ValueError(f"{path}: {reason}") from None


def _formats(path):
    """What a file of such a name may be; a TGA has no mark to know it by, but its name."""
    return ("TGA",) if path.suffix.lower() == ".tga" else FORMATS


def _is_gray(image):
    return image.mode in ("1", "L", "LA", "La") or image.mode.startswith("I")
