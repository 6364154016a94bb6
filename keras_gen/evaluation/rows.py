"""The numbers of a report as rows that can be read: in groups, with unit, direction, meaning and what stands beside."""

from typing import Any, NamedTuple

import numpy as np

from keras_gen.evaluation.probes import MAX_CODES
from keras_gen.evaluation.summary import LIKELIHOOD_IMAGES
from keras_gen.metrics import GROUPS, Metric, describe, describe_all

# Ending of a name -> what the number is that stands beside the metric of that name.
BESIDE = {"_baseline": "PCA", "_floor": "real images", "_control": "noise", "_shuffled": "columns shuffled"}
TOO_GOOD = 0.5  # precision of noise, or share of that of real images, above which it says nothing


class Row(NamedTuple):
    """A metric with its value, what it says, and the numbers beside it by what they are."""

    name: str
    value: float
    metric: Metric
    beside: dict[str, float]


class Group(NamedTuple):
    """Rows of one kind: a title, what they were measured on, and the names of the columns beside the value."""

    title: str
    measured_on: str
    rows: list[Row]
    beside: list[str]


def grouped(metrics: dict[str, Any], model: Any = None) -> list[Group]:
    """Numbers of `report` and `baselines` in groups.

    Args:
        metrics: name to value.
        model: of which they are; its likelihood gives some terms their unit.
    """
    described, things = describe_all(metrics, model), "images" if getattr(model, "table", None) is None else "rows"
    rows: dict[str, list[Row]] = {name: [] for name in GROUPS}
    for name, value in metrics.items():
        if not isinstance(value, float | np.floating) or name.endswith(tuple(BESIDE)):
            continue
        beside = {
            words.replace("images", things): metrics[name + end]
            for end, words in BESIDE.items()
            if name + end in metrics
        }
        rows[described[name].group].append(Row(name, float(value), described[name], beside))
    return [
        Group(
            GROUPS[name],
            _measured_on(name, metrics).replace("images", things),
            found,
            list(dict.fromkeys(b for r in found for b in r.beside)),
        )
        for name, found in rows.items()
        if found
    ]


def _measured_on(group, metrics):
    count = metrics.get("images", 0)
    if group == "likelihood" and "log_likelihood" in metrics:
        first = min(count, LIKELIHOOD_IMAGES)
        return f"{count:,} held-out images; log_likelihood on {'all' if first == count else f'the first {first:,}'}"
    if group == "samples":
        size = metrics.get("fidelity_images")
        on = metrics.get("fidelity_features", "")
        return (f"{size:,} samples beside {size:,} held-out images" if size else "") + (f", by {on}" if on else "")
    if group == "codes":
        judged = min(count, MAX_CODES)
        return f"codes of {judged:,} held-out images; a probe learns from half of them and is judged on the others"
    return f"{count:,} held-out images"


def doubts(metrics: dict[str, Any]) -> list[str]:
    """Sentences on what the metrics cannot judge; none where all is well."""
    found = []
    classes = metrics.get("fidelity_classes")
    if classes is not None and classes <= 2:
        found.append(
            f"The features are those of a classifier of {classes} classes: they know what tells these apart and little "
            "else, so flawed samples may pass for real ones."
        )
    fooled = [name for name in metrics if f"{name}_control" in metrics and _takes_noise_for_images(name, metrics)]
    if fooled:
        values = ", ".join(f"{name} ({_written_pair(name, metrics)})" for name in fooled)
        found.append(f"Noise comes close to real images by {values}: there the numbers of samples say little.")
    return found


def _takes_noise_for_images(name, metrics):
    """Whether a metric of noise is about as good as that of real images."""
    noise, real = metrics[f"{name}_control"], metrics[f"{name}_floor"]
    if describe(name).better == "higher":
        return bool(noise >= TOO_GOOD * real)
    if describe(name).better == "lower":
        return noise <= 2 * max(real, 0.0) + 3 * np.nan_to_num(metrics.get(f"{name}_error_floor", 0.0))
    return False


def _written_pair(name, metrics):
    return f"noise {written(metrics[f'{name}_control'])}, real images {written(metrics[f'{name}_floor'])}"


def written(value: Any) -> str:
    """A number to about four digits, with commas in thousands; other values as they are."""
    if isinstance(value, float | np.floating):
        size = abs(float(value))
        digits = 0 if size >= 10_000 else 1 if size >= 1000 else 2 if size >= 100 else 4
        return f"{value:,.{digits}f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
