"""One picture set into another without a seam (Perez, Gangnet and Blake 2003)."""

from __future__ import annotations

from impasto.image import Picture, Source, blended, corner, load
from impasto.settings.editing import BlendSettings


def blend(source: Source, target: Source, settings: BlendSettings | None = None) -> Picture:
    """`target` with what the mask of the settings shows of `source` set into it; of the size of `target`."""
    settings = settings or BlendSettings()
    at = corner(settings.at)
    return blended(load(source), load(target), settings.mask, at, settings.gradients)
