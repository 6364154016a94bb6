"""What comes from elsewhere: shipped models that are not in the installation, and the Hugging Face Hub.

A file is fetched once, checked by its SHA-256, and kept in a cache; what is not whole is not kept.
"""

import contextlib
import hashlib
import http.client
import json
import os
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from keras_gen.extras import needed
from keras_gen.files import write_atomically
from keras_gen.version import HOME, __version__

FOLDERS = [Path(__file__).parent / "saved_models", Path(__file__).parents[1] / "saved_models"]  # wheel, checkout
TIMEOUT = 30  # seconds without a byte
CHUNK = 1 << 16  # bytes
HUB = "hf://"


def sha256_of(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# === Shipped models ===


class Shipped(NamedTuple):
    """A shipped model or detector, as index.json describes it.

    Args:
        name: to load it by.
        file: its name.
        size: in bytes.
        sha256: in hexadecimal digits.
    """

    name: str
    file: str
    size: int
    sha256: str

    @property
    def path(self) -> Path | None:
        """Where it is: in the installation, beside the checkout or in the cache; None if it would be fetched."""
        places = [*(folder / self.file for folder in FOLDERS), self.kept]
        return next((path for path in places if path.is_file()), None)

    @property
    def kept(self) -> Path:
        """Where it is kept once it is fetched."""
        return cache() / self.file

    @property
    def is_kept(self) -> bool:
        """Whether it is kept, whole, and not that of another version."""
        return self.kept.is_file() and sha256_of(self.kept) == self.sha256

    @property
    def url(self) -> str:
        """Where it is fetched from: the release of this version, or a mirror, KERAS_GEN_RELEASES, URL or folder."""
        base = os.environ.get("KERAS_GEN_RELEASES") or f"{HOME}/releases/download/v{__version__}"
        if "://" not in base:
            base = Path(base).expanduser().resolve().as_uri()
        return f"{base.rstrip('/')}/{self.file}"

    @property
    def card(self) -> Path | None:
        """Its card, which is part of every installation."""
        places = (folder / f"{self.name}.md" for folder in FOLDERS)
        return next((path for path in places if path.is_file()), None)


def cache() -> Path:
    """The folder of what is fetched: KERAS_GEN_CACHE, or ~/.cache/keras_gen."""
    return Path(os.environ.get("KERAS_GEN_CACHE") or "~/.cache/keras_gen").expanduser()


def shipped(suffix: str = ".keras") -> dict[str, Shipped]:
    """The models that come with the package, or its detectors, ".zip"; here or to be fetched. Name -> `Shipped`."""
    index = next((folder / "index.json" for folder in FOLDERS if (folder / "index.json").is_file()), None)
    entries = [] if index is None else [Shipped(**entry) for entry in json.loads(index.read_text())]
    return {entry.name: entry for entry in entries if entry.file.endswith(suffix)}


def fetched(entry: Shipped) -> Path:
    """The file of a shipped model; from the project's releases where it is not here yet.

    Raises:
        ConnectionError: if it cannot be fetched.
        ValueError: if what was fetched is another file; it is not kept.
    """
    path = entry.path
    if path is not None and (path != entry.kept or entry.is_kept):
        return path
    try:
        entry.kept.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(entry.kept.with_name(f"{entry.file}.lock")):  # of two processes one fetches
            if not entry.is_kept:
                write_atomically(entry.kept, lambda temporary: _fetch(entry, temporary))
    except (OSError, http.client.HTTPException) as error:
        there = ", in place of what is there, which is another file" if entry.kept.is_file() else ""
        raise ConnectionError(
            f"{entry.file} ({megabytes(entry.size)}) does not come with the installation, and could not be fetched "
            f"({getattr(error, 'reason', error)}). Without network, get {entry.url} elsewhere and put it to "
            f"{entry.kept}{there}; KERAS_GEN_CACHE names another folder. Received: {entry.name}"
        ) from None
    return entry.kept


def _fetch(entry, path):
    """Fetches a file of exactly the right bytes, with a bar on a terminal's standard error."""
    from rich.console import Console
    from rich.progress import wrap_file

    with (
        urllib.request.urlopen(entry.url, timeout=TIMEOUT) as response,
        wrap_file(response, entry.size, description=entry.file, console=Console(stderr=True), transient=True) as body,
        open(path, "wb") as file,
    ):
        while chunk := body.read(CHUNK):
            file.write(chunk)
    size = path.stat().st_size
    if size < entry.size:
        raise ConnectionError(f"it broke off after {size:,} of {entry.size:,} bytes")
    if sha256_of(path) != entry.sha256:
        raise ValueError(
            f"What is fetched must have the SHA-256 {entry.sha256[:12]}... that this version knows; it is not kept. "
            f"Received: another file from {entry.url}"
        )


def megabytes(size: int) -> str:
    """4332449 -> "4.3 MB"."""
    return f"{size / 1e6:.1f} MB"


# === The Hugging Face Hub ===


def is_elsewhere(name: str | Path) -> bool:
    """Whether a model is named that is no file here: "hf://user/name", or a shipped one."""
    return str(name).startswith(HUB) or str(name) in {**shipped(".keras"), **shipped(".zip")}


def from_hub(name: str, *files: str) -> Path:
    """A folder with files of a repository; fetched once, by huggingface_hub into its own cache.

    Args:
        name: "hf://user/name", or "hf://user/name@revision", a branch, tag or commit.
        *files: names of those that are needed, where they are there.

    Raises:
        ValueError: if it is not such a name.
        OSError: if there is no such repository or revision, or it cannot be reached.
    """
    repository, _, revision = name.removeprefix(HUB).partition("@")
    check_repository(repository)
    hub = needed("huggingface_hub", "hub", "A model of the Hugging Face Hub")
    with in_sentences(repository, revision):
        return Path(
            hub.snapshot_download(
                repository,
                revision=revision or None,
                allow_patterns=list(files),
                endpoint=endpoint(),
                library_name="keras_gen",
                library_version=__version__,
            )
        )


def endpoint() -> str | None:
    """The Hub, or what stands in its place: HF_ENDPOINT."""
    return os.environ.get("HF_ENDPOINT") or None


def check_repository(name: str) -> None:
    """Raises a ValueError if it is not the name of a repository, "user/name"."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise ValueError(f'A repository of the Hub is named "user/name". Received: {name}')


@contextlib.contextmanager
def in_sentences(repository: str, revision: str = "", ending: str = "") -> Iterator[None]:
    """Turns what huggingface_hub raises into one sentence, with an ending if it can be tried again."""
    from huggingface_hub import errors

    received = f"Received: {repository}{'@' if revision else ''}{revision}"
    login = "log in by `hf auth login`, or set HF_TOKEN"
    try:
        yield
    except errors.GatedRepoError:
        raise PermissionError(
            f"This repository asks for consent: give it on its page, then {login}. {received}"
        ) from None
    except errors.RevisionNotFoundError:
        raise FileNotFoundError(f"The repository has no such branch, tag or commit. {received}") from None
    except errors.RepositoryNotFoundError:
        raise FileNotFoundError(
            f"There is no such repository, or it is private and the token does not open it: {login}. {received}"
        ) from None
    except errors.HFValidationError as error:
        raise ValueError(f"{' '.join(str(error).split()).rstrip('.')}. {received}") from None
    # Of connections, of the storage that files go to, and of disks; `HTTPError` is that of its client library.
    except (errors.HTTPError, getattr(errors, "XetDownloadError", OSError), RuntimeError, OSError) as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status in (401, 403):
            raise PermissionError(
                f"The Hub refuses it ({status}): {login}, with a token that may. {received}"
            ) from None
        reason = str(error.__cause__ or error).strip().split("\n")[0].rstrip(".")
        raise ConnectionError(
            f"The Hub could not be reached, or did not answer ({reason}){ending}. {received}"
        ) from None
