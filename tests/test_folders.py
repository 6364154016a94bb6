"""Folders of images as people have them: layouts, links, kinds of files, and pairs in one folder."""

import json
import re
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import keras_gen as kg
from keras_gen.data import image_files
from keras_gen.data.image_files import read_image
from keras_gen.data.open import opened
from keras_gen.training.config import RunConfig

MVTEC = ("train/good/0 train/good/1 test/good/0 test/crack/0 test/crack/1 ground_truth/crack/0_mask "
         "ground_truth/crack/1_mask")  # fmt: skip
# Files, then what is recognised: splits, classes, and what `describe` tells beside them.
LAYOUTS = {
    "classes": ("cat/0 cat/1 dog/0", {"train": 3}, ["cat", "dog"], ""),
    "no classes": ("0 1", {"train": 2}, None, ""),
    "one class": ("cat/0 cat/deep/1", {"train": 2}, ["cat"], 'classes_from="last" makes 2'),
    "deep": ("cat/0 cat/a/1 dog/b/c/2", {"train": 3}, ["cat", "dog"], 'first level.*classes_from="last" makes 3'),
    "splits": ("train/cat/0 train/dog/0 val/cat/0 test/dog/0", {"train": 2, "validation": 1, "test": 1},
               ["cat", "dog"], ""),
    "splits without classes": ("train/0 test/0 test/1", {"train": 1, "test": 2}, None, ""),
    "kin": ("training/a/0 valid/a/0 testing/a/0", {"train": 1, "validation": 1, "test": 1}, ["a"], ""),
    "capitals": ("Train/a/0 Validation/a/0 TEST/a/0", {"train": 1, "validation": 1, "test": 1}, ["a"], ""),
    "dev": ("train/a/0 dev/a/0", {"train": 1, "validation": 1}, ["a"], ""),
    "train alone": ("train/a/0 train/b/0", {"train": 2}, ["a", "b"], ""),
    "with years": ("train2017/0 val2017/0", {"train": 1, "validation": 1}, None, ""),
    "in words": ("Training Set/0 test-images/0", {"train": 1, "test": 1}, None, ""),
    "twice around": ("seg_train/seg_train/a/0 seg_train/seg_train/b/0 seg_test/seg_test/a/0",
                     {"train": 2, "test": 1}, ["a", "b"], ""),
    "around splits": ("data/v2/train/a/0 data/v2/train/b/0 data/v2/test/a/0", {"train": 2, "test": 1}, ["a", "b"], ""),
    "around classes": ("photos/a/0 photos/b/0", {"train": 2}, ["a", "b"], ""),
    "a folder of images": ("train/images/0 test/images/0", {"train": 1, "test": 1}, None, ""),
    "classes around splits": ("a/train/0 a/test/0 b/train/0 b/test/0", {"train": 2, "test": 2}, ["a", "b"], ""),
    "MVTec": (MVTEC, {"train": 2, "test": 3}, ["crack", "good"], "ground_truth left out: masks"),
    "MVTec, whole": (" ".join(f"{kind}/{file}" for kind in ("nut", "pill") for file in MVTEC.split()),
                     {"train": 4, "test": 6}, ["nut", "pill"], "ground_truth left out: masks.*first level"),
    "masks beside images": ("images/0 images/1 masks/0 masks/1", {"train": 2}, None, "masks left out: masks"),
    "masks among defects": ("train/ok/0 test/ok/0 test/bad/0 test/gt/0", {"train": 1, "test": 2}, ["bad", "ok"],
                            "gt left out: masks"),
    "faces with masks": ("mask/0 no_mask/0", {"train": 2}, ["mask", "no_mask"], ""),
    "numbers": (" ".join(f"{i}/0" for i in range(12)), {"train": 12}, [str(i) for i in range(12)], ""),
    "clutter": ("cat/0 .hidden/0 .ipynb_checkpoints/0 __MACOSX/cat/0 .thumbnails/0 .Trash-1000/0 cat/._0",
                {"train": 1}, ["cat"], "__MACOSX and 1 more left out: hidden"),
    "no images": ("cat/0 dog/notes.txt cat/Thumbs.db cat/desktop.ini .DS_Store labels/deep/x.txt", {"train": 1},
                  ["cat"], "2 empty folders: dog, labels"),
    "no test images": ("train/a/0 train/b/0 test/x.txt", {"train": 2}, ["a", "b"], "1 empty folder: test"),
    "some in no class": ("cat/0 dog/0 stray", {"train": 3}, ["cat", "dog"], "1 images in no class"),
}  # fmt: skip


def write(root, names, size=(4, 4)):
    """Small images of these names, png where they name no kind; other kinds are files of text."""
    for i, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix or path.name in (".DS_Store",):
            path.write_text("no image")
        else:
            Image.new("RGB", size, (i, 10 * i, 0)).save(f"{path}.png")


def names_of(text):
    """Names of files, of which some have a blank in them."""
    return text.replace("Training Set", "Training~Set").split()


def test_layouts(tmp_path):
    for layout, (files, splits, classes, told) in LAYOUTS.items():
        root = tmp_path / layout
        write(root, [name.replace("~", " ") for name in names_of(files)])
        source = opened(root)
        assert (source.info.splits, source.info.class_names) == (splits, classes), layout
        assert list(source.info.splits) == [name for name in ("train", "validation", "test") if name in splits], layout
        said = source.describe()
        for name, count in splits.items():
            assert f"{name} {count}" in said, layout
        assert (" class" in said.split(";")[0]) == bool(classes), layout
        assert ("; " in said) == bool(told), (layout, said)
        assert re.search(told, said), (layout, said)


def test_labels_of_splits(tmp_path):
    """Of MVTec the defects, of both splits by one numbering; of nested folders the first or the last."""
    write(tmp_path / "mvtec", names_of(MVTEC))
    assert opened(tmp_path / "mvtec").describe().startswith("train 2 of 1 class, test 3 of 2 classes; ")
    for split, expected in (("train", [1, 1]), ("test", [0, 0, 1])):
        assert kg.data.stack(kg.data.load(tmp_path / "mvtec", split, labels=True))[1].tolist() == expected
    write(tmp_path / "deep", ["animal/cat/0", "animal/dog/0", "tool/saw/0"])
    for level, names in (("first", ["animal", "tool"]), (None, ["animal", "tool"]), ("last", ["cat", "dog", "saw"])):
        assert kg.data.info(tmp_path / "deep", classes_from=level).class_names == names
    _, y = kg.data.stack(kg.data.load(tmp_path / "deep", labels=True, classes_from="last", shuffle=False))
    assert y.tolist() == [0, 1, 2]
    _, y = kg.data.stack(kg.data.load(tmp_path / "deep", labels=True, shuffle=False))
    assert y.tolist() == [0, 0, 1]


AMBIGUOUS = {
    "a class beside": ("train/a/0 test/a/0 cat/0", {"train": 1, "test": 1}, 3, "beside them 1 images: cat"),
    "a stray picture": ("train/a/0 test/a/0 stray", {"train": 1, "test": 1}, 2, "beside them 1 images: stray.png"),
    "a picture above": ("preview data/train/a/0 data/test/a/0", {"train": 1, "test": 1}, 1, "data/test, data/train"),
    "a locomotive": ("bus/0 car/0 train/0", {"train": 1}, 3, "with train, and beside them 2 images: bus, car"),
    "two of one": ("train/0 valid/0 val/0", {"train": 1, "validation": 2}, 3, "with train, val, valid"),
    "two kinds": ("trainA/0 trainB/0 testA/0 testB/0", {"train": 2, "test": 2}, 4, "testA, testB, trainA, trainB"),
}


def test_what_can_be_read_in_two_ways_is_refused_with_the_choice(tmp_path):
    for layout, (files, splits, classes, sentence) in AMBIGUOUS.items():
        root = tmp_path / layout
        write(root, files.split())
        with pytest.raises(ValueError, match=rf"split_folders=True .*split_folders=False .*Received: .*{sentence}"):
            kg.data.load(root)
        assert kg.data.info(root, split_folders=True).splits == splits, layout
        taken = kg.data.info(root, split_folders=False)
        assert (list(taken.splits), taken.num_classes) == (["train"], classes), layout
    assert (
        "1 images beside the splits left out: cat/0.png"
        in opened(tmp_path / "a class beside", split_folders=True).describe()
    )
    for options, sentence in (
        ({"source": tmp_path / "a locomotive" / "bus", "split_folders": True}, "there must be folders named train"),
        ({"source": "digits", "split_folders": True}, "for a folder of images. Received: split_folders=True"),
        ({"source": "digits", "classes_from": "middle"}, "'first' or 'last'. Received: classes_from='middle'"),
    ):
        with pytest.raises(ValueError, match=sentence):
            kg.data.load(**options)


def test_links(tmp_path):
    """Folders that are links are read, each folder once; loops end; links to nothing are named."""
    root = tmp_path / "root"
    write(root, ["cat/0"])
    write(tmp_path, ["elsewhere/0", "elsewhere/1"])
    (root / "dog").symlink_to(tmp_path / "elsewhere")
    (root / "cat" / "loop").symlink_to(root)
    (root / "circle").symlink_to(root / "circle")
    (root / "hound").symlink_to(root / "dog")
    (root / "cat" / "1.png").symlink_to(root / "cat" / "0.png")
    with pytest.raises(ValueError, match="1 of 5 files cannot be read.*circle: a link to nothing"):
        kg.data.info(root)
    (root / "circle").unlink()
    source = opened(root)
    assert (source.info.splits, source.info.class_names) == ({"train": 4}, ["cat", "dog"])
    assert "hound, loop left out: links to what is read already" in source.describe()
    shutil.rmtree(tmp_path / "elsewhere")
    (root / "cat" / "1.png").unlink()
    (root / "cat" / "1.png").symlink_to(root / "cat" / "nothing.png")
    with pytest.raises(
        ValueError, match="3 of 4 files cannot be read.*1.png: a link to nothing.*dog: a link to nothing"
    ):
        kg.data.info(root)
    with pytest.warns(UserWarning, match="Left out 3 of 4"):
        assert kg.data.info(root, on_error="skip").class_names == ["cat"]


def test_kinds_of_files(tmp_path):
    """What Pillow can read by any of its names; other kinds of images are told of, and so are further frames."""
    for i, (suffix, kind) in enumerate({"jfif": "JPEG", "jpe": "JPEG", "avif": "AVIF", "jp2": "JPEG2000", "tga": "TGA",
                                        "apng": "PNG", "pnm": "PPM"}.items()):  # fmt: skip
        Image.new("RGB", (16, 16), (10 * i, 0, 0)).save(tmp_path / f"{i}.{suffix}", format=kind)
    x = kg.data.stack(kg.data.load(tmp_path, shuffle=False))
    np.testing.assert_allclose(x[:, 0, 0, 0] * 255, 10 * np.arange(7), atol=4)
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "pages.tif", save_all=True, append_images=frames[1:])
    with pytest.warns(UserWarning, match="of 2 files with several frames the first is taken: moving.gif, pages.tif"):
        x = kg.data.stack(kg.data.load(tmp_path, shuffle=False))
    np.testing.assert_array_equal(x[-1, 0, 0], [1, 0, 0])
    for name in ("moving.gif", "pages.tif"):
        (tmp_path / name).unlink()
    write(tmp_path, ["photo.heic", "b.heic", "c.svg"])
    with pytest.warns(UserWarning, match="not read: 2 .heic, 1 .svg files"):
        assert "not read: 2 .heic, 1 .svg files" in opened(tmp_path).describe()
    write(tmp_path / "none", ["x.heic"])
    with pytest.raises(ValueError, match="without any, but 1 .heic files, which are not read"):
        kg.data.info(tmp_path / "none")


@pytest.mark.parametrize(
    ("largest", "dtype", "suffix", "white"),
    [
        (4095, "uint16", "png", 4095),
        (2000, "uint16", "tif", 4095),
        (254, "int32", "tif", 255),
        (60_000, "int32", "tif", 65_535),
        (5000, "uint16", "png", 65_535),
    ],
)
def test_whole_numbers_are_scaled_by_what_the_folder_holds(tmp_path, largest, dtype, suffix, white):
    """One white for all files: a dark one stays dark. Where it is not the whole range of 16 bits, it is said."""
    for name, value in (("a", largest), ("b", largest // 10)):
        Image.fromarray(np.full((4, 4), value, dtype)).save(tmp_path / f"{name}.{suffix}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        x = kg.data.stack(kg.data.load(tmp_path, shuffle=False))
    np.testing.assert_allclose(x[:, 0, 0, 0], [largest / white, largest // 10 / white], atol=0.5 / 255 + 1e-6)
    said = [str(warning.message) for warning in caught if issubclass(warning.category, UserWarning)]
    assert [f"{white:,} is white" in sentence for sentence in said] == [True] * (white != 65_535)
    assert image_files.white_of(sorted(tmp_path.iterdir())) == white


@pytest.mark.parametrize(("value", "told"), [(4095, True), (65_535, False)])
def test_colours_of_16_bits(tmp_path, value, told):
    """Pillow reads their upper halves: if these are empty, it is said."""
    pixels = tf.io.encode_png(np.full((4, 4, 3), value, "uint16")).numpy()
    (tmp_path / "a.png").write_bytes(pixels)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kg.data.info(tmp_path)
    assert ["they are dark, since" in str(warning.message) for warning in caught] == [True] * told


def test_whole_numbers_without_a_white(tmp_path):
    for name, value in (("a", -1), ("b", 70_000)):
        Image.fromarray(np.full((4, 4), value, "int32")).save(tmp_path / f"{name}.tif")
    with pytest.raises(ValueError, match="2 of 2 .*from -1 to -1, of which.*from 70000 to 70000, of which"):
        kg.data.info(tmp_path)


# === Pairs in one folder ===


def test_pairs_side_by_side(tmp_path):
    rng = np.random.default_rng(0)
    both = rng.integers(0, 256, (3, 4, 10, 3), "uint8")
    for i, pixels in enumerate(both):
        for split in ("train", "val"):
            (tmp_path / split).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / split / f"{i}.png")
    both = both / np.float32(255)
    left, right = both[:, :, :5], both[:, :, 5:]
    for half, (first, second) in {"left": (left, right), "right": (right, left)}.items():
        inputs, targets = kg.data.stack(kg.data.pairs(tmp_path, split="validation", input_half=half))
        np.testing.assert_allclose(inputs, first)
        np.testing.assert_allclose(targets, second)
    inputs, targets = kg.data.stack(kg.data.pairs(tmp_path, input_half="left", image_size=4, channels=1))
    assert inputs.shape == targets.shape == (3, 4, 4, 1)
    config = RunConfig.from_arguments("pix2pix", data=str(tmp_path), input_half="right")
    assert (config.training_split, config.held_out_split) == ("train", "validation")
    inputs, _ = kg.data.stack(config.held_out())
    np.testing.assert_allclose(inputs, right)
    assert config.info().data_shape == (4, 5, 3)
    Image.new("RGB", (4, 10)).save(tmp_path / "train" / "tall.png")
    with pytest.raises(ValueError, match="input_half='up'"):
        kg.data.pairs(tmp_path, input_half="up")


def test_pairs_by_name(tmp_path):
    for i, folder in enumerate(("a", "a", "b")):
        (tmp_path / folder).mkdir(exist_ok=True)
        Image.new("RGB", (4, 4), (i, 0, 0)).save(tmp_path / folder / f"{i}.png")
        Image.new("L", (6, 6), 10 * i).save(tmp_path / folder / f"{i}_mask.bmp")
    photos, masks = kg.data.stack(kg.data.pairs(tmp_path, target_suffix="_mask", shuffle=False))
    assert (photos.shape, masks.shape) == ((3, 4, 4, 3), (3, 6, 6, 1))
    np.testing.assert_allclose(10 * photos[:, 0, 0, 0], masks[:, 0, 0, 0])
    masks_again, photos_again = kg.data.stack(kg.data.pairs(tmp_path, input_suffix="_mask", shuffle=False))
    np.testing.assert_array_equal(masks_again, masks)
    np.testing.assert_array_equal(photos_again, photos)
    config = RunConfig.from_arguments("pix2pix", data=str(tmp_path), target_suffix="_mask", validation=0.34)
    assert [x.shape for x in kg.data.stack(config.validating())] == [(1, 4, 4, 3), (1, 6, 6, 1)]
    Image.new("RGB", (4, 4)).save(tmp_path / "a" / "alone.png")
    with pytest.raises(ValueError, match=r"1 files have no partner.*alone.png"):
        kg.data.pairs(tmp_path, target_suffix="_mask")
    with pytest.warns(UserWarning, match=r"Left out 1 files that have no partner.*alone.png"):
        kg.data.pairs(tmp_path, target_suffix="_mask", on_error="skip")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"input_half": "left", "task": "edges"}, "Pairs come from"),
        ({"input_half": "left", "target_suffix": "_mask"}, "Pairs come from"),
        ({"target_suffix": ""}, "must be two endings of names.*target_suffix=''"),
        ({"input_suffix": "_a", "target_suffix": "_a"}, "must be two endings of names"),
        (
            {"target_suffix": "_mask"},
            "a file must have a name that ends in _mask. Received: train of .* with 0.png, 1.png",
        ),
        ({"target_suffix": "g", "input_suffix": "0"}, "ends in g. "),
        ({"input_half": "left"}, "side by side must be .*0.png of 4 x 4"),
    ],
)
def test_what_makes_no_pairs_of_one_folder(tmp_path, options, sentence):
    write(tmp_path, ["0", "1"])
    with pytest.raises(ValueError, match=sentence):
        kg.data.pairs(tmp_path, **options)


# === Runs ===


def test_a_run_uses_the_splits_of_its_folder(tmp_path):
    """It trains on the training split alone, is judged on the validation split in each epoch, and on the test split
    when it is over."""
    write(tmp_path, [f"training/{name}/{i}" for name in "ab" for i in range(5)])
    write(tmp_path, ["dev/a/0", "testing/a/0", "testing/b/0"])
    config = RunConfig.from_arguments("autoencoder", data=str(tmp_path))
    assert (config.training_split, config.validation_split, config.held_out_split) == ("train", "validation", "test")
    datasets = config.training(), config.validating(), config.held_out(labels=False)
    assert [len(kg.data.stack(data)) for data in datasets] == [10, 1, 2]


def test_thresholds_are_set_by_normal_images(tmp_path):
    """Not by the defects of a test split."""
    write(tmp_path, names_of(MVTEC))
    config = RunConfig.from_arguments("autoencoder", data=str(tmp_path), validation=0.5)
    assert config.sources[0].has_defects
    assert not opened("digits").has_defects
    assert [len(kg.data.stack(config.held_out(labels=False, normal=normal))) for normal in (True, False)] == [1, 3]


def test_options_are_kept_with_a_run(tmp_path):
    """And configs of runs that were made without them can be read."""
    write(tmp_path / "data", ["train/a/0", "train/b/0", "test/a/0", "stray"])
    options = {"data": str(tmp_path / "data"), "split_folders": True, "classes_from": "last"}
    config = RunConfig.from_arguments("autoencoder", **options)
    config.write(tmp_path)
    read = RunConfig.read(tmp_path)
    assert (read.split_folders, read.classes_from, read.info().splits) == (True, "last", {"train": 2, "test": 1})
    content = config.sections()
    for name in ("split_folders", "classes_from", "input_half", "input_suffix", "target_suffix"):
        del content["data"][name]
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="split_folders=True"):
        RunConfig.read(tmp_path).info()


def test_every_source_describes_itself(tmp_path):
    assert opened("digits").describe() == "train 1,437 of 10 classes, test 360"
    write(tmp_path / "folder", [f"{split}/{name}/{i}" for split in ("train", "val") for name in "ab" for i in range(2)])
    write(tmp_path / "folder", ["test/a/0", "test/c/x.txt", "ground_truth/a/0"])
    assert opened(tmp_path / "folder").describe() == (
        "train 4 of 2 classes, validation 4, test 1 of 1 class; ground_truth left out: masks; 1 empty folder: test/c"
    )
    np.savez(tmp_path / "a.npz", x=np.zeros((5, 4, 4), "uint8"))
    assert opened(tmp_path / "a.npz").describe() == "train 5"


def test_translated_folders_share_one_white(tmp_path):
    """As folders that are trained on do."""
    for name, value in (("a", 4095), ("b", 400)):
        Image.fromarray(np.full((4, 4), value, "uint16")).save(tmp_path / f"{name}.png")
    files = sorted(Path(tmp_path).iterdir())
    white = image_files.white_of(files)
    assert [int(read_image(path, white=white)[0, 0, 0]) for path in files] == [255, 25]
