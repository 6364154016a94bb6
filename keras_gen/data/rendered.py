"""`glyphs`: digits of a printed font, turned, stretched, slanted, moved and thickened, with the truth beside."""

import functools

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image, ImageDraw, ImageFont

SIDE = 28
SCALE = 4  # drawn so many times as large, then averaged
FONT_SIZE = 18 * SCALE
STROKES = 5  # thicknesses that are drawn; between two the picture is a blend
# Factor: its smallest and largest value; each is uniform between them.
FACTORS = {
    "rotation": (-30.0, 30.0),  # degrees, counterclockwise
    "width": (0.7, 1.2),  # of the glyph, times its own
    "shear": (-0.4, 0.4),  # columns per row
    "shift_x": (-3.0, 3.0),  # pixels to the right
    "shift_y": (-3.0, 3.0),  # pixels down
    "stroke": (0.0, 1.0),  # 0 thin, 1 bold
}
SPLITS = {"train": 30_000, "test": 5_000}


class Glyphs(tfds.core.GeneratorBasedBuilder):
    """The ten digits of a printed font under six continuous factors, each image with the truth about it.

    Features: `image` (28, 28, 1) uint8; `label`, the digit; `factors` (6,) float32, in the order of `FACTORS`.
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(SIDE, SIDE, 1)),
            "label": tfds.features.ClassLabel(num_classes=10),
            "factors": tfds.features.Tensor(shape=(len(FACTORS),), dtype=np.float32),
        }
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(seed, count) for seed, (split, count) in enumerate(SPLITS.items())}

    def _generate_examples(self, seed, count):
        labels, factors = draw(count, seed)
        for i, (label, values) in enumerate(zip(labels, factors, strict=True)):
            yield i, {"image": render(label, values), "label": int(label), "factors": values}


def draw(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels (count,) and factors (count, 6), all independent."""
    rng = np.random.default_rng(seed)
    low, high = np.array(list(FACTORS.values())).T
    return rng.integers(10, size=count), rng.uniform(low, high, (count, len(FACTORS))).astype("float32")


def render(label: int, factors: np.ndarray) -> np.ndarray:
    """The image of a digit under given factors. -> (28, 28, 1) uint8.

    Args:
        label: the digit, 0 to 9.
        factors: six values, in the order and within the ranges of `FACTORS`.
    """
    rotation, width, shear, shift_x, shift_y, stroke = (float(value) for value in factors)
    thickness = min(max(stroke, 0.0), 1.0) * (STROKES - 1)
    below = min(int(thickness), STROKES - 2)
    thick = Image.blend(_template(int(label), below), _template(int(label), below + 1), thickness - below)
    # From a place in the picture back to one in the template, both as seen from the middle.
    angle = np.deg2rad(rotation)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])  # y points down
    forward = turn @ np.array([[width, -shear], [0.0, 1.0]])
    back = np.linalg.inv(forward)
    middle = np.full(2, (SIDE * SCALE - 1) / 2)
    start = middle - back @ (middle + SCALE * np.array([shift_x, shift_y]))
    matrix = (*back[0], start[0], *back[1], start[1])
    moved = thick.transform(thick.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    return np.asarray(moved.reduce(SCALE))[..., None]


@functools.cache
def _template(label, stroke):
    """A digit in the middle of a picture, upright, SCALE times as large."""
    side = SIDE * SCALE
    picture = Image.new("L", (side, side))
    font = ImageFont.load_default(FONT_SIZE)
    ImageDraw.Draw(picture).text(
        (side / 2, side / 2), str(label), fill=255, font=font, anchor="mm", stroke_width=stroke
    )
    return picture
