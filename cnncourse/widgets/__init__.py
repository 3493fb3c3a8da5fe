"""Living figures: arrays in, an anywidget out, alive in JupyterLab and on the website.

* ``ConvStepper``: a convolution, one window at a time, forward and back
* ``KernelPlayground``: a picture and nine kernels, recomputed while you edit
* ``Quiz``: questions that are marked on the page
"""

from .conv_stepper import ConvStepper
from .kernel_playground import KernelPlayground
from .quiz import Quiz

__all__ = ["ConvStepper", "KernelPlayground", "Quiz"]
