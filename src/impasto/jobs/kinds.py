"""Kinds of cells: the tasks of the command line, and `one-pass`, which trains a network and applies it to the photo."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

from impasto.settings.base import option
from impasto.settings.recipe import TASKS, Task
from impasto.settings.synthesis import StylizeSettings, SynthesisSettings
from impasto.settings.train import TrainStyleSettings


@dataclass(frozen=True, kw_only=True)
class OnePassSettings(TrainStyleSettings):
    """Settings of `one-pass`: those of `train style`, and the input of the trained network."""

    base: str | None = option(None, "a trained network to start from, instead of a transformer from nothing")
    photos: str | None = option(None, "folder of the photos that it learns from, instead of those in the package")
    shown: int = option(512, "longer side at which it is shown the photo, in pixels", minimum=32)
    contrast: float = option(
        1.0, "what the distance of the photo's values from mid-grey is multiplied by", minimum=0, maximum=4
    )
    light: float = option(0.0, "what is added to the photo's values then", minimum=-1, maximum=1)

    def training(self) -> TrainStyleSettings:
        """Return the settings of the training."""
        names = (each.name for each in fields(TrainStyleSettings))
        return TrainStyleSettings(**{name: getattr(self, name) for name in names})


ONE_PASS = "one-pass"

KINDS: dict[str, Task[Any]] = {**TASKS, ONE_PASS: Task(OnePassSettings, ("content", "style"))}
"""Settings and inputs of tasks, by name."""


def as_run(settings: SynthesisSettings | OnePassSettings) -> SynthesisSettings:
    """Return settings of a run for estimates and for measurements.

    For a training these are those of `stylize` with its losses, at a size with as many pixels as a batch."""
    if not isinstance(settings, OnePassSettings):
        return settings
    size = round(settings.size * math.sqrt(settings.batch))
    return StylizeSettings(**{**settings.losses().to_mapping(), "size": size})
