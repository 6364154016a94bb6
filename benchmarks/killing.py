"""Kills trainings, searches and workers at random moments, and counts what is lost: `python benchmarks/killing.py`.

Writes results/killing.json. Each part is killed ten times by SIGKILL, then left to end, and compared with one that
nothing befell: epochs of the history and weights of the training, trials and figures of the searches.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from racing import write

import keras_gen as kg

KILLS = 10
CLI = [sys.executable, "-m", "keras_gen.cli"]
TRAIN = "train vae --data mnist --limit 12000 --latent-dim 8 --epochs 60 --verbose 0 --out"
TUNE = (
    "tune vae --data mnist --limit 6000 --space beta=0.5..4:log latent_dim=2..16 --objective squared_error "
    "--trials 12 --epochs 4 --out"
)
LIFE = (10.0, 35.0)  # seconds; a process needs some ten to begin


def life_and_death(command, dice, log):
    """Starts a command and kills it after a while. -> whether it was still alive."""
    process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        process.wait(dice.uniform(*LIFE))
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True


def training(folder, dice, log):
    """A training killed ten times, beside one that was not."""
    whole, broken = folder / "whole", folder / "broken"
    subprocess.run([*CLI, *TRAIN.split(), str(whole)], check=True, stdout=log, stderr=log)
    kills = 0
    while kills < KILLS:
        begun = (broken / "config.json").is_file()
        command = ["resume", str(broken), "--verbose", "0"] if begun else [*TRAIN.split(), str(broken)]
        if not life_and_death([*CLI, *command], dice, log):
            break
        kills += 1
        told(f"training: {kills} kills, {len(list((broken / 'checkpoints').glob('epoch-*')))} checkpoints")
    subprocess.run([*CLI, "resume", str(broken), "--verbose", "0"], check=kills == KILLS, stdout=log, stderr=log)
    one, other = (kg.load(str(run / "model.keras")) for run in (whole, broken))
    same = (whole / "history.csv").read_text() == (broken / "history.csv").read_text()
    apart = max(float(np.abs(a - b).max()) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))
    return {"kills": kills, "the same history": same, "largest difference of a weight": apart}


def figures(folder):
    """{trial: figure} of a search."""
    return {path.stem: json.loads(path.read_text())["figure"] for path in (folder / "trials").glob("*.json")}


def compared(kills, whole, broken):
    lost = set(whole) ^ set(broken)
    apart = max(abs(whole[name] - broken[name]) for name in set(whole) & set(broken))
    return {"kills": kills, "trials": len(broken), "trials lost or added": len(lost), "largest difference": apart}


def search(folder, dice, log, whole):
    """A search of one process killed ten times."""
    command, kills = [*CLI, *TUNE.split(), str(folder / "search")], 0
    while kills < KILLS and life_and_death(command, dice, log):
        kills += 1
        told(f"search: {kills} kills, {len(figures(folder / 'search'))} trials done")
    subprocess.run(command, check=True, stdout=log, stderr=log)
    return compared(kills, whole, figures(folder / "search"))


def crew(folder, dice, log, whole):
    """A search of two workers, of whom one, or the chief, is killed every now and then."""
    command = [*CLI, *TUNE.split(), str(folder / "crew"), "--workers", "2"]
    process, kills, victims = subprocess.Popen(command, stdout=log, stderr=log), 0, []
    while kills < KILLS and process.poll() is None:
        time.sleep(dice.uniform(*LIFE))
        who = dice.choice(["worker0", "worker1", "worker0", "worker1", "chief"])
        found = [pid for pid, name in children(process.pid) if name == who]
        if found:
            os.kill(found[0], signal.SIGKILL)
            kills, victims = kills + 1, [*victims, who]
            told(f"workers: {who} killed, {len(figures(folder / 'crew'))} trials done")
    if process.wait() != 0:
        raise RuntimeError("The search did not end well")
    return compared(kills, whole, figures(folder / "crew")) | {"of them the chief": victims.count("chief")}


def children(parent):
    """(process, KERASTUNER_TUNER_ID) of the children of a process."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(status.read_text().rpartition(")")[2].split()[1]) == parent:
                names = dict(
                    line.partition("=")[::2] for line in (status.parent / "environ").read_text().split("\0") if line
                )
                yield int(status.parent.name), names.get("KERASTUNER_TUNER_ID")
        except OSError:  # it has ended
            continue


def told(text):
    print(text, file=sys.stderr, flush=True)


def main():
    start, dice = time.time(), random.Random(0)
    with tempfile.TemporaryDirectory() as name, open(Path(name) / "log", "w") as log:
        folder = Path(name)
        found = {"training": training(folder, dice, log)}
        subprocess.run([*CLI, *TUNE.split(), str(folder / "unbroken")], check=True, stdout=log, stderr=log)
        whole = figures(folder / "unbroken")
        found["search"] = search(folder, dice, log, whole)
        found["workers"] = crew(folder, dice, log, whole)
    lost = found["search"]["trials lost or added"] + found["workers"]["trials lost or added"]
    write(
        "killing",
        {
            "what": "A training, a search and the workers of a search, each killed at random moments and gone on with",
            "published": "none",
            "ours": f"{sum(part['kills'] for part in found.values())} kills, {lost} trials lost, "
            + ("no epoch lost" if found["training"]["the same history"] else "another history"),
            "figures": found,
            "settings": "; ".join(f"{name}: {json.dumps(part)}" for name, part in found.items()).replace('"', ""),
            "seed": 0,
            "minutes": (time.time() - start) / 60,
        },
    )


if __name__ == "__main__":
    main()
