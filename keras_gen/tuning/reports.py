"""What a search leaves to be read: report.md, objective.png and a table on the screen."""

from pathlib import Path

import numpy as np
from rich.table import Table

from keras_gen.files import write_atomically
from keras_gen.tuning.space import Range


def draw(path: Path, space: dict, good: list[dict], best: dict, objective: str) -> None:
    """The objective of trials that ended well against each hyperparameter."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(space), 3.5), layout="constrained")
    panels = figure.subplots(1, len(space), squeeze=False, sharey=True)[0]
    for axes, (name, values) in zip(panels, space.items(), strict=True):
        of = [record["values"][name] for record in good]
        if not isinstance(values, Range):
            of = [str(value) for value in of]
        elif values.log:
            ticks = np.geomspace(values.low, values.high, 4)
            axes.set_xscale("log")
            axes.set_xticks(ticks, [f"{tick:.2g}" for tick in ticks])
            axes.minorticks_off()
        axes.scatter(of, [record["figure"] for record in good], s=20)
        shown = best["values"][name] if isinstance(values, Range) else str(best["values"][name])
        axes.scatter([shown], [best["figure"]], s=90, facecolors="none", edgecolors="C3", label="best")
        axes.set(xlabel=name)
    panels[0].set(ylabel=objective)
    panels[0].legend()
    figure.savefig(path, dpi=120)


def write_report(trials, records: list[dict], best: dict) -> None:
    """report.md and objective.png."""
    settings, good = trials.settings, [record for record in records if record["status"] == "COMPLETED"]
    failed = [record for record in records if record["status"] == "FAILED"]
    draw(trials.folder / "objective.png", trials.space, good, best, settings["objective"])
    what = trials.objective.what if trials.objective else "a metric of the history, which contains its own terms"
    order = sorted(good, key=lambda record: record["figure"], reverse=trials.direction == "max")
    names = list(trials.space)
    chosen = ", ".join(f"{name} = {_short(best['values'][name])}" for name in names)
    minutes = sum(record["minutes"] for record in records)
    lines = [
        f"# Search of {settings['model']} on {settings['data']}",
        "",
        f"**Objective**: {settings['objective']} ({what}), {trials.direction}, on images of the training split that "
        "no trial trained on.",
        "",
        f"{settings['algorithm']} search, {len(good)} trials that ended well and {len(failed)} that failed, "
        f"{settings['epochs']} epochs at most, seed {settings['seed']}, {minutes:.1f} minutes of trials.",
        "",
        f"**Best**: {chosen}: {best['figure']:.4f}. "
        "It is trained again in `best`, where `metrics.json` has its metrics on the test split.",
        "",
        "![The objective against each hyperparameter](objective.png)",
        "",
        "| | " + " | ".join(names) + " | epochs | " + settings["objective"] + " | minutes |",
        "|---" * (len(names) + 4) + "|",
    ]
    for i, record in enumerate([*order, *failed]):
        cells = [_short(record["values"][name]) for name in names]
        result = f"{record['figure']:.4f}" if record["figure"] is not None else "failed: " + record["error"]
        lines.append(
            "| " + " | ".join([str(i + 1), *cells, str(record["epochs"]), result, f"{record['minutes']:.1f}"]) + " |"
        )
    write_atomically(trials.folder / "report.md", lambda path: path.write_text("\n".join(lines) + "\n"))
    if trials.verbose:
        table = Table("", *names, settings["objective"], title=f"The best of {len(records)} trials")
        for i, record in enumerate(order[:5]):
            table.add_row(str(i + 1), *(_short(record["values"][name]) for name in names), f"{record['figure']:.4f}")
        trials.console.print(table)
        if failed:
            trials.console.print(f"{len(failed)} trials failed; the last: {failed[-1]['error']}", highlight=False)


def _short(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)
