"""The networks of a model as Keras models: they give what its methods give, and go their own ways."""

import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
from zoo import IMAGES, LABELS, ZOO, dense

import keras_gen as kg

CASES = {case.name: case for case in ZOO}
_rng = np.random.default_rng(0)


def new(name):
    keras.utils.set_random_seed(0)
    case = CASES[name]
    return case.cls(**case.arguments())


def inputs_of(network, case, num_codes=None):
    """Four examples of what a network takes: data as of the case, and draws."""

    def of(tensor):
        shape = tuple(tensor.shape[1:])
        if tensor.name == "labels":
            return np.array([0, 1, 1, 0])
        if tensor.name == "code" and num_codes is not None:
            return _rng.integers(0, num_codes, (4, *shape)).astype("float32")
        for known in (case.x, case.labels):
            if known is not None and known.shape[1:] == shape and tensor.name in ("data", "images"):
                return known[:4]
        return _rng.uniform(0, 1, (4, *shape)).astype("float32")

    return [of(tensor) for tensor in network.inputs]


def expected(model, name, x, *more):
    """What the model itself gives for the inputs of one of its networks."""
    if name == "encoder":
        return model.encode(x, *more)
    if name == "decoder" or (name == "generator" and "decode" in model.offers):
        return model.decode(x, *more)
    if name == "network":
        return model.denoiser([x, *more])
    if name == "separator":
        return model.separate(x)
    if name == "classifier":
        return model.infer_codes(x)[0] if isinstance(model, kg.InfoGAN) else model.class_probabilities(x)
    if name == "generator":
        return model.translate(x)
    if name == "inverse_generator":
        return model.translate(x, direction="backward")
    if isinstance(model, kg.Pix2Pix):
        return model.discriminator(np.concatenate([model._resized(x), *more], axis=-1))[..., 0]
    if isinstance(model, kg.CycleGAN):
        return (model.discriminator if name == "critic" else model.inverse_discriminator)(x)[..., 0]
    return model.score(x, *more)


@pytest.mark.parametrize("name", CASES)
def test_networks_give_what_the_model_gives(name, tmp_path):
    case, model = CASES[name], new(name)
    weights, file = len(model.weights), model.to_json()
    assert model.network_parts()
    for part in model.network_parts():
        network = model.network(part)
        assert network is model.network(part)
        x = inputs_of(network, case, model.num_codes)
        made = network(x if len(x) > 1 else x[0])
        np.testing.assert_allclose(made, expected(model, part, *x), rtol=1e-5, atol=1e-6, err_msg=part)
        network.save(tmp_path / f"{part}.keras")
        alone = keras.saving.load_model(tmp_path / f"{part}.keras")
        np.testing.assert_allclose(alone(x if len(x) > 1 else x[0]), made, rtol=1e-5, atol=1e-6, err_msg=part)
    assert (len(model.weights), model.to_json()) == (weights, file)


def test_a_file_does_not_know_that_networks_were_asked_for(tmp_path):
    def contents(file):
        model.save_weights(file)
        import h5py

        names = []
        with h5py.File(file) as opened:
            opened.visit(names.append)
        return names

    model = new("vae")
    before = contents(tmp_path / "before.weights.h5")
    model.network("encoder"), model.network("decoder")
    assert contents(tmp_path / "after.weights.h5") == before


def test_a_network_shares_the_weights_of_the_model():
    model = new("vae")
    encoder = model.network("encoder")
    model.compile()
    model.fit(IMAGES, verbose=0)
    np.testing.assert_allclose(encoder(IMAGES), model.encode(IMAGES), rtol=1e-5, atol=1e-6)


def test_a_network_is_a_part_of_a_functional_model_and_is_fine_tuned_there():
    model = new("autoencoder")
    encoder = model.network("encoder")
    data = keras.Input((8, 8, 1))
    classifier = keras.Model(data, keras.layers.Dense(2, "softmax")(encoder(data)))
    classifier.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    before = model.encode(IMAGES)
    encoder.trainable = False
    classifier.fit(IMAGES, LABELS, verbose=0)
    np.testing.assert_array_equal(model.encode(IMAGES), before)
    encoder.trainable = True
    classifier.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    classifier.fit(IMAGES, LABELS, verbose=0)
    assert np.abs(model.encode(IMAGES) - before).max() > 1e-4


@pytest.mark.parametrize("name", ["linear", "rbm"])
def test_a_whole_model_as_a_network_is_frozen_and_trained_likewise(name):
    model = new(name)
    encoder = model.network("encoder")
    encoder.trainable = False
    assert not encoder.trainable_variables
    assert not model.trainable_variables
    encoder.trainable = True
    assert encoder.trainable_variables
    encoder.compile(keras.optimizers.SGD(0.1), "mse")
    before = model.encode(IMAGES)
    encoder.fit(IMAGES, np.ones_like(before), verbose=0)
    assert np.abs(model.encode(IMAGES) - before).max() > 1e-4


def test_two_models_meet_in_one_graph():
    first, second = (kg.Autoencoder((8, 8, 1), 3, **dense(3)) for _ in range(2))
    data = keras.Input((8, 8, 1))
    together = keras.Model(data, second.network("decoder")(first.network("encoder")(data)))
    np.testing.assert_allclose(together(IMAGES), second.decode(first.encode(IMAGES)), rtol=1e-5, atol=1e-6)


def test_a_saved_network_is_loaded_in_another_process(tmp_path):
    made = {}
    for name in ("vae", "linear"):
        encoder = new(name).network("encoder")
        encoder.save(tmp_path / f"{name}.keras")
        made[name] = np.asarray(encoder(IMAGES))
    np.savez(tmp_path / "made.npz", x=IMAGES, **made)
    code = (
        "import sys, keras, numpy as np, keras_gen\n"
        "made = np.load(sys.argv[1] + '/made.npz')\n"
        "for name in set(made) - {'x'}:\n"
        "    encoder = keras.saving.load_model(f'{sys.argv[1]}/{name}.keras')\n"
        "    np.testing.assert_allclose(encoder(made['x']), made[name], rtol=1e-5, atol=1e-6)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


@pytest.mark.parametrize(
    ("model", "name", "sentence"),
    [
        ("vae", "generator", "VAE has no network of that name. It has 'encoder', 'decoder'. Received: name="),
        ("gan", "encoder", "It has 'generator', 'critic'"),
        ("cyclegan", "encoder", "It has 'generator', 'inverse_generator', 'critic', 'inverse_critic'"),
        ("conditional_vae_without_code", "encoder", "It has 'decoder'"),
    ],
)
def test_networks_that_a_model_does_not_have(model, name, sentence):
    with pytest.raises(ValueError, match=sentence.replace("(", r"\(")):
        new(model).network(name)


def test_users_models_have_networks_too():
    class Own(kg.VAE):
        def network_parts(self):
            return {**super().network_parts(), "log_variance": ({"data": self.data_shape}, self.uncertainty)}

        def uncertainty(self, x):
            return self.posterior(x)[1]

    model = Own((8, 8, 1), 3, **dense(3))
    np.testing.assert_allclose(model.network("log_variance")(IMAGES), model.posterior(IMAGES)[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", {case.cls: case for case in reversed(ZOO)}.values(), ids=lambda case: case.name)
def test_summary_of_a_new_model_counts_what_its_networks_have(case):
    lines = []
    model = case.cls(**case.arguments())
    model.summary(print_fn=lines.append, line_length=120)
    text = "\n".join(map(str, lines))
    assert "unbuilt" not in text
    assert " 0 │" not in text
    assert f"Trainable params: {sum(map(np.size, model.trainable_weights)):,}" in text


def test_models_are_plotted(tmp_path):
    """Of a model itself Keras draws one box, of its networks their layers; without pydot and graphviz it says so."""
    pytest.importorskip("pydot")
    for name, model in {"model": new("vae"), "network": new("vae").network("encoder")}.items():
        assert keras.utils.model_to_dot(model, show_shapes=True, expand_nested=True).to_string()
        if shutil.which("dot"):
            keras.utils.plot_model(model, tmp_path / f"{name}.png", show_shapes=True, expand_nested=True)
            assert (tmp_path / f"{name}.png").stat().st_size > 0
