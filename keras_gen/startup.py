"""A quick and quiet start.

TensorFlow takes seconds to import, and prints notices to standard error meanwhile, whatever its log level.
"""

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

NOTICES = (b"oneDNN custom operations are on", b"All log messages before absl::InitializeLog()")


def is_command() -> bool:
    """Whether this process is the command keras-gen, which answers `--help` without Keras."""
    by_module = ("-m", f"{__package__}.cli") in zip(sys.orig_argv, sys.orig_argv[1:], strict=False)
    return by_module or Path(sys.argv[0]).stem == "keras-gen"


@contextlib.contextmanager
def without_notices() -> Iterator[None]:
    """Leaves out NOTICES, and only those, from what C++ code writes to standard error meanwhile."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # warnings and errors; the information is for its authors
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            captured.seek(0)
            for line in captured:
                if not any(notice in line for notice in NOTICES):
                    os.write(2, line)


def is_about_a_step(record: logging.LogRecord) -> bool:
    """Whether a log record is TensorFlow's warning that Keras' training step was traced several times.

    Each model has a step of its own, which must be traced: a notebook that makes five models is no mistake.
    """
    message = record.getMessage()
    return "triggered tf.function retracing" in message and "TensorFlowTrainer." in message


def leave_out_warnings_of_models() -> None:
    """Leaves out of TensorFlow's log what `is_about_a_step`."""
    logging.getLogger("tensorflow").addFilter(lambda record: not is_about_a_step(record))
