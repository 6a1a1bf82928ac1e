"""The teacher: VGG-19, as a function from images to features at the student's layers."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from impasto import encoders

Thin = Callable[[str, Tensor], Tensor]
Teacher = Callable[[Tensor, list[str]], dict[str, Tensor]]


def every_position(_: str, features: Tensor) -> Tensor:
    """Features at every position."""
    return features


def some_positions() -> Thin:
    """A sixteenth of stage 1's positions and a quarter of stage 2's, on a random grid: neighbours say much the same."""
    steps = {"1": 4, "2": 2}
    offsets = {stage: (random.randrange(k), random.randrange(k)) for stage, k in steps.items()}

    def thin(layer: str, features: Tensor) -> Tensor:
        stage = layer.removeprefix("relu")[0]
        if stage not in steps:
            return features
        (top, left), k = offsets[stage], steps[stage]
        return features[:, :, top::k, left::k]

    return thin


def load_teacher(path: Path | None, dtype: torch.dtype = torch.float32) -> Teacher:
    """VGG-19 from a file, or the one that Impasto finds; without a gradient. bfloat16 rounds features to 0.4 % and is
    twice as fast where the processor multiplies it."""
    network = encoders.load("vgg19", weights=path, dtype=dtype)

    @torch.no_grad()
    def teacher(images: Tensor, layers: list[str]) -> dict[str, Tensor]:
        return network(images, layers)

    return teacher
