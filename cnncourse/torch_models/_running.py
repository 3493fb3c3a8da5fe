"""Runs a module and keeps what its innermost modules give; leaves it as it was."""

import contextlib
import difflib
import itertools
import operator

import numpy as np
import torch
from torch import nn


class Run:
    """What one run leaves.

    Attributes:
        inputs: dict from the name of a module to the tensor it was called with.
        outputs: dict from the name of a module to what it gave, in order of running.
            Of a module that runs more than once the last call counts.
        passed: As outputs, but the copies that went on to the next module.
        softmax: list of pairs (numbers, softmax of them), one for each softmax.
        logits: What the network gives, before a softmax (or its logarithm) at its
            very end.
    """

    def __init__(self):
        self.inputs, self.outputs, self.passed = {}, {}, {}
        self.softmax, self.logits = [], None


def leaves(model):
    """The innermost modules in order of definition: dict "outer/inner" -> module."""
    if not isinstance(model, nn.Module):
        raise ValueError(f"model is {type(model).__name__}; a torch.nn.Module fits")
    weights = "parametrizations"  # what makes a weight, as weight_norm does
    found = {
        name.replace(".", "/"): part
        for name, part in model.named_modules()
        if name
        and weights not in name.split(".")
        and all(child == weights for child, _ in part.named_children())
    }
    if not found:
        raise ValueError("model has no modules inside; one with some fits")
    return found


@contextlib.contextmanager
def _watched(model, run, keep):
    """For a while hooks write into ``run`` and dropout and the like are as in use."""
    training = {part: part.training for part in model.modules()}
    hooks = []

    def watch(name):
        def write(module, args, y):
            kept = keep is None or name in keep
            softmax = isinstance(module, (nn.Softmax, nn.LogSoftmax)) and args
            if not torch.is_tensor(y) or not (kept or softmax):
                return None
            copy = y.clone()  # a later ReLU(inplace=True) writes there, not here
            if softmax:
                run.softmax.append((args[0], copy))
            if kept:
                run.outputs.pop(name, None)  # the last call counts
                run.outputs[name], run.passed[name] = y, copy
                run.inputs[name] = args[0] if args else None
            return copy

        return write

    try:
        for name, part in leaves(model).items():
            hooks.append(part.register_forward_hook(watch(name)))
        model.eval()
        yield run
    finally:
        for hook in hooks:
            hook.remove()
        for part, was in training.items():
            part.training = was


def run_model(model, x, keep=None):
    """Runs a network as in prediction.

    Args:
        model: Any ``torch.nn.Module``.
        x: A tensor, (N, C, H, W), where the parameters are and of their kind.
        keep: Names of the modules whose output is kept; None keeps all.

    Returns:
        A ``Run``.

    Raises:
        ValueError: The network does not take x, or gives more than one tensor.
    """
    with _watched(model, Run(), keep) as run:
        try:
            y = model(x.clone() if x.requires_grad else x)  # it may write into x
        except torch.cuda.OutOfMemoryError:  # no fault of the shape
            raise
        except RuntimeError as error:  # what PyTorch says where shapes do not fit
            convs = (m for m in model.modules() if isinstance(m, nn.Conv2d))
            first, hint = next(convs, None), ""
            if first and x.shape[3] == first.in_channels != x.shape[1]:
                hint = "; x.transpose(0, 3, 1, 2) moves the channels to the front"
            raise ValueError(
                f"x has shape {tuple(x.shape)}, which the model does not take: "
                f"{error}{hint}"
            ) from error
    if not torch.is_tensor(y):
        raise ValueError(f"model gives a {type(y).__name__}; one tensor fits")
    run.logits = next((a for a, b in reversed(run.softmax) if b is y), y)
    return run


def scores(run, labels):
    """(sum of the score of each picture's label, labels); None: the largest score."""
    logits = run.logits
    if logits.ndim != 2:
        raise ValueError(
            f"model gives shape {tuple(logits.shape)}; (N, classes) fits, one score "
            "for each class"
        )
    if labels is None:
        labels = logits.detach().argmax(dim=1).cpu().numpy()
    classes = logits.shape[1]
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"labels are from {labels.min()} to {labels.max()}; integers from 0 to "
            f"{classes - 1} fit"
        )
    return logits[torch.arange(len(logits)), torch.tensor(labels)].sum(), labels


@contextlib.contextmanager
def with_gradients():
    """Gradients can be taken here, whatever was switched off around it."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def gradient(score, of, words):
    """d score / d of, or a ValueError, in ``words``, where one does not make the other.

    The gradients that parameters hold are neither used nor changed.
    """
    found = None
    if score.requires_grad and of.requires_grad:
        (found,) = torch.autograd.grad(score, of, allow_unused=True)
    if found is None:
        raise ValueError(words)
    return found


def tensor(model, x, grad=False):
    """x where the parameters are (CPU, CUDA, MPS), and of their kind."""
    numbers = itertools.chain(model.parameters(), model.buffers())
    x = np.ascontiguousarray(x)  # a mirrored view runs backwards
    like = next((a for a in numbers if a.is_floating_point()), torch.zeros(1))
    return torch.tensor(x, dtype=like.dtype, device=like.device, requires_grad=grad)


def check_pictures(model, x):
    """x as float32 (N, C, H, W), or a ValueError."""
    leaves(model)
    x = x.detach().cpu().numpy() if torch.is_tensor(x) else np.asarray(x)
    if x.ndim != 4 or len(x) == 0:
        hint = ": x[np.newaxis] makes one picture a batch" if x.ndim == 3 else ""
        raise ValueError(
            f"x has shape {x.shape}; the model takes (N, C, H, W), N being 1 or "
            f"more{hint}"
        )
    if x.dtype not in (np.float32, np.float64):
        raise ValueError(f"x is {x.dtype}; float32 fits, as in training")
    return x.astype(np.float32)


def check_labels(labels, count):
    """None, or (N,) integers; one integer counts for all pictures."""
    if labels is None:
        return None
    found = np.asarray(labels.cpu() if torch.is_tensor(labels) else labels)
    if found.dtype.kind not in "iu" or found.shape not in ((), (count,)):
        raise ValueError(
            f"labels are {found.dtype} of shape {found.shape}; ({count},) integers "
            "fit, or one integer, or None for the answers of the model"
        )
    return np.broadcast_to(found, (count,)).astype(np.int64)


def check_layer(names, layer):
    """The name, or a ValueError that lists those nearest to it."""
    if layer in names:
        return layer
    near = difflib.get_close_matches(str(layer), names, n=3, cutoff=0.4)
    near = near or [n for n in names if str(layer) in n][:3] or list(names)[:3]
    raise ValueError(
        f"layer is {layer!r}, which does not run in this model; near to it: "
        f"{', '.join(near)}. layer_names(model) lists all"
    )


def black(model, input_shape):
    """One black picture of shape (1, C, H, W)."""
    shape = tuple(input_shape) if np.ndim(input_shape) == 1 else ()
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"input_shape is {input_shape!r}; (C, H, W) fits")
    leaves(model)
    return tensor(model, np.zeros((1, *shape), np.float32))


def real(name, value, least=-np.inf):
    """The value as a float, or a ValueError."""
    kinds = (int, float, np.integer, np.floating)
    number = isinstance(value, kinds) and not isinstance(value, bool)
    if not number or not np.isfinite(value) or value < least:
        words = "a number" if least == -np.inf else f"a number of {least} or more"
        raise ValueError(f"{name} is {value!r}; it needs {words}")
    return float(value)


def slices(count, batch):
    """Slices of ``batch`` pictures each, the last of what is left."""
    batch = integer("batch", batch, 1)
    return [slice(i, i + batch) for i in range(0, count, batch)]


def integer(name, value, least):
    """The value as an int, or a ValueError."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < least:
        raise ValueError(f"{name} is {value!r}; it needs an integer, {least} or more")
    return number
