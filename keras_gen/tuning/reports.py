"""What a search leaves to be read: report.md, objective.png and a table on the screen."""

from rich.table import Table

from keras_gen import plots
from keras_gen.files import write_atomically


def write_report(trials, records: list[dict], best: dict) -> None:
    """report.md and objective.png."""
    settings, good = trials.settings, [record for record in records if record["status"] == "COMPLETED"]
    failed = [record for record in records if record["status"] == "FAILED"]
    plots.objective(settings["objective"], trials.space, good, best, trials.folder / "objective.png")
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
