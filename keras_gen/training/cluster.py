"""Training on the machines of TF_CONFIG: what becomes of a process when another goes away."""

import os
import sys

import tensorflow as tf

from keras_gen.core import distribution

RESTARTS = 100  # of one command
COUNTER = "KERAS_GEN_RESTARTS"
LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError, tf.errors.InternalError,
        tf.errors.DeadlineExceededError)  # fmt: skip


def begin_again(error):
    """Starts this command anew where `error` says that another machine went away: it waits for that, and goes on.

    TensorFlow's collective operations cannot be mended in a process that was in one. Returns where there is nothing to
    wait for.
    """
    count = int(os.environ.get(COUNTER, "0")) + 1
    if not isinstance(error, LOST) or distribution.num_machines() == 1 or count > RESTARTS:
        return
    print(
        f"keras-gen: note: another machine of TF_CONFIG went away ({type(error).__name__}); this one waits for it, and "
        "goes on from the last checkpoint.",
        file=sys.stderr,
        flush=True,
    )
    os.execve(
        sys.executable, [sys.executable, "-m", "keras_gen.cli", *sys.argv[1:]], os.environ | {COUNTER: str(count)}
    )
