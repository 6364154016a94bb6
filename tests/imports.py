"""Who imports whom in the package: `python tests/imports.py [PICTURE.png]` prints it by rows, and draws it.

A room is a module or a package directly in `keras_gen`. Imports inside of functions count, and so do modules that are
named by a string, as for `importlib.import_module` and `python -m`.
"""

import ast
import functools
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FACE = "keras_gen"  # the package's own `__init__`: all of it is above everything
# From the ground up: a room imports what lies below it, and nothing else.
ROWS = (
    ("extras", "face", "files", "naming", "startup", "version"),
    ("coding", "downloads", "export", "information", "losses", "table"),
    ("likelihoods", "metrics"),
    ("core",),
    ("boltzmann", "data", "images", "layers", "plots", "saving"),
    ("evaluation", "networks", "priors"),
    ("models", "tasks", "testing"),
    ("training",),
    ("explorer", "hub", "tuning"),
    ("public",),
    ("cli",),
)
ROW_OF = {room: row for row, rooms in enumerate(ROWS) for room in rooms}
# They speak to models through the contract only, and models know none of them.
SPEAKERS = ("data", "evaluation", "images", "plots")


def name_of(path):
    """The module's name of a file: keras_gen/data/open.py -> "keras_gen.data.open"."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@functools.cache
def modules():
    """Name -> file, of every module of the package."""
    return {name_of(path): path for path in sorted((ROOT / FACE).rglob("*.py"))}


def room_of(module):
    """The room of a module, None of the package's face."""
    return module.split(".")[1] if "." in module else None


def imported_by(path):
    """The modules that a file imports, names in strings included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == FACE:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in modules() else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == FACE)
        elif isinstance(node, ast.Constant) and node.value != FACE and node.value in modules():
            yield node.value


@functools.cache
def arrows():
    """(importer, imported) of all modules, but for the package's face and what a module says of itself."""
    return sorted(
        {
            (module, imported)
            for module, path in modules().items()
            if module != FACE
            for imported in imported_by(path)
            if imported != module
        }
    )


def wrong(importer, imported):
    """What is wrong with an arrow, None if nothing is."""
    above, below = room_of(importer), room_of(imported)
    if below is None:
        return None if above == "cli" else f"{importer} imports the package's face"
    if above == below:
        return None
    if above == "models" and below in SPEAKERS:
        return f"{importer} imports {imported}: models know nothing of {below}"
    if ROW_OF[below] >= ROW_OF[above]:
        return f"{importer} imports {imported}, which does not lie below it"
    return None


def circles():
    """Groups of modules that import each other, at whatever distance."""
    graph = {}
    for importer, imported in arrows():
        graph.setdefault(importer, set()).add(imported)

    def reachable(start):
        found, todo = set(), [start]
        while todo:
            for following in graph.get(todo.pop(), set()) - found:
                found.add(following)
                todo.append(following)
        return found

    reach = {module: reachable(module) for module in graph}
    return sorted({tuple(sorted({m, *(o for o in reach[m] if m in reach.get(o, ()))})) for m in graph if m in reach[m]})


def lines_of(room):
    """Lines of a room's files."""
    return sum(len(path.read_text().splitlines()) for module, path in modules().items() if room_of(module) == room)


def draw(path):
    """Draws the rooms in their rows, and an arrow for each import between rooms, upwards ones in red."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    at = {
        room: ((i + 0.5) / len(rooms) * 10, row) for row, rooms in enumerate(ROWS) for i, room in enumerate(rooms)
    }  # fmt: skip
    _, axes = plt.subplots(figsize=(11, 9))
    between = {(room_of(importer), room_of(imported)) for importer, imported in arrows()}
    for above, below in sorted((a, b) for a, b in between if a != b and b is not None):
        upward = ROW_OF[below] >= ROW_OF[above]
        style = {"arrowstyle": "->", "color": "crimson" if upward else "0.6", "shrinkA": 14, "shrinkB": 14}
        axes.annotate("", at[below], at[above], arrowprops={**style, "connectionstyle": "arc3,rad=0.08"})
    for room, (x, y) in at.items():
        box = {"boxstyle": "round", "facecolor": "white", "edgecolor": "0.3"}
        axes.text(x, y, f"{room}\n{lines_of(room)} lines", ha="center", va="center", fontsize=9, bbox=box)
    axes.set(xlim=(0, 10), ylim=(-0.6, len(ROWS) - 0.4))
    axes.axis("off")
    plt.savefig(path, dpi=110, bbox_inches="tight")


def main(picture=None):
    for rooms in reversed(ROWS):
        for room in rooms:
            below = {room_of(b) for a, b in arrows() if room_of(a) == room} - {room, None}
            print(f"{room:12} {lines_of(room):5} lines   imports {', '.join(sorted(below)) or 'nothing'}")
        print()
    longest = sorted(((len(path.read_text().splitlines()), name) for name, path in modules().items()), reverse=True)
    print("Longest files:", ", ".join(f"{name} {lines}" for lines, name in longest[:5]))
    print("Upward arrows:", [wrong(*arrow) for arrow in arrows() if wrong(*arrow)] or "none")
    print("Circles:", circles() or "none")
    if picture:
        draw(picture)


if __name__ == "__main__":
    main(*sys.argv[1:2])
