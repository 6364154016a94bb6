"""A folder of images, judged: a table, pictures of the worst, a histogram, and figures where the truth is known."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_gen.data.folder import FolderSource
from keras_gen.data.image_files import SUFFIXES, read_image
from keras_gen.data.layout import GROUND_TRUTH
from keras_gen.files import write_atomically, write_json
from keras_gen.tasks.anomaly import pictures
from keras_gen.tasks.anomaly.detector import AnomalyDetector

BATCH = 100
NORMAL = {"good", "normal", "ok"}  # names of folders, beside those of defects
MAX_PIXELS = 20_000_000  # that the AUROC of pixels is taken of


class Judged(NamedTuple):
    """Images to judge, and what is known of them.

    Args:
        files: paths.
        names: of them, relative to the folder that was given.
        is_odd: whether each is an anomaly; None where nothing is known.
        masks: of each the file of its mask, "" for a normal one, None where there is none; or None altogether.
        white: as of `read_image`.
    """

    files: list[Path]
    names: list[str]
    is_odd: np.ndarray | None
    masks: list[Path | str | None] | None
    white: int


def detect_folder(
    detector: AnomalyDetector,
    source: str | Path,
    out: str | Path,
    *,
    on_error: str = "stop",
    count: int = 20,
    verbose: int = 1,
) -> tuple[int, int]:
    """Scores every image below a folder; the detector's size and channels are made of each.

    Leaves `scores.csv` (file, score, anomaly, threshold; worst first); `worst.png`, the worst with what the detector
    sees in them; `histogram.png` of the scores; and `metrics.json`. In MVTec's layout the images of `test` are judged:
    those in `test/good` are normal, all others odd, and `ground_truth` holds masks; then the AUROC of images, and that
    of pixels, are among the metrics.

    Args:
        detector: an `AnomalyDetector` of images, fitted.
        source: folder of images.
        out: folder for the report; made where it does not exist.
        on_error: "stop" to list files that cannot be read, "skip" to leave them out with a warning.
        count: how many images of the worst are drawn.
        verbose: 1 for a progress bar.

    Returns:
        How many images there are, and how many of them are anomalies.

    Raises:
        ValueError, FileNotFoundError: if the detector is not of images, or the folder holds none.
        FileExistsError: if there is a report already.
    """
    source, out = Path(source), Path(out)
    shape = getattr(detector, "data_shape_", ())
    if len(shape) != 3:
        raise ValueError(f"`detect_folder` needs a fitted detector of images. Received: data_shape={shape}")
    if not source.is_dir():
        raise FileNotFoundError(f"`source` must be a folder of images. Received: {source}, which is none")
    if (out / "scores.csv").exists():
        raise FileExistsError(f"A report cannot be overwritten: choose another folder. Received: {out}, which has one")
    judged = _open(source, shape, on_error)

    def read(chosen):
        pixels = [read_image(judged.files[i], shape[:2], shape[2], judged.white) for i in chosen]
        return np.stack(pixels).astype("float32") / 255

    measured, pixels = [], _Pixels(judged, shape)
    progress = keras.utils.Progbar(len(judged.files), verbose=verbose, unit_name="image")
    for chosen in _parts(len(judged.files)):
        x = read(chosen)
        measured.append(detector.score_samples(x))
        if judged.masks is not None and detector.pixel_threshold_ is not None:
            pixels.take(chosen, detector.heatmap(x))
        progress.update(chosen[-1] + 1)
    scores = np.concatenate(measured)
    order = np.argsort(scores, kind="stable")
    found = scores < detector.threshold_

    def write(path):
        with open(path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["file", "score", "anomaly", "threshold"])
            threshold = f"{detector.threshold_:.6g}"
            writer.writerows([judged.names[i], f"{scores[i]:.6g}", int(found[i]), threshold] for i in order)

    out.mkdir(parents=True, exist_ok=True)
    worst = order[:count]
    names = [judged.names[i] for i in worst]
    pictures.draw_worst(detector, read(worst), names, scores[worst], out / "worst.png")
    pictures.draw_histogram(detector, scores, judged.is_odd, out / "histogram.png")
    write_json(out / "metrics.json", _metrics(detector, scores, judged) | pixels.metrics())
    write_atomically(out / "scores.csv", write)
    return len(scores), int(found.sum())


def _open(source, shape, on_error):
    """The images of a folder, whatever its folders are called; of MVTec's layout those of the test split."""
    root = source / "test" if _normal_folder(source / "test") else source
    opened = FolderSource(root, image_size=shape[:2], channels=shape[2], on_error=on_error, split_folders=False)
    files = [path for paths in opened.files.values() for path in paths]
    names = [str(path.relative_to(source)) for path in files]
    normal = _normal_folder(root)
    if normal is None:
        return Judged(files, names, None, None, opened.white)
    is_odd = np.array([normal not in path.parents for path in files])
    truth = next((path for path in sorted(root.parent.iterdir()) if path.name.casefold() in GROUND_TRUTH), None)
    masks = None
    if truth is not None:
        masks = [_mask(truth / path.relative_to(root)) if odd else "" for path, odd in zip(files, is_odd, strict=True)]
    return Judged(files, names, is_odd, masks, opened.white)


def _normal_folder(root):
    """The folder of the normal images, beside others; None where there is none."""
    folders = [path for path in sorted(root.iterdir()) if path.is_dir()] if root.is_dir() else []
    return next((path for path in folders if path.name.casefold() in NORMAL and len(folders) > 1), None)


def _mask(path):
    """The mask of an image: of its name, or with `_mask` at the end."""
    names = (f"{path.stem}{ending}{suffix}" for ending in ("_mask", "") for suffix in sorted(SUFFIXES))
    return next((path.with_name(name) for name in names if path.with_name(name).is_file()), None)


def _parts(count) -> Iterator[np.ndarray]:
    for start in range(0, count, BATCH):
        yield np.arange(start, min(start + BATCH, count))


class _Pixels:
    """Heat of pixels in and out of masks; of many images some of the pixels, evenly."""

    def __init__(self, judged: Judged, shape: tuple):
        self.judged, self.shape = judged, shape
        self.step = max(1, len(judged.files) * shape[0] * shape[1] // MAX_PIXELS)
        self.heat: list[np.ndarray] = []
        self.is_odd: list[np.ndarray] = []

    def take(self, chosen, heat):
        for i, one in zip(chosen, heat, strict=True):
            mask = self.judged.masks[i]
            if mask is None:
                continue
            odd = np.zeros(self.shape[:2], bool) if mask == "" else read_image(mask, self.shape[:2], 1)[..., 0] > 127
            self.heat.append(one[..., 0].ravel()[:: self.step])
            self.is_odd.append(odd.ravel()[:: self.step])

    def metrics(self) -> dict[str, Any]:
        if not self.heat:
            return {}
        heat, is_odd = np.concatenate(self.heat), np.concatenate(self.is_odd)
        return {"pixel_auroc": _area(-heat, is_odd)} if 0 < is_odd.sum() < len(is_odd) else {}


def _metrics(detector, scores, judged):
    found = scores < detector.threshold_
    metrics = {
        "images": len(scores),
        "anomalies": int(found.sum()),
        "method": detector.method_,
        "threshold": detector.threshold_,
        "false_alarms_at_most": detector.false_alarms,
    }
    if judged.is_odd is not None and 0 < judged.is_odd.sum() < len(scores):
        metrics |= {
            "image_auroc": _area(scores, judged.is_odd),
            "found": float(found[judged.is_odd].mean()),
            "false_alarms": float(found[~judged.is_odd].mean()),
        }
    return metrics


def _area(scores, is_odd):
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(is_odd, -scores))
