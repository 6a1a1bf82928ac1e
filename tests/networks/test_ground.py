"""The limit of strokes: no more detail than photo and painting have, and as little as the decoder likes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from impasto.networks.ground import limit_strokes

SIZE = (3, 96, 96)


def noise(deviation: float, seed: int) -> Tensor:
    """The same in all channels, so that its luma is as it is."""
    draws = torch.randn(1, 1, *SIZE[1:], generator=torch.Generator().manual_seed(seed))
    return deviation * draws.expand(1, *SIZE)


def even(variance: float) -> Tensor:
    return torch.full((1, 1, SIZE[1] // 8, SIZE[2] // 8), variance)


def test_strokes_with_less_detail_than_the_painting_stay():
    strokes = noise(0.05, 1)
    torch.testing.assert_close(limit_strokes(strokes, torch.full((1, *SIZE), 0.5), even(0.01)), strokes)


@pytest.mark.parametrize("allowed", [0.0004, 0.0025])
def test_strokes_on_a_plain_photo_vary_as_the_painting_does(allowed):
    result = limit_strokes(noise(0.2, 1), torch.full((1, *SIZE), 0.5), even(allowed))
    assert float(result[0, 0].var()) == pytest.approx(allowed, rel=0.1)


def test_strokes_that_take_detail_away_stay():
    photo = 0.5 + noise(0.1, 2)
    strokes = 0.9 * (0.5 - photo)
    torch.testing.assert_close(limit_strokes(strokes, photo, even(0.0)), strokes)


def test_where_the_photo_has_detail_strokes_may_have_as_much():
    photo = 0.5 + noise(0.1, 2)
    result = limit_strokes(noise(0.3, 3), photo, even(0.0))
    assert 0.02 < float(result[0, 0].std()) < 0.15


def test_gradients_are_finite_where_nothing_is_allowed():
    strokes = noise(0.1, 4).clone().requires_grad_(True)
    limit_strokes(strokes, torch.full((1, *SIZE), 0.5), even(0.0)).square().sum().backward()
    assert strokes.grad is not None
    assert strokes.grad.isfinite().all()
