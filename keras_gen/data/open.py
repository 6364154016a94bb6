"""From what a user names to the source that holds it."""

from pathlib import Path
from typing import Any

from keras_gen.data import sources
from keras_gen.data.folder import FolderSource
from keras_gen.data.prepared import PreparedSource

EMBEDDED = {"digits": sources.digits, "mnist_mini": sources.mnist_mini}


def opened(
    source: Any, image_size: int | tuple[int, int] | None = None, channels: int | None = None, on_error: str = "stop"
) -> sources.Source:
    """A source to read from, as often as wanted: the one of `load`, looked at now. One that is open comes back."""
    if isinstance(source, sources.Source):
        return source
    return open_source(source, image_size=as_size(image_size), channels=channels, on_error=on_error)


def open_source(source: Any, **options) -> sources.Source:
    """The source of a name, a folder or a file; see `kg.data.load`."""
    if str(source) in EMBEDDED:
        return EMBEDDED[str(source)]()
    path = Path(source).expanduser()
    if path.is_dir():
        return FolderSource(path, **options)
    if path.suffix in (".npy", ".npz"):
        if not path.is_file():
            raise FileNotFoundError(f"There is no such file. Received: {source}")
        return sources.array_file(path)
    if path.exists():
        raise ValueError(f"A file of data must be .npy or .npz. Received: {source}")
    if str(source) == "glyphs":
        import keras_gen.data.rendered  # noqa: F401  TensorFlow Datasets knows builders that have been imported
    return PreparedSource(str(source))


def as_size(image_size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """(height, width) of an `image_size`, None of None."""
    if image_size is None:
        return None
    pair = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(pair) != 2 or not all(isinstance(side, int) and side >= 1 for side in pair):
        raise ValueError(f"`image_size` must be a side or (height, width). Received: image_size={image_size}")
    return pair
