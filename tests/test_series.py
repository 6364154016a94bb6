"""Series (T, F): bodies, series that end early, their data, pictures and detector."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from zoo import ENDING, SERIES

import keras_gen as kg
from keras_gen import export, layers, losses, networks

LENGTHS = np.isfinite(ENDING[..., 0]).sum(axis=1)


def tiny(cls=kg.Autoencoder, steps=6, body="recurrent*0.04", **arguments):
    keras.utils.set_random_seed(0)
    arguments = {"likelihood": "gaussian", "encoder": body, "decoder": body, **arguments}
    model = cls((steps, 2), latent_dim=2, **arguments)
    model.compile(jit_compile=False, steps_per_execution=1)
    return model


def gradients(model, x):
    with tf.GradientTape() as tape:
        terms = model.terms(tf.constant(x), None, training=True)
        loss = tf.reduce_sum(sum(terms[name] for name in model.reported))
    return [np.asarray(part) for part in tape.gradient(loss, model.trainable_weights)]


# === Bodies ===


def test_bodies_take_series_of_any_length():
    for steps in (1, 5, 9, 20):
        for name in ("conv1d*0.1", "recurrent*0.05", "dense*0.02", "shallow"):
            encoder = networks.make_encoder(name, (steps, 3))
            decoder = networks.make_decoder(name, 2, (steps, 3))
            head = networks.image_head(decoder, (steps, 3), "linear")
            assert encoder.input_shape == (None, steps, 3), (name, steps)
            assert len(encoder.output_shape) == 2, (name, steps)
            assert head.output_shape == (None, steps, 3), (name, steps)
    assert networks.default_body((20, 3)) == "conv1d"
    assert networks.make_encoder("recurrent*0.5", (4, 3)).output_shape == (None, 64)
    assert networks.make_decoder("recurrent*0.5", 2, (4, 3)).output_shape == (None, 4, 64)
    for name, shape in (("recurrent", (8, 8, 1)), ("conv1d", (8,))):
        with pytest.raises(ValueError, match=r"needs series, data_shape=\(steps, features\).*Received"):
            networks.make_encoder(name, shape)
    with pytest.raises(ValueError, match="needs images"):
        networks.make_decoder("conv", 2, (20, 3))


def test_a_decoder_may_give_the_series_itself():
    body = keras.Sequential([keras.Input((2,)), keras.layers.Dense(12), keras.layers.Reshape((6, 2))])
    assert networks.image_head(body, (6, 2), "linear").count_params() == 0
    own = networks.conv1d_decoder(2, (6, 4), (8,), features=3)  # whose features happen to be of that shape
    assert networks.image_head(own, (6, 4), "linear").count_params() == 4 * 4 + 4


# === Series that end early ===


@pytest.mark.parametrize("cls", [kg.Autoencoder, kg.VAE])
def test_padding_changes_nothing(cls):
    """Codes, scores, losses and gradients of padded series are those of a model that runs at their own length."""
    padded, own = tiny(cls, 9, variable_length=True), tiny(cls, 6)
    own.set_weights(padded.get_weights())
    x = SERIES.astype("float32")
    longer = np.concatenate([x, np.full((16, 3, 2), np.nan, "float32")], axis=1)
    np.testing.assert_allclose(padded.encode(longer), own.encode(x), atol=1e-6)
    np.testing.assert_allclose(padded.score(longer), own.score(x), rtol=1e-5)
    made = padded.reconstruct(longer)
    np.testing.assert_allclose(made[:, :6], own.reconstruct(x), atol=1e-6)
    assert np.isnan(made[:, 6:]).all()
    for found, expected in zip(gradients(padded, longer), gradients(own, x), strict=True):
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found, expected, atol=1e-4)
    zeros = np.nan_to_num(longer)  # control: without the mask they do count
    assert np.abs(padded.encode(zeros) - own.encode(x)).max() > 1e-3


def test_only_steps_that_are_there_count():
    x, there = ENDING, np.isfinite(ENDING)
    for body in ("conv1d*0.1", "dense*0.02"):
        model = tiny(body=body, variable_length=True)
        made = model(x).numpy()
        assert np.isfinite(made).all()
        expected = -np.where(there, (np.nan_to_num(x) - made) ** 2, 0).sum((1, 2))
        np.testing.assert_allclose(model.score(x), expected, rtol=1e-5)
        assert all(np.isfinite(part).all() for part in gradients(model, x))
    for loss in (losses.squared_error, losses.gaussian):
        mean = (0.3 * SERIES).astype("float32")
        each = [loss(x[i : i + 1, :n], mean[i : i + 1, :n])[0] for i, n in enumerate(LENGTHS)]
        filled, beside = model.known(tf.constant(x))
        np.testing.assert_allclose(loss(filled, mean, **beside), each, rtol=1e-5)


def test_a_mask_goes_to_layers_that_know_masks():
    gru = keras.Sequential([keras.Input((6, 2)), keras.layers.GRU(3)])
    ending = networks.of_ending_series(gru)
    assert networks.of_ending_series(ending) is ending  # of a file
    alone = [gru(ENDING[i : i + 1, :n])[0] for i, n in enumerate(LENGTHS)]
    np.testing.assert_allclose(ending(ENDING), alone, atol=1e-6)
    flat = keras.Sequential([keras.Input((6, 2)), keras.layers.Flatten()])
    np.testing.assert_array_equal(layers.EndingSeries(flat)(ENDING), np.nan_to_num(ENDING).reshape(16, 12))


def test_what_is_no_end_of_a_series_is_refused():
    model, plain = tiny(body="dense*0.02", variable_length=True), tiny(body="dense*0.02")
    hole, half, none, infinite = (SERIES.astype("float32") for _ in range(4))
    hole[3, 2], half[3, 4:, 0], none[3], infinite[3, 0, 0] = np.nan, np.nan, np.nan, np.inf
    for bad in (hole, half, none):
        for given in (bad, tf.data.Dataset.from_tensor_slices(bad).batch(8)):
            with pytest.raises(ValueError, match=r"kg.data.pad.*example 3"):
                model.fit(given, verbose=0)
    with pytest.raises(ValueError, match="1 such values, the first in example 3"):
        model.score(infinite)
    with pytest.raises(ValueError, match="variable_length=True"):
        plain.score(ENDING)
    with pytest.raises(ValueError, match=r"for series.*Received: data_shape=\(6,\)"):
        kg.VAE((6,), variable_length=True)
    with pytest.raises(ValueError, match=r"GAN does not learn from series"):
        kg.GAN((6, 2))
    with pytest.raises(ValueError, match=r"x\[..., None\]"):
        kg.Autoencoder((6, 1), encoder="shallow", decoder="shallow").score(np.zeros((3, 6), "float32"))
    with pytest.raises(ValueError, match="kg.data.pad"):
        plain.score([[[1.0, 2]], [[1, 2], [3, 4]]])


def test_a_report_of_series_that_end_early():
    model = tiny(body="dense*0.02", variable_length=True)
    found = kg.evaluation.report(model, ENDING)
    assert found["squared_error"] == pytest.approx(-model.score(ENDING).mean(), rel=1e-5)
    assert np.isfinite(kg.evaluation.baselines(model, ENDING, ENDING)["squared_error_baseline"])


def test_noise_lets_series_end():
    for corruption in ("gaussian", "masking", "salt_pepper"):
        model = tiny(kg.DenoisingAutoencoder, body="dense*0.02", corruption=corruption, level=0.5, variable_length=True)
        np.testing.assert_array_equal(np.isnan(model.corrupt(ENDING)), np.isnan(ENDING))
        assert np.isfinite(model.terms(tf.constant(ENDING), None, training=True)["reconstruction_loss"]).all()


# === Data ===


def test_pad():
    x = kg.data.pad([np.ones((2, 3)), np.zeros((4, 3))], length=5)
    assert x.shape == (2, 5, 3)
    assert x.dtype == np.float32
    assert np.isfinite(x[..., 0]).sum(axis=1).tolist() == [2, 4]
    for bad in ([np.ones((2, 3)), np.ones((2, 2))], [np.ones((0, 3))], [np.ones((2, 3, 1))]):
        with pytest.raises(ValueError, match="`series` must be"):
            kg.data.pad(bad)
    with pytest.raises(ValueError, match=r"at least 2.*length=1"):
        kg.data.pad([np.ones((2, 3))], length=1)


def test_waves():
    x, labels = kg.data.waves(400, length=32, noise=0.0, seed=1)
    np.testing.assert_array_equal(x, kg.data.waves(400, length=32, noise=0.0, seed=1)[0])
    assert x.shape == (400, 32, 1)
    assert 0.69 < np.abs(x).max() <= 1
    squares = x[labels == 1]
    assert len(np.unique(squares[0])) == 2
    alike, _ = kg.data.waves(400, length=32, noise=0.0, shift=0.0)
    assert (alike[labels == 0][:, 0] == 0).all()
    ending, _ = kg.data.waves(400, length=32, variable_length=True)
    lengths = np.isfinite(ending[..., 0]).sum(axis=1)
    assert (lengths.min(), lengths.max()) == (16, 32)
    info = kg.data.info("waves")
    assert (info.data_shape, info.class_names[3], info.splits) == (
        (64, 1), "heartbeat", {"train": 2_000, "test": 500},
    )  # fmt: skip
    assert kg.data.stack(kg.data.load("waves", "test", limit=3)).shape == (3, 64, 1)


def test_files_of_series(tmp_path):
    np.save(tmp_path / "series.npy", ENDING)
    np.testing.assert_array_equal(kg.data.stack(kg.data.load(tmp_path / "series.npy", shuffle=False)), ENDING)
    np.save(tmp_path / "gray.npy", np.zeros((4, 6, 2), "uint8"))
    assert kg.data.info(tmp_path / "gray.npy").data_shape == (6, 2, 1)
    for largest, shape in ((1, (9, 8, 1)), (1.5, (9, 8))):  # what cannot be an image is a series
        np.save(tmp_path / "floats.npy", np.linspace(0, largest, 4 * 72).reshape(4, 9, 8))
        assert kg.data.info(tmp_path / "floats.npy").data_shape == shape
    with pytest.raises(ValueError, match="for images"):
        kg.data.load(tmp_path / "series.npy", image_size=8)


# === Pictures, detector, files ===


def test_series_are_drawn():
    figure = kg.plots.series(ENDING[:3], SERIES[:3], names=("a", "b"), titles=(0, 1, 2), columns=2)
    drawn = [axes for axes in figure.axes if axes.get_visible()]
    assert [len(axes.lines) for axes in drawn] == [4, 4, 4]
    assert np.array_equal(drawn[1].lines[1].get_ydata(), ENDING[1, :, 1], equal_nan=True)
    with pytest.raises(ValueError, match="all of one shape"):
        kg.plots.series(ENDING[:3], SERIES[:2])


def test_a_detector_of_series(tmp_path):
    model = tiny(body="dense*0.02", variable_length=True)
    model.step.assign(1)
    errors = ((ENDING - model.reconstruct(ENDING)) ** 2).mean(axis=-1)
    for pooling, pool in (("mean", np.nanmean), ("max", np.nanmax), (None, np.nanmax)):
        detector = kg.tasks.AnomalyDetector(model, pooling=pooling, false_alarms=0.1).fit(ENDING)
        np.testing.assert_allclose(detector.score_samples(ENDING), -pool(errors, axis=1), rtol=1e-5)
        np.testing.assert_allclose(detector.heatmap(ENDING), errors, rtol=1e-5)
    assert detector.pixel_threshold_ == pytest.approx(np.nanmax(errors), rel=1e-5)
    detector.save(tmp_path / "detector.zip")
    again = kg.tasks.AnomalyDetector.load(tmp_path / "detector.zip")
    np.testing.assert_array_equal(again.score_samples(ENDING), detector.score_samples(ENDING))
    detector.export(tmp_path / "exported", images=ENDING, verbose=False)
    run = export.open_file(tmp_path / "exported")
    np.testing.assert_allclose(run({"data": ENDING})["heatmap"], errors, rtol=1e-4)
    hole = ENDING.copy()
    hole[0, 0] = np.nan
    with pytest.raises(ValueError, match="kg.data.pad"):
        detector.predict(hole)


def test_a_walk_between_series(tmp_path):
    model = tiny(body="dense*0.02", variable_length=True)
    walk = kg.tasks.interpolate(model, ENDING[:2], ENDING[2:4], steps=3, path=tmp_path / "walk.png")
    assert walk.shape == (2, 3, 6, 2)
    assert np.isfinite(walk).all()
    assert (tmp_path / "walk.png").is_file()
    with pytest.raises(ValueError, match=r"as curves.*walk\.gif"):
        kg.tasks.interpolate(model, ENDING[:2], ENDING[2:4], steps=3, path=tmp_path / "walk.gif")


def test_an_ending_series_comes_back_from_a_file(tmp_path):
    model = tiny(kg.VAE, variable_length=True)
    model.save(tmp_path / "model.keras")
    again = kg.load(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.score(ENDING), model.score(ENDING))
    assert again.count_params() == model.count_params()


@pytest.mark.extended
def test_recurrent_networks_are_exported_to_onnx(tmp_path):
    model = tiny(kg.VAE, variable_length=True)
    for part in ("score", "reconstruct", "sample"):
        model.export(tmp_path / f"{part}.onnx", format="onnx", part=part, images=ENDING, verbose=False)


@pytest.mark.extended
def test_a_run_of_series(tmp_path, capsys):
    from keras_gen.cli import main

    np.savez(tmp_path / "x.npz", x_train=np.repeat(ENDING, 4, axis=0), x_test=ENDING)
    run = str(tmp_path / "run")
    options = "--latent-dim 2 --likelihood gaussian --variable-length --encoder dense*0.02 --decoder dense*0.02"
    arguments = ["train", "vae", "--data", str(tmp_path / "x.npz"), "--epochs", "1", "--out", run, *options.split()]
    main([*arguments, "--verbose", "0"])
    for name in ("reconstructions.png", "samples/epoch-0001.png", "codes.png"):
        assert (tmp_path / "run" / name).is_file(), name
    for verb in ("sample", "reconstruct", "interpolate", "traverse"):
        main([verb, run, "--out", str(tmp_path / f"{verb}.png")])
        assert (tmp_path / f"{verb}.png").is_file()
    main(["sample", run, "--out", str(tmp_path / "made.npy")])
    assert np.load(tmp_path / "made.npy").shape == (64, 6, 2)
    main(["evaluate", run])
    assert "squared_error" in capsys.readouterr().out
    main(["report", run])
