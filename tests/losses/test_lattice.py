"""The lattice penalty counts patterns with the period of a grid, and no others."""

import numpy as np
import pytest
import torch

from impasto.losses import lattice


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pattern(height: int, width: int, period: int = 4) -> torch.Tensor:
    """A picture that repeats, of mean 0."""
    tile = noise(1, 3, period, period)
    tile = tile - tile.mean(dim=(2, 3), keepdim=True)
    return tile.tile(1, 1, height // period + 1, width // period + 1)[..., :height, :width]


@pytest.mark.parametrize("period", [2, 3, 4])
def test_of_a_pattern_all_is_found_wherever_the_picture_begins(period):
    x = pattern(64, 53, period)
    expected = x[..., :period, :period].square().mean().item()
    for dy, dx in ((0, 0), (1, 0), (2, 3)):
        assert lattice(x[..., dy:, dx:], period).item() == pytest.approx(expected, rel=1e-12)


def test_a_pattern_of_half_the_period_is_found_and_one_of_another_is_not():
    assert lattice(pattern(64, 64, 2), 4).item() == pytest.approx(pattern(2, 2, 2).square().mean().item())
    five = pattern(96, 96, 5)
    assert lattice(five, 4) < 0.03 * five.square().mean()


def test_light_and_ramps_count_nothing():
    y, x = torch.meshgrid(*2 * (torch.linspace(0, 1, 60, dtype=torch.float64),), indexing="ij")
    picture = torch.stack([0.3 + 0 * x, x, 0.5 * x - y])[None]
    assert lattice(picture).item() < 1e-25
    assert lattice(picture + pattern(60, 60)).item() == pytest.approx(lattice(pattern(60, 60)).item())


def test_of_noise_there_is_what_chance_makes():
    """A mean over n^2 has a part of n^2 of the variance; a little is lost with the coarse part of the noise."""
    x = noise(1, 3, 512, 512)
    for cells in (4, 6, 8):
        assert lattice(x, cells=cells).item() == pytest.approx(1 / cells**2, rel=0.15)


def test_it_is_what_the_formula_says():
    """By loops, for one window that holds all."""
    x = noise(1, 1, 30, 30)[0, 0].numpy()
    taps = np.convolve(np.ones(4), np.ones(4)) / 16
    smooth = np.apply_along_axis(np.convolve, 0, np.apply_along_axis(np.convolve, 1, x, taps, "valid"), taps, "valid")
    fine = (x[3:-3, 3:-3] - smooth)[:24, :24]
    means = np.array([fine[i::4, j::4].mean() for i in range(4) for j in range(4)])
    assert lattice(torch.from_numpy(x)[None, None]).item() == pytest.approx(means.var(), rel=1e-12)


def test_gradients_also_of_small_and_odd_pictures():
    x = noise(1, 2, 11, 13).requires_grad_()
    assert torch.autograd.gradcheck(lattice, (x,))
    assert lattice(noise(1, 3, 10, 10)) > 0
    assert lattice(torch.full((1, 3, 10, 10), 0.5)) == pytest.approx(0, abs=1e-12)
