"""Names of models on the command line and in configs."""

import re


def command_name(cls: str) -> str:
    """Of the name of a class: SemiSupervisedVAE -> semi_supervised_vae, CycleGAN -> cyclegan."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])(?!GAN$)", "_", cls).lower()
