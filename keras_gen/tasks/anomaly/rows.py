"""The rows of a table, judged: which are unlike normal ones, and by which of their columns."""

from pathlib import Path
from typing import Any

import numpy as np

from keras_gen.files import write_json
from keras_gen.table.files import read_table, save_table
from keras_gen.tasks.anomaly import pictures
from keras_gen.tasks.anomaly.detector import AnomalyDetector

NAMED = 3  # columns, for each row


def detect_table(detector: AnomalyDetector, source: Any, out: str | Path) -> tuple[int, int]:
    """Scores every row of a table.

    Leaves `scores.csv`, the rows with `score`, `anomaly` (0 or 1) and `threshold`, worst first, and, of a model that
    reconstructs, `unusual`: the three columns that fit the rest of their row least, by `model.column_scores`;
    `histogram.png` of the scores; and `metrics.json`.

    Args:
        detector: an `AnomalyDetector` of a model of such a table, fitted.
        source: data frame, or path of a .csv, .tsv or .parquet file.
        out: folder for the report; made where it does not exist.

    Returns:
        How many rows there are, and how many of them are anomalies.

    Raises:
        ValueError, FileNotFoundError: if the detector's model is of no table, or the table does not fit it.
        FileExistsError: if there is a report already.
    """
    out, model = Path(out), detector.model
    if getattr(model, "table", None) is None:
        raise ValueError(
            f"Rows of a table need a detector whose model was trained on a table. Received: {type(model).__name__}"
        )
    if (out / "scores.csv").exists():
        raise FileExistsError(f"A report cannot be overwritten: choose another folder. Received: {out}, which has one")
    frame = source if hasattr(source, "columns") else read_table(source)
    scores = detector.score_samples(frame)
    found = scores < detector.threshold_
    report = frame.assign(score=scores, anomaly=found.astype(int), threshold=detector.threshold_)
    if "reconstruct" in model.offers:
        report["unusual"] = _most_unusual(model.column_scores(frame))
    out.mkdir(parents=True, exist_ok=True)
    pictures.draw_histogram(detector, scores, None, out / "histogram.png", "rows")
    write_json(out / "metrics.json", {
        "rows": len(scores),
        "anomalies": int(found.sum()),
        "method": detector.method_,
        "threshold": detector.threshold_,
        "false_alarms_at_most": detector.false_alarms,
    })  # fmt: skip
    save_table(report.iloc[np.argsort(scores, kind="stable")], out / "scores.csv")
    return len(scores), int(found.sum())


def _most_unusual(surprise):
    """Of each row the names of the columns with the highest scores, "bytes, service, hour"."""
    order = np.argsort(-surprise.to_numpy(), axis=1)[:, :NAMED]
    return [", ".join(names) for names in surprise.columns.to_numpy()[order]]
