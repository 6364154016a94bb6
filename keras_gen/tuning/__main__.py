"""One process of a search: `python -m keras_gen.tuning FOLDER PARENT`, started by `workers.run`."""

import sys

from keras_gen.tuning import searches, workers

if __name__ == "__main__":
    folder, parent = sys.argv[1:]
    workers.end_with(int(parent))
    searches.take_part(folder)
