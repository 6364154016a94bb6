"""Several machines: two processes on loopback, as TF_CONFIG would have them on a cluster."""

import csv
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_gen as kg
from keras_gen import cli
from keras_gen.core import distribution

SECONDS = 240
pytestmark = pytest.mark.extended  # processes that wait for each other: a minute and a half


def cluster(count=2):
    """The environment of each of some processes."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    workers = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return [
        os.environ | {"TF_CONFIG": json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": i}})}
        for i in range(count)
    ]


def start(environment, log, *arguments):
    with open(log, "a") as file:
        return subprocess.Popen([sys.executable, *arguments], env=environment, stdout=file, stderr=file)


def wait(processes, logs):
    for process, log in zip(processes, logs, strict=True):
        assert process.wait(SECONDS) == 0, log.read_text()[-3000:]


SCRIPT = """
import sys
import keras, numpy as np
import keras_gen as kg
from keras_gen.core import distribution, epochs

strategy, out = distribution.strategy(), sys.argv[1]
numbers = epochs.batches(np.arange(22), 4, seed=0)  # batches of two for each, and one that is not full
seen = [strategy.experimental_local_results(batch)[0].numpy()
        for batch in strategy.experimental_distribute_dataset(distribution.sharded(numbers))]
x = kg.data.stack(kg.data.load("digits", limit=12))
arrays = {"seen": np.concatenate(seen)}
with strategy.scope():
    keras.utils.set_random_seed(0)
    plain = kg.Autoencoder((8, 8, 1), 2)
    plain.compile(keras.optimizers.SGD(1e-3))
    gan = kg.GAN((8, 8, 1), 2, num_classes=10)
    gan.compile()
plain.fit(x, batch_size=4, shuffle=False, verbose=0)
labelled = x, np.arange(12) % 10
figures = gan.fit(*labelled, batch_size=4, verbose=0, validation_data=labelled).history
for name, model in {"plain": plain, "gan": gan}.items():
    arrays |= {f"{name}{i}": weight for i, weight in enumerate(model.get_weights())}
np.savez(out, figures=[float(np.mean(figures[name])) for name in sorted(figures)], **arrays)
"""


def test_two_machines_end_alike_and_as_one(tmp_path):
    outs, logs = [tmp_path / f"{i}.npz" for i in range(2)], [tmp_path / f"{i}.log" for i in range(2)]
    each = zip(cluster(), logs, outs, strict=True)
    wait([start(environment, log, "-c", SCRIPT, str(out)) for environment, log, out in each], logs)
    one, other = (dict(np.load(out)) for out in outs)
    assert sorted([*one.pop("seen"), *other.pop("seen")]) == list(range(22))  # each example once
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], name)
    assert np.isfinite(one["figures"]).all()
    assert len(one["figures"]) == 2 * 5  # two players, two probabilities and the sum, and those of validation
    keras.utils.set_random_seed(0)
    alone = kg.Autoencoder((8, 8, 1), 2)
    alone.compile(keras.optimizers.SGD(1e-3))
    alone.fit(kg.data.stack(kg.data.load("digits", limit=12)), batch_size=4, shuffle=False, verbose=0)
    for i, weight in enumerate(alone.get_weights()):
        np.testing.assert_allclose(one[f"plain{i}"], weight, atol=1e-6)


def history(folder):
    with open(Path(folder) / "history.csv") as file:
        return [[float(value) for value in row.values()] for row in csv.DictReader(file)]


def test_a_machine_that_is_killed_and_started_again_goes_on(tmp_path, monkeypatch, capsys):
    """The other waits for it; the end is that of two devices of one machine that nothing befell."""
    settings = "train vae --data digits --limit 64 --latent-dim 2 --batch-size 16 --epochs 8 --verbose 0 --out"
    train = [*settings.split(), str(tmp_path / "run")]
    command = ["-m", "keras_gen.cli", *train]
    environments, logs = cluster(), [tmp_path / f"{i}.log" for i in range(2)]
    processes = [start(environment, log, *command) for environment, log in zip(environments, logs, strict=True)]
    deadline = time.time() + SECONDS
    while not list((tmp_path / "run/checkpoints").glob("epoch-*")):
        assert time.time() < deadline, logs[0].read_text()[-3000:]
        time.sleep(0.05)
    processes[1].kill()
    processes[1].wait()
    assert not (tmp_path / "run/metrics.json").exists()
    processes[1] = start(environments[1], logs[1], *command)
    wait(processes, logs)
    assert "this one waits for it" in logs[0].read_text()
    metrics = json.loads((tmp_path / "run/metrics.json").read_text())
    assert metrics["epochs_before_resuming"] > 0
    assert metrics["machine"]["devices"] == 2
    assert not list(tmp_path.glob("run/**/.*")), "left over"
    assert kg.load(str(tmp_path / "run")).step.numpy() == 8 * 4
    assert cli.main([*settings.split(), str(tmp_path / "alone"), "--devices", "2"]) == 0
    np.testing.assert_allclose(history(tmp_path / "run"), history(tmp_path / "alone"), rtol=1e-3, atol=1e-3)
    # Whoever is started again after the end finds it complete, without waiting for anybody.
    monkeypatch.setenv("TF_CONFIG", environments[1]["TF_CONFIG"])
    assert cli.main(train) == 0
    assert cli.main([*train, "--seed", "3"]) == 2
    assert "holds another run: its data, training differ" in capsys.readouterr().err


WORKERS = {"cluster": {"worker": ["one:1", "two:1"]}, "task": {"type": "worker", "index": 1}}


@pytest.mark.parametrize(
    ("config", "devices", "sentence"),
    [
        ("{", None, "TF_CONFIG must read as .*Received: TF_CONFIG={"),
        ("[1]", None, "TF_CONFIG must read as"),
        (json.dumps({"cluster": {"ps": ["one:1"], "worker": ["two:1"]}}), None, "parameter servers; MirroredStrategy"),
        (json.dumps(WORKERS), 2, "each trains with all it has. Received: devices=2"),
        (json.dumps(WORKERS), None, "before TensorFlow does anything else"),
    ],
)
def test_clusters_that_cannot_train(monkeypatch, config, devices, sentence):
    np.asarray(kg.VAE((8, 8, 1), 2).step)  # TensorFlow has started
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(ValueError, match=sentence):
        distribution.strategy(devices)


@pytest.mark.parametrize(
    ("config", "machines", "chief"),
    [
        ({}, 1, True),
        ({"cluster": {"worker": ["one:1"]}, "task": {"type": "worker", "index": 0}}, 1, True),
        (WORKERS, 2, False),
        (WORKERS | {"task": {"type": "worker", "index": 0}}, 2, True),
        ({"cluster": {"chief": ["c:1"], "worker": ["w:1"]}, "task": {"type": "chief", "index": 0}}, 2, True),
        ({"cluster": {"chief": ["c:1"], "worker": ["w:1"]}, "task": {"type": "worker", "index": 0}}, 2, False),
    ],
)
def test_who_is_the_chief(monkeypatch, config, machines, chief):
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert distribution.num_machines() == machines
    assert distribution.is_chief() == chief
