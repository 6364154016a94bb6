"""A folder of images, streamed: paths are kept, and pixels as they come by where they are few."""

import copy
import functools
import math
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import numpy as np
import tensorflow as tf
from PIL import Image

from keras_gen.data import layout
from keras_gen.data.image_files import SUFFIXES, WHITES, Half, Look, look_at, read_image, white_of
from keras_gen.data.sources import Examples, Info, Source

MAX_KEPT_BYTES = 2**28  # of pixels: a split with no more is decoded once, which takes longer than small steps


class FolderSource(Source):
    """Images below a folder, at any depth: see `layout` for what its folders mean.

    Every file is read once before training, so that a bad one is reported at once.

    Args:
        root: the folder.
        image_size: (H, W) to crop and resize to, None if all images have one size.
        channels: 1 or 3; None for gray if every image is gray, else RGB.
        on_error: "stop" lists the files that cannot be used; "skip" leaves them out and warns how many.
        split_folders: whether folders named like splits are splits; None to refuse what can be read in two ways.
        classes_from: "first" or "last", the folder within a split that is the class; None for the first.
    """

    def __init__(self, root, image_size=None, channels=None, on_error="stop", split_folders=None, classes_from=None):
        self.root, self.size, self.channels, self.on_error = root, image_size, channels, on_error
        self.half: Half | None = None
        self.ending = ""  # of the names, without suffix, of the files of a view
        found = layout.walk(root)
        unread = ", ".join(f"{count:,} {suffix}" for suffix, count in sorted(found.unread.items()))
        if not found.files:
            also = f", but {unread} files, which are not read" if unread else ""
            raise ValueError(
                f"{root} must hold images ({', '.join(sorted(SUFFIXES))}). Received: a folder without any{also}"
            )
        splits, self.notes = layout.recognise(root, found, split_folders)
        if unread:
            self._tell(f"not read: {unread} files")
        self.names = {path: Path(*folders, path.name) for files in splits.values() for path, folders in files.items()}
        self.files = self._check({split: list(files) for split, files in splits.items()})
        readable = {path for files in self.files.values() for path in files}
        self._class_of = layout.classes_of(
            {split: {p: f for p, f in files.items() if p in readable} for split, files in splits.items()},
            classes_from or "first",
        )
        self.class_names = sorted({name for name in self._class_of.values() if name}, key=layout.natural) or None
        self._note_classes(splits, classes_from)

    def _tell(self, note):
        """Takes a note that nobody may miss."""
        self.notes.append(note)
        warnings.warn(f"{self.root}: {note}", stacklevel=6)

    def _note_classes(self, splits, classes_from):
        if self.class_names is None:
            return
        without = sum(name is None for name in self._class_of.values())
        if without:
            self.notes.append(f"{without:,} images in no class")
        last = {name for name in layout.classes_of(splits, "last").values() if name}
        if classes_from is None and last != set(self.class_names):
            self.notes.append(f'the first level of folders is the class (classes_from="last" makes {len(last):,})')

    def _check(self, files):
        """The files that can be read, after a look at each."""
        paths = [path for paths in files.values() for path in paths]
        with ThreadPoolExecutor() as pool, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # such files are named below
            looks = dict(zip(paths, pool.map(look_at, paths), strict=True))
        self.looks = {path: look for path, look in looks.items() if isinstance(look, Look)}
        bad = {path: look for path, look in looks.items() if isinstance(look, str)}
        if bad and self.on_error == "stop":
            listed = "; ".join(list(bad.values())[:20]) + (f"; and {len(bad) - 20} more" if len(bad) > 20 else "")
            raise ValueError(
                f'{len(bad)} of {len(paths)} files cannot be read; mend them, or leave them out with on_error="skip". '
                f"Received: {listed}"
            )
        if bad:
            names = ", ".join(str(path.relative_to(self.root)) for path in list(bad)[:20])
            warnings.warn(f"Left out {len(bad)} of {len(paths)} files that cannot be read: {names}", stacklevel=5)
            self.notes.append(f"{len(bad):,} files that cannot be read left out")
        if not self.looks:
            raise ValueError(
                f"{self.root} must hold readable images. Received: {len(bad)} files, none of them readable"
            )
        frames = [path.name for path, look in self.looks.items() if look.frames]
        if frames:
            self._tell(f"of {len(frames):,} files with several frames the first is taken: {layout.listed(frames)}")
        whole = [path for path, look in self.looks.items() if look.largest is not None]
        self.white = white_of(whole)
        if self.white != WHITES[-1]:
            largest = max(self.looks[path].largest for path in whole)
            self._tell(
                f"{len(whole):,} files of 16 or 32 bits hold whole numbers up to {largest:,}: {self.white:,} is white"
            )
        deep = [look.upper for look in self.looks.values() if look.upper is not None]
        if deep and max(deep) < 16:
            self._tell(
                f"{len(deep):,} files of 16 bits per colour hold no more than 12: they are dark, since only "
                "the upper 8 are read; save them with 8"
            )
        kept = {split: [path for path in paths if path in self.looks] for split, paths in files.items()}
        return {split: paths for split, paths in kept.items() if paths}

    @functools.cached_property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of the images."""
        looks = {path: self.looks[path] for paths in self.files.values() for path in paths}
        channels = self.channels or max((look.channels for look in looks.values()), default=1)
        if self.size is not None:
            return *self.size, channels
        sizes: dict[tuple[int, int], Path] = {}
        for path, look in looks.items():
            sizes.setdefault((look.height, look.width), path)
        (height, width), *others = sizes
        if others:
            (h, w), first = others[0], sizes[height, width]
            raise ValueError(
                "Images of unequal size need `image_size`, for example image_size=64. "
                f"Received: {first.name} of {height} x {width} and {sizes[h, w].name} of {h} x {w}"
            )
        return height, width // (1 if self.half is None else 2), channels

    @property
    def info(self) -> Info:  # type: ignore[override]  # `keep` changes it
        """What the folder holds."""
        return Info(
            str(self.root),
            self.shape,
            self.class_names and len(self.class_names),
            self.class_names,
            {split: len(files) for split, files in self.files.items()},
        )

    def classes_in(self, split: str) -> int:
        """How many classes there are in a split, 0 without any."""
        return len({self._class_of[path] for path in self.files.get(split, ())} - {None})

    def keep(self, split: str, files: list[Path]) -> None:
        """Leaves nothing in a split but some of its files, in their order."""
        self.files[split] = files
        vars(self).pop("shape", None)

    def view(self, half: Half | None = None, ending: str = "", but: str | None = None) -> Self:
        """The folder over again, with one half of each image, or with some of its files.

        Args:
            half: "left" or "right", of two images side by side.
            ending: of the names of the files, without suffix.
            but: ending of the names of those that are not meant.
        """
        other = copy.copy(self)
        vars(other).pop("shape", None)
        other.half, other.ending = half, ending
        if half is not None:
            self._check_halves()
        other.files = {
            split: [path for path in paths if path.stem.endswith(ending) and not (but and path.stem.endswith(but))]
            for split, paths in self.files.items()
        }
        for split, paths in other.files.items():
            if not paths:
                wanted = f"a name that ends in {ending}" if ending else f"a name that does not end in {but}"
                names = layout.listed(path.name for path in self.files[split])
                raise ValueError(
                    f"In each split a file must have {wanted}. Received: {split} of {self.root} with {names}"
                )
        return other

    def _check_halves(self):
        """That each image can be two side by side."""
        for paths in self.files.values():
            for path in paths:
                look = self.looks[path]
                if look.width % 2 or look.width <= look.height:
                    raise ValueError(
                        "Two images side by side must be as wide as each other, and together wider than high. "
                        f"Received: {path} of {look.height} x {look.width}"
                    )

    def by_name(self, split: str) -> dict[str, Path]:
        """Name within the split, without suffix and the ending of a view -> file."""
        found: dict[str, Path] = {}
        for path in self.files[split]:
            name = str(self.names[path].with_suffix("")).removesuffix(self.ending)
            if name in found:
                raise ValueError(
                    f"Of two files of one name it is not known which to pair. Received: {found[name]}, {path}"
                )
            found[name] = path
        return found

    def open(self, split: str) -> Examples:
        paths, shape = self.files[split], self.shape
        labels = None
        if self.class_names:
            number = {name: i for i, name in enumerate(self.class_names)}
            labels = np.array([number.get(self._class_of[path], -1) for path in paths], "int64")

        kept = math.prod((len(paths), *shape)) <= MAX_KEPT_BYTES
        known, images = np.zeros(len(paths), bool), np.empty((len(paths) if kept else 0, *shape), "uint8")

        def read_one(i):
            return read_image(paths[i], shape[:2], shape[2], self.white, self.half)

        def read(indices):
            if not kept:
                return np.stack([read_one(i) for i in indices])
            for i in indices:
                if not known[i]:
                    images[i] = read_one(i)
                    known[i] = True
            return images[indices]

        def fetch(indices):
            images = tf.numpy_function(read, [indices], tf.uint8, stateful=False)
            return tf.ensure_shape(images, (None, *shape))

        return Examples(len(paths), fetch, labels)
