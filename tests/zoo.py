"""Every model once, or once per variant that runs other code, tiny: 8 x 8 images, about a thousand weights."""

import numpy as np

import keras_gen as kg
from keras_gen.testing import Case

SHAPE = (8, 8, 1)
_rng = np.random.default_rng(0)
# Blobs, so that a few steps have something to learn.
_row, _column = np.mgrid[0:8, 0:8]
_centres = _rng.uniform(1, 6, (16, 2))
IMAGES = np.exp(-((_row - _centres[:, :1, None]) ** 2 + (_column - _centres[:, 1:, None]) ** 2) / 4)[..., None].astype(
    "float32"
)
VECTORS = (_rng.standard_normal((16, 2)) @ _rng.standard_normal((2, 6)) + 3).astype("float32")
SERIES = np.sin(_rng.uniform(0.5, 1.5, (16, 1, 2)) * np.arange(6)[:, None] + _rng.uniform(0, 6, (16, 1, 1)))
_lengths = np.append(_rng.integers(2, 7, 15), 6)  # the last ends where it may, so that a NaN there is wrong
ENDING = np.where(np.arange(6)[:, None] < _lengths[:, None, None], SERIES, np.nan).astype("float32")
LABELS = (_centres[:, 0] > 3.5).astype("int64")
COLOURS = 1 - np.repeat(IMAGES, 3, axis=-1) * np.array([1, 0.7, 0.4], "float32")
TURNS = {
    "learning": "a layer's loss says nothing of the likelihood and is 0 outside of its turn; see test_boltzmann.py"
}
SOME_LABELS = np.where(np.arange(16) % 3 == 1, -1, LABELS)


def dense(latent_dim, shape=SHAPE, width=8, part=None):
    """Tiny dense networks, made anew; `part` is the share of the code that the decoder gets."""
    return {
        "encoder": kg.networks.dense_encoder(shape, (width,)),
        "decoder": kg.networks.dense_decoder(part or latent_dim, shape, (width,)),
    }


def conv(latent_dim):
    """Tiny convolutional networks, made anew."""
    return {
        "encoder": kg.networks.conv_encoder(SHAPE, (4,), features=8),
        "decoder": kg.networks.conv_decoder(latent_dim, SHAPE, (4,), features=8),
    }


def pool(latent_dim):
    """Tiny pooling networks, made anew; an odd size would do as well."""
    return {
        "encoder": kg.networks.pool_encoder(SHAPE, (4,), features=8),
        "decoder": kg.networks.pool_decoder(latent_dim, SHAPE, (4,)),
    }


def recurrent():
    """Tiny recurrent networks of series that may end early, for codes of 2, made anew."""
    return {
        "encoder": kg.networks.of_ending_series(kg.networks.recurrent_encoder((6, 2), (4,))),
        "decoder": kg.networks.recurrent_decoder(2, (6, 2), (4,)),
    }


def conv1d():
    """Tiny convolutional networks of series of 9 steps, for codes of 2, made anew."""
    return {
        "encoder": kg.networks.conv1d_encoder((9, 2), (4,), features=8),
        "decoder": kg.networks.conv1d_decoder(2, (9, 2), (4,), features=8),
    }


def mixture(epochs):
    """A mixture of three components, fitted after some epochs."""
    return {"data_shape": SHAPE, "latent_dim": 2, "num_components": 3, "pretraining_epochs": epochs, **dense(2)}


def m1():
    """A VAE that was trained before, with its optimizer."""
    model = kg.VAE(SHAPE, 3, **dense(3))
    model.compile(jit_compile=False, steps_per_execution=1, run_eagerly=True)  # a single step, of many models
    model.fit(IMAGES, verbose=0)
    return model


def semi_supervised(shape):
    """Tiny networks of M2, made anew, for codes of 2 and two classes."""
    return {
        "encoder": kg.networks.dense_encoder(shape, (8,)),
        "classifier": kg.networks.dense_encoder(shape, (8,)),
        "decoder": kg.networks.dense_decoder(4, shape, (8,)),
    }


def gan(size, shape=SHAPE):
    """Tiny dense networks of a GAN, made anew; the generator is given `size` numbers."""
    return {
        "generator": kg.networks.dense_decoder(size, shape, (8,)),
        "discriminator": kg.networks.dense_encoder(shape, (8,), "leaky_relu"),
    }


def dcgan(size, features=None):
    """Tiny convolutional networks of a GAN, made anew, with batch normalisation."""
    return {
        "generator": kg.networks.dcgan_generator(size, SHAPE, (2,), features),
        "discriminator": kg.networks.dcgan_discriminator(SHAPE, (2,), features),
    }


def few(size):
    """Tiny networks of a GAN of few images, made anew; the discriminator has spectral normalisation."""
    discriminator = kg.networks.dcgan_discriminator(SHAPE, (2,), 8, batch_norm=False)
    return {
        "generator": kg.networks.dcgan_generator(size, SHAPE, (2,), 8),
        "discriminator": kg.networks.spectrally_normalised(discriminator),
    }


def critics(size, num_classes=None):
    """Tiny discriminators of the codes of an adversarial autoencoder, made anew."""
    critic = {"discriminator": kg.networks.dense_encoder((size,), (8,), "leaky_relu")}
    if num_classes:
        critic["category_discriminator"] = kg.networks.dense_encoder((num_classes,), (8,), "leaky_relu")
    return critic


def translators(*channels, names=("generator", "discriminator"), given=None, **options):
    """A tiny network from images to images, by name, and a critic, made anew."""
    body = kg.networks.resnet if "blocks" in options else kg.networks.unet
    return {
        names[0]: body((8, 8, channels[0]), channels[1], **options),
        names[1]: kg.networks.patch_critic((8, 8, channels[1]), (2, 4), given),
    }


def grid(size, filters=4):
    """Tiny convolutional networks of discrete codes of 4 x 4 places, made anew."""
    return {
        "encoder": kg.networks.residual_encoder(SHAPE, (filters,), blocks=1),
        "decoder": kg.networks.residual_decoder((4, 4, size), SHAPE, (filters,), blocks=1),
    }


def fsq():
    """A VQVAE of four codes."""
    return kg.VQVAE(
        SHAPE,
        num_codes=9,
        quantizer="fsq",
        encoder=kg.networks.grouped_encoder(SHAPE, (8,), groups=4, features=4),
        decoder=kg.networks.grouped_decoder((4, 1), SHAPE, (8,)),
    )


ZOO = [
    Case("autoencoder", kg.Autoencoder, lambda: {"data_shape": SHAPE, "latent_dim": 3, **dense(3)}, IMAGES, LABELS),
    Case(
        "autoencoder_conv",
        kg.Autoencoder,
        lambda: {"data_shape": SHAPE, "latent_dim": 3, "likelihood": "gaussian", **conv(3)},
        IMAGES,
    ),
    Case(
        "autoencoder_pool",
        kg.Autoencoder,
        lambda: {"data_shape": SHAPE, "latent_dim": 3, **pool(3)},
        IMAGES,
    ),
    Case(
        "autoencoder_tied",
        kg.Autoencoder,
        lambda: {
            "data_shape": (6,),
            "latent_dim": 2,
            "likelihood": "gaussian",
            "encoder": dense(2, (6,))["encoder"],
            "decoder": "tied",
            "code_activation": "tanh",
        },
        VECTORS,
    ),
    Case(
        "autoencoder_series",
        kg.Autoencoder,
        lambda: {"data_shape": (9, 2), "latent_dim": 2, "likelihood": "gaussian", **conv1d()},
        np.concatenate([SERIES, SERIES[:, :3]], axis=1).astype("float32"),
    ),
    Case("linear", kg.LinearAutoencoder, lambda: {"data_shape": SHAPE, "latent_dim": 3}, IMAGES, LABELS),
    Case("linear_untied", kg.LinearAutoencoder, lambda: {"data_shape": (6,), "latent_dim": 2, "tied": False}, VECTORS),
    Case("sparse", kg.SparseAutoencoder, lambda: {"data_shape": SHAPE, "latent_dim": 9, "rho": 0.1}, IMAGES, LABELS),
    Case(
        "sparse_square_moving_average",
        kg.SparseAutoencoder,
        lambda: {"data_shape": (6,), "latent_dim": 6, "beta": 0.1, "momentum": 0.9},
        VECTORS,
    ),
    Case(
        "sparse_l1",
        kg.SparseAutoencoder,
        lambda: {
            "data_shape": SHAPE,
            "latent_dim": 3,
            "penalty": "l1",
            "beta": 0.01,
            "likelihood": "bernoulli",
            "code_activation": "relu",
            **dense(3),
        },
        IMAGES,
    ),
    Case(
        "denoising",
        kg.DenoisingAutoencoder,
        lambda: {"data_shape": SHAPE, "latent_dim": 3, "level": 0.2, **dense(3)},
        IMAGES,
        LABELS,
    ),
    Case(
        "denoising_masking",
        kg.DenoisingAutoencoder,
        lambda: {
            "data_shape": (6,),
            "latent_dim": 2,
            "corruption": "masking",
            "likelihood": "gaussian",
            **dense(2, (6,)),
        },
        VECTORS,
    ),
    Case(
        "denoising_pool_colour",
        kg.DenoisingAutoencoder,
        lambda: {
            "data_shape": (7, 5, 3),
            "latent_dim": 3,
            "corruption": "salt_pepper",
            "level": 0.2,
            "encoder": kg.networks.pool_encoder((7, 5, 3), (4,), features=8),
            "decoder": kg.networks.dense_decoder(3, (7, 5, 3), (8,)),
        },
        np.repeat(IMAGES[:, :7, :5], 3, axis=-1) * np.array([1, 0.7, 0.4], "float32"),
    ),
    Case("contractive", kg.ContractiveAutoencoder, lambda: {"data_shape": SHAPE, "latent_dim": 5}, IMAGES, LABELS),
    Case(
        "contractive_deep",
        kg.ContractiveAutoencoder,
        lambda: {"data_shape": SHAPE, "latent_dim": 3, "num_projections": 2, **dense(3)},
        IMAGES,
    ),
    Case(
        "separator",
        kg.SourceSeparator,
        lambda: {"data_shape": SHAPE, "num_sources": 3, "latent_dim": 6, **dense(6, part=2)},
        IMAGES,
        LABELS,
    ),
    Case("vae", kg.VAE, lambda: {"data_shape": SHAPE, "latent_dim": 3, "beta": 0.5, **dense(3)}, IMAGES, LABELS),
    Case(
        "vae_conv_gaussian",
        kg.VAE,
        lambda: {
            "data_shape": SHAPE,
            "latent_dim": 3,
            "likelihood": "gaussian",
            "num_samples": 2,
            "free_bits": 0.1,
            **conv(3),
        },
        IMAGES,
    ),
    Case(
        "vae_vectors",
        kg.VAE,
        lambda: {
            "data_shape": (6,),
            "latent_dim": 2,
            "likelihood": "gaussian",
            "variance": "per_value",
            "divergence": "tc",
            "warmup_steps": 2,
            **dense(2, (6,)),
        },
        VECTORS,
    ),
    Case(
        "vae_recurrent_ending_series",
        kg.VAE,
        lambda: {
            "data_shape": (6, 2),
            "latent_dim": 2,
            "likelihood": "gaussian",
            "variable_length": True,
            "prior": "flow",
            "num_couplings": 2,
            **recurrent(),
        },
        ENDING,
    ),
    Case(
        "vae_conv1d_ending_series",
        kg.VAE,
        lambda: {
            "data_shape": (6, 2),
            "latent_dim": 2,
            "variable_length": True,
            "divergence": "mmd",
            "beta": 0.0,
            "encoder": kg.networks.of_ending_series(kg.networks.conv1d_encoder((6, 2), (4,), features=8)),
            "decoder": kg.networks.conv1d_decoder(2, (6, 2), (4,), features=8),
        },
        0.5 + 0.5 * ENDING,
    ),
    Case(
        "vae_iwae_logistic",
        kg.VAE,
        lambda: {
            "data_shape": SHAPE,
            "latent_dim": 3,
            "likelihood": "discretized_logistic",
            "bound": "iwae",
            "num_samples": 3,
            "warmup_steps": 4,
            **dense(3),
        },
        np.rint(IMAGES * 255) / np.float32(255),
        LABELS,
    ),
    Case(
        "vae_vamp",
        kg.VAE,
        lambda: {"data_shape": SHAPE, "latent_dim": 3, "prior": "vamp", "num_pseudo_inputs": 4, **dense(3)},
        IMAGES,
    ),
    Case(
        "conditional_vae",
        kg.ConditionalVAE,
        lambda: {
            "data_shape": SHAPE,
            "latent_dim": 2,
            "num_classes": 2,
            "divergence": "dip",
            "divergence_weight": 10.0,
            "encoder": dense(2)["encoder"],
            "decoder": kg.networks.dense_decoder(4, SHAPE, (8,)),
        },
        IMAGES,
        LABELS,
    ),
    Case(
        "conditional_vae_without_code",
        kg.ConditionalVAE,
        lambda: {
            "data_shape": SHAPE,
            "latent_dim": 0,
            "num_classes": 2,
            "decoder": kg.networks.dense_decoder(2, SHAPE, (8,)),
        },
        IMAGES,
        LABELS,
        {"sample_seeds": "without a code the images of a class are all the same"},
    ),
    Case(
        "factor_vae",
        kg.FactorVAE,
        lambda: {
            "data_shape": SHAPE,
            "latent_dim": 3,
            "likelihood": "gaussian",
            "discriminator": critics(3)["discriminator"],
            **dense(3),
        },
        IMAGES,
    ),
    Case(
        "hierarchical_vae",
        kg.HierarchicalVAE,
        lambda: {"data_shape": SHAPE, "latent_dim": 3, "top_dim": 1, **dense(3)},
        IMAGES,
    ),
    Case("mixture_vae", kg.MixtureVAE, lambda: mixture(1), IMAGES, LABELS),
    Case("mixture_vae_from_the_start", kg.MixtureVAE, lambda: {**mixture(0), "warmup_steps": 3}, IMAGES),
    Case(
        "semi_supervised_vae",
        kg.SemiSupervisedVAE,
        lambda: {"data_shape": SHAPE, "latent_dim": 2, "num_classes": 2, **semi_supervised(SHAPE)},
        IMAGES,
        SOME_LABELS,
    ),
    Case(
        "semi_supervised_vae_on_features",
        kg.SemiSupervisedVAE,
        lambda: {
            "data_shape": SHAPE,
            "latent_dim": 2,
            "num_classes": 2,
            "likelihood": "gaussian",
            "variance": "per_value",
            "features": m1(),
            **semi_supervised((3,)),
        },
        IMAGES,
        SOME_LABELS,
    ),
    Case("vqvae", kg.VQVAE, lambda: {"data_shape": SHAPE, "num_codes": 6, "code_dim": 3, **grid(3)}, IMAGES, LABELS),
    Case(
        "code_prior",
        kg.CodePrior,
        lambda: {"vqvae": fsq(), "data_shape": SHAPE, "num_classes": 2, "width": 4, "depth": 1, "heads": 2},
        IMAGES,
        SOME_LABELS,
    ),
    Case("gan", kg.GAN, lambda: {"data_shape": SHAPE, "latent_dim": 3, "ema": 0.9, **gan(3)}, IMAGES, LABELS),
    Case(
        "gan_conditional",
        kg.GAN,
        lambda: {
            "data_shape": SHAPE,
            "latent_dim": 2,
            "loss": "hinge",
            "num_classes": 2,
            "augment": "diff",
            "r1": 0.1,
            "spectral_norm": True,
            **few(4),
        },
        IMAGES,
        LABELS,
        {"weights_move": "the bias of a critic of the hinge loss rests while all values are inside of the margin"},
    ),
    Case(
        "gan_wasserstein_vectors",
        kg.GAN,
        lambda: {
            "data_shape": (6,),
            "latent_dim": 2,
            "loss": "wasserstein_gp",
            "discriminator_steps": 2,
            **gan(2, (6,)),
        },
        VECTORS,
    ),
    Case(
        "gan_in_phases",
        kg.GAN,
        lambda: {
            "data_shape": SHAPE,
            "latent_dim": 2,
            "loss": "least_squares",
            "discriminator_warmup": 2,
            "generator_warmup": 3,
            **gan(2),
        },
        IMAGES,
        exceptions={"xla": "phases end between two calls, so several steps in a call are refused"},
    ),
    Case(
        "infogan",
        kg.InfoGAN,
        lambda: {
            "data_shape": SHAPE,
            "num_categories": 3,
            "num_continuous": 1,
            "noise_dim": 2,
            **dcgan(6),
        },
        IMAGES,
        LABELS,
    ),
    Case(
        "adversarial_autoencoder",
        kg.AdversarialAutoencoder,
        lambda: {"data_shape": SHAPE, "latent_dim": 3, **dense(3), **critics(3)},
        IMAGES,
        LABELS,
    ),
    Case(
        "adversarial_autoencoder_universal_vectors",
        kg.AdversarialAutoencoder,
        lambda: {
            "data_shape": (6,),
            "latent_dim": 2,
            "likelihood": "gaussian",
            "posterior": "universal",
            "noise_dim": 3,
            "prior": "swiss_roll",
            **dense(2, (6,)),
            **critics(2),
        },
        VECTORS,
    ),
    Case(
        "adversarial_autoencoder_semi_supervised",
        kg.AdversarialAutoencoder,
        lambda: {
            "data_shape": SHAPE,
            "latent_dim": 2,
            "posterior": "gaussian",
            "num_classes": 2,
            **dense(2, part=4),
            **critics(2, 2),
        },
        IMAGES,
        SOME_LABELS,
    ),
    Case(
        "adversarial_autoencoder_clusters",
        kg.AdversarialAutoencoder,
        lambda: {
            "data_shape": SHAPE,
            "latent_dim": 2,
            "num_classes": 3,
            "label_use": "none",
            **dense(2, part=5),
            **critics(2, 3),
        },
        IMAGES,
    ),
    Case(
        "adversarial_autoencoder_labels_in_prior",
        kg.AdversarialAutoencoder,
        lambda: {
            "data_shape": SHAPE,
            "latent_dim": 2,
            "prior": "mixture",
            "num_classes": 2,
            "label_use": "prior",
            **dense(2),
            **critics(5),
        },
        IMAGES,
        SOME_LABELS,
    ),
    Case(
        "pix2pix",
        kg.Pix2Pix,
        lambda: {
            "data_shape": (4, 4, 1),
            "target_shape": (8, 8, 3),
            **translators(1, 3, given=4, filters=(3, 4)),
        },
        IMAGES.reshape(16, 4, 2, 4, 2, 1).mean(axis=(2, 4)),
        COLOURS,
    ),
    Case(
        "cyclegan",
        kg.CycleGAN,
        lambda: {
            "data_shape": SHAPE,
            "target_shape": (8, 8, 3),
            "buffer_size": 10,
            **translators(1, 3, filters=(2, 3), blocks=1),
            **translators(3, 1, names=("inverse_generator", "inverse_discriminator"), filters=(2, 3), blocks=1),
        },
        IMAGES,
        COLOURS,
    ),
    Case(
        "flow_matching",
        kg.FlowMatching,
        lambda: {"data_shape": SHAPE, "num_classes": 2, "denoiser": kg.networks.dense_denoiser(SHAPE, 2, (4,))},
        IMAGES,
        LABELS,
    ),
    Case(
        "flow_matching_unet",
        kg.FlowMatching,
        lambda: {"data_shape": SHAPE, "denoiser": kg.networks.unet_denoiser(SHAPE, None, (2,), blocks=1)},
        IMAGES,
    ),
    Case(
        "flow_matching_of_codes",
        kg.FlowMatching,
        lambda: {"data_shape": SHAPE, "latent": m1(), "denoiser": kg.networks.dense_denoiser((3,), None, (4,))},
        IMAGES,
        exceptions={"learning": "`fit` begins by scaling the codes, and the loss before is on another scale"},
    ),
    Case(
        "diffusion_vectors",
        kg.Diffusion,
        lambda: {"data_shape": (6,), "ema": None, "denoiser": kg.networks.dense_denoiser((6,), None, (4,))},
        VECTORS,
    ),
    Case("rbm", kg.RBM, lambda: {"data_shape": SHAPE, "hidden_units": 6, "gibbs_steps": 2}, IMAGES),
    Case(
        "rbm_persistent",
        kg.RBM,
        lambda: {"data_shape": SHAPE, "hidden_units": 6, "persistent": True, "num_chains": 5, "rho": 0.2},
        IMAGES,
    ),
    Case(
        "rbm_gaussian",
        kg.RBM,
        lambda: {"data_shape": (6,), "hidden_units": 4, "likelihood": "gaussian", "sigma": 2.0, "weight_decay": 0.01},
        VECTORS,
    ),
    Case(
        "deep_belief_network",
        kg.DeepBeliefNetwork,
        lambda: {"data_shape": SHAPE, "hidden_units": (6, 4), "persistent": True, "num_chains": 5},
        IMAGES,
        exceptions=TURNS,
    ),
    Case(
        "deep_belief_network_up_down",
        kg.DeepBeliefNetwork,
        lambda: {"data_shape": SHAPE, "hidden_units": (6, 4), "fine_tuning": 0.5, "weight_decay": 0.01},
        IMAGES,
        exceptions=TURNS,
    ),
    Case(
        "deep_boltzmann_machine",
        kg.DeepBoltzmannMachine,
        lambda: {"data_shape": SHAPE, "hidden_units": (6, 4, 3), "num_chains": 5, "pretraining": 0.5},
        IMAGES,
    ),
]
