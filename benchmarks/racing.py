"""Training speeds of several programs, in turns, in one process."""

import json
import math
import statistics
import sys
import time

import keras
import tensorflow as tf
from reproduce import FOLDER, machine, table


class Clock(keras.callbacks.Callback):
    """Seconds of one epoch of Keras."""

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds = time.perf_counter() - self.start


def keras_epoch(model, *data, **options):
    clock = Clock()
    model.fit(*data, epochs=1, verbose=0, callbacks=[clock], **options)
    return clock.seconds


def race(name, what, contenders, images, rounds, published="none", settings="as compiled by default", after=None):
    """Writes results/NAME.json: images per second of each contender, medians, and the first one's ratio to the others.

    Args:
        name: of the row.
        what: it says.
        contenders: name -> function of no argument that trains for one epoch and returns its seconds; ours first.
        images: per epoch.
        rounds: epochs of each that count, after a first one that does not.
        published: the literature's figure.
        settings: what else to say.
        after: function of no argument to further figures, called at the end; their names and values are said too.
    """
    for epoch in contenders.values():
        epoch()
    start = time.time()
    rates = {contender: [] for contender in contenders}
    for _ in range(rounds):
        for contender, epoch in contenders.items():
            rates[contender].append(images / epoch())
            print(f"{contender}: {rates[contender][-1]:,.0f} images per second", file=sys.stderr, flush=True)
    medians = {contender: statistics.median(values) for contender, values in rates.items()}
    first, *others = contenders
    ratios = {contender: medians[first] / medians[contender] for contender in contenders}
    minutes = (time.time() - start) / 60
    further = after() if after else {}
    settings += "".join(f"; {name} {value:.2f}" for name, value in further.items())
    result = {
        "what": what,
        "published": published,
        "ours": ", ".join(f"{ratios[other]:.2f} x {other}" for other in others),
        "figures": {"images_per_second": medians, "rounds": rates, "ratios": ratios, **further},
        "settings": f"{settings}; {rounds} rounds; images per second "
        + ", ".join(f"{contender} {median:,.0f}" for contender, median in medians.items()),
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
    table()
