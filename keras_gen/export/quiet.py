"""Converters tell much on their way, from Python and from C++. What they cannot do, they raise."""

import contextlib
import io
import logging
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what is logged, and without the standard error."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with _no_standard_error():
            yield
    finally:
        logging.disable(level)


@contextlib.contextmanager
def _no_standard_error():
    """Of the whole process, libraries in C++ too; left alone where it is no file, as in some notebooks."""
    try:
        number = sys.stderr.fileno()
    except (AttributeError, io.UnsupportedOperation, ValueError):
        yield
        return
    sys.stderr.flush()
    kept = os.dup(number)
    with tempfile.TemporaryFile() as nowhere:
        os.dup2(nowhere.fileno(), number)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, number)
            os.close(kept)
