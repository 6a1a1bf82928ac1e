"""Seamless copying of a part of one picture into another (Perez, Gangnet and Blake 2003)."""

from __future__ import annotations

from impasto.image import Picture, Source, blended, corner, load
from impasto.settings.editing import BlendSettings


def blend(source: Source, target: Source, settings: BlendSettings | None = None) -> Picture:
    """Return `target` with a part of `source` copied into it, as a Picture of the size of `target`.

    The part is the mask of the settings, or the alpha of `source`. Poisson blending (Perez, Gangnet and Blake 2003)
    keeps the gradients of the part and gives its border the colours of `target`. Raises UsageError without a mask and
    without an alpha, and for a part outside the target.

    >>> import torch
    >>> import impasto
    >>> patch = impasto.Picture(torch.rand(1, 3, 8, 8), alpha=torch.ones(1, 1, 8, 8))
    >>> impasto.blend(patch, torch.rand(3, 32, 32), impasto.BlendSettings(at="4,6")).size
    (32, 32)
    """
    settings = settings or BlendSettings()
    at = corner(settings.at)
    return blended(load(source), load(target), settings.mask, at, settings.gradients)
