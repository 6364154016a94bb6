"""What is shared and fetched: shipped models, presets, and the Hugging Face Hub by a stand-in on this machine."""

import base64
import contextlib
import hashlib
import http.server
import json
import re
import sys
import threading
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml

import keras_gen as kg
from keras_gen import downloads, saving
from keras_gen.cli import main

ROOT = Path(__file__).parents[1]
SAVED = ROOT / "saved_models"


@contextlib.contextmanager
def serving(handler):
    """A server on the loopback, and the paths that it was asked for."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# === Shipped models ===


def test_index_tells_the_files():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import ship
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))
    assert json.loads((SAVED / "index.json").read_text()) == ship.index(), "run `python benchmarks/ship.py index`"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """An installation with the index and no models, an empty cache, and releases that hold what `files` does."""
    folder, files, asked = tmp_path / "installed", {}, []
    folder.mkdir()
    contents = {"small.keras": b"a small model" * 9_000, "detector.zip": b"a detector"}
    index = [
        {"name": Path(name).stem, "file": name, "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
        for name, body in contents.items()
    ]
    (folder / "index.json").write_text(json.dumps(index))
    files.update(contents)

    class Releases(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.rpartition("/")[2]
            asked.append(self.path)
            if name not in files:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(contents[name])))
            self.end_headers()
            self.wfile.write(files[name])

        def log_message(self, *_):
            pass

    monkeypatch.setattr(downloads, "FOLDERS", [folder])
    monkeypatch.setenv("KERAS_GEN_CACHE", str(tmp_path / "cache"))
    with serving(Releases) as url:
        monkeypatch.setenv("KERAS_GEN_RELEASES", f"{url}/v1/")
        yield files, asked


def kept():
    """Names of the files in the cache, but for locks."""
    return sorted(path.name for path in downloads.cache().glob("*") if path.suffix != ".lock")


def test_shipped_models_are_fetched_once(installed, monkeypatch, capsys):
    files, asked = installed
    assert list(downloads.shipped()) == ["small"]
    assert list(downloads.shipped(".zip")) == ["detector"]
    entry = downloads.shipped()["small"]
    assert entry.path is None
    threads = [threading.Thread(target=downloads.fetched, args=[entry]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert downloads.fetched(entry) == downloads.cache() / "small.keras" == entry.path
    assert asked == ["/v1/small.keras"]
    assert entry.path.read_bytes() == files["small.keras"]
    entry.path.write_bytes(b"of another version")  # which is another file of this name
    assert downloads.fetched(entry).read_bytes() == files["small.keras"]
    assert len(asked) == 2
    assert main(["list"]) == 0
    listed = capsys.readouterr().out
    assert re.search(r"small +│ model +│ 0.1 MB +│ here", listed)
    assert re.search(r"detector +│ detector +│ 0.0 MB +│ fetched when loaded", listed)
    monkeypatch.delenv("KERAS_GEN_RELEASES")
    assert entry.url == f"https://github.com/keras-gen/keras-gen/releases/download/v{kg.__version__}/small.keras"


def test_what_is_not_whole_is_not_kept(installed, tmp_path, monkeypatch):
    files, _ = installed
    entry, whole = downloads.shipped()["small"], files["small.keras"]
    files["small.keras"] = whole[:-1] + b"?"
    with pytest.raises(ValueError, match="must have the SHA-256 .*Received: another file from http://127"):
        downloads.fetched(entry)
    files["small.keras"] = whole[:70_000]
    with pytest.raises(ConnectionError, match="broke off after 70,000 of 117,000 bytes"):
        downloads.fetched(entry)
    assert kept() == []
    del files["small.keras"]
    with pytest.raises(ConnectionError) as missing:
        downloads.fetched(entry)
    monkeypatch.setenv("KERAS_GEN_RELEASES", "http://127.0.0.1:9")  # where nobody answers
    with pytest.raises(ConnectionError) as offline:
        kg.load("small")
    for error, reason in ((missing, "Not Found"), (offline, "Connection refused")):
        said = str(error.value)
        for part in ("small.keras (0.1 MB)", reason, entry.file, str(entry.kept), "Received: small"):
            assert part in said
        assert "\n" not in said
    entry.kept.write_bytes(b"another file")
    with pytest.raises(ConnectionError, match="in place of what is there, which is another file"):
        downloads.fetched(entry)
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "small.keras").write_bytes(whole)
    monkeypatch.setenv("KERAS_GEN_RELEASES", str(tmp_path / "mirror"))  # a folder will do
    assert downloads.fetched(entry).read_bytes() == whole


def test_a_fetched_model_is_loaded_and_commands_know_its_name(tmp_path, monkeypatch):
    folder = tmp_path / "installed"
    folder.mkdir()
    (folder / "index.json").write_text((SAVED / "index.json").read_text())
    monkeypatch.setattr(downloads, "FOLDERS", [folder])
    monkeypatch.setenv("KERAS_GEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_GEN_RELEASES", str(SAVED))
    assert main(["sample", "vae_wine", "--count", "2", "--out", str(tmp_path / "wine.csv")]) == 0
    assert kg.tasks.AnomalyDetector.load("cars_detector").method_ == "neighbors"
    assert kept() == ["cars_detector.zip", "vae_wine.keras"]
    assert main(["sample", "vae_wine", "--out", str(tmp_path / "wine.csv")]) == 2  # nothing is overwritten
    assert "vae_mnist_2d" in saving.shipped()
    assert downloads.is_elsewhere("hf://user/name")


# === Presets ===


def tiny(cls=None, **options):
    """A model of a few weights, whose reconstructions are its own."""
    return (cls or kg.VAE)((8, 8, 1), latent_dim=2, encoder="dense*0.03", decoder="dense*0.03", **options)


def test_a_preset_is_a_folder_that_can_be_read_back(tmp_path):
    model, x = tiny(), np.random.default_rng(0).random((3, 8, 8, 1), "float32")
    folder = model.save_to_preset(
        tmp_path / "preset", data="Digits of one hand.", metrics={"psnr": 12.345678}, license="MIT"
    )
    assert sorted(path.name for path in folder.iterdir()) == [
        *("README.md", "metadata.json", "model.keras", "preview.png")
    ]
    card, metadata = (folder / "README.md").read_text(), json.loads((folder / "metadata.json").read_text())
    front, body = card.split("---\n", 2)[1:]
    assert yaml.safe_load(front) == {
        "library_name": "keras_gen", "license": "mit", "tags": ["keras", "keras_gen", "vae"],
        "pipeline_tag": "unconditional-image-generation",
    }  # fmt: skip
    code = re.search(r"```python\n(.*?)```", body, re.DOTALL)[1]
    assert code.startswith("import keras_gen as kg\n")
    scope = {"x": x}
    with contextlib.chdir(tmp_path):
        exec(code.replace("hf://user/name", str(folder)), scope)  # the card's own lines
    assert scope["codes"].shape == (3, 2)
    for said in ("Digits of one hand.", "| psnr | 12.3457 |", "Unknown: nobody has said where it fails."):
        assert said in body
    assert "Unknown: there are no records of its training." in body
    assert (metadata["class"], metadata["data_shape"]) == ("VAE", [8, 8, 1])
    assert metadata["keras_gen"] == kg.__version__
    assert kg.images.provenance(folder / "preview.png")["model"] == "VAE"
    for found in (kg.load(folder), kg.VAE.from_preset(folder), kg.GenerativeModel.from_preset(str(folder))):
        np.testing.assert_array_equal(found.reconstruct(x), model.reconstruct(x))
        assert type(found) is kg.VAE
    with pytest.raises(ValueError, match="loaded by VAE.from_preset, or kg.load. Received: .*, which holds VAE"):
        kg.GAN.from_preset(folder)
    # What the card says goes on being said, as long as the weights are those.
    again = found.save_to_preset(tmp_path / "again", limits="Small.").joinpath("README.md").read_text()
    for said in ("Digits of one hand.", "| psnr | 12.3457 |", "\nSmall.\n", "license: mit", "# again\n"):
        assert said in again
    found.set_weights([weight + 1 for weight in found.get_weights()])
    changed = found.save_to_preset(tmp_path / "changed").joinpath("README.md").read_text()
    assert "Digits of one hand" not in changed
    assert "its weights were changed" in changed
    with pytest.raises(FileExistsError, match="force=True"):
        model.save_to_preset(folder)
    model.save_to_preset(folder, force=True, preview=False)
    assert not (folder / "preview.png").exists()
    assert "preview.png" not in (folder / "README.md").read_text()


def test_a_preset_that_was_damaged_is_refused(tmp_path):
    folder = tiny().save_to_preset(tmp_path / "preset", preview=False)
    file = folder / "model.keras"
    tiny(seed=1).save(file)  # a whole file, and another
    with pytest.raises(ValueError, match=r"model.keras is not the file that metadata.json describes"):
        kg.load(folder)
    (folder / "metadata.json").write_text("{")
    with pytest.raises(ValueError, match=r"metadata.json of this preset is damaged"):
        kg.load(folder)
    (folder / "metadata.json").unlink()
    assert kg.load(folder).seed == 1  # nobody says what it should be
    (folder / "metadata.json").write_text('{"class": "AnomalyDetector"}')
    file.unlink()
    with pytest.raises(FileNotFoundError, match="must have a file model.keras, and holds AnomalyDetector"):
        kg.load(folder)


def test_a_preset_keeps_an_optimizer_only_if_asked(tmp_path):
    model = tiny()
    model.compile(keras.optimizers.Adam(0.25))
    bare = kg.load(model.save_to_preset(tmp_path / "bare", preview=False))
    assert getattr(bare, "optimizer", None) is None
    kept = kg.load(model.save_to_preset(tmp_path / "kept", preview=False, optimizer=True))
    assert float(kept.optimizer.learning_rate) == 0.25


def test_what_a_model_offers_is_what_is_shown(tmp_path):
    denoiser = tiny(kg.DenoisingAutoencoder)
    card = denoiser.save_to_preset(tmp_path / "blind").joinpath("README.md").read_text()
    assert "preview.png" not in card
    assert "model.denoise(x)" in card
    assert "model.sample" not in card
    folder = denoiser.save_to_preset(tmp_path / "shown", examples=np.full((3, 8, 8, 1), 0.5, "float32"))
    assert kg.images.provenance(folder / "preview.png")["model"] == "DenoisingAutoencoder"
    wine = kg.load("vae_wine").save_to_preset(tmp_path / "wine").joinpath("README.md").read_text()
    for said in ("| alcohol |", "# a DataFrame", "178, too few for exact figures", "log_likelihood | -14.4605"):
        assert said in wine
    detector = kg.tasks.AnomalyDetector.load("cars_detector")
    kept = kg.tasks.AnomalyDetector.from_preset(detector.save_to_preset(tmp_path / "cars"))
    assert kept.threshold_ == detector.threshold_
    assert "AUROC, ships among cars" in (tmp_path / "cars" / "README.md").read_text()
    with pytest.raises(FileNotFoundError, match="must have a file model.keras, and holds AnomalyDetector"):
        kg.load(tmp_path / "cars")
    assert kept.origin == tmp_path / "cars" / "detector.zip"
    assert kept.fit(np.random.default_rng(0).random((19, 32, 32, 3))).origin is None


def test_the_card_of_a_run_says_what_is_recorded(tmp_path):
    x = np.random.default_rng(0).random((40, 8, 8, 1), "float32")
    data = tmp_path / "private" / "hands.npz"
    data.parent.mkdir()
    np.savez(data, x_train=x, x_test=x[:12])
    run = tmp_path / "run"
    trained = kg.training.train("linear_autoencoder", data=str(data), out=run, latent_dim=3, epochs=1, verbose=0)
    trained.save_to_preset(tmp_path / "trained", preview=False)
    card = (tmp_path / "trained" / "README.md").read_text()
    found = kg.load(run)
    folder = found.save_to_preset(tmp_path / "preset")
    assert (folder / "README.md").read_text().split("## Data")[1] == card.split("## Data")[1]
    figures = json.loads((run / "metrics.json").read_text())["figures"]
    for said in (
        *("the file or folder `hands.npz`", "train 40, test 12", "- **Epochs**: 1 of 1", "latent_dim=3"),
        *(f"| `psnr` | {figures['psnr']:.4f} |", "the test split", "- **Seed**: 0"),
        "Unknown: nobody has said where it fails.",
    ):
        assert said in card
    assert "private" not in card  # where it lies is nobody's business
    assert kg.images.provenance(folder / "preview.png")["model"] == "LinearAutoencoder"  # of held-out images
    data.unlink()
    gone = kg.load(run).save_to_preset(tmp_path / "gone")
    assert "the data are not there any more" in (gone / "README.md").read_text()
    assert not (gone / "preview.png").exists()
    found.fit(x, verbose=0)  # it is not the recorded one any more
    assert "hands.npz" not in found.save_to_preset(tmp_path / "on").joinpath("README.md").read_text()


# === The Hugging Face Hub ===

TOKEN = "hf_of_a_user_who_may_write"


class StandIn(http.server.BaseHTTPRequestHandler):
    """What huggingface_hub asks of the Hub to make a repository, to commit to it and to read it."""

    protocol_version = "HTTP/1.1"
    repositories: dict  # "user/name" -> {"private": ..., "branches": {name: commit}}
    commits: dict  # its name, 40 digits -> {path: bytes}
    breaks: set  # paths of files of which half is sent

    def log_message(self, *_):
        pass

    def answer(self, content, status=200, error=None, **headers):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        headers = {"Content-Length": len(body), **headers, **({"X-Error-Code": error} if error else {})}
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if self.path.rpartition("/")[2] in self.breaks else body)
            if self.path.rpartition("/")[2] in self.breaks:
                self.close_connection = True

    @property
    def place(self):
        return f"http://{self.headers['Host']}"

    @property
    def may_write(self):
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def repository(self, name):
        """It, or None once it is said that there is none."""
        found = self.repositories.get(name)
        if found is None or (found["private"] and not self.may_write):
            self.answer({"error": "Repository not found"}, 401, "RepoNotFound")
            return None
        return found

    def do_GET(self):
        path = self.path.partition("?")[0]
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+)(?:/.*)?)?", path):
            name, kind, revision = match.groups()
            if (found := self.repository(name)) is None:
                return
            commit = found["branches"].get(revision or "main", revision)
            if commit not in self.commits:
                self.answer({"error": "Invalid rev id"}, 404, "RevisionNotFound")
            elif kind == "tree":
                files = self.commits[commit]
                oid = lambda body: hashlib.sha1(body).hexdigest()  # noqa: E731
                self.answer([{"type": "file", "path": p, "size": len(b), "oid": oid(b)} for p, b in files.items()])
            else:
                self.answer({"id": name, "modelId": name, "sha": commit, "private": found["private"], "siblings": []})
        else:
            match = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
            if match is None:
                self.answer({}, 404)
            elif self.repository(match[1]) is not None:
                body = self.commits[match[2]][match[3]]
                self.answer(body, ETag=f'"{hashlib.sha1(body).hexdigest()}"', X_Repo_Commit=match[2])

    def do_HEAD(self):
        self.do_GET()

    def do_POST(self):
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Transfer-Encoding") == "chunked":
            sent = b""
            while size := int(self.rfile.readline(), 16):
                sent += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        if self.path == "/api/validate-yaml":
            self.answer({"errors": [], "warnings": []})
        elif not self.may_write:
            self.answer({"error": "Invalid username or password."}, 401)
        elif self.path == "/api/repos/create":
            said = json.loads(sent)
            name = f"{said['organization']}/{said['name']}"
            known = name in self.repositories
            if not known:
                self.commits[f"{len(self.commits):040}"] = {}
                first = {"main": f"{len(self.commits) - 1:040}"}
                self.repositories[name] = {"private": said.get("visibility") == "private", "branches": first}
            self.answer({"url": f"{self.place}/{name}"}, 409 if known else 200)
        else:
            name, kind, branch = re.fullmatch(r"/api/models/([^/]+/[^/]+)/(\w+)/([^/?]+).*", self.path).groups()
            branches = self.repositories[name]["branches"]
            if kind == "branch":
                branches[branch] = branches["main"]
                self.answer({})
            elif kind == "preupload":
                files = json.loads(sent)["files"]
                self.answer({"files": [f | {"uploadMode": "regular", "shouldIgnore": False} for f in files]})
            elif "commit" in self.breaks:
                self.close_connection = True
            else:
                lines = [json.loads(line) for line in sent.splitlines()]
                added = {line["value"]["path"]: base64.b64decode(line["value"]["content"]) for line in lines[1:]}
                commit = f"{len(self.commits):040}"
                self.commits[commit] = {**self.commits[branches[branch]], **added}
                branches[branch] = commit
                self.answer({"success": True, "commitOid": commit, "commitUrl": f"{self.place}/{name}/commit/{commit}"})


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A stand-in of the Hub, for a user who is logged in, with an empty cache."""
    from huggingface_hub import constants

    class Hub(StandIn):
        repositories, commits, breaks = {}, {}, set()

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with serving(Hub) as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        yield Hub


def test_what_is_pushed_is_loaded_again(hub, tmp_path, monkeypatch):
    model, x = tiny(), np.random.default_rng(0).random((3, 8, 8, 1), "float32")
    address = kg.hub.push(model.save_to_preset(tmp_path / "preset"), "user/digits")
    assert address.endswith(f"/user/digits/commit/{1:040}")
    files = hub.commits[f"{1:040}"]
    assert sorted(files) == ["README.md", "metadata.json", "model.keras", "preview.png"]
    assert b'kg.load("hf://user/digits")' in files["README.md"]
    for found in (kg.load("hf://user/digits"), kg.VAE.from_preset("hf://user/digits")):
        np.testing.assert_array_equal(found.reconstruct(x), model.reconstruct(x))
    with pytest.raises(ValueError, match="by VAE.from_preset, or kg.load. Received: hf://user/digits"):
        kg.GAN.from_preset("hf://user/digits")
    # A branch, of a private model, by the command.
    tiny(seed=1).save(tmp_path / "other.keras")
    arguments = ["--private", "--revision", "second", "--limits", "None known.", "--no-preview"]
    assert main(["push", str(tmp_path / "other.keras"), "user/other", *arguments]) == 0
    assert hub.repositories["user/other"]["private"]
    assert kg.load("hf://user/other@second").seed == 1
    with pytest.raises(FileNotFoundError, match="must have a file model.keras. Received: hf://user/other"):
        kg.load("hf://user/other")  # whose main is empty
    assert main(["push", "cars_detector", "user/cars"]) == 0
    kg.images.save(np.zeros((2, 32, 32, 3)), tmp_path / "pictures")
    assert main(["detect", "hf://user/cars", str(tmp_path / "pictures"), "--out", str(tmp_path / "report")]) == 0
    assert kg.tasks.AnomalyDetector.load("hf://user/cars").method_ == "neighbors"
    # What is fetched once needs no network.
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert kg.load("hf://user/digits").seed == 0
    assert kg.load("vae_wine").latent_dim == 4


def test_the_hub_refuses_in_sentences(hub, tmp_path, monkeypatch):
    folder = tiny().save_to_preset(tmp_path / "preset", preview=False)
    kg.hub.push(folder, "user/digits")

    def says(error, sentence, function, *arguments, **options):
        with pytest.raises(error, match=sentence) as raised:
            function(*arguments, **options)
        assert "\n" not in str(raised.value)

    says(FileNotFoundError, "no such repository.*Received: user/nothing", kg.load, "hf://user/nothing")
    says(FileNotFoundError, "no such branch.*Received: user/digits@no", kg.load, "hf://user/digits@no")
    says(ValueError, 'is named "user/name". Received: digits', kg.load, "hf://digits")
    says(ValueError, 'is named "user/name". Received: a/b/c', kg.hub.push, folder, "a/b/c")
    says(ValueError, "This repository is public", kg.hub.push, folder, "user/digits", private=True)
    says(ValueError, "card of a preset is written.*Received: data", kg.hub.push, folder, "user/digits", data="Digits.")
    says(PermissionError, "refuses it .401.: log in", kg.hub.push, folder, "user/new", token="hf_wrong")
    assert main(["push", str(tmp_path / "no"), "user/digits"]) == 2
    before = dict(hub.repositories["user/digits"]["branches"])
    hub.breaks.add("commit")
    says(ConnectionError, "nothing has changed there, push again", kg.hub.push, folder, "user/digits")
    assert hub.repositories["user/digits"]["branches"] == before
    # Half of a file is none.
    hub.breaks.add("model.keras")
    says(OSError, "Received: user/digits", kg.load, "hf://user/digits")
    hub.breaks.clear()
    assert kg.load("hf://user/digits").seed == 0
    # A file that is not the one that the preset describes.
    tiny(seed=1).save(tmp_path / "model.keras")
    files = hub.commits[hub.repositories["user/digits"]["branches"]["main"]]
    hub.commits["f" * 40] = files | {"model.keras": (tmp_path / "model.keras").read_bytes()}
    hub.repositories["user/digits"]["branches"]["main"] = "f" * 40
    says(ValueError, "is not the file that metadata.json describes", kg.load, "hf://user/digits")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # where nobody answers
    says(ConnectionError, "Hub could not be reached.*Received: user/else", kg.load, "hf://user/else")
    says(ConnectionError, "nothing has changed there, push again", kg.hub.push, folder, "user/digits")
