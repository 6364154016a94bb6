"""Notebooks are stored with the outputs of a clean run, run from top to bottom, and have the parts of a lesson.

What is stored is read in the quick tests. The extended ones run each notebook in its fast mode (few images, few epochs)
and compare the figures of cells tagged "exact", which do not depend on training; `make notebooks` runs all in full and
compares every figure roughly.
"""

import re
import subprocess
import sys
import types
import warnings
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import nbformat
import pytest
from IPython.core.displayhook import DisplayHook
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from nbformat.v4 import new_code_cell, new_notebook, new_output
from traitlets.config import Config

import keras_gen as kg

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "benchmarks"))
import notebooks as runner  # noqa: E402

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LARGEST = 1_000_000  # bytes of a notebook
PICTURES = ("image/png", "image/gif")
RUFF = Path(sys.executable).with_name("ruff")
EXERCISE = re.compile(r"^\*\*\d+\.", re.MULTILINE)  # "**1.** Why ..."


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


def omissions(notebook):
    """What a lesson lacks, a line each: aim, what the student will know, exercises with their solutions, sources."""
    first, texts = notebook.cells[0].source, [c.source for c in notebook.cells if c.cell_type == "markdown"]
    exercises = "\n".join("\n".join(texts).partition("## Exercises")[1:]).partition("## Sources")[0]
    asked, solved = len(EXERCISE.findall(exercises)), len(runner.SOLUTION.findall(exercises))
    found = [f"the first cell says {part}" for part in ("**Aim.**", "**What you will know.**") if part not in first]
    if asked < 4 or solved != asked:
        found.append(f"four exercises, a folded solution for each. Received: {asked} exercises, {solved} solutions")
    if len(runner.solutions(notebook)) < 2:
        found.append("two solutions with code")
    if not any(text.partition("## Sources")[2].strip() for text in texts):
        found.append("ends with its sources")
    return found


def test_parts_of_a_lesson():
    found = {path.stem: omissions(nbformat.read(path, as_version=4)) for path in NOTEBOOKS}
    assert not {name: lines for name, lines in found.items() if lines}


def test_solutions_name_what_the_notebook_has(tmp_path):
    """A solution is the next cell: it parses, and every name in it is one of the notebook's or its own."""
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
        notebook.cells = [new_code_cell(code) for code in cells + runner.solutions(notebook)]
        nbformat.write(notebook, tmp_path / path.name)
    command = [RUFF, "check", "--isolated", "--select", "F821,F822,F823,E9", "--output-format", "concise", tmp_path]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_omissions_are_found():
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    assert not omissions(notebook)
    for cell in notebook.cells:
        cell.source = re.sub(r"\*\*Aim\.\*\*|</details>|## Sources", "", cell.source)
    assert len(omissions(notebook)) == 4


def test_figures_of_the_course_are_in_the_notebooks():
    """Rows of docs/course.md, figure | notebook | part: the part is a heading there."""
    rows = re.findall(r"^\| .+ \| (\d\d) \| (.+) \|$", (ROOT / "docs/course.md").read_text(), re.MULTILINE)
    texts = {path.stem[:2]: "\n".join(c.source for c in nbformat.read(path, 4).cells) + "\n" for path in NOTEBOOKS}
    assert len(rows) > 50
    assert not [row for row in rows if not re.search(rf"^##+ {re.escape(row[1])}$", texts[row[0]], re.MULTILINE)]


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


class Published(DisplayHook):
    """What a cell gives back is displayed, as in a notebook; a terminal would print it."""

    def write_output_prompt(self):
        pass

    def write_format_data(self, format_dict, md_dict=None):
        self.shell.display_pub.publish(format_dict, md_dict)

    def finish_displayhook(self):
        pass


class Shell(InteractiveShell):
    displayhook_class = Published


@pytest.fixture
def shell():
    """IPython in this process: a kernel each would import TensorFlow twenty times, three minutes of a processor."""
    config = Config({"HistoryManager": {"hist_file": ":memory:"}})
    shell = Shell.instance(config=config, user_module=types.ModuleType("lesson"))  # or it takes the place of __main__
    yield shell
    keras.mixed_precision.set_global_policy("float32")
    plt.close("all")
    shell.reset(new_session=False)
    Shell.clear_instance()


def run_in(shell, notebook):
    """Runs the code cells, and gives each what it printed and displayed."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            with capture_output() as captured:
                result = shell.run_cell(cell.source, store_history=True)  # or `;` hides nothing
            result.raise_error()
            texts = [
                output.data.get("text/plain", "") for output in captured.outputs
            ]  # figures are compared, no pixels
            shown = [new_output("display_data", data={"text/plain": text}) for text in texts]
            cell.outputs = [new_output("stream", name="stdout", text=captured.stdout), *shown]
    return notebook


@pytest.mark.extended  # four minutes of a processor
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path, tmp_path, tmp_path_factory, monkeypatch, shell):
    stored, notebook = (nbformat.read(path, as_version=4) for _ in range(2))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_GEN_FAST", "1")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path_factory.getbasetemp()))  # where glyphs are rendered
    with warnings.catch_warnings():  # a notebook may change the filters
        again = run_in(shell, notebook)
    assert not runner.differences(stored, again, tag="exact")[1]
    made = any(kg.images.provenance(picture) for picture in tmp_path.glob("*.png")) or any(tmp_path.glob("*.csv"))
    assert made, "leave a picture, or a table, of a model's"
