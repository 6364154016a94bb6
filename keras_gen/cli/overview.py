"""What the package's models are and can do, read from its sources: `keras-gen list` does not wait for Keras."""

import ast
import functools
from pathlib import Path
from typing import NamedTuple

from keras_gen.naming import command_name

ROOT = Path(__file__).parents[2]
ABILITIES = "keras_gen.core.abilities"


class Row(NamedTuple):
    """A model, as `list` shows it."""

    name: str
    what: str
    offers: tuple[str, ...]


@functools.cache
def _tree(module):
    path = ROOT.joinpath(*module.split("."))
    return ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text())


@functools.cache
def _imports(module):
    """Name -> module that a module imports it from; of `from x import *` too."""
    found = {}
    for node in _tree(module).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("keras_gen."):
            for alias in node.names:
                found |= _imports(node.module) if alias.name == "*" else {alias.name: node.module}
    return found


def _class(module, name):
    """(module, syntax tree) of a class, whichever face it is imported by; None of what is none of ours."""
    for node in _tree(module).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return module, node
    source = _imports(module).get(name)
    return None if source is None else _class(source, name)


def _members(module, node):
    """Names that a class and those it extends define, but for the sentences of what a model cannot do."""
    if module == ABILITIES:
        return set()
    found = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
    for base in node.bases:
        extended = _class(module, base.id) if isinstance(base, ast.Name) else None
        found |= _members(*extended) if extended else set()
    return found


def _abilities():
    """`ABILITIES` of `core/abilities.py`."""
    for node in _tree(ABILITIES).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "ABILITIES":
            return set(ast.literal_eval(node.value))
    raise ValueError(f"{ABILITIES} must say what the abilities are.")


def rows() -> list[Row]:
    """A `Row` of each model of the package."""
    found = []
    for name in _imports("keras_gen.models"):
        module, node = _class("keras_gen.models", name)
        offers = _members(module, node) & _abilities()
        offers |= {"reconstruct"} if {"encode", "decode"} <= offers else set()
        what = (ast.get_docstring(node) or "").split("\n")[0]
        found.append(Row(command_name(name), what, tuple(sorted(offers))))
    return sorted(found)
