"""The real picture sets: where they are read from, and what stands in for them."""

import gzip
import hashlib
import tarfile
from pathlib import Path

import numpy as np

from . import _fetch
from ._pictures import digits
from ._shapes import shapes
from ._split import Split, hold_out

VAL_SEED = 0  # decides which training pictures are held out, for everybody alike
STAND_IN = (4000, 500, 1000)  # drawn shapes for training, validation and test
PARTS = ("x_train", "y_train", "x_test", "y_test")
CLOTHES = "T-shirt/top,trouser,pullover,dress,coat,sandal,shirt,sneaker,bag,ankle boot"
THINGS = "airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck"
CLASSES = {
    "mnist": tuple("0123456789"),
    "fashion-mnist": tuple(CLOTHES.split(",")),
    "cifar-10": tuple(THINGS.split(",")),
}
NAMES = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST", "cifar-10": "CIFAR-10"}
SHAPE = {"mnist": (1, 28, 28), "fashion-mnist": (1, 28, 28), "cifar-10": (3, 32, 32)}
LICENCES = {
    "mnist": "CC BY-SA 3.0, Y. LeCun and C. Cortes",
    "fashion-mnist": "MIT, Zalando SE 2017",
    "cifar-10": "no explicit licence; cite A. Krizhevsky, Learning Multiple Layers of "
    "Features from Tiny Images, 2009",
}


def mnist(strict: bool = False) -> Split:
    """MNIST: 70,000 handwritten digits, grey, 28 x 28.

    55,000 for training and 5,000 for validation (every class in proportion, always the
    same ones), 10,000 for the test. Stand-in: ``digits()``.

    Args:
        strict: raise where the real set cannot be had, instead of returning the
            stand-in with one line that says so.

    Raises:
        SetUnavailableError: (an OSError) with ``strict``, what was tried.
        ValueError: a file in ``CNNCOURSE_DATA`` does not hold what it should.

    Shapes:
        x: (N, 1, 28, 28), y: (N,).

    Source:
        Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied
        to document recognition, Proceedings of the IEEE, 1998.
    """
    return _load("mnist", strict)


def fashion_mnist(strict: bool = False) -> Split:
    """Fashion-MNIST: 70,000 pieces of clothing, grey, 28 x 28.

    55,000 for training, 5,000 for validation, 10,000 for the test.
    Stand-in: 5,500 drawn shapes in grey, ten classes (see ``shapes``).

    Args:
        strict: as in ``mnist``.

    Raises:
        SetUnavailableError, ValueError: as in ``mnist``.

    Shapes:
        x: (N, 1, 28, 28), y: (N,).

    Source:
        H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST, arXiv 1708.07747, 2017.
    """
    return _load("fashion-mnist", strict)


def cifar10(strict: bool = False) -> Split:
    """CIFAR-10: 60,000 small photographs of ten things, colour, 32 x 32.

    45,000 for training, 5,000 for validation, 10,000 for the test.
    Stand-in: 5,500 drawn shapes in colour, ten classes (see ``shapes``).

    Args:
        strict: as in ``mnist``.

    Raises:
        SetUnavailableError, ValueError: as in ``mnist``.

    Shapes:
        x: (N, 3, 32, 32), y: (N,).

    Source:
        A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, technical
        report, University of Toronto, 2009.
    """
    return _load("cifar-10", strict)


def _load(key, strict):
    copy = _fetch.folder() / f"{key}.npz"
    if copy.is_file():
        return _cut(key, *_read_copy(key, copy))
    try:
        paths = _fetch.files(key)
    except _fetch.SetUnavailableError as error:
        if strict:
            raise _fetch.SetUnavailableError(
                f"{NAMES[key]} cannot be had: {error}. Put its files, or one file "
                f"{key}.npz, into a folder and set CNNCOURSE_DATA to that folder."
            ) from error
        standing = _stand_in(key)
        what = standing.name.split(" (")[0]
        _fetch.tell(
            f"{NAMES[key]} cannot be had here ({error}): {what} stand in for it."
        )
        return standing
    arrays = _read_cifar(paths) if key == "cifar-10" else _read_idx_set(paths)
    return _cut(key, *arrays, source="the canonical files, md5 checked")


def _cut(key, x_train, y_train, x_test, y_test, source):
    """Whole set, uint8, to a Split: scaled, validation part cut off."""
    held = round(len(y_train) / (10 if key == "cifar-10" else 12))
    stay, val = hold_out(y_train, held, VAL_SEED)

    def scaled(x):
        return x.astype(np.float32) / 255  # (N, C, H, W)

    return Split(
        scaled(x_train[stay]),
        y_train[stay],
        scaled(x_train[val]),
        y_train[val],
        scaled(x_test),
        y_test,
        classes=CLASSES[key],
        name=NAMES[key],
        source=source,
        licence=LICENCES[key],
    )


def _stand_in(key):
    """What is always there, in the real set's picture shape and with ten classes."""
    if key == "mnist":
        return Split(**vars(digits()) | {"name": "digits (stand-in for MNIST)"})
    channels, size, _ = SHAPE[key]
    drawn = shapes(sum(STAND_IN), seed=0, size=size)
    x = drawn.x if channels == 3 else drawn.x.mean(1, keepdims=True)  # (N, C, H, W)
    ends = np.cumsum(STAND_IN)[:-1]
    cut = zip(np.split(x, ends), np.split(drawn.y, ends), strict=True)
    return Split(
        *(array for pair in cut for array in pair),
        classes=drawn.classes,
        name=f"drawn shapes (stand-in for {NAMES[key]})",
        source=f"cnncourse.data.shapes({sum(STAND_IN)}, seed=0, size={size})",
        licence="MIT, as the code that draws them",
    )


def _read_idx(path):
    """One IDX file: images as (N, H, W) or labels as (N,), uint8."""
    raw = gzip.decompress(path.read_bytes())
    axes = raw[3]
    shape = np.frombuffer(raw, ">i4", count=axes, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape)


def _read_idx_set(paths):
    x_train, y_train, x_test, y_test = (_read_idx(path) for path in paths.values())
    return (
        x_train[:, None],  # (N, 1, H, W)
        y_train.astype(np.int64),
        x_test[:, None],
        y_test.astype(np.int64),
    )


def _read_cifar(paths):
    """The binary archive: five training batches and a test batch, in official order."""
    with tarfile.open(next(iter(paths.values()))) as archive:
        members = {Path(m.name).name: m for m in archive.getmembers()}
        batches = [f"data_batch_{n}.bin" for n in range(1, 6)] + ["test_batch.bin"]
        raw = [archive.extractfile(members[name]).read() for name in batches]
    rows = [np.frombuffer(one, np.uint8).reshape(-1, 3073) for one in raw]
    x = [one[:, 1:].reshape(-1, 3, 32, 32) for one in rows]  # (N, 3, 32, 32)
    y = [one[:, 0].astype(np.int64) for one in rows]
    return np.concatenate(x[:5]), np.concatenate(y[:5]), x[5], y[5]


def _read_copy(key, path):
    """A set in one .npz file, checked, and a line with its counts and digest."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = [file[name] for name in PARTS]
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"{path} cannot be read ({error}); it must hold the uint8 arrays "
            f"{', '.join(PARTS)}"
        ) from error
    channels, height, width = SHAPE[key]
    total = hashlib.sha256()
    for start in (0, 2):
        x, y = arrays[start : start + 2]
        sizes = [(len(y), height, width)] if channels == 1 else []
        sizes.append((len(y), height, width, channels))
        if x.dtype != np.uint8 or x.shape not in sizes:
            raise ValueError(
                f"{PARTS[start]} in {path} is {x.dtype} {x.shape}; "
                f"uint8 {' or '.join(map(str, sizes))} fits"
            )
        labels_fit = y.ndim == 1 and np.issubdtype(y.dtype, np.integer)
        if not labels_fit or not len(y) or y.min() < 0 or y.max() > 9:
            raise ValueError(
                f"{PARTS[start + 1]} in {path} is {y.dtype} {y.shape}; "
                "whole numbers 0 to 9, one a picture, fit"
            )
        x = x.reshape(len(y), height, width, channels).transpose(0, 3, 1, 2)
        arrays[start] = np.ascontiguousarray(x)  # (N, C, H, W)
        arrays[start + 1] = y.astype(np.int64)
        total.update(arrays[start].tobytes())
        total.update(arrays[start + 1].tobytes())
    counts = f"{len(arrays[1]):,} training and {len(arrays[3]):,} test pictures"
    return *arrays, f"{path.name}: {counts}, sha256 {total.hexdigest()[:16]}"
