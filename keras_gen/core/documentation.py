"""Docstrings of models: what a class says of its arguments, completed by what the classes above it say."""

import inspect
import re

ARGUMENT = re.compile(r"^    (\w+): .*(?:\n {8,}.*)*", re.MULTILINE)  # name, and its lines


def complete(cls, names):
    """The docstring of a class, indented from the margin, with an entry for every argument.

    Entries that the class lacks are taken from the classes above it and put before `**kwargs`.

    Args:
        cls: a class.
        names: of its constructor's arguments.
    """
    text = inspect.cleandoc(cls.__doc__ or "")
    own = {match[1] for match in ARGUMENT.finditer(text)}
    above = {}
    for owner in cls.__mro__[1:]:
        for match in ARGUMENT.finditer(inspect.cleandoc(vars(owner).get("__doc__") or "")):
            above.setdefault(match[1], match[0])
    missing = [above[name] for name in names if name not in own and name in above]
    return text.replace("    **kwargs:", "\n".join([*missing, "    **kwargs:"]), 1)
