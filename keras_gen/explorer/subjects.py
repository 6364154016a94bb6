"""What is explored: a model or a detector, what it is called, and examples of its data."""

import dataclasses
import functools
import inspect
import threading
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_gen import data as data_room
from keras_gen import saving, tasks, training
from keras_gen.core import GenerativeModel
from keras_gen.explorer.codes import Codes, codes_of
from keras_gen.explorer.quick import Quick

EXAMPLES = 1000  # that are kept
FEWEST = 19  # that set a threshold at 5 % of false alarms


@dataclasses.dataclass
class Subject:
    """One thing to explore.

    Args:
        title: of its tab.
        model: of the package; None of a detector by other features.
        detector: fitted, if it is one.
        x: (N, ...) examples of its data, or None.
        labels: (N,) their classes, or None.
        targets: (N, ...) of a model that translates, examples of what it makes, or None.
        class_names: by label.
    """

    title: str
    model: Any = None
    detector: Any = None
    x: np.ndarray | None = None
    labels: np.ndarray | None = None
    targets: np.ndarray | None = None
    class_names: list[str] = dataclasses.field(default_factory=list)
    _last: tuple[bytes, Any] | None = None

    @functools.cached_property
    def quick(self) -> Quick:
        """The model, compiled."""
        return Quick(self.model)

    @functools.cached_property
    def codes(self) -> Codes | None:
        """Its codes, None of one that has none to move."""
        return codes_of(self)

    @functools.cached_property
    def judge(self) -> Any:
        """The detector, or one of its examples by the model, None where there cannot be one."""
        if self.detector is not None or self.x is None or self.needs_labels:
            return self.detector
        if not {"reconstruct", "score"} & self.offers or len(self.x) < FEWEST:
            return None
        with warnings.catch_warnings(), self.lock:
            warnings.simplefilter("ignore")  # that it is not trained: the page shows it
            return tasks.AnomalyDetector(self.model).fit(self.x)

    def last(self, answer: Callable, x: np.ndarray) -> Any:
        """What `answer(subject, x)` gives; of the array that it was last asked about, what it gave then."""
        asked = x.tobytes()
        if self._last is None or self._last[0] != asked:
            self._last = asked, answer(self, x)
        return self._last[1]

    @functools.cached_property
    def sampler(self) -> Any:
        """Samples of an autoencoder, by a mixture fitted to the codes of its examples, None where there are none."""
        if self.x is None or len(self.x) < FEWEST or self.needs_labels or {"sample", "separate"} & self.offers:
            return None
        if self.codes is None or "encode" not in self.offers:
            return None
        with self.lock:
            return tasks.CodeSampler(self.model).fit(self.x)

    @property
    def lock(self) -> threading.RLock:
        """Held by whoever asks the model, one at a time."""
        return self.quick.lock

    @property
    def shape(self) -> tuple:
        """Of one example."""
        return tuple(self.detector.data_shape_ if self.model is None else self.model.data_shape)

    @property
    def is_of_images(self) -> bool:
        return len(self.shape) == 3

    @property
    def offers(self) -> frozenset:
        """What the model can do."""
        return frozenset() if self.model is None else self.model.offers

    @property
    def needs_labels(self) -> bool:
        """Whether the model must be told the class of what it encodes."""
        return self.model is not None and self.model.supervision == "required"

    def classes(self, ability: str) -> list[str]:
        """The names of classes that an ability can be given; none if it takes none."""
        if ability not in self.offers or "labels" not in inspect.signature(getattr(self.model, ability)).parameters:
            return []
        if ability == "decode" and not getattr(self.model, "has_category", True):
            return []
        spec = self.model.data_spec if ability == "decode" else self.model.spec_of(ability)
        names = [str(number) for number in range(spec.num_classes or 0)]
        return self.class_names if len(self.class_names) == len(names) else names


def opened(models: Any, data: Any = None) -> list[Subject]:
    """The subjects of what `explore` is given, of at least one."""
    if isinstance(models, Mapping):
        named = list(models.items())
    else:
        several = models if isinstance(models, list | tuple) else [models]
        named = [(None, one) for one in several]
    if not named:
        raise ValueError(f"There must be a model to explore, or several. Received: {models}")
    subjects = [_open(one, data) for _, one in named]
    for i, (subject, (title, _)) in enumerate(zip(subjects, named, strict=True)):
        taken = [other.title for other in subjects[:i]]
        subject.title = title or subject.title
        if subject.title in taken:
            subject.title += f" {1 + sum(name.startswith(subject.title) for name in taken)}"
    return subjects


def _open(one, data):
    """The subject of one model, detector or name."""
    title = Path(one).name if isinstance(one, str | Path) else type(one).__name__
    if isinstance(one, str | Path) and saving.is_detector(one):
        one = tasks.AnomalyDetector.load(one)
    run = None
    if isinstance(one, str | Path):
        run = training.run_of(one)
        one = saving.load(one) if run is None else run.model
    if isinstance(one, GenerativeModel):
        subject = Subject(title, one)
    elif hasattr(one, "score_samples") and hasattr(one, "threshold_"):
        own = one.model if isinstance(one.model, GenerativeModel) else None
        subject = Subject(title, own, one)
    else:
        raise ValueError(
            "What is explored must be a model of the package, a fitted detector, or the name or path of one. "
            f"Received: {type(one).__name__}"
        )
    _find_examples(subject, data, run)
    return subject


def _find_examples(subject, data, run):
    """Gives a subject examples: those that are given, of its run, or those inside the package."""
    model, shape = subject.model, subject.shape
    if len(shape) == 2:
        raise ValueError(
            f"The explorer has no panel for series: draw them by `kg.plots.series`. Received: {subject.title}, a model "
            f"of data_shape={shape}"
        )
    made = tuple(getattr(model, "target_shape", shape))
    size = {"image_size": shape[:2], "channels": shape[2]} if subject.is_of_images else {}
    if data is None and run is not None:
        dataset, info = run.held_out(EXAMPLES), run.config.info()
    elif data is not None and not isinstance(data, str | Path):
        x, y = data if isinstance(data, tuple) else (data, None)
        subject.x = np.asarray(x[:EXAMPLES], "float32")
        if subject.x.shape[1:] != shape:
            raise ValueError(f"`data` must be (N, *{shape}) for {subject.title}. Received: shape={subject.x.shape}")
        subject.labels = None if y is None else np.asarray(y[:EXAMPLES])
        return
    else:
        embedded = {(28, 28, 1): "mnist_mini", (8, 8, 1): "digits"}
        source = embedded.get(made) if data is None and shape[-1] == 1 else data
        if source is None:
            return
        info = data_room.info(source, **size)
        split = "test" if "test" in info.splits else next(iter(info.splits))
        labels = info.num_classes is not None
        dataset = data_room.load(source, split, shuffle=False, limit=EXAMPLES, labels=labels, **size)
    loaded = data_room.stack(dataset)
    x, y = loaded if isinstance(loaded, tuple) else (loaded, None)
    is_target = y is not None and model is not None and model.target_mode is not None and np.ndim(y) > 1
    subject.x, subject.labels, subject.targets = x, None if is_target else y, y if is_target else None
    subject.class_names = list(map(str, info.class_names or []))
