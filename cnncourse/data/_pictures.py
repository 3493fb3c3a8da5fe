"""Pictures that are always there: they come inside scikit-learn."""

import numpy as np

from ._split import Split, hold_out

PHOTOS = ("china", "flower")
VAL, TEST = 180, 360  # of 1,797 digits


def digits(seed: int = 0) -> Split:
    """1,797 real handwritten digits, made to look like MNIST.

    scikit-learn's 8 x 8 digits are enlarged to 20 x 20 (cubic splines) and set in the
    middle of a black 28 x 28 square, as MNIST's were. 1,257 are for training, 180 for
    validation and 360 for the test, every class in proportion.

    Args:
        seed: decides which digits go to which part.

    Returns:
        The set; calling again gives equal, separate arrays.

    Shapes:
        x: (N, 1, 28, 28), y: (N,).

    Source:
        E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI
        Machine Learning Repository, 1998, as shipped by scikit-learn.
    """
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits

    small = load_digits()
    x = zoom(small.images / 16, (1, 2.5, 2.5), grid_mode=True, mode="grid-constant")
    x = np.clip(x, 0, 1).astype(np.float32)  # (1797, 20, 20)
    x = np.pad(x, ((0, 0), (4, 4), (4, 4)))[:, None]  # (1797, 1, 28, 28)
    y = small.target.astype(np.int64)
    rest, test = hold_out(y, TEST, seed)
    train, val = (rest[part] for part in hold_out(y[rest], VAL, seed))
    return Split(
        *(array[part] for part in (train, val, test) for array in (x, y)),
        classes=tuple("0123456789"),
        name="digits",
        source="scikit-learn's load_digits(), 8 x 8 enlarged to 28 x 28",
        licence="CC BY 4.0, E. Alpaydin and C. Kaynak, UCI Machine Learning Repository",
    )


def photo(name: str = "china", size: tuple[int, int] | None = None) -> np.ndarray:
    """A colour photograph that comes with scikit-learn.

    ``"china"`` (a temple) is by danielbuechele, ``"flower"`` (a dahlia) by vultilion;
    both are under CC BY 2.0, so name the photographer where you show one.

    Args:
        name: ``"china"`` or ``"flower"``.
        size: height and width in pixels; the photograph is cut to this shape round
            its middle and reduced with smoothing. None keeps all 427 x 640 pixels.

    Returns:
        The picture, float32 in 0..1, channels red, green, blue.

    Raises:
        ValueError: no photograph has this name, or the size does not fit.

    Shapes:
        (3, H, W).
    """
    if name not in PHOTOS:
        raise ValueError(f"name is {name!r}; the photographs are {', '.join(PHOTOS)}")
    from PIL import Image, ImageOps
    from sklearn.datasets import load_sample_image

    picture = load_sample_image(f"{name}.jpg")  # (427, 640, 3)
    if size is not None:
        height, width = size if len(size) == 2 else (0, 0)
        if not (1 <= height <= 427 and 1 <= width <= 640):
            raise ValueError(f"size is {size}; height and width up to (427, 640) fit")
        image = ImageOps.fit(
            Image.fromarray(picture), (width, height), Image.Resampling.LANCZOS
        )
        picture = np.asarray(image)  # (H, W, 3)
    return np.ascontiguousarray(picture.transpose(2, 0, 1), dtype=np.float32) / 255
