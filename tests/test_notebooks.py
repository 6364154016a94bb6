"""Notebooks are stored with the outputs of a clean run, and run from top to bottom.

What is stored is read in the quick tests. The extended ones run each notebook in its fast mode (few images, few epochs)
and compare the figures of cells tagged "exact", which do not depend on training; `make notebooks` runs all in full and
compares every figure roughly.
"""

import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

import keras_gen as kg

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "benchmarks"))
import notebooks as runner  # noqa: E402

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LARGEST = 1_000_000  # bytes of a notebook
PICTURES = ("image/png", "image/gif")


def faults(notebook):
    """What is wrong with a stored notebook, a line each."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    found = []
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        found.append("not the outputs of one run from top to bottom")
    if "colab-badge" not in notebook.cells[0].source or "pip install" not in code[0].source:
        found.append("begins with the badge, then the installation")
    if not any(key in output.get("data", {}) for output in code[1].outputs for key in PICTURES):
        found.append("the first cell after the installation shows a picture")
    if not any("kg.images.show(" in cell.source or "kg.plots.columns(" in cell.source for cell in code):
        found.append("shows images by kg.images.show, or a table by kg.plots.columns")
    for i, cell in enumerate(code):
        if "execution" in cell.metadata:
            found.append(f"code cell {i}: times of execution")
        for output in cell.outputs:
            text = output.get("text", "") + output.get("data", {}).get("text/plain", "")
            if output.output_type == "error":
                found.append(f"code cell {i}: error {output.ename}")
            if output.get("name") == "stderr" or "warning" in text.lower():
                found.append(f"code cell {i}: warning {text[:200]}")
            if "\b" in text or "\r" in text:
                found.append(f"code cell {i}: a progress bar")
    return found


def test_stored_outputs():
    """Every notebook holds the outputs of a clean run, begins with a picture, and is not too large for a repository."""
    assert len(NOTEBOOKS) >= 15
    found = {path.stem: faults(nbformat.read(path, as_version=4)) for path in NOTEBOOKS}
    assert not {name: lines for name, lines in found.items() if lines}
    assert not [path for path in NOTEBOOKS if path.stat().st_size > LARGEST]


def test_faults_are_found():
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not faults(notebook)
    for output, word in (
        (new_output("error", ename="ValueError", evalue="", traceback=[]), "ValueError"),
        (new_output("stream", name="stderr", text="oh"), "warning oh"),
        (new_output("stream", name="stdout", text="UserWarning: oh"), "UserWarning"),
        (new_output("stream", name="stdout", text="1/9 \b\b\b2/9"), "progress bar"),
    ):
        code[3].outputs.append(output)
        assert [word in line for line in faults(notebook)] == [True]
        code[3].outputs.pop()
    code[3].execution_count = None
    code[1].outputs = []
    assert len(faults(notebook)) == 2


def test_figures_are_compared():
    """Text is no figure, nor are the lines of `fit`; a quarter of a figure, or 0.05, is near."""

    def printed(text):
        return new_notebook(cells=[new_code_cell(outputs=[new_output("stream", name="stdout", text=text)])])

    log = "Epoch 1/2\n71/71 - 2s - 28ms/step - loss: 5\n"
    assert runner.figures(printed(log + "m2: -1.5e-01, x28 of 3 at 90.5%").cells[0]) == [-0.15, 3, 90.5]
    stored = printed("a 100.0\nb 0.01")
    assert runner.differences(stored, printed("a 80\nb 0.05")) == (2, [])
    assert runner.differences(stored, printed("a 70\nb 0.05")) == (2, ["cell 0: 100.0 stored, 70.0 now"])
    assert len(runner.differences(stored, printed("a 100"))[1]) == 2
    assert runner.differences(stored, printed("a 70"), tag="exact") == (0, [])
    stored.cells[0].metadata["tags"] = ["exact"]
    assert len(runner.differences(stored, printed("a 99.8\nb 0.01"), tag="exact")[1]) == 1


@pytest.mark.extended  # six minutes of a processor: a kernel each
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path, tmp_path, tmp_path_factory):
    stored, notebook = (nbformat.read(path, as_version=4) for _ in range(2))
    environment = {
        "KERAS_GEN_FAST": "1",
        "MPLBACKEND": "agg",
        "TFDS_DATA_DIR": str(tmp_path_factory.getbasetemp()),  # where glyphs are rendered
    }
    again = runner.executed(notebook, tmp_path, seconds=300, **environment)
    assert not runner.differences(stored, again, tag="exact")[1]
    made = any(kg.images.provenance(picture) for picture in tmp_path.glob("*.png")) or any(tmp_path.glob("*.csv"))
    assert made, "leave a picture, or a table, of a model's"
