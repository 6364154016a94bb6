"""Speed of translation models beside the operation count's limit; writes results/throughput_translation.json.

The limit is the rate of a matrix product in TensorFlow, measured in the same run, over the multiplications and
additions of the convolutions in a step. Forward counts once, the gradient of weights and that of inputs once more each.
"""

import math
import os
import time
from pathlib import Path

import keras
import numpy as np
from racing import keras_epoch, matrix_rate, write

import keras_gen as kg

SHAPE, BATCH, STEPS, ROUNDS = (28, 28, 1), 32, 20, 3


def operations(network, shape):
    """Multiplications and additions of a network's convolutions, forward, for one image of a shape."""
    convolutions = [layer for layer in network.layers if hasattr(layer, "kernel")]
    probe = keras.Model(network.inputs, [tensor for layer in convolutions for tensor in (layer.input, layer.output)])
    made = probe(np.zeros((1, *shape), "float32"))
    count = 0
    for layer, before, after in zip(convolutions, made[::2], made[1::2], strict=True):
        transposed = isinstance(layer, keras.layers.Conv2DTranspose)
        height, width = (before if transposed else after).shape[1:3]
        count += 2 * math.prod(layer.kernel.shape) * height * width
    return count


def models():
    """Name -> model, and operations of a step for one image."""
    l1 = kg.Pix2Pix(SHAPE, adversarial_weight=0)
    yield "Pix2Pix, L1 alone", l1, 3 * operations(l1.generator, SHAPE)
    pix2pix = kg.Pix2Pix(SHAPE)
    critic = operations(pix2pix.discriminator, (*SHAPE[:2], 2))
    # The critic learns from real and made images; for the generator it judges once more, and passes a gradient on.
    yield "Pix2Pix", pix2pix, 3 * operations(pix2pix.generator, SHAPE) + (2 * 3 + 2) * critic
    cyclegan = kg.CycleGAN(SHAPE)
    generator, critic = (operations(net, SHAPE) for net in (cyclegan.generator, cyclegan.discriminator))
    # Each generator makes an image, takes one home and keeps one as it is; of those that it takes home, it passes a
    # gradient on, which is part of the 3.
    yield "CycleGAN", cyclegan, 2 * (3 * 3 * generator + (2 * 3 + 2) * critic)


def main():
    count = BATCH * STEPS
    x = kg.data.stack(kg.data.load("mnist", shuffle=False, limit=2 * count))
    x, y = x[:count], x[count:]
    start, figures = time.time(), {}
    for name, model, needed in models():
        model.compile()
        keras_epoch(model, x, y, batch_size=BATCH)
        rates, limits = [], []
        for _ in range(ROUNDS):
            limits.append(matrix_rate() / needed)
            rates.append(count / keras_epoch(model, x, y, batch_size=BATCH))
        rate, limit = float(np.median(rates)), float(np.median(limits))
        figures[name] = {"images_per_second": rate, "limit": limit, "share": rate / limit, "operations": needed}
        print(name, figures[name], flush=True)
    write(
        "throughput_translation",
        {
            "what": "Training speed of translation models of 28 x 28 gray images, images per second, and the limit of "
            "the operation count",
            "published": "none",
            "ours": "; ".join(
                f"{name} {f['images_per_second']:,.0f} of {f['limit']:,.0f} ({100 * f['share']:.0f} %)"
                for name, f in figures.items()
            ),
            "figures": figures,
            "settings": f"networks as built by default, batch {BATCH}, {STEPS} steps, medians of {ROUNDS} rounds; "
            "limit: rate of a matrix product of 1024 x 1024 in the same run over the operations of the convolutions",
            "seed": None,
            "minutes": (time.time() - start) / 60,
        },
    )


if __name__ == "__main__":
    os.chdir(Path(__file__).parent.parent)
    main()
