"""Hooks by the names that they had in version 0.1.0 work, and say what they are called now."""

import importlib
import sys

import numpy as np
import pytest
from zoo import IMAGES, dense

import keras_gen as kg
from keras_gen.core import Player, distribution
from keras_gen.core.renamed import RENAMED


def test_a_hook_defined_by_its_old_name_is_used():
    with pytest.warns(DeprecationWarning, match="`expansion` is called `memory_factor` now"):

        class Own(kg.VAE):
            expansion = 3

            def memory(self):
                return self.memory_factor

    assert Own((8, 8, 1), 3, **dense(3)).memory() == 3


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_a_hook_is_read_by_its_old_name(old, new):
    model = kg.VAE((8, 8, 1), 3, **dense(3))
    model.compile()
    with pytest.warns(DeprecationWarning, match=f"`{old}` is called `{new}` now"):
        assert getattr(model, old) == getattr(model, new)


def test_what_nobody_has_is_missed_as_ever():
    model = kg.VAE((8, 8, 1), 3, **dense(3))
    with pytest.raises(AttributeError, match="'VAE' object has no attribute 'codec'"):
        model.codec  # noqa: B018


def test_a_player_by_the_old_name_of_a_field():
    with pytest.warns(DeprecationWarning, match="uses_generated"):
        assert not Player("g", (), meets_fakes=False).uses_generated


def test_a_step_over_a_batch_by_the_old_name():
    with pytest.warns(DeprecationWarning, match="global_batch"), distribution.step_over(IMAGES):
        assert float(distribution.global_batch_size(IMAGES)) == len(IMAGES)


def test_clusters_are_labelled_by_the_old_name():
    with pytest.warns(DeprecationWarning, match="label_clusters"):
        np.testing.assert_array_equal(kg.evaluation.named_by_the_most_confident(np.eye(2), [1, 0]), [1, 0])


def test_saving_warns_of_no_old_name(tmp_path, recwarn):
    model = kg.VAE((8, 8, 1), 3, **dense(3))
    model.compile()
    model.fit(IMAGES, verbose=0)
    model.save(tmp_path / "model.keras")
    assert not [warning for warning in recwarn if "is called" in str(warning.message)]


def test_what_a_search_found_by_its_old_name():
    found = kg.tuning.Search({}, 0.5, [], None)
    with pytest.warns(DeprecationWarning, match="`figure` is called `metric` now"):
        assert found.figure == found.metric == 0.5
    objective = kg.tuning.OBJECTIVES["elbo"]
    with pytest.warns(DeprecationWarning, match="`figure` is called `metric` now"):
        assert objective.figure is objective.metric


def test_the_old_module_of_runs():
    sys.modules.pop("keras_gen.training.runs", None)
    with pytest.warns(DeprecationWarning, match="is now `keras_gen.training.api`"):
        runs = importlib.import_module("keras_gen.training.runs")
    assert runs.registry()["vae"] is kg.VAE
    assert runs.train is kg.training.train
