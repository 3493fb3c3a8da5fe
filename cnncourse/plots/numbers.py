"""Curves over epochs, bands over seeds, histograms, confusion matrices."""

import numpy as np
from matplotlib.patches import Rectangle

from ._style import CENTRE, GRAD, INPUT, OUTPUT, matrix


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
    axes[0].set_ylim(bottom=0, auto=None)  # later runs may be higher
    axes[0].legend()
    return axes


def band(x, runs, ax, label=None, color=OUTPUT, marker="o"):
    """Draw the mean of several runs as a line, from least to most as a band.

    Args:
        x: what the runs were measured at, for instance epochs or shifts.
        runs: one row for each run, for instance for each seed.
        ax: the Axes to draw on.
        label: name of the line in the legend.
        color: colour of line and band.
        marker: matplotlib's sign for the points, so that colour is not all.

    Returns:
        The Axes.

    Raises:
        ValueError: if ``runs`` has not one column for each entry of ``x``.

    Shapes:
        x: (T,). runs: (S, T), S runs.
    """
    x, runs = np.asarray(x), np.asarray(runs, float)
    if runs.ndim != 2 or x.shape != runs.shape[1:] or not runs.size:
        raise ValueError(
            f"x has shape {x.shape}, runs {runs.shape}; (T,) and (S, T) fit"
        )
    ax.fill_between(x, runs.min(axis=0), runs.max(axis=0), color=color, alpha=0.2, lw=0)
    ax.plot(x, runs.mean(axis=0), marker=marker, ms=5, color=color, label=label)
    return ax


def histogram(values, ax, title=None, bins=41, span=None, color=INPUT):
    """Draw how often values occur, as shares of all; name what is outside.

    Args:
        values: numbers in an array of any shape.
        ax: the Axes to draw on.
        title: a line above the histogram.
        bins: number of bars.
        span: (least, most) of the axis; of the values unless given. Values outside
            are counted in a line below the axis.
        color: colour of the bars.

    Returns:
        The Axes.

    Raises:
        ValueError: if there is no value, one is not finite, or ``span`` is empty.

    Shapes:
        values: any.
    """
    values = np.asarray(values, float).ravel()  # (n,)
    if not values.size or not np.isfinite(values).all():
        bad = int((~np.isfinite(values)).sum())
        raise ValueError(
            f"values has {values.size} numbers, {bad} of them not finite; one or more "
            "finite numbers fit"
        )
    low, high = (values.min(), values.max()) if span is None else span
    if span is None and low == high:
        low, high = low - 0.5, high + 0.5
    if not low < high:
        raise ValueError(f"span is {span!r}; (least, most) fits, least below most")
    inside = (values >= low) & (values <= high)
    share = np.histogram(values[inside], bins, (low, high))[0] / values.size
    width = (high - low) / bins
    left = low + width * np.arange(bins)
    ax.bar(left, share, width, align="edge", color=color)
    ax.set(xlim=(low, high), title=title)
    if not inside.all():
        ax.set_xlabel(f"{100 * (1 - inside.mean()):.3g} % outside")
    return ax


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
    counts = matrix(counts)
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
