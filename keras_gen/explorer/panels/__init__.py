"""The panels of a page, a file for each: TITLE, whether it is `offered` for a subject, and `build`."""

from keras_gen.explorer.panels import picture, plane, samples, sliders

PANELS = (plane, sliders, samples, picture)
