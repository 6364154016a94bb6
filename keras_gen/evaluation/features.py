"""Features of images that fidelity is measured on: those of a classifier of the dataset's own labels."""

import keras
import numpy as np

from keras_gen.core import check_whole
from keras_gen.core.epochs import EpochClock, batches

FEATURES = 64
BATCH = 500


class Features:
    """Features of a classifier, and its predictions. Metrics on them carry its name.

    Args:
        classifier: a `keras.Model` from images to probabilities of classes, of which the last layer but one gives the
            features; or use `classifier_features` to train one.
        name: what the features are, for reports.
    """

    def __init__(self, classifier, name):
        self.name = name
        self.num_classes = classifier.outputs[0].shape[-1]
        self.data_shape = tuple(classifier.inputs[0].shape[1:])
        self._both = keras.Model(classifier.inputs, [classifier.layers[-2].output, classifier.outputs[0]])

    def __call__(self, images):
        """(N, H, W, C) in [0, 1] -> (N, D)."""
        return self._of(images)[0]

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """(N, H, W, C) in [0, 1] -> (N, K)."""
        return self._of(images)[1]

    def _of(self, images):
        images = np.asarray(images, "float32")
        if images.shape[1:] != self.data_shape:
            raise ValueError(f"Images must be {self.data_shape} for the {self.name}. Received: shape={images.shape}")
        return self._both.predict(batches((images,), BATCH), verbose=0)


def classifier_features(
    images: np.ndarray, labels: np.ndarray, epochs: int = 4, seed: int = 0, verbose: int = 1
) -> Features:
    """`Features` of a small convolutional classifier that is trained on given images and labels.

    It is no Inception network: its distances are neither KID nor FID, and compare only with metrics on the same
    features. Differences that do not help to classify hardly count.

    Args:
        images: (N, H, W, C) in [0, 1]; a tenth of them is held out.
        labels: (N,) ints from 0.
        epochs: of training.
        seed: of weights and order.
        verbose: 1 for Keras' progress bar.

    Returns:
        `Features`, of which the name tells the held-out accuracy.

    Raises:
        ValueError: if there are no labels, of two classes at least, or not one for each image.
    """
    check_whole(1, epochs=epochs)
    images = np.asarray(images, "float32")
    if labels is None:
        raise ValueError("`labels` must be given: the features are those of a classifier. Received: labels=None")
    labels = np.asarray(labels)
    if images.ndim != 4 or labels.shape != images.shape[:1] or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise ValueError(
            "The classifier needs images (N, H, W, C) and a label from 0 for each. "
            f"Received: images.shape={images.shape}, labels of {labels.dtype}, shape={labels.shape}"
        )
    classes = int(labels.max()) + 1
    if len(np.unique(labels)) < 2:
        raise ValueError(f"Labels must be of two classes or more. Received: labels of {np.unique(labels)} alone")
    order = np.random.default_rng(seed).permutation(len(images))
    held_out, train = np.split(order, [max(1, len(order) // 10)])
    classifier = _classifier(images.shape[1:], classes, seed)
    classifier.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    # Keras shuffles by its own generator; in the order of a seed the features are the same each time.
    dataset = batches((images[train], labels[train]), 128, seed)
    classifier.fit(dataset, epochs=epochs, shuffle=False, verbose=verbose, callbacks=[EpochClock()])
    asked = batches((images[held_out], labels[held_out]), BATCH)
    accuracy = classifier.evaluate(asked, verbose=0, return_dict=True)
    name = f"{FEATURES} features of a classifier of {classes} classes, held-out accuracy {accuracy['accuracy']:.2%}"
    return Features(classifier, name)


def _classifier(shape, classes, seed):
    seeds = iter(range(seed, seed + 10))

    def initial():
        return keras.initializers.GlorotUniform(next(seeds))

    def convolution(filters):
        return keras.layers.Conv2D(filters, 3, 2, "same", activation="relu", kernel_initializer=initial())

    return keras.Sequential(
        [
            keras.Input(shape),
            convolution(32),
            convolution(64),
            keras.layers.Flatten(),
            keras.layers.Dense(FEATURES, activation="relu", kernel_initializer=initial()),
            keras.layers.Dense(classes, activation="softmax", kernel_initializer=initial()),
        ]
    )
