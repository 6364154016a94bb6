"""The examples of the docstrings run, shipped models have cards, results and pages say what was measured."""

import doctest
import re
import sys
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import pages
import pytest

import keras_gen as kg
from keras_gen import saving
from keras_gen.core.execution import XLA_PAYS_FROM
from keras_gen.downloads import shipped

MODELS = [getattr(kg.models, name) for name in kg.models.__all__]


SLOW = (kg.CycleGAN, kg.Pix2Pix, kg.InfoGAN, kg.SemiSupervisedVAE, kg.CodePrior)  # 19 seconds


@pytest.mark.parametrize(
    "cls",
    [pytest.param(cls, marks=[pytest.mark.extended] if cls in SLOW else []) for cls in MODELS],
    ids=lambda cls: cls.__name__,
)
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


def test_readme_begins_with_five_lines():
    block = pages.examples(pages.README)[0]
    assert pages.README.index(block) > pages.README.index("## Five lines")
    assert len([line for line in block.splitlines() if line and not line.startswith("import")]) == 5
    assert block in pages.PAGES["start"]


def test_readme_fits_two_screens_and_has_the_two_commands():
    assert len(pages.README.splitlines()) <= 110
    assert "\n    make demo " in pages.README
    assert "\n    make test " in pages.README


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


def test_pages_claim_what_was_measured(results):
    """Every number that a page quotes from a row, made from the row's figures; and it is quoted nowhere else."""
    _, _, _, rows = results
    figures = {name: row["figures"] for name, row in rows.items()}
    texts = {name: " ".join(text.split()) for name, text in {"README": pages.README, **pages.PAGES}.items()}

    digits = figures["one_digit_against_the_rest"]["mean"]
    pca = digits["PCA, 20 components: reconstruction, relative and blurred"]
    assert f"AUROC is {max(digits.values()) / 100:.3f}, the best of {len(digits)} detectors" in texts["detect"]
    assert f"PCA with the same score reaches {pca / 100:.3f}" in texts["detect"]
    ships = figures["ships_among_cars"].values()
    assert f"AUROC {min(ships):.2f} to {max(ships):.2f}" in texts["detect"]

    def of_photographs(detector):
        """The areas of a detector, ships among cars and cars among ships; of a group of detectors the best."""
        by_kind = figures["photographs_by_features"]
        kinds = (by_kind["ships among automobiles"], by_kind["automobiles among ships"])
        return [f"{max(area[0] for name, area in areas.items() if detector in name):.2f}" for areas in kinds]

    edges, both = of_photographs("colour 0: neighbors")[0], of_photographs("colour 1: neighbors")[1]
    assert f"AUROC of {edges}, and by edges and colours cars among ships with {both}." in texts["detect"]
    network, pyod = of_photographs("EfficientNet"), of_photographs("PyOD")
    best = f"the best of five detectors of PyOD on pixels {' and '.join(pyod)}."
    assert f"An ImageNet network reaches {' and '.join(network)}, {best}" in texts["detect"]
    assert sum("PyOD" in name for name in figures["photographs_by_features"]["ships among automobiles"]) == 5
    neighbors = figures["digits_by_features"]["mean"]["neighbors"]
    assert f"the nearest neighbours of oriented gradients reach {neighbors / 100:.3f}" in texts["detect"]

    said = {}
    for name in ("VAE", "Gaussian copula"):
        areas = [np.mean(by_name[name]) for by_name in figures["samples_of_tables"].values()]
        said[name] = f"{min(areas):.2f} to {max(areas):.2f}"
    assert len(figures["samples_of_tables"]) == 7
    for words in ("On seven tables, trees tell samples of a VAE from held-out rows", f"with AUROC {said['VAE']}, and"):
        assert words in texts["tables"]
    assert f"and those of a Gaussian copula with {said['Gaussian copula']}" in texts["tables"]

    for kind, rival in (("dense", "pythae 0.1.2"), ("conv", "pythae 0.1.2"), ("dense", "plain Keras")):
        rounds = figures[f"throughput_{kind}"]["rounds"]
        quotients = [a / b for a, b in zip(rounds["keras_gen"], rounds[rival], strict=True)]
        assert f"{min(quotients):.2f} to {max(quotients):.2f} times" in texts["scale"], (kind, rival)
    waiting = rows["throughput_tuner"]["ours"]
    for said in ("in 0 of 20 epochs", "in 11 of 20"):
        assert said in texts["scale"]
        assert said.removeprefix("in ").removesuffix(" epochs") in waiting
    assert f"steps times the number of weights is above {XLA_PAYS_FROM:.0e}.".replace("e+0", "e") in texts["scale"]

    for name in texts.keys() - {"detect", "tables", "scale"}:  # what another page quotes needs its line here
        assert not re.search(r"\bAUROC (?:of |is )?\d|\d times as fast|\breach(?:es)? \d", texts[name]), name
