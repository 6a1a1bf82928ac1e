"""Luminance: taken from a picture, matched to another, and combined with the colours of a photo.

Gatys, Bethge, Hertzmann and Shechtman 2016, "Preserving color in neural artistic style transfer", section 5.
"""

from __future__ import annotations

import torch
from torch import Tensor

from impasto.errors import UsageError, choose
from impasto.image.spaces import SPACES, Space

FLOOR = 1e-3
"""Smallest deviation that is divided by: a grey picture of one level has a deviation of 0."""

HALVINGS = 14
"""Number of bisections: to a sixtieth of a level of 255."""


def luminance(image: Tensor, space: str = "ycbcr") -> Tensor:
    """Return the luminance of `image` `(B, 3, H, W)` as `(B, 1, H, W)` in [0, 1], black at 0 and white at 1.

    This is the first axis of `space` over its value at white: Y, L*/100 or OKLab's L. Only Y keeps the values of grey
    pixels; the other two raise dark ones. `with_luminance` is the inverse in the same space.

    >>> luminance(torch.full((1, 3, 2, 2), 0.5))[0, 0, 0, 0]
    tensor(0.5000)
    """
    known = choose(SPACES, space, "colour space")
    return (known.forward(image)[:, :1] / known.white).clamp(0, 1)


def with_luminance(photo: Tensor, grey: Tensor, space: str = "ycbcr") -> Tensor:
    """Return the colours of `photo` `(1, 3, H, W)` with the luminance `grey` `(1, 1, H, W)`, both in [0, 1].

    The two colour axes of `space` keep the values of the photo. Where RGB in [0, 1] has no such colour, the luminance
    moves toward that of the photo, no further than needed; clipping RGB would change the colours. Raises UsageError for
    different sizes and for an unknown space.
    """
    known = choose(SPACES, space, "colour space")
    if photo.shape[-2:] != grey.shape[-2:] or grey.shape[1] != 1:
        raise UsageError(f"the light is {_sides(grey)} and the photo {_sides(photo)}; expected one channel of one size")
    axes = known.forward(photo)
    find = _within if known.additive else _toward
    light = find(known, axes, grey.to(axes) * known.white)
    return known.backward(torch.cat([light, axes[:, 1:]], 1)).clamp(0, 1)


def match_luminance(
    grey: Tensor, reference: Tensor, weights: Tensor | None = None, reference_weights: Tensor | None = None
) -> Tensor:
    """Return `grey` with mean and standard deviation of `reference`, both `(1, 1, H, W)` in [0, 1], of any sizes.

    `L' = s_r / s (L - m) + m_r`, clamped to [0, 1] (Gatys et al. 2016, section 5: the luminance of the painting is
    matched to the photo before the transfer). `weights` and `reference_weights` are the weights of pixels.
    """
    (mean, deviation), (aim, wanted) = _moments(grey, weights), _moments(reference, reference_weights)
    scale = wanted / deviation.clamp(min=FLOOR)
    return ((grey - mean) * scale + aim).clamp(0, 1)


def _moments(grey: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation."""
    if weights is None:
        return grey.mean(), grey.std(correction=0)
    shares = weights / weights.sum().clamp(min=1e-12)
    mean = (shares * grey).sum()
    return mean, (shares * (grey - mean).square()).sum().sqrt()


def _within(space: Space, axes: Tensor, wanted: Tensor) -> Tensor:
    """Return the nearest luminance to `wanted` in the gamut, if it adds to R, G and B alike: an interval, exact."""
    colors = space.backward(torch.cat([torch.zeros_like(wanted), axes[:, 1:]], 1))
    low, high = -colors.amin(1, keepdim=True), 1 - colors.amax(1, keepdim=True)
    return torch.minimum(torch.maximum(wanted, low), high)


def _toward(space: Space, axes: Tensor, wanted: Tensor) -> Tensor:
    """Return the nearest luminance to `wanted` in the gamut, by bisection from that of the photo."""
    light = wanted.clone()
    outside = ~_shown(space, wanted, axes)
    if not outside.any():
        return light
    own, goal, colors = axes[:, :1][outside], wanted[outside], _at(axes, outside)
    low, high = torch.zeros_like(own), torch.ones_like(own)

    def between(share: Tensor) -> Tensor:
        return torch.lerp(own, goal, share)

    for _ in range(HALVINGS):
        middle = (low + high) / 2
        fits = _shown(space, between(middle).view(1, 1, 1, -1), colors).flatten()
        low, high = torch.where(fits, middle, low), torch.where(fits, high, middle)
    light[outside] = between(low)
    return light


def _at(axes: Tensor, chosen: Tensor) -> Tensor:
    """Return the pixels `chosen` of `axes` as a picture of one row."""
    return axes.permute(0, 2, 3, 1)[chosen[:, 0]].T[None, :, None]


def _shown(space: Space, light: Tensor, axes: Tensor) -> Tensor:
    """Return where RGB in [0, 1] has the colours of `axes` with luminance `light`."""
    colors = space.backward(torch.cat([light, axes[:, 1:]], 1))
    return ((colors >= 0) & (colors <= 1)).all(1, keepdim=True)


def _sides(image: Tensor) -> str:
    return f"{image.shape[-1]}x{image.shape[-2]} with {image.shape[1]} channel{'s' if image.shape[1] > 1 else ''}"
