"""Files of earlier versions load, give what they gave, and are trained on as they would have been."""

import importlib.util
import json
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from zoo import ZOO

FOLDER = Path(__file__).parent / "version_0_1_0"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
CASES = {case.name: case for case in ZOO}
_spec = importlib.util.spec_from_file_location("make", FOLDER / "make.py")
make = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make)


def test_each_class_has_a_file():
    assert len({CASES[name].cls for name in EXPECTED}) == 18  # so many that version had


@pytest.mark.parametrize("name", EXPECTED)
def test_a_file_of_version_0_1_0(name):
    case, expected = CASES[name], EXPECTED[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # Keras only warns of what it does not find
        model = keras.saving.load_model(FOLDER / f"{name}.keras")
    assert model.compiled
    assert int(model.step) == expected["step"]
    for what, values in make.outputs(model, case).items():
        np.testing.assert_allclose(values, expected["outputs"][what], rtol=1e-4, atol=1e-5, err_msg=what)
    np.testing.assert_allclose(make.go_on(model, case), expected["weights"], rtol=1e-5)
