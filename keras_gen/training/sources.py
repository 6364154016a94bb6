"""What a run reads: from the words of `train` to the names in config.json."""

from pathlib import Path

from keras_gen.core import GenerativeModel
from keras_gen.data.degradations import TASKS
from keras_gen.data.open import EMBEDDED


def sources_of(
    cls: type[GenerativeModel],
    data: str | None,
    data_a: str | None,
    data_b: str | None,
    task: str | None,
    task_level: float | None,
) -> tuple[str, str | None]:
    """The source of a run, and its target where it has one, as any working directory finds them.

    The arguments are those of `kg.training.train`, and the class of the model.
    """
    name, options = cls.__name__, {"data_a": data_a, "data_b": data_b, "task": task, "task_level": task_level}
    given = ", ".join(f"{key}={str(value)!r}" for key, value in options.items() if value is not None)
    if cls.target_mode is None and given:
        raise ValueError(f"{name} does not translate images: it must be given `data` alone. Received: {given}")
    if (data_a is None) != (data_b is None):
        raise ValueError(f"`data_a` and `data_b` must be given together. Received: {given}")
    if data is not None and data_a is not None:
        raise ValueError(
            f"Either data, or data_a and data_b, must be given, not all of them. Received: data={str(data)!r}, {given}"
        )
    received = given if data is None else f"data={str(data)!r}" + (f", {given}" if given else "")
    if cls.target_mode == "unpaired" and (data_a is None or task is not None or task_level is not None):
        raise ValueError(
            f"{name} learns from images of two kinds: give --data-a and --data-b, and no task. "
            f"Received: {received or 'nothing'}"
        )
    if cls.target_mode == "pairs" and data_a is None and task is None:
        raise ValueError(
            f"{name} learns from pairs of images: add --task denoising (or "
            f"{', '.join(other for other in TASKS if other != 'denoising')}), or give two folders, --data-a and "
            f"--data-b. Received: {received or 'nothing'}"
        )
    if cls.target_mode == "pairs" and data_a is not None and task is not None:
        raise ValueError(
            f"{name} learns from two folders of pairs, or from pairs that a task makes, not from both: leave --task or "
            f"the folders out. Received: {received}"
        )
    for folder in (data_a, data_b) if cls.target_mode == "pairs" and data_a and data_b else ():
        if not Path(folder).is_dir():
            raise FileNotFoundError(f"Pairs without a task come from two folders. Received: {folder}, which is none")
    if data_a is None:
        return _resolved(data or "digits"), None
    return _resolved(data_a), data_b and _resolved(data_b)


def _resolved(source):
    """A source as any working directory finds it."""
    source = str(source)
    return str(Path(source).resolve()) if source not in EMBEDDED and Path(source).exists() else source
