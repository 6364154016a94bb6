"""What a folder of images is, told by names alone: splits, classes, masks, and what is left out.

`walk` finds the files; `recognise` says what their folders mean.
"""

import itertools
import os
import re
from collections import Counter, deque
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from keras_gen.data.image_files import SUFFIXES, UNREAD_SUFFIXES

ClassesFrom = Literal["first", "last"]
Folders = tuple[str, ...]  # names of folders, from the outermost to the one of a file

SPLITS = ("train", "validation", "test")
KIN = {
    "train": ("train", "training", "trainset"),
    "validation": ("validation", "val", "valid", "validate", "valset", "dev"),
    "test": ("test", "testing", "tests", "testset"),
}
SPLIT_OF = {name: split for split, names in KIN.items() for name in names}
GROUND_TRUTH = {"ground_truth", "groundtruth", "gt"}  # masks, whatever lies beside them
MASKS = {"mask", "masks"}  # masks beside splits or `images`; else, beside `no_mask`, a class
IMAGES = {"image", "images", "img", "imgs"}
# What computers leave in folders, beside the names that begin with a point.
CLUTTER = {"__macosx", "__pycache__", "$recycle.bin", "system volume information", "@eadir", "lost+found", "thumbs"}
MAX_NAMES = 5  # in a list of examples


class Walk(NamedTuple):
    """What lies below a folder: image files and links to nothing, sorted; folders; why some names were left out; and
    how many files there are of each suffix of images that is not read."""

    files: list[Path]
    folders: list[Path]
    left_out: dict[str, str]
    unread: Counter


class Layout(NamedTuple):
    """What the folders mean: split -> file -> the names of its folders within the split, without those around all of
    it; and what to tell of the rest."""

    splits: dict[str, dict[Path, Folders]]
    notes: list[str]


def walk(root: Path) -> Walk:
    """All below a folder, hidden names left out. Links are followed; each folder is read once, so that loops end."""
    files, folders, left_out, unread = [], [], {}, Counter[str]()
    seen, real, links = set(), deque([root]), deque[Path]()
    while real or links:  # links last: a folder is read under its own name, where it has one below the root
        folder = real.popleft() if real else links.popleft()
        target = os.path.realpath(folder)
        if target in seen:
            left_out[str(folder.relative_to(root))] = "links to what is read already"
            continue
        seen.add(target)
        folders.append(folder)
        for name in sorted(os.listdir(folder)):
            path, suffix = folder / name, Path(name).suffix.lower()
            link, is_folder = path.is_symlink(), os.path.isdir(path)
            if name.startswith(".") or name.casefold() in CLUTTER:
                if is_folder or suffix in SUFFIXES:
                    left_out[str(path.relative_to(root))] = "hidden"
            elif is_folder:
                (links if link else real).append(path)
            elif suffix in SUFFIXES or (link and not os.path.exists(path)):
                files.append(path)
            elif suffix in UNREAD_SUFFIXES:
                unread[suffix] += 1
    return Walk(sorted(files), folders, left_out, unread)


def recognise(root: Path, found: Walk, split_folders: bool | None = None) -> Layout:
    """What the folders below a root mean.

    Args:
        root: the folder.
        found: what lies below it.
        split_folders: whether folders named like splits are splits; None to refuse what can be read in two ways.

    Raises:
        ValueError: if folders named like splits have other images beside them, or two of them are of one split; and
            with split_folders=True, if there are none.
    """
    below = {path: path.relative_to(root).parts[:-1] for path in found.files}
    children = _children(below.values())
    split_of = {} if split_folders is False else _split_folders(children)
    if split_folders and not split_of:
        raise ValueError(
            f"With split_folders=True there must be folders named {', '.join(SPLITS)} or the like. Received: {root}"
        )
    places = {folders[:-1] for folders in split_of}  # where split folders lie
    masks = {
        (*place, name)
        for place, names in children.items()
        for name in (names if split_folders is not False else ())
        if (name.casefold() in GROUND_TRUTH and len(names) > 1)
        or (name.casefold() in MASKS and (place in places or any(other.casefold() in IMAGES for other in names)))
    }
    splits: dict[str, dict[Path, Folders]] = {}
    beside, around = [], _common_length(places)
    for path, folders in below.items():
        starts = [folders[: n + 1] for n in range(len(folders))]
        if any(start in masks for start in starts):
            continue
        start = next((start for start in starts if start in split_of), None)
        if start is not None:
            within = (*start[around:-1], *folders[len(start) :])
            splits.setdefault(split_of[start], {})[path] = within
        elif split_of:
            beside.append(path.relative_to(root))
        else:
            splits.setdefault("train", {})[path] = folders
    twice = [name for name, count in Counter((f[:-1], split) for f, split in split_of.items()).items() if count > 1]
    if split_folders is None and (beside or twice):
        _refuse(root, split_of, beside)
    reasons = {"/".join(folders): "masks" for folders in sorted(masks)} | found.left_out
    notes = []
    for reason in dict.fromkeys(reasons.values()):
        names = dict.fromkeys(Path(name).name for name, why in reasons.items() if why == reason)
        notes.append(f"{listed(names)} left out: {reason}")
    if beside:
        notes.append(f"{len(beside):,} images beside the splits left out: {listed(map(str, beside))}")
    empty = _without_images(root, found)
    if empty:
        notes.append(f"{len(empty)} empty folder{'s' * (len(empty) > 1)}: {listed(empty)}")
    return Layout({split: splits[split] for split in SPLITS if split in splits}, notes)


def classes_of(splits: dict[str, dict[Path, Folders]], level: ClassesFrom = "first") -> dict[Path, str | None]:
    """The class of each file: the first folder within its split, or the last; None of a file in none.

    A folder around all of a split is no class where what it holds branches, as `photos` in `photos/cat` and
    `photos/dog`, or where it is called `images`.
    """
    outermost = {split: {folders[0] for folders in files.values() if folders} for split, files in splits.items()}
    classes: dict[Path, str | None] = {}
    known: set[str] = set()
    for split in sorted(splits, key=lambda split: -len(outermost[split])):  # who tells most, first
        start = _around(list(splits[split].values()), known)
        known |= {folders[start] for folders in splits[split].values() if len(folders) > start}
        for path, folders in splits[split].items():
            classes[path] = folders[start:][0 if level == "first" else -1] if folders[start:] else None
    return classes


def natural(name: str) -> tuple:
    """Key to sort names by, numbers in them by size: 2 before 10."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(int(part), "") if i % 2 else (-1, part) for i, part in enumerate(parts)], name


def listed(names: Iterable[str], limit: int = MAX_NAMES) -> str:
    """ "a, b and 3 more"."""
    names = list(names)
    return ", ".join(names[:limit]) + (f" and {len(names) - limit:,} more" if len(names) > limit else "")


def _children(all_folders):
    """Folder -> the names of the folders in it that have images below them."""
    children: dict[Folders, set[str]] = {}
    for folders in set(all_folders):
        for n, name in enumerate(folders):
            children.setdefault(folders[:n], set()).add(name)
    return children


def _split_folders(children):
    """Folder -> split, of the outermost folders that are named like splits."""
    found: dict[Folders, str] = {}
    for place in sorted(children, key=lambda place: (len(place), place)):
        if not any(place[: n + 1] in found for n in range(len(place))):
            found |= {(*place, name): split for name, split in _splits_among(children[place]).items()}
    return found


def _splits_among(names):
    """Name -> split, of folders side by side.

    A name that says no more than a split is one. Those that say more, such as train2017, seg_train or "Test Set", are
    where there are several side by side, train among them.
    """
    by_word = {}
    for name in sorted(names):
        words = re.split(r"[^A-Za-z]+|(?<=[a-z])(?=[A-Z])", name)
        splits = {SPLIT_OF[word.casefold()] for word in words if word.casefold() in SPLIT_OF}
        if len(splits) == 1:
            by_word[name] = splits.pop()
    if "train" in by_word.values() and len(set(by_word.values())) > 1:
        return by_word
    return {name: SPLIT_OF[name.casefold()] for name in names if name.casefold() in SPLIT_OF}


def _around(all_folders, known):
    """How many folders lie around all files of a split without being their class; `known` classes are never skipped."""
    depth = _common_length(all_folders)
    for n in range(depth + 1):
        if known & {folders[n] for folders in all_folders if len(folders) > n}:
            return n
    if any(len(folders) > depth for folders in all_folders):
        return depth if all(len(folders) > depth for folders in all_folders) else 0
    return next((n + 1 for n in range(depth) if all_folders[0][n].casefold() in IMAGES), 0)


def _common_length(all_folders):
    """How many folders all have in common, from the outermost on."""
    return sum(1 for _ in itertools.takewhile(lambda names: len(set(names)) == 1, zip(*all_folders, strict=False)))


def _refuse(root, split_of, beside):
    """Folders named like splits, and others: which of the two was meant?"""
    named = listed(sorted("/".join(folders) for folders in split_of), 8)
    counts = Counter(path.parts[0] if len(path.parts) > 1 else str(path) for path in beside)
    others = f", and beside them {len(beside):,} images: {listed(counts)}" if beside else ""
    raise ValueError(
        "It must be clear whether folders named like splits are splits. With split_folders=True (--split-folders) "
        f"they are, {'and what is beside them is left out' if beside else 'those of one split together'}; with "
        "split_folders=False (--no-split-folders) they are classes like any other. Or name one folder alone. "
        f"Received: {root} with {named}{others}"
    )


def _without_images(root, found):
    """Folders without an image below, the outermost of each."""
    full = {folder for path in found.files for folder in path.parents}
    empty = {folder for folder in found.folders if folder not in full and folder != root}
    names = [str(folder.relative_to(root)) for folder in empty if folder.parent not in empty]
    return sorted(names, key=natural)
