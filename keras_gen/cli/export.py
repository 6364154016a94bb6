"""The verb that writes a part of a model for other programs."""

from typing import Any, Literal

import keras_gen as kg
from keras_gen.cli.app import writes
from keras_gen.cli.options import choose_table, named_data

COUNT = 100  # examples that a file is compared on


@writes
def export(
    run: str,
    *,
    out: str,
    format: Literal["tf_saved_model", "litert", "onnx", "openvino"] = "tf_saved_model",
    part: str | None = None,
    data: str | None = None,
    quantize: Literal["float16", "int8"] | None = None,
    limit: float = 1e-4,
) -> None:
    """Write a part of a model to a file that runs without this package, and compare the two.

    Inputs are float32 as the model takes them, channels last, with a batch of any size. The file says about itself what
    it takes and gives; of a detector the thresholds, too.

    Args:
        run: run folder, .keras file or shipped model; or a detector, saved or shipped.
        out: a folder for tf_saved_model, else a file that ends in .tflite, .onnx or .xml.
        format: of TensorFlow, of phones, of most runtimes, or of processors of Intel.
        part: encoder, decoder, generator, critic, score, sample (an image of each seed) or what else the model has: a
            wrong name lists all; if not given, what people run.
        data: to compare on; the run's own held-out split if not given, or else mnist_mini for gray images.
        quantize: weights of litert; the loss of PSNR or AUROC is told.
        limit: of the difference from the model; of codes and scores relative to the largest.
    """
    from keras_gen.saving import is_detector  # now: Keras takes seconds to import

    if is_detector(run):
        detector = kg.tasks.AnomalyDetector.load(run)
        images = None if data is None else kg.data.stack(named_data(data, detector.data_shape_, COUNT)[0])
        images = images[0] if isinstance(images, tuple) else images
        detector.export(out, format, images=images, quantize=quantize, limit=limit)
        return
    model, images, labels = _examples(run, data)
    model.export(out, format, part=part, images=images, labels=labels, quantize=quantize, limit=limit)


def _examples(run, data):
    """The model, and images and labels to compare on, or None: of its run, or what has such a shape."""
    opened = kg.training.run_of(run)
    model = kg.load(run) if opened is None else opened.model
    if data is not None:
        source: Any = data
        if model.table is not None:
            source = choose_table(model, data, None if opened is None else opened.config)
        dataset = named_data(source, model.data_shape, COUNT)[0]
    elif opened is not None:
        dataset = opened.config.held_out(COUNT, None)
    elif len(model.data_shape) == 3 and model.data_shape[2] == 1:
        dataset = named_data("mnist_mini", model.data_shape, COUNT)[0]
    else:
        return model, None, None
    found = kg.data.stack(dataset)
    images, labels = found if isinstance(found, tuple) else (found, None)
    needs_labels = model.data_spec.num_classes is not None and labels is not None and labels.ndim == 1
    fits = needs_labels and labels.max(initial=0) < model.data_spec.num_classes
    return model, images, labels if fits else None
