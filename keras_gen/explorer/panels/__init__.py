"""The panels of a page, a file for each: TITLE, whether it is `offered` for a subject, and `build`."""

from keras_gen.explorer.panels import attribute, between, picture, plane, rows, samples, sliders, walk

PANELS = (plane, sliders, samples, picture, between, attribute, walk, rows)
