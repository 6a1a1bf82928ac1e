"""An objective: a weighted sum of named terms of one image and its features.

The module also has gradients that autograd does not compute itself: rescaled ones, and precomputed ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from impasto.losses.feature import widened

IMAGE = "image"
"""The `layer` of a term that reads the pixels."""


@dataclass(frozen=True)
class Term:
    """The term `weight * loss(features of layer)` of an objective.

    name: the group of the term in reports ("style", "content", "tv").
    normalize: whether the gradient by the features is divided by its own size, so that its absolute values add up to
        about the weight at every layer. The value of the term does not change.
    """

    name: str
    layer: str
    weight: float
    loss: Callable[[Tensor], Tensor]
    normalize: bool = False

    def __call__(self, x: Tensor) -> Tensor:
        """Return the weighted loss of `x`, features or pixels; a scalar."""
        if self.normalize:
            x = normalised_gradient(x, self.weight / x.numel())
        return self.weight * self.loss(x)

    def __str__(self) -> str:
        return f"{self.weight:.4g} {self.name}({self.layer})"


class Objective:
    """The sum of terms. Terms of weight 0 are left out, and their layers are not computed.

    >>> objective = Objective([Term("tv", IMAGE, 0.5, lambda image: image.square().mean())])
    >>> objective(torch.ones(1, 3, 8, 8), {})
    (tensor(0.5000), {'tv': tensor(0.5000)})
    """

    def __init__(self, terms: Sequence[Term]) -> None:
        self.terms = tuple(term for term in terms if term.weight != 0)
        self.layers = frozenset(term.layer for term in self.terms) - {IMAGE}

    def __call__(self, image: Tensor, features: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted sum, a scalar, and the weighted sums of the terms of each name, without gradient.

        image: `(1, 3, H, W)`. features: the features of each of `layers`.
        """
        total = image.new_zeros(())
        parts: dict[str, Tensor] = {}
        for term in self.terms:
            value = term(image if term.layer == IMAGE else features[term.layer])
            total = total + value
            parts[term.name] = parts.get(term.name, torch.zeros_like(total)) + value.detach()
        return total, parts

    def __str__(self) -> str:
        """Return the formula, such as `1 content(relu4_2) + 4 style(relu1_1) + ...`."""
        return " + ".join(str(term) for term in self.terms) or "0"


class _NormalisedGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: float) -> Tensor:
        ctx.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        # Divided by the largest value first, because squares of values below 1e-19 are 0 in float32.
        least = torch.finfo(gradient.dtype).tiny
        scaled = widened(gradient / gradient.abs().amax().clamp(min=least))
        level = ctx.weight * scaled / scaled.square().mean().sqrt().clamp(min=least)
        return level.to(gradient.dtype), None


def normalised_gradient(x: Tensor, weight: float = 1.0) -> Tensor:
    """Return `x`; its gradient is rescaled to a root mean square of `weight`.

    Between features `(B, C, H, W)` and their loss, this gives every layer a gradient of the same size, as
    `-normalize_gradients` of Johnson's neural-style, which divides by the sum of absolute values. The scale of the
    loss is lost, so give the weight of the loss as `weight`. A gradient of zeros stays zero. The result is not the
    gradient of the loss any more: use it with optimisers that read only gradients (Adam), not with L-BFGS.

    >>> x = torch.tensor([3.0, 4.0], requires_grad=True)
    >>> normalised_gradient(x, weight=2.0).sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """
    result: Tensor = _NormalisedGradient.apply(x, weight)  # type: ignore[no-untyped-call]
    return result


class _PrecomputedGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
        ctx.gradient = gradient
        return value.clone()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None]:
        gradient, ctx.gradient = ctx.gradient, None
        return gradient.mul_(slope), None, None


def with_gradient(x: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
    """Return `value` with a precomputed `gradient` by `x`. The backward pass runs once and overwrites `gradient`.

    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> with_gradient(x, torch.tensor(5.0), torch.tensor([3.0, 4.0])).backward()
    >>> x.grad
    tensor([3., 4.])
    """
    result: Tensor = _PrecomputedGradient.apply(x, value, gradient)  # type: ignore[no-untyped-call]
    return result
