"""What the pages take from elsewhere: notebooks, results and cards as they are, and a page of the API for each room.

Pages link to these files by their place in the repository, `../notebooks/01_first_vae.ipynb`, so that the links work
there too. In the build they lie beside the pages.
"""

import importlib
import inspect
import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import imports

import keras_gen as kg
from keras_gen.face import names_of

COPIED = {
    "notebooks": ("*.ipynb",),
    "benchmarks": ("RESULTS.md", "results/*.md", "results/*.png"),
    "saved_models": ("*.md", "*.png"),
}
BESIDE = ("core", "testing", "export")  # no names of `kg`: for those who write a model, or run a file without it


def write(docs: Path) -> None:
    """Brings all of it into the folder of the pages."""
    for folder, patterns in COPIED.items():
        shutil.rmtree(docs / folder, ignore_errors=True)
        for pattern in patterns:
            for path in (docs.parent / folder).glob(pattern):
                to = docs / path.relative_to(docs.parent)
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, to)
    for path in (docs / "notebooks").glob("*.ipynb"):  # a report shown there may name a picture without a place
        path.write_text(re.sub(r"!\[[^\]]*\]\(\)", "", path.read_text()))
    imports.draw(docs / "rooms.png")
    shutil.rmtree(docs / "api", ignore_errors=True)
    (docs / "api").mkdir()
    for name, text in api().items():
        (docs / "api" / f"{name}.rst").write_text(text)


def links(app, name, source) -> None:
    """Links that lead out of the folder of the pages lead to what was brought."""
    source[0] = source[0].replace("](../", "](")


def rooms() -> dict[str, ModuleType]:
    """The rooms that have names for users."""
    named = {name: getattr(kg, name) for name in [*kg.public.__all__, "tuning"]}
    beside = {name: importlib.import_module(f"keras_gen.{name}") for name in BESIDE if find_spec(f"keras_gen.{name}")}
    return {name: room for name, room in (named | beside).items() if inspect.ismodule(room)}


def names(room: ModuleType) -> list[str]:
    """The public names of a room, without classes that are names of `kg`."""
    found = dir(room) if "__dir__" in vars(room) else names_of(vars(room))()
    return [name for name in found if not (name in models_and_top() and inspect.isclass(getattr(room, name)))]


def models_and_top() -> list[str]:
    """The names of `kg` that are no rooms."""
    return [name for name in kg.public.__all__ if not inspect.ismodule(getattr(kg, name))]


def api() -> dict[str, str]:
    """Name -> text of each page of the API."""
    pages = {"index": INDEX.format(models="\n   ".join(kg.models.__all__), rooms="\n   ".join(sorted(rooms())))}
    for name in kg.models.__all__:
        entry = f".. currentmodule:: keras_gen\n\n.. autoclass:: {name}\n   :members: {methods(name)}\n"
        pages[name] = heading(name) + entry
    top = [name for name in models_and_top() if name not in kg.models.__all__]
    pages["keras_gen"] = heading("keras_gen") + "".join(entry_of(kg, name) for name in top)
    for name, room in rooms().items():
        pages[name] = heading(room.__name__) + entries(room)
    return pages


def methods(name: str) -> str:
    """What a model offers, and the public methods that its family adds to those of every model."""
    cls = getattr(kg, name)
    family = cls.__mro__[: cls.__mro__.index(kg.GenerativeModel)]
    own = {key for owner in family for key in vars(owner) if not key.startswith("_")}
    documented = (key for key in own | cls.offers if getattr(getattr(cls, key), "__doc__", None))
    return ", ".join(sorted(key for key in documented if callable(getattr(cls, key))))


def heading(text):
    return f"{text}\n{'=' * len(text)}\n\n"


def entries(module):
    """The lines of a module and its names."""
    text = f".. automodule:: {module.__name__}\n   :no-members:\n\n"
    return text + "".join(entry_of(module, name) for name in names(module))


def entry_of(module, name):
    """The lines of a name of a module."""
    value, here = getattr(module, name), f".. currentmodule:: {module.__name__}\n\n"
    if inspect.ismodule(value):
        return entries(value)
    if inspect.isclass(value):
        return f"{here}.. autoclass:: {name}\n   :members:\n\n"
    if inspect.isfunction(value):
        return f"{here}.. autofunction:: {name}\n\n"
    return f"{here}.. py:data:: {name}\n\n   {constant(value)}\n\n"


def constant(value):
    """What a constant holds: the names in it, or its value."""
    if isinstance(value, (dict, tuple, list)) and value and all(isinstance(key, str) for key in value):
        return "Names: " + ", ".join(f"``{key!r}``" for key in value) + "."
    return f"Its value: ``{value!r}``." if isinstance(value, (int, float, str, tuple)) else f"A {type(value).__name__}."


INDEX = """API
===

``import keras_gen as kg``. Models and what every user needs are names of ``kg``; everything else is in a room of it.

.. toctree::
   :caption: Models

   {models}

.. toctree::
   :caption: Rooms

   keras_gen
   {rooms}
"""
