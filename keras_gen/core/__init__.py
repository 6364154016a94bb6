"""Machinery that nobody edits to add a paper."""

from keras_gen.core.abilities import at_once as at_once
from keras_gen.core.abilities import batched as batched
from keras_gen.core.abilities import drawn as drawn
from keras_gen.core.adversarial import AdversarialModel as AdversarialModel
from keras_gen.core.arguments import checked as checked
from keras_gen.core.checks import check_at_least as check_at_least
from keras_gen.core.checks import check_choice as check_choice
from keras_gen.core.checks import check_whole as check_whole
from keras_gen.core.checks import is_probability as is_probability
from keras_gen.core.ema import by_averages as by_averages
from keras_gen.core.intake import Taken as Taken
from keras_gen.core.model import GenerativeModel as GenerativeModel
from keras_gen.core.part import Part as Part
from keras_gen.core.players import Phase as Phase
from keras_gen.core.players import Player as Player
from keras_gen.core.scalars import Adjustable as Adjustable
from keras_gen.core.spec import DataSpec as DataSpec
from keras_gen.core.spec import Targets as Targets
from keras_gen.core.views import Parts as Parts
from keras_gen.core.views import WholeModel as WholeModel
