"""One process of a search, which `workers.run` starts: `-m keras_gen.tuning FOLDER PARENT CALLBACKS [MODULE ...]`."""

import importlib
import sys

from keras_gen.tuning import workers
from keras_gen.tuning.search import run_worker

if __name__ == "__main__":
    folder, parent, callbacks, *modules = sys.argv[1:]
    workers.exit_with_parent(int(parent))
    for module in modules:  # those of users' own classes
        importlib.import_module(module)
    run_worker(folder, callbacks or None)
