"""What many tests share: a tiny network, so that no test needs a download or a second."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

import impasto
from impasto.encoders import weights
from impasto.encoders.vgg import VGG

# For tensors as small as these, threads only wait for each other. Tests of several threads set their number.
torch.set_num_threads(1)

# Processes that tests start import the package that the tests import, and have one thread too.
_PATHS = [str(Path(impasto.__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[1])]
os.environ["PYTHONPATH"] = os.pathsep.join([*_PATHS, *filter(None, [os.environ.get("PYTHONPATH")])])
os.environ["OMP_NUM_THREADS"] = "1"

TINY = ((4, 4), (6, 6), (8, 8, 8, 8), (8, 8, 8, 8), (8,))


@pytest.fixture
def without_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no installed package had weights, as without the extra `vgg19`."""
    monkeypatch.setattr(weights, "PACKAGED", {})


@pytest.fixture
def tiny() -> VGG:
    """VGG-19's plan up to relu5_1 at a hundredth of its width, with the same random weights every time."""
    network = VGG("tiny", TINY)
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        spread = (2 / parameter[0].numel()) ** 0.5 if parameter.ndim == 4 else 0.1
        parameter.normal_(0, spread, generator=generator)
    return network
