"""The shipped models as files for other programs: `python benchmarks/export.py` writes results/export.json.

Each is written in every format, what people run of it, and compared with the model on real images; then file and model
take the same images in turns. LiteRT is quantised besides.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import sklearn.datasets
from claims import CLAIMS
from measuring import PHOTOGRAPHS
from racing import write

import keras_gen as kg
from keras_gen import export
from keras_gen.files import shipped

COUNT, ROUNDS = 100, 7
ENDINGS = {"tf_saved_model": "", "litert": ".tflite", "onnx": ".onnx", "openvino": ".xml"}
FILES = [(name, None) for name in ENDINGS] + [("litert", "float16"), ("litert", "int8")]


def bytes_of(path, ending):
    files = path.rglob("*") if path.is_dir() else [path, *([path.with_suffix(".bin")] if ending == ".xml" else [])]
    return sum(file.stat().st_size for file in files if file.is_file())


def milliseconds(functions, count):
    """Of one example, medians of rounds in turns, by name."""
    rounds = {name: [] for name in functions}
    for i in range(ROUNDS + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if i:
                rounds[name].append(1e3 * (time.perf_counter() - start) / count)
    return {name: statistics.median(values) for name, values in rounds.items()}


def exported(model, options, graph, examples, own, folder):
    """Figures of one model, by file."""
    count, found, functions = len(next(iter(examples.values()))), {}, {"model": own}
    for format, quantize in FILES:
        name = format if quantize is None else f"{format} {quantize}"
        path = model.export(
            Path(folder) / f"{name.replace(' ', '_')}{ENDINGS[format]}",
            format,
            quantize=quantize,
            verbose=False,
            **options,
        )
        said = export.read_metadata(path)
        row = {"largest_difference": said["largest_difference"], "bytes": bytes_of(path, ENDINGS[format])}
        found[name] = row | {key: value for key, value in said.get("quantized", {}).items() if key != "to"}
        run = export.open_file(path)
        functions[name] = lambda run=run: run(examples)
    for name, value in milliseconds(functions, count).items():
        found.setdefault(name, {})["milliseconds_per_example"] = value
    return {"part": graph.about["part"], "files": found}


def of_model(name, images, labels, folder):
    model = kg.load(name)
    x = images
    if model.table is not None:
        rows = sklearn.datasets.load_wine(as_frame=True).frame
        rows["cultivar"] = rows.pop("target").map({0: "Barolo", 1: "Grignolino", 2: "Barbera"})
        x = model.table.encode(rows.sample(COUNT, random_state=0))
    elif model.data_shape[0] < 28:  # of a larger image, as it was trained
        x = images.reshape(len(images), 14, 2, 14, 2, 1).mean(axis=(2, 4))
    given = {"labels": labels} if model.supervision == "required" else {}
    graph = next(iter(model.export_parts().values()))
    examples = model._examples(graph, x, given.get("labels"))
    if graph.about["part"] == "generator":
        network, inputs = model.network("generator"), list(examples.values())
        own = lambda: network.predict(inputs[0] if len(inputs) == 1 else inputs, COUNT, verbose=0)  # noqa: E731
    elif isinstance(model, kg.RBM):
        own = lambda: model.reconstruct(x)  # noqa: E731  its `predict` gives free energies
    else:
        own = lambda: model.predict((x, labels) if given else x, COUNT, verbose=0)  # noqa: E731
    return exported(model, {"images": x, **given}, graph, examples, own, folder)


def of_detector(name, folder):
    detector = kg.tasks.AnomalyDetector.load(name)
    cars, ships = (
        kg.data.stack(kg.data.load(f"{PHOTOGRAPHS}/test/{kind}", shuffle=False, limit=COUNT))
        for kind in ("automobile", "ship")
    )
    graph = kg.tasks.anomaly.exporting.graph_of(detector)
    options = {"images": cars, "anomalies": ships}
    return exported(detector, options, graph, {"data": cars}, lambda: detector.score_samples(cars), folder)


def main():
    start = time.time()
    images, labels = kg.data.stack(kg.data.load("mnist_mini", "test", shuffle=False, labels=True, limit=COUNT))
    found = {}
    for name in (*shipped(), *shipped(".zip")):
        with tempfile.TemporaryDirectory() as folder:
            is_model = name in shipped()
            found[name] = of_model(name, images, labels, folder) if is_model else of_detector(name, folder)
        print(name, found[name], flush=True)
    quick = {
        format: sum(
            model["files"][format]["milliseconds_per_example"] < model["files"]["model"]["milliseconds_per_example"]
            for model in found.values()
        )
        for format in ENDINGS
    }
    write(
        "export",
        {
            "what": f"{len(found)} shipped models as files of {len(ENDINGS)} formats: the largest difference from them",
            "published": "none",
            "ours": CLAIMS["export"]({"models": found}),
            "figures": {"models": found},
            "settings": f"batches of {COUNT} real examples, fewer of models that hold copies of each; medians of "
            f"{ROUNDS} rounds in turns; quicker than `predict`: "
            + ", ".join(f"{format} {count} of {len(found)}" for format, count in quick.items()),
            "seed": 0,
            "minutes": (time.time() - start) / 60,
        },
    )


if __name__ == "__main__":
    os.chdir(Path(__file__).parent.parent)
    main()
