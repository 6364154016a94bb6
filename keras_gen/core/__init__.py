"""Machinery that nobody edits to add a paper."""

from keras_gen.core.model import GenerativeModel as GenerativeModel
from keras_gen.core.model import batched as batched
