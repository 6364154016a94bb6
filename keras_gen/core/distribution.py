"""Several devices: strategies, noise that differs between replicas, means over the global batch.

The only file of the package that says `tf.distribute`.
"""

import contextlib
import contextvars
import functools
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import keras
import tensorflow as tf

from keras_gen.core.machines import NO_PARAMETER_SERVERS
from keras_gen.core.machines import concat_pair as concat_pair
from keras_gen.core.machines import is_chief as is_chief
from keras_gen.core.machines import num_machines as num_machines
from keras_gen.core.machines import sharded as sharded
from keras_gen.core.machines import split_pair as split_pair
from keras_gen.core.renamed import warn_of

ALGORITHM = "philox"  # what XLA selects by itself on a CPU took 25 times as long

# Of the step that a thread traces.
_global_batch_size: contextvars.ContextVar[Any] = contextvars.ContextVar("global_batch_size", default=None)
_loss_keeper: contextvars.ContextVar[Any] = contextvars.ContextVar("loss_keeper", default=None)


def strategy(devices=None) -> tf.distribute.Strategy:
    """The strategy for a number of devices, or for the machines that the environment variable TF_CONFIG names.

    Args:
        devices: None for all machines of TF_CONFIG, or without it for the strategy in scope; 1 for one device; N > 1
            for N GPUs, or, on a machine without any GPU, for N logical CPU devices (at most one per core; for trying
            out, it is no faster); or a `tf.distribute.Strategy`, which is returned.

    Returns:
        A `tf.distribute.Strategy`.

    Raises:
        ValueError: if the machine does not have that many devices, TensorFlow has already started with fewer
            logical CPU devices, or TF_CONFIG is none that can be trained with.
    """
    if isinstance(devices, tf.distribute.experimental.ParameterServerStrategy):
        raise ValueError(NO_PARAMETER_SERVERS)
    if isinstance(devices, tf.distribute.Strategy):
        return devices
    if num_machines() > 1:
        if devices is not None:
            raise ValueError(f"On the machines of TF_CONFIG, each trains with all it has. Received: devices={devices}")
        return _multi_worker()
    if devices is None:
        return tf.distribute.get_strategy()
    if devices < 1:
        raise ValueError(f"`devices` must be 1 or more. Received: devices={devices}")
    gpus = tf.config.list_physical_devices("GPU")
    kind, available = ("GPU", len(gpus)) if gpus else ("CPU", os.cpu_count() or 1)
    if devices > available:
        raise ValueError(f"This machine has {available} {kind} device(s) to train on. Received: devices={devices}")
    if devices == 1:
        return tf.distribute.get_strategy()
    if not gpus:
        _split_cpu(devices)
    return mirrored(tuple(f"{kind}:{i}" for i in range(devices)))


@functools.cache
def _multi_worker():
    """The strategy of all machines; one per process, and before TensorFlow does anything else."""
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise ValueError(
            f"Several machines must be set up before TensorFlow does anything else ({error}). "
            "Call `keras_gen.core.distribution.strategy()` first."
        ) from None


def smallest(strategy, value) -> int:
    """The smallest of a number on all machines of a strategy, which wait here for each other."""
    if num_machines() == 1:
        return value

    def on_each():
        return tf.reduce_min(cross_replica_sum(tf.one_hot(replica_id(), num_replicas(), value, 0, dtype=tf.int32)))

    together = tf.function(lambda: strategy.run(on_each))
    return int(strategy.experimental_local_results(together())[0])


def wait_for_workers(strategy) -> None:
    """Returns when all machines of a strategy have come here."""
    smallest(strategy, 0)


def reported(logs: dict) -> dict:
    """The figures of a step as Keras takes them: over several machines it reduces over an axis."""
    of_machines = isinstance(tf.distribute.get_strategy(), tf.distribute.MultiWorkerMirroredStrategy)
    return {name: value[None] for name, value in logs.items()} if of_machines and num_machines() > 1 else logs


@functools.cache
def mirrored(devices) -> tf.distribute.Strategy:
    """The MirroredStrategy of some devices; one per process, for two would mix up their collective operations."""
    return tf.distribute.MirroredStrategy(list(devices))


def _split_cpu(devices):
    cpu = tf.config.list_physical_devices("CPU")[0]
    try:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
    except RuntimeError:  # TensorFlow has started: its devices are what they are
        existing = len(tf.config.list_logical_devices("CPU"))
        if existing < devices:
            raise ValueError(
                "TensorFlow has already started on this machine's CPU; ask for several CPU devices before anything "
                f"else runs. Expected: at least {devices} logical CPU devices. Received: {existing}"
            ) from None


def num_replicas() -> int:
    """How many replicas train in sync, 1 without a strategy."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def replica_id() -> int | tf.Tensor:
    """Which replica this is, 0 without a strategy; a Python number or a scalar tensor."""
    context = tf.distribute.get_replica_context()
    return 0 if context is None else context.replica_id_in_sync_group


def noise_key(seed: int, step, purpose: str, shared: bool = False) -> tf.Tensor:
    """The key of a random draw, a function of (seed, step, replica, purpose) and of nothing else.

    Keras' own generators draw the same numbers on every replica and forget their state when saved. A key made
    from the training step does neither: replicas differ, and a resumed run draws what the unbroken one would.

    Args:
        seed: int.
        step: int or scalar tensor, the training step.
        purpose: str, keeps two draws of one step apart.
        shared: whether all replicas draw the same, as for noise that belongs to the whole batch.

    Returns:
        (2,) int32 tensor for the `seed` of `tf.random.stateless_*`.
    """
    key = tf.constant([seed & 0x7FFFFFFF, zlib.crc32(purpose.encode()) & 0x7FFFFFFF], dtype=tf.int32)
    key = tf.random.experimental.stateless_fold_in(key, tf.cast(step, tf.int32))
    return key if shared else tf.random.experimental.stateless_fold_in(key, tf.cast(replica_id(), tf.int32))


def normal(shape, key) -> tf.Tensor:
    """Standard normal noise of a shape, float32, from a key of `noise_key`."""
    return tf.random.stateless_normal(shape, seed=key, alg=ALGORITHM)


def uniform(shape, key) -> tf.Tensor:
    """Noise uniform on [0, 1) of a shape, float32, from a key of `noise_key`."""
    return tf.random.stateless_uniform(shape, seed=key, alg=ALGORITHM)


def cross_replica_sum(value) -> tf.Tensor:
    """Sum over all replicas, differentiable. `value` itself outside of a replica."""
    context = tf.distribute.get_replica_context()
    if context is None or num_replicas() == 1:
        return value
    keeper = _loss_keeper.get()
    if keeper is not None:
        keeper.pause()
    total = context.all_reduce(tf.distribute.ReduceOp.SUM, value)
    if keeper is not None:
        keeper.resume()
    return total


def apply(optimizer, gradients, variables) -> None:
    """Applies, on each replica, gradients of its shares of a mean: the optimizer applies their sum to all."""
    optimizer.apply(_clipped_as_a_whole(gradients, optimizer), variables)


def _clipped_as_a_whole(gradients, optimizer):
    """Gradients of shares of a mean, such that `optimizer.apply` on each replica applies their sum, clipped as a whole.

    An optimizer sums what its replicas apply. Where it clips, or looks for infinities, it does so on each replica, the
    latter on the first only, before it sums. For such an optimizer the sum is taken and clipped here, and each replica
    applies its Nth part, which is too short to be clipped again.

    Args:
        gradients: list of tensors.
        optimizer: that will apply them; those of a `LossScaleOptimizer` are scaled.
    """
    replicas = num_replicas()
    clip = getattr(optimizer, "inner_optimizer", optimizer)
    clips = clip.clipnorm or clip.global_clipnorm or clip.clipvalue
    if replicas == 1 or not (clips or isinstance(optimizer, keras.optimizers.LossScaleOptimizer)):
        return gradients
    gradients = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, gradients)
    scale = optimizer.scale_loss(1.0)
    if clip.clipnorm:
        gradients = [tf.clip_by_norm(gradient, clip.clipnorm * scale) for gradient in gradients]
    elif clip.global_clipnorm:
        gradients, _ = tf.clip_by_global_norm(gradients, clip.global_clipnorm * scale)
    elif clip.clipvalue:
        limit = clip.clipvalue * scale
        clipped = [tf.clip_by_value(gradient, -limit, limit) for gradient in gradients]
        # An overflow has to stay one, for the scale of the loss to go down.
        gradients = [tf.where(tf.math.is_finite(g), c, g) for g, c in zip(gradients, clipped, strict=True)]
    return [gradient / replicas for gradient in gradients]


def scope_of(model) -> AbstractContextManager:
    """The scope of the strategy that a model was made in, where it is not the current one."""
    own = model.distribute_strategy
    is_current = own is tf.distribute.get_strategy() or own.num_replicas_in_sync == 1
    return contextlib.nullcontext() if is_current else own.scope()


def fill_replicas(batch, replicas: int) -> Any:
    """A batch of fewer examples than replicas, several times over: each replica gets one, and means stay the same.

    TensorFlow's convolutions fail on the empty batch of a replica that gets none.
    """
    size = tf.shape(tf.nest.flatten(batch)[0])[0]
    times = tf.where(size < replicas, -(-replicas // tf.maximum(size, 1)), 1)
    indices = tf.range(size * times) % size
    return tf.nest.map_structure(lambda part: tf.gather(part, indices), batch)


@contextlib.contextmanager
def global_batch(x) -> Iterator[None]:
    """Around one step on a batch x: counts the examples of all replicas once, for all means of the step."""
    token = _global_batch_size.set(cross_replica_sum(tf.cast(tf.shape(x)[0], tf.float32)))
    try:
        yield
    finally:
        _global_batch_size.reset(token)


def step_over(x) -> AbstractContextManager[None]:
    """The old name of `global_batch`."""
    warn_of("step_over", "global_batch", stacklevel=2)
    return global_batch(x)


class _LossKeeper:
    """Tells the losses that this replica adds from those of the others; see `own_losses`."""

    def __init__(self, read):
        self.read, self.own = read, []
        self.resume()

    def pause(self) -> None:
        """Before other replicas take their turn: what is new is this replica's."""
        known = {id(loss) for loss in (*self.foreign, *self.own)}
        self.own += [loss for loss in self.read() if id(loss) not in known]

    def resume(self) -> None:
        """After it: what is there now is known."""
        self.foreign = list(self.read())


@contextlib.contextmanager
def own_losses(read: Callable[[], Iterable]) -> Iterator[Callable[[], list]]:
    """Gives a function that returns, afterwards, the losses that this replica added to a model within it.

    Keras keeps what layers add with `add_loss` on the layers, which replicas share. Replicas are threads that trace one
    after the other and change places where they communicate: what is added between two such points is one replica's.

    Args:
        read: function of no argument to all losses that the model holds.
    """
    keeper = _LossKeeper(read)
    token = _loss_keeper.set(keeper)
    try:
        yield lambda: keeper.own
    finally:
        _loss_keeper.reset(token)
        keeper.pause()


def global_batch_size(values) -> tf.Tensor:
    """Number of examples of this step on all replicas together. (B, ...) -> float32 scalar."""
    agreed = _global_batch_size.get()
    return cross_replica_sum(tf.cast(tf.shape(values)[0], tf.float32)) if agreed is None else agreed


def examples_before(values) -> tf.Tensor:
    """How many examples of this step the replicas before this one have. (B, ...) -> int32 scalar."""
    if num_replicas() == 1:
        return tf.constant(0)
    sizes = tf.one_hot(replica_id(), num_replicas(), tf.cast(tf.shape(values)[0], tf.float32))
    return tf.cast(tf.cumsum(cross_replica_sum(sizes), exclusive=True)[replica_id()], tf.int32)


def gather(values) -> tf.Tensor:
    """The values of the examples of all replicas, in order, differentiable. (B, ...) -> (B_global, ...), on each.

    For terms that compare the examples of a batch with each other, such as the total correlation. The first axis must
    be that of the step's batch.
    """
    if num_replicas() == 1:
        return values
    rows = examples_before(values) + tf.range(tf.shape(values)[0])
    shape = tf.concat([[tf.cast(global_batch_size(values), tf.int32)], tf.shape(values)[1:]], axis=0)
    gathered = cross_replica_sum(tf.scatter_nd(rows[:, None], values, shape))
    gathered.set_shape((None, *values.shape[1:]))
    return gathered


def global_mean(values) -> tf.Tensor:
    """Mean over the examples of all replicas, differentiable. (B, ...) -> (...), the same on each replica.

    For terms that couple the batch, such as the mean activation of a unit.
    """
    return cross_replica_sum(tf.reduce_sum(values, axis=0)) / global_batch_size(values)


def for_each(value, x) -> tf.Tensor:
    """A scalar of the whole batch as a term, one value for each example of x. scalar, (B, ...) -> (B,)."""
    return tf.repeat(value, tf.shape(x)[0])


def share_of_mean(per_example) -> tf.Tensor:
    """This replica's share of the mean over the global batch: `sum_b value_b / B_global`. (B,) -> scalar.

    Gradients and losses are summed over replicas, so the shares add up to the mean whatever the sizes of the
    replicas' batches; an empty one contributes 0, where its own mean would be NaN.
    """
    return tf.reduce_sum(per_example) / global_batch_size(per_example)
