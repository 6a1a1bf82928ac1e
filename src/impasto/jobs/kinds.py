"""The tasks of sweeps: those that optimise an image, and `one-pass`, which trains a network and applies it."""

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
    """Settings of `one-pass`: those of `train style`, and those of the input of the trained network."""

    base: str | None = option(None, "base network to start from, instead of a new transformer")
    photos: str | None = option(None, "folder of photos for training, instead of those in the package")
    shown: int = option(512, "longer side of the photo as input of the network, in pixels", minimum=32)
    contrast: float = option(
        1.0, "factor of the difference between the photo's values and mid-grey", minimum=0, maximum=4
    )
    light: float = option(0.0, "number that is added to the photo's values after the contrast", minimum=-1, maximum=1)

    def training(self) -> TrainStyleSettings:
        """Return the settings of the training."""
        names = (each.name for each in fields(TrainStyleSettings))
        return TrainStyleSettings(**{name: getattr(self, name) for name in names})


ONE_PASS = "one-pass"

KINDS: dict[str, Task[Any]] = {**TASKS, ONE_PASS: Task(OnePassSettings, ("content", "style"))}
"""Settings and inputs of the tasks of sweeps, by name."""


def as_run(settings: SynthesisSettings | OnePassSettings) -> SynthesisSettings:
    """Return the settings of a run with the same losses, to estimate memory and to measure distances.

    For a training these are settings of `stylize`, at a size with as many pixels as a batch.
    """
    if not isinstance(settings, OnePassSettings):
        return settings
    size = round(settings.size * math.sqrt(settings.batch))
    return StylizeSettings(**{**settings.losses().to_mapping(), "size": size})
