"""Whose colours a result has: the painting's, the photo's kept, or one matched to the other.

Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer", describe both ways: to paint in light alone and
keep the photo's colours, or to give the painting the photo's colours first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from impasto.image import luminance, match_colors, match_luminance, with_luminance
from impasto.settings.synthesis import StylizeSettings
from impasto.tasks.scene.areas import Area, Manner, at


def prepared(areas: Sequence[Area], photo: Tensor, settings: StylizeSettings) -> list[Area]:
    """The areas with their paintings in the colours, or the light, that they are to be taken for."""
    return [
        replace(area, manners=tuple(_prepared(manner, area, photo, settings) for manner in area.manners))
        for area in areas
    ]


def _prepared(manner: Manner, area: Area, photo: Tensor, settings: StylizeSettings) -> Manner:
    pixels = manner.pixels
    mask = None if manner.mask is None else at(manner.mask, _size(pixels))
    if settings.match_colors != "no" and settings.match_when == "before":
        pixels = match_colors(pixels, photo, settings.match_colors, mask, _over(area, photo))
    if settings.keep_color != "no":
        grey = luminance(pixels, settings.keep_color)
        if settings.match_luminance:
            light = luminance(photo, settings.keep_color)
            grey = match_luminance(grey, light, mask, _over(area, photo))
        pixels = grey.expand(-1, 3, -1, -1)
    return replace(manner, pixels=pixels)


def recolored(areas: Sequence[Area], photo: Tensor, share: float) -> Tensor:
    """The photo, each area of it in the colours of its paintings, which are mixed in their shares; `share` of the
    way."""
    result = photo
    for area in areas:
        colors, weights = _pooled(area.manners)
        result = match_colors(result, colors, weights=_over(area, photo), reference_weights=weights)
    return torch.lerp(photo, result, share)


def finished(image: Tensor, photo: Tensor, areas: Sequence[Area], settings: StylizeSettings) -> Tensor:
    """What the run made, with the colours that it left out or that are to be put back; `photo` is at its size."""
    if settings.keep_color != "no":
        image = with_luminance(photo, image, settings.keep_color)
    if settings.match_colors != "no" and settings.match_when == "after":
        for area in areas:
            over = _over(area, photo)
            image = match_colors(image, photo, settings.match_colors, over, over)
    return image


def grey(image: Tensor, settings: StylizeSettings) -> Tensor:
    """The picture as the run works on it: its light alone, one channel, where the colours are kept."""
    return image if settings.keep_color == "no" else luminance(image, settings.keep_color)


def _pooled(manners: Sequence[Manner]) -> tuple[Tensor, Tensor]:
    """The pixels of all manners in one row, `(1, 3, 1, N)`, each with its weight `(1, 1, 1, N)`."""
    colors, weights = [], []
    for manner in manners:
        size = _size(manner.pixels)
        mask = torch.ones_like(manner.pixels[:, :1]) if manner.mask is None else at(manner.mask, size)
        colors.append(manner.pixels.flatten(2)[:, :, None])
        weights.append((manner.share * mask / mask.sum().clamp(min=1e-12)).flatten(2)[:, :, None])
    return torch.cat(colors, 3), torch.cat(weights, 3)


def _over(area: Area, photo: Tensor) -> Tensor | None:
    return None if area.mask is None else at(area.mask, _size(photo))


def _size(pixels: Tensor) -> tuple[int, int]:
    return pixels.shape[-2], pixels.shape[-1]
