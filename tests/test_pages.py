"""The pages: examples run, commands parse, links lead somewhere, nothing public is left out. Ten seconds."""

import codeop
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pages
import pytest
from PIL import Image

import keras_gen as kg
from keras_gen import cli
from keras_gen.cli import train

sys.path.insert(0, str(pages.DOCS))
import broken
import brought

ALL = {"README": pages.README, **pages.PAGES}


def test_examples_are_pasted_line_by_line():
    """The interpreter of Python 3.11 and 3.12 takes a paste line by line: a blank line ends an indented block.

    Examples with a class are for a file, or for an interpreter that takes a paste as a whole.
    """
    for name, text in ALL.items():
        for block in pages.examples(text):
            if "\nclass " not in block:
                compiler, lines = codeop.CommandCompiler(), []
                for line in [*block.splitlines(), ""]:
                    lines.append(line)
                    if compiler("\n".join(lines), symbol="single") is not None:
                        lines = []
                assert "".join(lines) == "", f"{name}: incomplete: {lines}"


def test_skipped_examples_compile():
    for name, text in ALL.items():
        for block in pages.examples(text, skipped=True):
            compile(block, name, "exec")


def test_commands_parse():
    """Every command on a page has a verb and options that exist, but for those of classes that a page defines."""
    train.add_models()
    found = [(name, words) for name, text in ALL.items() for words in pages.commands(text)]
    assert len(found) > 80
    for name, words in found:
        if "..." not in words and "--import" not in words and "--help" not in words:
            cli.app.parse_args(shlex.split(words), exit_on_error=False, print_error=False)
        assert words.split()[0] in set(cli.app), f"{name}: {words}"


def test_every_verb_is_on_the_page_of_the_command():
    told = {words.split()[0] for words in pages.commands(pages.PAGES["command"])}
    assert {verb for verb in cli.app if not verb.startswith("-")} - told == set()


def test_links_lead_to_what_is_there():
    for name, text in ALL.items():
        folder = pages.ROOT if name == "README" else pages.DOCS
        made = {"rooms.png", "api/core", "api/testing"}
        missing = [target for target in pages.links(text) if target not in made and not (folder / target).exists()]
        assert missing == [], f"{name}: {missing}"


def test_every_public_name_is_on_a_page_of_the_api():
    api = brought.api()
    text = "\n".join(api.values())
    for name in kg.public.__all__:
        assert f":: {name}\n" in text or f":: keras_gen.{name}\n" in text, name
    rooms = brought.rooms()
    for room in ("data", "evaluation", "tasks", "training", "tuning", "plots", "images", "core", "testing"):
        for name in brought.names(rooms[room]) if room in brought.BESIDE else dir(rooms[room]):
            assert f":: {name}\n" in api[room] or f":: keras_gen.{room}.{name}\n" in api[room], f"{room}.{name}"
    assert {page for page in api if page != "index"} <= set(api["index"].split())


def test_every_model_is_in_the_gallery_with_a_picture_that_shows_something():
    gallery = pages.PAGES["gallery"]
    for name in kg.models.__all__:
        assert gallery.count(f"{{grid-item-card}} `kg.{name}`\n") == 1, name
        assert f"`{name}`" in pages.README
    pictures = [pages.DOCS / target for target in pages.links(gallery) if target.endswith(".png")]
    assert len(pictures) == len(set(pictures)) == len(kg.models.__all__)
    for path in pictures:
        assert np.std(Image.open(path).convert("L")) > 25, path


def test_broken_links_of_built_pages_are_found(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/there.png").touch()
    (tmp_path / "index.html").write_text(
        '<a id="here" href="#here"></a><a href="a/x.html"></a><img src="a/there.png"><a href="https://b.c/d"></a>'
        '<a href="#gone"></a><img src="a/gone.png?v=1">'
    )
    (tmp_path / "a/x.html").write_text('<a href="../index.html#here"></a><a href="../index.html#gone"></a>')
    assert sorted(broken.links(tmp_path)) == [
        "a/x.html: ../index.html#gone",
        "index.html: #gone",
        "index.html: a/gone.png?v=1",
    ]


RUN = """
import os, sys
from pathlib import Path
import keras_gen, keras
fit = keras.Model.fit
keras.Model.fit = lambda *args, **options: fit(*args, **options | {"epochs": min(options.get("epochs", 1), 2)})
for page in sys.argv[1:]:
    folder = Path(page).with_suffix("")
    folder.mkdir()
    os.chdir(folder)
    print(page, flush=True)
    exec(compile(Path(page).read_text(), page, "exec"), {"__name__": "page"})
"""


@pytest.mark.extended
def test_examples_run(tmp_path):
    """Those of each page in order, in an empty folder with empty names, without prepared data.

    In one process, for importing Keras sixteen times takes a minute, and with two epochs at most. 90 s.
    """
    files = []
    for name, text in pages.PAGES.items():  # what is in README is in start.md
        if blocks := pages.examples(text):
            files.append(tmp_path / f"{name}.py")
            files[-1].write_text("\n".join(blocks))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TFDS_DATA_DIR": "none"}
    done = subprocess.run(
        [sys.executable, "-c", RUN, *map(str, files)], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-200:] + done.stderr[-2000:]
    for page in ("start", "generate"):
        assert kg.images.provenance(Path(tmp_path, page, "samples.png"))["seed"] == 1
