"""Luminance of a picture: its computation, its match to another picture, and its combination with other colours.

Gatys, Bethge, Hertzmann and Shechtman 2016, "Preserving color in neural artistic style transfer", section 5.
"""

from __future__ import annotations

import torch
from torch import Tensor

from impasto.errors import UsageError, choose
from impasto.image.spaces import SPACES, Space

FLOOR = 1e-3
"""Least divisor of `match_luminance`: the deviation of a picture with a single grey is 0."""

HALVINGS = 14
"""Number of bisections, for a precision of a sixtieth of a level of 255."""


def luminance(image: Tensor, space: str = "ycbcr") -> Tensor:
    """Return the luminance of `image` `(B, 3, H, W)` as `(B, 1, H, W)` in [0, 1], black at 0 and white at 1.

    Luminance is the first axis of `space` divided by its value at white: Y, L*/100 or OKLab's L. Y of a grey pixel is
    its own value; the other two are brighter for dark pixels. `with_luminance` is the inverse in the same space.

    Raises UsageError for an unknown space.

    >>> luminance(torch.full((1, 3, 2, 2), 0.5))[0, 0, 0, 0]
    tensor(0.5000)
    """
    axes = choose(SPACES, space, "colour space")
    return (axes.forward(image)[:, :1] / axes.white).clamp(0, 1)


def with_luminance(photo: Tensor, grey: Tensor, space: str = "ycbcr") -> Tensor:
    """Return the colours of `photo` `(1, 3, H, W)` with the luminance `grey` `(1, 1, H, W)`, both in [0, 1].

    The result has the values of the photo on both colour axes of `space`. Where RGB in [0, 1] has no such colour, the
    luminance moves toward that of the photo, no further than needed, because clipped RGB would change the colours.

    Raises UsageError for different sizes and for an unknown space.
    """
    kind = choose(SPACES, space, "colour space")
    if photo.shape[-2:] != grey.shape[-2:] or grey.shape[1] != 1:
        raise UsageError(f"the light is {_sides(grey)} and the photo {_sides(photo)}; expected one channel of one size")
    axes = kind.forward(photo)
    find = _within if kind.additive else _toward
    light = find(kind, axes, grey.to(axes) * kind.white)
    return kind.backward(torch.cat([light, axes[:, 1:]], 1)).clamp(0, 1)


def match_luminance(
    grey: Tensor, reference: Tensor, weights: Tensor | None = None, reference_weights: Tensor | None = None
) -> Tensor:
    """Return `grey` with mean and standard deviation of `reference`, both `(1, 1, H, W)` in [0, 1], of any sizes.

    The result is `L' = s_r / s (L - m) + m_r`, clamped to [0, 1]. Gatys et al. 2016, section 5, match the luminance of
    the painting to the photo before the transfer. `weights` and `reference_weights` are the weights of pixels,
    `(1, 1, H, W)`; None for equal weights.
    """
    (mean, deviation), (goal_mean, goal_deviation) = _moments(grey, weights), _moments(reference, reference_weights)
    scale = goal_deviation / deviation.clamp(min=FLOOR)
    return ((grey - mean) * scale + goal_mean).clamp(0, 1)


def _moments(grey: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation."""
    if weights is None:
        return grey.mean(), grey.std(correction=0)
    shares = weights / weights.sum().clamp(min=1e-12)
    mean = (shares * grey).sum()
    return mean, (shares * (grey - mean).square()).sum().sqrt()


def _within(space: Space, axes: Tensor, goal: Tensor) -> Tensor:
    """Return the luminance in the gamut that is nearest to `goal`, for a space whose first axis is additive.

    Luminance adds the same to R, G and B, so the gamut is an interval, and the result is exact.
    """
    colors = space.backward(torch.cat([torch.zeros_like(goal), axes[:, 1:]], 1))
    low, high = -colors.amin(1, keepdim=True), 1 - colors.amax(1, keepdim=True)
    return torch.minimum(torch.maximum(goal, low), high)


def _toward(space: Space, axes: Tensor, goal: Tensor) -> Tensor:
    """Return the luminance in the gamut that is nearest to `goal`, by bisection from the luminance of the photo."""
    light = goal.clone()
    outside = ~_in_gamut(space, goal, axes)
    if not outside.any():
        return light
    own, end, colors = axes[:, :1][outside], goal[outside], _at(axes, outside)
    low, high = torch.zeros_like(own), torch.ones_like(own)

    def between(share: Tensor) -> Tensor:
        return torch.lerp(own, end, share)

    for _ in range(HALVINGS):
        middle = (low + high) / 2
        fits = _in_gamut(space, between(middle).view(1, 1, 1, -1), colors).flatten()
        low, high = torch.where(fits, middle, low), torch.where(fits, high, middle)
    light[outside] = between(low)
    return light


def _at(axes: Tensor, where: Tensor) -> Tensor:
    """Return the pixels of `axes` where the mask is True, as a picture of one row."""
    return axes.permute(0, 2, 3, 1)[where[:, 0]].T[None, :, None]


def _in_gamut(space: Space, light: Tensor, axes: Tensor) -> Tensor:
    """Return a mask, True where the colours of `axes` with luminance `light` are in [0, 1] as RGB."""
    colors = space.backward(torch.cat([light, axes[:, 1:]], 1))
    return ((colors >= 0) & (colors <= 1)).all(1, keepdim=True)


def _sides(image: Tensor) -> str:
    return f"{image.shape[-1]}x{image.shape[-2]} with {image.shape[1]} channel{'s' if image.shape[1] > 1 else ''}"
