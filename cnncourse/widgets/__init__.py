"""Living figures: arrays in, an anywidget out, alive in JupyterLab and on the website.

* ``BackpropStepper``: a gradient of a convolution, one entry at a time
* ``ConvStepper``: a convolution, one window at a time, forward and back
* ``DigitLab``: draw a digit, move it, and see what small networks make of it
* ``FeatureMaps``: a network's maps of a picture, and the pixels behind each number
* ``KernelLearner``: gradient descent that finds a kernel, played and scrubbed
* ``KernelPlayground``: a picture and nine kernels, recomputed while you edit
* ``LayerStack``: a stack of layers: shapes, costs and receptive fields
* ``PoolingGrid``: pooling windows, and what a shift or a gradient does to them
* ``Quiz``: questions that are marked on the page
* ``TrainingMonitor``: curves that grow while a page trains, and a button that stops it
"""

from .backprop_stepper import BackpropStepper
from .conv_stepper import ConvStepper
from .digit_lab import DigitLab
from .feature_maps import FeatureMaps
from .kernel_learner import KernelLearner
from .kernel_playground import KernelPlayground
from .layer_stack import LayerStack
from .pooling_grid import PoolingGrid
from .quiz import Quiz
from .training_monitor import TrainingMonitor

__all__ = [
    "BackpropStepper",
    "ConvStepper",
    "DigitLab",
    "FeatureMaps",
    "KernelLearner",
    "KernelPlayground",
    "LayerStack",
    "PoolingGrid",
    "Quiz",
    "TrainingMonitor",
]
