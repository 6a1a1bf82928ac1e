"""A gradient of the same size from every layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from impasto.losses.precision import widened


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
    """`x` itself, but the gradient that comes back through it leaves with a root mean square of `weight`.

    Between a layer's features `(B, C, H, W)` and a loss of them, it gives that the same push at every layer, however
    it is scaled (`-normalize_gradients` of Johnson's neural-style, which takes the sum of absolute values instead). A
    weight that multiplies the loss is lost with the scale, so `weight` belongs here. A gradient of nothing stays
    nothing. What comes out is no longer the gradient of the loss's value: for optimisers that look at gradients alone
    (Adam), not for L-BFGS.
    """
    found: Tensor = _NormalisedGradient.apply(x, weight)  # type: ignore[no-untyped-call]
    return found
