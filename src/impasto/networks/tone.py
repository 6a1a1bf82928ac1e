"""A tone curve: the luma of a photo moved toward the distribution of a painting's.

A normal distribution has no long tail. A portrait on a black ground has few and bright lights; mean and deviation alone
make them grey. Histogram matching keeps them, but tears smooth skies into bands where the curve is steep. So the curve
goes a part of the way, and its slope is limited (Pizer et al. 1987, "Adaptive histogram equalization and its
variations").
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.networks.ground import luma

KNOTS = 17
"""Number of knots of distributions and curves, from 0 to 1."""

SHARE = 0.85
"""Share of the way to the painting's distribution."""

LEAST, MOST = 0.5, 3.0
"""Limits of the slope of a curve."""

PRIOR = 1e-4
"""Share of pixels that is added at each knot."""


def histogram_of(light: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the number of pixels of `light`, `(B, 1, H, W)` with even sides, near each knot, `(B, KNOTS)`.

    A pixel is shared by its two nearest knots and weighted by `weights`, `(B, 1, H, W)`. Histograms of parts of a
    picture add up. One pixel of four is counted: a histogram needs no more, in a twentieth of the time.
    """
    knots = torch.arange(KNOTS, dtype=light.dtype, device=light.device).view(1, KNOTS, 1, 1)
    near = (1 - (light[..., ::2, ::2].clamp(0, 1) * (KNOTS - 1) - knots).abs()).clamp(min=0)
    return (near if weights is None else near * F.avg_pool2d(weights, 2)).sum((2, 3))


def distribution_of(histogram: Tensor) -> Tensor:
    """Return the cumulative distribution at each knot, `(B, KNOTS)`, strictly increasing."""
    shares = histogram / histogram.sum(1, keepdim=True) + PRIOR
    shares = shares / shares.sum(1, keepdim=True)
    return shares.cumsum(1) - shares / 2


def no_tone(like: Tensor) -> Tensor:
    """Return a uniform distribution, `(1, KNOTS)`."""
    return distribution_of(like.new_ones(1, KNOTS))


def curve_to(distribution: Tensor, histogram: Tensor, strength: float = 1.0) -> Tensor:
    """Return the curve from a photo's `histogram` to a painting's `distribution`, as luma at each knot, `(B, KNOTS)`.

    The mean over the photo is that of the curve without limits."""
    own = distribution_of(histogram)
    below, above = distribution[:, None, :-1], distribution[:, None, 1:]
    matched = ((own[:, :, None] - below) / (above - below)).clamp(0, 1).sum(2) / (KNOTS - 1)
    knots = torch.linspace(0, 1, KNOTS, dtype=own.dtype, device=own.device)[None]
    wanted = knots + SHARE * (matched - knots)
    slopes = ((wanted[:, 1:] - wanted[:, :-1]) * (KNOTS - 1)).clamp(LEAST, MOST)
    limited = torch.cat([slopes.new_zeros(len(slopes), 1), slopes.cumsum(1) / (KNOTS - 1)], dim=1)
    shares = histogram / histogram.sum(1, keepdim=True)
    limited = limited + (shares * (wanted - limited)).sum(1, keepdim=True)
    return knots + strength * (limited - knots)


def toned(picture: Tensor, curve: Tensor) -> Tensor:
    """Return `picture` `(B, 3, H, W)` with the luma of `curve`, `(B, KNOTS)`; values beyond [0, 1] keep theirs."""
    light = luma(picture)
    inside = light.clamp(0, 1)
    at = inside * (KNOTS - 1)
    knot = at.detach().floor().clamp(max=KNOTS - 2)
    below, rise = (
        each.gather(1, knot.to(torch.int64).flatten(1)).view_as(light) for each in (curve, curve[:, 1:] - curve[:, :-1])
    )
    return picture + (below + rise * (at - knot) - inside)
