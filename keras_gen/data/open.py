"""From what a user names to the source that holds it."""

from pathlib import Path

from keras_gen.data import sources
from keras_gen.data.folder import FolderSource
from keras_gen.data.prepared import PreparedSource

EMBEDDED = ("digits",)


def open_source(source, **options):
    """The source of a name, a folder or a file; see `kg.data.load`. One that is open comes back."""
    if isinstance(source, FolderSource):
        return source
    if str(source) in EMBEDDED:
        return sources.digits()
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
