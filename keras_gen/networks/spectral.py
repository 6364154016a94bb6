"""Networks with spectral normalisation; see `keras_gen.layers.SpectrallyNormalised`."""

from typing import Any

import keras

from keras_gen.layers import SPECTRAL, SpectrallyNormalised


def spectrally_normalised(network: keras.Model) -> keras.Model:
    """A network of the same layers, with new weights, whose dense layers and 2-D convolutions are normalised.

    Args:
        network: a functional `keras.Model`.

    Raises:
        ValueError: if it has other layers with a matrix.
    """
    check_normalisable(network)

    def normalised(layer):
        return SPECTRAL.get(type(layer), type(layer)).from_config(layer.get_config())

    return keras.models.clone_model(network, clone_function=normalised, recursive=True)


def check_normalisable(network: keras.Model) -> None:
    """Raises a ValueError if a network has a matrix that cannot be normalised."""
    for layer in _with_matrices(network):
        if type(layer) not in SPECTRAL and not isinstance(layer, SpectrallyNormalised):
            raise ValueError(
                "Spectral normalisation is for Dense and Conv2D layers. Received: "
                f"{type(layer).__name__} {layer.name!r} of {network.name}"
            )


def is_spectrally_normalised(network: keras.Model) -> bool:
    """Whether every layer with a matrix is normalised."""
    return all(isinstance(layer, SpectrallyNormalised) for layer in _with_matrices(network))


def spectral_layers(*networks: keras.Model) -> list[Any]:
    """The normalised layers of networks."""
    found = [layer for network in networks for layer in _all_layers(network)]
    return [layer for layer in found if isinstance(layer, SpectrallyNormalised)]


def _with_matrices(network):
    return [layer for layer in _all_layers(network) if any(len(w.shape) > 1 for w in layer.trainable_weights)]


def _all_layers(network):
    """The layers of a network, and those of networks in it."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _all_layers(layer)
        else:
            yield layer
