"""Walks through codes: where they lead, what they hold, and how they are written."""

import numpy as np
import pytest
from PIL import Image
from zoo import IMAGES, SHAPE, dense

import keras_gen as kg

MODEL = kg.VAE(SHAPE, 3, **dense(3))


class Plane:
    """A model whose images are its codes."""

    data_shape = (2,)
    latent_dim = 2
    has_normal_prior = True
    num_codes = None
    encode = staticmethod(lambda x: np.asarray(x))
    decode = staticmethod(lambda z: np.asarray(z))


@pytest.mark.parametrize("mode", ["linear", "spherical"])
def test_interpolation_arrives(mode):
    walks = kg.tasks.interpolate(MODEL, IMAGES[:3], IMAGES[3:6], steps=5, mode=mode)
    assert walks.shape == (3, 5, 8, 8, 1)
    np.testing.assert_allclose(walks[:, 0], MODEL.reconstruct(IMAGES[:3]), atol=1e-5)
    np.testing.assert_allclose(walks[:, -1], MODEL.reconstruct(IMAGES[3:6]), atol=1e-5)
    assert walks.provenance["model"] == "VAE"
    for wrong in ({"steps": 1}, {"mode": "curly"}):
        with pytest.raises(ValueError, match="Received"):
            kg.tasks.interpolate(MODEL, IMAGES[:1], IMAGES[1:2], **wrong)


def test_spherical_walks_keep_the_length():
    a, b = np.float32([[3, 0], [1, 1]]), np.float32([[0, 3], [1, 1]])
    walks = kg.tasks.interpolate(Plane, a, b, steps=7, mode="spherical")
    np.testing.assert_allclose(np.linalg.norm(walks[0], axis=-1), 3, rtol=1e-5)
    np.testing.assert_allclose(walks[1], 1, rtol=1e-5)  # from a point to itself


def test_the_manifold_is_of_two_dimensions():
    two = kg.VAE((8, 8, 1), 2)
    assert kg.tasks.manifold(two, size=3).shape == (9, 8, 8, 1)
    np.testing.assert_allclose(kg.tasks.manifold(two, size=3)[4], two.decode(np.zeros((1, 2), "float32"))[0], rtol=1e-5)
    with pytest.raises(ValueError, match="latent_dim=3"):
        kg.tasks.manifold(MODEL)


def test_a_traversal_holds_the_other_units():
    walks = kg.tasks.traverse(Plane, np.float32([0.5, -1.0]), steps=3, extent=2.0)
    np.testing.assert_allclose(walks[0], [[-2, -1], [0, -1], [2, -1]])
    np.testing.assert_allclose(walks[1], [[0.5, -2], [0.5, 0], [0.5, 2]])
    np.testing.assert_allclose(kg.tasks.traverse(Plane, units=[1], steps=2, extent=1.0), [[[0, -1], [0, 1]]])
    with pytest.raises(ValueError, match="0 to 2.*Received: units=\\[3\\]"):
        kg.tasks.traverse(MODEL, units=[3])


def test_random_walks_stay_draws_of_the_prior():
    walks = kg.tasks.random_walk(Plane, walks=4_000, steps=6, step_size=0.6, seed=1)
    np.testing.assert_allclose(walks.std(axis=0), 1.0, atol=0.05)
    neighbours = np.mean(walks[:, 1:] * walks[:, :-1])
    assert neighbours == pytest.approx(np.sqrt(1 - 0.6**2), abs=0.02)
    np.testing.assert_array_equal(walks, kg.tasks.random_walk(Plane, 4_000, 6, 0.6, seed=1))
    assert kg.tasks.random_walk(MODEL, 2, 3, seed=5).provenance["seed"] == 5
    for wrong in (0.0, 1.5):
        with pytest.raises(ValueError, match="step_size"):
            kg.tasks.random_walk(MODEL, step_size=wrong)


def test_walks_that_the_codes_do_not_suit():
    plain = kg.Autoencoder(SHAPE, 2, **dense(2))
    for walk in (kg.tasks.random_walk, kg.tasks.manifold):
        with pytest.warns(UserWarning, match="codes of this Autoencoder are not distributed.*CodeSampler"):
            walk(plain)
    codeless = kg.ConditionalVAE(SHAPE, 0, num_classes=2)
    for walk in (
        lambda: kg.tasks.random_walk(codeless),
        lambda: kg.tasks.traverse(codeless, labels=1),
        lambda: kg.tasks.interpolate(codeless, IMAGES[:1], IMAGES[:1], labels=1),
        lambda: kg.tasks.CodeSampler(codeless).fit(IMAGES),
    ):
        with pytest.raises(ValueError, match="needs .*codes.*Received: ConditionalVAE of latent_dim=0"):
            walk()
    with pytest.raises(ValueError, match="must have one shape. Received"):
        kg.tasks.interpolate(MODEL, IMAGES[:2], IMAGES[:3])
    conditional = kg.ConditionalVAE(SHAPE, 2, num_classes=2)
    assert kg.tasks.random_walk(conditional, 3, 4, labels=1).shape == (3, 4, *SHAPE)


def test_an_attribute_vector_is_the_difference_of_the_means():
    with_it, without_it = np.float32([[3, 1], [5, 1]]), np.float32([[1, 0], [1, 2]])
    vector = kg.tasks.attribute_vector(Plane, with_it, without_it)
    np.testing.assert_allclose(vector.vector, [3, 0])
    np.testing.assert_allclose(vector.apply(without_it), without_it + np.float32([3, 0]))
    np.testing.assert_allclose(vector.apply(without_it, [0, -2])[:, 1], without_it - np.float32([6, 0]))
    assert kg.tasks.attribute_vector(MODEL, IMAGES[:4], IMAGES[4:]).apply(IMAGES[:3], [0, 1]).shape == (3, 2, *SHAPE)


def test_a_code_sampler_draws_what_the_codes_are_like():
    rng = np.random.default_rng(0)
    codes = np.concatenate([rng.normal([4, 0], [0.1, 1], (500, 2)), rng.normal([-4, 1], 0.5, (500, 2))])

    class Marked(Plane):
        decode = staticmethod(lambda z: kg.core.provenance.GeneratedImages(z, {}))

    sampler = kg.tasks.CodeSampler(Marked, components=2).fit(codes.astype("float32"))
    drawn = sampler.sample(4_000, seed=1)
    np.testing.assert_allclose(drawn.mean(0), codes.mean(0), atol=0.15)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(codes.T), atol=0.4)
    np.testing.assert_array_equal(drawn, sampler.sample(4_000, seed=1))
    assert drawn.provenance["seed"] == 1
    with pytest.raises(ValueError, match="call `fit` first"):
        kg.tasks.CodeSampler(MODEL).sample(2)
    with pytest.raises(ValueError, match="at least .* images.*Received: 3"):
        kg.tasks.CodeSampler(MODEL).fit(IMAGES[:3])


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_animations_move_and_say_what_made_them(tmp_path, ending):
    path = tmp_path / f"walk.{ending}"
    kg.tasks.random_walk(MODEL, walks=2, steps=4, step_size=0.9, seed=1, path=path)
    with Image.open(path) as animation:
        assert animation.n_frames == 4 + 2  # there and back
        first = np.asarray(animation.convert("L"), "float32")
        animation.seek(3)
        assert np.abs(np.asarray(animation.convert("L"), "float32") - first).max() > 1
    made_by = kg.images.provenance(path)
    assert made_by["digital_source_type"] == "trainedAlgorithmicMedia"
    assert (made_by["model"], made_by["seed"]) == ("VAE", 1)


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_animations_of_no_model_are_not_marked(tmp_path, ending):
    path = kg.images.save_animation(np.random.default_rng(0).random((1, 3, 8, 8, 1)), tmp_path / f"noise.{ending}")
    assert kg.images.provenance(path) is None
    with pytest.raises(ValueError, match=".gif or .webp"):
        kg.images.save_animation(np.zeros((1, 3, 8, 8, 1)), tmp_path / "walk.mp4")
    with pytest.raises(ValueError, match=r"`walks` must lie in \[0, 1\]"):
        kg.images.save_animation(np.full((1, 3, 8, 8, 1), 1.7), tmp_path / "walk.gif")
    with pytest.raises(ValueError, match="Received: shape"):
        kg.images.save_animation(np.zeros((3, 8, 8, 1)), tmp_path / "walk.gif")
