"""Kills at random moments, and what is lost: `python benchmarks/killing.py training|search|workers`.

Writes results/killing_*.json. Each is killed ten times by SIGKILL, then left to end, and compared with one that nothing
befell: epochs of the history and weights of the training, trials and figures of the searches. How long a process lives
is drawn anew each time, around what it takes to the first epoch or trial.
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

os.environ["KERAS_GEN_XLA"] = "0"  # trials of seconds
KILLS = 10
CLI = [sys.executable, "-m", "keras_gen.cli"]
TRAIN = "train vae --data mnist --limit 12000 --latent-dim 8 --epochs 60 --verbose 0 --out"
TUNE = "tune vae --data digits --space beta=0.5..4:log latent_dim=2..16 --objective squared_error --epochs 4 --out"
TRIALS = {"search": 16, "workers": 40}  # of two workers, so many that they outlive ten kills
LIFE = (0.7, 1.8)  # of the seconds to the first epoch or trial


def unbroken(command, first, log):
    """Runs a command to its end. -> seconds until a path of the pattern `first`, (folder, glob), was there."""
    start, seconds = time.time(), None
    process = subprocess.Popen(command, stdout=log, stderr=log)
    while process.poll() is None:
        time.sleep(0.1)
        if seconds is None and any(first[0].glob(first[1])):
            seconds = time.time() - start
            told(f"the first after {seconds:.0f} s")
    if process.returncode != 0:
        raise RuntimeError(f"{command} did not end well")
    return seconds


def life_and_death(command, life, dice, log):
    """Starts a command and kills it after a while. -> whether it was still alive."""
    process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        process.wait(life * dice.uniform(*LIFE))
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True


def training(folder, dice, log):
    """A training killed ten times, beside one that was not."""
    whole, broken = folder / "whole", folder / "broken"
    life, kills = unbroken([*CLI, *TRAIN.split(), str(whole)], (whole / "checkpoints", "epoch-*"), log), 0
    while kills < KILLS:
        begun = (broken / "config.json").is_file()
        command = ["resume", str(broken), "--verbose", "0"] if begun else [*TRAIN.split(), str(broken)]
        if not life_and_death([*CLI, *command], life, dice, log):
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
    return {path.stem: json.loads(path.read_text())["figure"] for path in (folder / "trials").glob("[!.]*.json")}


def compared(kills, whole, broken):
    lost = set(whole) ^ set(broken)
    apart = max(abs(whole[name] - broken[name]) for name in set(whole) & set(broken))
    return {"kills": kills, "trials": len(broken), "trials lost or added": len(lost), "largest difference": apart}


def tune(part, out):
    return [*CLI, *TUNE.split(), str(out), "--trials", str(TRIALS[part])]


def whole_search(part, folder, log):
    """Figures of a search that nothing befell, and seconds to its first trial."""
    whole = folder / "whole"
    life = unbroken(tune(part, whole), (whole / "trials", "*.json"), log)
    return figures(whole), life


def search(folder, dice, log):
    """A search of one process killed ten times."""
    whole, life = whole_search("search", folder, log)
    command, kills = tune("search", folder / "search"), 0
    while kills < KILLS and life_and_death(command, life, dice, log):
        kills += 1
        told(f"search: {kills} kills, {len(figures(folder / 'search'))} trials done")
    subprocess.run(command, check=True, stdout=log, stderr=log)
    return compared(kills, whole, figures(folder / "search"))


def workers(folder, dice, log):
    """A search of two workers, of whom one, or the chief, is killed every now and then."""
    whole, life = whole_search("workers", folder, log)
    command = [*tune("workers", folder / "crew"), "--workers", "2"]
    process, kills, victims = subprocess.Popen(command, stdout=log, stderr=log), 0, []
    while kills < KILLS and process.poll() is None:
        time.sleep(life * dice.uniform(*LIFE))
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


PARTS = {
    "training": (training, "A training of 60 epochs"),
    "search": (search, f"A random search of {TRIALS['search']} trials"),
    "workers": (workers, f"The chief and the two workers of a random search of {TRIALS['workers']} trials"),
}


def main(part):
    start, (do, what) = time.time(), PARTS[part]
    with tempfile.TemporaryDirectory() as name, open(Path(name) / "log", "w") as log:
        found = do(Path(name), random.Random(0), log)
    write(
        f"killing_{part}",
        {
            "what": f"{what}, killed at random moments and resumed, beside one that was not killed",
            "published": "none",
            "ours": "; ".join(f"{name}: {value}" for name, value in found.items()),
            "figures": found,
            "settings": f"SIGKILL after {LIFE[0]} to {LIFE[1]} times the seconds to the first epoch or trial",
            "seed": 0,
            "minutes": (time.time() - start) / 60,
        },
    )


if __name__ == "__main__":
    main(sys.argv[1])
