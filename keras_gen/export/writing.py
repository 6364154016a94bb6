"""A graph to a file: written beside its place, run, compared with the model, and only then put there."""

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from keras_gen.export import quality
from keras_gen.export.formats import FORMATS, Run, SavedModel, save
from keras_gen.export.graph import Graph
from keras_gen.extras import needed

LIMIT = 1e-4  # of a difference between a file and its model
SMALLEST = 1e-3  # of what a difference is relative to: below it all is noise
QUANTIZED = ("float16", "int8")


def check(path: str | Path, format: str, quantize: str | None = None) -> Path:
    """The path, if a file of that format can be written there.

    Raises:
        ValueError: if it has another ending, or there is no such format, or it cannot be quantised.
        FileExistsError: if something else is there.
        ImportError: if a library of the format is not installed.
    """
    path = Path(path)
    if format not in FORMATS:
        raise ValueError(f"`format` must be one of {', '.join(map(repr, FORMATS))}. Received: format={format!r}")
    ending = FORMATS[format].ending
    if quantize is not None and (quantize not in QUANTIZED or format != "litert"):
        raise ValueError(
            "`quantize` must be 'float16' or 'int8', with format='litert', or None. "
            f"Received: quantize={quantize!r}, format={format!r}"
        )
    if ending and path.suffix != ending:
        raise ValueError(f"format={format!r} is written to a file that ends in {ending}. Received: {path}")
    if not ending and path.suffix in {one.ending for one in FORMATS.values() if one.ending}:
        raise ValueError(f"format={format!r} is written to a folder, and {path.suffix} is a file's. Received: {path}")
    if ending and path.is_dir():
        raise FileExistsError(f"format={format!r} is written to a file. Received: {path}, which is a folder")
    if not ending and (path.is_file() or (path.is_dir() and any(path.iterdir()) and not _is_saved_model(path))):
        raise FileExistsError(
            f"format={format!r} is written to a folder of its own. Received: {path}, which is something else"
        )
    for module, extra in FORMATS[format].needs:
        needed(module, extra, f"format={format!r}")
    return path


def write(
    graph: Graph,
    path: str | Path,
    format: str,
    examples: dict[str, np.ndarray],
    odd: np.ndarray | None = None,
    quantize: str | None = None,
    limit: float = LIMIT,
) -> dict[str, Any]:
    """Writes a graph to a file, and returns what stands in its metadata.

    The file is run on the examples, on all and on the first alone, and compared with the model. One that is quantised
    is compared too, but nothing is refused; its metadata say what it loses.

    Args:
        graph: what to write.
        path: of the file, or of the folder of a saved model; replaced whole, or not at all.
        format: of FORMATS.
        examples: (B, ...) for each input, by name.
        odd: (B, ...) of what is unlike normal data, for the AUROC that a quantised score loses; None for the examples
            upside down.
        quantize: None, "float16" or "int8", of "litert".
        limit: of the difference; of outputs without a range, as scores, relative to the largest of them.

    Raises:
        RuntimeError: if the format cannot hold the graph, or the file gives something else than the model.
    """
    path, kind = check(path, format, quantize), FORMATS[format]
    expected = graph.eager(examples)
    metadata = {"format": format, **graph.metadata({name: value.shape[1:] for name, value in expected.items()})}
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as scratch:
        (Path(scratch) / "made").mkdir()
        made = Path(scratch) / "made" / path.name
        run = _made(graph, kind, Path(scratch) / "saved", made, quantize, examples)
        found = run(examples)
        alone = run({name: value[:1] for name, value in examples.items()})
        metadata["compared_on"] = len(next(iter(examples.values())))
        metadata["largest_difference"] = max(_difference(graph, made, expected) for made in (found, alone))
        if quantize is None and not metadata["largest_difference"] <= limit:
            raise RuntimeError(
                f"Nothing was written: what a file gives must be within {limit:g} of what the model gives, of outputs "
                f"without a range relative to the largest. Received: format={format!r}, which differs by "
                f"{metadata['largest_difference']:.2g}"
            )
        if quantize is not None:
            metadata["quantized"] = {"to": quantize, **quality.lost(graph, run, examples, odd)}
        del run
        kind.put(made, metadata)
        _put_in_place(made, path, kind)
    return metadata


def summary(path: Path, written: dict[str, Any], on_random: bool = False) -> str:
    """What to tell of a file, in a line or two.

    Args:
        path: of the file.
        written: its metadata.
        on_random: whether it was compared on random examples.
    """
    files = [path.with_suffix(ending) for ending in ("", *FORMATS[written["format"]].beside)] if path.is_file() else []
    files = [path, *files[1:]] if files else [file for file in path.rglob("*") if file.is_file()]
    count = f"{written['compared_on']} {'random ' if on_random else ''}examples"
    lines = [
        f"{path}: {written['part']} of {written['model']}, {sum(file.stat().st_size for file in files):,} bytes; "
        f"on {count} it differs from the model by {written['largest_difference']:.1e} at most."
    ]
    if "quantized" in written:
        lines += [f"{path}: {line}" for line in quality.sentences(written["quantized"])]
    return "\n".join(lines)


def read_metadata(path: str | Path) -> dict[str, Any]:
    """What stands in the metadata of a file that was exported.

    Raises:
        ValueError: if it has none.
    """
    path = Path(path)
    try:
        return _format_of(path).read(path)
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise ValueError(f"This must be a file that `export` wrote ({error}). Received: {path}") from None


def open_file(path: str | Path) -> Run:
    """A file that was exported, as a function of arrays by name to arrays by name."""
    return _format_of(Path(path)).open(Path(path))


def _format_of(path):
    return next((kind for kind in FORMATS.values() if kind.ending == path.suffix), FORMATS["tf_saved_model"])


def _made(graph: Graph, kind: SavedModel, saved: Path, path: Path, quantize, examples) -> Run:
    """Writes a file, and opens it."""
    options = {} if quantize is None else {"quantize": quantize, "examples": examples}
    try:
        with graph.lending():
            module = graph.traced()
            save(module, saved)
            kind.write(module, saved, path, **options)
        return kind.open(path)
    except Exception as error:  # converters raise what they like
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)[:300]
        raise RuntimeError(f"Nothing was written: the format cannot hold this part. Received: {reason}") from error


def _difference(graph, found, expected):
    """The largest of all outputs, as far as both go; of those without a range relative to the largest of them."""
    worst = 0.0
    for name, value in expected.items():
        there = np.asarray(found[name], "float64")
        here = np.asarray(value[: len(there)], "float64")
        if there.shape != here.shape or not np.array_equal(np.isfinite(there), ~np.isnan(here)):
            return float("inf")
        size = np.max(np.abs(np.nan_to_num(value)), initial=0)  # NaN: a series has ended
        scale = max(size, SMALLEST) if graph.outputs[name].range is None else 1.0
        worst = max(worst, float(np.max(np.abs(np.nan_to_num(there - here)), initial=0) / scale))
    return worst


def _is_saved_model(path):
    return (path / "saved_model.pb").is_file()


def _put_in_place(made: Path, path: Path, kind: SavedModel) -> None:
    """A rename for each: what was there before is there until then."""
    for ending in kind.beside:
        os.replace(made.with_suffix(ending), path.with_suffix(ending))
    if path.is_dir():
        os.replace(path, made.parent / "before")  # goes with the scratch
    os.replace(made, path)
