"""Paintings at the scale at which their strokes are wanted."""

from __future__ import annotations

from dataclasses import replace

import torch

from impasto.tasks.options import PaintingSettings
from impasto.tasks.regions import Area, Manner, Size, at, parse_rotations, turned


def painting_size(manner: Manner, size: Size, scale: float) -> Size:
    """Height and width of a painting beside a result of `size`: its longer side is `scale` times the result's."""
    height, width = manner.pixels.shape[-2:]
    factor = scale * max(size) / max(height, width)
    return max(1, round(height * factor)), max(1, round(width * factor))


def area_at(area: Area, size: Size, settings: PaintingSettings, device: torch.device) -> Area:
    """The area for a result of `size`: its mask there, its paintings at their scale, and turned where that is
    wanted."""
    found = []
    for manner in area.manners:
        own = painting_size(manner, size, settings.style_scale)
        mask = None if manner.mask is None else at(manner.mask, own).to(device)
        found.append(replace(manner, pixels=at(manner.pixels, own).to(device), mask=mask))
    mask = None if area.mask is None else at(area.mask, size).to(device)
    return turned(replace(area, manners=tuple(found), mask=mask), parse_rotations(settings.rotations))
