"""The examples of the docstrings and of the README run."""

import codeop
import doctest
import os
import re
import subprocess
import sys
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import pytest

import keras_gen as kg
from keras_gen import saving
from keras_gen.downloads import shipped

MODELS = [getattr(kg.models, name) for name in kg.models.__all__]
README = (Path(__file__).parents[1] / "README.md").read_text()


@pytest.mark.parametrize("cls", MODELS, ids=lambda cls: cls.__name__)
def test_docstring_example(cls):
    """Each line runs, for one epoch where it says more."""
    fit = keras.Model.fit
    examples = doctest.DocTestParser().get_doctest(cls.__doc__, {"kg": kg}, cls.__name__, None, None)
    assert examples.examples, "a class docstring has a runnable example"
    with mock.patch.object(keras.Model, "fit", lambda *args, **options: fit(*args, **options | {"epochs": 1})):
        results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples, out=lambda text: None)
    assert results.failed == 0


@pytest.mark.parametrize("cls", MODELS, ids=lambda cls: cls.__name__)
def test_docstring_sections(cls):
    sections = re.findall(r"^([A-Z][\w ]+):$", cls.__doc__, re.MULTILINE)
    assert sections == ["Args", "Shapes", "Score unit", "Reference", "Example"]
    for name in cls.arguments():
        assert re.search(rf"^    {name}: ", cls.__doc__, re.MULTILINE), f"{name} is not documented"


BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
# The contract is a script and stands indented: test_register.py runs it.


def test_readme_begins_with_five_lines():
    assert README.index(BLOCKS[0]) > README.index("## Five lines")
    assert len([line for line in BLOCKS[0].splitlines() if line and not line.startswith("import")]) == 5


def test_readme_is_pasted_line_by_line():
    """The interpreter of Python 3.11 and 3.12 takes a paste line by line: a blank line ends an indented block.

    Blocks with a class are for a file, or for an interpreter that takes a paste as a whole.
    """
    for block in BLOCKS:
        if "\nclass " not in block:
            compiler, lines = codeop.CommandCompiler(), []
            for line in [*block.splitlines(), ""]:
                lines.append(line)
                if compiler("\n".join(lines), symbol="single") is not None:
                    lines = []
            assert "".join(lines) == "", f"incomplete: {lines}"


@pytest.mark.extended
def test_readme_can_be_pasted(tmp_path):
    """All blocks in order in an empty interpreter and an empty folder, without prepared data. A minute."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TFDS_DATA_DIR": "none"}
    done = subprocess.run(
        [sys.executable, "-"], input="\n".join(BLOCKS), cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert kg.images.provenance(tmp_path / "samples.png")["seed"] == 1


def test_readme_names_the_commands_that_exist():
    from keras_gen import cli

    verbs = set(re.findall(r"^    keras-gen ([a-z]+)", README, re.MULTILINE))
    assert verbs <= set(cli.app)


def test_shipped_detectors_load_and_have_cards():
    for name, entry in shipped(".zip").items():
        detector = kg.tasks.AnomalyDetector.load(name)
        odd = np.zeros((2, *detector.data_shape_), "float32")  # nothing to be seen
        assert (detector.predict(odd) == -1).all()
        assert entry.size < 2_000_000
        card = entry.card.read_text()
        for word in ("Data", "Seed", "minutes", "held-out", "Limits", name):
            assert word in card


def test_shipped_models_load_and_have_cards():
    shipped = saving.shipped()
    assert {
        *("vae_mnist_2d", "denoiser_mnist", "vae_mnist_conv16", "conditional_vae_mnist"),
        *("dcgan_mnist", "infogan_mnist", "aae_mnist_2d", "super_resolution_mnist", "rbm_mnist"),
    } <= set(shipped)
    for name, entry in shipped.items():
        model = kg.load(name)
        x = np.zeros((2, *model.data_shape), "float32")
        if "translate" in model.offers:
            assert model.translate(x).shape == (2, *model.target_shape)
        elif "reconstruct" in model.offers:
            assert model.reconstruct(x, **model.label_kwargs([0, 1])).shape == x.shape
        else:
            assert model.sample(2, seed=0).shape == x.shape
        card = entry.card.read_text()
        for word in ("Data", "Seed", "minutes", "held-out", "Limits", name):
            assert word in card, f"{word} is not in the card of {name}"
        if model.table is None:  # of which there is a histogram
            assert kg.images.provenance(entry.path.with_suffix(".png"))["model"] == type(model).__name__


# === Results ===

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def results():
    """The modules of benchmarks that make RESULTS.md, and the rows."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import claims
        import notes
        import table
    finally:
        sys.path.remove(str(BENCHMARKS))
    return claims, notes, table, table.rows()


def test_results_are_what_the_rows_say(results):
    claims, notes, table, rows = results
    assert (BENCHMARKS / "RESULTS.md").read_text() == table.render(rows), "run `python benchmarks/table.py`"
    assert set(notes.NOTES) == set(rows)
    for name, claim in claims.CLAIMS.items():
        assert rows[name]["ours"] == claim(rows[name]["figures"]), name


def test_no_difference_is_claimed_where_the_range_holds_one(results):
    claims, _, _, _ = results
    assert claims.ratio("a rival", 1.1, [0.95, 1.3]) == "no difference from a rival shown (0.95 to 1.30)"
    assert claims.ratio("a rival", 1.1, [1.02, 1.3]) == "1.10 x a rival (1.02 to 1.30)"


def test_readme_claims_what_was_measured(results):
    """Every number that README quotes from a row, made from the row's figures."""
    _, _, _, rows = results
    figures = {name: row["figures"] for name, row in rows.items()}
    text = " ".join(README.split())
    digits = figures["one_digit_against_the_rest"]["mean"]
    pca = digits["PCA, 20 components: reconstruction, relative and blurred"]
    assert f"AUROC is {max(digits.values()) / 100:.3f}, the best of {len(digits)} detectors" in text
    assert f"PCA with the same score reaches {pca / 100:.3f}" in text
    said = {}
    for name in ("VAE", "Gaussian copula"):
        areas = [np.mean(by_name[name]) for by_name in figures["samples_of_tables"].values()]
        said[name] = f"{min(areas):.2f} to {max(areas):.2f}"
    assert f"AUROC {said['VAE']}, and those of a Gaussian copula with {said['Gaussian copula']}" in text
    ships = figures["ships_among_cars"].values()
    assert f"AUROC {min(ships):.2f} to {max(ships):.2f}" in text
    for kind, rival in (("dense", "pythae 0.1.2"), ("conv", "pythae 0.1.2"), ("dense", "plain Keras")):
        rounds = figures[f"throughput_{kind}"]["rounds"]
        quotients = [a / b for a, b in zip(rounds["keras_gen"], rounds[rival], strict=True)]
        assert f"{min(quotients):.2f} to {max(quotients):.2f} times" in text, (kind, rival)
    waiting = rows["throughput_tuner"]["ours"]
    for said in ("in 0 of 20 epochs", "in 11 of 20"):
        assert said in text
        assert said.removeprefix("in ").removesuffix(" epochs") in waiting
