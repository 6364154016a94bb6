"""What is shared and fetched: shipped models, presets, and the Hugging Face Hub by a stand-in on this machine."""

import contextlib
import hashlib
import http.server
import json
import sys
import threading
from pathlib import Path

import pytest

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
    assert "detector.zip" in listed
    assert "fetched when loaded" in listed
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
