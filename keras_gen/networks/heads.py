"""Heads: what a model puts on a body."""

import math

import keras
import numpy as np
from keras import layers

from keras_gen.layers import SpectralDense, TableOutput, TiedDense, bounded_log_variance
from keras_gen.table.spec import TableSpec


def code_head(body: keras.Model, latent_dim: int, activation: str = "linear") -> keras.layers.Dense:
    """A built dense layer from features to codes, in float32 whatever the policy. (F,) -> (latent_dim,)."""
    head = layers.Dense(latent_dim, activation, dtype="float32", name="code")
    head.build(body.output_shape)
    return head


def cluster_head(body: keras.Model, num_clusters: int, spread: float = 2.0) -> keras.Model:
    """Logits of clusters, each normalised over the batch: none wins or dies at the start. (F,) -> (num_clusters,).

    A built model, in float32 whatever the policy.

    Args:
        body: what makes the features.
        num_clusters: how many.
        spread: standard deviation of each logit. One of K that answers 1 / K of the images can reach spread * sqrt(K).
    """
    features = keras.Input(body.output_shape[1:], name="features")
    x = layers.Dense(num_clusters, use_bias=False, dtype="float32", name="logits")(features)
    x = layers.BatchNormalization(
        momentum=0.9, center=False, scale=False, synchronized=True, dtype="float32", name="norm"
    )(x)
    return keras.Model(features, layers.Rescaling(spread, dtype="float32", name="spread")(x), name="cluster_head")


def critic_head(
    body: keras.Model, num_classes: int = 0, use_bias: bool = True, spectral_norm: bool = False
) -> keras.Model:
    """The value that a critic gives features, in float32 whatever the policy. A built model, (F,) -> (1,).

    With classes, [(F,), one-hot (num_classes,)] -> (1,): to the value that all classes share, the inner product of
    the features with a vector of the class is added (Miyato and Koyama 2018, equation 4). Here it is divided by sqrt(F)
    and begins at 0: Adam moves all F entries at once, and without the spectral normalisation of the paper such a critic
    wins within an epoch of MNIST. It is not normalised: its matrix begins at 0.
    """
    inputs = features = keras.Input(body.output_shape[1:], name="features")
    dense = SpectralDense if spectral_norm else layers.Dense
    value = dense(1, use_bias=use_bias, dtype="float32", name="value")(features)
    if num_classes:
        inputs = [inputs, keras.Input((num_classes,), name="label")]
        size = features.shape[-1]
        of_class = layers.Dense(size, use_bias=False, kernel_initializer="zeros", dtype="float32", name="of_class")
        product = layers.Dot(axes=-1, dtype="float32", name="product")([features, of_class(inputs[1])])
        product = layers.Rescaling(size**-0.5, dtype="float32", name="projection")(product)
        value = layers.Add(dtype="float32", name="sum")([value, product])
    return keras.Model(inputs, value, name="critic_head")


def gaussian_head(body: keras.Model, latent_dim: int, num_given: int = 0) -> keras.Model:
    """Mean and bounded log variance of a normal posterior. A built model, (F,) -> two of (latent_dim,).

    With `num_given` numbers besides, such as a label, [(F,), (num_given,)] are joined by one more layer of F units.
    """
    inputs = x = keras.Input(body.output_shape[1:], name="features")
    if num_given:
        inputs = [inputs, keras.Input((num_given,), name="given")]
        x = layers.Dense(x.shape[-1], "relu", name="joint")(layers.Concatenate(name="join")(inputs))
    mean = layers.Dense(latent_dim, dtype="float32", name="mean")(x)
    log_variance = layers.Dense(latent_dim, bounded_log_variance, dtype="float32", name="log_variance")(x)
    return keras.Model(inputs, [mean, log_variance], name="posterior_head")


def joint_head(body: keras.Model, latent_dim: int, num_given: int) -> keras.Model:
    """Codes of features and of further numbers, such as noise, by one layer. A built model, -> (latent_dim,)."""
    features, given = keras.Input(body.output_shape[1:], name="features"), keras.Input((num_given,), name="given")
    x = layers.Concatenate(name="join")([features, given])
    x = layers.Dense(features.shape[-1], "relu", name="joint")(x)
    return keras.Model([features, given], layers.Dense(latent_dim, dtype="float32", name="code")(x), name="joint_head")


def data_activation(bounded: bool, table: TableSpec | None = None, hard: bool = False) -> str | keras.Layer:
    """What follows the last layer of a network of data: "sigmoid" where they are bounded, or a table's output."""
    if table is not None:
        return TableOutput(table, hard, name="image")
    return "sigmoid" if bounded else "linear"


def image_head(body: keras.Model, data_shape: tuple[int, ...], activation: str | keras.Layer) -> keras.Model:
    """From features to data, in float32 whatever the policy. (F,), (H, W, F) or (T, F) -> data_shape.

    A body that gives the data itself is passed through: one whose last layer is named "image", or one of a user's own
    whose output has the shape of images or series. A body for vectors needs the name, since its features may happen to
    be as many; so may those of the package's own bodies, whose last layer is named "features" and saved with that name.

    Args:
        body: the decoder body, a built `keras.Model`.
        data_shape: (H, W, C), (T, F) or (D,).
        activation: "sigmoid" for data in [0, 1], "linear" for any value; see `data_activation`.
    """
    feature_shape = tuple(body.output_shape[1:])
    features = x = keras.Input(feature_shape, name="features")
    last = body.layers[-1].name
    if feature_shape == tuple(data_shape) and (last == "image" or (len(data_shape) > 1 and last != "features")):
        if activation == "sigmoid":
            _check_unit_interval(body)
        x = layers.Identity(dtype="float32", name="image")(x)
        return keras.Model(features, x, name="image_head")
    if len(feature_shape) == 3:
        x = layers.Conv2D(data_shape[-1], 3, padding="same", dtype="float32", name="conv")(x)
    elif len(feature_shape) == 2:
        x = layers.Dense(data_shape[-1], dtype="float32", name="dense")(x)
    else:
        x = layers.Dense(math.prod(data_shape), dtype="float32", name="dense")(x)
        x = layers.Reshape(data_shape, dtype="float32", name="reshape")(x)
    # The sigmoid comes last, so that the Bernoulli loss finds its logits.
    if not isinstance(activation, keras.Layer):
        activation = layers.Activation(activation, dtype="float32", name="image")
    return keras.Model(features, activation(x), name="image_head")


def _check_unit_interval(decoder):
    codes = [
        np.random.default_rng(0).normal(0, 3, (8, *tensor.shape[1:])).astype("float32") for tensor in decoder.inputs
    ]
    images = np.asarray(decoder(codes if len(codes) > 1 else codes[0]))
    if images.min() < 0 or images.max() > 1:
        raise ValueError(
            "A decoder that gives the data itself must keep them in [0, 1], by a sigmoid at its end. Received: "
            f"{decoder.name} with values in [{images.min()}, {images.max()}]"
        )


def classifier(encoder: keras.Model, code, num_classes: int) -> keras.Model:
    """An encoder and its code with a softmax on top, copied. A built `keras.Model`, data -> (num_classes,)."""
    data = keras.Input(encoder.input_shape[1:], name="data")
    x = copy(code)(copy(encoder)(data))
    x = layers.Dense(num_classes, "softmax", dtype="float32", name="classes")(x)
    return keras.Model(data, x, name="classifier")


def sigmoid_classifier(data_shape: tuple[int, ...], weights, num_classes: int) -> keras.Model:
    """Sigmoid layers with given weights, and a softmax on top. A built `keras.Model`, data -> (num_classes,).

    Args:
        data_shape: of an example; flattened.
        weights: (kernel, bias) of each layer, copied.
        num_classes: how many.
    """
    data = keras.Input(data_shape, name="data")
    x = layers.Flatten(name="flat")(data)
    for i, (kernel, bias) in enumerate(weights):
        layer = layers.Dense(bias.shape[0], "sigmoid", name=f"hidden_{i + 1}")
        x = layer(x)
        layer.set_weights([np.asarray(kernel), np.asarray(bias)])
    x = layers.Dense(num_classes, "softmax", dtype="float32", name="classes")(x)
    return keras.Model(data, x, name="classifier")


def copy(network: keras.Model, name: str | None = None) -> keras.Model:
    """A network of the same layers and weights that shares none of them. Tied layers become dense ones."""
    if is_tied(network):
        network = _untied(network)
    config = keras.saving.serialize_keras_object(network)
    config["config"]["name"] = name or network.name
    twin = keras.saving.deserialize_keras_object(config)
    twin.set_weights(network.get_weights())
    return twin


def is_tied(network) -> bool:
    """Whether a network has layers with the weights of another."""
    return any(isinstance(layer, TiedDense) for layer in getattr(network, "layers", ()))


def _untied(decoder):
    def dense(layer):
        if not isinstance(layer, TiedDense):
            return type(layer).from_config(layer.get_config())
        return layers.Dense(
            layer.units, keras.activations.serialize(layer.activation), dtype=layer.dtype_policy, name=layer.name
        )

    twin = keras.models.clone_model(decoder, clone_function=dense)
    for layer in decoder.layers:
        tied = isinstance(layer, TiedDense)
        twin.get_layer(layer.name).set_weights(
            [np.transpose(layer.kernel), layer.bias] if tied else layer.get_weights()
        )
    return twin
