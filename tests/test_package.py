"""The project's own files: requirements, imports, names."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "keras_gen"
# What each room may import, besides itself: the order of design, from the ground up.
ALLOWED = {
    "startup": set(),
    "losses": set(),
    "information": set(),
    "layers": {"core.distribution", "boltzmann"},
    "likelihoods": {"losses"},
    "priors": {"losses", "layers"},
    "boltzmann": {"core.distribution"},
    "networks": {"layers"},
    "core": {"losses"},
    "models": {"losses", "layers", "likelihoods", "priors", "boltzmann", "networks", "core"},
    "data": {"core.labels"},
    "files": set(),
    "saving": {"core", "files"},
    "images": {"files"},
    "evaluation": {"core", "boltzmann"},
    "tasks": {"core", "networks", "information", "images", "evaluation", "data", "files"},
    "training": {"networks", "models", "core", "data", "evaluation", "images", "tasks", "files", "saving"},
    "tuning": {"core", "data", "evaluation", "files", "saving", "training"},
    "testing": {"core"},
    "cli": {"tuning", "training", "models", "core", "data", "evaluation", "images", "tasks", "files", "saving"},
}


def rooms_imported(path):
    """The rooms of keras_gen that a file imports, as "room" or "room.module"."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "keras_gen":
            parts = node.module.split(".")[1:]
            for name in (alias.name for alias in node.names):
                is_module = not parts or PACKAGE.joinpath(*parts, f"{name}.py").exists()
                yield ".".join([*parts, name] if is_module else parts)
        elif isinstance(node, ast.Import):
            yield from (".".join(a.name.split(".")[1:]) for a in node.names if a.name.startswith("keras_gen."))


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room == "__init__":
        return
    for imported in rooms_imported(path):
        top = imported.split(".")[0]
        assert top == room or top in ALLOWED[room] or imported in ALLOWED[room], f"{path.name} imports {imported}"


def test_every_room_has_its_place():
    rooms = {
        path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.name not in ("__init__.py", "__pycache__")
    }
    assert rooms == set(ALLOWED)


def test_only_distribution_says_tf_distribute_and_nobody_private_keras():
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        if path.name not in ("distribution.py",) and path.parent.name != "testing":
            assert "tf.distribute" not in text, path
        assert not re.search(r"keras\.src|tensorflow\.python|\._distribute_strategy", text), path


def requirements(lines):
    """{name: range} of requirement strings."""
    pairs = (re.fullmatch(r"([\w.-]+(?:\[[\w,-]+\])?)(.*)", line.strip()).groups() for line in lines)
    return {name.lower(): bounds for name, bounds in pairs}


def test_requirements_and_pyproject_agree():
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.search(r"  # \w", line) for line in lines), "every requirement has its reason"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    stated = requirements(line.split("  #")[0] for line in lines)
    assert stated == requirements(project["dependencies"] + extras["cpu"] + extras["test"])
    assert all(">=" in bounds and "<" in bounds for bounds in stated.values())
    assert requirements(extras["cuda"])["tensorflow[and-cuda]"] == stated["tensorflow-cpu"]


def test_every_room_is_packaged():
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    rooms = {".".join(path.parent.relative_to(ROOT).parts) for path in PACKAGE.rglob("__init__.py")}
    assert set(stated) == rooms | {"keras_gen.saved_models"}


def test_version_is_said_once():
    import keras_gen as kg

    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == kg.__version__


def test_import_is_quiet_and_adds_little_to_importing_keras():
    """The heavy libraries that only some tasks need are imported by those tasks."""
    code = (
        "import keras, sys; before = set(sys.modules); import keras_gen;"
        "print(*{name.split('.')[0] for name in set(sys.modules) - before})"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    added = set(result.stdout.split())
    assert not added & {
        "sklearn",
        "matplotlib",
        "tensorflow_datasets",
        "keras_tuner",
        "cyclopts",
        "rich",
        "tensorboard",
    }
    quiet = subprocess.run([sys.executable, "-c", "import keras_gen"], capture_output=True, text=True, cwd=ROOT)
    assert quiet.stderr == ""


def test_other_backends_are_refused():
    code = "import keras; keras.backend.backend = lambda: 'jax'; import keras_gen"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 1
    assert "Received: backend='jax'" in result.stderr
