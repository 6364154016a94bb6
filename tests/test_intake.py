"""What a user may give `fit`, `evaluate`, `predict` and the abilities, and what is refused. 25 s in one process."""

import functools

import keras
import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf
from zoo import IMAGES, LABELS, SHAPE, VECTORS, ZOO, dense

import keras_gen as kg

CASES = {case.name: case for case in ZOO}
X = IMAGES[:12]
FLAT = X.reshape(12, -1)
TABLE = VECTORS[:12]


class Sequence(keras.utils.PyDataset):
    """Batches of four, in two threads."""

    def __init__(self, *parts):
        super().__init__(workers=2)
        self.parts, self.epochs = parts, []

    def __len__(self):
        return 3

    def __getitem__(self, index):
        batch = tuple(part[4 * index : 4 * index + 4] for part in self.parts)
        return batch if len(batch) > 1 else batch[0]

    def on_epoch_end(self):
        self.epochs.append("end")


def generator(*parts, epochs=2):
    for _ in range(epochs):
        yield from (Sequence(*parts)[i] for i in range(3))


def dataset(*parts):
    return tf.data.Dataset.from_tensor_slices(parts if len(parts) > 1 else parts[0]).batch(4)


def frame(x):
    return pytest.importorskip("pandas").DataFrame(x)


def weights_after(model, x, y=None, **options):
    """The weights of two epochs of SGD on batches of four, in their order."""
    batched = not hasattr(x, "shape") and not isinstance(x, list)
    model.fit(x, y, epochs=2, shuffle=False, verbose=0, **({} if batched else {"batch_size": 4}), **options)
    return model.get_weights()


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def autoencoder(shape=SHAPE, **arguments):
    """The same model each time, as it was when it was new: its step is traced once."""
    model, weights = _autoencoder(shape, **arguments)
    model.set_weights(weights)
    return model


@functools.cache
def _autoencoder(shape, **arguments):
    keras.utils.set_random_seed(0)
    model = kg.Autoencoder(shape, 3, **({"encoder": "dense", "decoder": "dense"} | arguments))
    model.compile(keras.optimizers.SGD(0.01), jit_compile=False, steps_per_execution=1)
    return model, model.get_weights()


WAYS = {
    "float64": lambda: (X.astype("float64"), {}),
    "tensor": lambda: (tf.constant(X), {}),
    "list of images": lambda: (list(X), {}),
    "nested lists": lambda: (X.tolist(), {}),
    "dataset": lambda: (dataset(X), {}),
    "dataset of float64": lambda: (dataset(X.astype("float64")), {}),
    "dataset with labels": lambda: (dataset(X, LABELS[:12]), {}),
    "endless dataset": lambda: (dataset(X).repeat(), {"steps_per_epoch": 3}),
    "PyDataset": lambda: (Sequence(X), {}),
    "generator": lambda: (generator(X), {"steps_per_epoch": 3}),
    "generator of float64": lambda: (generator(X.astype("float64")), {"steps_per_epoch": 3}),
    "iterable": lambda: ([[*range(0)]] and _Batches(X), {}),
}


class _Batches:
    """Something that can be iterated as often as one likes, such as a loader of PyTorch."""

    def __init__(self, x):
        self.x = x

    def __iter__(self):
        return generator(self.x, epochs=1)

    def __len__(self):
        return 3


def test_the_same_data_end_in_the_same_weights():
    expected = weights_after(autoencoder(), X)
    for way, make in WAYS.items():
        x, options = make()
        try:
            assert_same(weights_after(autoencoder(), x, **options), expected)
        except Exception as error:
            raise AssertionError(way) from error


def test_one_batch_may_be_a_tensor():
    def weights_after_one(batch):
        model = autoencoder()
        model.train_on_batch(batch)
        return model.get_weights()

    assert_same(weights_after_one(tf.constant(X)), weights_after_one(X))
    assert_same([autoencoder().predict_on_batch(tf.constant(X))], [autoencoder().predict_on_batch(X)])


def test_tables_of_every_kind_end_in_the_same_weights():
    def model():
        return autoencoder(TABLE.shape[1:], likelihood="gaussian")

    expected = weights_after(model(), TABLE)
    for x in (frame(TABLE), scipy.sparse.csr_matrix(TABLE), scipy.sparse.coo_array(TABLE), dataset(TABLE)):
        assert_same(weights_after(model(), x), expected)
    assert_same([model().encode(scipy.sparse.csr_matrix(TABLE))], [model().encode(TABLE)])


def test_gray_levels_are_scaled_as_kg_data_does():
    levels = np.rint(X * 255).astype("uint8")
    expected = weights_after(autoencoder(), levels / np.float32(255))
    for x in (levels, dataset(levels), Sequence(levels)):
        assert_same(weights_after(autoencoder(), x), expected)
    model = autoencoder()
    for ability in (model.encode, model.reconstruct, model.predict, lambda x: model.encode(dataset(x))):
        np.testing.assert_allclose(ability(levels), ability(levels / np.float32(255)), rtol=1e-5, atol=1e-6)


def test_half_precision_is_taken_as_it_is():
    half = X.astype("float16")
    assert_same(weights_after(autoencoder(), half), weights_after(autoencoder(), half.astype("float32")))


@pytest.mark.parametrize("kind", ["bool", "int8", "int64", "uint8"])
def test_binary_units_and_vectors_take_bools_and_whole_numbers(kind):
    bits = (FLAT > 0.5).astype(kind)
    keras.utils.set_random_seed(0)
    machines = [kg.RBM(FLAT.shape[1:], 4) for _ in range(2)]
    for machine in machines:
        machine.compile(keras.optimizers.SGD(0.01), jit_compile=False)
        machine.set_weights(machines[0].get_weights())
    assert_same(weights_after(machines[0], bits), weights_after(machines[1], bits.astype("float32")))


LABEL_KINDS = {
    "uint8": LABELS[:12].astype("uint8"),
    "int32": LABELS[:12].astype("int32"),
    "column": LABELS[:12, None],
    "one-hot": np.eye(2)[LABELS[:12]],
    "one-hot of bools": np.eye(2, dtype=bool)[LABELS[:12]],
    "list": LABELS[:12].tolist(),
    "tensor": tf.constant(LABELS[:12]),
}


def test_labels_of_every_kind_end_in_the_same_weights():
    model = CASES["conditional_vae"].model()
    start = model.get_weights()
    expected = weights_after(model, X, LABELS[:12])
    given = [(X, labels) for labels in LABEL_KINDS.values()]
    given += [(dataset(X, labels),) for labels in LABEL_KINDS.values() if not isinstance(labels, list)]
    for data in (*given, (Sequence(X, LABELS[:12]),), (dataset(X, LABELS[:12, None]),)):
        model.set_weights(start)
        assert_same(weights_after(model, *data), expected)


WRONG_LABELS = [
    (np.array(["cat", "dog"] * 6), "Number them: `names, labels = np.unique.*Received: .'cat', 'dog'"),
    (LABELS[:12] + 1, "Labels that begin at 1 become these by `labels - 1`. Received: labels from 1 to 2"),
    (LABELS[:12] - 1, "from 0 to 1. Received: labels from -1 to 0"),
    (LABELS[:12] * 0.5, "Received: labels of shape .12,., float64"),
    (np.ones((12, 2)), "one-hot rows each must hold one 1"),
    (LABELS[:11], "as many labels as examples. Received: 11 labels, 12 examples"),
    (None, "Received: no labels"),
]


@pytest.mark.parametrize(("labels", "sentence"), WRONG_LABELS)
def test_wrong_labels_are_refused(labels, sentence):
    model = CASES["conditional_vae"].model()
    with pytest.raises(ValueError, match=sentence):
        model.fit(X, labels, verbose=0)
    if labels is not None and len(labels) == 12:
        with pytest.raises(ValueError, match=sentence.split("Received")[0]):
            model.fit(dataset(X, labels), verbose=0)


def spoiled(value, x=X):
    x = x.copy()
    x[9].flat[3] = value
    return x


@pytest.mark.parametrize("way", [lambda x: x, dataset, Sequence, lambda x: generator(x, epochs=1), _Batches])
@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (np.nan, "finite numbers.*example"),
        (np.inf, "finite numbers"),
        (1.5, r"values in .0, 1.: divide by 255, or give uint8. Received: values in .*1.5"),
    ],
)
def test_values_are_refused_on_whatever_batch_they_come(way, value, sentence):
    """The third batch of three holds it."""
    model = autoencoder()
    with pytest.raises(ValueError, match=sentence):
        model.fit(way(spoiled(value)), batch_size=None, verbose=0)
    if not isinstance(way(X), type(generator(X))):
        with pytest.raises(ValueError, match=sentence):
            model.evaluate(way(spoiled(value)), verbose=0)
        with pytest.raises(ValueError, match=sentence):
            model.encode(way(spoiled(value)))


@pytest.mark.parametrize("case", {case.cls: case for case in reversed(ZOO)}.values(), ids=lambda case: case.name)
def test_no_model_takes_what_is_not_finite(case):
    """Tables too: one such number used to train every weight to NaN without a word."""
    model, (x, y) = case.model(run_eagerly=True), case.pair(12)
    bad = np.array(x, copy=True)
    bad[9].flat[0] = np.nan
    before = model.get_weights()
    for given in ((bad, y), (dataset(bad) if y is None else dataset(bad, y), None)):
        with pytest.raises(ValueError, match="finite numbers: neither NaN nor infinite"):
            model.fit(*given, batch_size=None, shuffle=False, verbose=0)
    with pytest.raises(ValueError, match="finite numbers"):
        model.train_on_batch(bad, y)
    if not isinstance(model.trainable, bool) or not model.get_weights():
        assert before
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


REFUSED = [
    (lambda: None, "`x` must be an array.*Received: x=None"),
    (lambda: "digits", "`x` must be an array.*Received: str"),
    (lambda: {"x": X}, "`x` must be an array.*Received: dict"),
    (lambda: 5, "`x` must be an array.*Received: int"),
    (lambda: (X,), "beside them, as fit.x, y.. Received: a tuple of 1"),
    (lambda: (X, LABELS[:12]), "beside them, as fit.x, y.. Received: a tuple of 2"),
    (lambda: X[:0], "at least one example. Received: none"),
    (lambda: [], "takes data of shape"),
    (lambda: [[1.0, 2.0], [3.0]], "parts of unequal shapes"),
    (lambda: X[:, 1:, :, 0], r"takes data of shape.*Received: shape=\(12, 7, 8\)"),
    (lambda: X[0], r"images\[None\].*Received: shape=\(8, 8, 1\)"),
    (lambda: X.astype("complex64"), "real numbers. Received: values of complex64"),
    (lambda: X.astype(str), "real numbers. Received: values of <U"),
    (lambda: X.astype(object), "real numbers. Received: values of object"),
    (lambda: np.ma.array(X, mask=X > 0.5), "masked values"),
    (lambda: (X > 0.5).astype("uint8"), "astype.bool.*Received: uint8 values of 0 and 1 only"),
    (lambda: (X * 255).astype("int64"), r"values in \[0, 1\]"),
    (lambda: dataset(X[:, 1:, :, 0]), "takes data of shape"),
    (lambda: dataset(X.astype(str)), "real numbers|not complex"),
    (lambda: dataset(X).take(0), "at least one example"),
    (lambda: dataset(X).repeat(), "`steps_per_epoch` must be given for data that never end"),
    (lambda: dataset(X, LABELS[:12], LABELS[:12]), "weighs every example alike"),
    (lambda: dataset(X).map(lambda x: {"x": x}), "must give x or .x, y. in batches"),
    (lambda: iter([]), "at least one batch. Received: an empty iterable"),
    (lambda: iter([{"x": X}]), "Batches must be x or .x, y."),
]


@pytest.mark.parametrize(("make", "sentence"), REFUSED, ids=[sentence[:30] for _, sentence in REFUSED])
def test_what_is_no_data_is_refused_with_a_sentence(make, sentence):
    model = autoencoder()
    with pytest.raises(ValueError, match=sentence):
        model.fit(make(), verbose=0)


def test_targets_that_would_have_no_effect_are_refused():
    for model in (autoencoder(), CASES["vae"].model(), CASES["denoising"].model()):
        model.fit(X, X, verbose=0)
        model.fit(dataset(X, X), verbose=0)
        for given in ((X, X * 0.5), (dataset(X, X * 0.5), None)):
            with pytest.raises(ValueError, match="use DenoisingAutoencoder.corruption='given'. or Pix2Pix"):
                model.fit(*given, verbose=0)


def test_the_last_examples_are_held_out():
    history = autoencoder().fit(X, validation_split=0.25, shuffle=False, verbose=0).history
    expected = autoencoder().fit(X[:9], validation_data=X[9:], shuffle=False, verbose=0).history
    assert history == expected
    for share, sentence in ((0.999, "leave examples"), (1.0, "be a number"), (-1, "be a number"), (2, "be a number")):
        with pytest.raises(ValueError, match=f"`validation_split` must {sentence}"):
            autoencoder().fit(X, validation_split=share, verbose=0)
    with pytest.raises(ValueError, match="`validation_split` is for arrays; give validation_data"):
        autoencoder().fit(dataset(X), validation_split=0.5, verbose=0)


def test_validation_data_are_taken_in_as_training_data_are():
    expected = autoencoder().fit(X, validation_data=X, verbose=0).history
    for held_out in (X.tolist(), dataset(X), Sequence(X), tf.constant(X), (X, None)):
        history = autoencoder().fit(X, validation_data=held_out, verbose=0).history
        np.testing.assert_allclose(history["val_loss"], expected["val_loss"], rtol=1e-5)
    with pytest.raises(ValueError, match="finite"):
        autoencoder().fit(X, validation_data=spoiled(np.nan), verbose=0)


# === Epochs ===


def orders(model, data, epochs, **options):
    """The first values of the examples in the order in which each epoch gives them."""
    seen = []

    class Seen(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            seen.append(None)

    model.fit(data, epochs=epochs, callbacks=[Seen()], verbose=0, **options)
    return seen


def test_looking_at_a_dataset_changes_nothing():
    def trained(looks):
        data = kg.data.load("digits", limit=60, batch_size=20)
        for _ in range(looks):
            next(iter(data))
        return weights_after(autoencoder(), data)

    assert_same(trained(0), trained(1))
    assert_same(trained(0), trained(3))


@pytest.mark.parametrize(
    "make", [lambda: kg.data.load("digits", limit=60, batch_size=20), lambda: FLAT.reshape(12, 8, 8, 1)]
)
def test_the_order_of_an_epoch_is_a_function_of_seed_and_epoch(make):
    """Four epochs at once are two and two, and one after the other."""

    def trained(*parts):
        model, begun = autoencoder(), 0
        for epochs in parts:
            model.fit(make(), batch_size=None, epochs=begun + epochs, initial_epoch=begun, verbose=0)
            begun += epochs
        return model.get_weights()

    assert_same(trained(4), trained(2, 2))
    model = autoencoder()
    for _ in range(4):
        model.fit(make(), batch_size=None, verbose=0)  # which does not say how many epochs are over: the steps do
    assert_same(trained(4), model.get_weights())


def test_epochs_differ_and_repeated_passes_too():
    data = kg.data.load("digits", limit=60, batch_size=60)
    seen = []

    class Model(keras.Model):
        def train_step(self, batch):
            return {"first": batch[0, 3, 3, 0] + batch[1, 3, 4, 0] * 10}

    def firsts(dataset, callbacks, **options):
        model = Model()
        model.compile(jit_compile=False)
        return model.fit(dataset, callbacks=callbacks, shuffle=False, verbose=0, **options).history["first"]

    alone = firsts(data, [kg.data.EpochClock()], epochs=3)
    assert len(set(alone)) == 3
    endless = firsts(data.repeat(), [kg.data.EpochClock(is_endless=True)], epochs=3, steps_per_epoch=1)
    assert endless == alone
    with kg.data.epoch(2):
        assert firsts(data, []) == alone[2:]
    assert not seen


def test_a_training_that_breaks_off_leaves_the_clock_as_it_was():
    data = kg.data.load("digits", limit=60, batch_size=20)
    before = kg.data.stack(data)
    model = autoencoder()

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.fit(data, epochs=5, callbacks=[Stop()], verbose=0)
    np.testing.assert_array_equal(kg.data.stack(data), before)


def test_a_py_dataset_is_told_of_epochs_and_shuffled():
    data = Sequence(X)
    model = autoencoder()
    model.fit(data, epochs=3, verbose=0)
    assert data.epochs == ["end"] * 3
    in_order = weights_after(autoencoder(), Sequence(X))
    assert (
        any(np.any(a != b) for a, b in zip(in_order, weights_after(autoencoder(), Sequence(X)), strict=True)) is False
    )
    shuffled = autoencoder()
    shuffled.fit(Sequence(X), epochs=2, verbose=0)
    assert any(np.any(a != b) for a, b in zip(in_order, shuffled.get_weights(), strict=True))


def test_gradients_flow_back_to_variables():
    model = CASES["vae"].model()
    z, x = tf.Variable(np.zeros((2, model.latent_dim), "float32")), tf.Variable(X[:2])
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model.decode(z)) + tf.reduce_sum(model.encode(x))
    assert all(gradient is not None for gradient in tape.gradient(total, [z, x]))


def test_codes_are_checked():
    model = CASES["vae"].model()
    size = model.latent_dim
    for codes in (np.full((2, size), np.nan), np.zeros((2, size + 1)), np.zeros(size), np.zeros((2, size), complex)):
        with pytest.raises(ValueError, match="VAE.decode takes"):
            model.decode(codes)
    assert model.decode(np.zeros((2, size), int)).shape == (2, *SHAPE)
    assert dense
