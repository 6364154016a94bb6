"""To the Hugging Face Hub: a preset, as one commit."""

import json
import tempfile
from pathlib import Path
from typing import Any

from keras_gen import saving, tasks
from keras_gen.core.presets import Shared
from keras_gen.downloads import HUB, check_repository, endpoint, in_sentences
from keras_gen.extras import needed
from keras_gen.hub.card import PLACE
from keras_gen.saving import DETECTOR, METADATA, MODEL
from keras_gen.version import __version__

FILES = (MODEL, DETECTOR, "README.md", METADATA, "preview.png")


def push(
    source: Any,
    repository: str,
    *,
    private: bool | None = None,
    revision: str | None = None,
    message: str | None = None,
    token: str | None = None,
    **card: Any,
) -> str:
    """Puts a model on the Hugging Face Hub, with its card and picture, as one commit: all of it or nothing.

    The repository is made if there is none. In one that there is, files of the same names get a new version.

    Args:
        source: a model or a detector; a folder that `save_to_preset` wrote; a run folder; or a file.
        repository: "user/name", or "organization/name".
        private: whether only you can see it; None for the Hub's default of a new one, or as it is.
        revision: a branch, made if there is none; None for main.
        message: of the commit.
        token: that may write; None for that of `hf auth login` or HF_TOKEN.
        **card: `data`, `metrics`, `limits`, `license`, `examples`, `preview`, `optimizer` of `save_to_preset`; of a
            preset, whose card is written, none.

    Returns:
        The address of the commit.

    Raises:
        OSError: if the Hub refuses it, or cannot be reached: then nothing has changed there.
        ValueError: if `repository` is no such name, or a private one is asked for and it is public.

    Example:
        >>> model.save_to_preset("digits")  # doctest: +SKIP
        >>> kg.hub.push("digits", "user/digits", private=True)  # doctest: +SKIP
    """
    check_repository(repository)
    hub = needed("huggingface_hub", "hub", "Pushing to the Hugging Face Hub")
    with tempfile.TemporaryDirectory() as temporary:
        folder = _preset(source, Path(temporary) / repository.partition("/")[2], card)
        readme = (folder / "README.md").read_text(encoding="utf-8").replace(PLACE, HUB + repository)
        additions = [
            hub.CommitOperationAdd(name, readme.encode() if name == "README.md" else str(folder / name))
            for name in FILES
            if (folder / name).is_file()
        ]
        api = hub.HfApi(endpoint(), token=token, library_name="keras_gen", library_version=__version__)
        with in_sentences(repository, revision or "", "; nothing has changed there, push again"):
            api.create_repo(repository, private=private, exist_ok=True)
            if private and not api.model_info(repository).private:
                raise ValueError(
                    "This repository is public: make it private on its page, or push to another. "
                    f"Received: {repository}, private=True"
                )
            if revision is not None:
                api.create_branch(repository, branch=revision, exist_ok=True)
            message = message or f"{_class_of(folder)} of keras_gen {__version__}"
            return api.create_commit(repository, additions, commit_message=message, revision=revision).commit_url


def _preset(source, folder, card):
    """The preset to push: as it is, whole, or made of a model."""
    if isinstance(source, str | Path):
        path = Path(source)
        if (path / METADATA).is_file():
            given = ", ".join(name for name, value in card.items() if value is not None)
            if given:
                raise ValueError(
                    "The card of a preset is written: edit its README.md, or give this to `save_to_preset`. "
                    f"Received: {given}"
                )
            saving.file_of_preset(path, DETECTOR if saving.is_detector(path) else MODEL)
            return path
        source = tasks.AnomalyDetector.load(source) if saving.is_detector(source) else saving.load(source)
    if not isinstance(source, Shared):
        raise ValueError(
            "What is pushed must be a model of the package, a detector, a preset, a run folder or a file. "
            f"Received: {type(source).__name__}"
        )
    return source.save_to_preset(folder, **card)


def _class_of(folder):
    return json.loads((folder / METADATA).read_text())["class"]
