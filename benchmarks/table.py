"""RESULTS.md from results/*.json and notes.py: `python benchmarks/table.py`. Needs the standard library only."""

import json
from pathlib import Path

from claims import spread
from notes import NOTES

FOLDER = Path(__file__).parent
HEAD = """# Results

Made by `python benchmarks/table.py` from `benchmarks/results/*.json` and `benchmarks/notes.py`; not edited by hand.

How to read it:

- **Published** results are those of the papers or of other libraries, under their settings. A value marked "not
  re-checked" was quoted from memory.
- **Error**: ± is one standard error, after "+-" one standard deviation over seeds. Most rows are one training with one
  seed: their error is that of the test images only, and another seed may differ by more.
- **Settings chosen on**: where "the test images" stands, settings were chosen with the printed result in view, and the
  result is too good by an unknown amount. "Not recorded" means that nobody wrote it down; do not take it for "held-out
  images".
- A ratio of speeds stands with its range over the rounds. Where the range holds 1, no difference is claimed.
- MNIST is that of TensorFlow Datasets. The digits of scikit-learn and `glyphs` need no file; the notes name all others.
"""
FIRST = ("row", "what", "published", "ours", "error, range or gap", "settings chosen on")
SECOND = ("row", "settings", "notes", "seed", "minutes", "cores")


def rows():
    """Row name -> what its file says."""
    return {path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / "results").glob("*.json"))}


def lines(head, cells):
    def line(values):
        return "| " + " | ".join(str(value).replace("|", "\\|") for value in values) + " |"

    return "\n".join([line(head), "|" + "---|" * len(head), *map(line, cells)]) + "\n"


def render(found):
    """The text of RESULTS.md."""
    first, second = [], []
    for name, r in found.items():
        note = NOTES.get(name, {})
        error = note.get("error") or spread(name, r, note.get("rival"), note.get("shares", ()))
        first.append([name, r["what"], r["published"], f"**{r['ours']}**", error, note.get("chosen", "not recorded")])
        seed = "-" if r["seed"] is None else r["seed"]
        made = [f"{r['minutes']:.1f}", r["machine"]["cores"]]
        second.append([name, r["settings"], note.get("note", "").strip(), seed, *made])
    return f"{HEAD}\n{lines(FIRST, first)}\n## How each row was made\n\n{lines(SECOND, second)}"


def write():
    (FOLDER / "RESULTS.md").write_text(render(rows()))


if __name__ == "__main__":
    write()
