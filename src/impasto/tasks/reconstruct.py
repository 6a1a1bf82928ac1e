"""A picture from nothing but its features (Mahendran and Vedaldi 2015; Gatys et al. 2016, figure 1, content)."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from impasto.image import Source
from impasto.synthesis import Step
from impasto.tasks.common import last
from impasto.tasks.options import ReconstructSettings
from impasto.tasks.single import single_steps
from impasto.tasks.terms import content_terms


def reconstruct_steps(content: Source, settings: ReconstructSettings | None = None) -> Iterator[Step]:
    """The run behind `reconstruct`, step by step; `step.image()` is the best picture so far."""
    settings = settings or ReconstructSettings()
    yield from single_steps(content, settings, "photo", lambda encoder: encoder.default_content, content_terms)


def reconstruct(content: Source, settings: ReconstructSettings | None = None) -> Tensor:
    """The picture that the features of `content` remember: `(1, 3, H, W)` in [0, 1]."""
    return last(reconstruct_steps(content, settings))
