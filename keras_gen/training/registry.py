"""Models by name."""

import re

from keras_gen import models
from keras_gen.core import GenerativeModel


def registry() -> dict[str, type[GenerativeModel]]:
    """Every model of the package by its name on the command line: {"vae": VAE, "infogan": InfoGAN, ...}."""
    classes = [
        value for value in vars(models).values() if isinstance(value, type) and issubclass(value, GenerativeModel)
    ]
    return {re.sub(r"(?<=[a-z])(?=[A-Z])(?!GAN$)", "_", cls.__name__).lower(): cls for cls in classes}


def find_model(name: str) -> tuple[str, type[GenerativeModel]]:
    """(name, class) of a model, whatever the case and the dashes of its name."""
    known = registry()
    for key, cls in known.items():
        if str(name).lower().replace("-", "").replace("_", "") == key.replace("_", ""):
            return key, cls
    raise ValueError(f"The model must be one of {', '.join(sorted(known))}. Received: {name!r}")
