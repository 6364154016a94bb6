"""Pictures of metrics: what is in them, and where they are written. A second, but for importing."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import keras_gen as kg

CURVES = {
    "kl_loss": [1.0, 2.0, 3.0, 4.0],
    "loss": [9.0, 8.0, 7.0, 6.0],
    "val_kl_loss": [1.5, 2.5, 3.5, 4.5],
    "val_loss": [9.5, 8.5, 7.5, 6.5],
    "val_recall": [0.4, 0.5],  # of a callback that looks for the first time after the third epoch
}


def drawn(figure):
    """Title of a panel -> label of a curve -> its points."""
    return {
        axes.get_title(): {line.get_label(): line.get_xydata().T.tolist() for line in axes.lines}
        for axes in figure.axes
    }


def test_history_draws_every_metric_with_its_twin():
    figure = kg.plots.history(CURVES)
    assert isinstance(figure, Figure)
    epochs = [1, 2, 3, 4]
    assert drawn(figure) == {
        "loss": {"training": [epochs, CURVES["loss"]], "validation": [epochs, CURVES["val_loss"]]},
        "kl_loss": {"training": [epochs, CURVES["kl_loss"]], "validation": [epochs, CURVES["val_kl_loss"]]},
        "recall": {"validation": [[3, 4], CURVES["val_recall"]]},
    }
    for axes in figure.axes:
        assert axes.get_xlabel() == "epoch"
        assert [text.get_text() for text in axes.get_legend().get_texts()] == [*drawn(figure)[axes.get_title()]]
    assert [axes.get_ylabel() for axes in figure.axes] == ["nats per image", "nats per image", "share"]
    assert figure._repr_png_().startswith(b"\x89PNG")  # by which a notebook shows it


def test_history_of_what_fit_returns():
    model = kg.Autoencoder((6,), 2, likelihood="gaussian")
    model.compile(jit_compile=False)
    x = np.random.default_rng(0).random((8, 6), "float32")
    history = model.fit(x, epochs=4, initial_epoch=2, verbose=0, validation_data=x, validation_freq=2)
    figure = kg.plots.history(history)
    values = history.history
    assert drawn(figure) == {
        name: {"training": [[3, 4], values[name]], "validation": [[4], values[f"val_{name}"]]}
        for name in ("loss", "reconstruction_loss")
    }
    assert {axes.get_ylabel() for axes in figure.axes} == {"squared error per image"}


def test_history_of_a_run_folder(tmp_path):
    (tmp_path / "history.csv").write_text("epoch,loss,val_loss\n1,3,\n2,2,2.5\n3,1,\n")
    (training, validation) = drawn(kg.plots.history(tmp_path))["loss"].values()
    assert training == [[1, 2, 3], [3, 2, 1]]
    assert validation[1][1] == 2.5
    assert math.isnan(validation[1][0])
    path = kg.plots.history(str(tmp_path), tmp_path / "new" / "history.png")
    assert path == tmp_path / "new" / "history.png"
    assert Image.open(path).format == "PNG"
    assert [file.name for file in path.parent.iterdir()] == ["history.png"]


@pytest.mark.parametrize("nothing", [{}, {"loss": []}, SimpleNamespace(history={}, epoch=[])])
def test_a_history_of_nothing_is_refused(nothing, tmp_path):
    for history in (nothing, tmp_path):
        with pytest.raises(ValueError, match="must be an epoch to draw.*Received: "):
            kg.plots.history(history)
