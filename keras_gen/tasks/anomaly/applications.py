"""Networks of keras.applications, that are trained on ImageNet, as extractors of features."""

import inspect
import warnings
from pathlib import Path
from typing import Any

import keras

SMALLEST_SIDE = 32
WITHOUT = (
    "Without a download there are oriented_gradients, the package's own models (--extractor with a run or the name of "
    "a shipped model), and weights from a file (--weights FILE)"
)


def names() -> dict[str, tuple[Any, Any]]:
    """Name -> the function that builds the network, and the module with its `preprocess_input`."""
    found = {}
    for _, module in inspect.getmembers(keras.applications, inspect.ismodule):
        if hasattr(module, "preprocess_input"):
            for name, build in inspect.getmembers(module, callable):
                if name[0].isupper():
                    found[name.lower()] = (build, module)
    return found


def application(
    name: str, image_size: int | tuple[int, int] = 224, weights: str | Path | None = "imagenet"
) -> keras.Model:
    """A network of `keras.applications` without its classifier, of images in [0, 1].

    Images of another size are resized, gray ones are given three channels, and pixels are brought to what the network
    was trained on, inside of it.

    Args:
        name: of the network, such as "mobilenet_v2", "resnet50" or "efficientnet_b0".
        image_size: side or (height, width) that images are resized to, at least 32.
        weights: "imagenet", which Keras downloads and keeps; a file of weights, without the classifier; or None for
            random ones.

    Returns:
        `keras.Model`, (B, H, W, 3) to feature maps (B, h, w, C).

    Raises:
        ValueError: if there is no such network, or the weights are not to be had.
    """
    known, key = names(), name.lower().replace("_", "").replace("-", "")
    if key not in known:
        raise ValueError(f"The network must be one of keras.applications: {', '.join(known)}. Received: {name!r}")
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    if min(height, width) < SMALLEST_SIDE:
        raise ValueError(f"`image_size` must be at least {SMALLEST_SIDE}. Received: image_size={image_size}")
    build, module = known[key]
    images = keras.Input((None, None, 3), name="images")
    x = keras.layers.Resizing(height, width, interpolation="bicubic", name="resized")(images)
    x = module.preprocess_input(keras.layers.Rescaling(255.0, name="levels")(x))
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`input_shape` is undefined or non-square")  # of weights for other sizes
            network = build(include_top=False, weights=weights and str(weights), input_tensor=x)
    except Exception as error:  # of the network, of a file: Keras raises a plain Exception for the first
        reason = str(error).strip().split("\n")[0].rstrip(".")
        raise ValueError(
            f"The weights of {name} could not be had ({reason}). {WITHOUT}. Received: weights={str(weights)!r}"
        ) from None
    network.name = name
    network.trainable = False
    return network
