"""`RunConfig`: everything that a run was asked for, resolved, as config.json holds it."""

import dataclasses
import functools
import json
import platform
from pathlib import Path
from typing import Any, Self

import keras
import tensorflow as tf

from keras_gen import data, saving
from keras_gen.core import AdversarialModel, GenerativeModel, arguments, check_at_least, check_choice
from keras_gen.data.augment import as_names
from keras_gen.data.image_files import Half
from keras_gen.data.layout import ClassesFrom
from keras_gen.data.open import opened
from keras_gen.data.pairs import views
from keras_gen.data.sources import Info, Source
from keras_gen.files import write_json
from keras_gen.training.registry import find_model
from keras_gen.training.sources import sources_of
from keras_gen.version import __version__

VALIDATION_IMAGES = 10_000  # at most, for the metrics of each epoch
SHAPES = ("data_shape", "target_shape")  # arguments of models that a run takes from its data
OPENING = (
    "image_size",
    "channels",
    "on_error",
    "split_folders",
    "classes_from",
    "target_column",
    "kinds",
)  # by which a source is opened
OF_ONE_FOLDER = ("input_half", "input_suffix", "target_suffix")  # how a folder holds inputs and targets
# The sections of config.json.
DATA = ("source", "target", "task", "task_level", *OF_ONE_FOLDER, *OPENING, "binarize", "augment", "balance",
        "num_labels", "limit", "seed")  # fmt: skip
TRAINING = ("epochs", "batch_size", "learning_rate", "schedule", "validation", "patience", "devices", "figures",
            "seed")  # fmt: skip


def _versions() -> dict[str, str]:
    return {"keras_gen": __version__, "keras": keras.__version__, "python": platform.python_version()}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What a run trains, on what, and how: checked, and with nothing left to be looked up but the data.

    `from_arguments` makes one from what a user asks for, `read` from a run folder. It alone knows which images a run
    trains on and which it holds out.

    Args:
        model: name of the model, as in `registry`.
        arguments: of its constructor.
        source: what the images are read from, as for `kg.data.load`.
        target: of a model that translates without a task, what else is read.
        versions: of what it was asked with.

    The others are those of `kg.training.train`.
    """

    model: str
    arguments: dict[str, Any]
    source: str
    target: str | None = None
    task: str | None = None
    task_level: float | None = None
    input_half: Half | None = None
    input_suffix: str | None = None
    target_suffix: str | None = None
    image_size: int | None = None
    channels: int | None = None
    binarize: str | None = None
    augment: list[str] | None = None
    balance: bool = False
    num_labels: int | None = None
    limit: int | None = None
    on_error: str = "stop"
    split_folders: bool | None = None
    classes_from: ClassesFrom | None = None
    target_column: str | None = None
    kinds: dict[str, str] | None = None
    epochs: int = 20
    batch_size: int = 128
    learning_rate: float | None = None
    schedule: str = "constant"
    validation: float = 0.1
    patience: int | None = None
    devices: int | None = None
    figures: bool = True
    seed: int = 0
    versions: dict[str, str] = dataclasses.field(default_factory=_versions)

    # === Making one ===

    @classmethod
    def from_arguments(
        cls,
        model: str,
        arguments: dict[str, Any] | None = None,
        *,
        data: str | None = None,
        data_a: str | None = None,
        data_b: str | None = None,
        **options: Any,
    ) -> Self:
        """What was asked for in the words of `kg.training.train`, with the defaults of the model's constructor."""
        name, model_cls = find_model(model)
        of_pairs = {name: options.get(name) for name in ("task", "task_level", *OF_ONE_FOLDER)}
        source, target = sources_of(model_cls, data, data_a, data_b, **of_pairs)
        defaults = {
            key: parameter.default
            for key, parameter in model_cls.arguments().items()
            if parameter.default is not parameter.empty and key not in ("seed", *SHAPES)
        }
        changes = options.get("augment") or ()
        changes = [changes] if isinstance(changes, str) else [*changes]
        if "diff" in changes:  # which is the model's
            if "augment" not in model_cls.arguments():
                raise ValueError(
                    f"'diff' changes what the discriminator of a GAN sees, gan or infogan; {name} can have its "
                    f"training images changed, by flip, crop, colour, rotate. Received: augment={changes}"
                )
            arguments = (arguments or {}) | {"augment": "diff"}
            options["augment"] = [name for name in changes if name != "diff"] or None
        if options.get("learning_rate") is None:
            options["learning_rate"] = model_cls.learning_rate
        return cls(model=name, arguments=defaults | (arguments or {}), source=source, target=target, **options)

    def __post_init__(self):
        _check_arguments(self.model, self.cls, self.arguments)
        if self.num_labels is not None and self.cls.supervision_of(self.arguments) != "partial":
            raise ValueError(
                f"{self.model} does not learn from labels known in part: leave `num_labels` out. "
                f"Received: num_labels={self.num_labels}"
            )
        check_at_least(1, epochs=self.epochs, batch_size=self.batch_size)
        if self.learning_rate is not None and not self.learning_rate > 0:
            raise ValueError(f"`learning_rate` must be above 0. Received: learning_rate={self.learning_rate}")
        if not all(isinstance(name, str) for name in as_names(self.augment)):
            raise ValueError(
                "A run must be made of what config.json can hold: give `augment` by names, or train with `fit`. "
                f"Received: augment={self.augment}"
            )
        check_choice("schedule", self.schedule, ("constant", "cosine"))
        arguments.number(above=0, below=1).check("validation", self.validation)
        if self.patience is not None:
            check_at_least(1, patience=self.patience)
            if issubclass(self.cls, AdversarialModel):
                raise ValueError(
                    f"{self.model} is a game: its losses do not tell whether it gets better, so `patience` must be "
                    f"left out. Received: patience={self.patience}"
                )

    def replace(self, **changes: Any) -> Self:
        """A config with other values. Sources that are open stay open, unless others are to be read."""
        other = dataclasses.replace(self, **changes)
        if "sources" in vars(self) and not changes.keys() & {"source", "target", *OPENING}:
            vars(other)["sources"] = self.sources
        return other

    def with_classes(self) -> Self:
        """The config with the number of classes of the data, if the model learns from labels and it was not given."""
        if self.cls.supervision_of(self.arguments) is None:
            return self
        info, given = self.info(), self.arguments.get("num_classes")
        if info.num_classes is None:
            raise ValueError(
                f"{self.model} learns from labels: its data must have classes. Received: data={info.name}, which has "
                "none"
            )
        if given is not None and given < info.num_classes:
            raise ValueError(
                f"{info.name} has {info.num_classes} classes: `num_classes` must be that many at least. "
                f"Received: num_classes={given}"
            )
        return self.replace(arguments=self.arguments | {"num_classes": given or info.num_classes})

    # === config.json ===

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """The config.json of a run folder."""
        path = Path(folder) / "config.json"
        if not path.is_file():
            raise FileNotFoundError(f"A run folder must hold a config.json. Received: {folder}")
        try:
            found = json.loads(path.read_text())
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"This config.json is damaged ({error}). Received: {path}") from None
        kinds = {"model": str, "arguments": dict, "data": dict, "training": dict}
        wrong = [name for name, kind in kinds.items()
                 if not isinstance(found, dict) or not isinstance(found.get(name), kind)]  # fmt: skip
        if wrong:
            raise ValueError(f"A config.json must hold {', '.join(kinds)}. Received: {path} without {', '.join(wrong)}")
        settings = found["data"] | found["training"]
        unknown = set(settings) - {*DATA, *TRAINING}
        if unknown:
            raise ValueError(
                "A config.json must not hold settings that this version does not know. "
                f"Received: {', '.join(sorted(unknown))} in {path}"
            )
        try:
            return cls(
                model=found["model"], arguments=found["arguments"], versions=found.get("versions", {}), **settings
            )
        except (ValueError, TypeError) as error:  # changed by hand
            raise ValueError(f"{error} in {path}") from None

    def sections(self) -> dict[str, Any]:
        """What config.json holds, as JSON gives it back."""
        content = {
            "model": self.model,
            "arguments": self.arguments,
            "data": {name: getattr(self, name) for name in DATA},
            "training": {name: getattr(self, name) for name in TRAINING},
            "versions": self.versions,
        }
        return json.loads(json.dumps(content, default=str))

    def write(self, folder: str | Path) -> None:
        """Writes config.json."""
        write_json(Path(folder) / "config.json", self.sections())

    # === Data ===

    @functools.cached_property
    def sources(self) -> tuple[Source, ...]:
        """What is read, opened once: the source, or inputs and targets where there are both."""
        options = {name: getattr(self, name) for name in OPENING}
        options["target"] = options.pop("target_column")
        read = tuple(opened(name, **options) for name in (self.source, self.target) if name is not None)
        kept_together = [getattr(self, name) for name in OF_ONE_FOLDER]
        return views(read[0], *kept_together) if any(kept_together) else read

    def info(self) -> Info:
        """`kg.data.info` of the source."""
        return self.sources[0].info

    @property
    def has_classes(self) -> bool:
        """Whether the source gives labels, be they learnt from or not."""
        return self.info().num_classes is not None

    @property
    def training_split(self) -> str:
        """The training split of the source, or what validation leaves of it."""
        return "train" if "validation" in self._splits else f"train[:{self._percent}%]"

    @property
    def validation_split(self) -> str:
        """What each epoch is judged on: a split of the source, or else a part of its training split."""
        return "validation" if "validation" in self._splits else f"train[{self._percent}%:]"

    @property
    def held_out_split(self) -> str:
        """What a trained model is judged on: "test" where the source has one, else what the epochs are judged on."""
        return "test" if "test" in self._splits else self.validation_split

    @property
    def _splits(self) -> set[str]:
        return set.intersection(*(set(source.info.splits) for source in self.sources))

    @property
    def _percent(self) -> int:
        return 100 - max(1, round(100 * self.validation))

    def load(
        self, split: str, *, labels: bool | None = None, num_labels: int | None = None, **options: Any
    ) -> tf.data.Dataset:
        """A split, or a part of one: all of it and unshuffled, unless asked otherwise.

        Args:
            split: as for `kg.data.load`.
            labels: whether to give them; None for a model that learns from them. Pairs have none.
            num_labels: how many of them are known; None for all.
            **options: others of `kg.data.load`.
        """
        target_mode = self.cls.target_mode
        opening = {name: getattr(self, name) for name in ("image_size", "channels", "on_error")}
        options = {"batch_size": self.batch_size, "shuffle": False, "seed": self.seed} | opening | options
        if target_mode == "unpaired":
            return data.unpaired(self.sources[0], self.sources[1], split, **options)
        if target_mode == "pairs":
            target = self.sources[1] if len(self.sources) > 1 else None
            options |= {"task": self.task, "level": self.task_level}
            return data.pairs(self.sources[0], target, split, **options)
        labels = self.cls.supervision_of(self.arguments) is not None if labels is None else labels
        return data.load(
            self.sources[0], split, labels=labels, num_labels=num_labels, binarize=self.binarize, **options
        )

    def training(self) -> tf.data.Dataset:
        """What the run trains on, shuffled, from an epoch on."""
        options: dict[str, Any] = {"augment": self.augment}
        if self.cls.target_mode is None:
            options |= {"num_labels": self.num_labels, "balance": self.balance}
        return self.load(self.training_split, shuffle=True, limit=self.limit, **options)

    def validating(self, replicas: int = 1) -> tf.data.Dataset:
        """What each epoch is judged on, of a number of images that the replicas can share."""
        count = int(self.load(self.validation_split, limit=VALIDATION_IMAGES, batch_size=1).cardinality())
        return self.load(self.validation_split, limit=max(replicas, count - count % replicas))

    def held_out(self, limit: int | None = None, labels: bool | None = None, normal: bool = False) -> tf.data.Dataset:
        """What the trained model is judged on, with labels where the source has them or as asked.

        To set thresholds by, `normal` is what the epochs are judged on where the test split has defects.
        """
        split = self.validation_split if normal and self.sources[0].has_defects else self.held_out_split
        return self.load(split, limit=limit, labels=self.has_classes if labels is None else labels)

    # === The model ===

    @property
    def cls(self) -> type[GenerativeModel]:
        """The class of the model."""
        return find_model(self.model)[1]

    def build(self, dataset: tf.data.Dataset) -> GenerativeModel:
        """A new model for such data, compiled; the steps of all epochs over them are those of its schedule."""
        shape, *others = (tuple(spec.shape[1:]) for spec in tf.nest.flatten(dataset.element_spec))
        arguments = {"seed": self.seed, **self.arguments}
        if self.cls.target_mode is not None:
            arguments["target_shape"] = others[0]
        for name, parameter in self.cls.arguments().items():
            if parameter.annotation == keras.Model | None and arguments.get(name) is not None:
                arguments[name] = saving.load(arguments[name])  # a trained model, by its run, file or name
        described: Any = self.info().spec or shape
        model = self.cls(described, **arguments)
        steps = self.epochs * int(dataset.cardinality()) if self.schedule == "cosine" else None
        model.compile(**model.default_optimizers(self.learning_rate, steps))
        return model


def _check_arguments(name, cls, arguments):
    """That the constructor takes them, and that config.json can hold them."""
    unknown = set(arguments) - set(cls.arguments())
    if unknown:
        raise ValueError(f"{name} takes {', '.join(cls.arguments())}. Received: {', '.join(sorted(unknown))}")
    for argument, value in arguments.items():
        if argument in SHAPES:
            raise ValueError(f"The shapes are those of the data: leave them out. Received: {argument}={value}")
        if isinstance(value, keras.Layer):
            raise ValueError(
                f"A run must be made of what config.json can hold: give `{argument}` by name, or train with `fit`. "
                f"Received: {argument}={value}"
            )
