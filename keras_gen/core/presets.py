"""Presets: a model as a folder with a card, to keep or to share.

What writes and reads them sees pictures, runs and the network, so it lies above; it announces itself here.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from keras_gen.core.part import Part

_above: dict[str, Callable] = {}


def announce(save: Callable, load: Callable) -> None:
    """Says who does it: `save(shared, folder, **options)`, and `load(cls, name)`."""
    _above.update(save=save, load=load)


class Shared(Part):
    """Part of `GenerativeModel`, and of what else can be shared."""

    origin: Path | None = None  # the file that it is, as long as its weights are; what lies beside tells of it

    def save_to_preset(
        self,
        folder: str | Path,
        *,
        data: str | None = None,
        metrics: str | Mapping[str, float] | None = None,
        limits: str | None = None,
        license: str | None = None,
        examples: Any = None,
        preview: bool = True,
        optimizer: bool = False,
        force: bool = False,
    ) -> Path:
        """Writes a folder that can be kept, or pushed to the Hugging Face Hub: model, card, picture, checksums.

        What the card says comes from the records of the run that made the model, from the card that it was loaded
        with, or from here; what nobody has said is said to be unknown.

        Args:
            folder: that does not exist yet, or is empty.
            data: what it was trained on, in Markdown as all of these.
            metrics: text, or name to value.
            limits: where it fails, and what it must not be used for.
            license: of the weights, by its identifier, such as "apache-2.0".
            examples: (N, ...) data, or (data, labels), for the picture of a model that does not sample; of a model of
                a run they come from its held-out data.
            preview: whether to draw a picture. That of a model that does not sample shows examples: leave it out if
                these are not to be seen.
            optimizer: whether to keep its state, to train on: with Adam, two thirds of the file.
            force: whether to write into a folder that has something in it.

        Returns:
            The folder, with model.keras (of a detector detector.zip), README.md, metadata.json and preview.png.

        Raises:
            FileExistsError: if there is something in the folder.
        """
        return _above["save"](
            self,
            folder,
            said={"data": data, "metrics": metrics, "limits": limits, "license": license},
            examples=examples,
            preview=preview,
            optimizer=optimizer,
            force=force,
        )

    @classmethod
    def from_preset(cls, name: str | Path) -> Self:
        """Loads one of this class, or of one that extends it, from a preset.

        Args:
            name: a folder, "hf://user/name" or "hf://user/name@revision", or the name of a shipped one.

        Raises:
            FileNotFoundError: if there is no such folder, repository or shipped one.
            ValueError: if it is of another class, or its file is damaged.
        """
        found = _above["load"](cls, name)
        if not isinstance(found, cls):
            raise ValueError(
                f"{cls.__name__}.from_preset loads models of this class only: this one is loaded by "
                f"{type(found).__name__}.from_preset, or kg.load. Received: {name}, which holds {type(found).__name__}"
            )
        return found
