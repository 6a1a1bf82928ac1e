"""Paintings at the scale at which their strokes are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from impasto.settings.synthesis import PaintingSettings
from impasto.tasks.objective.areas import Area, Manner, Size, at, turned
from impasto.tasks.objective.regions import parse_rotations


def painting_size(manner: Manner, size: Size, scale: float) -> Size:
    """Height and width of a painting beside a result of `size`: its longer side is `scale` times the result's."""
    height, width = manner.pixels.shape[-2:]
    factor = scale * max(size) / max(height, width)
    return max(1, round(height * factor)), max(1, round(width * factor))


def areas_at(areas: Sequence[Area], size: Size, settings: PaintingSettings, device: torch.device) -> list[Area]:
    """The areas for a result of `size`; a painting that several of them have is one tensor."""
    scaled: dict[int, Tensor] = {}
    return [area_at(area, size, settings, device, scaled) for area in areas]


def area_at(
    area: Area,
    size: Size,
    settings: PaintingSettings,
    device: torch.device,
    scaled: dict[int, Tensor] | None = None,
) -> Area:
    """The area for a result of `size`: its mask there, its paintings at their scale, and turned where that is wanted.

    `scaled` keeps paintings at their scale, by the `id` of their pixels.
    """
    found, scaled = [], {} if scaled is None else scaled
    for manner in area.manners:
        own = painting_size(manner, size, settings.style_scale)
        mask = None if manner.mask is None else at(manner.mask, own).to(device)
        alpha = None if manner.alpha is None else at(manner.alpha, own).to(device)
        if id(manner.pixels) not in scaled:
            scaled[id(manner.pixels)] = at(manner.pixels, own, manner.alpha).to(device)
        found.append(replace(manner, pixels=scaled[id(manner.pixels)], mask=mask, alpha=alpha))
    mask = None if area.mask is None else at(area.mask, size).to(device)
    return turned(replace(area, manners=tuple(found), mask=mask), parse_rotations(settings.rotations))
