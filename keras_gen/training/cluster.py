"""Training on the machines of TF_CONFIG: what becomes of a process when another goes away."""

import os
import sys

import tensorflow as tf

from keras_gen.core import distribution

RESTARTS = 100  # of one command
COUNTER = "KERAS_GEN_RESTARTS"
LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError, tf.errors.InternalError,
        tf.errors.DeadlineExceededError)  # fmt: skip


def restart_process(error: Exception, module: str) -> None:
    """Replaces this process by a new one of the same command, where `error` says that another machine went away.

    TensorFlow's collective operations cannot be mended in a process that was in one. The new one waits for the other
    machine and goes on from the last checkpoint. Returns where there is nothing to wait for.

    Args:
        error: that ended the training.
        module: to run, as by `python -m`, with the arguments of this process.
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
    os.execve(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]], os.environ | {COUNTER: str(count)})
