"""Is a gradient right? The measure that every layer here has passed."""

import numpy as np


def gradcheck(f, a, da, h=1e-5, tolerance=1e-7):
    """Compares a gradient with central differences; the measure of every layer here.

    Args:
        f: A function without arguments that reads ``a`` and returns a number.
        a: float64; each entry is moved by h up and down, and put back.
        da: The gradient to check, of a's shape.
        h: How far an entry is moved.
        tolerance: Largest difference allowed, relative to the largest gradient, or to
            1e-3 where all gradients are smaller than that.

    Returns:
        The largest difference found, relative to the same.

    Raises:
        AssertionError: It is above the tolerance; the worst entry is named.
        ValueError: a is no float64 array or empty, or da has another shape.

    Shapes:
        a (...), da (...)

    Source:
        (f(a + h) - f(a - h)) / (2h), whose own error shrinks with h**2 until
        rounding takes over. Taught on the page *Backpropagation by hand*.
    """
    if not isinstance(a, np.ndarray) or a.dtype != np.float64 or a.size == 0:
        given = (
            f"{a.dtype} {a.shape}" if isinstance(a, np.ndarray) else type(a).__name__
        )
        raise ValueError(f"a is {given}; a float64 array with an entry or more fits")
    if np.shape(da) != a.shape:
        raise ValueError(f"da has shape {np.shape(da)}; a has shape {a.shape}")
    numeric = np.empty_like(a)
    for at in np.ndindex(a.shape):
        before = a[at]
        try:
            a[at] = before + h
            above = f()
            a[at] = before - h
            numeric[at] = (above - f()) / (2 * h)
        finally:
            a[at] = before
    gap = np.abs(da - numeric) / max(np.abs(numeric).max(), 1e-3)
    worst = tuple(int(i) for i in np.unravel_index(np.argmax(gap), gap.shape))
    if not gap[worst] <= tolerance:  # also where it is NaN
        raise AssertionError(
            f"at {worst} the gradient is {np.asarray(da)[worst]:.8g}, finite "
            f"differences say {numeric[worst]:.8g}: a relative gap of {gap[worst]:.1e}"
        )
    return float(gap[worst])
