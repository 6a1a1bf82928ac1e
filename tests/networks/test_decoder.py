"""The decoder's strokes have no weave: no fine waves along rows and columns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from impasto.networks.decoder import without_weave


@pytest.mark.parametrize(
    ("down", "across"), [(0, 3 / 8), (3 / 8, 0), (3 / 8, 3 / 8), (1 / 8, 0), (1 / 16, 3 / 8), (0, 0)]
)
def test_waves_keep_the_share_of_the_formula(down, across):
    rows, columns = np.mgrid[:64, :64]
    wave = torch.from_numpy(np.cos(2 * np.pi * (down * rows + across * columns)))
    fine, coarse = np.sin(np.pi * np.array([down, across])) ** 4, np.cos(np.pi * np.array([down, across])) ** 4
    share = 1 - (fine[0] * coarse[1] + coarse[0] * fine[1]) / np.sin(np.pi * 3 / 8) ** 4
    inner = without_weave(wave.expand(1, 3, -1, -1))[..., 4:-4, 4:-4]
    torch.testing.assert_close(inner, (share * wave).expand(1, 3, -1, -1)[..., 4:-4, 4:-4], rtol=0, atol=1e-4)


def test_along_an_axis_nothing_is_left_and_at_an_angle_nearly_everything():
    columns = torch.arange(64, dtype=torch.float64).expand(1, 3, 64, 64)
    straight = (2 * np.pi * 3 / 8 * columns).cos()
    tilted = (2 * np.pi * 3 / 8 * (columns + columns.transpose(2, 3))).cos()
    assert without_weave(straight)[..., 4:-4, 4:-4].abs().max() < 1e-4
    assert without_weave(tilted)[..., 4:-4, 4:-4].std() > 0.9 * tilted.std()
