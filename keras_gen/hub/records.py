"""What is known of a model: from its run, the card of a shipped one, or that of the preset that it was loaded from."""

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_gen import evaluation, saving
from keras_gen.core import GenerativeModel, provenance
from keras_gen.downloads import shipped
from keras_gen.evaluation.rows import written
from keras_gen.saving import METADATA
from keras_gen.training.callbacks import choose_originals
from keras_gen.training.config import VALIDATION_IMAGES, RunConfig
from keras_gen.training.report import data_facts

OURS = "apache-2.0"  # the licence of what is shipped
CHANGED = "Unknown: its weights were changed after it was loaded, so that what was recorded then does not hold."


@dataclasses.dataclass(frozen=True)
class Records:
    """Sections of a card in Markdown, None where nothing is known; and what pictures are made of.

    Args:
        data: what it was trained on.
        training: how.
        metrics: what it reaches.
        limits: where it fails.
        license: of the weights.
        picture: a file that shows it, for want of a better one.
        examples: gives held-out (data, labels or targets or None).
    """

    data: str | None = None
    training: str | None = None
    metrics: str | None = None
    limits: str | None = None
    license: str | None = None
    picture: Path | None = None
    examples: Callable[[], tuple[np.ndarray, Any]] | None = None

    def with_said(self, said: Mapping[str, Any]) -> "Records":
        """The same, with what a user says."""
        given = {name: value for name, value in said.items() if value is not None}
        if isinstance(given.get("metrics"), Mapping):
            rows = [[name, written(value)] for name, value in given["metrics"].items()]
            given["metrics"] = table(["metric", "value"], rows)
        return dataclasses.replace(self, **given)


def records_of(thing: Any) -> Records:
    """What is known of a model or a detector."""
    path = thing.origin
    if path is None or not path.is_file():
        return Records()
    if isinstance(thing, GenerativeModel) and not _has_weights_of(path, thing):
        return Records(training=CHANGED)
    for entry in shipped("").values():
        if entry.path == path:
            return _of_shipped(entry)
    if (path.parent / METADATA).is_file():
        return _of_card(path.parent / "README.md")
    run = path.parents[1] if path.parent.name == "checkpoints" else path.parent
    try:
        return _of_run(run, thing) if (run / "config.json").is_file() else Records()
    except ValueError:  # a damaged config.json, or that of another version
        return Records()


def _has_weights_of(path, model):
    """Whether a file still holds these weights."""
    try:
        return provenance.weights_hash(saving.load(path)) == provenance.weights_hash(model)
    except ValueError:  # another file took its place
        return False


def table(header: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def bullets(pairs: Mapping[str, Any]) -> str:
    """A list in Markdown, of what is known."""
    return "\n".join(f"- **{name}**: {value}" for name, value in pairs.items() if value is not None)


def _of_shipped(entry):
    """The card of a shipped model: a list of what is known, and a table of metrics."""
    text = "" if entry.card is None else entry.card.read_text(encoding="utf-8")
    found = re.findall(r"^- \*\*(\w[\w ]*)\*\*(:? .*(?:\n  .*)*)", text, re.MULTILINE)
    said = {name: " ".join(value.lstrip(":").split()) for name, value in found}
    seed = f"\n- **Seed** {said['Seed']}" if "Seed" in said else ""
    made = bullets({name: value for name, value in said.items() if name in ("Trained by", "Made by")})
    metrics = text[text.index("| held-out") :].strip() if "| held-out" in text else None
    picture = entry.path.with_suffix(".png")
    return Records(
        said.get("Data"), made + seed or None, metrics, said.get("Limits"), OURS, picture if picture.is_file() else None
    )


def _of_card(path):
    """A card that was written by this package, edited or not."""
    if not path.is_file():
        return Records()
    text = path.read_text(encoding="utf-8")
    titles = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    found = {title.lower(): body.strip() for title, body in zip(titles[::2], titles[1::2], strict=True)}
    known = {name: body for name, body in found.items() if not body.startswith("Unknown")}
    license = re.search(r"^license: (\S+)$", text, re.MULTILINE)
    said = None if license is None or license[1] == "unknown" else license[1]
    sections = (known.get(name) for name in ("data", "training", "metrics", "limits"))
    picture = path.with_name("preview.png")
    return Records(*sections, said, picture if picture.is_file() else None)


def _of_run(run, model):
    """The records of a run folder."""
    config = RunConfig.read(run)
    recorded, evaluated = _json(run / "metrics.json"), _json(run / "evaluation.json")
    figures = evaluated or recorded.get("figures") or {}
    columns = run / "columns.png"

    def examples():
        classes = None if config.cls.target_mode is not None else config.info().num_classes
        shown = config.load(config.held_out_split, labels=classes is not None, limit=VALIDATION_IMAGES)
        return choose_originals(shown, classes)

    doubts = " ".join(evaluation.doubts(figures))
    return Records(
        data=bullets(data_facts(config) | {"Data": _public_sources(config)}),
        training=_training(config, recorded),
        metrics=_metrics(figures, model, recorded.get("split")),
        limits=f"Unknown, but for what its metrics cannot judge: {doubts}" if doubts else None,
        picture=columns if columns.is_file() else None,
        examples=examples,
    )


def _public_sources(config):
    """Names of what was read, without the folders above: a card is read by others."""
    names = [name for name in (config.source, config.target) if name is not None]
    return " and ".join(f"{'the file or folder ' * Path(name).is_absolute()}`{_public(name)}`" for name in names)


def _public(value):
    """A value as a card shows it: of a path the last part."""
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else str(value)


def _training(config, recorded):
    arguments = {name: parameter.default for name, parameter in config.cls.arguments().items()}
    chosen = {name: value for name, value in config.arguments.items() if value != arguments.get(name)}
    trained = recorded.get("epochs")
    machine = ", ".join(f"{count} {name}" for name, count in recorded.get("machine", {}).items())
    return bullets({
        "Arguments": ", ".join(f"{name}={_public(value)}" for name, value in chosen.items()) or "the defaults",
        "Epochs": f"{trained} of {config.epochs}" if trained else f"not complete; {config.epochs} were asked for",
        "Batches": f"of {config.batch_size}",
        "Optimizer": f"learning rate {config.learning_rate}, schedule {config.schedule}",
        "Seed": config.seed,
        "Took": f"{recorded['minutes']:.1f} minutes" if "minutes" in recorded else None,
        "Machine": machine or None,
        "Versions": ", ".join(f"{name} {version}" for name, version in config.versions.items()),
    })  # fmt: skip


def _metrics(figures, model, split):
    """The rows of `keras-gen evaluate`, by groups."""
    parts = [f"On held-out data, the {split} split."] if split and figures else []
    for group in evaluation.grouped(figures, model):
        rows = []
        for row in group.rows:
            beside = (written(row.beside.get(name, "")) for name in group.beside)
            better = row.metric.better and f"{row.metric.better} is better"
            rows.append([f"`{row.name}`", written(row.value), *beside, row.metric.unit, better])
        header = ["metric", "value", *group.beside, "unit", ""]
        parts.append(f"**{group.title}**: {group.measured_on}\n\n{table(header, rows)}")
    return "\n\n".join(parts) or None


def _json(path):
    """What a file of a run folder holds; an empty dict of one that is missing or damaged."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
