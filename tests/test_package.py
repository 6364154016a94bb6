"""The project's own files: requirements, imports, names."""

import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import imports
import pytest
import yaml

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "keras_gen"


@pytest.mark.parametrize("arrow", imports.arrows(), ids=" -> ".join)
def test_imports_run_one_way(arrow):
    assert not imports.wrong(*arrow), imports.wrong(*arrow)


def test_modules_import_each_other_in_no_circle():
    assert imports.circles() == []


def test_every_room_has_its_row():
    rooms = {path.stem for path in PACKAGE.iterdir() if path.name not in ("__init__.py", "__pycache__", "py.typed")}
    assert rooms == set(imports.ROW_OF)


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
    assert all(re.search(r"  # [\w[]", line) for line in lines), "every requirement has its reason"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    stated = requirements(line.split("  #")[0] for line in lines)
    tested = [line for extra in extras if extra not in ("cuda", "benchmarks") for line in extras[extra]]
    assert stated == requirements(project["dependencies"] + tested)
    assert all(">=" in bounds and "<" in bounds for bounds in stated.values())
    assert requirements(extras["cuda"])["tensorflow[and-cuda]"] == stated["tensorflow-cpu"]


def test_every_room_is_packaged():
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    rooms = {".".join(path.parent.relative_to(ROOT).parts) for path in PACKAGE.rglob("__init__.py")}
    assert set(stated) == rooms | {"keras_gen.saved_models"}


def test_types_are_packaged():
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    assert (PACKAGE / "py.typed").is_file()
    assert stated["keras_gen"] == ["py.typed"]


def exported():
    """Functions of every room's face, and methods and properties of its classes: those of the package, by name."""
    for face in PACKAGE.rglob("__init__.py"):
        module = importlib.import_module(imports.name_of(face))
        for name, value in vars(module).items():
            if name.startswith("_") or not getattr(value, "__module__", "").startswith("keras_gen"):
                continue
            if inspect.isfunction(value):
                yield f"{module.__name__}.{name}", value
            for owner in inspect.getmro(value) if inspect.isclass(value) else ():
                members = vars(owner).items() if owner.__module__.startswith("keras_gen") else ()
                yield from ((f"{owner.__qualname__}.{key}", part) for key, part in members if not key.startswith("_"))


def function_of(member):
    """The function of a method or a property, None of what is neither."""
    for wrapping in ("fget", "func", "__func__"):
        member = getattr(member, wrapping, member)
    return member if inspect.isfunction(member) else None


def test_what_is_exported_says_what_it_returns():
    functions = {name: function_of(member) for name, member in exported()}
    functions = {name: function for name, function in functions.items() if function is not None}
    silent = [
        name for name, f in functions.items() if inspect.signature(f).return_annotation is inspect.Signature.empty
    ]
    assert len(functions) > 300
    assert silent == []


def test_version_is_said_once():
    """In version.py; a citation and the changes name the same one."""
    import keras_gen as kg

    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dynamic"] == ["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    newest = re.search(r"^## (\S+) \((.*)\)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert (citation["version"], str(citation["date-released"])) == newest.groups()
    assert newest[1] == kg.__version__


def test_workflows_call_what_there_is():
    """GitHub's files are YAML, each Python that is supported is tested, and each `make` has its rule."""
    targets = set(re.findall(r"^(\S+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    files = {path.name: yaml.safe_load(path.read_text()) for path in (ROOT / ".github").rglob("*.yml")}
    assert {"tests.yml", "docs.yml", "release.yml", "bug.yml", "idea.yml"} <= set(files)
    for path in (ROOT / ".github" / "workflows").iterdir():
        assert set(re.findall(r"run: make (\S+)$", path.read_text(), re.MULTILINE)) <= targets
    versions = files["tests.yml"]["jobs"]["tests"]["strategy"]["matrix"]["python"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert [f"Programming Language :: Python :: {v}" for v in versions] == [
        line for line in project["classifiers"] if re.search(r"3\.\d+$", line)
    ]


def run(code):
    """A process that runs it."""
    return subprocess.run([sys.executable, "-c", inspect.cleandoc(code)], capture_output=True, text=True, cwd=ROOT)


def test_import_adds_little_to_importing_keras_and_refuses_other_backends():
    """The heavy libraries that only some tasks need are imported by those tasks."""
    result = run("""
        import keras, sys
        before, backend = set(sys.modules), keras.backend.backend
        import keras_gen
        print(*{name.split('.')[0] for name in set(sys.modules) - before})
        for name in set(sys.modules) - before:
            del sys.modules[name]
        keras.backend.backend = lambda: "jax"
        import keras_gen
    """)
    assert result.returncode == 1
    assert "Received: backend='jax'" in result.stderr
    added = set(result.stdout.split())
    assert "keras_gen" in added
    assert not added & {
        "sklearn",
        "matplotlib",
        "tensorflow_datasets",
        "keras_tuner",
        "cyclopts",
        "rich",
        "tensorboard",
    }


def test_no_tensorflow_and_other_backends_are_one_sentence_each():
    """In Python the last line, in the command the only one; help and lists need neither."""
    hidden = "import sys; sys.modules['tensorflow'] = None; "
    jax = "import os; os.environ['KERAS_BACKEND'] = 'jax'; "
    for reason, sentence in ((hidden, 'pip install "keras-gen[cpu]"'), (jax, "KERAS_BACKEND=tensorflow")):
        error = run(reason + "import keras_gen").stderr
        assert sentence in error.splitlines()[-1]
        assert "During handling" not in error
        called = "import sys; sys.argv = ['keras-gen', *{}]; from keras_gen import cli; sys.exit(cli.main())"
        done = run(reason + called.format("['sample', 'vae_mnist_2d']"))
        (line,) = done.stderr.splitlines()
        assert sentence in line
        assert done.returncode == 1
        assert run(reason + called.format("['list']")).returncode == 0


def test_import_is_quiet():
    assert run("import keras_gen").stderr == ""
