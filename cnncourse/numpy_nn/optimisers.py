"""Optimisers: how a step follows from the gradients.

Each has ``step(params, grads)``: two dicts with the same keys, such as a layer's or a
``Sequential``'s. The arrays in ``params`` are changed in place. What an optimiser
remembers it keeps under the key, so use one optimiser for one model.

Weight decay adds ``weight_decay * p`` to the gradient of every parameter p, the
gradient of ``weight_decay / 2 * sum of p**2``. So do PyTorch's optimisers of the same
names, and steps are equal to theirs.
"""

import numpy as np

from ._checks import real


class _Optimiser:
    """Checks, weight decay, and the memory for each parameter."""

    def __init__(self, lr, weight_decay):
        self.lr = real("lr", lr, 0)
        self.weight_decay = real("weight_decay", weight_decay, 0)
        self._memory, self._shapes = {}, {}

    def step(self, params, grads):
        """Moves every parameter once.

        Args:
            params: Arrays, changed in place.
            grads: Gradients under the same keys, of the same shapes.

        Raises:
            ValueError: Keys or shapes differ, also from those of earlier steps; a
                parameter is no float array, or a gradient is not finite. No parameter
                has been changed then.
        """
        if params.keys() != grads.keys():
            odd = sorted(params.keys() ^ grads.keys())
            raise ValueError(f"grads and params differ in the keys {odd}")
        for name, p in params.items():
            if np.shape(grads[name]) != np.shape(p):
                raise ValueError(
                    f"grads[{name!r}] has shape {np.shape(grads[name])}; "
                    f"params[{name!r}] has shape {np.shape(p)}"
                )
            if getattr(p, "dtype", None) not in (np.float32, np.float64):
                kind = getattr(p, "dtype", type(p).__name__)
                raise ValueError(f"params[{name!r}] is {kind}; a float array fits")
            if self._shapes.setdefault(name, p.shape) != p.shape:
                raise ValueError(
                    f"params[{name!r}] has shape {p.shape}; this optimiser has stepped "
                    f"one of shape {self._shapes[name]}: take a new one for a new model"
                )
            if not np.isfinite(grads[name]).all():
                raise ValueError(
                    f"grads[{name!r}] is not finite; a lower learning rate may fit "
                    f"(lr is {self.lr})"
                )
        for name, p in params.items():
            gradient = grads[name] + self.weight_decay * p
            p -= self.lr * self._direction(name, gradient)

    def _remember(self, key, gradient, decay, new):
        """A running mean under the key: decay * old + new, from 0."""
        old = self._memory.get(key, np.zeros_like(gradient))
        self._memory[key] = decay * old + new
        return self._memory[key]


class SGD(_Optimiser):
    """Gradient descent: p = p - lr * g, with g the gradient of one batch.

    Args:
        lr: Learning rate, 0 or more.
        weight_decay: 0 or more, see the module.

    Raises:
        ValueError: A number is out of range.

    Source:
        Robbins and Monro (1951), *A stochastic approximation method*.
    """

    def __init__(self, lr, weight_decay=0.0):
        super().__init__(lr, weight_decay)

    def _direction(self, name, g):
        return g


class Momentum(_Optimiser):
    """Gradient descent with a memory: v = momentum * v + g, p = p - lr * v.

    Args:
        lr: Learning rate, 0 or more.
        momentum: Share of the old direction that is kept, 0 to below 1.
        weight_decay: 0 or more, see the module.

    Raises:
        ValueError: A number is out of range.

    Source:
        Polyak (1964), *Some methods of speeding up the convergence of iteration
        methods*; in this form Sutskever and others (2013), *On the importance of
        initialization and momentum in deep learning*, up to where lr stands.
    """

    def __init__(self, lr, momentum=0.9, weight_decay=0.0):
        super().__init__(lr, weight_decay)
        self.momentum = real("momentum", momentum, 0, 1, open_end=True)

    def _direction(self, name, g):
        return self._remember(name, g, self.momentum, g)


class RMSProp(_Optimiser):
    """Divides each step by a running size of that parameter's gradient.

        s = decay * s + (1 - decay) * g**2,  p = p - lr * g / (sqrt(s) + eps)

    Args:
        lr: Learning rate, 0 or more.
        decay: Share of the old size that is kept, 0 to below 1.
        eps: Keeps the division from 0; 1e-12 or more.
        weight_decay: 0 or more, see the module.

    Raises:
        ValueError: A number is out of range.

    Source:
        Tieleman and Hinton (2012), *Neural networks for machine learning*, lecture 6e.
    """

    def __init__(self, lr=0.001, decay=0.99, eps=1e-8, weight_decay=0.0):
        super().__init__(lr, weight_decay)
        self.decay = real("decay", decay, 0, 1, open_end=True)
        self.eps = real("eps", eps, 1e-12)

    def _direction(self, name, g):
        s = self._remember(name, g, self.decay, (1 - self.decay) * g * g)
        return g / (np.sqrt(s) + self.eps)


class Adam(_Optimiser):
    """Momentum over RMSProp, with both memories corrected for their start at 0.

        m = beta1 * m + (1 - beta1) * g,  s = beta2 * s + (1 - beta2) * g**2,
        p = p - lr * (m / (1 - beta1**t)) / (sqrt(s / (1 - beta2**t)) + eps)

    at step t = 1, 2, ...

    Args:
        lr: Learning rate, 0 or more.
        betas: (beta1, beta2), each 0 to below 1.
        eps: Keeps the division from 0; 1e-12 or more.
        weight_decay: 0 or more, see the module. (AdamW, which shrinks the weights
            outside the quotient, is another method.)

    Raises:
        ValueError: A number is out of range.

    Source:
        Kingma and Ba (2015), *Adam: a method for stochastic optimization*,
        algorithm 1.
    """

    def __init__(self, lr=0.001, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(lr, weight_decay)
        if np.shape(betas) != (2,):
            raise ValueError(f"betas is {betas!r}; two numbers fit")
        self.betas = tuple(real("betas", b, 0, 1, open_end=True) for b in betas)
        self.eps = real("eps", eps, 1e-12)
        self._steps = {}

    def _direction(self, name, g):
        (beta1, beta2), t = self.betas, self._steps.get(name, 0) + 1
        self._steps[name] = t
        m = self._remember((name, "m"), g, beta1, (1 - beta1) * g)
        s = self._remember((name, "s"), g, beta2, (1 - beta2) * g * g)
        return (m / (1 - beta1**t)) / (np.sqrt(s / (1 - beta2**t)) + self.eps)
