"""Images of a user, drawn or uploaded, as the package's loading makes them: checked, cropped, resized, gray or not."""

import base64
import binascii
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from keras_gen.data.image_files import look_at, read_image, white_of

MOST_BYTES = 20_000_000


def image_of(value: Any, shape: tuple[int, ...], invert: bool = False) -> tuple[np.ndarray, list[str]]:
    """The image of a pad, (H, W, C) in [0, 1], and sentences of what was done to it that its owner should know.

    Args:
        value: {"src": a data URL, or "size:N" of a file that is too large, "name": of the file}.
        shape: (H, W, C) that it is made to be.
        invert: whether dark becomes light.

    Raises:
        ValueError: if there is none, or it cannot be read.
    """
    source, name = (value.get("src"), value.get("name")) if isinstance(value, dict) else (None, None)
    if not source:
        raise ValueError("There must be an image: draw one, or upload a file.")
    if source.startswith("size:"):
        raise ValueError(f"A file must have {MOST_BYTES / 1e6:.0f} MB at most. Received: {name} of {_size(source)}")
    try:
        content = base64.b64decode(source.partition(",")[2], validate=True)
    except binascii.Error:
        raise ValueError(f"The image did not arrive whole: send it again. Received: {name}") from None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / (re.sub(r"[^\w. -]", "_", str(name))[-80:] or "image")
        path.write_bytes(content)
        return read(path, shape, invert)


def read(path: Path, shape: tuple[int, ...], invert: bool = False) -> tuple[np.ndarray, list[str]]:
    """The image of a file, as `image_of`."""
    height, width, channels = shape
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"A file must have {MOST_BYTES / 1e6:.0f} MB at most. Received: {path.name}")
    try:
        look = look_at(path)
        if isinstance(look, str):
            raise ValueError(look)
        pixels = read_image(path, (height, width), channels, white_of([path]))
    except ValueError as error:
        reason = str(error).removeprefix(f"{path}: ").replace(str(path), path.name)
        raise ValueError(f"This file is no image that can be read ({reason}). Received: {path.name}") from None
    image, notes = pixels.astype("float32") / 255, []
    if look.frames:
        notes.append(f"{path.name} has several pictures: this is the first of them.")
    if look.height < height or look.width < width:
        notes.append(
            f"{path.name} has {look.height} x {look.width} pixels only: it is enlarged to the model's "
            f"{height} x {width}."
        )
    return 1 - image if invert else image, notes


def _size(source):
    number = source.removeprefix("size:")
    return f"{int(number) / 1e6:.0f} MB" if number.isdigit() else "more"
