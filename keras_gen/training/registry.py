"""Models by name: those of the package, and classes of users that `register` names."""

import inspect
import re
from collections.abc import Callable

import keras

from keras_gen import models
from keras_gen.core import GenerativeModel
from keras_gen.naming import command_name

_own: dict[str, type[GenerativeModel]] = {}


def register(name: str) -> Callable[[type[GenerativeModel]], type[GenerativeModel]]:
    """Decorator: registers your own class by a name, with which it has everything that the package's models have.

        @kg.register("my_vae")
        class MyVAE(kg.VAE):
            ...

    `kg.training.train("my_vae", ...)`, runs, `kg.tuning.search` and, with `--import MODULE`, every verb of the command
    know it from then on; files of it can be loaded where its module was imported.

    Args:
        name: small letters, digits and underscores; no other model may have it.

    Raises:
        ValueError: if the name is invalid or taken, or the class is not a model.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", str(name)):
        raise ValueError(
            "The name of a model must be of small letters, digits and underscores, such as 'my_vae'. "
            f"Received: {name!r}"
        )

    def decorate(cls: type[GenerativeModel]) -> type[GenerativeModel]:
        if not (inspect.isclass(cls) and issubclass(cls, GenerativeModel)):
            raise ValueError(
                "What is registered must be a class that extends a model, such as kg.VAE, or "
                f"kg.GenerativeModel. Received: {cls!r}"
            )
        known = registry()
        taken = next((key for key in known if _plain(key) == _plain(name)), None)
        # A cell of a notebook that runs again defines the class anew.
        if taken is not None and (known[taken].__module__, known[taken].__qualname__) != (
            cls.__module__, cls.__qualname__,
        ):  # fmt: skip
            raise ValueError(f"Each model must have a name of its own: {taken} is {known[taken]}. Received: {name!r}")
        _own[name] = cls
        # Of a class that is registered with Keras already, the name in its files stays.
        if keras.saving.get_registered_name(cls) == cls.__name__:
            keras.saving.register_keras_serializable("own", name)(cls)
        return cls

    return decorate


def registry() -> dict[str, type[GenerativeModel]]:
    """Every model by its name on the command line: {"autoencoder": Autoencoder, ..., "vae": VAE}, and users' own."""
    classes = [getattr(models, name) for name in models.__all__]  # type: ignore[attr-defined]  # made at run time
    ours = {command_name(cls.__name__): cls for cls in classes}
    return dict(sorted(ours.items())) | _own


def modules_of(name: str) -> list[str]:
    """The modules that another process must import to know a model by its name; [] of the package's own.

    Raises:
        ValueError: if it is a class of the script or the notebook that runs.
    """
    if name not in _own:
        return []
    module = _own[name].__module__
    if module == "__main__":
        raise ValueError(
            "Other processes can know a class of one's own only if it is defined in a module that they can import. "
            f"Received: {name!r} of __main__"
        )
    return [module]


def find_model(name: str) -> tuple[str, type[GenerativeModel]]:
    """(name, class) of a model, whatever the case and the dashes of its name."""
    known = registry()
    for key, cls in known.items():
        if _plain(name) == _plain(key):
            return key, cls
    raise ValueError(
        f"The model must be one of {', '.join(known)}; one of your own must be registered by `kg.register` and its "
        f"module imported (--import MODULE). Received: {name!r}"
    )


def _plain(name):
    return str(name).lower().replace("-", "").replace("_", "")
