"""One process of a search: `python -m keras_gen.tuning FOLDER PARENT`, started by `workers.run`."""

import sys

from keras_gen.tuning import workers
from keras_gen.tuning.search import run_worker

if __name__ == "__main__":
    folder, parent = sys.argv[1:]
    workers.exit_with_parent(int(parent))
    run_worker(folder)
