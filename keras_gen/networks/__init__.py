"""Network bodies: functions that return BUILT `keras.Model`s. A model puts its own heads on them.

An encoder body maps data, (B, H, W, C) or (B, D), to features (B, F); a decoder body maps codes (B, latent_dim) to
features, (B, F) or (B, H, W, F). `ENCODERS` and `DECODERS` list them by name.
"""

import math

import keras

from keras_gen.networks.conv import conv_decoder as conv_decoder
from keras_gen.networks.conv import conv_encoder as conv_encoder
from keras_gen.networks.dense import dense_decoder as dense_decoder
from keras_gen.networks.dense import dense_encoder as dense_encoder
from keras_gen.networks.heads import code_head as code_head
from keras_gen.networks.heads import gaussian_head as gaussian_head
from keras_gen.networks.heads import image_head as image_head

ENCODERS = {"dense": dense_encoder, "conv": conv_encoder}
DECODERS = {"dense": dense_decoder, "conv": conv_decoder}
LARGEST_FOR_DENSE = 1024  # values; a gray image of 32 x 32


def default_body(data_shape):
    """Dense for vectors and for small images, where it is the fastest; convolutional for the rest."""
    return "dense" if len(data_shape) == 1 or math.prod(data_shape) <= LARGEST_FOR_DENSE else "conv"


def make_encoder(encoder, data_shape):
    """The encoder body that a constructor's argument asks for.

    Args:
        encoder: None for the default, a name of ENCODERS, or a built `keras.Model` of data to features (B, F).
        data_shape: (H, W, C) or (D,).

    Raises:
        ValueError: if the name is unknown or the model's shapes do not fit.
    """
    body = encoder if isinstance(encoder, keras.Model) else _named(ENCODERS, "encoder", encoder, data_shape)(data_shape)
    _check_shapes("encoder", body, data_shape, "(features,)", lambda output: len(output) == 1)
    return body


def make_decoder(decoder, latent_dim, data_shape):
    """The decoder body that a constructor's argument asks for; see `make_encoder`.

    A given `keras.Model` maps codes to features, (F,) or (H, W, F), or straight to data_shape.
    """
    body = (
        decoder
        if isinstance(decoder, keras.Model)
        else _named(DECODERS, "decoder", decoder, data_shape)(latent_dim, data_shape)
    )
    expected = "(features,), (height, width, features) or the data's shape"
    _check_shapes(
        "decoder", body, (latent_dim,), expected, lambda out: len(out) == 1 or out[:-1] == tuple(data_shape)[:-1]
    )
    return body


def _named(bodies, argument, name, data_shape):
    name = name or default_body(data_shape)
    if not isinstance(name, str) or name not in bodies:
        names = ", ".join(map(repr, bodies))
        raise ValueError(f"`{argument}` must be one of {names}, or a built keras.Model. Received: {argument}={name!r}")
    if name == "conv" and len(data_shape) == 1:
        raise ValueError(
            f"A convolutional {argument} needs images (height, width, channels). Received: data_shape={data_shape}"
        )
    return bodies[name]


def _check_shapes(argument, body, input_shape, expected_output, output_fits):
    if not body.built:
        raise ValueError(
            f"`{argument}` must be a built keras.Model with one input; give it an Input layer. "
            f"Received: {body.name}, not built"
        )
    received, output = tuple(body.input_shape[1:]), tuple(body.output_shape[1:])
    if received != tuple(input_shape) or not output_fits(output):
        raise ValueError(
            f"`{argument}` must map {tuple(input_shape)} to {expected_output}. Received: {body.name}, which maps "
            f"{received} to {output}"
        )
