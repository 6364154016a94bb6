"""The codes of a model as people move them: which units, from where to where, and where to begin."""

import dataclasses
from typing import Any

import numpy as np

MOST_UNITS = 10  # that are moved; the others stay
KL_EXAMPLES = 500
PROBES = 8  # codes at which the effect of a unit on the image is measured
EXTENT = 3.0  # standard deviations of a normal prior


@dataclasses.dataclass(frozen=True)
class Unit:
    """A number of the code that can be moved.

    Args:
        index: its place in the code.
        name: of its slider.
        low: where the slider begins.
        high: where it ends.
        about: why it stands where it does.
    """

    index: int
    name: str
    low: float
    high: float
    about: str = ""


class Codes:
    """The codes of a subject that decodes.

    Attributes:
        units: those that matter most first: by their KL divergence, by the variance of the codes of examples, or by how
            much the image changes, the first of these that can be known.
        center: (D,), where to begin.
        order: how units are ordered, in words.
        classes: names of the classes that an image can be of, apart from its code.
        needs_class: whether it must be of one.
    """

    def __init__(self, subject: Any):
        self.subject, self.model = subject, subject.model
        self.size = int(np.prod(self.model.code_shape))
        self.has_prior = self.model.has_normal_prior
        self.classes = subject.classes("decode")
        self.needs_class = bool(self.classes) and subject.needs_labels
        self.center = np.zeros(self.size, "float32")
        if "encode" not in subject.offers:  # the middle of a GAN is like none of its images
            self.center = np.round(self.draw(1, 0)[0], 2)
        low, high, order, about = self._ranked()
        self.low, self.high = low, high
        self.units = [Unit(i, f"z{i + 1}", float(low[i]), float(high[i]), about(i)) for i in order[:MOST_UNITS]]

    def _ranked(self):
        """The ends of all units, their order, and a function of a unit to what it was ordered by."""
        subject = self.subject
        low, high = np.full(self.size, -EXTENT), np.full(self.size, EXTENT)
        codes = self.of_examples()
        if codes is not None and not self.has_prior:
            low, high = codes.min(axis=0), codes.max(axis=0)
            flat = high - low < 1e-6
            low, high = np.where(flat, low - 1, low), np.where(flat, high + 1, high)
            self.center = np.round(codes.mean(axis=0), 2)
        if "unit_kl" in subject.offers and codes is not None:
            x, labels = self._some()
            with subject.quick.lock:
                kl = np.asarray(self.model.unit_kl(x, **({} if labels is None else {"labels": labels}))).mean(axis=0)
            self.order = "by its KL divergence from the prior"
            return low, high, np.argsort(-kl), lambda i: f"{kl[i]:.2f} nats"
        if codes is not None:
            variance = codes.var(axis=0)
            self.order = "by its variance over examples"
            return low, high, np.argsort(-variance), lambda i: f"variance {variance[i]:.2g}"
        effect, self.order = self._effects(low, high), "by how much it moves the output, as a root mean square"
        return low, high, np.argsort(-effect), lambda i: f"effect {effect[i]:.2g}"

    def _some(self):
        subject = self.subject
        labels = subject.labels[:KL_EXAMPLES] if subject.needs_labels else None
        return subject.x[:KL_EXAMPLES], labels

    def of_examples(self) -> np.ndarray | None:
        """(N, D) codes of examples, None where there are none to be had."""
        subject = self.subject
        if "encode" not in subject.offers or subject.x is None or (subject.needs_labels and subject.labels is None):
            return None
        return subject.quick("encode", *self._some())

    def _effects(self, low, high):
        """By how much the output changes, as a root mean square, when a unit goes half of its way. -> (D,)."""
        start = np.random.default_rng(0).standard_normal((PROBES, self.size)).astype("float32")
        before = self.decode(start, self.some_class())
        effects = []
        for i in range(self.size):
            moved = start.copy()
            moved[:, i] += (high[i] - low[i]) / 2
            effects.append(np.sqrt(np.mean((np.asarray(self.decode(moved, self.some_class())) - before) ** 2)))
        return np.array(effects)

    def some_class(self) -> int | None:
        """The first class, where one must be given."""
        return 0 if self.needs_class else None

    def draw(self, n: int, seed: int, scale: float = 1.0) -> np.ndarray:
        """(n, D) codes of the prior, times a scale; without a normal prior, those of random examples."""
        rng = np.random.default_rng(seed)
        codes = None if self.has_prior else self.of_examples()
        if codes is None:
            return scale * rng.standard_normal((n, self.size)).astype("float32")
        return self.center + scale * (codes[rng.integers(len(codes), size=n)] - self.center)

    def decode(self, z: np.ndarray, label: int | None = None, **details: Any) -> np.ndarray:
        """What the model makes of codes (n, D), of a class or of none."""
        labels = None if label is None else np.full(len(z), label)
        return self.subject.quick("decode", z, labels, **details)


class Parts(Codes):
    """Codes with parts of their own, of a model with a `traversal`: [noise, one-hot category, continuous codes]."""

    def __init__(self, subject: Any):
        self.subject, self.model = subject, subject.model
        model = self.model
        self.size, self.has_prior, self.needs_class = model.latent_dim, True, model.num_categories > 0
        self.order = "learned codes before noise"
        self.classes = [str(number) for number in range(model.num_categories)]
        self.first = model.noise_dim + model.num_categories
        self.center = np.round(self.draw(1, 0)[0], 2)
        self.center[self.first :] = 0
        self.low, self.high = np.full(self.size, -EXTENT), np.full(self.size, EXTENT)
        self.low[self.first :], self.high[self.first :] = -1.0, 1.0  # where they were drawn in training
        codes = [Unit(self.first + i, f"code {i + 1}", -1.0, 1.0, "") for i in range(model.num_continuous)]
        noise = [Unit(i, f"noise {i + 1}", -EXTENT, EXTENT, "") for i in range(model.noise_dim)]
        self.units = [*codes, *noise][: max(len(codes), 6)]

    def draw(self, n: int, seed: int, scale: float = 1.0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal((n, self.model.noise_dim))
        category = np.eye(max(1, self.model.num_categories))[rng.integers(max(1, self.model.num_categories), size=n)]
        codes = rng.uniform(-1, 1, (n, self.model.num_continuous))
        parts = [scale * noise, category[:, : self.model.num_categories], scale * codes]
        return np.concatenate(parts, axis=-1).astype("float32")

    def decode(self, z: np.ndarray, label: int | None = None, **details: Any) -> np.ndarray:
        z = np.array(z, "float32")
        if label is not None:
            z[:, self.model.noise_dim : self.first] = np.eye(self.model.num_categories)[label]
        return self.subject.quick("decode", z, None, **details)


def codes_of(subject: Any) -> Codes | None:
    """The codes of a subject that decodes, None of one that has none to move."""
    model = subject.model
    if "decode" not in subject.offers or model.num_codes is not None or len(model.code_shape) != 1:
        return None
    if not model.latent_dim:
        return None
    return Parts(subject) if hasattr(subject.model, "traversal") else Codes(subject)
