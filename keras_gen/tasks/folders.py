"""A folder of images through a model that translates, file by file."""

import warnings
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_gen import images
from keras_gen.data.image_files import SUFFIXES, read_image, white_of
from keras_gen.data.layout import walk


def translate_folder(
    model: keras.Model,
    source: str | Path,
    out: str | Path,
    *,
    on_error: str = "stop",
    channels: int | None = None,
    verbose: int = 1,
    **options,
) -> int:
    """Translates every image file below a folder, one at a time, each in its own size, into a folder of PNG files.

    `source/a/b.jpg` becomes `out/a/b.png`, marked as generated; nothing that exists is overwritten, and with
    on_error="skip" what exists counts as done.

    Args:
        model: a model that translates.
        source: folder of images.
        out: folder for the translations; made where it does not exist.
        on_error: "stop" at a file that cannot be read or whose size or channels the model does not take, or "skip" it
            with a warning that names all such files.
        channels: 1 or 3, to turn files into gray or colour images before; None for as they are.
        verbose: 1 for a progress bar.
        **options: of the model's `translate`, such as `direction="backward"`.

    Returns:
        How many files were written.

    Raises:
        NotImplementedError: if the model does not translate.
        ValueError, FileNotFoundError: if the folder is none, holds no images, a file stops it or all are left out; what
            was written until then stays.
        FileExistsError: with on_error="stop", if a file of a translation is there already.
    """
    source, out = Path(source), Path(out)
    if "translate" not in model.offers:
        model.translate(None)  # says what it does instead
    if on_error not in ("stop", "skip"):
        raise ValueError(f"`on_error` must be 'stop' or 'skip'. Received: on_error={on_error!r}")
    if not source.is_dir():
        raise FileNotFoundError(f"`source` must be a folder of images. Received: {source}, which is none")
    if out.resolve() == source.resolve():
        raise ValueError(f"`out` must be a folder of its own. Received: source and out {out}")
    written = out.resolve() if source.resolve() in out.resolve().parents else None  # by a former call: no input
    # Names only; pixels are read one file at a time.
    files = [path for path in walk(source).files if written is None or written not in path.resolve().parents]
    if not files:
        raise ValueError(f"{source} must hold images ({', '.join(sorted(SUFFIXES))}). Received: a folder without any")
    targets: dict[Path, Path] = {}
    for path in files:
        target = out / path.relative_to(source).with_suffix(".png")
        if target in targets:
            raise ValueError(
                f"Names must differ by more than their endings: rename one, since both would become {target}. "
                f"Received: {targets[target]} and {path}"
            )
        if target.exists() and on_error == "stop":
            raise FileExistsError(
                "Files cannot be overwritten: choose another folder, or on_error='skip' to go on with the rest. "
                f"Received: {target}, which exists"
            )
        targets[target] = path
    done = [target for target in targets if target.exists()]
    progress = keras.utils.Progbar(len(targets), unit_name="image", verbose=verbose)
    white = white_of(files)
    left_out = []
    for i, (target, path) in enumerate(targets.items()):
        if target in done:
            progress.update(i + 1)
            continue
        try:
            image = read_image(path, channels=channels, white=white)
            translated = model.translate(_as_batch(image), **options)
        except (ValueError, tf.errors.OpError) as error:
            sentence = str(error) if str(path) in str(error) else f"{path}: {error}"
            if on_error == "stop":
                raise ValueError(
                    f"{sentence} ({i} of {len(targets)} files were translated; "
                    'on_error="skip" leaves such files out and goes on)'
                ) from None
            left_out.append(sentence)
        else:
            images.save_image(translated[0], target)
        progress.update(i + 1)
    if left_out:
        listed = "; ".join(left_out[:20]) + (f"; and {len(left_out) - 20} more" if len(left_out) > 20 else "")
        if len(left_out) == len(targets):
            raise ValueError(
                f"Files must be images that the model can translate, and none of {len(targets)} is. Received: {listed}"
            )
        warnings.warn(f"Left out {len(left_out)} of {len(targets)} files: {listed}", stacklevel=2)
    if done:
        warnings.warn(f"{len(done)} of {len(targets)} files were there already", stacklevel=2)
    return len(targets) - len(left_out) - len(done)


def _as_batch(image):
    """uint8 (H, W, C) -> float32 (1, H, W, C) in [0, 1]."""
    return image[None].astype(np.float32) / np.float32(255)
