"""Image grids and files. A file of generated images says so, and what made them."""

import contextlib
import io
import json
import math
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from keras_gen.face import names_of
from keras_gen.files import write_atomically

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
XMP_KEY = "XML:com.adobe.xmp"
JSON_KEY = "keras_gen"
EXIF_DESCRIPTION = 0x010E
XMP = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
<Iptc4xmpExt:DigitalSourceType>{DIGITAL_SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""
ANIMATIONS = (".gif", ".webp")
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
TITLE_SIZE = 14  # points
SMALLEST_TILE = 56  # pixels on a side; smaller images are enlarged by a whole factor
ABSENT = (
    "No mark of generation was found. That proves nothing: any program that saves an image again drops such marks, "
    "and most generators never write one."
)


def show(images: Any, columns: int | None = None, titles: str | Sequence[str] | None = None) -> Image.Image:
    """Images side by side as one picture, which a notebook displays; small ones are enlarged without smoothing.

    Args:
        images: (N, H, W, C) in [0, 1], C 1 or 3; also uint8, (N, H, W) of gray images, or one image, (H, W, C).
        columns: images per row; None for a picture about as wide as high.
        titles: a title above all; or a list with one for each image, above it, or one for each row, to its left.

    Returns:
        The picture, a `PIL.Image.Image`. Outside of a notebook `.show()` opens it and `.save(path)` writes it, without
        the marks of what a model made: `save_grid` writes those.

    Raises:
        ValueError: if the shape or range is another, or there are neither as many titles as images nor as rows.

    Example:
        >>> kg.images.show(kg.data.stack(kg.data.load("mnist_mini", "test", limit=20)), columns=10).size
        (582, 118)
    """
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[None] if images.shape[-1] in (1, 3) else images[..., None]
    if images.ndim != 4 or len(images) == 0 or images.shape[-1] not in (1, 3):
        raise ValueError(
            "`images` must be (N, H, W, C), (N, H, W) or (H, W, C), C 1 or 3, at least one. "
            f"Received: shape={images.shape}"
        )
    images = images / 255 if images.dtype == np.uint8 else images
    _check_range("images", images)
    columns = min(len(images), columns or math.ceil(math.sqrt(len(images))))
    picture = _picture(grid(images, columns))
    return picture if titles is None else _titled(picture, titles, len(images), columns)


def _titled(picture, titles, count, columns):
    """A picture of `count` images with what `show` calls titles."""
    rows = math.ceil(count / columns)
    width, height = (picture.width - 2) // columns, (picture.height - 2) // rows
    font = ImageFont.load_default(TITLE_SIZE)
    line, gap = TITLE_SIZE + 6, 8
    lengths = [math.ceil(font.getlength(title)) for title in ([titles] if isinstance(titles, str) else titles)]
    if isinstance(titles, str):
        canvas = Image.new(picture.mode, (max(picture.width, lengths[0] + gap), picture.height + line), "white")
        canvas.paste(picture, (0, line))
        texts = [(titles, (2, line // 2), "lm")]
    elif len(titles) == count:
        tile = max(width, *lengths) + 2
        canvas = Image.new(picture.mode, (columns * tile, rows * (height + line) + 2), "white")
        texts = []
        for i, title in enumerate(titles):
            row, column = divmod(i, columns)
            left, top = column * tile + (tile - width) // 2, row * (height + line)
            box = (column * width, row * height, (column + 1) * width + 2, (row + 1) * height + 2)
            canvas.paste(picture.crop(box), (left, top + line))
            texts.append((title, (left + width // 2, top + line // 2), "mm"))
    elif len(titles) == rows:
        margin = max(lengths) + 2 * gap
        canvas = Image.new(picture.mode, (picture.width + margin, picture.height), "white")
        canvas.paste(picture, (margin, 0))
        texts = [(title, (margin - gap, row * height + height // 2), "rm") for row, title in enumerate(titles)]
    else:
        raise ValueError(
            f"`titles` must be one for all, for each of the {count} images or for each of the {rows} rows. "
            f"Received: {len(titles)} titles"
        )
    for text, place, anchor in texts:
        ImageDraw.Draw(canvas).text(place, text, "black", font, anchor)
    return canvas


def save(images: np.ndarray, path: str | Path, columns: int | None = None) -> Path:
    """Writes images to what the path asks for.

    Args:
        images: (N, H, W, C) in [0, 1].
        path: a picture of all (.png, .jpg, .webp); an animation that shows one after the other (.gif); or, without an
            ending, a folder with a PNG file for each, 0000.png, 0001.png, ...
        columns: images per row of a picture.

    Returns:
        The path.

    Raises:
        ValueError: if images have another shape or range, or the ending is another.
    """
    path = Path(path)
    if path.suffix.lower() == ".gif":
        return save_animation(like(np.asarray(images)[None], images), path, seconds=0.5, back=False)
    if path.suffix:
        return save_grid(images, path, columns)
    for i, image in enumerate(np.asarray(images)):
        save_image(like(image, images), path / f"{i:04}.png")
    return path


def save_image(image: np.ndarray, path: str | Path, scale: int = 1) -> Path:
    """Writes one image as PNG, JPEG or WebP.

    An image that a model of this package made is marked as such: the IPTC digital source type
    "trainedAlgorithmicMedia" and a JSON of package version, model class, hash of the weights and seed.

    Args:
        image: (H, W, C) or (H, W) in [0, 1], C 1 or 3.
        path: a file ending in .png, .jpg, .jpeg or .webp; replaced whole or not at all. JPEG changes pixels a little.
        scale: whole factor by which to enlarge it, without smoothing.

    Returns:
        The path.

    Raises:
        ValueError: if the image's shape or range, or the ending of the path, is another.
    """
    path = Path(path)
    if path.suffix.lower() not in PICTURES:
        raise ValueError(f"`path` must end in {', '.join(PICTURES)}. Received: path={path}")
    content = as_bytes(image, path.suffix.lower(), scale)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda temporary: temporary.write_bytes(content))
    return path


def as_bytes(image: np.ndarray, suffix: str = ".png", scale: int = 1) -> bytes:
    """What `save_image` writes to a file of such an ending: to send a picture without a file."""
    options = _file_options(suffix, _marks(getattr(image, "provenance", None)))
    image = np.asarray(image)
    image = image[..., None] if image.ndim == 2 else image
    if image.ndim != 3 or image.shape[-1] not in (1, 3):
        raise ValueError(f"`image` must be (H, W), (H, W, 1) or (H, W, 3). Received: shape={image.shape}")
    _check_range("image", image)
    content = io.BytesIO()
    _picture(image, scale).save(content, **options)
    return content.getvalue()


def _file_options(suffix, marks):
    """What Pillow is told of a file and its marks, by its ending."""
    if suffix == ".png":
        info = PngImagePlugin.PngInfo()
        for key, text in marks.items():
            info.add_itxt(key, text)
        return {"format": "PNG", "pnginfo": info}
    exif = Image.Exif()
    if JSON_KEY in marks:
        exif[EXIF_DESCRIPTION] = marks[JSON_KEY]
    inside = {"exif": exif, "xmp": marks.get(XMP_KEY, "").encode()}
    if suffix == ".webp":
        return {"format": "WEBP", "lossless": True, **inside}
    return {"format": "JPEG", "quality": 95, "subsampling": 0, **inside}


def save_grid(images: np.ndarray, path: str | Path, columns: int | None = None, padding: int = 2) -> Path:
    """Writes images side by side as one picture, marked like `save_image`; small ones are enlarged to be seen.

    Args:
        images: (N, H, W, C) in [0, 1].
        path: a file, as of `save_image`.
        columns: images per row; None for a grid about as wide as high.
        padding: pixels between images.

    Returns:
        The path.
    """
    return save_image(grid(images, columns, padding), path)


def save_animation(
    walks: np.ndarray, path: str | Path, seconds: float = 0.12, back: bool = True, hold: float = 0.0
) -> Path:
    """Writes walks as an animation, all side by side, marked like `save_image`.

    Args:
        walks: (N, steps, H, W, C) in [0, 1].
        path: a file ending in .gif or .webp; replaced whole or not at all.
        seconds: for each step.
        back: whether to go back the same way, so that it does not jump.
        hold: for how many seconds the last step stays besides.

    Returns:
        The path.
    """
    path = Path(path)
    if path.suffix.lower() not in ANIMATIONS:
        raise ValueError(f"`path` must end in {' or '.join(ANIMATIONS)}. Received: path={path}")
    if np.ndim(walks) != 5 or np.size(walks) == 0:
        raise ValueError(f"`walks` must be (N, steps, H, W, C). Received: shape={np.shape(walks)}")
    _check_range("walks", walks)
    steps = [*range(walks.shape[1]), *(range(walks.shape[1] - 2, 0, -1) if back else ())]
    frames = [_picture(np.asarray(grid(walks[:, step]))) for step in steps]
    durations = [round(1000 * (seconds + hold * (step == walks.shape[1] - 1))) for step in steps]
    options = {"save_all": True, "append_images": frames[1:], "duration": durations, "loop": 0}
    marks = _marks(getattr(walks, "provenance", None))
    if path.suffix.lower() == ".webp":
        options |= _file_options(".webp", marks)
    else:
        options |= {"format": "GIF", "comment": json.dumps(marks).encode()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda temporary: frames[0].save(temporary, **options))
    return path


def grid(images: np.ndarray, columns: int | None = None, padding: int = 2) -> np.ndarray:
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


def rows(*groups) -> np.ndarray:
    """Stacks groups of N images as rows for a grid of N columns: the first group above the second, and so on.

    The result is marked as generated if any of the groups is.
    """
    marked = next((group for group in groups if hasattr(group, "provenance")), groups[0])
    return like(np.concatenate([np.asarray(group) for group in groups]), marked)


def like(images: np.ndarray, source: Any) -> np.ndarray:
    """`images` with the provenance of `source`, if it has one: for pictures composed of what a model made."""
    if not hasattr(source, "provenance"):
        return images
    marked = images.view(type(source))
    marked.provenance = dict(source.provenance)
    return marked


def provenance(path: str | Path) -> dict[str, Any] | None:
    """What a picture or animation says of its origin.

    Returns:
        A dict with `digital_source_type` and what the mark says (`keras_gen`, the version; `model`; `weights`;
        `seed`), or None without a mark. None proves nothing: any program that saves the image again drops the mark.

    Raises:
        ValueError: if the file is not an image.
    """
    try:
        with Image.open(path) as image:
            image.load()
            marks = _found_marks(image)
    except FileNotFoundError:
        raise FileNotFoundError(f"`path` must be a file that exists. Received: {path}") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"`path` must be an image that can be read: {error}. Received: {path}") from None
    found = {}
    if DIGITAL_SOURCE_TYPE in marks.get(XMP_KEY, ""):
        found["digital_source_type"] = "trainedAlgorithmicMedia"
    with contextlib.suppress(json.JSONDecodeError, TypeError):  # another program's text under our key
        found |= json.loads(marks.get(JSON_KEY) or "{}")
    return found or None


def _found_marks(image):
    """The marks in a file: of a PNG its text, of a WebP or JPEG its XMP and EXIF, of a GIF its comment."""
    if image.format == "PNG":
        return {**getattr(image, "text", {})}
    if image.format in ("WEBP", "JPEG"):
        xmp = image.info.get("xmp", b"").decode("utf-8", "replace")
        return {XMP_KEY: xmp, JSON_KEY: image.getexif().get(EXIF_DESCRIPTION)}
    with contextlib.suppress(ValueError):  # any text, not ours
        marks = json.loads(image.info.get("comment", b"{}"))
        return marks if isinstance(marks, dict) else {}
    return {}


def _marks(made_by):
    """The marks of what a model made, by key; none of what none made."""
    if not made_by:
        return {}
    try:
        release = version("keras-gen")
    except PackageNotFoundError:  # run from a checkout that is not installed
        release = "unknown"
    return {XMP_KEY: XMP, JSON_KEY: json.dumps({"keras_gen": release, **made_by})}


def _check_range(name, images):
    if not (np.min(images) >= 0 and np.max(images) <= 1):  # also false of NaN
        raise ValueError(f"`{name}` must lie in [0, 1]. Received: values in [{np.min(images)}, {np.max(images)}]")


def _picture(image, scale=1):
    """A Pillow image of (H, W, C) in [0, 1], enlarged by a whole factor."""
    pixels = np.rint(np.asarray(image, "float32") * 255).astype("uint8").repeat(scale, 0).repeat(scale, 1)
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


__dir__ = names_of(globals())
