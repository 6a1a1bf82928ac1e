"""An objective: a weighted sum of named terms over one image and its features."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from impasto.losses.feature import widened

IMAGE = "image"
"""The `layer` of a term of the pixels."""


@dataclass(frozen=True)
class Term:
    """`weight * loss(features of layer)`; `name` groups terms in reports ("style", "content", "tv").

    `normalize`: the gradient of the features is divided by its own size, so that its absolute values add up to about
    the weight at every layer; the value of the term stays.
    """

    name: str
    layer: str
    weight: float
    loss: Callable[[Tensor], Tensor]
    normalize: bool = False

    def __call__(self, x: Tensor) -> Tensor:
        """Return the weighted loss of features, or of pixels, `x`."""
        if self.normalize:
            x = normalised_gradient(x, self.weight / x.numel())
        return self.weight * self.loss(x)

    def __str__(self) -> str:
        return f"{self.weight:.4g} {self.name}({self.layer})"


class Objective:
    """The sum of terms. Terms of weight 0 are left out, and their layers are not computed."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self.terms = tuple(term for term in terms if term.weight != 0)
        self.layers = frozenset(term.layer for term in self.terms) - {IMAGE}

    def __call__(self, image: Tensor, features: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted total (a scalar) and the weighted, detached sum of the terms of each name."""
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
        # The largest first: squares of gradients below 1e-19 are 0 in float32.
        least = torch.finfo(gradient.dtype).tiny
        scaled = widened(gradient / gradient.abs().amax().clamp(min=least))
        level = ctx.weight * scaled / scaled.square().mean().sqrt().clamp(min=least)
        return level.to(gradient.dtype), None


def normalised_gradient(x: Tensor, weight: float = 1.0) -> Tensor:
    """Return `x`; its gradient is rescaled to a root mean square of `weight`.

    Between features `(B, C, H, W)` and their loss it gives every layer a gradient of the same size
    (`-normalize_gradients` of Johnson's neural-style, which divides by the sum of absolute values). The scale of the
    loss is lost, so a weight of the loss belongs into `weight`. A gradient of zeros stays zero. The result is not the
    gradient of the loss any more: use it with optimisers that read gradients alone (Adam), not with L-BFGS.
    """
    found: Tensor = _NormalisedGradient.apply(x, weight)  # type: ignore[no-untyped-call]
    return found


class _KnownGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
        ctx.gradient = gradient
        return value.clone()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None]:
        gradient, ctx.gradient = ctx.gradient, None
        return gradient.mul_(slope), None, None


def with_gradient(x: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
    """Return `value` with a precomputed `gradient` by `x`; backward runs once and overwrites `gradient`."""
    found: Tensor = _KnownGradient.apply(x, value, gradient)  # type: ignore[no-untyped-call]
    return found
