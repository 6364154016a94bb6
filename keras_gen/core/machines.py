"""Several machines: who they are, by the environment variable TF_CONFIG, and what each reads of a dataset."""

import json
import math
import os
from typing import Any

import tensorflow as tf

NO_PARAMETER_SERVERS = "Keras 3 does not train with parameter servers; MirroredStrategy and its kin do."


def num_machines() -> int:
    """How many machines train together by TF_CONFIG, 1 without it.

    Raises:
        ValueError: if it is not what TensorFlow reads, or names parameter servers.
    """
    text = os.environ.get("TF_CONFIG") or "{}"
    try:
        cluster = json.loads(text).get("cluster", {})
        machines = max(1, sum(len(cluster.get(job, [])) for job in ("chief", "worker")))
    except (json.JSONDecodeError, AttributeError, TypeError):
        raise ValueError(
            'TF_CONFIG must read as {"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'
            f". Received: TF_CONFIG={text}"
        ) from None
    if "ps" in cluster:
        raise ValueError(f"{NO_PARAMETER_SERVERS} Received: TF_CONFIG={text}")
    return machines


def is_chief() -> bool:
    """Whether this machine writes the files: the chief of TF_CONFIG, or its first worker; always without it."""
    if num_machines() == 1:
        return True
    config = json.loads(os.environ["TF_CONFIG"])
    task = config.get("task", {})
    return task.get("type") == "chief" or ("chief" not in config["cluster"] and int(task.get("index", 0)) == 0)


def sharded(dataset) -> Any:
    """A dataset of which each machine reads its own part of every batch; others as they are."""
    if num_machines() == 1 or not isinstance(dataset, tf.data.Dataset):
        return dataset
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return dataset.with_options(options)


def concat_pair(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Pairs as one tensor each, (B, n) float32; `split_pair` is the way back.

    Keras averages a batch over the replicas to learn its shape, and over machines TensorFlow does that for single
    tensors only.
    """

    def join(*parts):
        return tf.concat([tf.reshape(tf.cast(part, tf.float32), (tf.shape(part)[0], -1)) for part in parts], axis=1)

    return dataset.map(join)


def split_pair(batch, spec) -> tuple:
    """The pair of a batch of `concat_pair`, whose `element_spec` was `spec`."""
    sizes = [math.prod(part.shape[1:]) for part in spec]
    return tuple(
        tf.cast(tf.reshape(values, (-1, *part.shape[1:])), part.dtype)
        for values, part in zip(tf.split(batch, sizes, axis=1), spec, strict=True)
    )
