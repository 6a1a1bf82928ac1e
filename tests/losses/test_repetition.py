"""The penalty of repetition distinguishes texture that repeats from texture that does not."""

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d

from impasto.losses import repetition, repetition_of
from impasto.losses.repetition import FAINT


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def tiled(height: int, width: int, period: int) -> torch.Tensor:
    tile = noise(1, 3, period, period)
    return tile.tile(1, 1, height // period + 1, width // period + 1)[..., :height, :width]


@pytest.mark.parametrize("period", [8, 13, 20, 27])
def test_a_pattern_of_any_period_is_found_and_noise_is_not(period):
    assert repetition(tiled(160, 120, period)).min() > 0.6
    assert repetition(noise(1, 3, 160, 120)).max() < 0.05


def test_large_forms_and_plain_pictures_do_not_count():
    y, x = torch.meshgrid(*2 * (torch.linspace(0, 1, 96),), indexing="ij")
    assert repetition(torch.stack([x, 0.5 * y, 1 - x])[None]).max() < 1e-4
    assert repetition(torch.full((1, 3, 96, 96), 0.4)).max() < 1e-4


def test_it_is_what_the_formula_says():
    """By scipy's correlations, for one window that holds all."""
    picture = noise(1, 3, 56, 56) + 0.2 * tiled(56, 56, 9)
    light = np.einsum("c,chw->hw", [0.299, 0.587, 0.114], picture[0].numpy().astype(float))
    box = np.ones((9, 9)) / 81
    smooth = correlate2d(correlate2d(light, box, "valid"), box, "valid")
    fine, window = light[8:-8, 8:-8] - smooth, np.outer(*2 * (np.hanning(40),))
    own, shares = (correlate2d(a, a, "full") for a in (fine * window, window))
    away = np.hypot(*np.mgrid[-39:40, -39:40])
    chosen = (away >= 6) & (away <= 19)
    result = own[chosen] / np.maximum(shares[chosen], 1e-3) / (own[39, 39] / shares[39, 39] + FAINT)
    assert repetition(picture).item() == pytest.approx(max(result.max(), 0) ** 2, rel=1e-3)


def test_what_a_photo_and_a_painting_repeat_themselves_is_free():
    pattern, plain = tiled(96, 96, 12), torch.full((1, 3, 96, 96), 0.5)
    assert repetition_of(plain, 0.1, 3.0)(pattern).item() == pytest.approx(
        3 * float((repetition(pattern) - 0.1).mean()), rel=1e-5
    )
    assert repetition_of(pattern, 0.1)(pattern) == 0
    assert repetition_of(plain, 1.0)(pattern) == 0


def test_gradients_are_finite_also_where_a_picture_is_plain():
    half = torch.cat([tiled(80, 80, 11), torch.full((1, 3, 80, 80), 0.5)], dim=3).requires_grad_()
    repetition(half).mean().backward()
    assert half.grad is not None
    assert half.grad.isfinite().all()
    assert half.grad[..., :80].abs().max() > 0
