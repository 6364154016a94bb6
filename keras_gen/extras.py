"""Libraries that come with an extra: imported when they are needed, with a sentence where they are not installed."""

import importlib
from types import ModuleType


def needed(module: str, extra: str, what: str) -> ModuleType:
    """The module, imported.

    Args:
        module: such as "gradio".
        extra: of keras-gen, that installs it.
        what: needs it, such as "The explorer".

    Raises:
        ImportError: if it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ImportError(f'{what} needs {error.name}: pip install "keras-gen[{extra}]"') from error
