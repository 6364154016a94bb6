"""What networks the data's size gives."""

import keras
import numpy as np
import pytest

import keras_gen as kg
from keras_gen import networks
from keras_gen.networks.conv import stages

FILTERS = (2,) * 6


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [
        ((7, 5, 1), [(7, 5)]),
        ((16, 16, 1), [(16, 16), (8, 8), (4, 4)]),
        ((28, 28, 1), [(28, 28), (14, 14), (7, 7)]),
        ((33, 33, 3), [(33, 33), (17, 17), (9, 9), (5, 5)]),
        ((20, 48, 3), [(20, 48), (10, 24), (5, 12), (5, 6)]),
        ((256, 256, 3), [(256, 256), (128, 128), (64, 64), (32, 32), (16, 16), (8, 8), (4, 4)]),
    ],
)
def test_sides_are_halved_to_4_to_7_pixels(shape, sizes):
    assert stages(shape, FILTERS) == sizes
    assert stages(shape, FILTERS[:1]) == sizes[:2]


def test_default_networks_fit_the_size_of_the_images():
    for shape in [(16, 16, 1), (17, 17, 3), (31, 31, 3), (33, 33, 1), (20, 48, 3), (64, 64, 3), (256, 256, 3)]:
        encoder, decoder = networks.make_encoder(None, shape), networks.make_decoder(None, 3, shape)
        assert (encoder.name, decoder.name) == ("conv_encoder", "conv_decoder")
        assert decoder.output_shape[1:3] == shape[:2]
        assert encoder.count_params() + decoder.count_params() < 3e6
        assert decoder(np.zeros((1, 3), "float32")).shape[1:3] == shape[:2]


def test_generative_networks_of_games_fit_the_size_of_the_images():
    for shape in [(28, 28, 1), (33, 33, 1), (20, 48, 3), (64, 64, 3), (128, 128, 3)]:
        generator, discriminator = networks.make_generator(None, 8, shape), networks.make_discriminator(None, shape)
        assert generator.output_shape[1:] == shape
        for network in (generator, discriminator):
            strided = [layer for layer in network.layers if max(getattr(layer, "strides", (1,))) == 2]
            assert len(strided) == len(stages(shape, FILTERS)) - 1
            assert network.count_params() < 4e6


def test_small_images_and_vectors_have_dense_networks():
    for shape in [(6,), (8, 8, 1), (15, 40, 3), (3, 32, 32)]:
        for made, asked in [
            (networks.make_encoder(None, shape), networks.make_encoder("dense", shape)),
            (networks.make_decoder(None, 3, shape), networks.make_decoder("dense", 3, shape)),
        ]:
            assert made.get_config()["layers"] == asked.get_config()["layers"]


def test_a_dense_encoder_has_a_dense_decoder_beside_it():
    shape = (16, 16, 1)
    for encoder, hidden in [("dense", 512), ("dense*0.5", 512), ([6, 5], 512)]:
        for model in (kg.VAE(shape, 2, encoder=encoder), kg.Autoencoder(shape, 2, encoder=encoder)):
            assert model.decoder.output_shape == (None, hidden)
    assert kg.VAE(shape, 2, encoder="dense", decoder="conv").decoder.name == "conv_decoder"
    body = keras.Sequential([keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(3)])
    assert kg.VAE(shape, 2, encoder=body).decoder.name == "conv_decoder"


def test_a_tied_decoder_has_a_dense_encoder():
    assert kg.Autoencoder((16, 16, 1), 2, decoder="tied").encoder.name == "dense_encoder"


def test_labels_are_as_loud_as_codes():
    model = kg.ConditionalVAE((8, 8, 1), 2, num_classes=9)
    assert model.decoder.get_layer("scale").scale == [1, 1, *[3] * 9]
    z, label = np.ones((1, 2), "float32"), np.eye(9, dtype="float32")[:1]
    loud = np.concatenate([z, 3 * label], axis=1)
    given = np.concatenate([z, label], axis=1)
    np.testing.assert_allclose(model.decoder(given), model.decoder.get_layer("dense_decoder")(loud), rtol=1e-5)
    own = networks.dense_decoder(11, hidden=(3,))
    assert kg.ConditionalVAE((8, 8, 1), 2, num_classes=9, decoder=own).decoder is own
