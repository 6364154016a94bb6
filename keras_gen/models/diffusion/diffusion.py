"""Denoising diffusion."""

from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from keras_gen.core import batched, checked
from keras_gen.core.arguments import Classes, Count
from keras_gen.models.diffusion.base import BaseDiffusion
from keras_gen.models.diffusion.likelihood import Bound
from keras_gen.models.diffusion.targets import TARGETS


@keras.saving.register_keras_serializable("keras_gen")
class Diffusion(Bound, BaseDiffusion):
    """Denoising diffusion model: learns to separate data from noise, at every noise level.

    With data x, noise e ~ N(0, I) and a time t it minimises

        |f(x_t, t) - target(x, e, t)|^2,   x_t = alpha_t x + sigma_t e

    on the cosine schedule `alpha_t^2 + sigma_t^2 = 1`, t uniform on [0, 1] from noise to data. Targets: "v", which is
    `alpha_t e - sigma_t x`; "epsilon", the noise e; and "edm", on a path and with scales of its own, see
    `keras_gen.models.diffusion.targets`. Samples are drawn by "ddim", "heun" or "ddpm", of which only the last draws
    noise on the way.

    Scales, `num_classes`, `guidance`, `latent` and the abilities are those of `kg.FlowMatching`; images are clipped to
    their range in each step.

    Reported: `denoising_loss`, summed over values; of an evaluation at four times, with noise that is the same for each
    image.

    Args:
        target: "v", "epsilon" or "edm".
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        x_t (B, *data_shape), t (B, 1) -> targets (B, *data_shape).

    Score unit:
        The ELBO of log p(x), nats per example, with labels of log p(x | y); `method="ode"`: log p(x) itself, by
        `log_likelihood`. With `latent`, of the codes.

    Reference:
        Ho et al. 2020, "Denoising diffusion probabilistic models", equations 7 and 14; Song et al. 2021a, "Denoising
        diffusion implicit models", equation 12; Nichol and Dhariwal 2021, "Improved denoising diffusion probabilistic
        models", equation 17; Salimans and Ho 2022, "Progressive distillation for fast sampling of diffusion models",
        section 4; Karras et al. 2022, "Elucidating the design space of diffusion-based generative models", table 1.

    Example:
        >>> model = kg.Diffusion(data_shape=(8, 8, 1), target="v")
        >>> model.compile()
        >>> history = model.fit(kg.data.load("digits"), epochs=5, verbose=0)
        >>> images = model.sample(10, seed=1, steps=10)
    """

    reported = ("denoising_loss",)
    samplers = ("ddim", "heun", "ddpm")
    clips = True

    def __init__(
        self,
        data_shape: tuple[int, ...],
        target: Literal["v", "epsilon", "edm"] = "v",
        num_classes: Classes | None = None,
        latent: keras.Model | None = None,
        denoiser: str | keras.Model | None = None,
        ema: float | None = 0.999,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(data_shape, num_classes, latent, denoiser, ema, seed, **kwargs)
        self.target = target
        self.crowding = 1.0 if target == "edm" else 3.0  # whose times are crowded already
        self._says = TARGETS[target](1.0 if self.is_scaled else 0.5)

    def path(self, t) -> tuple[Any, Any]:
        return self._says.path(t)

    def rates(self, t) -> tuple[Any, Any]:
        return self._says.rates(t)

    def quantile(self, u) -> tf.Tensor:
        return self._says.quantile(u)

    def time_of(self, log_snr) -> tf.Tensor:
        return self._says.time_of(log_snr)

    def network_scale(self, t) -> Any:
        return self._says.network_scale(t)

    def target_of(self, x, e, t) -> tf.Tensor:
        return self._says.target(x, e, t)

    def split(self, said, x_t, t) -> tuple[tf.Tensor, tf.Tensor]:
        return self._says.split(said, x_t, t)

    @batched
    @checked
    def score(
        self, x, labels=None, *, method: Literal["elbo", "ode"] = "elbo", steps: Count | None = None
    ) -> np.ndarray:
        """The ELBO, or the log-likelihood by the probability-flow equation; see `elbo` and `log_likelihood`."""
        function = self.elbo if method == "elbo" else self.log_likelihood
        return function(x, labels, **({} if steps is None else {"steps": steps}))
