"""`Part`: base of classes that are parts of a model."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Part = Any  # a part may use all that the whole has: a type checker cannot know which whole that will be
else:
    Part = object
