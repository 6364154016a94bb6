"""The card of a preset: README.md, as the Hugging Face Hub shows it."""

import inspect
import json
from typing import Any

from keras_gen.core import GenerativeModel
from keras_gen.hub.records import Records, bullets, table
from keras_gen.naming import command_name
from keras_gen.version import HOME, __version__

PLACE = "hf://user/name"  # in a card that was not pushed yet
UNKNOWN = {
    "data": "Unknown: nobody has said what it was trained on.",
    "training": "Unknown: there are no records of its training.",
    "metrics": "Unknown: nobody has measured it, or said so.",
    "limits": "Unknown: nobody has said where it fails. Look at what it makes of data of your own before you rely on "
    "it.",
}
# What HF's own list of tasks calls it, by what a model offers: the first that it does.
TASKS = {"translate": "image-to-image", "denoise": "image-to-image", "sample": "unconditional-image-generation",
         "encode": "image-feature-extraction"}  # fmt: skip
ROWS = 5  # of a table, that a card shows
KINDS = {1: "vectors", 2: "series", 3: "images"}  # by the number of axes of an example


def card(thing: Any, title: str, records: Records, picture: bool, place: str = PLACE) -> str:
    """The card in Markdown, with the front matter that the Hub reads.

    Args:
        thing: model or detector.
        title: of the card.
        records: what is known of it.
        picture: whether there is a preview.png.
        place: what it is loaded by.
    """
    is_model = isinstance(thing, GenerativeModel)
    what = (inspect.getdoc(type(thing)) or "").split("\n")[0].rstrip(".")
    facts = _facts(thing) if is_model else {}
    sections = {name: getattr(records, name) or UNKNOWN[name] for name in UNKNOWN}
    parts = [
        _front_matter(thing, records.license),
        f"# {title}",
        "![What it makes](preview.png)" if picture else None,
        f"`{type(thing).__name__}` of [keras_gen]({HOME}): {what}.",
        bullets(facts) or None,
        "## How to load it",
        f"```\npip install \"keras-gen[cpu,hub]\"\n```\n\n```python\n{_code(thing, place)}\n```",
        "`import keras_gen` must come first: it registers the class, and runs Keras on TensorFlow. Do not set "
        "`KERAS_BACKEND` to another backend, whatever a snippet beside this card says.",
        _rows(thing) if is_model and thing.table is not None and "sample" in thing.offers else None,
        *(f"## {name.capitalize()}\n\n{text}" for name, text in sections.items()),
        f"## License\n\n{records.license or 'Unknown: nobody has said it.'}",
        f"This card was written by keras_gen {__version__} from what was recorded and said; checksums stand in "
        "metadata.json.",
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(thing, license):
    """YAML; strings of JSON are strings of YAML."""
    tags = ["keras", "keras_gen", command_name(type(thing).__name__)]
    lines = ["library_name: keras_gen", f"license: {(license or 'unknown').lower()}"]
    shape = getattr(thing, "data_shape", ())
    task = next((task for ability, task in TASKS.items() if ability in getattr(thing, "offers", ())), None)
    if task and len(shape) == 3:
        lines.append(f"pipeline_tag: {task}")
    lines += ["tags:", *(f"- {json.dumps(tag)}" for tag in tags)]
    return "\n".join(["---", *lines, "---"])


def _facts(model):
    spec, table = model.data_spec, model.table
    shape = " x ".join(map(str, model.data_shape))
    return {
        "Takes": f"rows of a table of {table.describe()}" if table else
        f"{KINDS[len(model.data_shape)]} of {shape}"
        + (", values in [0, 1]" if model.bounded else ""),
        "Classes": spec.num_classes,
        "Offers": ", ".join(f"`{name}`" for name in sorted(model.offers)) or None,
        "Parameters": f"{model.count_params():,}",
    }  # fmt: skip


def _code(thing, place):
    """Lines that load and use it."""
    lines = ["import keras_gen as kg"]
    module = type(thing).__module__
    if not module.startswith("keras_gen."):
        lines.append(f"import {module}  # its own code, which is not part of this: it defines {type(thing).__name__}")
    if not isinstance(thing, GenerativeModel):
        lines += ["", f'detector = kg.tasks.AnomalyDetector.load("{place}")']
        lines += [
            f"found = detector.predict(x)  # x: (N, {_shape(thing.data_shape_)}) -> (N,), 1 normal, -1 an anomaly"
        ]
        return "\n".join(lines)
    lines += ["", f'model = kg.load("{place}")']
    is_table, labels = thing.table is not None, ", labels" if thing.supervision == "required" else ""
    images = len(thing.data_shape) == 3
    if "sample" in thing.offers:
        lines.append("made = model.sample(16, seed=1)" + ("  # a DataFrame" if is_table else ""))
        lines += ['kg.images.save_grid(made, "samples.png")'] if images else []
    values = " in [0, 1]" if thing.bounded else ""
    given = f"  # x: (N, {_shape(thing.data_shape)}){values}" + (", labels: (N,)" if labels else "")
    for ability in ("translate", "denoise", "separate", "reconstruct", "encode"):
        if ability in thing.offers:
            takes = "" if ability in ("translate", "denoise", "separate") else labels
            lines.append(f"{'codes' if ability == 'encode' else 'made'} = model.{ability}(x{takes}){given}")
            given = ""
    return "\n".join(lines)


def _shape(shape):
    return ", ".join(map(str, shape))


def _rows(model):
    made = model.sample(ROWS, seed=1)
    rows = [[str(value).replace("|", "\\|") for value in row] for row in made.round(4).itertuples(index=False)]
    names = [str(name).replace("|", "\\|") for name in made.columns]
    return f"Rows that it samples, with seed 1:\n\n{table(names, rows)}"
