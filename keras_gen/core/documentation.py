"""Docstrings of models: what a class says of its arguments, completed by what the classes above it say."""

import inspect
import re
from collections.abc import Iterable

ARGUMENT = re.compile(r"^    (\w+): .*(?:\n {8,}.*)*", re.MULTILINE)  # name, and all its lines


def complete(cls: type, names: Iterable[str]) -> str:
    """The docstring of a class, from the margin, with an entry for every argument, in the order of the signature.

    Args:
        cls: a class; its section Args ends with `**kwargs`.
        names: of its constructor's arguments.
    """
    text = inspect.cleandoc(cls.__doc__ or "")
    before, section, rest = text.partition("\nArgs:\n")
    _, kwargs, after = rest.partition("    **kwargs:")
    entries: dict[str, str] = {}
    for owner in cls.__mro__:
        own = inspect.cleandoc(vars(owner).get("__doc__") or "").partition("\nArgs:\n")[2].partition("    **kwargs:")[0]
        entries = {match[1]: match[0] for match in ARGUMENT.finditer(own)} | entries
    if not section:  # a class that says nothing of its arguments
        return text + "\n\nArgs:\n" + "".join(entries[name] + "\n" for name in names if name in entries)
    if not kwargs:  # one that says nothing of those of the classes above
        own, blank, after = rest.partition("\n\n")
        told = {match[1] for match in ARGUMENT.finditer(own)}
        above = [entries[name] for name in names if name in entries.keys() - told]
        return before + section + "\n".join([own.rstrip(), *above]) + blank + after
    return before + section + "".join(entries[name] + "\n" for name in names if name in entries) + kwargs + after
