"""The version, and where the project lives: where everything can import them."""

__version__ = "0.2.0"
HOME = "https://github.com/keras-gen/keras-gen"
