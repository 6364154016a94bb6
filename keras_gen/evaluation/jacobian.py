"""How much codes move when images move."""

import keras
import numpy as np
import tensorflow as tf


def jacobian_norm(model: keras.Model, images: np.ndarray, batch_size: int = 10) -> np.ndarray:
    """Frobenius norm of the Jacobian of the code by the data, `|d encode(x) / dx|_F`, exact.

    Args:
        model: a model that offers `encode`, differentiable.
        images: (N, *data_shape).
        batch_size: images at a time; each takes latent_dim backward passes, and latent_dim times its size in memory.

    Returns:
        (N,) float32, units of code per unit of data. Rifai et al. 2011 report its mean over images.
    """

    @tf.function(reduce_retracing=True, autograph=False)
    def norms(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            z = model.encode(x)
        jacobian = tape.batch_jacobian(z, x)
        return tf.sqrt(tf.reduce_sum(jacobian**2, axis=tuple(range(1, len(jacobian.shape)))))

    parts = [images[start : start + batch_size] for start in range(0, len(images), batch_size)]
    return np.concatenate([norms(tf.convert_to_tensor(part, tf.float32)).numpy() for part in parts])
