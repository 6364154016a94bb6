"""The report of a run: one HTML file made of what the run folder holds. Nothing is measured or trained for it."""

import datetime
import inspect
import json
import math
import shlex
from pathlib import Path
from typing import Any

from keras_gen import evaluation, plots
from keras_gen.evaluation.rows import written
from keras_gen.files import read_columns
from keras_gen.saving import is_complete
from keras_gen.training.config import RunConfig
from keras_gen.training.page import Html, element, facts, joined, page, picture, table

EPOCHS = 10  # rows of the history
CLASSES = 20  # names of classes
CAPTIONS = {
    "history": "Loss and metrics of each epoch",
    "reconstructions": "Held-out images, and below each what the model makes of it",
    "denoised": "Held-out images, corrupted ones, and what the model restores from them",
    "columns": "Each column of a table, in held-out rows and in what the model makes",
    "codes": "Where the codes of held-out data lie, coloured by class where there are classes",
}


def html_of(run) -> Html:
    """The report of a `Run` as an HTML page."""
    config, metrics, model = run.config, _json(run.folder / "metrics.json"), _model(run)
    sections = {
        "The run": _card(run, metrics, model),
        "Curves": _curves(run.folder),
        "Pictures": _pictures(run.folder),
        "Metrics": _metrics(run, metrics, model),
        "Networks": _networks(model),
        "Settings": _settings(config),
        "What to do with it": _usage(
            run.folder, "sample" in config.cls.offers, getattr(model, "table", None) is not None
        ),
    }
    title = f"{config.cls.__name__}: {run.folder.name or run.folder.resolve().name}"
    what = (inspect.getdoc(config.cls) or "").split("\n")[0]
    return page(
        title,
        element("h1", title),
        element("p", what, class_="soft"),
        *(element("section", element("h2", name), content) for name, content in sections.items() if content),
    )


def _json(path):
    """What a file of the run folder holds; an empty dict of one that is missing or damaged."""
    try:
        found = json.loads(Path(path).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _card(run, metrics, model):
    config, columns = run.config, read_columns(run.folder / "history.csv")
    done, parameters = len(columns.get("epoch", ())), metrics.get("parameters", model and model.count_params())
    began = (run.folder / "config.json").stat().st_mtime
    pairs = {
        "Model": f"{config.cls.__name__} ({config.model})",
        "Parameters": None if parameters is None else f"{parameters:,}",
        **data_facts(config),
        "Columns": None if getattr(model, "table", None) is None else model.table.describe(),
        "Epochs": f"{metrics['epochs']} of {config.epochs}" if is_complete(run.folder) else
        f"{done} of {config.epochs}: not complete, go on with keras-gen resume",
        "Begun": f"{datetime.datetime.fromtimestamp(began):%Y-%m-%d %H:%M}",
        "Training took": f"{metrics['minutes']:.1f} minutes" if "minutes" in metrics else None,
        "Machine": ", ".join(f"{name} {count}" for name, count in metrics.get("machine", {}).items()) or None,
        "Versions": ", ".join(f"{name} {version}" for name, version in config.versions.items()),
    }  # fmt: skip
    return facts(pairs)


def data_facts(config: RunConfig) -> dict[str, Any]:
    """What a run read; of data that are no longer there, their name alone."""
    names = {"Data": " and ".join(name for name in (config.source, config.target) if name is not None)}
    try:
        info = config.info()
        used = {"trained on": config.training_split, "each epoch judged on": config.validation_split,
                "metrics on": config.held_out_split}  # fmt: skip
    except (OSError, ValueError, NotImplementedError):
        return names | {"Splits": "the data are not there any more"}
    splits = ", ".join(f"{name} {count:,}" for name, count in info.splits.items())
    classes = None
    if info.class_names:
        more = len(info.class_names) - CLASSES
        classes = f"{len(info.class_names)}: " + ", ".join(map(str, info.class_names[:CLASSES]))
        classes += f" and {more} more" if more > 0 else ""
    return names | {
        "Shape": " x ".join(map(str, info.data_shape)),
        "Splits": f"{splits}; " + ", ".join(f"{what} {split}" for what, split in used.items()),
        "Trained on": None if config.limit is None else f"{config.limit:,} examples of these",
        "Classes": classes,
    }


def _curves(folder):
    columns = read_columns(folder / "history.csv")
    epochs = [int(epoch) for epoch in columns.pop("epoch", ())]
    if not epochs:
        return element("p", "No epoch is complete yet.")
    last = len(epochs) - 1
    shown = sorted({round(i * last / (EPOCHS - 1)) for i in range(EPOCHS)}) if last >= EPOCHS else range(len(epochs))
    rows = [[epochs[i], *("" if math.isnan(values[i]) else written(values[i]) for values in columns.values())]
            for i in shown]  # fmt: skip
    return joined(
        picture(plots.history(folder).png(), CAPTIONS["history"], whole=True),
        element("h3", "All epochs" if len(rows) == len(epochs) else f"{len(rows)} of {len(epochs)} epochs"),
        table(["epoch", *columns], rows, range(len(columns) + 1)),
    )


def _pictures(folder):
    samples = sorted((folder / "samples").glob("epoch-*.png"))
    ends = samples[:1] + samples[1:][-1:]
    named = [(path, f"Samples after epoch {path.stem.rpartition('-')[2].lstrip('0')}") for path in ends]
    others = sorted((path for path in folder.glob("*.png") if not path.name.startswith(".")), key=_order)
    named += [(path, CAPTIONS.get(path.stem, path.name)) for path in others if path.stem != "history"]
    figures = [picture(path.read_bytes(), caption, path.stem in CAPTIONS) for path, caption in named]
    return element("div", *figures, class_="figures") if figures else None


def _order(path):
    known = list(CAPTIONS)
    return (known.index(path.stem) if path.stem in known else len(known), path.name)


def _metrics(run, metrics, model):
    """The rows of `keras-gen evaluate`, or else those that the training took at its end."""
    evaluated = _json(run.folder / "evaluation.json")
    measure = f"keras-gen evaluate {shlex.quote(str(run.folder))}"
    found = evaluated or metrics.get("figures") or {}
    if not found:
        return element("p", "Nothing is measured yet: ", element("code", measure), ", then write the report again.")
    split, here = metrics.get("split", "held-out"), element("code", measure)
    if evaluated:
        parts = [element("p", f"Of the {split} split, by ", here, ".", class_="soft")]
    else:
        more = " adds rivals, and compares samples with images; then write the report again."
        parts = [element("p", f"Of the {split} split, as training left them. ", here, more, class_="soft")]
    parts += [element("p", sentence, class_="note") for sentence in evaluation.doubts(found)]
    for group in evaluation.grouped(found, model):
        header = ["metric", "value", *group.beside, "unit", "better"]
        rows = []
        for row in group.rows:
            beside = (written(row.beside.get(name, "")) for name in group.beside)
            unit, better, meaning = row.metric[1:]
            name = joined(element("code", row.name), element("div", meaning, class_="soft meaning"))
            rows.append([name, written(row.value), *beside, unit, better])
        parts += [element("h3", group.title), element("p", group.measured_on, class_="soft"),
                  table(header, rows, range(1, 2 + len(group.beside)))]  # fmt: skip
    if "baseline" in found:
        parts.append(element("p", f"PCA: {found['baseline']}.", class_="soft"))
    return joined(*parts)


def _model(run):
    """The model, or None of a run whose model is not there or cannot be read."""
    try:
        return run.model
    except (OSError, ValueError):
        return None


def _networks(model):
    """Shapes and parameters of the networks; nothing of a model that has none to show."""
    networks = {} if model is None else {name: model.network(name) for name in model.network_parts()}
    if not networks:
        return None
    rows = [
        [name, _shape(network.input_shape), _shape(network.output_shape), f"{network.count_params():,}"]
        for name, network in networks.items()
    ]
    return table(["network", "from", "to", "parameters"], rows, [3])


def _shape(shape):
    """(None, 28, 28, 1) -> "28 x 28 x 1"; of several, one after the other."""
    if shape and isinstance(shape[0], tuple | list):
        return " and ".join(map(_shape, shape))
    return " x ".join(map(str, shape[1:])) or "1"


def _settings(config):
    sections = config.sections()
    parts = []
    for name, title in (("arguments", "Model"), ("data", "Data"), ("training", "Training")):
        parts += [element("h3", title), facts({key: json.dumps(value) for key, value in sections[name].items()})]
    return element("details", element("summary", "Everything in config.json"), *parts)


def _usage(folder, samples, of_table):
    place = shlex.quote(str(folder))
    file = "samples.csv" if of_table else "samples.png"
    commands = [f"keras-gen sample {place} --count 64 --out {file}"] if samples else []
    commands += [f"keras-gen evaluate {place}", f"keras-gen resume {place} --epochs N"]
    python = ["import keras_gen as kg", "", f"run = kg.open_run({str(folder)!r})", "model = run.model"]
    python += ["samples = model.sample(16, seed=0)"] if samples else []
    return joined(
        element("p", "In a terminal:"), element("pre", element("code", "\n".join(commands))),
        element("p", "In Python:"), element("pre", element("code", "\n".join(python))),
    )  # fmt: skip
