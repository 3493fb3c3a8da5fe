"""Arrays to matplotlib axes: the few figures that pages draw again and again.

Every function takes arrays and returns the Axes or the Figure it drew on.
Nothing here shows, saves or prints; in a notebook the figure appears by itself.
The colours are those of ``cnncourse/widgets/tokens.css``.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle

INPUT, KERNEL, OUTPUT = "#0072b2", "#e69f00", "#009e73"  # x, w, y
GRAD = "#d55e00"  # gradients, whose frames are dashed
INK = "#1f2328"  # text and lines; on the site it becomes the page's text colour
CENTRE = {"ha": "center", "va": "center_baseline"}
ROLES = {"input": INPUT, "kernel": KERNEL, "output": OUTPUT, "grad": GRAD}

# Dark brown over grey (zero) to pale blue: light and dark alone tell the sign.
# The same five colours as in the widget KernelPlayground.
STOPS = [(74, 26, 0), (168, 84, 16), (140, 140, 140), (112, 184, 232), (240, 248, 255)]
DIVERGING = LinearSegmentedColormap.from_list("cnn-diverging", np.array(STOPS) / 255)


def use_style():
    """Use the course's matplotlib style; in a notebook draw figures as SVG."""
    plt.style.use(Path(__file__).with_name("cnncourse.mplstyle"))
    try:
        from IPython import get_ipython
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:
        return
    if get_ipython() is not None:
        set_matplotlib_formats("svg", metadata={"Date": None})


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
    return _bare(ax, title)


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
    a = _matrix(a)
    top = np.abs(a).max() if limit is None else limit
    ax.imshow(a, cmap=DIVERGING, vmin=-(top or 1), vmax=top or 1)
    ax.set_xlabel(f"{_number(a.min())} to {_number(a.max())}")
    return _bare(ax, title)


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
    a = _matrix(a)
    if role not in ROLES:
        raise ValueError(f"role is {role!r}; one of {list(ROLES)} fits")
    ax = plt.subplots()[1] if ax is None else ax
    h, w = a.shape
    for i, j in np.ndindex(h, w):
        ax.add_patch(Rectangle((j, i), 1, 1, fill=False, ec=INK, alpha=0.3, lw=0.8))
        shade = {"alpha": 1 if a[i, j] else 0.65, "fontsize": size}
        ax.text(j + 0.5, i + 0.5, _number(a[i, j]), **CENTRE, **shade)
    line = {"ec": ROLES[role], "lw": 2.5, "ls": "--" if role == "grad" else "-"}
    ax.add_patch(Rectangle((0, 0), w, h, fill=False, **line))
    if window is not None:
        i, j, rows, columns = window
        ax.add_patch(Rectangle((j, i), columns, rows, fc=KERNEL, alpha=0.25))
        ax.add_patch(Rectangle((j, i), columns, rows, fill=False, ec=KERNEL, lw=3))
    ax.set(xlim=(-0.05, w + 0.05), ylim=(h + 0.05, -0.05), aspect="equal")
    return _bare(ax, title)


def curves(history, axes, label=None, color=OUTPUT):
    """Draw loss and accuracy over the epochs: training dashed, validation solid.

    Args:
        history: what a ``fit`` returned.
        axes: two Axes, for the loss and for the accuracy.
        label: name of the run in the legend.
        color: colour of its lines.

    Returns:
        The two Axes.

    Raises:
        ValueError: if ``history`` has no epoch, or ``axes`` are not two.

    Shapes:
        history: "loss", "accuracy" and, if any, "val_loss", "val_accuracy", one
        number an epoch.
    """
    if len(axes) != 2 or not history["loss"]:
        epochs = len(history["loss"])
        raise ValueError(f"history has {epochs} epochs, axes {len(axes)}; 1+ and 2 fit")
    named = "" if label is None else f"{label}, "
    for ax, key in zip(axes, ("loss", "accuracy"), strict=True):
        t = range(1, len(history[key]) + 1)
        ax.plot(t, history[key], "o--", ms=3, color=color, label=f"{named}training")
        if history.get(f"val_{key}"):
            line = {"color": color, "lw": 2.2, "label": f"{named}validation"}
            ax.plot(t, history[f"val_{key}"], "s-", ms=4, **line)
        ax.set(xlabel="epoch", ylabel=key)
        ax.xaxis.get_major_locator().set_params(integer=True)
    axes[0].set_ylim(bottom=0)
    axes[0].legend()
    return axes


def confusion(counts, ax, classes=None):
    """Draw a confusion matrix: rows are true classes, columns what was answered.

    The diagonal is right. Shades follow the share of the row, off the diagonal on a
    scale of their own, so that rare mistakes are seen too; zeros are left out.

    Args:
        counts: how many images of class i were called class j.
        ax: the Axes to draw on.
        classes: names of the classes; their numbers unless given.

    Returns:
        The Axes.

    Raises:
        ValueError: if ``counts`` is not square, or there is not one name a class.

    Shapes:
        counts: (K, K).
    """
    counts = _matrix(counts)
    K = len(counts)
    names = list(range(K)) if classes is None else list(classes)
    if counts.shape != (K, K) or len(names) != K:
        raise ValueError(
            f"counts has shape {counts.shape}, classes {len(names)} names; "
            "(K, K) and K fit"
        )
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    wrong = share * (1 - np.eye(K))
    top = wrong.max() or 1
    for i, j in np.ndindex(K, K):
        right = i == j
        shade = 0.18 + 0.3 * share[i, j] if right else 0.75 * wrong[i, j] / top
        corner = (j - 0.5, i - 0.5)
        fill = {"fc": OUTPUT if right else GRAD, "alpha": shade, "lw": 0}
        ax.add_patch(Rectangle(corner, 1, 1, **fill))
        if counts[i, j]:
            ax.text(j, i, f"{counts[i, j]:d}", **CENTRE, fontsize=11)
    ax.set(xlim=(-0.5, K - 0.5), ylim=(K - 0.5, -0.5), aspect="equal")
    ax.set(xlabel="answered", ylabel="true class")
    ax.set_xticks(
        range(K), names, rotation=45 if max(map(len, map(str, names))) > 3 else 0
    )
    ax.set_yticks(range(K), names)
    ax.tick_params(length=0)
    return ax


def _matrix(a):
    a = np.asarray(a)
    if a.ndim != 2:
        raise ValueError(f"a has shape {a.shape}; (H, W) fits")
    return a


def _number(v):
    text = f"{round(float(v), 2) + 0.0:.2f}".rstrip("0").rstrip(".")  # no "-0"
    return text.replace("-", "\u2212")  # a true minus sign


def _bare(ax, title):
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    if title is not None:
        ax.set_title(title)
    return ax
