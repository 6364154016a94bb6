"""Training speeds of several programs, in turns, in one process."""

import json
import math
import statistics
import sys
import time

import tensorflow as tf
from claims import CLAIMS
from reproduce import FOLDER, machine
from table import write as write_table


def keras_epoch(model, *data, **options):
    """Seconds of a `fit` of one epoch, from the call to its return: what a user waits."""
    start = time.perf_counter()
    model.fit(*data, epochs=1, verbose=0, **options)
    return time.perf_counter() - start


def race(
    name,
    what,
    contenders,
    images,
    rounds,
    published="none",
    settings="as compiled by default",
    after=None,
    average=statistics.median,
):
    """Writes results/NAME.json: images per second of each contender, and what may be claimed of them.

    Args:
        name: of the row.
        what: it says.
        contenders: name -> function of no argument that trains for one epoch and returns its seconds; ours first.
        images: per epoch.
        rounds: epochs of each that count, after a first one that does not.
        published: the literature's result.
        settings: what else to say.
        after: function of no argument that returns further figures by name; called at the end.
        average: of the rounds.
    """
    for epoch in contenders.values():
        epoch()
    start = time.time()
    rates = {contender: [] for contender in contenders}
    for _ in range(rounds):
        for contender, epoch in contenders.items():
            rates[contender].append(images / epoch())
            print(f"{contender}: {rates[contender][-1]:,.0f} images per second", file=sys.stderr, flush=True)
    averages = {contender: average(values) for contender, values in rates.items()}
    first = next(iter(contenders))
    quotients = {contender: averages[first] / averages[contender] for contender in contenders}
    minutes = (time.time() - start) / 60
    further = after() if after else {}
    settings += "".join(f"; {name} {value:.2f}" for name, value in further.items())
    figures = {"images_per_second": averages, "rounds": rates, "ratios": quotients, **further}
    result = {
        "what": what,
        "published": published,
        "ours": CLAIMS[name](figures),
        "figures": figures,
        "settings": f"{settings}; {rounds} rounds; images per second "
        + ", ".join(f"{contender} {rate:,.0f}" for contender, rate in averages.items()),
        "seed": None,
        "minutes": minutes,
    }
    write(name, result)


def matrix_rate(size=1024, repeats=40):
    """Multiplications and additions per second of a float32 matrix product, the best of four tries."""
    a = tf.random.normal((size, size)) / math.sqrt(size)
    product = tf.function(lambda x: tf.matmul(x, a))
    product(a).numpy()
    rates = []
    for _ in range(4):
        start, x = time.perf_counter(), a
        for _ in range(repeats):
            x = product(x)
        x.numpy()
        rates.append(2 * size**3 * repeats / (time.perf_counter() - start))
    return max(rates)


def write(name, result):
    """Writes results/NAME.json and the table."""
    (FOLDER / "results").mkdir(exist_ok=True)
    (FOLDER / "results" / f"{name}.json").write_text(json.dumps(result | {"machine": machine()}, indent=2) + "\n")
    write_table()
