"""What TAB shows of a module: the package's own public names, not what it imports for itself."""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any


def names_of(namespace: dict[str, Any], *further: str) -> Callable[[], list[str]]:
    """A `__dir__` for a module, `__dir__ = names_of(globals())`: constants, functions and classes.

    Of a package, all of ours that it imports, which it does to offer them; of a single module its own.

    Args:
        namespace: of the module.
        *further: what is imported when it is asked for, and modules that are public.
    """

    home = "keras_gen." if "__path__" in namespace else namespace["__name__"]

    def is_public(name, value):
        if name.startswith("_") or inspect.ismodule(value):
            return False
        if inspect.isclass(value) or inspect.isfunction(value):
            return value.__module__.startswith(home) and value is not names_of
        return name.isupper() and value is not TYPE_CHECKING

    return lambda: sorted({*further, *(name for name, value in namespace.items() if is_public(name, value))})
