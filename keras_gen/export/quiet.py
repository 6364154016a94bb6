"""Converters tell much on their way, from Python and from C++. What they cannot do, they raise."""

import contextlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator

STANDARD_ERROR = 2


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what is logged and warned of, and without the standard error of the process, libraries in C++ too."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with _no_standard_error(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


@contextlib.contextmanager
def _no_standard_error():
    try:
        kept = os.dup(STANDARD_ERROR)
    except OSError:  # a process without one
        yield
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as nowhere:
        os.dup2(nowhere.fileno(), STANDARD_ERROR)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, STANDARD_ERROR)
            os.close(kept)
