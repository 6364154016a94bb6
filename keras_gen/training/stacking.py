"""Greedy layer-wise pretraining: shallow autoencoders, one on the codes of the other, become a deep one."""

import keras

from keras_gen import networks
from keras_gen.core import is_probability
from keras_gen.models import Autoencoder
from keras_gen.models.autoencoders.base import BaseAutoencoder


def stack(
    models, x, epochs: int = 10, batch_size: int = 128, optimizer="adam", verbose: int = 1, callbacks=None
) -> Autoencoder:
    """Trains autoencoders one after the other, each on the codes of the one below, and puts them together.

    Source: Hinton and Salakhutdinov 2006; Bengio et al. 2007, "Greedy layer-wise training of deep networks".

    Args:
        models: autoencoders of any kind, from the data upwards; the `data_shape` of each is `(latent_dim,)` of the one
            below. One that is compiled is trained with its own optimizer.
        x: (N, *data_shape), or a dataset of batches.
        epochs: passes over the data for each model.
        batch_size: examples per step.
        optimizer: of the models that are not compiled, by name or as a `keras.optimizers.Optimizer`, of which each
            model gets a copy.
        verbose: as of `fit`.
        callbacks: a function that makes the callbacks of Keras for one model, given the model, because each `fit`
            needs its own.

    Returns:
        `unroll(models)`: a deep `Autoencoder` to fine-tune, or to turn `as_classifier`.

    Raises:
        ValueError: if the shapes of the models do not match.
    """
    _check(models)
    for model in models:
        if not model.compiled:
            given = keras.optimizers.get(optimizer)
            model.compile(optimizer=type(given).from_config(given.get_config()))
        dataset = not hasattr(x, "shape")
        own = None if callbacks is None else callbacks(model)
        model.fit(x, batch_size=None if dataset else batch_size, epochs=epochs, verbose=verbose, callbacks=own)
        x = model.encode(x)
    return unroll(models)


def unroll(models) -> Autoencoder:
    """The deep autoencoder that goes up through all encoders and down through all decoders, with copies of the weights.

    Tied weights are no longer tied. The likelihood is that of the first model; the penalties of all are left behind.

    Args:
        models: autoencoders as for `stack`.

    Returns:
        An `Autoencoder`, not compiled.
    """
    _check(models)
    first, last = models[0], models[-1]
    data = x = keras.Input(first.data_shape, name="data")
    for i, model in enumerate(models):
        x = networks.copy(model.encoder, f"encoder_{i}")(x)
        if model is not last:
            x = networks.copy(model.code, f"code_{i}")(x)
    code = y = keras.Input((last.latent_dim,), name="code")
    for i, model in reversed(list(enumerate(models))):
        y = networks.copy(model.decoder, f"decoder_{i}")(y)
        if model is not first:
            y = networks.copy(model.image, f"image_{i}")(y)
    deep = Autoencoder(
        data_shape=first.data_shape,
        latent_dim=last.latent_dim,
        likelihood=first.likelihood,
        encoder=keras.Model(data, x, name="stacked_encoder"),
        decoder=keras.Model(code, y, name="stacked_decoder"),
        code_activation=last.code_activation,
        seed=first.seed,
    )
    deep.code.set_weights(last.code.get_weights())
    deep.image.set_weights(first.image.get_weights())
    return deep


def _check(models):
    if not models:
        raise ValueError("`models` must hold at least one autoencoder. Received: none")
    shape = models[0].data_shape
    for i, model in enumerate(models):
        if not isinstance(model, BaseAutoencoder):
            raise ValueError(
                "Only autoencoders with an encoder network and a decoder network can be stacked. "
                f"Received: models[{i}]={type(model).__name__}"
            )
        if model.data_shape != shape:
            raise ValueError(
                f"models[{i}] must take the codes of the model below it. Expected: data_shape={shape}. "
                f"Received: data_shape={model.data_shape}"
            )
        if len(model.decoder.inputs) > 1:
            raise ValueError(
                "Models that unpool by switches cannot be stacked: take another decoder. "
                f"Received: models[{i}]={model.name}"
            )
        if i and model.bounded and not is_probability(models[i - 1].code_activation):
            raise ValueError(
                f"models[{i}] describes data in [0, 1], and the codes below it have any value: it must be given "
                "likelihood='gaussian', or models below it code_activation='sigmoid'. "
                f"Received: code_activation={models[i - 1].code_activation!r}"
            )
        shape = (model.latent_dim,)
