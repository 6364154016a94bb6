"""What a quantised file loses: PSNR of images, AUROC of scores."""

import math
from typing import Any

import numpy as np

from keras_gen.export.formats import Run
from keras_gen.export.graph import Graph


def lost(graph: Graph, run: Run, examples: dict[str, np.ndarray], odd: np.ndarray | None = None) -> dict[str, Any]:
    """Figures of the model and of the file, by name.

    - "psnr": of images in [0, 1], in dB, how like the model's own images those of the file are; and where the graph
      reconstructs, "psnr_of_data", [the model's, the file's], how like the data.
    - "auroc": of scores, [the model's, the file's], of telling the examples from `odd`.

    Args:
        graph: of the model.
        run: the file.
        examples: (B, ...) for each input, by name.
        odd: (B, ...) of what is unlike normal data; None for the examples upside down, of vectors backwards.
    """
    figures: dict[str, Any] = {}
    both = graph.eager(examples), run(examples)
    if "image" in graph.outputs and graph.outputs["image"].range is not None:
        here, there = (made["image"] for made in both)
        figures["psnr"] = psnr(there, here)
        if graph.compared is not None:
            figures["psnr_of_data"] = [psnr(made["image"], examples[graph.compared]) for made in both]
    if "score" in graph.outputs and "data" in examples:
        others = {**examples, "data": examples["data"][:, ::-1] if odd is None else odd}
        if len(others["data"]) != len(examples["data"]):
            raise ValueError(
                "There must be as many images unlike normal ones as there are normal ones. Received: "
                f"{len(others['data'])} and {len(examples['data'])}"
            )
        beside = graph.eager(others), run(others)
        figures["auroc"] = [auroc(a["score"], b["score"]) for a, b in zip(both, beside, strict=True)]
        figures["auroc_against"] = "the same data upside down" if odd is None else "what was given"
    return figures


def sentences(lost: dict[str, Any]) -> list[str]:
    """The same figures for people."""
    found = [f"quantised to {lost['to']}"]
    if "psnr" in lost:
        found.append(f"PSNR {lost['psnr']:.1f} dB between its images and the model's")
    if "psnr_of_data" in lost:
        before, after = lost["psnr_of_data"]
        found.append(f"PSNR to the data {after:.2f} dB instead of {before:.2f} dB, a loss of {before - after:.3f} dB")
    if "auroc" in lost:
        before, after = lost["auroc"]
        found.append(f"AUROC {after:.4f} instead of {before:.4f}, against {lost['auroc_against']}")
    return found


def psnr(made: np.ndarray, true: np.ndarray) -> float:
    """`-10 log10 mean (made - true)^2`, dB, of values in [0, 1]; at most 200."""
    error = float(np.mean((np.asarray(made, "float64") - true) ** 2))
    return -10 * math.log10(max(error, 1e-20))


def auroc(normal: np.ndarray, odd: np.ndarray) -> float:
    """The share of pairs of a normal and an odd example of which the normal one has the higher score."""
    from sklearn.metrics import roc_auc_score

    truth = np.repeat([1, 0], [len(normal), len(odd)])
    return float(roc_auc_score(truth, np.concatenate([normal, odd])))
