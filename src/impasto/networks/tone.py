"""Tone curves: the luma of a photo, mapped toward the distribution of a painting's luma.

A normal distribution has no long tail. A portrait on a black ground has a few bright lights; with mean and deviation
alone they turn grey. Histogram matching keeps them, but splits smooth skies into bands where the curve is steep. So the
curve goes only part of the way, and its slope is limited (Pizer et al. 1987, "Adaptive histogram equalization and its
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

MIN_SLOPE, MAX_SLOPE = 0.5, 3.0
"""Limits of the slope of a curve."""

PRIOR = 1e-4
"""Share of pixels that is added at each knot."""


def histogram_of(light: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the number of pixels of `light`, `(B, 1, H, W)` with even sides, near each knot, `(B, KNOTS)`.

    weights: of pixels, `(B, 1, H, W)`.

    A pixel counts for its two nearest knots, in shares. The histograms of parts of a picture add up to that of the
    picture. Only one pixel of four counts: a histogram needs no more, and takes a twentieth of the time.

    >>> histogram_of(torch.zeros(1, 1, 4, 4))[0, :2]
    tensor([4., 0.])
    """
    knots = torch.arange(KNOTS, dtype=light.dtype, device=light.device).view(1, KNOTS, 1, 1)
    near = (1 - (light[..., ::2, ::2].clamp(0, 1) * (KNOTS - 1) - knots).abs()).clamp(min=0)
    return (near if weights is None else near * F.avg_pool2d(weights, 2)).sum((2, 3))


def distribution_of(histogram: Tensor) -> Tensor:
    """Return the cumulative distribution at each knot, `(B, KNOTS)`, strictly increasing.

    >>> bool((distribution_of(histogram_of(torch.rand(1, 1, 8, 8))).diff() > 0).all())
    True
    """
    shares = histogram / histogram.sum(1, keepdim=True) + PRIOR
    shares = shares / shares.sum(1, keepdim=True)
    return shares.cumsum(1) - shares / 2


def no_tone(like: Tensor) -> Tensor:
    """Return a uniform distribution, `(1, KNOTS)`, with dtype and device of `like`."""
    return distribution_of(like.new_ones(1, KNOTS))


def curve_to(distribution: Tensor, histogram: Tensor, strength: float = 1.0) -> Tensor:
    """Return the curve from a photo's `histogram` to a painting's `distribution`, as luma at each knot, `(B, KNOTS)`.

    The mean luma of the photo is as after the curve without limits.

    >>> histogram = histogram_of(torch.rand(1, 1, 8, 8))
    >>> curve = curve_to(distribution_of(histogram), histogram)  # its own distribution
    >>> torch.allclose(curve, torch.linspace(0, 1, KNOTS), atol=0.01)
    True
    """
    photo = distribution_of(histogram)
    lower, upper = distribution[:, None, :-1], distribution[:, None, 1:]
    matched = ((photo[:, :, None] - lower) / (upper - lower)).clamp(0, 1).sum(2) / (KNOTS - 1)
    knots = torch.linspace(0, 1, KNOTS, dtype=photo.dtype, device=photo.device)[None]
    curve = knots + SHARE * (matched - knots)
    slopes = ((curve[:, 1:] - curve[:, :-1]) * (KNOTS - 1)).clamp(MIN_SLOPE, MAX_SLOPE)
    limited = torch.cat([slopes.new_zeros(len(slopes), 1), slopes.cumsum(1) / (KNOTS - 1)], dim=1)
    shares = histogram / histogram.sum(1, keepdim=True)
    limited = limited + (shares * (curve - limited)).sum(1, keepdim=True)
    return knots + strength * (limited - knots)


def apply_curve(picture: Tensor, curve: Tensor) -> Tensor:
    """Return `picture` `(B, 3, H, W)` with its luma mapped by `curve`, `(B, KNOTS)`.

    A luma outside [0, 1] is shifted by as much as the nearest luma inside.

    >>> picture = torch.rand(1, 3, 8, 8)
    >>> torch.allclose(apply_curve(picture, torch.linspace(0, 1, KNOTS)[None] + 0.5), picture + 0.5, atol=1e-6)
    True
    """
    light = luma(picture)
    inside = light.clamp(0, 1)
    position = inside * (KNOTS - 1)
    knot = position.detach().floor().clamp(max=KNOTS - 2)
    value, rise = (
        table.gather(1, knot.to(torch.int64).flatten(1)).view_as(light)
        for table in (curve, curve[:, 1:] - curve[:, :-1])
    )
    return picture + (value + rise * (position - knot) - inside)
