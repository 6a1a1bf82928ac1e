"""What tests of tasks share: runs in float64, and pictures to train with."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.image import Opener, Picture, Source
from impasto.tasks.run import device
from impasto.tasks.scene import reading


@pytest.fixture
def in_double(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs compute in float64, from their pictures on.

    An optimiser enlarges rounding errors from step to step: a float32 result after some steps depends on the
    processor and on the order of its sums. In float64 the errors begin 5e8 times as small.
    """
    opener = reading.opener

    def doubled(*arguments: object) -> Opener:
        read = opener(*arguments)

        def double(source: Source) -> Picture:
            found = read(source)
            return replace(found, pixels=found.pixels.double(), alpha=found.alpha and found.alpha.double())

        return double

    monkeypatch.setattr(reading, "opener", doubled)
    monkeypatch.setattr(device, "precision_of", lambda *_: torch.float64)
    monkeypatch.setattr(torch, "randn", partial(torch.randn, dtype=torch.float64))


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven pictures of blots."""
    folder = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(0)
    for k in range(7):
        coarse = Image.fromarray(generator.integers(0, 256, (5, 7, 3), dtype=np.uint8))
        coarse.resize((112, 80), Image.Resampling.BICUBIC).save(folder / f"{k}.png")
    return folder
