"""What many tests share: a tiny network, so that no test needs a download or a second."""

from __future__ import annotations

import pytest
import torch

from impasto.encoders import weights
from impasto.encoders.vgg import VGG

torch.set_num_threads(1)  # for tensors as small as these, threads only wait for each other

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
