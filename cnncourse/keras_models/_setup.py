"""Settings that must stand before Keras is imported; so every module imports this."""

import contextlib
import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors of the C++ part only


@contextlib.contextmanager
def _no_notes():
    """Drops what C++ writes to the error stream before its log level counts.

    What Python raises or writes by itself is not touched.
    """
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


with _no_notes():  # some lines on the processor and on drivers for a GPU
    import keras  # noqa: F401
    import tensorflow as tf


def use_gpu_sparingly():
    """Lets TensorFlow take GPU memory as it needs it, instead of all at the start.

    Called when the package is imported. Without a GPU it does nothing.

    Returns:
        The number of GPUs.
    """
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        with contextlib.suppress(RuntimeError):  # in use already: too late, no harm
            tf.config.experimental.set_memory_growth(gpu, True)
    return len(gpus)


use_gpu_sparingly()
