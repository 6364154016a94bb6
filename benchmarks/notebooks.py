"""Runs the notebooks in full, one after the other, and compares their figures with the stored ones.

    python benchmarks/notebooks.py [01 02 ...]           # run and compare, then the solutions; nothing is changed
    python benchmarks/notebooks.py --write [01 02 ...]   # run, and store them with their outputs

`make notebooks` compares all, and runs the solutions of the exercises after each. A figure is near the stored one
within a quarter of it, or 0.05; of ten figures of a notebook nine must be near, for other processors round otherwise
and training carries that on. Lines of `fit` do not count. The test suite runs the notebooks in their fast mode, where
only cells tagged "exact" have the stored figures.
"""

import argparse
import os
import re
import resource
import tempfile
import time
from pathlib import Path

import nbclient
import nbformat
from nbformat.v4 import new_code_cell

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?(?![\w]*\d)")
SOLUTION = re.compile(r"<details>\s*<summary>Solution</summary>\n\n(.*?)\n\n</details>", re.DOTALL)
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
COLOUR = re.compile(r"\x1b\[[\d;]*m")  # of a terminal
EPOCH = re.compile(r"Epoch \d+/\d+|.*\d+m?s/(?:step|epoch)")  # lines of `fit`
RELATIVE, ABSOLUTE, SHARE = 0.25, 0.05, 0.9  # how far figures may lie apart, and how many of a notebook's must not
EXACT = 1e-3  # for what does not depend on training


def solutions(notebook: nbformat.NotebookNode) -> list[str]:
    """The code in the solutions of its exercises, in order: what a student would run after the last cell."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return [code for text in texts for folded in SOLUTION.findall(text) for code in PYTHON.findall(folded)]


def executed(
    notebook: nbformat.NotebookNode, folder: str | Path, seconds: int = 1800, **environment: str
) -> nbformat.NotebookNode:
    """The notebook, run from top to bottom in a folder, without what changes from run to run."""
    client = nbclient.NotebookClient(
        notebook,
        timeout=seconds,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | environment)  # no notes of TensorFlow's C++ code
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            output.get("metadata", {}).clear()
            if "image/png" in output.get("data", {}):
                output.data.pop("image/jpeg", None)  # Pillow gives both
    return notebook


def text(cell: nbformat.NotebookNode) -> str:
    """What a cell printed or gave back, without the lines of `fit`."""
    parts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    lines = "\n".join(part for part in parts if not part.startswith("<")).splitlines()
    return COLOUR.sub("", "\n".join(line for line in lines if not EPOCH.match(line)))


def figures(cell: nbformat.NotebookNode) -> list[float]:
    """The numbers in the text of a cell."""
    return [float(number) for number in NUMBER.findall(text(cell))]


def near(a: float, b: float, relative: float, absolute: float) -> bool:
    """Whether two figures lie within a share of the larger, or a distance."""
    return abs(a - b) <= max(absolute, relative * max(abs(a), abs(b)))


def differences(
    stored: nbformat.NotebookNode, again: nbformat.NotebookNode, tag: str | None = None
) -> tuple[int, list[str]]:
    """How many figures there are, and a line for each that is not near the stored one.

    Args:
        stored, again: two runs of a notebook.
        tag: of the cells that are compared, whose figures must be alike within EXACT; None for all cells, roughly.
    """
    relative, absolute = (RELATIVE, ABSOLUTE) if tag is None else (EXACT, EXACT)
    count, lines = 0, []
    for i, (old, new) in enumerate(zip(stored.cells, again.cells, strict=True)):
        if old.cell_type == "code" and tag in (None, *old.metadata.get("tags", ())):
            a, b = figures(old), figures(new)
            count += max(len(a), len(b))
            if len(a) != len(b):
                lines += [f"cell {i}: {len(a)} figures stored, {len(b)} now"] * max(len(a), len(b))
            else:
                lines += [
                    f"cell {i}: {x} stored, {y} now"
                    for x, y in zip(a, b, strict=True)
                    if not near(x, y, relative, absolute)
                ]
    return count, lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NN", help="numbers of notebooks; all if none is given")
    parser.add_argument("--write", action="store_true", help="store the outputs")
    arguments = parser.parse_args()
    failed = []
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        if arguments.names and path.stem[:2] not in arguments.names:
            continue
        stored, notebook = (nbformat.read(path, as_version=4) for _ in range(2))
        solved = [] if arguments.write else [new_code_cell(code) for code in solutions(notebook)]
        notebook.cells += solved
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            again = executed(notebook, folder)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        again.cells = again.cells[: len(stored.cells)]
        count, apart = differences(stored, again)
        print(f"{path.stem}: {time.perf_counter() - start:.0f} s, {processor:.0f} s of a processor;", end=" ")
        print(f"{count - len(apart)} of {count} figures as stored; {len(solved)} solutions run", flush=True)
        if arguments.write:
            nbformat.write(again, path)
        elif len(apart) > (1 - SHARE) * count:
            print(*apart, sep="\n")
            failed.append(path.stem)
    if failed:
        raise SystemExit(f"Figures differ: {', '.join(failed)}")


if __name__ == "__main__":
    main()
