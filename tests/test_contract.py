"""Every check on every model; one id per pair, and a control that checks can fail."""

import pytest
from zoo import ZOO

from keras_gen import testing
from keras_gen.training import runs

PAIRS = [pytest.param(case, check, id=f"{case.name}-{name}") for case in ZOO for name, check in testing.checks(case)]


@pytest.mark.parametrize(("case", "check"), PAIRS)
def test_contract(case, check):
    check(case)


def test_every_model_is_in_the_zoo():
    assert set(runs.registry().values()) == {case.cls for case in ZOO}


def test_cases_are_tiny_and_exceptions_have_reasons():
    for case in ZOO:
        assert testing.parameter_count(case.model()) < 3_000, case.name
        assert all(isinstance(reason, str) and len(reason) > 10 for reason in case.exceptions.values()), case.name
