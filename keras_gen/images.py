"""Image grids and files. A file of generated images says so, and what made them."""

import contextlib
import json
import math
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from keras_gen.files import write_atomically

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
XMP_KEY = "XML:com.adobe.xmp"
JSON_KEY = "keras_gen"
XMP = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
<Iptc4xmpExt:DigitalSourceType>{DIGITAL_SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""
SMALLEST_TILE = 56  # pixels on a side; smaller images are enlarged by a whole factor
ABSENT = (
    "No mark of generation was found. That proves nothing: any program that saves an image again drops such marks, "
    "and most generators never write one."
)


def save_image(image, path, scale=1):
    """Writes one image as PNG.

    An image that a model of this package made is marked as such: the IPTC digital source type
    "trainedAlgorithmicMedia" and a JSON of package version, model class, hash of the weights and seed.

    Args:
        image: (H, W, C) or (H, W) in [0, 1], C 1 or 3.
        path: a file ending in .png; replaced whole or not at all.
        scale: whole factor by which to enlarge it, without smoothing.

    Returns:
        The path.

    Raises:
        ValueError: if the image's shape or range, or the ending of the path, is another.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"Images are written as PNG, whose marks of origin can be read back. Received: path={path}")
    made_by = getattr(image, "provenance", None)
    image = np.asarray(image)
    image = image[..., None] if image.ndim == 2 else image
    if image.ndim != 3 or image.shape[-1] not in (1, 3):
        raise ValueError(f"`image` must be (H, W), (H, W, 1) or (H, W, 3). Received: shape={image.shape}")
    if not (np.min(image) >= 0 and np.max(image) <= 1):  # also false of NaN
        raise ValueError(f"`image` must lie in [0, 1]. Received: values in [{np.min(image)}, {np.max(image)}]")
    pixels = np.rint(np.asarray(image, "float32") * 255).astype("uint8").repeat(scale, 0).repeat(scale, 1)
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    path.parent.mkdir(parents=True, exist_ok=True)
    mark = _mark(made_by) if made_by else None
    write_atomically(path, lambda temporary: picture.save(temporary, format="PNG", pnginfo=mark))
    return path


def save_grid(images, path, columns=None, padding=2):
    """Writes images side by side as one PNG, marked like `save_image`; small ones are enlarged to be seen.

    Args:
        images: (N, H, W, C) in [0, 1].
        path: a file ending in .png.
        columns: images per row; None for a grid about as wide as high.
        padding: pixels between images.

    Returns:
        The path.
    """
    return save_image(grid(images, columns, padding), path)


def grid(images, columns=None, padding=2):
    """Images side by side on white, enlarged to at least SMALLEST_TILE. (N, H, W, C) -> (H', W', C)."""
    if np.ndim(images) != 4 or len(images) == 0:
        raise ValueError(f"`images` must be (N, H, W, C), at least one. Received: shape={np.shape(images)}")
    count, height, width, channels = images.shape
    columns = min(count, columns or math.ceil(math.sqrt(count)))
    rows = math.ceil(count / columns)
    scale = math.ceil(SMALLEST_TILE / min(height, width))
    tile = (height * scale + padding, width * scale + padding)
    canvas = np.ones((rows * tile[0] + padding, columns * tile[1] + padding, channels), "float32")
    for i, image in enumerate(np.asarray(images)):
        top, left = padding + i // columns * tile[0], padding + i % columns * tile[1]
        canvas[top : top + height * scale, left : left + width * scale] = image.repeat(scale, 0).repeat(scale, 1)
    return like(canvas, images)


def rows(*groups):
    """Stacks groups of N images as rows for a grid of N columns: the first group above the second, and so on.

    The result is marked as generated if any of the groups is.
    """
    marked = next((group for group in groups if hasattr(group, "provenance")), groups[0])
    return like(np.concatenate([np.asarray(group) for group in groups]), marked)


def like(images, source):
    """`images` with the provenance of `source`, if it has one: for pictures composed of what a model made."""
    if not hasattr(source, "provenance"):
        return images
    marked = images.view(type(source))
    marked.provenance = dict(source.provenance)
    return marked


def provenance(path):
    """What a PNG says of its origin.

    Returns:
        A dict with `digital_source_type` and what the mark says (`keras_gen`, the version; `model`; `weights`;
        `seed`), or None without a mark. None proves nothing: any program that saves the image again drops the mark.

    Raises:
        ValueError: if the file is not an image.
    """
    try:
        with Image.open(path) as image:
            image.load()
            text = {**getattr(image, "text", {})}
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no such file. Received: {path}") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"This is not an image that can be read: {error}. Received: {path}") from None
    found = {}
    if DIGITAL_SOURCE_TYPE in text.get(XMP_KEY, ""):
        found["digital_source_type"] = "trainedAlgorithmicMedia"
    with contextlib.suppress(json.JSONDecodeError, TypeError):  # another program's text under our key
        found |= json.loads(text.get(JSON_KEY, "{}"))
    return found or None


def _mark(made_by):
    try:
        release = version("keras-gen")
    except PackageNotFoundError:  # run from a checkout that is not installed
        release = "unknown"
    info = PngImagePlugin.PngInfo()
    info.add_itxt(XMP_KEY, XMP)
    info.add_itxt(JSON_KEY, json.dumps({"keras_gen": release, **made_by}))
    return info
