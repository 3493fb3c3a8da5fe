"""Colours, the style file, and what all the figures share."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap

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


def matrix(a):
    """The array, or a ValueError if it is not (H, W)."""
    a = np.asarray(a)
    if a.ndim != 2:
        raise ValueError(f"a has shape {a.shape}; (H, W) fits")
    return a


def number(v):
    """The number with at most two decimals, as text."""
    text = f"{round(float(v), 2) + 0.0:.2f}".rstrip("0").rstrip(".")  # no "-0"
    return text.replace("-", "\u2212")  # a true minus sign


def bare(ax, title):
    """Axes without ticks and frame, with a title if there is one."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    if title is not None:
        ax.set_title(title)
    return ax
