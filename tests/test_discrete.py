"""Quantisers, codebooks, priors of codes and arithmetic coding, against brute force."""

import itertools
import math
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from zoo import IMAGES, SHAPE, SOME_LABELS, VECTORS, fsq

import keras_gen as kg
from keras_gen import coding
from keras_gen.core import distribution
from keras_gen.core.metrics import Perplexity, UsedCodes
from keras_gen.layers import FiniteScalarQuantizer, VectorQuantizer, fsq_levels
from keras_gen.layers.quantisation import DEAD
from keras_gen.tasks import compression

rng = np.random.default_rng(0)


def quantizer(num_codes, dim, **given):
    layer = VectorQuantizer(num_codes, **given)
    layer.build((None, dim))
    layer.vectors.assign(rng.standard_normal((num_codes, dim)))
    return layer


def test_codes_are_those_of_the_nearest_vectors():
    layer, z = quantizer(7, 3), rng.standard_normal((2, 4, 5, 3)).astype("float32")
    vectors, codes = layer(z)
    distances = ((z[..., None, :] - np.array(layer.vectors)) ** 2).sum(axis=-1)
    np.testing.assert_array_equal(codes, distances.argmin(axis=-1))
    np.testing.assert_allclose(vectors, np.array(layer.vectors)[codes], atol=1e-6)


@pytest.mark.parametrize("layer", [quantizer(7, 3), FiniteScalarQuantizer((3, 5, 4))], ids=["vq", "fsq"])
def test_gradients_pass_straight_through(layer):
    z, weights = tf.constant(rng.standard_normal((6, 3)), tf.float32), rng.standard_normal((6, 3)).astype("float32")
    with tf.GradientTape() as tape:
        tape.watch(z)
        loss = tf.reduce_sum(weights * layer(z)[0])
    expected = weights
    if isinstance(layer, FiniteScalarQuantizer):  # of the bounded values
        levels = np.array([3, 5, 4])
        half, offset = 0.999 * (levels - 1) / 2, np.array([0, 0, 0.5])
        slope = half * (1 - np.tanh(z + np.arctanh(offset / half)) ** 2)
        expected = weights * slope / (levels // 2)
    np.testing.assert_allclose(tape.gradient(loss, z), expected, rtol=1e-4, atol=1e-6)


def test_codebook_follows_what_is_assigned_to_it():
    """Two updates against numpy: nobody is dead, and then one is."""
    layer, key = quantizer(3, 2, decay=0.9), tf.constant([1, 2])
    z = np.concatenate([np.array(layer.vectors) + 0.01 * i for i in range(4)])
    uses, sums = np.ones(3), 1.0 * np.array(layer.vectors)
    layer.uses.assign(uses)
    layer.sums.assign(sums)
    codes = np.array(layer.nearest(z))
    layer.update(tf.constant(z, tf.float32), key)
    counts, totals = np.bincount(codes, minlength=3), np.zeros((3, 2))
    np.add.at(totals, codes, z)
    uses, sums = 0.9 * uses + 0.1 * counts / 4, 0.9 * sums + 0.1 * totals / 4  # the mean use is 4
    np.testing.assert_allclose(layer.vectors, sums / uses[:, None], atol=1e-6)

    layer.uses.assign(np.where(np.arange(3) == 1, 1e-3, uses))
    far = np.array(layer.vectors)[[0, 2, 2]] + [[0.0, 0], [0, 0], [0.2, 0.1]]  # nobody for code 1
    layer.update(tf.constant(far, tf.float32), key)
    assert np.abs(far - np.array(layer.vectors)[1]).sum(axis=1).min() < 1e-6, "a dead code begins at a vector"
    np.testing.assert_allclose(layer.uses[1], 2 * DEAD, rtol=1e-6)


def test_all_codes_begin_at_different_encodings_and_far_ones_restart_codes():
    layer = quantizer(8, 2)
    z = rng.standard_normal((20, 2)).astype("float32")
    layer.update(tf.constant(z), distribution.noise_key(0, 0, "restart", shared=True))
    begun = np.array(layer.vectors)
    assert all(np.abs(z - vector).sum(axis=1).min() < 1e-5 for vector in begun)
    assert len(np.unique(begun, axis=0)) == 8
    z = np.array([begun[0]] * 99 + [begun[0] + 5.0], "float32")  # one that no code stands for
    layer.uses.assign([50.0] + [0.0] * 7)
    layer.sums.assign(50.0 * begun)
    layer.update(tf.constant(z), distribution.noise_key(0, 1, "restart", shared=True))
    assert np.abs(np.array(layer.vectors) - z[-1]).sum(axis=1).min() < 1e-5


def test_levels_of_whole_numbers():
    layer = FiniteScalarQuantizer((3, 5, 4))
    codes = np.arange(60)
    vectors = np.array(layer.embed(codes))
    assert len(np.unique(vectors, axis=0)) == 60
    values = [sorted(set(vectors[:, i])) for i in range(3)]
    np.testing.assert_allclose(np.concatenate(values), [-1, 0, 1, -1, -0.5, 0, 0.5, 1, -1, -0.5, 0, 0.5])
    z = rng.standard_normal((5000, 3)).astype("float32") * 3
    made, found = layer(z)
    np.testing.assert_allclose(made, layer.embed(found), atol=1e-6)
    assert set(np.array(found)) == set(codes), "every code is reached"
    np.testing.assert_array_equal(layer(np.zeros((1, 3)))[0], np.zeros((1, 3)))


def test_levels_are_chosen_or_refused():
    assert {k: fsq_levels(k) for k in (512, 64, 240, 1000)} == {
        512: (8, 8, 8), 64: (8, 8), 240: (8, 6, 5), 1000: (10, 10, 10),
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"a product of whole numbers from 3 to 16; the nearest is 507.*num_codes=509"):
        kg.VQVAE(SHAPE, num_codes=509, quantizer="fsq")


def test_use_of_codes_is_that_of_a_whole_pass():
    codes = [np.array([[0, 1], [1, 1]]), np.array([[3, 3]])]
    used, perplexity = UsedCodes(5), Perplexity(5)
    for batch in codes:
        used.update_state(tf.constant(batch, tf.int32))
        perplexity.update_state(tf.constant(batch, tf.int32))
    p = np.array([1, 3, 2]) / 6
    assert float(used.result()) == 3
    np.testing.assert_allclose(perplexity.result(), np.exp(-np.sum(p * np.log(p))), rtol=1e-6)


# === VQVAE ===


def test_grid_of_images_whose_sides_cannot_be_halved():
    model = kg.VQVAE((11, 14, 3), num_codes=27, quantizer="fsq", encoder="residual*0.1", decoder="residual*0.1")
    images = rng.random((2, 11, 14, 3)).astype("float32")
    codes = model.encode(images)
    assert codes.shape == (2, 6, 7) == (2, *model.code_shape)
    assert codes.dtype == np.int32
    np.testing.assert_array_equal(model.decode(codes), model.reconstruct(images))
    assert model.code_vectors(images).shape == (2, 6 * 7 * 2)


def test_codebook_is_kept_by_evaluation_and_moved_by_training():
    model = kg.VQVAE((6,), num_codes=4, code_dim=2)
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    before = np.array(model.codebook.vectors)
    model.evaluate(VECTORS, verbose=0)
    model(VECTORS, training=True)
    np.testing.assert_array_equal(model.codebook.vectors, before)
    model.fit(VECTORS, verbose=0)
    assert np.all(np.array(model.codebook.vectors) != before)


def test_levels_are_trained_without_a_commitment():
    model = fsq()
    model.compile(keras.optimizers.Adam(1e-2), run_eagerly=True)
    history = model.fit(IMAGES, epochs=4, batch_size=8, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert history["commitment_loss"] == [0] * 4
    assert 1 <= history["perplexity"][-1] <= history["used_codes"][-1] <= 9


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda m: m.sample(2), "kg.CodePrior"),
        (lambda m: m.decode(np.full((1, 4), 9)), "whole numbers from 0 to 8. Received: values from 9.0 to 9.0"),
        (lambda m: m.decode(np.full((1, 4), 0.5)), "whole numbers from 0 to 8"),
        (lambda m: kg.tasks.interpolate(m, IMAGES[:1], IMAGES[1:2]), "between whole numbers there are none"),
        (lambda m: kg.tasks.attribute_vector(m, IMAGES, IMAGES), "between whole numbers there are none"),
        (lambda m: kg.tasks.CodeSampler(m).fit(IMAGES), "kg.CodePrior"),
        (lambda m: compression.compress(m, IMAGES, "never", bits=6), "`bits` must be left out. Received: bits=6"),
        (lambda m: kg.CodePrior(kg.VAE(SHAPE)), "`vqvae` must be a trained VQVAE. Received: vqvae=VAE"),
        (lambda m: kg.CodePrior(None), "Received: vqvae=None"),
        (lambda m: kg.CodePrior(m, data_shape=(9, 9, 1)), r"takes data_shape=\(8, 8, 1\)"),
        (lambda m: kg.CodePrior(m, width=10, heads=4), "a multiple of `heads`"),
    ],
)  # fmt: skip
def test_bad_input(call, sentence):
    with pytest.raises((ValueError, NotImplementedError), match=sentence):
        call(fsq())


# === CodePrior ===


@pytest.fixture(scope="module")
def prior():
    """A prior of four codes of nine, with weights that say something."""
    keras.utils.set_random_seed(0)
    model = kg.CodePrior(fsq(), num_classes=2, width=8, depth=2, heads=2)
    for weight in model.transformer.trainable_weights:
        weight.assign(rng.standard_normal(weight.shape) * 0.5)
    return model


def test_a_code_depends_on_those_before_it_only(prior):
    codes, classes = rng.integers(9, size=(1, 4)), np.array([1], "int32")
    logits = np.array(prior.transformer(codes, classes))
    for place in range(4):
        other = codes.copy()
        other[0, place] = (other[0, place] + 1) % 9
        differs = np.abs(np.array(prior.transformer(other, classes)) - logits).max(axis=(0, 2)) > 1e-6
        np.testing.assert_array_equal(differs, np.arange(4) > place)
    assert np.abs(np.array(prior.transformer(codes, np.array([0]))) - logits).max() > 1e-3


def test_probabilities_of_all_codes_sum_to_one(prior):
    codes = np.array(list(itertools.product(range(9), repeat=4)), "int32")
    for labels in (None, np.zeros(len(codes), "int32")):
        log_p = np.array(prior._log_p(tf.constant(codes), labels)).sum(axis=1)
        np.testing.assert_allclose(np.exp(log_p).sum(), 1, rtol=1e-4)


def test_places_one_by_one_are_those_at_once(prior):
    codes, classes = rng.integers(9, size=(3, 4)).astype("int32"), np.array([0, 1, 2], "int32")
    whole, cache = prior.transformer(codes, classes), prior.transformer.start(3)
    for place in range(4):
        logits, cache = prior.transformer.step(codes[:, max(0, place - 1)], place, classes, cache)
        np.testing.assert_allclose(logits, whole[:, place], atol=1e-4)


def test_draws_are_as_frequent_as_they_are_probable(prior):
    drawn = prior.sample_codes(4000, labels=np.ones(4000, "int64"), seed=1).reshape(-1, 4)
    first = np.array(tf.nn.softmax(prior.transformer(drawn[:1], np.array([1]))[0, 0]))
    np.testing.assert_allclose(np.bincount(drawn[:, 0], minlength=9) / 4000, first, atol=0.03)
    seen = drawn[drawn[:, 0] == first.argmax()]
    second = np.array(tf.nn.softmax(prior.transformer(seen[:1], np.array([1]))[0, 1]))
    np.testing.assert_allclose(np.bincount(seen[:, 1], minlength=9) / len(seen), second, atol=0.06)
    cold = prior.sample_codes(50, labels=np.ones(50, "int64"), seed=1, temperature=1e-3)
    assert len(np.unique(cold.reshape(50, -1), axis=0)) == 1, "without temperature the likeliest code is drawn"


def test_labels_count_and_are_hidden_in_training(prior):
    scores = [prior.score(IMAGES, labels=label) for label in (0, 1, -1)]
    assert all(np.any(a != b) for a, b in itertools.combinations(scores, 2))
    np.testing.assert_array_equal(scores[2], prior.score(IMAGES))
    assert np.any(prior.sample(4, labels=0, seed=1) != prior.sample(4, labels=1, seed=1))
    unknown = prior.sample_codes(4, labels=None, seed=1)
    np.testing.assert_array_equal(prior.sample(4, labels=-1, seed=1), prior.decode(unknown))
    with mock.patch.object(distribution, "uniform", lambda shape, key: tf.zeros(shape)):
        hidden = prior.terms(tf.constant(IMAGES), tf.constant(SOME_LABELS), training=True)["code_loss"]
    np.testing.assert_allclose(hidden, -scores[2], rtol=1e-5)
    prior.compile()
    with pytest.raises(ValueError, match=r"fit\(images, labels\). Received: no labels"):
        prior.fit(IMAGES)


def test_vqvae_of_a_prior_is_a_copy_that_stays():
    vqvae = fsq()
    model = kg.CodePrior(vqvae, width=4, depth=1, heads=1)
    vqvae.to_code.kernel.assign_add(np.ones(vqvae.to_code.kernel.shape))
    assert not np.array_equal(model.vqvae.to_code.kernel, vqvae.to_code.kernel)
    assert not model.vqvae.trainable_weights


# === Coding ===


def test_symbols_come_back_from_as_few_bits_as_they_are_worth():
    for trial in range(60):
        count, symbols = int(rng.integers(2, 300)), int(rng.integers(0, 200))
        p = rng.dirichlet(np.full(count, rng.choice([0.01, 0.3, 10])), size=symbols)
        message = [int(rng.integers(count) if trial % 3 == 0 else row.argmax()) for row in p]
        shares = coding.edges(p).tolist()
        encoder = coding.Encoder()
        for symbol, each in zip(message, shares, strict=True):
            encoder.write(symbol, each)
        data = encoder.finish()
        decoder = coding.Decoder(data)
        assert [decoder.read(each) for each in shares] == message
        bits = sum(-math.log2((e[s + 1] - e[s]) / coding.TOTAL) for s, e in zip(message, shares, strict=True))
        assert bits - 1e-3 <= 8 * len(data) <= bits + 9


def test_edges_leave_no_symbol_out():
    shares = np.diff(coding.edges([[0.0, 1.0, 0.0], [1 / 3, 1 / 3, 1 / 3]]))
    assert shares.min() >= 1
    np.testing.assert_array_equal(shares.sum(axis=1), [2**24, 2**24])
    np.testing.assert_allclose(shares[1] / 2**24, 1 / 3, atol=1e-6)


def test_files_of_a_prior_have_the_size_of_its_bits(prior, tmp_path):
    images = np.concatenate([IMAGES[:, ::-1], IMAGES] * 40)[:1150]
    codes = prior.encode(images)
    data = prior.codes_to_bytes(codes)
    np.testing.assert_array_equal(prior.codes_from_bytes(data, len(codes)), codes)
    bits = -prior.score(images).sum() / math.log(2)
    assert abs(8 * len(data) - bits) < 0.01 * bits, (8 * len(data), bits)
    assert len(prior.vqvae.codes_to_bytes(codes)) == math.ceil(codes.size * math.log2(9) / 8)
    for model in (prior, prior.vqvae):
        path = compression.compress(model, images[:70], tmp_path / "codes")
        np.testing.assert_array_equal(compression.decompress(model, path), model.reconstruct(images[:70]))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match="a whole one|whole file"):
        compression.decompress(model, path)
    assert compression.compare(prior, images[:70])[0]["setting"] == "9 codes"
