"""Pictures of what a detector sees: the worst images with their heat maps, and the scores of all."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from keras_gen import images

COLUMNS = 4  # images side by side
PANEL = 1.5  # inches
LONGEST = 30  # characters of a name
OPAQUE = 0.7  # how much of an image the heat may hide
HOTTEST = 2.0  # times the threshold of pixels, at which colours end
GAP = 0.06  # of a panel, between two of them


def overlay(x: np.ndarray, heat: np.ndarray, threshold: float) -> np.ndarray:
    """Images in gray with heat in colour over them: none at 0, full at the threshold. -> (N, H, W, 3) in [0, 1].

    Args:
        x: (N, H, W, C) in [0, 1].
        heat: (N, H, W, 1), 0 or more.
        threshold: of heat.
    """
    from matplotlib import colormaps

    gray = np.repeat(np.clip(x, 0, 1).mean(axis=-1, keepdims=True), 3, axis=-1)
    relative = _relative(heat, threshold)
    colour = colormaps["inferno"](0.9 * relative[..., 0] / HOTTEST)[..., :3]
    strength = OPAQUE * np.minimum(relative, 1)
    return ((1 - strength) * gray + strength * colour).astype("float32")


def draw_worst(detector: Any, x: np.ndarray, names: list[str], scores: np.ndarray, path: Path) -> None:
    """Draws images beside what is unusual in them, with name, score and threshold; a line is at the threshold of heat.

    Where the detector reconstructs, the reconstruction stands between the two.

    Args:
        detector: fitted.
        x: (N, H, W, C), the worst first.
        names: of their files.
        scores: (N,).
        path: of the picture.
    """
    from keras_gen.plots.figure import Figure

    panels, heat = [np.repeat(x, 3, axis=-1) if x.shape[-1] == 1 else x], None
    made = None
    if detector.method_ == "reconstruction":
        made = detector.model.reconstruct(x)
        panels.append(np.repeat(np.asarray(made), 3 // made.shape[-1], axis=-1))
    if detector.pixel_threshold_ is not None:
        heat = detector.heatmap(x)
        panels.append(overlay(x, heat, detector.pixel_threshold_))
    height, width = x.shape[1:3]
    gap = np.ones((len(x), height, max(1, round(GAP * width)), 3), "float32")
    parts = [part for panel in panels for part in (gap, panel)][1:]
    side_by_side = np.concatenate(parts, axis=2)
    columns = min(COLUMNS, len(x))
    rows = math.ceil(len(x) / columns)
    size = PANEL * len(panels) * max(1.0, 2.4 / len(panels) / PANEL)
    figure = Figure(columns * size, rows * (size / side_by_side.shape[2] * height + 0.5))
    for i, axes in enumerate(figure.subplots(rows, columns, squeeze=False).ravel()):
        axes.axis("off")
        if i >= len(x):
            continue
        axes.imshow(side_by_side[i], interpolation="nearest")
        if heat is not None and heat[i].min() < detector.pixel_threshold_ < heat[i].max():
            left = side_by_side.shape[2] - width
            across, down = np.arange(left, left + width), np.arange(height)
            axes.contour(across, down, heat[i, ..., 0], [detector.pixel_threshold_], colors="cyan", linewidths=0.8)
        name = names[i] if len(names[i]) <= LONGEST else f"...{names[i][3 - LONGEST :]}"
        is_odd = scores[i] < detector.threshold_
        sign, word = ("<", "anomaly") if is_odd else (">=", "normal")
        title = f"{name}\n{scores[i]:.4g} {sign} {detector.threshold_:.4g}  {word}"
        axes.set_title(title, fontsize=7, color="firebrick" if is_odd else "black")
    picture = figure.pixels()
    images.save_image(picture if made is None else images.like(picture, made), path)


def draw_histogram(
    detector: Any, scores: np.ndarray, is_odd: np.ndarray | None, path: Path, judged: str = "images"
) -> None:
    """Draws how many images have which score, beside the normal ones of `fit`, with the threshold.

    Args:
        detector: fitted.
        scores: (N,).
        is_odd: (N,), or None where it is not known which images are anomalies.
        path: of the picture.
        judged: what they are.
    """
    from keras_gen.plots.figure import Figure

    figure = Figure(7, 4)
    axes = figure.subplots()
    groups = {"judged": scores}
    if is_odd is not None:
        groups = {"judged, normal": scores[~is_odd], "judged, anomalies": scores[is_odd]}
    everything = np.concatenate([detector.normal_scores_, scores])
    bins = np.linspace(everything.min(), everything.max() + 1e-12, 41).tolist()
    axes.hist(list(groups.values()), bins, stacked=True, label=list(groups), color=["C0", "C1"][: len(groups)])
    axes.hist(detector.normal_scores_, bins, histtype="step", color="black", label="normal, of the threshold")
    axes.axvline(detector.threshold_, color="firebrick", linestyle="--", label=f"threshold {detector.threshold_:.4g}")
    axes.set(xlabel=f"score ({detector.method_}), higher is more normal", ylabel=judged)
    axes.legend(fontsize="small")
    figure.write(path)


def _relative(heat, threshold):
    """Heat in units of its threshold, up to HOTTEST."""
    return np.clip(np.asarray(heat, "float64") / max(threshold, np.finfo("float32").tiny), 0, HOTTEST)
