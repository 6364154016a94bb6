"""What a run reads: from the words of `train` to the names in config.json."""

from pathlib import Path
from typing import Any

from keras_gen.core import GenerativeModel
from keras_gen.data.degradations import TASKS
from keras_gen.data.open import EMBEDDED


def sources_of(
    cls: type[GenerativeModel],
    data: str | None,
    data_a: str | None,
    data_b: str | None,
    **of_pairs: Any,
) -> tuple[str, str | None]:
    """The source of a run, and its target where it has one, as any working directory finds them.

    The arguments are those of `kg.training.train`, and the class of the model; `of_pairs` are `task`, `task_level` and
    how one folder holds inputs and targets.
    """
    if hasattr(data, "columns"):
        raise ValueError(
            "A run can be repeated from its folder, so its data must be a file: write the data frame by "
            "`frame.to_csv('rows.csv', index=False)`, or train the model with `fit`. Received: data, a data frame"
        )
    name, options = cls.__name__, {"data_a": data_a, "data_b": data_b, **of_pairs}
    task = of_pairs.get("task")
    one_folder = [key for key in of_pairs if key.startswith(("input_", "target_")) and of_pairs[key] is not None]
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
    if cls.target_mode == "unpaired" and (data_a is None or set(of_pairs.values()) != {None}):
        raise ValueError(
            f"{name} learns from images of two kinds: give --data-a and --data-b, and no task. "
            f"Received: {received or 'nothing'}"
        )
    if cls.target_mode == "pairs" and data_a is None and task is None and not one_folder:
        raise ValueError(
            f"{name} learns from pairs of images: add --task denoising (or "
            f"{', '.join(other for other in TASKS if other != 'denoising')}), or give two folders, --data-a and "
            "--data-b, or one of both, with --input-half or --target-suffix. "
            f"Received: {received or 'nothing'}"
        )
    if cls.target_mode == "pairs" and (data_a is not None) + (task is not None) + bool(one_folder) > 1:
        raise ValueError(
            f"{name} learns from two folders of pairs, from pairs that a task makes, or from one folder of both: it "
            f"takes --data-a and --data-b, or --task, or the options of one folder. Received: {received}"
        )
    if cls.target_mode == "pairs" and task is None:
        for folder in (data_a, data_b) if data_a is not None else (data,):
            if not Path(str(folder)).is_dir():
                raise FileNotFoundError(
                    "Pairs without a task come from two folders, or from one of both. "
                    f"Received: {folder}, which is none"
                )
    if data_a is None:
        return _resolved(data or "digits"), None
    return _resolved(data_a), data_b and _resolved(data_b)


def _resolved(source):
    """A source as any working directory finds it."""
    source = str(source)
    return str(Path(source).resolve()) if source not in EMBEDDED and Path(source).exists() else source
