"""Settings of the pages: `make docs`. Notebooks, results, cards and the API are brought here at each build."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "tests")]

import brought  # noqa: E402
import docstrings  # noqa: E402

import keras_gen  # noqa: E402
from keras_gen.version import HOME  # noqa: E402

project = "keras_gen"
author = "the developers of keras_gen"
copyright = f"2026, {author}"
version = release = keras_gen.__version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "myst_nb",
    "sphinx_design",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "README.md"]
nitpicky = True
INNER = (
    "boltzmann core data evaluation explorer export hub layers metrics models networks table tasks testing "
    "training tuning"
)
nitpick_ignore_regex = [  # types in signatures that have no page
    ("py:.*", r"(?!keras_gen\.).*"),  # of Keras, NumPy and others there is no inventory without a network
    ("py:.*", rf"keras_gen\.({INNER.replace(' ', '|')})\..*"),
]

myst_enable_extensions = ["colon_fence", "dollarmath", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_merge_streams = True
nb_mime_priority_overrides = [("html", "image/gif", 5)]

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_inherit_docstrings = False  # what a method of Keras does is said by Keras
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
smartquotes_action = "D"  # dashes only: quotes in docstrings are of code
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Shapes", "Score unit", "Reference", "Methods that ask a trained model of the package"]

html_theme = "furo"
html_title = f"keras_gen {version}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_theme_options = {
    "source_repository": f"{HOME}/",
    "source_branch": "main",
    "source_directory": "docs/",
}
html_show_sourcelink = False
copybutton_exclude = ".linenos, .gp, .go"
linkcheck_timeout = 20
linkcheck_ignore = [r"http://localhost.*"]

brought.write(HERE)


def setup(app):
    app.connect("source-read", brought.links)
    app.connect("autodoc-process-docstring", docstrings.escape, priority=100)  # before napoleon
    app.add_transform(docstrings.NamesAreLinks)
