"""Network bodies: functions that return BUILT `keras.Model`s. A model puts its own heads on them.

An encoder body maps data, (B, H, W, C), (B, T, F) or (B, D), to features (B, F); a decoder body maps codes
(B, latent_dim) to features, (B, F), (B, H, W, F) or (B, T, F). `ENCODERS` and `DECODERS` list them by name; "conv*0.5"
is "conv" with half the filters and units in each layer, and "*0.5" the default body with half of them.
"""

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import keras

from keras_gen.core.arguments import MAX_WHOLE, widths
from keras_gen.face import names_of
from keras_gen.networks.conv import conv_decoder as conv_decoder
from keras_gen.networks.conv import conv_encoder as conv_encoder
from keras_gen.networks.conv1d import conv1d_decoder as conv1d_decoder
from keras_gen.networks.conv1d import conv1d_encoder as conv1d_encoder
from keras_gen.networks.dcgan import dcgan_discriminator as dcgan_discriminator
from keras_gen.networks.dcgan import dcgan_generator as dcgan_generator
from keras_gen.networks.denoiser import dense_denoiser as dense_denoiser
from keras_gen.networks.denoiser import make_denoiser as make_denoiser
from keras_gen.networks.denoiser import unet_denoiser as unet_denoiser
from keras_gen.networks.dense import dense_decoder as dense_decoder
from keras_gen.networks.dense import dense_encoder as dense_encoder
from keras_gen.networks.dense import is_shallow as is_shallow
from keras_gen.networks.dense import shallow_decoder as shallow_decoder
from keras_gen.networks.dense import shallow_encoder as shallow_encoder
from keras_gen.networks.dense import tie_weights as tie_weights
from keras_gen.networks.dense import tied_decoder as tied_decoder
from keras_gen.networks.given import Role
from keras_gen.networks.grid import grouped_decoder as grouped_decoder
from keras_gen.networks.grid import grouped_encoder as grouped_encoder
from keras_gen.networks.grid import residual_decoder as residual_decoder
from keras_gen.networks.grid import residual_encoder as residual_encoder
from keras_gen.networks.heads import classifier as classifier
from keras_gen.networks.heads import cluster_head as cluster_head
from keras_gen.networks.heads import code_head as code_head
from keras_gen.networks.heads import copy as copy
from keras_gen.networks.heads import critic_head as critic_head
from keras_gen.networks.heads import data_activation as data_activation
from keras_gen.networks.heads import gaussian_head as gaussian_head
from keras_gen.networks.heads import image_head as image_head
from keras_gen.networks.heads import is_tied as is_tied
from keras_gen.networks.heads import joint_head as joint_head
from keras_gen.networks.heads import sigmoid_classifier as sigmoid_classifier
from keras_gen.networks.pool import even_switches as even_switches
from keras_gen.networks.pool import pool_decoder as pool_decoder
from keras_gen.networks.pool import pool_encoder as pool_encoder
from keras_gen.networks.pool import switch_shapes as switch_shapes
from keras_gen.networks.pool import with_switches as with_switches
from keras_gen.networks.recurrent import recurrent_decoder as recurrent_decoder
from keras_gen.networks.recurrent import recurrent_encoder as recurrent_encoder
from keras_gen.networks.residual import Gate as Gate
from keras_gen.networks.residual import attending as attending
from keras_gen.networks.residual import residual_discriminator as residual_discriminator
from keras_gen.networks.residual import residual_generator as residual_generator
from keras_gen.networks.series import of_ending_series as of_ending_series
from keras_gen.networks.spectral import is_spectrally_normalised as is_spectrally_normalised
from keras_gen.networks.spectral import spectral_layers as spectral_layers
from keras_gen.networks.spectral import spectrally_normalised as spectrally_normalised
from keras_gen.networks.transformer import CausalTransformer as CausalTransformer
from keras_gen.networks.translators import make_patch_critic as make_patch_critic
from keras_gen.networks.translators import make_translator as make_translator
from keras_gen.networks.translators import multiples_of as multiples_of
from keras_gen.networks.translators import patch_critic as patch_critic
from keras_gen.networks.translators import resizer as resizer
from keras_gen.networks.translators import resnet as resnet
from keras_gen.networks.translators import unet as unet

ENCODERS = {
    "dense": dense_encoder, "shallow": shallow_encoder, "conv": conv_encoder, "pool": pool_encoder,
    "conv1d": conv1d_encoder, "recurrent": recurrent_encoder,
}  # fmt: skip
DECODERS = {
    "dense": dense_decoder, "shallow": shallow_decoder, "conv": conv_decoder, "pool": pool_decoder,
    "conv1d": conv1d_decoder, "recurrent": recurrent_decoder,
}  # fmt: skip
# Of discrete codes: a map of features, with a place for each.
GRID_ENCODERS = {"residual": residual_encoder, "grouped": grouped_encoder}
GRID_DECODERS = {"residual": residual_decoder, "grouped": grouped_decoder}
# Half the width of Chen et al. 2016, table 1, which is for 28 pixels and takes the first two.
HALF_INFOGAN: dict[str, Any] = {"filters": (32, 64, 128, 128, 128, 128), "features": 512}
GENERATORS: dict[str, Callable] = {
    "dcgan": dcgan_generator,
    "infogan": functools.partial(dcgan_generator, **HALF_INFOGAN),
    "residual": residual_generator,
    "dense": dense_decoder,
}
WITHOUT_FIRST_DENSE: dict[str, Callable] = {
    name: functools.partial(GENERATORS[name], features=None) for name in ("dcgan", "infogan")
}
OF_IMAGES = (
    *(conv_encoder, conv_decoder, pool_encoder, pool_decoder, dcgan_generator, dcgan_discriminator),
    *(residual_encoder, residual_decoder, residual_generator, residual_discriminator),
)
OF_SERIES = (conv1d_encoder, conv1d_decoder, recurrent_encoder, recurrent_decoder)
WIDTHS = ("hidden", "filters", "features")  # arguments of bodies that are numbers of units
SMALLEST_CONVOLVED = 16  # pixels of the shorter side
FEATURES = "(features,)"
FEATURES_OR_DATA = "(features,), (height, width, features), (steps, features) or the data's shape"


def default_body(data_shape: tuple[int, ...]) -> str:
    """Convolutional for images of 16 x 16 pixels or more and for series, dense for smaller ones and for vectors."""
    if len(data_shape) == 2:
        return "conv1d"
    return "conv" if len(data_shape) == 3 and min(data_shape[:2]) >= SMALLEST_CONVOLVED else "dense"


def make_encoder(
    encoder: str | keras.Model | None,
    data_shape: tuple[int, ...],
    argument: str = "encoder",
    variable_length: bool = False,
) -> keras.Model:
    """The encoder body that a constructor's argument asks for.

    Args:
        encoder: None for the default, a name of ENCODERS, or a built `keras.Model` of data to features (B, F).
        data_shape: (H, W, C), (T, F) or (D,).
        argument: the constructor's name for it.
        variable_length: whether series may end early.

    Raises:
        ValueError: if the name is unknown or the model's shapes do not fit.
    """
    body = _encoder(encoder, ENCODERS, default_body(data_shape), data_shape, argument)
    return of_ending_series(body) if variable_length else body


def _encoder(encoder, bodies, default, data_shape, argument):
    role = Role(argument, data_shape, FEATURES, bodies)
    encoder = role.as_network(encoder, lambda hidden: bodies["dense"](data_shape, hidden=hidden))
    if not isinstance(encoder, keras.Model):
        return _named(bodies, role, encoder, default, data_shape)(data_shape)
    received, made = role.shapes_of(encoder)
    if received != role.input_shape or len(made) != 1:
        role.refuse(encoder, received, made)
    return encoder


def make_decoder(
    decoder: str | keras.Model | None,
    latent_dim: int,
    data_shape: tuple[int, ...],
    encoder: keras.Model | None = None,
    code: keras.layers.Layer | None = None,
    activation: str = "sigmoid",
    argument: str = "decoder",
    beside: Any = None,
    num_labels: int = 0,
) -> keras.Model:
    """The decoder body that a constructor's argument asks for; see `make_encoder`.

    A given `keras.Model` maps codes to features, (F,), (H, W, F) or (T, F), or straight to data_shape; see
    `image_head`.

    Args:
        decoder: None, a name of DECODERS, or a built `keras.Model`.
        latent_dim: size of the code.
        data_shape: (H, W, C), (T, F) or (D,).
        encoder: with `code`, where the decoder may unpool by switches ("pool") or be "tied"; None where it may not.
        code: the dense layer that makes the code.
        activation: of the data, for "tied".
        argument: the constructor's name for it.
        beside: what a user gave as the encoder. None as the decoder stands for "dense" beside a dense one.
        num_labels: of the values of the code, the last ones are so many of a one-hot label.
    """
    names = {name: body for name, body in DECODERS.items() if encoder is not None or name != "pool"}
    if encoder is not None:
        names["tied"] = lambda latent_dim, data_shape: tied_decoder(encoder, code, data_shape, activation)
    role = Role(argument, (latent_dim,), FEATURES_OR_DATA, names)
    body = decoder = role.as_network(decoder, lambda hidden: dense_decoder(latent_dim, data_shape, hidden))
    if not isinstance(decoder, keras.Model):
        is_dense = widths(1).fits(beside) or (isinstance(beside, str) and beside.startswith("dense"))
        default = "dense" if is_dense else default_body(data_shape)
        body = _named(names, role, decoder, default, data_shape)(latent_dim, data_shape)
        body = _hearing_labels(body, latent_dim, num_labels) if num_labels else body
    given = switch_shapes(encoder) if encoder is not None else []
    taken = [tuple(tensor.shape[1:]) for tensor in (getattr(body, "inputs", None) or [])[1:]]
    if taken and taken != given:
        raise ValueError(
            "`decoder` unpools by the switches of the encoder: it goes with encoder='pool' of the same sizes, in a "
            f"model that gives them. Expected: switches of shapes {taken}. Received: {given}"
        )
    _check_makes_data(role, body, data_shape, len(taken))
    if encoder is not None:
        tie_weights(body, encoder, code)
    return body


def make_grid_encoder(encoder: str | keras.Model | None, data_shape: tuple[int, ...]) -> keras.Model:
    """The encoder body of discrete codes: None, a name of GRID_ENCODERS, or a built `keras.Model` to a map."""
    role = Role("encoder", data_shape, "a map, (height, width, features) or (groups, features)", GRID_ENCODERS)
    encoder = role.as_network(encoder)
    if not isinstance(encoder, keras.Model):
        return _named(GRID_ENCODERS, role, encoder, _default_grid(data_shape), data_shape)(data_shape)
    received, made = role.shapes_of(encoder)
    if received != role.input_shape or len(made) < 2:
        role.refuse(encoder, received, made)
    return encoder


def make_grid_decoder(
    decoder: str | keras.Model | None, code_shape: tuple[int, ...], data_shape: tuple[int, ...]
) -> keras.Model:
    """The decoder body of discrete codes, of their vectors, (*places, D); see `make_decoder`."""
    role = Role("decoder", code_shape, FEATURES_OR_DATA, GRID_DECODERS)
    decoder = role.as_network(decoder)
    if not isinstance(decoder, keras.Model):
        default = _default_grid(data_shape) if len(code_shape) == 3 else "grouped"
        return _named(GRID_DECODERS, role, decoder, default, data_shape)(code_shape, data_shape)
    _check_makes_data(role, decoder, data_shape)
    return decoder


def _default_grid(data_shape):
    return "residual" if len(data_shape) == 3 else "grouped"


def make_generator(
    generator: str | keras.Model | None,
    latent_size: int,
    data_shape: tuple[int, ...],
    of_images: str = "dcgan",
    first_dense: bool = True,
) -> keras.Model:
    """The generator body that a constructor's argument asks for: None, a name of GENERATORS, or as `make_decoder`.

    None stands for `of_images`, or for "dense" where the data are vectors. Without `first_dense` the bodies of the
    DCGAN have no dense layer beside the convolutions.
    """
    role = Role("generator", (latent_size,), FEATURES_OR_DATA, GENERATORS)
    generator = role.as_network(generator, lambda hidden: dense_decoder(latent_size, data_shape, hidden))
    if not isinstance(generator, keras.Model):
        default = "dense" if len(data_shape) == 1 else of_images
        bodies = GENERATORS if first_dense else {**GENERATORS, **WITHOUT_FIRST_DENSE}
        return _named(bodies, role, generator, default, data_shape)(latent_size, data_shape)
    _check_makes_data(role, generator, data_shape)
    return generator


def make_discriminator(
    discriminator: str | keras.Model | None,
    data_shape: tuple[int, ...],
    batch_norm: bool = True,
    of_images: str = "dcgan",
    argument: str = "discriminator",
    spectral_norm: bool = False,
) -> keras.Model:
    """The discriminator body that a constructor's argument asks for; see `make_generator`, and `make_encoder`.

    With `spectral_norm` it is made of layers with spectral normalisation; one that is given must be.
    """
    discriminators = {
        "dcgan": functools.partial(dcgan_discriminator, batch_norm=batch_norm),
        "infogan": functools.partial(dcgan_discriminator, batch_norm=batch_norm, **HALF_INFOGAN),
        "residual": residual_discriminator,
        "dense": functools.partial(dense_encoder, activation="leaky_relu"),
    }
    default = "dense" if len(data_shape) == 1 else of_images
    body = _encoder(discriminator, discriminators, default, data_shape, argument)
    if not spectral_norm or is_spectrally_normalised(body):
        return body
    if isinstance(discriminator, keras.Layer):
        raise ValueError(
            "With spectral_norm=True a network of your own must have layers with spectral normalisation: "
            f"kg.networks.spectrally_normalised(network) makes them. Received: {argument}={discriminator.name}"
        )
    return spectrally_normalised(body)


def _or_default(name, default):
    """The name of a body, where none stands for a default and "*0.5" for half of it."""
    if name is None or (isinstance(name, str) and name.startswith("*")):
        return default + (name or "")
    return name


def _named(bodies, role, name, default, data_shape):
    """The function that makes the body of a name."""
    name = _or_default(name, default)
    known = role.check_name(name)
    body = getattr(bodies[known], "func", bodies[known])
    if body in OF_IMAGES and len(data_shape) != 3:
        raise ValueError(
            f"A convolutional {role.argument} needs images (height, width, channels). Received: data_shape={data_shape}"
        )
    if body in OF_SERIES and len(data_shape) != 2:
        raise ValueError(
            f"This {role.argument} needs series, data_shape=(steps, features). Received: {role.argument}={name!r}, "
            f"data_shape={data_shape}"
        )
    return bodies[known] if name == known else _widened(bodies[known], role.argument, name)


def _widened(body, argument, name):
    """A body with each of its widths times a factor, the width multiplier of Howard et al. 2017."""
    try:
        factor = float(name.partition("*")[2])
    except ValueError:
        factor = 0.0
    if not 0 < factor < math.inf:
        raise ValueError(f"A width is a number above 0, as in 'dense*0.5'. Received: {argument}={name!r}")
    scaled = {
        key: tuple(max(1, round(factor * size)) for size in p.default)
        if isinstance(p.default, tuple)
        else max(1, round(factor * p.default))
        for key, p in inspect.signature(body).parameters.items()
        if key in WIDTHS and p.default is not None
    }
    if not scaled:
        raise ValueError(f"This body has no hidden layers to widen. Received: {argument}={name!r}")
    if max(keras.tree.flatten(scaled)) > MAX_WHOLE:
        raise ValueError(f"A layer must have less than 2^31 units or filters. Received: {argument}={name!r}")
    return functools.partial(body, **scaled)


def _hearing_labels(body, latent_dim, num_labels):
    """A decoder body whose labels are as loud as its codes: a one-hot value has a variance of about 1 / num_labels.

    After four epochs of MNIST 95 % of the samples of a conditional VAE are of the class asked for, not 88 %.
    """
    scale = [1.0] * (latent_dim - num_labels) + [math.sqrt(num_labels)] * num_labels
    code = keras.Input((latent_dim,), name="code_and_label")
    x = body(keras.layers.Rescaling(scale, name="scale")(code))
    return keras.Model(code, keras.layers.Identity(name="features")(x), name=body.name)


def _check_makes_data(role, body, data_shape, more_inputs=0):
    """Raises a ValueError if a decoder does not map codes to features, or to data."""
    received, made = role.shapes_of(body, more_inputs)
    if received != role.input_shape or not (len(made) == 1 or made[:-1] == tuple(data_shape)[:-1]):
        role.refuse(body, received, made)


__dir__ = names_of(globals())
