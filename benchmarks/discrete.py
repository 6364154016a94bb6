"""The rows of discrete codes; run by `reproduce.py`."""

import math

import numpy as np
from common import SHAPE, classifier, labelled

import keras_gen as kg

SHIPPED = "vqvae_mnist_prior"


def discrete_codes(seed=0, epochs=8, images=2_500, count=10_000):
    """The shipped prior and its VQVAE, and a VQVAE of "fsq" that is trained alike: errors, use of codes, bits, rate."""
    x, y = labelled("test")
    prior = kg.load(SHIPPED)
    fsq = kg.VQVAE(SHAPE, quantizer="fsq", seed=seed)
    train = kg.data.load("mnist", "train[:90%]", seed=seed)
    fsq.compile(**fsq.default_optimizers(1e-3, epochs * int(train.cardinality())))
    fsq.fit(train, epochs=epochs, verbose=2)
    figures = {}
    for name, model in (("vq", prior.vqvae), ("fsq", fsq)):
        model.compile()
        found = model.evaluate(x, verbose=0, return_dict=True)
        figures[name] = {
            "squared_error": found["reconstruction_loss"],
            "perplexity": found["perplexity"],
            "used_codes": found["used_codes"],
        }
    bits = {"labels": prior.score(x, labels=y), "no_labels": prior.score(x)}
    figures["bits_per_image"] = {name: float(-scores.mean() / math.log(2)) for name, scores in bits.items()}
    uniform = figures["bits_per_image"]["uniform"] = prior.length * math.log2(prior.num_codes)
    rows = kg.tasks.compression.compare(prior, x[:images])
    alone = kg.tasks.compression.compare(prior.vqvae, x[:images])[0]
    figures["rate"] = [alone, *rows]
    judge, right = classifier(*labelled("train"), x, y, seed)
    labels = np.arange(count) % 10
    seen = judge.predict(prior.sample(count, labels=labels, seed=seed), verbose=0).argmax(1)
    figures["seen_as_asked"], figures["classifier_accuracy"] = float(np.mean(seen == labels)), right
    return {
        "what": "7 x 7 codes of 9 bits of MNIST: squared error per test image, perplexity and codes in use, by "
        f"quantizer; bits per image of the prior, equal lengths take {uniform:.0f}; share % of samples in which a "
        f"classifier sees the digit asked for; bits per pixel and PSNR in dB of {images:,} test images in a file",
        "published": "none",
        "ours": "; ".join(
            f"{name} {of['squared_error']:.2f}, {of['perplexity']:.0f}, {of['used_codes']:.0f}"
            for name, of in ((name, figures[name]) for name in ("vq", "fsq"))
        )
        + f"; {figures['bits_per_image']['no_labels']:.1f} bits, with labels {figures['bits_per_image']['labels']:.1f}"
        + f"; {100 * figures['seen_as_asked']:.1f} %; "
        + "; ".join(
            f"{row['codec']} ({row['setting']}) {row['bits_per_pixel']:.3f}, {row['psnr']:.1f}"
            for row in figures["rate"]
        ),
        "figures": figures,
        "settings": f"the shipped {SHIPPED} (see its card) holds the vq; fsq: Adam 0.001, cosine to 0, {epochs} "
        f"epochs, batch 128, as the vq on nine tenths of the training images; {count:,} samples; decoders and prior "
        f"are not counted in files; classifier 784-512-64-10, right on {100 * right:.1f} % of the test images",
        "seed": seed,
    }
