"""What people try first: it works, or the sentence says what to write instead."""

import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from zoo import IMAGES

import keras_gen as kg
from keras_gen.core import execution, players

SHAPE = (8, 8, 1)
LEVELS = np.round(IMAGES * 255).astype("uint8")


@pytest.fixture(scope="module")
def model():
    return kg.VAE(SHAPE, 2)


def test_gray_images_of_keras_datasets_need_no_channel_axis(model):
    np.testing.assert_array_equal(model.encode(LEVELS[..., 0]), model.encode(LEVELS))
    by_dataset = model.encode(tf.data.Dataset.from_tensor_slices(LEVELS[..., 0]).batch(5))
    np.testing.assert_allclose(by_dataset, model.encode(LEVELS), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"shape=\(16, 9, 8\)"):
        model.encode(np.zeros((16, 9, 8)))


def test_image_dataset_from_directory_is_scaled(model, tmp_path):
    for i, image in enumerate(IMAGES[:6]):
        kg.images.save_image(image, tmp_path / "ab"[i % 2] / f"{i}.png")
    dataset = keras.utils.image_dataset_from_directory(
        tmp_path, image_size=(8, 8), color_mode="grayscale", shuffle=False, verbose=False
    )
    ours = kg.data.stack(kg.data.load(str(tmp_path), shuffle=False))
    np.testing.assert_allclose(model.encode(dataset), model.encode(ours), rtol=1e-5, atol=1e-6)
    model.compile("adam")
    assert model.evaluate(dataset, verbose=0)[0] == pytest.approx(model.evaluate(ours, verbose=0)[0], rel=1e-5)
    with pytest.raises(ValueError, match="divide by 255, or give uint8"):
        model.evaluate(dataset.map(lambda x, y: x), verbose=0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: m.encode(IMAGES * 255), ["divide by 255", "254.58"]),
        (lambda m: m.encode(IMAGES * 2 - 1), ["scale by (x + 1) / 2", "values in [-0.99"]),
        (lambda m: m.encode(IMAGES[0]), ["batch axis: images[None]", "shape=(8, 8, 1)"]),
        (lambda m: m.encode(IMAGES[0, ..., 0]), ["images[None, ..., None]", "shape=(8, 8)"]),
        (lambda m: m.decode([0.0, 0.0]), ["batch axis: x[None]", "shape=(2,)"]),
        (lambda m: kg.VAE((8, 8, 3), 2).encode(np.zeros((4, 3, 8, 8))), ["np.moveaxis(images, 1, -1)"]),
        (lambda m: kg.VAE(28, 28, 1), ["data_shape", "(28, 28, 1)", "data_shape=28"]),
        (lambda m: kg.VAE(SHAPE, beta="4"), ["`beta` must be a number", "beta='4'"]),
        (lambda m: m.save("model.h5"), [".keras", "'model.h5'"]),
        (lambda m: kg.VAE((4,), likelihood="gaussian").score(np.full((2, 4), 1e20)), ["scale the data", "1e+15"]),
        (lambda m: kg.tasks.traverse(m, IMAGES[:2]), ["`image` must be one image", "2 images"]),
    ],
)
def test_the_sentence_says_what_to_write(model, call, words):
    with pytest.raises(ValueError) as raised:  # noqa: PT011  (the words are looked at)
        call(model)
    for word in words:
        assert word in str(raised.value)


def test_an_autoencoder_says_how_it_samples():
    autoencoder = kg.Autoencoder(SHAPE, 2)
    with pytest.raises(NotImplementedError, match=r"kg.tasks.CodeSampler\(model\).fit\(data\).*--prior mixture"):
        autoencoder.sample(3)
    with pytest.raises(NotImplementedError) as raised:
        kg.Pix2Pix(SHAPE).sample(3)
    assert "CodeSampler" not in str(raised.value)


@keras.saving.register_keras_serializable("test_mistakes")
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.flatten, self.dense = keras.layers.Flatten(), keras.layers.Dense(6)

    def call(self, x):
        return self.dense(self.flatten(x))


def unbuilt():
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(6)])


@pytest.mark.parametrize("encoder", [[7, 6], (6,), unbuilt, Subclassed, keras.layers.Flatten])
def test_networks_of_ones_own_in_any_form(tmp_path, encoder):
    given = encoder() if callable(encoder) else encoder
    autoencoder = kg.Autoencoder(SHAPE, 2, encoder=given, decoder=[5])
    codes = autoencoder.encode(IMAGES)
    autoencoder.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(kg.load(tmp_path / "model.keras").encode(IMAGES), codes)


def test_networks_that_do_not_fit_say_why():
    with pytest.raises(ValueError, match=r"must map \(8, 8, 1\) to \(features,\).*maps \(8, 8, 1\) to \(8, 8, 6\)"):
        kg.VAE(SHAPE, encoder=keras.layers.Dense(6))
    built = keras.layers.Dense(6)
    built.build((None, 5))
    with pytest.raises(ValueError, match="keras.Model or layer .* cannot be called on that") as raised:
        kg.VAE(SHAPE, encoder=built)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("part", "content", "words"),
    [
        ("config.json", b"{not json", "cannot be loaded"),
        ("config.json", b"[" * 100_000, "cannot be loaded"),
        ("config.json", b" " * 20_000_000, "cannot be 100 times as large"),
        ("config.json", b'{"class_name": "Lambda", "module": "keras.layers", "config": {"function": {"class_name": '
         b'"__lambda__", "config": {"code": "", "defaults": null, "closure": null}}}}', "cannot be loaded .*Lambda"),
        ("model.weights.h5", None, "cannot be loaded"),
    ],
)  # fmt: skip
def test_a_damaged_or_strange_file_is_refused_in_one_sentence(model, tmp_path, part, content, words):
    model.save(tmp_path / "good.keras")
    with zipfile.ZipFile(tmp_path / "good.keras") as good:
        parts = {name: good.read(name) for name in good.namelist()}
    with zipfile.ZipFile(tmp_path / "bad.keras", "w", zipfile.ZIP_DEFLATED) as bad:
        for name, old in parts.items():
            if name != part or content is not None:
                bad.writestr(name, content if name == part else old)
    with pytest.raises(ValueError, match=words) as raised:
        kg.load(tmp_path / "bad.keras")
    assert "Received: " in str(raised.value)
    assert "bad.keras" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_channels_come_last(monkeypatch):
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match="must come last.*'channels_first'"):
            kg.VAE(SHAPE)
        kg.VAE((4,), likelihood="gaussian")
    finally:
        keras.config.set_image_data_format("channels_last")


def test_one_image_is_interpolated_and_traversed(model):
    one = kg.tasks.interpolate(model, IMAGES[0], IMAGES[1], 3)
    np.testing.assert_array_equal(one, kg.tasks.interpolate(model, IMAGES[:1], IMAGES[1:2], 3))
    np.testing.assert_array_equal(
        kg.tasks.traverse(model, IMAGES[0], steps=3), kg.tasks.traverse(model, IMAGES[:1], steps=3)
    )


def test_whose_callbacks_hear_of_each_batch():
    class Watches(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    class Rests(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            pass

    of_keras = keras.callbacks
    for callback in (
        Watches(), of_keras.LambdaCallback(on_train_batch_begin=lambda *_: None),
        of_keras.ModelCheckpoint("x.keras", save_freq=4), of_keras.TensorBoard("x", update_freq=10),
    ):  # fmt: skip
        assert execution.watches_batches([Rests(), callback]), callback
    assert not execution.watches_batches(
        [Rests(), of_keras.LambdaCallback(on_epoch_end=lambda *_: None), of_keras.ModelCheckpoint("x.keras"),
         of_keras.TerminateOnNaN(), of_keras.TensorBoard("x"), of_keras.BackupAndRestore("x")]
    )  # fmt: skip


def test_steps_per_call_give_way_to_who_watches_batches():
    heard = []
    autoencoder = kg.Autoencoder(SHAPE, 2)
    autoencoder.compile("adam")
    watcher = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: heard.append(batch))
    autoencoder.fit(IMAGES, batch_size=4, verbose=0, callbacks=[watcher])
    assert heard == [0, 1, 2, 3]
    assert autoencoder.steps_per_execution == 1


def test_all_players_follow_a_scheduler():
    gan = kg.GAN((4,), 2)
    gan.compile(d_optimizer=keras.optimizers.Adam(4e-4), g_optimizer=keras.optimizers.Adam(1e-4))
    x = np.random.default_rng(0).random((8, 4)).astype("float32")
    gan.fit(x, epochs=2, verbose=0, callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)])
    rates = [float(gan.d_optimizer.learning_rate), float(gan.g_optimizer.learning_rate)]
    np.testing.assert_allclose(rates, [1e-4, 0.25e-4], rtol=1e-6)


def test_a_player_with_a_schedule_neither_leads_nor_follows():
    schedule = keras.optimizers.schedules.ExponentialDecay(1e-3, 1, 0.5)
    for d_rate, g_rate in ((3e-4, schedule), (schedule, 3e-4)):
        gan = kg.GAN((4,), 2)
        gan.compile(d_optimizer=keras.optimizers.Adam(d_rate), g_optimizer=keras.optimizers.Adam(g_rate))
        led, other = (gan.d_optimizer, gan.g_optimizer) if g_rate is schedule else (gan.g_optimizer, gan.d_optimizer)
        shared = players.SharedRates()
        shared.set_model(gan)
        shared.on_train_begin()
        other.iterations.assign(1)
        if g_rate is not schedule:
            led.learning_rate = 1e-4
        shared.on_train_batch_begin(0)
        assert float(led.learning_rate) == pytest.approx(3e-4 if g_rate is schedule else 1e-4)
        assert float(other.learning_rate) == pytest.approx(5e-4)


def test_shapes_of_arrays_and_tensors_are_shapes():
    for shape in (np.array(SHAPE), tf.TensorShape(SHAPE), list(SHAPE)):
        given = kg.Autoencoder(shape, 2, encoder=[3], decoder=[3]).data_shape
        assert given == SHAPE
        assert type(given) is tuple


def test_predict_on_batch_is_checked(model):
    np.testing.assert_array_equal(model.predict_on_batch(LEVELS), model.predict_on_batch(LEVELS / np.float32(255)))
    with pytest.raises(ValueError, match="divide by 255"):
        model.predict_on_batch(IMAGES * 255)


def test_a_player_whose_rate_is_set_keeps_it():
    gan = kg.GAN((4,), 2)
    gan.compile(optimizer=keras.optimizers.Adam(1e-3))
    shared = players.SharedRates()
    shared.set_model(gan)
    shared.on_train_begin()
    gan.g_optimizer.learning_rate, gan.d_optimizer.learning_rate = 5e-4, 3e-4
    shared.on_epoch_begin(0)
    assert float(gan.d_optimizer.learning_rate) == pytest.approx(3e-4)
    gan.g_optimizer.learning_rate = 2.5e-4
    shared.on_epoch_end(0)
    assert float(gan.d_optimizer.learning_rate) == pytest.approx(1.5e-4)
