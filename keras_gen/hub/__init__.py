"""Sharing models: folders with a card, and the Hugging Face Hub.

`model.save_to_preset(folder)` writes a folder, `push` puts it on the Hub, and `kg.load("hf://user/name")` or
`kg.VAE.from_preset("hf://user/name")` reads it from there.
"""

from keras_gen.face import names_of
from keras_gen.hub import presets as _presets  # noqa: F401  (announces itself to `save_to_preset`)
from keras_gen.hub.pushing import push as push

__dir__ = names_of(globals())
