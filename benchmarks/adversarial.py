"""The rows of the adversarial family; run by `reproduce.py`."""

import keras
import numpy as np
from common import SHAPE, classifier, cosine, labelled, spread_of

import keras_gen as kg
from keras_gen.core.labels import mask_labels


def infogan(seeds=(0, 1, 2), epochs=25, batch_size=64):
    """InfoGAN: how well its categories are the digits."""
    x, (test, test_y) = labelled("train")[0], labelled("test")
    errors = []
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        model = kg.InfoGAN(SHAPE, seed=seed)
        model.compile(**model.default_optimizers(decay_steps=epochs * (len(x) // batch_size)))
        model.fit(x, batch_size=batch_size, epochs=epochs, verbose=2)
        errors.append(1 - kg.evaluation.clustering_accuracy(test_y, model.classify(test)))
        print(seed, errors, flush=True)
    return {
        "what": f"InfoGAN, categories as a classifier of the test images, error % by optimal matching, {len(seeds)} "
        "seeds",
        "published": "5 (one seed)",
        "ours": spread_of(errors),
        "figures": {"error": errors},
        "settings": "half the paper's width (32, 64 filters, 512 features), noise 62, 10 categories, 2 continuous "
        f"codes; Adam 2e-4 for the discriminator, 1e-3 for the generator, cosine to 0; batch {batch_size}, {epochs} "
        "epochs; 60,000 images",
        "seed": list(seeds),
    }


def aae_networks(latent_dim, num_classes=0, width=1000, noise=0.3):
    """The paper's networks; as there, noise on the images that the encoder sees in training."""
    images = keras.Input(SHAPE)
    body = kg.networks.dense_encoder(SHAPE, (width, width))
    found = {
        "encoder": keras.Model(images, body(keras.layers.GaussianNoise(noise)(images))),
        "decoder": kg.networks.dense_decoder(latent_dim + num_classes, SHAPE, (width, width)),
        "discriminator": kg.networks.dense_encoder((latent_dim,), (width, width)),
    }
    if num_classes:
        found["category_discriminator"] = kg.networks.dense_encoder((num_classes,), (width, width))
    return found


def with_slow_game(model, epochs, steps):
    """The model's own optimizers, those of the game at 2e-4."""
    game = {f"{name}_optimizer": keras.optimizers.Adam(cosine(2e-4, epochs, steps), *model.betas) for name in "dg"}
    return model.default_optimizers(decay_steps=epochs * steps) | game


def aae_semi_supervised(seeds=(0, 1, 2), num_labels=1000, latent_dim=10, epochs=25):
    """Adversarial autoencoder with a category, 1,000 labels."""
    (x, y), (test, test_y) = labelled("train"), labelled("test")
    errors = []
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        model = kg.AdversarialAutoencoder(SHAPE, latent_dim, num_classes=10, seed=seed, **aae_networks(latent_dim, 10))
        model.compile(**with_slow_game(model, epochs, len(x) // 200))
        model.fit(x, mask_labels(y, num_labels, seed), batch_size=200, epochs=epochs, verbose=2)
        errors.append(float(np.mean(model.classify(test) != test_y)))
        print(seed, errors, flush=True)
    return {
        "what": f"AAE, {num_labels:,} labels, test error %, mean of {len(seeds)} seeds (best)",
        "published": "1.60 +- 0.08 (not re-checked)",
        "ours": spread_of(errors),
        "figures": {"error": errors},
        "settings": f"784-1000-1000, z {latent_dim}, normal prior, noise 0.3 on the encoder's images; Adam 1e-3 for "
        f"reconstruction and classification, 2e-4 for the game, cosine to 0 at epoch {epochs}, batch 200; labels "
        "chosen by the seed, as many of each class; settings chosen by runs on seed 0, on the last 10,000 training "
        "images",
        "seed": list(seeds),
    }


def aae_clusters(seeds=(0, 1, 2), num_clusters=30, latent_dim=5, epochs=15, width=500):
    """Adversarial autoencoder with a category and no labels."""
    (x, y), (test, test_y) = labelled("train"), labelled("test")
    errors = []
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        model = kg.AdversarialAutoencoder(
            SHAPE,
            latent_dim,
            num_classes=num_clusters,
            label_use="none",
            seed=seed,
            **aae_networks(latent_dim, num_clusters, width),
        )
        model.compile(**model.default_optimizers(decay_steps=epochs * (len(x) // 200)))
        model.fit(x, batch_size=200, epochs=epochs, verbose=2)
        names = kg.evaluation.label_clusters(model.class_probabilities(x[-10_000:]), y[-10_000:])
        errors.append(float(np.mean(names[model.cluster(test)] != test_y)))
        print(seed, errors, flush=True)
    return {
        "what": f"AAE, {num_clusters} clusters, error % where a cluster is named by its most confident image, mean of "
        f"{len(seeds)} seeds (best)",
        "published": "4.10 +- 1.13",
        "ours": spread_of(errors),
        "figures": {"error": errors},
        "settings": f"784-{width}-{width}, z {latent_dim}, noise 0.3 on the encoder's images; Adam 1e-3, "
        f"cosine to 0 at epoch {epochs}, batch 200; settings of the category chosen by runs on seed 0, on the last "
        "10,000 training images; clusters named by the last 10,000 training images, error on the test images",
        "seed": list(seeds),
    }


def parzen(seed=0, count=10_000, latent_dim=8, epochs=15):
    """Parzen windows on samples of the shipped GAN and AAE, and of an AAE of the paper's size."""
    x, (test, _) = labelled("train")[0], labelled("test")
    keras.utils.set_random_seed(seed)
    aae = kg.AdversarialAutoencoder(SHAPE, latent_dim, seed=seed, **aae_networks(latent_dim))
    aae.compile(**aae.default_optimizers(decay_steps=epochs * (len(x) // 200)))
    aae.fit(x[:-1000], batch_size=200, epochs=epochs, verbose=2)
    models = {name: kg.load(name) for name in ("dcgan_mnist", "aae_mnist_2d")} | {f"AAE, {latent_dim} codes": aae}
    drawn = {"training images": x[:count]} | {name: model.sample(count, seed=seed) for name, model in models.items()}
    found = {name: kg.evaluation.parzen_log_likelihood(samples, x[-1000:], test) for name, samples in drawn.items()}
    return {
        "what": f"Parzen log-likelihood of the 10,000 test images, nats, {count:,} samples. The authors warn that it "
        "is a weak estimate: it does not rank models",
        "published": "GAN 225 +- 2; AAE 340 +- 2",
        "ours": "; ".join(f"{name} {density.mean():.0f}" for name, (density, _) in found.items()),
        "figures": {
            name: {"mean": density.mean(), "standard_error": density.std() / np.sqrt(len(density)), "sigma": sigma}
            for name, (density, sigma) in found.items()
        },
        "settings": "sigma of ten values from 0.1 to 1, by the last 1,000 training images; AAE with "
        f"{latent_dim} codes: 784-1000-1000, noise 0.3 on the encoder's images, {epochs} epochs, batch 200, cosine",
        "seed": seed,
    }


def dcgan_samples(seed=0, count=10_000):
    """How many samples of the shipped DCGAN a classifier of real digits is sure of."""
    judge, right = classifier(*labelled("train"), *labelled("test"), seed)
    seen = judge.predict(kg.load("dcgan_mnist").sample(count, seed=seed), verbose=0)
    real = judge.predict(labelled("test")[0], verbose=0)
    shares = np.bincount(seen.argmax(1), minlength=10) / count
    return {
        "what": "Samples of the shipped DCGAN: share % that a classifier of real digits is more than 90 % sure of "
        "(smallest share of a class, %)",
        "published": "none",
        "ours": f"{100 * np.mean(seen.max(1) > 0.9):.1f} ({100 * shares.min():.1f}); real test images "
        f"{100 * np.mean(real.max(1) > 0.9):.1f}",
        "figures": {
            "sure": np.mean(seen.max(1) > 0.9),
            "shares": shares.tolist(),
            "sure_of_real": np.mean(real.max(1) > 0.9),
        },
        "settings": f"{count:,} samples; classifier 784-512-64-10, right on {100 * right:.1f} % of the test images",
        "seed": seed,
    }


def conditional_gan(seed=0, epochs=8, batch_size=64):
    """A classifier that has seen samples of a conditional GAN only, on real digits."""
    (x, y), (test, test_y) = labelled("train"), labelled("test")
    keras.utils.set_random_seed(seed)
    model = kg.GAN(
        SHAPE,
        num_classes=10,
        ema=0.999,
        generator="infogan",  # narrow, with a wide dense layer: the fastest for one digit of 28 x 28
        discriminator="infogan",
        seed=seed,
    )
    model.compile()
    model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=2)
    labels = np.arange(len(x)) % 10
    _, right = classifier(np.asarray(model.sample(len(x), labels, seed)), labels, test, test_y, seed)
    _, at_best = classifier(x, y, test, test_y, seed)
    return {
        "what": "A classifier trained on samples of a conditional GAN only, right on % of the real test images",
        "published": "none",
        "ours": f"{100 * right:.2f}; trained on the real images {100 * at_best:.2f}",
        "figures": {"right": right, "trained_on_real": at_best},
        "settings": f"networks of InfoGAN at half width, EMA 0.999, {epochs} epochs, batch {batch_size}, Adam 2e-4; "
        "60,000 samples; classifier 784-512-64-10",
        "seed": seed,
    }
