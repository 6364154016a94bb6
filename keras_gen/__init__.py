"""Autoencoders and generative networks for Keras."""

from typing import TYPE_CHECKING

from keras_gen import startup
from keras_gen.version import __version__ as __version__

if TYPE_CHECKING or not startup.is_command():
    # At once: Keras loads a file only if the classes in it are registered, and it is their import that registers them.
    from keras_gen.public import *

if TYPE_CHECKING:
    from keras_gen import tuning as tuning
else:

    def __getattr__(name):
        """`kg.tuning`, and in the command every name, is imported when it is asked for: that takes seconds."""
        import importlib.util

        if name == "tuning" or (startup.is_command() and not name.startswith("_")):
            if importlib.util.find_spec(f"keras_gen.{name}"):
                return importlib.import_module(f"keras_gen.{name}")
            public = importlib.import_module("keras_gen.public")
            if name in public.__all__:
                return getattr(public, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        import importlib

        return [*importlib.import_module("keras_gen.public").__all__, "__version__", "tuning"]
