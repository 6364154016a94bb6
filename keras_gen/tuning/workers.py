"""A search by several processes: Keras Tuner's chief, which chooses, and workers, which train.

On one machine `run` starts them, over loopback. On several, each process is started by hand with Keras Tuner's
environment variables. Their connection is not authenticated: it is for private networks.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import tensorflow as tf

from keras_gen.files import write_json
from keras_gen.training.trackers import Callbacks

PATIENCE = 600  # seconds that a worker waits for the chief
RESTARTS = 5  # of one process, without a trial that ends meanwhile


def name() -> str:
    """What Keras Tuner calls this process."""
    return os.environ.get("KERASTUNER_TUNER_ID", "tuner0")


def role() -> str:
    """What this process is to a search, by Keras Tuner's environment variables: "alone", "chief" or "worker"."""
    if "KERASTUNER_ORACLE_IP" not in os.environ:
        return "alone"
    return "chief" if "chief" in name() else "worker"


@contextlib.contextmanager
def at_work_on(folder: Path, trial: dict) -> Iterator[None]:
    """Notes which trial this process is at, for who starts it again: a trial can be what it dies of."""
    note = folder / "tuner" / f"{name()}.trial"
    write_json(note, trial)
    yield
    note.unlink(missing_ok=True)


def run(trials, count: int, modules: Sequence[str] = (), callbacks: Callbacks | None = None) -> None:
    """Lets a chief and some workers, which import `modules`, do the trials; starts those again that end too early.

    Args:
        trials: the `Trials`.
        count: of the workers.
        modules: those of users' own classes.
        callbacks: where to import what makes those of each run.

    Raises:
        RuntimeError: if one ends again and again without a trial that is done meanwhile, with its last words.
    """
    pool = WorkerPool(trials, count, modules, callbacks)
    try:
        pool.work()
    finally:
        pool.stop()


class WorkerPool:
    """The processes of a search on this machine."""

    def __init__(self, trials, count, modules, callbacks=None):
        self.trials, self.count, self.modules, self.callbacks = trials, count, modules, str(callbacks or "")
        self.workers = [f"worker{i}" for i in range(count)]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.processes, self.deaths = {}, {}
        self.known = {found["name"] for found in trials.records()}

    def work(self) -> None:
        """Until the chief has nothing left."""
        self._start("chief", *self.workers)
        while self.processes["chief"].poll() != 0:
            time.sleep(0.5)
            self._show_ended()
            for who in ("chief", *self.workers):
                code = self.processes[who].poll()
                if code is None or code == 0:
                    continue
                self._count_death(who, code)
                if who == "chief":  # it alone knows what the others do
                    self.stop()
                    self._start("chief", *self.workers)
                    break
                self._start(who)
        self._show_ended()

    def stop(self) -> None:
        """Ends all of them."""
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()

    def _start(self, *names):
        gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        if gpus == [""]:
            gpus = [str(i) for i in range(len(tf.config.list_physical_devices("GPU")))]
        (self.trials.folder / "tuner").mkdir(exist_ok=True)
        for who in names:
            own = {
                "KERASTUNER_TUNER_ID": who,
                "KERASTUNER_ORACLE_IP": "127.0.0.1",
                "KERASTUNER_ORACLE_PORT": str(self.port),
                "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
                "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # several may share one
                "no_grpc_proxy": "127.0.0.1",
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),  # for the modules of users' own classes
            }
            if gpus and who != "chief":
                index = self.workers.index(who)
                own["CUDA_VISIBLE_DEVICES"] = ",".join(gpus[index :: self.count] or [gpus[index % len(gpus)]])
            with open(self._log(who), "a") as log:
                self.processes[who] = subprocess.Popen(
                    [
                        *(sys.executable, "-m", __package__, str(self.trials.folder), str(os.getpid())),
                        *(self.callbacks, *self.modules),
                    ],
                    env={**os.environ, **own}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True,  # an interrupt of the terminal is for who started them
                )  # fmt: skip

    def _log(self, who):
        return self.trials.folder / "tuner" / f"{who}.log"

    def _show_ended(self):
        for found in self.trials.records():
            if found["name"] not in self.known:
                self.known.add(found["name"])
                self.deaths = {key: count for key, count in self.deaths.items() if key[1] is not None}
                self.trials.show(found)

    def _count_death(self, who, code):
        note = self.trials.folder / "tuner" / f"{who}.trial"
        trial = json.loads(note.read_text()) if note.is_file() else None
        key = (who, trial and trial["name"])
        self.deaths[key] = self.deaths.get(key, 0) + 1
        reason = signal.Signals(-code).name if code < 0 else f"code {code}"
        if self.deaths[key] > RESTARTS:
            words = (self._log(who).read_text().strip().splitlines() or [""])[-1]
            if trial is None:
                raise RuntimeError(
                    f"The {who} ended {self.deaths[key]} times without a trial done: see {self._log(who)}. "
                    f"Received: {words}"
                )
            error = f"its process ended {self.deaths[key]} times ({reason}); see {self._log(who)}"
            self.trials.write(trial | {"status": "FAILED", "figure": None, "error": error, "minutes": 0.0})
            note.unlink()
        warnings.warn(f"The {who} ended ({reason}) and is started again; see {self._log(who)}.", stacklevel=2)


def exit_with_parent(parent: int) -> None:
    """Ends this process as soon as its parent, by its process id, has ended: nobody else would restart or stop it."""

    def watch():
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
