"""The verb that shares a model."""

from typing import Any

import keras_gen as kg
from keras_gen.cli.app import app


@app.command
def push(
    run: str,
    repository: str,
    *,
    private: bool | None = None,
    revision: str | None = None,
    message: str | None = None,
    data: str | None = None,
    limits: str | None = None,
    license: str | None = None,
    preview: bool = True,
    optimizer: bool = False,
) -> None:
    """Put a model on the Hugging Face Hub, with a card and a picture; print the address of the commit.

    The token is that of `hf auth login`, or HF_TOKEN. What the card says comes from the records of the run; what nobody
    has said is said to be unknown.

    Args:
        run: run folder, .keras file, shipped model, detector, or folder that save_to_preset wrote.
        repository: user/name; made if there is none.
        private: whether only you can see it; if not given, the Hub's default.
        revision: a branch, made if there is none; if not given, main.
        message: of the commit.
        data: for the card: what it was trained on.
        limits: for the card: where it fails.
        license: of the weights, such as apache-2.0.
        preview: draw a picture; that of a model that does not sample shows held-out images.
        optimizer: keep its state, to train on.
    """
    said: dict[str, Any] = {"data": data, "limits": limits, "license": license}
    said |= {"preview": None if preview else False, "optimizer": optimizer or None}
    given = {name: value for name, value in said.items() if value is not None}  # of a preset, none can be
    print(kg.hub.push(run, repository, private=private, revision=revision, message=message, **given))
