"""The command keras-gen: one verb per thing that people do. Options come from the signatures they set.

A wrong call ends with exit code 2 and one line on standard error; a training that had to stop, with 1.
"""

import logging
import sys
import warnings
from collections.abc import Sequence

import cyclopts
import tensorflow as tf

from keras_gen.cli import measure, show, train, tune, walks  # noqa: F401  (each adds its verbs)
from keras_gen.cli.app import app
from keras_gen.cli.options import with_imports
from keras_gen.training import cluster

OWN = " A model of your own must be registered by `kg.register` and its module imported: --import MODULE."


def main(tokens: Sequence[str] | None = None) -> int:
    """The command: returns its exit code."""
    given = tokens is not None
    tokens = list(sys.argv[1:] if tokens is None else tokens)
    logging.getLogger("absl").setLevel(logging.ERROR)  # TensorFlow Datasets warns of what is said below in one line
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # of tracing, where several models are trained
    warnings.showwarning = lambda message, *_, **__: print(f"keras-gen: note: {message}", file=sys.stderr)
    try:
        tokens = with_imports(tokens)
        train.add_models()
        app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
        return 0
    except cyclopts.CycloptsError as error:
        unknown = isinstance(error, cyclopts.UnknownCommandError) and tokens[:1] == ["train"]
        return _fail(f"{error}{OWN if unknown else ''}", 2)
    except FloatingPointError as error:
        return _fail(error, 1)
    except tf.errors.OpError as error:  # a file that went away, memory that ran out
        if not given:
            cluster.restart_process(error, __name__)
        return _fail(error.message or type(error).__name__, 1)
    except (ValueError, OSError, NotImplementedError, TypeError) as error:
        return _fail(error, 2)
    except RuntimeError as error:  # a search of which every trial failed
        return _fail(error, 1)
    except KeyboardInterrupt:
        trains = tokens[:1] in (["train"], ["resume"])
        hint = "; `keras-gen resume` goes on from the last checkpoint." if trains else "."
        return _fail(f"interrupted{hint}", 130)


def _fail(error, code):
    print(f"keras-gen: {' '.join(str(error).split())}", file=sys.stderr)
    return code
