"""The verb that finds what is unlike normal images."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

import keras_gen as kg
from keras_gen.cli.app import Force, app
from keras_gen.cli.options import check_option, choose_images, named_data
from keras_gen.downloads import shipped
from keras_gen.files import refuse_overwrite
from keras_gen.table.files import SUFFIXES

REPORT = ("scores.csv", "worst.png", "histogram.png", "metrics.json")
Method = Literal["reconstruction", "likelihood", "latent", "critic", "neighbors", "gaussian", "patches"]


@app.command
def detect(
    run: str,
    folder: str | None = None,
    *,
    out: str,
    method: Annotated[Method | None, Parameter(name=("--method", "--score"))] = None,
    pooling: Literal["mean", "max", "top"] | None = None,
    extractor: str | None = None,
    weights: str = "imagenet",
    image_size: int = 224,
    relative: Literal["energy", "variation"] | None = None,
    blur: float = 0.0,
    normal: str | None = None,
    false_alarms: float = 0.05,
    save: str | None = None,
    count: int = 20,
    on_error: Literal["stop", "skip"] = "stop",
    verbose: int = 1,
    force: Force = False,
) -> None:
    """Score images, or the rows of a table, by how unlike they are to normal ones; write a table and pictures.

    A model of a run tells what is normal; or, with --extractor and --normal, features of normal images do. In MVTec's
    layout the test split is judged, and the AUROC of images and of pixels is told.

    Args:
        run: run folder, .keras file or shipped model; or a detector, saved or shipped; nothing with --extractor.
        folder: of images, at any depth, which are made of the model's size; or a .csv, .tsv or .parquet file.
        out: folder for the report: scores.csv, worst.png, histogram.png, metrics.json.
        method: squared error of the reconstruction, the model's own score, distance of the code, a GAN's critic; or of
            features, distance to the nearest neighbors, from a gaussian for each position, or of patches from a memory
            of normal ones. If not given, what suits the model.
        pooling: how a map becomes one score, by its mean, its max or the mean of its top hundredth.
        extractor: what makes the features: a network of keras.applications, such as mobilenet_v2; oriented_gradients,
            which needs no download; or a model of the package.
        weights: of a network of keras.applications: imagenet, which is downloaded, or a file.
        image_size: side of the images for oriented_gradients and a network of keras.applications.
        relative: divide the error by the energy of the image (bright strokes on a dark background) or its variation;
            of plain errors the busiest images are the worst, whatever they show.
        blur: of the errors, in pixels, before they are squared.
        normal: normal data that set the threshold, and that a memory is made of: a name, folder or file; the run's own
            held-out split if not given, or, where its test split has defects, what its epochs are judged on.
        false_alarms: share of the normal data that may be called an anomaly, on average at most.
        save: file to save the detector to, a .zip that this verb takes in place of a run.
        count: how many of the worst are drawn.
        on_error: stop at files that cannot be read, or skip them and name them.
        verbose: 0 silent, 1 a progress bar.
    """
    check_option("count", count, 1)
    if folder is None:
        if extractor is None:
            raise ValueError(f"FOLDER is missing: give RUN and FOLDER, or FOLDER and --extractor. Received: {run}")
        run, folder = "", run
    refuse_overwrite(out, force)
    if force:
        for name in REPORT:
            (Path(out) / name).unlink(missing_ok=True)
    is_table = Path(folder).suffix.lower() in SUFFIXES and Path(folder).is_file()
    if not is_table and not Path(folder).is_dir():
        raise FileNotFoundError(f"FOLDER must be a folder of images, or a table. Received: {folder}, which is none")
    from keras_gen.saving import is_detector

    if is_detector(run):
        if extractor is not None or normal is not None:
            raise ValueError(f"A saved detector needs neither --extractor nor --normal. Received: {run} with one")
        detector = kg.tasks.AnomalyDetector.load(run)
    else:
        model, images = _normal(run, extractor, weights, image_size, normal)
        if extractor is not None and method is None and hasattr(model, "offers"):
            method = "neighbors"
        detector = kg.tasks.AnomalyDetector(model, method, pooling, false_alarms, relative, blur).fit(images)
    if save is not None:
        refuse_overwrite(save, force)
        detector.save(save)
    if is_table:
        total, found = kg.tasks.detect_table(detector, folder, out)
        print(f"{found} of {total} rows are anomalies at {detector.false_alarms:.1%} false alarms: {out}")
        return
    total, found = kg.tasks.detect_folder(detector, folder, out, on_error=on_error, count=count, verbose=verbose)
    print(f"{found} of {total} images are anomalies at {detector.false_alarms:.1%} false alarms: {out}")
    metrics = json.loads((Path(out) / "metrics.json").read_text())
    areas = {name: metrics[f"{name}_auroc"] for name in ("image", "pixel") if f"{name}_auroc" in metrics}
    if areas:
        print("AUROC of " + ", of ".join(f"{name}s {area:.3f}" for name, area in areas.items()))


def _normal(run: str, extractor: str | None, weights: str, image_size: int, normal: str | None) -> tuple[Any, Any]:
    """What measures, and normal images of its size."""
    if extractor is None:
        model, images, _ = choose_images(run, normal, None, "--normal", normal=True)
        return model, images
    if not run and normal is None:
        raise ValueError("Without a run there must be images to call normal: --normal FOLDER. Received: none")
    if Path(extractor).exists() or extractor in shipped():
        model = kg.load(extractor)
        shape = model.data_shape
    else:
        shape = (image_size, image_size, 3)
        of_gradients = extractor == "oriented_gradients"
        model = (
            kg.tasks.oriented_gradients(shape) if of_gradients else kg.tasks.application(extractor, image_size, weights)
        )
    if normal is not None:
        dataset, _ = named_data(normal, shape, labels=False, normal=True)
        return model, kg.data.stack(dataset)
    config = kg.open_run(run).config
    split = config.validation_split if config.sources[0].has_defects else config.held_out_split
    return model, kg.data.stack(config.load(split, labels=False, image_size=shape[:2], channels=shape[2]))
