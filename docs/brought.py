"""What the pages take from elsewhere: notebooks, results and cards as they are, and a page of the API for each room.

Pages link to these files by their place in the repository, `../notebooks/01_first_vae.ipynb`, so that the links work
there too. In the build they lie beside the pages.
"""

import inspect
import re
import shutil
from pathlib import Path

import imports

import keras_gen as kg
from keras_gen import core, testing
from keras_gen.face import names_of

COPIED = {"notebooks": ("*.ipynb",), "benchmarks": ("RESULTS.md", "results/*.md", "results/*.png"), "saved_models": ("*.md", "*.png")}  # fmt: skip
FAMILIES = ("autoencoders", "variational", "adversarial", "translation", "boltzmann")


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


def models() -> list[str]:
    """The names of the models, by family."""
    return list(kg.models.__all__)


def rooms() -> dict[str, list[str]]:
    """Room -> its public names, of every room of `kg`, and of what those need who write a model."""
    named = {name: getattr(kg, name) for name in [*kg.public.__all__, "tuning"]}
    found = {name: list(dir(value)) for name, value in named.items() if inspect.ismodule(value)}
    own = [name for name in names_of(vars(core))() if name != "GenerativeModel"]  # which is a name of `kg`
    return found | {"core": own, "testing": names_of(vars(testing))()}


def api() -> dict[str, str]:
    """Name -> text of each page of the API."""
    pages = {"index": INDEX.format(models="\n   ".join(models()), rooms="\n   ".join(sorted(rooms())))}
    for name in models():
        pages[name] = f"{heading(name)}.. currentmodule:: keras_gen\n\n.. autoclass:: {name}\n   :members: {methods(name)}\n"
    top = [name for name in kg.public.__all__ if name not in models() and not inspect.ismodule(getattr(kg, name))]
    pages["keras_gen"] = heading("keras_gen") + "".join(map(entry("keras_gen", kg), top))
    for room, names in rooms().items():
        module = kg.tuning if room == "tuning" else {"core": core, "testing": testing}.get(room) or getattr(kg, room)
        text = heading(f"keras_gen.{room}") + f".. automodule:: keras_gen.{room}\n   :no-members:\n\n"
        pages[room] = text + "".join(map(entry(f"keras_gen.{room}", module), names))
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


def entry(module_name, module):
    """A function that writes the lines of a name of a room."""

    def write(name):
        value = getattr(module, name)
        if inspect.ismodule(value):
            inner = "".join(map(entry(value.__name__, value), names_of(vars(value))()))
            return f".. automodule:: {value.__name__}\n   :no-members:\n\n{inner}"
        here = f".. currentmodule:: {module_name}\n\n"
        if inspect.isclass(value):
            return f"{here}.. autoclass:: {name}\n   :members:\n\n"
        if inspect.isfunction(value):
            return f"{here}.. autofunction:: {name}\n\n"
        return f"{here}.. py:data:: {name}\n\n   {constant(value)}\n\n"

    return write


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
