"""Published results, measured again: `python benchmarks/reproduce.py ROW` writes benchmarks/results/ROW.json.

table.py makes RESULTS.md from all of them. Rows take minutes to an hour; each says its settings, seed, minutes and
machine. TFDS_DATA_DIR must lead to the prepared MNIST.
"""

import json
import os
import platform
import sys
import time
from pathlib import Path

import adversarial
import anomalies
import autoencoders
import boltzmann
import diffusion
import discrete
import disentangling
import few_images
import keras
import measuring
import searching
import series
import table
import tables
import translation
import variational

import keras_gen as kg

FOLDER = Path(__file__).parent
ROWS = {}


def row(function):
    """Registers a row: a function that returns a dict with `what`, `published`, `figures` and `settings`.

    Where one training makes several rows, the function returns them by name.
    """
    ROWS[function.__name__] = function
    return function


for function in (
    autoencoders.linear_autoencoder_is_pca,
    autoencoders.deep_autoencoder_30,
    autoencoders.features_1000,
    autoencoders.stacked_sparse,
    autoencoders.denoising,
    autoencoders.separation,
    autoencoders.compression,
    variational.vae_static_binarization,
    variational.iwae_static_binarization,
    variational.dynamic_vae_k1,
    variational.dynamic_vae_k5,
    variational.dynamic_iwae_k5,
    variational.semi_supervised,
    variational.semi_supervised_pixels,
    variational.mixture_clusters,
    variational.attribute_vectors,
    variational.conditional_samples,
    variational.conditional_defaults,
    adversarial.infogan,
    adversarial.aae_semi_supervised,
    adversarial.aae_clusters,
    adversarial.parzen,
    adversarial.dcgan_samples,
    adversarial.conditional_gan,
    few_images.gan_from_few_images,
    diffusion.flow_and_diffusion_samples,
    diffusion.likelihood_by_ode,
    translation.restoration,
    translation.inpainting_longer,
    translation.cyclegan,
    boltzmann.rbm_likelihood_cd1,
    boltzmann.rbm_likelihood_cd3,
    boltzmann.rbm_likelihood_pcd,
    boltzmann.rbm_features,
    boltzmann.deep_belief_network,
    boltzmann.deep_boltzmann_machine,
    discrete.discrete_codes,
    measuring.one_digit_against_the_rest,
    measuring.ships_among_cars,
    anomalies.photographs_by_features,
    anomalies.digits_by_features,
    measuring.disentanglement,
    disentangling.disentanglement_of_divergences,
    measuring.fidelity_of_generators,
    measuring.mixtures_of_codes,
    measuring.fakes,
    series.bodies_of_series,
    tables.samples_of_tables,
    tables.anomalies_in_tables,
    searching.search_vae,
    searching.search_sparse,
    variational.overnight_vae_k1,
    variational.overnight_iwae_k50,
):
    row(function)


def machine():
    """What the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "keras": keras.__version__,
        "keras_gen": kg.__version__,
    }


def main():
    name = sys.argv[1] if len(sys.argv) == 2 else None
    if name not in ROWS:
        sys.exit(f"usage: python benchmarks/reproduce.py ROW, one of {', '.join(ROWS)}")
    start = time.time()
    result = ROWS[name]()
    about = {"minutes": (time.time() - start) / 60, "machine": machine()}
    (FOLDER / "results").mkdir(exist_ok=True)
    for key, part in ({name: result} if "what" in result else result).items():
        (FOLDER / "results" / f"{key}.json").write_text(json.dumps(part | about, indent=2, default=float) + "\n")
    table.write()


if __name__ == "__main__":
    main()
