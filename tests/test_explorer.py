"""The page of a model: what it shows, what is behind its controls, and, in a real browser, the controls themselves."""

import base64
import contextlib
import functools
import io
import re
import shutil
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from zoo import IMAGES, LABELS, ZOO

import keras_gen as kg
from keras_gen import cli
from keras_gen.downloads import shipped
from keras_gen.explorer import page, show, subjects, uploads
from keras_gen.explorer.panels import attribute, between, picture, plane, rows, samples, sliders, walk

CASES = {case.name: case for case in ZOO}
MOVED = ("vae_mnist_2d", "conditional_vae_mnist", "dcgan_mnist", "infogan_mnist", "denoiser_mnist",
         "super_resolution_mnist", "cars_detector", "vae_wine")  # fmt: skip


def subject_of(name):
    case = CASES[name]
    given = case.x if case.cls.target_mode else (case.x, None if case.labels is None else np.maximum(case.labels, 0))
    [subject] = subjects.opened(case.model(), given)
    return subject


def panels_of(subject):
    return [panel.TITLE for panel in page.PANELS if panel.offered(subject)]


@pytest.fixture(scope="module")
def vae():
    model = kg.VAE((8, 8, 1), 2, encoder=kg.networks.dense_encoder((8, 8, 1), (8,)))
    [subject] = subjects.opened(model)
    return subject


def bytes_of(figure):
    """The picture in a figure's HTML."""
    return base64.b64decode(re.search(r"base64,([^']+)'", figure)[1])


def test_a_page_has_what_a_model_offers(vae):
    assert len(vae.x) == 360  # the digits inside the package, by the shape
    assert panels_of(vae) == ["Plane", "Codes", "Samples", "Your image", "Between images", "Attribute", "Walk"]
    for name, titles in {
        "pix2pix": ["Your image"],
        "gan_conditional": ["Plane", "Codes", "Samples", "Your image", "Walk"],
        "conditional_vae_without_code": ["Samples", "Your image"],
        "rbm_gaussian": ["Codes", "Samples"],
        "infogan": ["Codes", "Samples", "Your image", "Walk"],
        "denoising": ["Codes", "Your image", "Between images", "Attribute"],
    }.items():
        assert panels_of(subject_of(name)) == titles, name


def test_units_stand_in_the_order_of_their_kl_divergence(vae):
    kl = np.asarray(vae.model.unit_kl(vae.x)).mean(axis=0)
    assert [unit.index for unit in vae.codes.units] == np.argsort(-kl).tolist()
    assert "KL" in vae.codes.order
    codes = subject_of("linear").codes  # no KL divergence, and no prior
    assert np.diff([codes.of_examples()[:, unit.index].var() for unit in codes.units]).max() <= 0
    assert all(unit.low == codes.of_examples()[:, unit.index].min() for unit in codes.units)


def test_classes_and_codes_of_an_infogan_are_parts_of_its_latent():
    subject = subject_of("infogan")
    model, codes = subject.model, subject.codes
    z = codes.draw(1, 3)
    noise, category, code = z[0, :2], 1, z[0, 5:]
    latent = np.concatenate([noise, np.eye(3)[category], code])[None].astype("float32")
    np.testing.assert_allclose(codes.decode(z, category), model.decode(latent), atol=1e-6)
    assert [unit.index for unit in codes.units][:1] == [5]


def test_the_plane_is_that_of_the_manifold(vae):
    figure = plane.drawn(vae, [0.5, 0.9], None)
    made = vae.model.decode(np.array([[0, 1.2816]], "float32"))
    pixels = np.asarray(Image.open(io.BytesIO(bytes_of(figure))))[::35, ::35]
    np.testing.assert_allclose(pixels / 255, made[0, ..., 0], atol=1e-2)
    assert "z = (0.00, 1.28)" in figure
    assert np.isfinite(plane.code_at(vae.codes, [[0, 1]])).all()
    background = Image.open(io.BytesIO(base64.b64decode(plane.background(vae, None).partition(",")[2])))
    grid = kg.tasks.manifold(vae.model, 20).reshape(20, 20, 8, 8).swapaxes(1, 2).reshape(160, 160)
    np.testing.assert_allclose(np.asarray(background) / 255, grid, atol=1e-2)


def test_what_is_saved_says_what_made_it(vae, tmp_path):
    weights = kg.images.provenance(kg.images.save_image(vae.model.sample(1)[0], tmp_path / "own.png"))["weights"]
    for name, figure, seed in (
        ("code.png", sliders.drawn(vae, vae.codes.center, None), None),
        ("samples.png", samples.drawn(vae, 7, 4, 1.0, None), 7),
        ("truncated.png", samples.drawn(vae, 7, 4, 0.5, None), 7),
        ("walk.webp", walk.walked(vae, 7, walks=1), 7),
    ):
        (tmp_path / name).write_bytes(bytes_of(figure))
        found = kg.images.provenance(tmp_path / name)
        assert (found["model"], found["weights"], found.get("seed")) == ("VAE", weights, seed), name
    assert kg.images.provenance(tmp_path / "truncated.png")["truncation"] == 0.5
    (tmp_path / "given.png").write_bytes(bytes_of(show.picture(vae.x[0])))
    assert kg.images.provenance(tmp_path / "given.png") is None  # no model made it


def test_samples_are_the_models(vae):
    first, again, other = (bytes_of(samples.drawn(vae, seed, 4, 1.0, None)) for seed in (1, 1, 2))
    assert first == again != other
    grid = kg.images.as_bytes(kg.images.grid(vae.model.sample(4, seed=1), samples.COLUMNS))
    assert first == grid
    np.testing.assert_allclose(
        samples.truncated(vae, 1, 4, 1.0, None), np.asarray(vae.model.sample(4, seed=1)), atol=1e-5
    )
    conditional = subject_of("conditional_vae")
    assert bytes_of(samples.drawn(conditional, 1, 4, 0.5, None)) != bytes_of(samples.drawn(conditional, 1, 4, 0.5, 1))


def test_an_autoencoder_draws_from_where_codes_are():
    [subject] = subjects.opened(kg.LinearAutoencoder((8, 8, 1), 3))
    assert "Samples" in panels_of(subject)
    first, other = (bytes_of(samples.drawn(subject, seed, 4, 1.0, None)) for seed in (1, 2))
    assert first != other


def test_what_is_said_of_an_image(vae):
    said = picture.answers(vae, vae.x[0])
    assert said.count("<figure") == 3  # as given, the reconstruction, what is unusual
    assert "Normal" in said
    [cars] = subjects.opened("cars_detector")
    assert panels_of(cars) == ["Your image"]
    assert "An anomaly" in picture.answers(cars, np.zeros((32, 32, 3), "float32"))
    assert picture.answers(subject_of("separator"), IMAGES[0], mix=True).count("<figure") == 5
    assert picture.answers(subject_of("cyclegan"), CASES["cyclegan"].x[0]).count("<figure") == 3
    noisy = picture.corrupted(IMAGES[:1], "gaussian", 0.3)
    assert 0.2 < np.std(noisy - IMAGES[:1]) < 0.3
    assert picture.answers(subject_of("denoising"), IMAGES[0], level=0.3).count("<figure") == 3
    assert "score of this image" in picture.answers(subject_of("conditional_vae"), IMAGES[0], LABELS[0])


def test_ways_between_images_and_attributes(vae):
    assert between.walked(vae, vae.x[0], vae.x[1], "spherical").count("<figure") == 2
    groups = attribute.of_classes(vae, 1, attribute.OTHERS)
    assert len(groups[0]) == np.sum(vae.labels == 1)
    direction = attribute.vector(vae, *groups)
    expected = kg.tasks.attribute_vector(vae.model, *groups).apply(vae.x[:1], 0.5)
    np.testing.assert_allclose(attribute.made_of(vae, direction, vae.x[0], [0.5]), expected, atol=1e-5)
    with pytest.raises(ValueError, match="tell two classes apart"):
        attribute.of_classes(vae, 1, 1)


def test_rows_of_a_table():
    [subject] = subjects.opened("vae_wine")
    assert panels_of(subject) == ["Codes", "Samples", "Fill in"]
    shown = samples.drawn(subject, 3, 5, 1.0, None)
    content = base64.b64decode(re.search(r"text/csv;base64,([^\"]+)", shown)[1]).decode()
    assert content == subject.model.sample(5, seed=3).to_csv(index=False)
    assert "3 values filled in" in rows.filled(subject, rows.example(subject))
    assert "<td>alcohol</td>" in sliders.drawn(subject, subject.codes.center, None)
    for text in ("", "alcohol\n1", "alcohol,hue\n"):
        with pytest.raises(ValueError, match=r"Rows must|A table must|There must be"):
            rows.filled(subject, text)


def value_of(content, name):
    return {"src": f"data:application/octet-stream;base64,{base64.b64encode(content).decode()}", "name": name}


def encoded(image, kind, **options):
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def test_uploads_are_made_as_loading_makes_them(tmp_path):
    photograph = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype="uint8"))
    photograph.save(tmp_path / "photograph.png")
    [loaded] = kg.data.stack(kg.data.load(tmp_path, image_size=(8, 8), channels=1))
    value = value_of((tmp_path / "photograph.png").read_bytes(), "photograph.png")
    image, notes = uploads.image_of(value, (8, 8, 1))
    np.testing.assert_array_equal(image, loaded)
    assert notes == []
    inverted, _ = uploads.image_of(value, (8, 8, 1), invert=True)
    np.testing.assert_array_equal(inverted, 1 - image)
    see_through = encoded(Image.new("RGBA", (9, 9), (0, 0, 0, 0)), "PNG")
    assert uploads.image_of(value_of(see_through, "clear.png"), (8, 8, 3))[0].min() == 1  # laid on white


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_bad_uploads_get_a_sentence():
    gray = Image.new("L", (50, 50), 128)
    png = encoded(gray, "PNG")
    for value, sentence in (
        (None, "There must be an image"),
        ({"src": None}, "There must be an image"),
        (value_of(b"no image, a text", "text.txt"), r"no image that can be read .*Received: text.txt"),
        (value_of(png[: len(png) // 2], "half.png"), r"no image that can be read .*Received: half.png"),
        (value_of(encoded(Image.new("F", (9, 9)), "TIFF"), "float.tiff"), "floating-point"),
        (value_of(encoded(Image.new("1", (10_000, 10_000)), "PNG"), "huge.png"), "more than"),
        ({"src": "size:50000000", "name": "film.mp4"}, "20 MB at most. Received: film.mp4 of 50 MB"),
        ({"src": "data:image/png;base64,###", "name": "x.png"}, "did not arrive whole"),
        ({"src": "size:99", "name": "../../etc/passwd\0"}, "at most"),
        (value_of(b"", "../../etc/pass\0wd"), "no image"),
    ):
        with pytest.raises(ValueError, match=sentence):
            uploads.image_of(value, (8, 8, 1))
    _, notes = uploads.image_of(value_of(encoded(Image.new("L", (1, 1)), "PNG"), "dot.png"), (8, 8, 1))
    assert notes == ["dot.png has 1 x 1 pixels only: it is enlarged to the model's 8 x 8."]
    frames = encoded(gray, "GIF", save_all=True, append_images=[Image.new("L", (50, 50))])
    _, notes = uploads.image_of(value_of(frames, "film.gif"), (8, 8, 1))
    assert notes == ["film.gif has several pictures: this is the first of them."]


def test_wrong_calls_get_a_sentence(monkeypatch, capsys):
    for models, sentence in (([], "must be a model"), (3, "must be a model"), ("nothing", "shipped models")):
        with pytest.raises((ValueError, FileNotFoundError), match=sentence):
            kg.explore(models, launch=False)
    with pytest.raises(ValueError, match=r"`data` must be \(N, \*\(8, 8, 1\)\)"):
        kg.explore(CASES["vae"].model(), data=np.zeros((3, 7, 7, 1)), launch=False)
    assert cli.main(["explore", "nothing"]) == 2
    assert cli.main(["explore"]) == 2
    assert "RUN is missing" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(ImportError, match=r'The explorer needs gradio: pip install "keras-gen\[explorer\]"'):
        kg.explore("vae_mnist_2d")


def test_a_link_is_asked_for_in_colab_alone(vae, monkeypatch):
    asked = []
    monkeypatch.setattr(page, "page_of", lambda subjects: None)
    monkeypatch.setattr(page, "serve", lambda blocks, share, port, host: asked.append((share, port, host)))
    kg.explore(vae.model)
    monkeypatch.setitem(sys.modules, "google.colab", object())
    kg.explore(vae.model, port=7900)
    kg.explore(vae.model, share=False)
    assert asked == [(False, None, "127.0.0.1"), (True, 7900, "127.0.0.1"), (False, None, "127.0.0.1")]


def test_it_is_served_to_this_machine_alone(vae):
    shown = kg.explore({"mine": vae.model, "other": vae.model}, prevent_thread_lock=True, quiet=True)
    with contextlib.closing(shown):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", shown.local_url)
        assert shown.share_url is None
        port = int(shown.local_url.split(":")[-1].strip("/"))
        with pytest.raises(OSError, match=rf"Port {port} of 127.0.0.1 is taken.*Received: port={port}"):
            kg.explore(vae.model, port=port)
        with pytest.raises(OSError):  # noqa: PT011  (refused, or on some systems unreachable)
            socket.create_connection(("127.0.0.2", port), timeout=2)
    assert not shown.analytics_enabled


@pytest.mark.extended
def test_compiled_is_as_eager():
    for name in ("gan", "gan_conditional", "semi_supervised_vae", "vae_vamp", "adversarial_autoencoder_clusters",
                 "deep_belief_network", "rbm_gaussian", "separator", "denoising_pool_colour"):  # fmt: skip
        subject = subject_of(name)
        page.page_of([subject])
        z, label = subject.codes.draw(2, 0), subject.codes.some_class()
        expected = subject.model.decode(z, **({} if label is None else {"labels": [label] * 2}))
        np.testing.assert_allclose(subject.codes.decode(z, label), expected, atol=1e-5, err_msg=name)


# === In a browser ===

DIGEST = """() => [...document.querySelectorAll(".kg-figure img, .kg-plane img, .kg-table, .kg-verdict")]
  .filter((shown) => shown.offsetParent).map((shown) => shown.src || shown.innerText).join()"""
LOADED = "() => [...document.querySelectorAll('.kg-figure img')].every((image) => image.complete && image.naturalWidth)"


class Reader:
    """A browser's page of the explorer, and what went wrong on it."""

    def __init__(self, page, url):
        self.page, self.url, self.wrong, self.shown = page, url, [], None
        page.set_default_timeout(20_000)
        page.on("console", lambda said: self.wrong.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("request", lambda asked: None if self.is_own(asked.url) else self.wrong.append(asked.url))

    def is_own(self, url):
        return url.startswith((self.url, "data:", "blob:"))

    def open(self, name):
        """Shows a model."""
        if self.shown is None:
            self.page.goto(self.url)
            self.page.get_by_role("heading", name=MOVED[0]).wait_for()
        if name != (self.shown or MOVED[0]):
            self.page.get_by_label("Model", exact=True).click()
            self.page.get_by_role("option", name=name, exact=True).click()
            self.page.get_by_role("heading", name=name).wait_for()
        self.shown = name

    def panels(self):
        """Yields the title of each panel once it is shown, those behind the dots too."""
        titles = self.page.locator("[role=tablist] [role=tab]:visible").all_inner_texts()
        dots = self.page.locator(".overflow-menu > button:visible")
        if dots.count():
            dots.click()
            hidden = self.page.locator(".overflow-dropdown button:visible").all_inner_texts()
            titles += [title for title in hidden if title not in titles]
            dots.click()
        for title in titles:
            tab = self.page.locator("[role=tablist] [role=tab]:visible", has_text=title)
            if not tab.count():
                dots.click()
                tab = self.page.locator(".overflow-dropdown button:visible", has_text=title)
            tab.first.click()
            self.page.wait_for_timeout(300)
            yield title

    def changes(self, what, act):
        """Asserts that the pictures are others after an action."""
        before = self.page.evaluate(DIGEST)
        act()
        with contextlib.suppress(Exception):
            self.page.wait_for_function(f"(before) => ({DIGEST})() !== before", arg=before, timeout=10_000, polling=50)
        assert self.page.evaluate(DIGEST) != before, f"{what} changes nothing"
        self.page.wait_for_function(LOADED, polling=50)

    def move_everything(self, where):
        """Moves each slider, choice and field in sight, and asserts of each that the pictures change."""
        page = self.page
        if page.get_by_role("button", name="Walk", exact=True).filter(visible=True).count():
            self.changes(where, page.get_by_role("button", name="Walk", exact=True).filter(visible=True).click)
        for i in range(page.locator("input[type=range]:visible").count()):
            slider = page.locator("input[type=range]:visible").nth(i)
            self.changes(f"{where}, slider {i}", lambda slider=slider: slider.evaluate(
                """(slider) => { slider.value = 0.8 * slider.min + 0.2 * slider.max;
                slider.dispatchEvent(new Event("input", { bubbles: true })); }"""))  # fmt: skip
        for i in range(page.locator("fieldset:visible").count()):
            last = page.locator("fieldset:visible").nth(i).locator("label").last
            if last.inner_text() not in MOVED:
                self.changes(f"{where}, choice {i}", last.click)
        for label in ("Seed", "How many", "Walks"):
            field = page.get_by_label(label, exact=True).filter(visible=True)
            if field.count():
                self.changes(f"{where}, {label}", lambda field=field: field.fill("5"))
        for name in ("Another random code", "Reset", "Other samples", "Fill in"):
            button = page.get_by_role("button", name=name, exact=True).filter(visible=True)
            if button.count():
                self.changes(f"{where}, {name}", button.click)

    def drag(self, shown, start, *ends):
        """Presses within a box, at shares of its width and height, and moves to other places."""
        shown.scroll_into_view_if_needed()
        box = shown.bounding_box()
        self.page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
        self.page.mouse.down()
        for x, y in ends:
            self.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
        self.page.mouse.up()


@pytest.fixture(scope="module")
def served():
    """(The page of shipped models, a browser): one of each for all tests."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("There is no `chromium` on the path")
    shown = kg.explore(list(MOVED), prevent_thread_lock=True, quiet=True)
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield shown, browser
        browser.close()
    shown.close(verbose=False)


@pytest.fixture
def reader(served):
    shown, browser = served
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    yield Reader(page, shown.local_url)
    page.close()


@pytest.mark.extended
@pytest.mark.parametrize("name", MOVED)
def test_each_control_moves_the_pictures(reader, name, tmp_path):
    assert name in shipped() or name in shipped(".zip")
    reader.open(name)
    for title in reader.panels():
        page, where = reader.page, f"{name}, {title}"
        reader.move_everything(where)
        plane, pads = page.locator(".kg-plane:visible img"), page.locator(".kg-pad:visible")
        if plane.count():
            reader.changes(f"{where}, a click", functools.partial(reader.drag, plane, (0.2, 0.2)))
            reader.changes(f"{where}, a drag", functools.partial(reader.drag, plane, (0.2, 0.2), (0.7, 0.9)))
            reader.changes(f"{where}, an arrow", functools.partial(page.keyboard.press, "ArrowLeft"))
        for pad in pads.all():
            drawing = functools.partial(reader.drag, pad.locator("canvas"), (0.2, 0.8), (0.8, 0.2), (0.5, 0.9))
            reader.changes(f"{where}, drawing", drawing)
            for control in ("Another example", "Clear"):
                button = pad.get_by_role("button", name=control)
                if button.count():
                    reader.changes(f"{where}, {control}", button.click)
        page.screenshot(path=tmp_path / f"{title}.png", full_page=True)
    assert reader.wrong == []


@pytest.mark.extended
def test_a_narrow_screen_shows_every_panel(reader, tmp_path):
    reader.page.set_viewport_size({"width": 390, "height": 844})
    for name in MOVED:
        reader.open(name)
        for title in reader.panels():
            assert reader.page.evaluate("document.documentElement.scrollWidth") <= 390, (name, title)
            reader.page.screenshot(path=tmp_path / f"{name}_{title}.png", full_page=True)
    assert reader.wrong == []


@pytest.mark.extended
def test_uploads_and_downloads_of_a_browser(reader, tmp_path):
    page = reader.page
    reader.open("cars_detector")
    chosen = page.locator(".kg-pad:visible input[type=file]")
    car = tmp_path / "car.png"
    Image.effect_noise((70, 50), 90).save(car)
    reader.changes("an upload", lambda: chosen.set_input_files(car))
    assert "Normal" in page.locator(".kg-verdict:visible").inner_text()
    for name, content, sentence in (
        ("text.txt", b"a text", "no image that can be read"),
        ("half.png", car.read_bytes()[:500], "no image that can be read"),
        ("large.png", bytes(21_000_000), "20 MB at most"),
        ("dot.png", encoded(Image.new("RGB", (1, 1)), "PNG"), "is enlarged"),
        ("clear.png", encoded(Image.new("RGBA", (40, 40)), "PNG"), None),
    ):
        (tmp_path / name).write_bytes(content)
        chosen.set_input_files(tmp_path / name)
        if sentence is None:
            continue
        page.get_by_text(sentence).first.wait_for()
        assert "Traceback" not in page.content()
    page.wait_for_timeout(500)
    assert page.locator(".kg-figure:visible").count() >= 1
    reader.open("vae_mnist_2d")
    next(title for title in reader.panels() if title == "Attribute")
    page.get_by_label("Gain what is of class").click()
    reader.changes("a class", page.get_by_role("option", name="3", exact=True).click)
    page.get_by_role("button", name="Or by images of your own").click()
    page.locator("input[type=file]:not(.kg-pad *)").first.set_input_files([car, tmp_path / "clear.png"])
    reader.changes("two groups", lambda: page.locator("input[type=file]:not(.kg-pad *)").last.set_input_files(car))
    reader.open("dcgan_mnist")
    next(title for title in reader.panels() if title == "Samples")
    with page.expect_download() as started:
        page.locator(".kg-figure:visible a").click()
    assert started.value.suggested_filename == "samples_0.png"
    found = kg.images.provenance(started.value.path())
    assert (found["model"], found["seed"]) == ("GAN", 0)
    assert reader.wrong == []


@pytest.mark.extended
def test_the_command_prints_where_it_is_and_ends_with_ctrl_c():
    command = [sys.executable, "-m", "keras_gen.cli", "explore", "vae_wine"]
    # What runs in the background of a shell ignores the signal, and so do its children.
    listen = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=listen)
    try:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\n", started.stdout.readline())
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=20)
    finally:
        started.kill()
    assert (started.returncode, out, err) == (0, "", "")
