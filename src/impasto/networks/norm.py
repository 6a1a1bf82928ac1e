"""Conditional normalisation (Dumoulin, Shlens and Kudlur 2017): scales and shifts after each norm make the style."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto.errors import choose

NORMS = ("instance", "batch")
EPSILON = 1e-5
MOMENTUM = 0.1


class Moments(NamedTuple):
    """Mean and variance of each channel, `(B, C, 1, 1)` each."""

    mean: Tensor
    variance: Tensor


class ConditionalNorm(nn.Module):
    """Features minus their mean, divided by their deviation, with scale and shift from the caller.

    Kind "instance" (Ulyanov 2016) uses the moments of each picture, so that the contrast of a photo does not matter.
    Kind "batch" uses those of the batch in training, and their averages later.
    """

    def __init__(self, channels: int, kind: str = "instance") -> None:
        super().__init__()
        self.channels = channels
        self.kind = choose({name: name for name in NORMS}, kind, "norm")
        if kind == "batch":
            self.register_buffer("running_mean", torch.zeros(1, channels, 1, 1))
            self.register_buffer("running_variance", torch.ones(1, channels, 1, 1))

    def forward(
        self,
        x: Tensor,
        scale: Tensor,
        shift: Tensor,
        given: Moments | None = None,
        seen: list[Moments] | None = None,
        *,
        weights: Tensor | None = None,
    ) -> Tensor:
        """Return `x` normalised; `scale` and `shift` are `(B, C, 1, 1)`, or maps of the size of `x`.

        The moments are `given`, or those of `x` (see `moments`). They are appended to `seen`.
        """
        if given is None and weights is None and self.kind == "instance" and torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
            one = x.new_ones(self.channels)  # an operator of ONNX; a trace has no constant number of channels
            return F.instance_norm(x, weight=one, bias=torch.zeros_like(one)) * scale + shift
        moments = given or self.moments(x, weights)
        if seen is not None:
            seen.append(moments)
        gain = scale * (moments.variance + EPSILON).rsqrt()
        return _affine(x, gain, shift - moments.mean * gain)

    def moments(self, x: Tensor, weights: Tensor | None = None) -> Moments:
        """Return the moments for `forward`. The variance is divided by the number of positions, as in torch's norms.

        `weights` `(B, 1, H, W)`, not all 0: weights of positions in a picture's own moments.
        """
        if self.kind == "instance" and weights is not None:
            shares = weights / weights.sum((2, 3), keepdim=True)
            mean = (shares * x).sum((2, 3), keepdim=True)
            return Moments(mean, (shares * (x - mean).square()).sum((2, 3), keepdim=True))
        if self.kind == "instance":
            rows, positions = _rows(x)
            mean = rows.mean(positions, keepdim=True)
            variance = (rows - mean).square().mean(positions, keepdim=True)
            return Moments(mean.view(*x.shape[:2], 1, 1), variance.view(*x.shape[:2], 1, 1))
        average, spread = cast(Tensor, self.running_mean), cast(Tensor, self.running_variance)
        if self.training:
            variance, mean = torch.var_mean(x, dim=(0, 2, 3), correction=0, keepdim=True)
            average.lerp_(mean.detach().to(average), MOMENTUM)
            spread.lerp_(variance.detach().to(spread), MOMENTUM)
        else:
            mean, variance = average.to(x), spread.to(x)
        return Moments(mean.expand(len(x), -1, -1, -1), variance.expand(len(x), -1, -1, -1))


def _rows(x: Tensor) -> tuple[Tensor, int]:
    """Return `x` with its positions in one dimension, in the order of memory, and the index of this dimension.

    Sums over two dimensions that are not the last in memory take torch several times as long, and `var_mean` longer
    than a convolution (`docs/networks.md`).
    """
    if x.is_contiguous(memory_format=torch.channels_last):
        return x.permute(0, 2, 3, 1).flatten(1, 2), 1
    return x.flatten(2), 2


def _affine(x: Tensor, gain: Tensor, offset: Tensor) -> Tensor:
    """Return `gain * x + offset`; the gradients of a gain for each channel are also summed over rows."""
    if gain.shape[-2:] != (1, 1):
        return torch.addcmul(offset, x, gain)
    rows, positions = _rows(x)
    gain, offset = (each.flatten(1).unsqueeze(positions) for each in (gain, offset))
    made = torch.addcmul(offset, rows, gain)
    if positions == 1:
        return made.view(len(x), *x.shape[2:], -1).permute(0, 3, 1, 2)
    return made.view_as(x)
