"""The command keras-gen: one verb per thing that people do. Options come from the signatures they set.

A wrong call ends with exit code 2 and one line on standard error; a training that had to stop, with 1. Help and lists
come at once: Keras, which takes seconds to import, is imported by the verbs that need it.
"""

import importlib
import logging
import re
import sys
import warnings
from collections.abc import Sequence

import cyclopts

from keras_gen.cli import (  # noqa: F401  (each adds its verbs)
    detect,
    explore,
    export,
    measure,
    push,
    show,
    train,
    tune,
    walks,
)
from keras_gen.cli.app import app
from keras_gen.cli.options import with_imports

OWN = " A model of your own must be registered by `kg.register` and its module imported: --import MODULE."
HELP = {"--help", "-h"}


def main(tokens: Sequence[str] | None = None) -> int:
    """The command: returns its exit code."""
    given = tokens is not None
    tokens = list(sys.argv[1:] if tokens is None else tokens)
    logging.getLogger("absl").setLevel(logging.ERROR)  # TensorFlow Datasets warns of what is said below in one line
    warnings.showwarning = lambda message, *_, **__: print(f"keras-gen: note: {message}", file=sys.stderr)
    try:
        tokens = with_imports(tokens)
        if not _is_answered_at_once(tokens):
            importlib.import_module("keras_gen.public")  # Keras, quietly
        if tokens[:1] == ["train"]:
            train.add_models()
        app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
        return 0
    except cyclopts.CycloptsError as error:
        unknown = isinstance(error, cyclopts.UnknownCommandError) and tokens[:1] == ["train"]
        return _fail(f"{_plain(error)}{OWN if unknown else ''}", 2)
    except ModuleNotFoundError:
        raise  # a broken installation
    except (FloatingPointError, ImportError) as error:  # no TensorFlow, another backend, an extra that is missing
        return _fail(error, 1)
    except (ValueError, OSError, NotImplementedError, TypeError) as error:
        return _fail(error, 2)
    except KeyboardInterrupt as error:
        return _fail(str(error) or "interrupted.", 130)
    except RuntimeError as error:  # a search of which every trial failed
        return _fail(error, 1)
    except Exception as error:
        if not _is_of_tensorflow(error):
            raise
        if not given:
            from keras_gen.training import cluster

            cluster.restart_process(error, __name__)
        return _fail(getattr(error, "message", "") or type(error).__name__, 1)


def _is_answered_at_once(tokens):
    return not tokens or tokens[0] in {*HELP, "--version", "list"} or (tokens[0] != "train" and HELP & {*tokens})


def _is_of_tensorflow(error):
    """Whether it is an error of an operation: a file that went away, memory that ran out."""
    tf = sys.modules.get("tensorflow")
    return tf is not None and isinstance(error, tf.errors.OpError)


def _plain(error):
    """What is wrong with a command line, in our words."""
    if isinstance(error, cyclopts.MissingArgumentError) and error.argument is not None:
        name = error.argument.name
        return f"{name if error.argument.index is None else name.strip('-').upper()} is missing."
    return str(error)


OF_PYTHON = re.compile(r"\b(on_error|image_size|classes_from|split_folders)=[\"']?(\w+)[\"']?")


def _fail(error, code):
    """Says what is wrong, with options as they are written on a command line."""
    text = OF_PYTHON.sub(lambda found: f"--{found[1].replace('_', '-')} {found[2]}", " ".join(str(error).split()))
    print(f"keras-gen: {text}", file=sys.stderr)
    return code
