"""The loop that trains, on a loss whose gradients are known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from impasto.settings.train import TrainSettings
from impasto.synthesis import load_state
from impasto.tasks.training.loop import BETAS, checkpoint_of, train

SLOPES = torch.tensor([[3.0, 0.0, -4.0]])


class Slope:
    """A plane: its gradient is the same everywhere, `SLOPES`, of length 5."""

    def __init__(self) -> None:
        self.network = nn.Linear(3, 1, bias=False)

    def loss(self, step: int, places: range) -> tuple[Tensor, dict[str, Tensor]]:
        found = len(places) * (self.network.weight * SLOPES).sum()
        return found, {"plane": found.detach()}

    def sheet(self, network: nn.Module) -> Tensor:
        return torch.zeros(1, 3, 1, 1)

    def save(self, network: nn.Module, path: Path, step: int) -> None:
        path.write_bytes(b"")

    def rates(self) -> Mapping[str, float]:
        return {}

    def pop_notice(self) -> str:
        return ""


@pytest.mark.parametrize(("clip", "length"), [(None, 5.0), (0.5, 0.5), (7.0, 5.0)])
def test_a_long_gradient_is_made_as_short_as_is_said(clip: float | None, length: float, tmp_path: Path) -> None:
    out = tmp_path / "plane"
    list(train(Slope(), TrainSettings(steps=1, clip=clip), "plane", out=out))
    moment = load_state(checkpoint_of(out), "plane").descent["exp_avg"]["weight"]
    torch.testing.assert_close(moment / (1 - BETAS[0]), SLOPES * length / 5)
