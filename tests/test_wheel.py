"""The wheel and the source archive: built, and the wheel installed in an environment that holds nothing of ours.

About 40 seconds, all extended.
"""

import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from keras_gen.version import __version__

ROOT = Path(__file__).parents[1]
NOT_IN_COPY = shutil.ignore_patterns(".venv", ".git", "runs", "build", "dist", "*.egg-info", "notebooks", "_build")
LARGEST = 12_000_000  # bytes of the wheel

pytestmark = pytest.mark.extended


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of the two files; the wheel is built from the source archive, so that this is whole too."""
    folder = tmp_path_factory.mktemp("built")
    shutil.copytree(ROOT, folder / "source", ignore=NOT_IN_COPY)  # a build leaves files in its folder
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", folder / "source"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder / "dist"


@pytest.fixture(scope="module")
def environment(built, tmp_path_factory):
    """Python of a new environment with the wheel, and beside it what the wheel requires, borrowed from this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    (wheel,) = built.glob("*.whl")
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(command, check=True, capture_output=True)
    (site,) = folder.glob("lib/python*/site-packages")
    # A folder that is named like this is searched, and an editable installation in it is not followed.
    (site / "required.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def run(python, folder, *arguments):
    """A process in a folder with nothing of the project."""
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "KERAS_GEN_RELEASES": str(folder / "nowhere")}
    return subprocess.run([python, *arguments], cwd=folder, env=clean, capture_output=True, text=True)


def test_what_the_files_hold(built):
    (wheel,), (archive,) = built.glob("*.whl"), built.glob("*.tar.gz")
    assert wheel.name.startswith(f"keras_gen-{__version__}-py3")
    assert wheel.stat().st_size < LARGEST
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "keras_gen").rglob("*") if path.suffix in (".py", ".js")}
    assert sources <= inside
    assert {name.split("/")[0] for name in inside} == {"keras_gen"}
    models = {Path(name).name for name in inside if name.endswith((".keras", ".zip"))}
    assert models == {"vae_mnist_2d.keras", "vae_wine.keras"}
    assert {"keras_gen/py.typed", "keras_gen/data/mnist_mini.webp", "keras_gen/saved_models/index.json"} <= inside
    with tarfile.open(archive) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "keras_gen/version.py"} <= names


def test_the_wheel_works_where_it_alone_is_installed(environment, tmp_path):
    done = run(environment, tmp_path, "-c", "import keras_gen as kg; print(kg.__file__, kg.__version__)")
    assert done.returncode == 0, done.stderr
    path, version = done.stdout.split()
    assert Path(path).is_relative_to(environment.parents[1])
    assert version == __version__
    command = environment.with_name("keras-gen")
    done = run(command, tmp_path, "sample", "vae_mnist_2d", "--count", "4", "--seed", "1", "--out", "four.png")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "four.png").is_file()
    options = "--data mnist_mini --limit 200 --epochs 1 --no-figures --verbose 0 --out run"
    done = run(command, tmp_path, "train", "vae", *options.split())
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "model.keras").is_file()
    done = run(command, tmp_path, "sample", "dcgan_mnist", "--out", "eight.png")  # a shipped one that is fetched
    assert done.returncode == 2
    assert "dcgan_mnist" in done.stderr
    assert "Traceback" not in done.stderr
