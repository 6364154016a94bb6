"""What any encoder of series needs where they may end early."""

import keras

from keras_gen.layers import EndingSeries


def of_ending_series(encoder: keras.Model) -> keras.Model:
    """An encoder that takes series which end early, by `EndingSeries`. One that does comes back."""
    if any(isinstance(layer, EndingSeries) for layer in encoder.layers):
        return encoder
    data = keras.Input(encoder.input_shape[1:], name="data")
    return keras.Model(data, EndingSeries(encoder, name="of_ending_series")(data), name=encoder.name)
