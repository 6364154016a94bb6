"""The one kind of matplotlib Figure that the package draws on; imported where something is drawn, not before."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import figure
from matplotlib.backends.backend_agg import FigureCanvasAgg

from keras_gen.files import write_atomically


class Figure(figure.Figure):
    """A Figure apart from pyplot and its list of open figures, which a notebook shows all the same.

    Args:
        width: inches.
        height: inches.
    """

    def __init__(self, width, height):
        super().__init__(figsize=(width, height), layout="constrained")
        self.agg = FigureCanvasAgg(self)

    def write(self, path: str | Path | None) -> Any:
        """Writes the file, whole or not at all, in the format of its ending; without a path, it stays a Figure."""
        if path is None:
            return self
        path = Path(path)
        path = path if path.suffix else path.with_suffix(".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda temporary: self.savefig(temporary, dpi=120))
        return path

    def pixels(self) -> np.ndarray:
        """The picture as an RGB image in [0, 1], (H, W, 3)."""
        self.agg.draw()
        return np.asarray(self.agg.buffer_rgba(), "float32")[..., :3] / 255

    def png(self) -> bytes:
        """The picture as the bytes of a PNG file."""
        file = io.BytesIO()
        self.savefig(file, format="png")
        return file.getvalue()

    _repr_png_ = png  # what a notebook shows
