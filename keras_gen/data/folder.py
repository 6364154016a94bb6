"""A folder of images, streamed: paths are kept, and pixels as they come by where they are few."""

import functools
import math
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps

from keras_gen.data.sources import Examples, Info, Source

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
MAX_KEPT_BYTES = 2**28  # of pixels: a split with no more is decoded once, which takes longer than small steps
MAX_PIXELS = 89_478_485  # pixels; beyond this Pillow warns of a decompression bomb
SPLITS = ("train", "validation", "test")


def read_image(path: Path, size: tuple[int, int] | None = None, channels: int | None = None) -> np.ndarray:
    """One image file as uint8 (H, W, channels): upright, in gray or RGB, cropped to the aspect of `size`.

    Transparent pixels are laid on white. Raises ValueError naming the file if it cannot be read whole.
    """
    try:
        with Image.open(path, formats=FORMATS) as file:
            image: Image.Image = file
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{image.width} x {image.height} pixels, more than {MAX_PIXELS:,}")
            if image.mode == "F":
                raise ValueError("pixels are floating-point numbers, of which the file does not say what is white")
            image = ImageOps.exif_transpose(image)
            gray = image.mode in ("1", "L", "LA", "La") or image.mode.startswith("I")
            if "A" in image.getbands() or "transparency" in image.info:
                image = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            if image.mode.startswith("I"):  # 16 bits per pixel: convert() would clip, not scale
                image = Image.fromarray((np.asarray(image, "float64") / 257).round().clip(0, 255).astype("uint8"))
            channels = channels or (1 if gray else 3)
            image = image.convert("L" if channels == 1 else "RGB")
            if size is not None and image.size != (size[1], size[0]):
                image = ImageOps.fit(image, (size[1], size[0]), Image.Resampling.LANCZOS)
            return np.asarray(image).reshape(image.height, image.width, channels)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        reason = str(error).replace(str(path), path.name) or type(error).__name__
        raise ValueError(f"{path}: {reason}") from None


class FolderSource(Source):
    """Images below a folder, at any depth.

    Where all images are in subfolders named train, validation or test, these are splits; else the whole folder is
    "train". The first folder level below is the class. Every file is read once before training, so that a bad one is
    named now and not in the middle of the night.

    Args:
        root: the folder.
        image_size: (H, W) to crop and resize to, None if all images have one size.
        channels: 1 or 3; None for gray if every image is gray, else RGB.
        on_error: "stop" lists the files that cannot be used; "skip" leaves them out and warns how many.
    """

    def __init__(self, root, image_size=None, channels=None, on_error="stop"):
        self.root, self.size, self.channels, self.on_error = root, image_size, channels, on_error
        top = {path.relative_to(root).parts[0] for path in self._list(root)}
        named = bool(top) and top <= set(SPLITS)
        folders = {name: root / name for name in SPLITS if name in top} if named else {"train": root}
        self.files = {split: self._list(folder) for split, folder in folders.items()}
        if not any(self.files.values()):
            raise ValueError(f"{root} must hold images ({', '.join(sorted(SUFFIXES))}). Received: a folder without any")
        classes = {path.relative_to(folders[s]).parts[0] for s, paths in self.files.items() for path in paths
                   if len(path.relative_to(folders[s]).parts) > 1}  # fmt: skip
        self.class_names = sorted(classes) or None
        self.folders = folders
        self._check()

    @staticmethod
    def _list(folder):
        return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())

    def _check(self):
        paths = [path for paths in self.files.values() for path in paths]
        with ThreadPoolExecutor() as pool, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # such files are named below
            shapes = dict(zip(paths, pool.map(lambda path: _shape(path, path.stat().st_mtime_ns), paths), strict=True))
        bad = {path: shape for path, shape in shapes.items() if isinstance(shape, str)}
        if bad and self.on_error == "stop":
            listed = "; ".join(list(bad.values())[:20]) + (f"; and {len(bad) - 20} more" if len(bad) > 20 else "")
            raise ValueError(
                f'{len(bad)} of {len(paths)} files cannot be read; mend them, or leave them out with on_error="skip". '
                f"Received: {listed}"
            )
        if bad:
            names = ", ".join(str(path.relative_to(self.root)) for path in list(bad)[:20])
            warnings.warn(f"Left out {len(bad)} of {len(paths)} files that cannot be read: {names}", stacklevel=5)
        self.files = {split: [path for path in files if path not in bad] for split, files in self.files.items()}
        good = {path: shape for path, shape in shapes.items() if path not in bad}
        if not good:
            raise ValueError(
                f"{self.root} must hold readable images. Received: {len(bad)} files, none of them readable"
            )
        self.channels = self.channels or max(channels for _, _, channels in good.values())
        if self.size is None:
            first, (height, width, _) = next(iter(good.items()))
            for path, (h, w, _) in good.items():
                if (h, w) != (height, width):
                    raise ValueError(
                        "Images of unequal size need `image_size`, for example image_size=64. "
                        f"Received: {first.name} of {height} x {width} and {path.name} of {h} x {w}"
                    )
            self.size = (height, width)

    @property
    def info(self) -> Info:  # type: ignore[override]  # `keep` changes it
        """What the folder holds."""
        return Info(
            str(self.root),
            (*self.size, self.channels),
            self.class_names and len(self.class_names),
            self.class_names,
            {split: len(files) for split, files in self.files.items()},
        )

    def keep(self, split: str, files: list[Path]) -> None:
        """Leaves nothing in a split but some of its files, in their order."""
        self.files[split] = files

    def open(self, split: str) -> Examples:
        paths, shape = self.files[split], self.info.data_shape
        labels = None
        if self.class_names:
            number = {name: i for i, name in enumerate(self.class_names)}
            first = [path.relative_to(self.folders[split]).parts[0] for path in paths]
            labels = np.array([number.get(name, -1) for name in first], "int64")

        kept = math.prod((len(paths), *shape)) <= MAX_KEPT_BYTES
        known, images = np.zeros(len(paths), bool), np.empty((len(paths) if kept else 0, *shape), "uint8")

        def read(indices):
            if not kept:
                return np.stack([read_image(paths[i], shape[:2], shape[2]) for i in indices])
            for i in indices:
                if not known[i]:
                    images[i] = read_image(paths[i], shape[:2], shape[2])
                    known[i] = True
            return images[indices]

        def fetch(indices):
            images = tf.numpy_function(read, [indices], tf.uint8, stateful=False)
            return tf.ensure_shape(images, (None, *shape))

        return Examples(len(paths), fetch, labels)


@functools.cache  # one look at each file, however many splits and parts are opened
def _shape(path, modified):
    """(H, W, channels) of a file read whole, or the sentence of what is wrong with it."""
    try:
        return read_image(path).shape
    except ValueError as error:
        return str(error)
