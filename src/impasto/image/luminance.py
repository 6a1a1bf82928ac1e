"""Light alone: taken out of a picture, matched to another's, and put back under a photo's own colours.

Gatys, Bethge, Hertzmann and Shechtman 2016, "Preserving color in neural artistic style transfer", section 5.
"""

from __future__ import annotations

import torch
from torch import Tensor

from impasto.errors import UsageError, choose
from impasto.image.spaces import SPACES, Space

FLOOR = 1e-3
"""The least deviation that is divided by: a grey of a single level has none."""

HALVINGS = 14
"""How often an interval of light is halved: to a sixtieth of a level out of 255."""


def luminance(image: Tensor, space: str = "ycbcr") -> Tensor:
    """The light of `image` `(B, 3, H, W)` as a grey picture `(B, 1, H, W)` in [0, 1], black at 0 and white at 1.

    It is the first axis of `space` over its value at white: Y, L*/100 or OKLab's L. Only Y leaves the values of grey
    pixels as they are; the other two lift the dark ones. `with_luminance` takes it back in the same space.
    """
    known = choose(SPACES, space, "colour space")
    return (known.forward(image)[:, :1] / known.white).clamp(0, 1)


def with_luminance(photo: Tensor, grey: Tensor, space: str = "ycbcr") -> Tensor:
    """The colours of `photo` `(1, 3, H, W)` under the light `grey` `(1, 1, H, W)`, both in [0, 1]: `(1, 3, H, W)`.

    The two colour axes of `space` stay the photo's own. Where RGB in [0, 1] cannot show them under `grey`, light goes
    from there toward the photo's, along a line, no further than needed; clipping RGB would change the colours. Raises
    UsageError for sizes that differ and for an unknown space.
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
    """`grey` with the mean and standard deviation of `reference`, both `(1, 1, H, W)` in [0, 1], of any sizes.

    `L' = s_r / s (L - m) + m_r`, clamped to [0, 1] (Gatys et al. 2016, section 5: the painting's luminance is given the
    photo's before the transfer). `weights` and `reference_weights`, as large as each, say how much pixels count.
    """
    (mean, deviation), (aim, wanted) = _moments(grey, weights), _moments(reference, reference_weights)
    scale = wanted / deviation.clamp(min=FLOOR)
    return ((grey - mean) * scale + aim).clamp(0, 1)


def _moments(grey: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation."""
    if weights is None:
        return grey.mean(), grey.std(correction=0)
    shares = weights / weights.sum().clamp(min=1e-12)
    mean = (shares * grey).sum()
    return mean, (shares * (grey - mean).square()).sum().sqrt()


def _within(space: Space, axes: Tensor, wanted: Tensor) -> Tensor:
    """The light nearest to `wanted` where light adds to R, G and B alike: an interval, known exactly."""
    colors = space.backward(torch.cat([torch.zeros_like(wanted), axes[:, 1:]], 1))
    low, high = -colors.amin(1, keepdim=True), 1 - colors.amax(1, keepdim=True)
    return torch.minimum(torch.maximum(wanted, low), high)


def _toward(space: Space, axes: Tensor, wanted: Tensor) -> Tensor:
    """The light nearest to `wanted` on the way from the photo's, by bisection: at its lower end the way is in gamut."""
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
    """The pixels `chosen` of `axes`, as a picture of one row."""
    return axes.permute(0, 2, 3, 1)[chosen[:, 0]].T[None, :, None]


def _shown(space: Space, light: Tensor, axes: Tensor) -> Tensor:
    """Where RGB in [0, 1] can show the colours of `axes` under `light`."""
    colors = space.backward(torch.cat([light, axes[:, 1:]], 1))
    return ((colors >= 0) & (colors <= 1)).all(1, keepdim=True)


def _sides(image: Tensor) -> str:
    return f"{image.shape[-1]}x{image.shape[-2]} with {image.shape[1]} channel{'s' if image.shape[1] > 1 else ''}"
