"""The trials of a search: the folder that they share, whose it is, and the record of each."""

import contextlib
import functools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock
from rich.console import Console

from keras_gen.files import write_json
from keras_gen.training.config import RunConfig
from keras_gen.training.trackers import Callbacks
from keras_gen.tuning import space as spaces
from keras_gen.tuning import workers
from keras_gen.tuning.objectives import OBJECTIVES, HeldOut
from keras_gen.tuning.trial import Trial


class Trials:
    """What was asked for, what the trials share, and what became of each.

    Args:
        folder: of the search.
        settings: everything asked for, as search.json holds it.
        config: what the runs of all trials have in common.
        verbose: 0 silent, 1 a line for each trial, 2 and the epochs of each.
        callbacks: what makes those of each run.
    """

    def __init__(
        self,
        folder: Path,
        settings: dict[str, Any],
        config: RunConfig,
        verbose: int,
        callbacks: Callbacks | None = None,
    ):
        self.callbacks = callbacks
        self.folder, self.settings, self.config, self.verbose = folder, settings, config, verbose
        self.space = spaces.read(settings["space"])
        self.objective = OBJECTIVES.get(settings["objective"])
        self.verbose_runs = max(0, verbose - 1)
        self.console = Console()

    @property
    def direction(self) -> str:
        """Which objectives are better: "max" or "min"."""
        if self.objective is not None:
            return self.objective.direction
        larger = self.settings["objective"].endswith(("accuracy", "likelihood", "elbo", "ssim", "psnr"))
        return "max" if larger else "min"

    @functools.cached_property
    def held_out(self) -> HeldOut:
        """What all trials are judged on."""
        return HeldOut(self.config)

    def config_of(self, values: dict[str, Any], **changes: Any) -> RunConfig:
        """The run of some values: the shared config, but for what a space may hold and for `epochs` and `figures`.

        What is held out is neither, so that no trial can train on what it is judged on.
        """
        of_the_run = {name: value for name, value in values.items() if name in spaces.OF_THE_RUN}
        arguments = spaces.arguments_of(self.config.cls, values, self.settings["arguments"])
        config = self.config.replace(arguments=self.config.arguments | arguments, **of_the_run, **changes)
        return config.with_classes()

    # === The folder ===

    @property
    def written(self) -> Path:
        """search.json: everything asked for."""
        return self.folder / "search.json"

    @contextlib.contextmanager
    def begun(self) -> Iterator[None]:
        """The folder, new or that of this very search, and nobody else's meanwhile."""
        if self.written.is_file():
            self._check_same()
        elif self.folder.exists() and not (
            self.folder.is_dir() and {path.name for path in self.folder.iterdir()} <= {".lock", "tuner"}
        ):
            raise FileExistsError(
                f"The folder of a search must not exist yet: choose another. Received: out={self.folder}"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with filelock.FileLock(self.folder / ".lock", blocking=False):
                (self.folder / "tuner").mkdir(exist_ok=True)  # first: workers wait for search.json
                write_json(self.written, self.settings)
                yield
        except filelock.Timeout:
            raise FileExistsError(
                f"Another process is searching in this folder; wait for its end. Received: out={self.folder}"
            ) from None

    def join(self) -> None:
        """Waits for the chief to begin."""
        deadline = time.time() + workers.PATIENCE
        while not self.written.is_file():
            if time.time() > deadline:
                raise FileNotFoundError(
                    "The chief has not begun: start it with the same arguments, and an `out` that all machines share. "
                    f"Received: out={self.folder}"
                )
            time.sleep(0.5)
        self._check_same()

    def _check_same(self):
        if json.loads(self.written.read_text()) != json.loads(json.dumps(self.settings)):
            raise FileExistsError(
                "This folder holds another search: choose a new one, or call with the same arguments to go on. "
                f"Received: out={self.folder}"
            )

    # === Records ===

    def run(self, values: dict[str, Any], epochs: int) -> float:
        """Does a trial, goes on with it, or remembers it; -> its objective, NaN of one that failed."""
        trial = Trial(self, values, epochs)
        with filelock.FileLock(self.folder / "tuner" / f"{trial.name}.lock"):  # two workers may be asked for the same
            record = self.record(trial.name)
            if record is None:
                with workers.at_work_on(self.folder, trial.about):
                    record = trial.run()
                    self.write(record)
                    self.show(record)
        return float("nan") if record["figure"] is None else record["figure"]

    def record(self, name: str) -> dict[str, Any] | None:
        """What became of a trial; None of one that has not ended."""
        path = self.folder / "trials" / f"{name}.json"
        return json.loads(path.read_text()) if path.is_file() else None

    def records(self) -> list[dict[str, Any]]:
        """What is known of each trial, the first to end first."""
        paths = sorted((self.folder / "trials").glob("[!.]*.json"), key=lambda path: path.stat().st_mtime_ns)
        return [json.loads(path.read_text()) for path in paths]

    def write(self, record: dict[str, Any]) -> None:
        """Keeps the record of a trial that has ended."""
        (self.folder / "trials").mkdir(exist_ok=True)
        write_json(self.folder / "trials" / f"{record['name']}.json", record)

    def show(self, record: dict[str, Any]) -> None:
        """A line for a trial that has ended."""
        if self.verbose:
            value = "failed: " + record["error"] if record["figure"] is None else f"{record['figure']:.4f}"
            told = f"trial {len(self.records())}: {record['name']}: {self.settings['objective']} {value}"
            self.console.print(f"{told} ({record['minutes']:.1f} minutes)", highlight=False, soft_wrap=True)
