"""What of a model can be written for other programs: its parts, each a graph, made of what it offers and its networks.

A model has nothing to add, but for `drawn_by`, where it draws.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen.core import provenance
from keras_gen.core.arguments import choice
from keras_gen.core.part import Part
from keras_gen.export import LIMIT, Draws, Graph, Value, check, summary, write
from keras_gen.version import __version__

# Abilities that are parts, in the order in which they are what people run; with the name of the output.
OF_ABILITIES = {
    "translate": ("translate", "image"),
    "separate": ("separator", "sources"),
    "denoise": ("denoiser", "image"),
    "reconstruct": ("reconstruct", "image"),
    "score": ("score", "score"),
}
# The outputs of networks, whose parts have their names.
OF_NETWORKS = {
    "encoder": "code", "decoder": "image", "generator": "image", "inverse_generator": "image", "critic": "score",
    "inverse_critic": "score", "classifier": "probabilities", "separator": "sources",
}  # fmt: skip
DEFAULTS = ("translate", "separator", "denoiser", "reconstruct", "generator")
UNSEEN = 8  # random examples that a file is compared on, where none are given
SEED = Value((), "int32", (0, 2**31 - 1), "one for each example: the same seed gives the same image")


class Exportable(Part):
    """Part of `GenerativeModel`: `export`."""

    undrawable = "it does not say how, in `drawn_by`"  # why there is no part "sample", where the model samples

    def drawn_by(self, draws: Draws, labels=None) -> tf.Tensor:
        """What `sample` draws, with numbers that other programs can draw too. -> (B, *data_shape).

        A model that defines it has the part "sample".
        """
        raise NotImplementedError(f"{type(self).__name__} cannot draw inside a graph")

    def export(  # type: ignore[override]  # Keras' own, with more to say
        self,
        path: str | Path,
        format: str = "tf_saved_model",
        part: str | None = None,
        *,
        images: Any = None,
        labels: Any = None,
        quantize: str | None = None,
        limit: float = LIMIT,
        verbose: bool = True,
        input_signature: None = None,
    ) -> Path:
        """Writes a part of the model to a file that runs without this package: for servers, phones, browsers.

        Inputs are float32 as the model's, channels last, with a batch of any size; labels and seeds are int32. Noise is
        an input: the part "sample" makes an image of each seed, the same in every format, but not that of
        `sample(seed=)`. A model with `ema` is written with its averages, one of mixed precision in
        float32. The parts of a model of a table take and give
        the slots of `table.spec.encode`.

        The file is run and compared with the model: a difference above `limit` is refused; of outputs without a range,
        as codes and scores in nats, relative to the largest. It says about itself what it is and takes:
        `keras_gen.export.read_metadata`.

        Args:
            path: a folder for "tf_saved_model", else a file that ends in .tflite, .onnx or .xml. What is there is
                replaced, and stays if anything fails.
            format: "tf_saved_model", "litert", "onnx" (extra `export`) or "openvino" (extra `openvino`).
            part: "encoder", "decoder", "generator", "critic", "score", "sample" or what else `export_parts` lists; None
                for what people run: a translation, else a reconstruction, else the images of latents.
            images: real data to compare on, as `fit` takes them; None for random ones. Of some hundreds the int8 file
                learns its ranges.
            labels: of the images, of a model that needs them; None for all classes in turn.
            quantize: None, "float16" or "int8" weights of "litert", with float32 inputs and outputs. It is not refused;
                what it loses is printed: PSNR of images, AUROC of scores, against the images upside down.
            limit: of the difference from the model.
            verbose: whether to print what was written.
            input_signature: Keras' argument; each part has a signature of its own.

        Returns:
            The path.

        Raises:
            ValueError: if the model has no such part, or the path or the data are not what they must be.
            FileExistsError: if something of another kind is in the file's place.
            RuntimeError: if the format cannot hold the part, or the file gives something else than the model.
            ImportError: if the format's library is not installed.
        """
        path = check(path, format, quantize)
        if input_signature is not None:
            raise ValueError(
                "`input_signature` must be None: each part has its own, with a batch of any size. "
                f"Received: input_signature={input_signature}"
            )
        if self.compute_dtype != "float32":
            given = {"images": images, "labels": labels, "quantize": quantize, "limit": limit}
            return in_float32(self).export(path, format, part, verbose=verbose, **given)
        parts = self.export_parts()
        if not parts:
            self._cannot("export", ": it has no part that another program could run")
        if part == "sample" and part not in parts and part in self.offers:
            reason = (
                "rows are drawn of their likelihood after the decoder" if self.table is not None else self.undrawable
            )
            raise ValueError(
                f"What {type(self).__name__} draws cannot be exported: {reason}. Its parts are {', '.join(parts)}. "
                "Received: part='sample'"
            )
        part = choice(parts).check("part", next(iter(parts)) if part is None else part)
        if quantize == "int8" and images is None:
            raise ValueError("quantize='int8' needs real data to learn ranges from. Received: images=None")
        graph = parts[part]
        written = write(graph, path, format, self._examples(graph, images, labels), quantize=quantize, limit=limit)
        if verbose:
            print(summary(path, written, images is None))
        return path

    def export_parts(self) -> dict[str, Graph]:
        """What `export` can write, by name, the default first."""
        parts, about = {}, self._about()
        for ability, (name, output) in OF_ABILITIES.items():
            if ability in self.offers:
                shapes = {"data": self.data_shape, **({"labels": ()} if self.supervision == "required" else {})}
                compared = "data" if name == "reconstruct" else None
                parts[name] = self._graph({**about, "part": name}, self._by_ability(ability), shapes, output, compared)
        for name, (shapes, _) in self.network_parts().items():
            if name not in parts:
                output = OF_NETWORKS.get(name, name)
                parts[name] = self._graph({**about, "part": name}, self._by_network(name), shapes, output)
        if type(self).drawn_by is not Exportable.drawn_by and "sample" in self.offers and self.table is None:
            shapes = {"seed": (), **({} if self.data_spec.num_classes is None else {"labels": ()})}
            parts["sample"] = self._graph({**about, "part": "sample"}, self._by_seeds, shapes, "image")
        first = [name for name in DEFAULTS if name in parts][:1]
        return {name: parts[name] for name in [*first, *(name for name in parts if name not in first)]}

    def _graph(self, about, function, shapes, output, compared=None):
        return Graph(
            function,
            {name: self._input(name, shape) for name, shape in shapes.items()},
            {output: self._output(output)},
            about,
            self.using_averages,
            compared,
        )

    def _by_ability(self, ability):
        def function(x, labels=None):
            return getattr(self, ability)(x, **({} if labels is None else {"labels": labels}))

        return function

    def _by_network(self, name):
        def function(*inputs):
            with tf.init_scope():
                network = self.network(name)
            return network(list(inputs) if len(inputs) > 1 else inputs[0])

        return function

    def _by_seeds(self, seed, labels=None):
        return self.drawn_by(Draws(seed), labels)

    def _input(self, name, shape):
        if name == "seed":
            return SEED
        if name == "labels":
            return Value((), "int32", (0, self.spec_of("sample").num_classes - 1), "class")
        if name in ("data", "images"):
            return Value(tuple(shape), "float32", (0.0, 1.0) if self.bounded else None, self._unit)
        return Value(tuple(shape))

    def _output(self, name):
        if name in ("image", "sources"):
            return Value(range=(0.0, 1.0) if self.bounded else None, unit=self._unit)
        if name == "score":
            return Value(unit="higher is more like the training data")
        return Value(range=(0.0, 1.0) if name == "probabilities" else None)

    @property
    def _unit(self):
        if self.table is not None:
            return "slots of a row, as the columns under `table` say"
        if self.variable_length:
            return "NaN in all features of the steps after the end of a series"
        return "pixels divided by 255, channels last" if len(self.data_shape) == 3 else ""

    def _about(self):
        about = {
            "made_by": f"keras_gen {__version__}",
            "model": type(self).__name__,
            "name": self.name,
            "weights": provenance.weights_hash(self),
            "preprocessing": "float32, as under `inputs`; nothing else",
        }
        return about if self.table is None else {**about, "table": self.table.get_config()}

    def _examples(self, graph, images, labels):
        """What a file is compared on, for each input."""
        rng = np.random.default_rng(0)
        count = self.per_batch()
        if images is None:
            shape = (min(count, UNSEEN), *self.data_shape)
            data = (rng.random(shape) if self.bounded else rng.standard_normal(shape)).astype("float32")
        else:
            if labels is None and self.supervision == "required" and hasattr(images, "shape"):
                labels = np.arange(len(images)) % self.num_classes
            data, labels = self.in_memory(images, labels)
            data = data[:count]
        classes = self.spec_of("sample").num_classes
        labels = np.arange(len(data)) % (classes or 1) if labels is None else labels[: len(data)]
        given = {}
        for name, value in graph.inputs.items():
            shape = (len(data), *value.shape)
            if name == "data" and value.shape == self.data_shape:
                given[name] = data
            elif name in ("data", "images"):  # of another kind
                given[name] = rng.random(shape)
            elif name == "labels":
                given[name] = np.maximum(labels, 0)
            elif name == "seed":
                given[name] = np.arange(len(data))
            elif name == "code" and "encode" in self.offers:
                given[name] = self.encode(data, **self.label_kwargs(labels))
            else:
                given[name] = rng.standard_normal(shape)
        return {name: np.asarray(value, graph.inputs[name].dtype) for name, value in given.items()}


def in_float32(model: Any) -> Any:
    """A copy of a model whose layers compute in float32: few formats hold the operations of half a precision."""
    kept = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")  # of networks that are made by name
    try:
        copy = type(model).from_config(_with_plain_policies(model.get_config()))
    finally:
        keras.config.set_dtype_policy(kept)
    copy.set_weights(model.get_weights())
    return copy


def _with_plain_policies(config):
    """A config whose policies of dtypes are all float32."""
    if isinstance(config, list | tuple):
        return [_with_plain_policies(part) for part in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy":
        return {**config, "config": {**config["config"], "name": "float32"}}
    return {name: _with_plain_policies(part) for name, part in config.items()}
