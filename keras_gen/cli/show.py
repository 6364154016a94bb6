"""Verbs that draw what a model makes of images, and tell what made one."""

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np

import keras_gen as kg
from keras_gen.cli.app import app, writes
from keras_gen.cli.options import check_images, check_option, choose_data, choose_images, save_groups
from keras_gen.files import write_atomically
from keras_gen.table.files import read_table, save_table


def save_array(x: np.ndarray, out: str) -> Path:
    """Series as a .npy file, written whole or not at all."""

    def write(temporary: Path) -> None:
        with open(temporary, "wb") as file:
            np.save(file, np.asarray(x))

    write_atomically(out, write)
    return Path(out)


def takes(method: Callable, name: str) -> bool:
    """Whether a method has an argument of that name."""
    return name in inspect.signature(method).parameters


def check_asked(method: Callable, asked: dict, name: str) -> None:
    """Raises a ValueError if an option was given that a method does not take."""
    for option, value in asked.items():
        if not takes(method, option):
            raise ValueError(f"{name} does not sample by it: leave --{option} out. Received: --{option} {value}")


def way_of(states: np.ndarray) -> np.ndarray:
    """States (frames, N, ...) as walks (N, frames, ...)."""
    return kg.images.like(np.asarray(states).swapaxes(0, 1), states)


@writes
def sample(
    run: str,
    *,
    count: int = 64,
    label: list[int] | None = None,
    prior: Literal["normal", "mixture"] | None = None,
    components: int | None = None,
    data: str | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    sampler: Literal["euler", "heun", "ddim", "ddpm"] | None = None,
    temperature: float | None = None,
    seed: int | None = None,
    out: str = "samples.png",
) -> None:
    """Draw images from a model.

    Args:
        run: run folder, .keras file or shipped model.
        count: how many.
        label: classes, or components of a mixture, to draw in turn; of several give --label several times.
        prior: of the codes: the model's own if not given; "normal"; or "mixture", normals that are fitted to the codes
            of data, which any model has that encodes and decodes.
        components: how many normals, 10 if not given; without --prior, that of "mixture".
        data: those data; the run's own held-out split if not given.
        steps: of a model that goes from noise to data, in how many; 50 if not given.
        guidance: of such a model with classes, how much more typical of its class an image is to be, 0 or more.
        sampler: of such a model, the rule of its steps.
        temperature: of a model that draws code after code: below 1 for likelier codes.
        seed: the same seed gives the same images.
        out: a picture of all (.png, .jpg, .webp); an animation (.gif) that shows one after the other, or the way from
            noise to all of them, of a model that goes such a way; or a folder for a file of each. Rows of a table go to
            a .csv, .tsv or .parquet file; series are drawn, or go to a .npy file.
    """
    check_option("count", count, 1)
    labels = None if label is None else np.resize(label, count)
    asked = {"steps": steps, "guidance": guidance, "sampler": sampler, "temperature": temperature}
    asked = {name: value for name, value in asked.items() if value is not None}
    if prior == "mixture" or components is not None:
        if prior == "normal":
            raise ValueError(f"--components are of --prior mixture. Received: --prior normal --components {components}")
        model, dataset, *_ = choose_data(run, data, None)
        given = {} if labels is None else {"labels": labels}
        of_codes = kg.tasks.CodeSampler(model, 10 if components is None else components).fit(dataset)
        check_asked(of_codes.sample, asked, "A mixture of codes")
        images = of_codes.sample(count, seed=seed, **given)
    else:
        model = kg.load(run)
        if prior == "normal" and not model.has_normal_prior:
            raise ValueError(f"{type(model).__name__} has no normal prior: leave --prior out. Received: --prior normal")
        check_asked(model.sample, asked, type(model).__name__)
        progress = {"verbose": 1} if takes(model.sample, "verbose") and sys.stderr.isatty() else {}
        if Path(out).suffix == ".gif" and hasattr(model, "trajectory"):
            walks = model.trajectory(count, labels, seed, **asked, **progress)
            print(kg.images.save_animation(way_of(check_images(model, walks)), out, back=False, hold=2.0))
            return
        images = model.sample(count, labels, seed, **asked, **progress)
    if model.table is not None:
        print(save_table(images, out))
        return
    if len(model.data_shape) == 2:
        print(save_array(images, out) if Path(out).suffix == ".npy" else save_groups(model, [images], out))
        return
    print(kg.images.save(check_images(model, images), out))


@writes
def impute(run: str, table: str, *, out: str) -> None:
    """Fill the missing values of a table by a model of its columns.

    Args:
        run: run folder, .keras file or shipped model, trained on a table.
        table: .csv, .tsv or .parquet file with the columns of the training; others stay as they are.
        out: file for the filled table, of the same kinds.
    """
    rows = read_table(table)
    filled = kg.load(run).impute(rows)
    print(f"{save_table(filled, out)}: {int(rows.isna().sum().sum() - filled.isna().sum().sum()):,} values filled.")


@writes
def reconstruct(run: str, *, data: str | None = None, count: int = 10, out: str = "reconstructions.png") -> None:
    """Show images above their reconstructions.

    Args:
        run: run folder, or with --data any model.
        data: where to take the images from; the run's own held-out split if not given.
        count: how many.
        out: picture, .png, .jpg or .webp; of a table a .csv, .tsv or .parquet file.
    """
    check_option("count", count, 1)
    model, images, labels = choose_images(run, data, count)
    if model.table is not None:
        made = model.table.decode(model.reconstruct(images, **model.label_kwargs(labels)))
        print(save_table(made, out))
        return
    print(save_groups(model, [images, model.reconstruct(images, **model.label_kwargs(labels))], out))


@writes
def denoise(
    run: str,
    *,
    data: str | None = None,
    as_given: bool = False,
    count: int = 10,
    seed: int = 0,
    out: str = "denoised.png",
) -> None:
    """Show images, the noise that they are given, and what the model restores; print the PSNR of both.

    Args:
        run: run folder, or with --data any model that denoises.
        data: where to take the images from; the run's own held-out split if not given.
        as_given: restore the images as they are, without adding noise.
        count: how many.
        seed: of the noise.
        out: picture, .png, .jpg or .webp.
    """
    check_option("count", count, 1)
    model, images, _ = choose_images(run, data, count)
    groups = [images, model.denoise(images)]
    if not as_given:
        noisy = model.corrupt(images, seed)
        groups = [images, noisy, model.denoise(noisy)]
        for name, group in zip(("noisy", "restored"), groups[1:], strict=True):
            print(f"{name}: PSNR {kg.evaluation.psnr(images, group):.2f} dB")
    print(save_groups(model, groups, out))


@writes
def separate(
    run: str, *, data: str | None = None, as_given: bool = False, count: int = 10, out: str = "separated.png"
) -> None:
    """Show mixtures of images above the sources that the model finds in them.

    Args:
        run: run folder, or with --data any model that separates.
        data: where to take the images from; the run's own held-out split if not given.
        as_given: take the images as mixtures, instead of mixing each with the next ones.
        count: how many.
        out: picture, .png, .jpg or .webp.
    """
    check_option("count", count, 1)
    model, mixtures, _ = choose_images(run, data, count)
    separated = model.separate(mixtures)
    if not as_given:
        mixtures, _ = model.mix(mixtures)
        separated = model.separate(mixtures)
    rows = kg.images.rows(mixtures, *separated.swapaxes(0, 1))
    print(kg.images.save_grid(check_images(model, rows), out, columns=len(mixtures)))


@app.command
def translate(
    run: str,
    folder: str,
    *,
    out: str,
    direction: Literal["forward", "backward"] | None = None,
    channels: int | None = None,
    on_error: Literal["stop", "skip"] = "stop",
    verbose: int = 1,
) -> None:
    """Translate every image of a folder, each in its own size, into PNG files of the same names.

    Args:
        run: run folder, .keras file or shipped model.
        folder: of images, at any depth; read one at a time.
        out: folder for the translations; nothing that exists is overwritten.
        direction: of a model that translates there and back.
        channels: turn files into gray (1) or colour (3) images before; none for as they are.
        on_error: stop at a file that cannot be translated, or skip it and name it.
        verbose: 0 silent, 1 a progress bar.
    """
    model = kg.load(run)
    options = {} if direction is None else {"direction": direction}
    if direction is not None and model.target_mode != "unpaired":
        raise ValueError(f"{type(model).__name__} knows one direction only. Received: --direction {direction}")
    count = kg.tasks.translate_folder(
        model, folder, out, on_error=on_error, channels=channels, verbose=verbose, **options
    )
    print(f"{out}: {count} images.")


@writes
def compress(
    run: str, folder: str, *, out: str, bits: int | None = None, on_error: Literal["stop", "skip"] = "stop"
) -> None:
    """Write the codes of a folder of images to one file, each image made to the model's size.

    Args:
        run: run folder, .keras file or shipped model, that encodes and decodes.
        folder: of images, at any depth.
        out: file.
        bits: of each number of a code, 1 to 16; 6 if not given. Discrete codes are whole numbers and take none.
        on_error: stop at files that cannot be read, or skip them and name them.
    """
    count, before = kg.tasks.compression.compress_folder(kg.load(run), folder, out, bits, on_error)
    print(f"{out}: {count} images, {Path(out).stat().st_size:,} bytes; as files they have {before:,}.")


@writes
def decompress(run: str, file: str, *, out: str) -> None:
    """Write the images of a file of `compress` into a folder of PNG files.

    Args:
        run: that wrote the codes: run folder, .keras file or shipped model.
        file: of codes.
        out: folder.
    """
    print(f"{out}: {kg.tasks.compression.decompress_folder(kg.load(run), file, out)} images.")


@writes
def filters(run: str, *, count: int = 100, out: str = "filters.png") -> None:
    """Draw what the units of a dense first layer look for: their weights as images, gray for 0.

    Args:
        run: run folder, .keras file or shipped model.
        count: how many units.
        out: picture, .png, .jpg or .webp.
    """
    check_option("count", count, 1)
    model = kg.load(run)
    print(kg.images.save_grid(kg.tasks.filters(model, count), out))


@writes
def map_(
    run: str,
    *,
    data: str | None = None,
    method: Literal["pca", "tsne"] = "pca",
    count: int = 2000,
    out: str = "codes.png",
) -> None:
    """Draw the codes of images as points, coloured by class.

    Args:
        run: run folder, or with --data any model.
        data: where to take the images from; the run's own held-out split if not given.
        method: how more than two dimensions are brought to two: the plane of the largest variance, or t-SNE.
        count: how many.
        out: picture, .png, .jpg or .webp.
    """
    check_option("count", count, 2)
    model, images, labels = choose_images(run, data, count)
    names = choose_data(run, data, 1).source.info.class_names
    print(kg.tasks.latent_map(model, images, labels, out, method, class_names=names))


@app.command(name="inspect")
def inspect_(file: str) -> None:
    """Tell what made an image.

    Args:
        file: image file.
    """
    found = kg.images.provenance(file)
    if found is None:
        print(kg.images.ABSENT)
    for name, value in (found or {}).items():
        print(f"{name}: {value}")
