"""Every notebook runs from top to bottom in its fast mode, and is stored without outputs."""

from pathlib import Path

import nbclient
import nbformat
import pytest

import keras_gen as kg

pytestmark = pytest.mark.extended  # a quarter of an hour of work: a kernel each
NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path, tmp_path, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("KERAS_GEN_FAST", "1")
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path_factory.getbasetemp()))  # where glyphs are rendered
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code), "strip the outputs"
    assert "colab-badge" in notebook.cells[0].source
    assert "pip install" in code[0].source
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert any(kg.images.provenance(picture) for picture in tmp_path.glob("*.png")), "leave a picture of a model's"
