"""What a diffusion model can do once it is trained."""

from collections.abc import Iterator
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf

from keras_gen.core import Part, batched, by_averages, checked, distribution, drawn, provenance
from keras_gen.core.arguments import Count, Rule, number, whole
from keras_gen.models.diffusion.samplers import advance, check_sampler, fill_in, traced

STEPS = 50
REPEATS = 4
CODE_STEPS = 25  # of `heun`, between data and the noise that leads to them
FRAMES = 25  # of a trajectory
SHOWN = 20  # how often the progress of a draw is shown
Guidance = Annotated[float, number(minimum=0)]
Level = Annotated[float, Rule("a number from 0 to 1", lambda value: number(0).fits(value) and value <= 1, float)]


class DiffusionAbilities(Part):
    """Part of `BaseDiffusion`: sampling, and going to noise and back, all by `advance`."""

    slow = True
    memory_factor = 8  # the maps of the network
    undrawable = "its images are made in many steps: export the part 'network', and step outside"

    # === Draws ===

    @drawn
    @checked
    def sample(
        self,
        n: int,
        labels=None,
        seed: int | None = None,
        *,
        steps: Count = STEPS,
        guidance: Guidance = 0.0,
        sampler: str | None = None,
        verbose: int = 0,
    ) -> np.ndarray:
        """Draws n images from noise; the same seed gives the same images. -> (n, *data_shape).

        Args:
            n: how many.
            labels: (n,) or one for all, of a model with classes; None for each in turn.
            seed: of the noise; None for a fresh one.
            steps: from noise to data.
            guidance: w, 0 or more: the network says `(1 + w) f(x, y) - w f(x)`, which makes images more typical of
                their class, and less diverse.
            sampler: "euler", "heun", "ddim" or "ddpm", of those in `samplers`; None for the first of them.
            verbose: 1 for a progress bar.
        """
        [images] = self._path_of_draw(n, labels, seed, steps, guidance, sampler, [steps], verbose)
        return provenance.mark(images, self)

    @drawn
    @checked
    def trajectory(
        self,
        n: int,
        labels=None,
        seed: int | None = None,
        *,
        steps: Count = STEPS,
        guidance: Guidance = 0.0,
        sampler: str | None = None,
        frames: Count | None = None,
        verbose: int = 0,
    ) -> np.ndarray:
        """The states of `sample` from noise to images. -> (frames, n, *data_shape), the last of which are the samples.

        A state `alpha x + sigma e` is shown divided by `sqrt(alpha^2 + sigma^2)`: at the contrast of data.

        Args:
            n: how many.
            labels: as of `sample`.
            seed: as of `sample`.
            steps: as of `sample`.
            guidance: as of `sample`.
            sampler: as of `sample`.
            frames: states that are shown, from 2 to steps + 1; None for 25, or as many as there are.
            verbose: 1 for a progress bar.
        """
        frames = min(FRAMES, steps + 1) if frames is None else whole(2, steps + 1).check("frames", frames)
        cuts = np.linspace(0, steps, frames).round().astype(int).tolist()
        states = self._path_of_draw(n, labels, seed, steps, guidance, sampler, cuts, verbose)
        return provenance.mark(np.stack(states), self)

    def _path_of_draw(self, n, labels, seed, steps, guidance, sampler, cuts, verbose):
        """States after so many steps, as data: a list of (n, *data_shape), one for each cut."""
        start = np.random.default_rng(seed).standard_normal((n, *self.described_shape)).astype("float32")
        size = self.per_batch(self.latent_dim)
        times = np.linspace(0, 1, steps + 1, dtype="float32")
        parts = [slice(i, i + size) for i in range(0, n, size)]
        bar = keras.utils.Progbar(len(parts) * steps, verbose=verbose, unit_name="step") if verbose else None
        shown = set(np.linspace(0, steps, min(steps, SHOWN) + 1).round().astype(int)) if verbose else set()
        found = []
        for i, part in enumerate(parts):
            states = self._walk(
                start[part] * self.path(times[0])[1], times, sorted({*cuts, *shown}), sampler,
                distribution.noise_key(seed, i, "steps"), None if labels is None else labels[part], guidance,
            )  # fmt: skip
            kept = []
            for cut, state in states:
                if bar is not None:
                    bar.update(i * steps + cut)
                if cut in cuts:
                    kept.append(np.asarray(self._shown(state, times[cut])))
            found.append(kept)
        return [np.concatenate(states) for states in zip(*found, strict=True)]

    def _walk(self, x, times, cuts, sampler, key, labels=None, guidance=0.0, clips=True) -> Iterator[tuple]:
        """(cut, state) after each of so many steps from times[0] on."""
        sampler, given = self._asked(sampler, labels, guidance)
        x, times, done = tf.convert_to_tensor(x, tf.float32), tf.constant(times, tf.float32), 0
        for cut in cuts:
            if cut > done:
                first, done = np.int32(done), cut
                x = traced(
                    self, advance, sampler, clips, x=x, times=times, first=first, last=np.int32(cut), key=key, **given
                )
            yield cut, x

    def _asked(self, sampler, labels, guidance):
        """The name of the sampler, and labels and guidance as `advance` takes them; or a sentence."""
        sampler = check_sampler(self, sampler)
        if guidance and self.num_classes is None:
            raise ValueError(
                f"`guidance` needs a model with classes: `num_classes` must be given. Received: guidance={guidance}, "
                "num_classes=None"
            )
        weight = tf.constant(guidance, tf.float32) if guidance else None
        return sampler, {"labels": self._labels(labels), "guidance": weight}

    def _shown(self, states, t):
        """States at one time as data."""
        alpha, sigma = self.path(t)
        return self.as_data(states / (alpha**2 + sigma**2) ** 0.5)

    # === To noise and back ===

    @batched
    def encode(self, x, labels=None) -> np.ndarray:
        """The noise that leads to data by the probability-flow equation, flat. (B, *data_shape) -> (B, latent_dim)."""
        self.check_shape(x)
        times = np.linspace(1, 0, CODE_STEPS + 1)
        [(_, state)] = self._walk(
            self.normalised(x), times, [CODE_STEPS], "heun", distribution.noise_key(0, 0, "none"), labels, clips=False
        )
        return tf.reshape(state, (-1, self.latent_dim)) / self.path(0.0)[1]

    @batched(images=True)
    def decode(self, z, labels=None) -> np.ndarray:
        """What noise leads to, by the same equation. (B, latent_dim) -> (B, *data_shape)."""
        state = tf.reshape(z, (-1, *self.described_shape)) * self.path(0.0)[1]
        times = np.linspace(0, 1, CODE_STEPS + 1)
        [(_, state)] = self._walk(
            state, times, [CODE_STEPS], "heun", distribution.noise_key(0, 0, "none"), labels, clips=False
        )
        return self._shown(state, 1.0)

    @batched(images=True)
    @checked
    def reconstruct(
        self,
        x,
        labels=None,
        *,
        level: Level = 0.5,
        seed: int = 0,
        steps: Count = STEPS,
        guidance: Guidance = 0.0,
        sampler: str | None = None,
    ) -> np.ndarray:
        """Adds noise to data and removes it again: what is coarse stays, what is fine is made anew.

        SDEdit (Meng et al. 2022). The noise is the same for each image. (B, *data_shape) -> (B, *data_shape).

        Args:
            x: (B, *data_shape).
            labels: (B,), of a model with classes: what the images become.
            level: of the noise, from 0, where nothing changes, to 1, where nothing of the image is left.
            seed: of the noise.
            steps: from pure noise to data; of these, the share `level` is made.
            guidance: as of `sample`.
            sampler: as of `sample`.
        """
        self.check_shape(x)
        v = self.normalised(x)
        count = round(level * steps)
        if count == 0:
            return self.as_data(v)
        alpha, sigma = self.path(np.float32(1.0 - level))
        e = distribution.normal((1, *self.described_shape), distribution.noise_key(seed, 0, "reconstruct"))
        times, key = np.linspace(1.0 - level, 1.0, count + 1), distribution.noise_key(seed, 0, "steps")
        [(_, state)] = self._walk(alpha * v + sigma * e, times, [count], sampler, key, labels, guidance)
        return self._shown(state, 1.0)

    @by_averages
    @checked
    def inpaint(
        self,
        x,
        mask,
        labels=None,
        seed: int | None = None,
        *,
        steps: Count = STEPS,
        guidance: Guidance = 0.0,
        sampler: str | None = None,
        repeats: Count = REPEATS,
    ) -> np.ndarray:
        """Data of which a part is known, with the rest drawn anew. (B, *data_shape) -> (B, *data_shape).

        After each step the known part is put in, with the noise of that time, and each step is made several times, with
        noise added again in between, so that the drawn part fits the known part (RePaint, Lugmayr et al. 2022,
        algorithm 1).

        Args:
            x: (B, *data_shape); what is not known may be anything in the range of the data.
            mask: 1 where x is known, 0 elsewhere; of the shape of x, or one that broadcasts to it.
            labels: (B,), or one for all, of a model with classes.
            seed: of the noise; None for a fresh one.
            steps: as of `sample`.
            guidance: as of `sample`.
            sampler: as of `sample`.
            repeats: how often each step is made.
        """
        if self.latent is not None:
            raise ValueError(
                "`inpaint` cannot be used with `latent`: no part of a code stands for a part of the data. "
                f"Received: latent={type(self.latent).__name__}"
            )
        x, labels = self.in_memory(x, labels, "reconstruct")
        known = _known(mask, x.shape)
        seed = provenance.seed_for(seed)
        start = np.random.default_rng(seed).standard_normal(x.shape).astype("float32") * self.path(0.0)[1]
        made, size = np.empty_like(x), self.per_batch()
        for i, first in enumerate(range(0, len(x), size)):
            part = slice(first, first + size)
            sampler, given = self._asked(sampler, None if labels is None else labels[part], guidance)
            state = traced(
                self, fill_in, sampler, x=start[part], times=np.linspace(0, 1, steps + 1, dtype="float32"),
                key=distribution.noise_key(seed, i, "steps"), mask=known[part],
                known=self.normalised(tf.constant(x[part])), repeats=np.int32(repeats), **given,
            )  # fmt: skip
            made[part] = np.where(known[part] == 1, x[part], np.asarray(self._shown(state, 1.0)))
        return provenance.note(made, self, seed=seed)

    def call(self, x, training: bool = False) -> tf.Tensor:
        """Data with the noise of t = 0.5, denoised in one step. -> (B, *data_shape)."""
        x, labels = self.unpack(x)
        self.check_shape(x)
        v = self.normalised(x)
        alpha, sigma = self.path(np.float32(0.5))
        shape = tf.shape(v) if training else (1, *self.described_shape)
        x_t = alpha * v + sigma * distribution.normal(shape, self.key("call", training, shared=not training))
        said = self.said(x_t, tf.fill((tf.shape(v)[0],), 0.5), self._labels(labels), training)
        return self.as_data(self.split(said, x_t, np.float32(0.5))[0])

    # === In a run ===

    def reconstruction_pairs(self, x, y=None) -> tuple | None:
        """None: what it gives back of an image is another image."""
        return None


def _known(mask, shape) -> np.ndarray:
    """A mask as numbers, for each value of the data; or a ValueError."""
    mask = np.asarray(mask)
    fits = mask.ndim <= len(shape) and all(a in (1, b) for a, b in zip(mask.shape[::-1], shape[::-1], strict=False))
    if not fits or mask.dtype.kind not in "biuf" or not np.isin(mask, (0, 1)).all():
        raise ValueError(
            f"`mask` must be 1 where x is known and 0 elsewhere, with the shape {shape} or one that broadcasts to it. "
            f"Received: mask of shape {mask.shape}, {mask.dtype}"
            + (f", values from {mask.min()} to {mask.max()}" if mask.size and mask.dtype.kind in "biuf" else "")
        )
    return np.array(np.broadcast_to(mask, shape), "float32")
