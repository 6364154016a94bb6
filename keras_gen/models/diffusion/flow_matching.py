"""Flow matching."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen.core import batched, checked
from keras_gen.core.arguments import Count
from keras_gen.models.diffusion.base import BaseDiffusion
from keras_gen.models.diffusion.likelihood import LIKELIHOOD_STEPS


@keras.saving.register_keras_serializable("keras_gen")
class FlowMatching(BaseDiffusion):
    """Flow matching: learns the velocities that carry noise to data along straight lines.

    With data x, noise e ~ N(0, I) and a time t uniform on [0, 1] it minimises

        |f(x_t, t) - (x - e)|^2,   x_t = t x + (1 - t) e

    whose minimum `f(x_t, t) = E[x - e | x_t]` moves the density of the noise to that of the data: a sample is the end
    of `dx/dt = f(x, t)` that begins at noise. Images are scaled to [-1, 1]; vectors and codes to mean 0 and variance 1,
    by shift and scale that `fit` takes of the data.

    With `num_classes` the network is given the label, and in a tenth of the examples none, so that `sample(n,
    labels=..., guidance=0.5)` can make samples more typical of their class (classifier-free guidance). With `latent`
    it learns the codes of an autoencoder.

    `encode` gives the noise that leads to data, and `decode` the data, so that `kg.tasks.interpolate` goes between
    noises (`mode="spherical"`). `reconstruct` adds noise and takes it away, `inpaint` draws what is not known, and
    `trajectory` shows the way.

    Reported: `velocity_loss`, summed over values; of an evaluation at four times, with noise that is the same for each
    image.

    Args:
        **kwargs: `name` and the other arguments of `keras.Model`.

    Shapes:
        x_t (B, *data_shape), t (B, 1) -> velocities (B, *data_shape).

    Score unit:
        log p(x) by the probability-flow equation, nats per example, with labels log p(x | y); see `log_likelihood`.
        With `latent`, of the codes.

    Reference:
        Lipman et al. 2023, "Flow matching for generative modeling", equations 9 and 23; Liu et al. 2023, "Flow straight
        and fast", equation 1; Ho and Salimans 2022, "Classifier-free diffusion guidance", equation 6.

    Example:
        >>> model = kg.FlowMatching(data_shape=(8, 8, 1), num_classes=10)  # of small images a dense network
        >>> model.compile()
        >>> history = model.fit(kg.data.load("digits", labels=True), epochs=5, verbose=0)
        >>> images = model.sample(10, labels=range(10), seed=1, steps=10, guidance=1.0)
    """

    reported = ("velocity_loss",)
    samplers = ("euler", "heun", "ddpm")

    def path(self, t) -> tuple[Any, Any]:
        return t, 1.0 - t

    def rates(self, t) -> tuple[Any, Any]:
        return 1.0, -1.0

    def target_of(self, x, e, t) -> tf.Tensor:
        return x - e

    def split(self, said, x_t, t) -> tuple[tf.Tensor, tf.Tensor]:
        return x_t + (1.0 - t) * said, x_t - t * said

    @batched
    @checked
    def score(self, x, labels=None, *, steps: Count = LIKELIHOOD_STEPS, probes: Count = 1) -> np.ndarray:
        """log p(x); see `log_likelihood`."""
        return self.log_likelihood(x, labels, steps=steps, probes=probes)
