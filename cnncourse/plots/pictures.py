"""Pictures, signed maps and matrices of numbers."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from ._style import CENTRE, DIVERGING, GRAD, INK, KERNEL, ROLES, bare, matrix, number


def image(a, ax, title=None, vmin=0.0, vmax=1.0):
    """Draw a picture whose values run from ``vmin`` to ``vmax``.

    Args:
        a: the picture, grey or with three channels in front.
        ax: the Axes to draw on.
        title: a line above the picture.
        vmin: the value drawn black.
        vmax: the value drawn white.

    Returns:
        The Axes.

    Raises:
        ValueError: if ``a`` is neither (H, W) nor (3, H, W).

    Shapes:
        a: (H, W), or (3, H, W) as red, green, blue in 0..1.
    """
    a = np.asarray(a)
    if a.ndim == 3 and a.shape[0] == 3:
        a = np.clip(a.transpose(1, 2, 0), 0, 1)  # (H, W, 3)
    elif a.ndim != 2:
        raise ValueError(f"a has shape {a.shape}; (H, W) or (3, H, W) fits")
    ax.imshow(a, cmap="gray", vmin=vmin, vmax=vmax)
    return bare(ax, title)


def response(a, ax, title=None, limit=None):
    """Draw a signed map: zero grey, positive light and blue, negative dark and brown.

    The line below the map says the range of its values.

    Args:
        a: the map, for instance the output of a convolution.
        ax: the Axes to draw on.
        title: a line above the map.
        limit: the magnitude that gets the full colour; the largest magnitude
            in ``a`` unless given.

    Returns:
        The Axes.

    Raises:
        ValueError: if ``a`` is not (H, W).

    Shapes:
        a: (H, W).
    """
    a = matrix(a)
    top = np.abs(a).max() if limit is None else limit
    ax.imshow(a, cmap=DIVERGING, vmin=-(top or 1), vmax=top or 1)
    ax.set_xlabel(f"{number(a.min())} to {number(a.max())}")
    return bare(ax, title)


def overlay(picture, heat, ax, title=None):
    """Draw a grey picture with a map over it: the stronger the map, the redder.

    The line below says the range of the map; where it is least, the picture is bare.

    Args:
        picture: the picture, from 0 to 1; colours are turned to grey.
        heat: the map, none of it negative, of the same height and width.
        ax: the Axes to draw on.
        title: a line above the picture.

    Returns:
        The Axes.

    Raises:
        ValueError: if ``picture`` and ``heat`` do not fit, or ``heat`` is negative or
            not finite somewhere.

    Shapes:
        picture: (H, W) or (3, H, W). heat: (H, W).
    """
    picture, heat = np.asarray(picture), matrix(heat)
    if picture.shape not in (heat.shape, (3, *heat.shape)):
        raise ValueError(
            f"picture has shape {picture.shape}, heat {heat.shape}; (H, W) or "
            "(3, H, W) and (H, W) fit"
        )
    if not np.isfinite(heat).all() or heat.min() < 0:
        raise ValueError(
            f"heat runs from {heat.min()} to {heat.max()}; finite numbers, 0 or more, "
            "fit"
        )
    image(picture if picture.ndim == 2 else picture.mean(axis=0), ax, title)  # (H, W)
    veil = np.ones((*heat.shape, 4))  # (H, W, red green blue opacity)
    veil[..., :3] = to_rgb(GRAD)
    veil[..., 3] = 0.85 * heat / (heat.max() or 1)
    ax.imshow(veil)
    ax.set_xlabel(f"{number(heat.min())} to {number(heat.max())}")
    return ax


def image_grid(images, titles=None, columns=None, width=7.5, draw=image):
    """Draw pictures side by side, row after row.

    Args:
        images: the pictures.
        titles: one line for each picture.
        columns: pictures in a row; all in one row unless given.
        width: width of the figure in inches.
        draw: the function that draws one picture: ``image`` or ``response``.

    Returns:
        The Figure.

    Raises:
        ValueError: if there is not one title for each picture.

    Shapes:
        images: a sequence of (H, W) or (3, H, W).
    """
    titles = [None] * len(images) if titles is None else titles
    if len(titles) != len(images):
        raise ValueError(f"titles has {len(titles)} lines; {len(images)} fit")
    columns = columns or len(images)
    rows = -(-len(images) // columns)
    h, w = np.shape(images[0])[-2:]
    below = 0.75 if draw is response else 0.45  # inches of text in a row
    height = rows * (width / columns * h / w + below)
    fig, axes = plt.subplots(rows, columns, figsize=(width, height), squeeze=False)
    for ax in axes.flat[len(images) :]:
        ax.set_axis_off()
    for ax, picture, title in zip(axes.flat, images, titles, strict=False):
        draw(picture, ax, title)
    return fig


def number_grid(a, ax=None, role="input", window=None, title=None, size=12):
    """Draw a matrix as a grid of numbers; zeros are soft, a window is outlined.

    Args:
        a: the matrix.
        ax: the Axes to draw on; a new one unless given.
        role: "input", "kernel", "output" or "grad": the colour of the frame; that
            of a gradient is dashed.
        window: (row, column, rows, columns) of the cells to outline.
        title: a line above the grid.
        size: height of the numbers in points.

    Returns:
        The Axes.

    Raises:
        ValueError: if ``a`` is not (H, W) or ``role`` is unknown.

    Shapes:
        a: (H, W).
    """
    a = matrix(a)
    if role not in ROLES:
        raise ValueError(f"role is {role!r}; one of {list(ROLES)} fits")
    ax = plt.subplots()[1] if ax is None else ax
    h, w = a.shape
    for i, j in np.ndindex(h, w):
        ax.add_patch(Rectangle((j, i), 1, 1, fill=False, ec=INK, alpha=0.3, lw=0.8))
        shade = {"alpha": 1 if a[i, j] else 0.65, "fontsize": size}
        ax.text(j + 0.5, i + 0.5, number(a[i, j]), **CENTRE, **shade)
    line = {"ec": ROLES[role], "lw": 2.5, "ls": "--" if role == "grad" else "-"}
    ax.add_patch(Rectangle((0, 0), w, h, fill=False, **line))
    if window is not None:
        i, j, rows, columns = window
        ax.add_patch(Rectangle((j, i), columns, rows, fc=KERNEL, alpha=0.25))
        ax.add_patch(Rectangle((j, i), columns, rows, fill=False, ec=KERNEL, lw=3))
    ax.set(xlim=(-0.05, w + 0.05), ylim=(h + 0.05, -0.05), aspect="equal")
    return bare(ax, title)
