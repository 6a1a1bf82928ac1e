"""A new picture with a painting's texture and nothing of its arrangement (Gatys, Ecker and Bethge 2015)."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from impasto.image import Source
from impasto.synthesis import Step
from impasto.tasks.common import last
from impasto.tasks.options import TextureSettings
from impasto.tasks.single import single_steps
from impasto.tasks.terms import style_terms


def texture_steps(style: Source, settings: TextureSettings | None = None) -> Iterator[Step]:
    """The run behind `texture`, step by step; `step.image()` is the best picture so far."""
    settings = settings or TextureSettings()
    yield from single_steps(style, settings, "painting", lambda encoder: encoder.default_style, style_terms)


def texture(style: Source, settings: TextureSettings | None = None) -> Tensor:
    """A new picture with the texture of `style`: `(1, 3, H, W)` in [0, 1]."""
    return last(texture_steps(style, settings))
