"""Networks with spectral normalisation; see `keras_gen.layers.SpectrallyNormalised`."""

from collections.abc import Iterator

import keras

from keras_gen.layers import SPECTRAL, SpectrallyNormalised


def spectrally_normalised(network: keras.Model) -> keras.Model:
    """A network of the same layers, with new weights, whose dense layers and 2-D convolutions are normalised.

    Args:
        network: a functional `keras.Model`.

    Raises:
        ValueError: if it has other layers with a kernel.
    """
    check_normalisable(network)

    def normalised(layer):
        return SPECTRAL.get(type(layer), type(layer)).from_config(layer.get_config())

    return keras.models.clone_model(network, clone_function=normalised)


def check_normalisable(network: keras.Model) -> None:
    """Raises a sentence if a network has a kernel that cannot be normalised."""
    for layer in all_layers(network):
        if hasattr(layer, "kernel") and type(layer) not in SPECTRAL and not isinstance(layer, SpectrallyNormalised):
            raise ValueError(
                "Spectral normalisation is for Dense and Conv2D layers. Received: "
                f"{type(layer).__name__} {layer.name!r} of {network.name}"
            )


def is_spectrally_normalised(network: keras.Model) -> bool:
    """Whether every layer with a kernel is normalised."""
    return all(isinstance(layer, SpectrallyNormalised) for layer in all_layers(network) if hasattr(layer, "kernel"))


def spectral_layers(*networks: keras.Model) -> list[SpectrallyNormalised]:
    """The normalised layers of networks."""
    found = [layer for network in networks for layer in all_layers(network)]
    return [layer for layer in found if isinstance(layer, SpectrallyNormalised)]


def all_layers(network: keras.Model) -> Iterator[keras.Layer]:
    """The layers of a network, and those of networks in it."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from all_layers(layer)
        else:
            yield layer
