"""The formats: how a file of each is written, told about itself, and run."""

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_gen.export.quiet import quiet
from keras_gen.extras import needed

SIGNATURE = "serving_default"
KEY = "keras_gen"  # of the metadata
BESIDE = f"{KEY}.json"  # the name of their file
OPSET = 18  # of ONNX, of 2022: old enough for every runtime, and it has all that is needed
Run = Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]


def save(module: tf.Module, folder: Path) -> None:
    """A traced module as a saved model, of which the files of the other formats are made."""
    with quiet():
        tf.saved_model.save(module, str(folder), {SIGNATURE: module.serve.get_concrete_function()})


class SavedModel:
    """The folder that TensorFlow serves."""

    ending = ""
    needs: tuple[tuple[str, str], ...] = ()  # libraries, each with its extra
    beside: tuple[str, ...] = ()  # endings of files that belong to it

    def write(self, module: tf.Module, saved: Path, path: Path) -> None:
        """Makes the file of a module, and of the saved model of it."""
        os.replace(saved, path)

    def put(self, path: Path, metadata: dict[str, Any]) -> None:
        """Puts metadata into the file."""
        (path / "assets.extra").mkdir()
        (path / "assets.extra" / BESIDE).write_text(json.dumps(metadata, indent=2))

    def read(self, path: Path) -> dict[str, Any]:
        """The metadata of a file."""
        return json.loads((path / "assets.extra" / BESIDE).read_text())

    def open(self, path: Path) -> Run:
        """The file as a function of arrays by name to arrays by name."""
        loaded = tf.saved_model.load(str(path))

        def run(given):
            # Not the signature alone: it would not keep the weights.
            made = loaded.signatures[SIGNATURE](**{name: tf.constant(value) for name, value in given.items()})
            return {name: np.asarray(value) for name, value in made.items()}

        return run


class LiteRT(SavedModel):
    """One file for phones and small devices. Its metadata are a zip archive after the model, which unzip reads."""

    ending = ".tflite"

    def write(self, module: tf.Module, saved: Path, path: Path, quantize: str | None = None, examples=None) -> None:
        converter = tf.lite.TFLiteConverter.from_saved_model(str(saved), signature_keys=[SIGNATURE])
        if quantize is not None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if quantize == "int8":
            count = len(next(iter(examples.values())))
            one_by_one = [{name: value[i : i + 1] for name, value in examples.items()} for i in range(count)]
            converter.representative_dataset = lambda: ((SIGNATURE, one) for one in one_by_one)
        with quiet():
            path.write_bytes(converter.convert())

    def put(self, path: Path, metadata: dict[str, Any]) -> None:
        with zipfile.ZipFile(path, "a") as file:  # as the format has it for files that belong to a model
            file.writestr(BESIDE, json.dumps(metadata, indent=2))

    def read(self, path: Path) -> dict[str, Any]:
        with zipfile.ZipFile(path) as file:
            return json.loads(file.read(BESIDE))

    def open(self, path: Path) -> Run:
        with quiet():  # it warns of its next home, another package
            interpreter = tf.lite.Interpreter(str(path))
            interpreter.allocate_tensors()
        runner = interpreter.get_signature_runner(SIGNATURE)
        return lambda given: runner(**given)


class Onnx(SavedModel):
    """One file for most runtimes."""

    ending = ".onnx"
    needs = (("tf2onnx", "export"), ("onnx", "export"), ("onnxruntime", "export"))

    def write(self, module: tf.Module, saved: Path, path: Path) -> None:
        onnx, tf2onnx = needed("onnx", "export", "ONNX"), needed("tf2onnx", "export", "ONNX")
        with quiet():
            model, _ = tf2onnx.convert.from_function(
                module.serve, module.serve.input_signature, opset=OPSET, custom_op_handlers=_HANDLERS
            )
        for value in (*model.graph.input, *model.graph.output):
            value.type.tensor_type.shape.dim[0].dim_param = "batch"
        onnx.save(model, str(path))

    def put(self, path: Path, metadata: dict[str, Any]) -> None:
        onnx = needed("onnx", "export", "ONNX")
        model = onnx.load(str(path))
        onnx.helper.set_model_props(model, {KEY: json.dumps(metadata)})
        onnx.save(model, str(path))

    def read(self, path: Path) -> dict[str, Any]:
        model = needed("onnx", "export", "ONNX").load(str(path))
        return json.loads({entry.key: entry.value for entry in model.metadata_props}[KEY])

    def open(self, path: Path) -> Run:
        runtime = needed("onnxruntime", "export", "ONNX")
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        return lambda given: dict(zip(names, session.run(names, given), strict=True))


def _log1p(context, node, name, args):
    """log(1 + x) of a node, which ONNX does not have."""
    one = context.make_const(f"{name}_one", np.ones((), "float32")).output[0]
    total = context.make_node("Add", [node.input[0], one])
    node.type = "Log"
    context.replace_input(node, node.input[0], total.output[0], 0)
    return node


def _erfc(context, node, name, args):
    """1 - erf(x) of a node, which ONNX does not have either."""
    one = context.make_const(f"{name}_one", np.ones((), "float32")).output[0]
    erf = context.make_node("Erf", [node.input[0]])
    node.type = "Sub"
    context.replace_inputs(node, [one, erf.output[0]])
    return node


_HANDLERS: dict[str, tuple] = {"Log1p": (_log1p, []), "Erfc": (_erfc, [])}


class OpenVino(SavedModel):
    """Two files, .xml and .bin, for processors of Intel."""

    ending = ".xml"
    needs = (("openvino", "openvino"),)
    beside = (".bin",)

    def write(self, module: tf.Module, saved: Path, path: Path) -> None:
        openvino = needed("openvino", "openvino", "OpenVINO")
        with quiet():
            openvino.save_model(openvino.convert_model(str(saved)), str(path), compress_to_fp16=False)

    def put(self, path: Path, metadata: dict[str, Any]) -> None:
        openvino = needed("openvino", "openvino", "OpenVINO")
        model = openvino.Core().read_model(path.read_bytes(), path.with_suffix(".bin").read_bytes())
        model.set_rt_info(json.dumps(metadata), [KEY])
        openvino.save_model(model, str(path), compress_to_fp16=False)

    def read(self, path: Path) -> dict[str, Any]:
        model = needed("openvino", "openvino", "OpenVINO").Core().read_model(str(path))
        return json.loads(model.get_rt_info([KEY]).astype(str))

    def open(self, path: Path) -> Run:
        openvino = needed("openvino", "openvino", "OpenVINO")
        # Else it computes in bfloat16 where the processor can.
        model = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        names = [output.get_any_name() for output in model.outputs]
        return lambda given: dict(zip(names, model(given).values(), strict=True))


FORMATS: dict[str, SavedModel] = {
    "tf_saved_model": SavedModel(), "litert": LiteRT(), "onnx": Onnx(), "openvino": OpenVino(),
}  # fmt: skip
