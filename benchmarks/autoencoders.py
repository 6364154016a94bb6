"""The rows of the autoencoder family; run by `reproduce.py`."""

import time

import keras
import numpy as np
import scipy.linalg
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import keras_gen as kg

SHAPE = (28, 28, 1)
VALIDATION = 10_000  # of the training images, where something is chosen


def mnist():
    """(training images, labels), (test images, labels), in the stored order."""
    return [kg.data.stack(kg.data.load("mnist", split, labels=True, shuffle=False)) for split in ("train", "test")]


def flat(images):
    return images.reshape(len(images), -1)


def cosine(rate, epochs, count, batch_size):
    """Adam with a cosine schedule from `rate` to 0."""
    steps = epochs * -(-count // batch_size)
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps))


def fit(model, x, epochs, rate, batch_size=128):
    model.compile(optimizer=cosine(rate, epochs, len(x), batch_size))
    return model.fit(x, epochs=epochs, batch_size=batch_size, verbose=2).history


def linear_autoencoder_is_pca(seed=0, latent_dim=32, epochs=20, batch_size=100, rate=3e-3):
    (train, _), (test, _) = mnist()
    pca = PCA(latent_dim).fit(flat(train))
    restored = pca.inverse_transform(pca.transform(flat(test)))
    error = np.sum((restored - flat(test)) ** 2) / len(test)
    figures = {"pca": error}
    for name, tied in (("tied", True), ("untied", False)):
        keras.utils.set_random_seed(seed)
        model = kg.LinearAutoencoder(SHAPE, latent_dim, tied=tied)
        fit(model, train, epochs, rate, batch_size)
        figures[name] = -model.score(test).mean()
        figures[f"{name}_angle"] = np.degrees(scipy.linalg.subspace_angles(model.components.T, pca.components_.T).max())
    return {
        "what": f"Linear autoencoder and PCA, {latent_dim} codes: squared error per test image, principal angle",
        "published": "equal (theorem)",
        "ours": f"PCA {error:.3f}; tied {figures['tied']:.3f}, {figures['tied_angle']:.2f} degrees; "
        f"untied {figures['untied']:.3f}, {figures['untied_angle']:.2f} degrees",
        "figures": figures,
        "settings": f"Adam {rate:g}, cosine to 0, {epochs} epochs, batch {batch_size}, 60,000 images",
        "seed": seed,
    }


def deep_autoencoder_30(seed=0, epochs=40, batch_size=128, rate=1e-3):
    (train, _), (test, _) = mnist()
    pca = PCA(30).fit(flat(train))
    error = np.sum((pca.inverse_transform(pca.transform(flat(test))) - flat(test)) ** 2) / len(test)
    keras.utils.set_random_seed(seed)
    sizes = (1000, 500, 250)
    model = kg.Autoencoder(
        SHAPE,
        30,
        likelihood="gaussian",
        encoder=kg.networks.dense_encoder(SHAPE, sizes, "gelu"),
        decoder=kg.networks.dense_decoder(30, SHAPE, sizes[::-1], "gelu"),
    )
    history = fit(model, train, epochs, rate, batch_size)
    ours = -model.score(test).mean()
    return {
        "what": "PCA and a deep autoencoder with 30 codes: squared error per test image",
        "published": "13.87 and 3.00 (with layer-wise pretraining; not re-checked)",
        "ours": f"{error:.2f} and {ours:.2f}",
        "figures": {"pca": error, "deep": ours, "deep_train": history["loss"][-1]},
        "settings": f"784-1000-500-250-30, GELU, no pretraining; Adam {rate:g}, cosine to 0, {epochs} epochs, batch "
        f"{batch_size}, 60,000 images",
        "seed": seed,
    }


def features_1000(seed=0, units=1000, epochs=25, rate=3e-3, tuning_epochs=30, tuning_rate=2e-3):
    """Two rows of one training: logistic regression on the features, and fine-tuning."""
    (x, y), (test, labels) = mnist()
    shared = {
        "data_shape": SHAPE,
        "latent_dim": units,
        "likelihood": "bernoulli",
        "encoder": "shallow",
        "decoder": "tied",
        "code_activation": "sigmoid",
    }
    makers = {
        "AE": lambda: kg.Autoencoder(**shared),
        "sparse": lambda: kg.SparseAutoencoder(**shared, rho=0.03, beta=3.0),
        "DAE-b": lambda: kg.DenoisingAutoencoder(**shared, corruption="masking", level=0.5),
        "DAE-g": lambda: kg.DenoisingAutoencoder(**shared, corruption="gaussian", level=0.8),
        "CAE": lambda: kg.ContractiveAutoencoder(**shared, weight=1.0),
    }
    figures = {"raw pixels": {"features": probe_error(flat(x), y, flat(test), labels)}}
    start = time.time()
    for name, make in makers.items():
        keras.utils.set_random_seed(seed)
        model = make()
        fit(model, x, epochs, rate)
        figures[name] = {
            "features": probe_error(model.encode(x), y, model.encode(test), labels),
            "jacobian_norm": kg.evaluation.jacobian_norm(model, test[:500]).mean(),
            "fine_tuned": fine_tuned_error(model, x, y, test, labels, tuning_epochs, tuning_rate),
        }
        print(name, figures[name], f"{(time.time() - start) / 60:.1f} minutes", flush=True)
    pretraining = (
        f"784-{units}-784, sigmoid, tied weights, cross entropy; Adam {rate:g}, cosine to 0, {epochs} epochs, "
        "batch 128, 60,000 images; sparse rho 0.03, beta 3; DAE-b masking 0.5; DAE-g standard deviation 0.8, clipped; "
        "CAE weight 1"
    )
    by_norm = sorted(makers, key=lambda name: figures[name]["jacobian_norm"])
    return {
        "features_1000": {
            "what": f"Features of {units} units and logistic regression, test error %",
            "published": "raw pixels 7.20; DAE 1.95; k-sparse 1.35 (not re-checked)",
            "ours": "; ".join(f"{name} {100 * value['features']:.2f}" for name, value in figures.items()),
            "figures": figures,
            "settings": f"{pretraining}; features standardised, L2 chosen on {VALIDATION:,} training images",
            "seed": seed,
        },
        "pretrain_finetune_1000": {
            "what": f"Pretrain and fine-tune, one layer of {units}: test error %, and |J| of the pretrained encoder",
            "published": "AE 1.78, DAE-b 1.57, DAE-g 1.18, CAE 1.14; order of |J|: CAE, DAE-g, DAE-b, AE",
            "ours": "; ".join(
                f"{name} {100 * figures[name]['fine_tuned']:.2f}, |J| {figures[name]['jacobian_norm']:.2f}"
                for name in by_norm
            ),
            "figures": figures,
            "settings": f"{pretraining}; fine-tuned by Adam {tuning_rate:g}, cosine to 0, {tuning_epochs} epochs, the "
            "last weights; |J| exact, mean of the first 500 test images",
            "seed": seed,
        },
    }


def probe_error(features, labels, test_features, test_labels, strengths=(0.01, 0.05)):
    """Test error of logistic regression on standardised features, its L2 chosen on the last training images."""

    def regression(strength):
        return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=200, tol=1e-3))

    def error(model, x, y):
        return 1 - model.score(x, y)

    held_out = slice(len(features) - VALIDATION, None)
    part = slice(0, len(features) - VALIDATION)
    best = min(
        strengths,
        key=lambda c: error(regression(c).fit(features[part], labels[part]), features[held_out], labels[held_out]),
    )
    return error(regression(best).fit(features, labels), test_features, test_labels)


def fine_tuned_error(model, x, y, test, labels, epochs, rate):
    """Test error of the encoder with a softmax on top, trained on labels."""
    classifier = model.as_classifier(10)
    classifier.compile(
        cosine(rate, epochs, len(x), 128),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=True,
        steps_per_execution=64,
    )
    classifier.fit(x, y, batch_size=128, epochs=epochs, verbose=2)
    return 1 - classifier.evaluate(test, labels, verbose=0)[1]


def stacked_sparse(seed=0, epochs=30, rate=1e-3, tuning_epochs=20, tuning_rate=1e-3):
    (x, y), (test, labels) = mnist()
    keras.utils.set_random_seed(seed)
    models = [kg.SparseAutoencoder(shape, 200, rho=0.1, beta=3.0) for shape in (SHAPE, (200,))]
    for model in models:
        model.compile(optimizer=cosine(rate, epochs, len(x), 128))
    deep = kg.training.stack(models, x, epochs=epochs, verbose=2)
    before = LogisticRegression(max_iter=200).fit(deep.encode(x), y).score(test_codes := deep.encode(test), labels)
    after = 1 - fine_tuned_error(deep, x, y, test, labels, tuning_epochs, tuning_rate)
    return {
        "what": "Stacked sparse autoencoder 784-200-200, test accuracy %, before and after fine-tuning",
        "published": "87.7 and 97.6 (weight decay 3e-3)",
        "ours": f"{100 * before:.2f} and {100 * after:.2f}",
        "figures": {"before": before, "after": after, "mean_activation": test_codes.mean()},
        "settings": f"rho 0.1, beta 3, 1/2 |a - x|^2, no weight decay; each layer Adam {rate:g}, cosine to 0, {epochs} "
        f"epochs; softmax alone by logistic regression; all by Adam {tuning_rate:g}, {tuning_epochs} epochs",
        "seed": seed,
    }


def denoising(seed=0, levels=(0.2, 0.4, 0.6), epochs=25, rate=1e-3, images=1_000):
    """Beside non-local means and total variation of scikit-image, both told the level of the noise."""
    from skimage.restoration import denoise_nl_means, denoise_tv_chambolle

    (x, _), (test, _) = mnist()
    test, figures = test[:images], {}
    for level in levels:
        keras.utils.set_random_seed(seed)
        model = kg.DenoisingAutoencoder(
            SHAPE,
            latent_dim=128,
            level=level,
            encoder=kg.networks.dense_encoder(SHAPE, (1024, 512)),
            decoder=kg.networks.dense_decoder(128, SHAPE, (512, 1024)),
        )
        fit(model, x, epochs, rate)
        noisy = model.corrupt(test, seed=seed)

        def each(denoise, noisy=noisy):
            return np.stack([np.clip(denoise(image[..., 0]), 0, 1)[..., None] for image in noisy])

        # The weight of total variation is the best of four on these very images: a bound in its favour.
        variations = [each(lambda image, w=w: denoise_tv_chambolle(image, weight=w)) for w in (0.1, 0.2, 0.4, 0.8)]
        means = each(lambda image, s=level: denoise_nl_means(image, patch_size=5, patch_distance=9, h=0.8 * s, sigma=s))
        figures[level] = {
            "noisy": kg.evaluation.psnr(test, noisy),
            "restored": kg.evaluation.psnr(test, model.denoise(noisy)),
            "total_variation": max(kg.evaluation.psnr(test, restored) for restored in variations),
            "non_local_means": kg.evaluation.psnr(test, means),
        }
        print(level, figures[level], flush=True)
    return {
        "what": f"Denoising, PSNR in dB of {images:,} test images at three levels of clipped Gaussian noise",
        "published": "none",
        "ours": "; ".join(
            f"{level}: noisy {f['noisy']:.1f}, ours {f['restored']:.1f}, total variation {f['total_variation']:.1f}, "
            f"non-local means {f['non_local_means']:.1f}"
            for level, f in figures.items()
        ),
        "figures": figures,
        "settings": f"784-1024-512-128, ReLU, one model per level; Adam {rate:g}, cosine to 0, {epochs} epochs; "
        "scikit-image is told the level, and the weight of its total variation is the best of 0.1, 0.2, 0.4, 0.8 on "
        "these images",
        "seed": seed,
    }


def separation(seed=0, epochs=30, rate=1e-3, latent_dim=64):
    (x, _), (test, _) = mnist()
    keras.utils.set_random_seed(seed)
    model = kg.SourceSeparator(
        SHAPE,
        latent_dim=latent_dim,
        encoder=kg.networks.dense_encoder(SHAPE, (1024, 512)),
        decoder=kg.networks.dense_decoder(latent_dim // 2, SHAPE, (512, 1024)),
    )
    fit(model, x, epochs, rate)
    mixtures, sources = model.mix(test)
    figures = model.evaluate(mixtures, sources, batch_size=500, verbose=0, return_dict=True)
    training, _ = model.mix(x)
    pca = PCA(latent_dim).fit(flat(training))
    projected = pca.inverse_transform(pca.transform(flat(mixtures))).astype("float32")
    figures["si_sdr_of_pca"] = np.mean([kg.losses.si_sdr(flat(sources[:, s]), projected) for s in range(2)])
    separated = np.asarray(model.separate(mixtures))
    matched = np.asarray(model.match(sources, separated))
    both = np.repeat(mixtures[:, None], 2, axis=1)
    figures |= {"psnr": kg.evaluation.psnr(matched, separated), "psnr_of_mixture": kg.evaluation.psnr(sources, both)}
    figures["psnr_of_pca"] = kg.evaluation.psnr(sources, np.repeat(projected.reshape(-1, 1, *SHAPE), 2, axis=1))
    return {
        "what": "Two digits on top of each other, separated: SI-SDR and PSNR in dB, 10,000 test mixtures",
        "published": "none",
        "ours": f"SI-SDR {figures['si_sdr']:.1f}, PSNR {figures['psnr']:.1f}; the mixture itself "
        f"{figures['si_sdr_of_mixture']:.1f}, {figures['psnr_of_mixture']:.1f}; PCA of as many codes "
        f"{figures['si_sdr_of_pca']:.1f}, {figures['psnr_of_pca']:.1f}",
        "figures": figures,
        "settings": f"784-1024-512-{latent_dim}, one decoder for each half of the code; Adam {rate:g}, cosine to 0, "
        f"{epochs} epochs; mean of two digits; PCA of the mixtures",
        "seed": seed,
    }


def compression(seed=0, latent_dim=32, epochs=30, rate=1e-3, images=2_500, bits=5):
    (x, _), (test, _) = mnist()
    keras.utils.set_random_seed(seed)
    model = kg.Autoencoder(SHAPE, latent_dim, likelihood="gaussian", encoder="dense")
    fit(model, x, epochs, rate)
    rows = kg.tasks.compression.compare(model, test[:images], bits)
    return {
        "what": f"Compression of {images:,} test images: bits per pixel, PSNR in dB",
        "published": "none",
        "ours": "; ".join(
            f"{row['codec']} ({row['setting']}) {row['bits_per_pixel']:.3f}, {row['psnr']:.1f}" for row in rows
        ),
        "figures": rows,
        "settings": f"784-512-256-{latent_dim}; Adam {rate:g}, cosine to 0, {epochs} epochs; the decoder is not "
        "counted; the other formats get all images side by side in one file",
        "seed": seed,
    }
