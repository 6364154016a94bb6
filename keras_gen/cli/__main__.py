"""`python -m keras_gen.cli`, for where the command is not installed."""

import sys

from keras_gen.cli import main

if __name__ == "__main__":
    sys.exit(main())
