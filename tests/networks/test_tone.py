"""Curves of luma: histograms add up, matching is numpy's, slopes are limited, and no curve is no change."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from impasto.networks import tone
from impasto.networks.tone import (
    KNOTS,
    MAX_SLOPE,
    MIN_SLOPE,
    apply_curve,
    curve_to,
    distribution_of,
    histogram_of,
    no_tone,
)


def light(power: float, seed: int = 0, size: tuple[int, int] = (120, 160)) -> Tensor:
    return torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(seed)) ** power


def test_histograms_count_one_pixel_of_four_and_add_up():
    whole = light(2.0)
    histogram = histogram_of(whole)
    assert float(histogram.sum()) == pytest.approx(60 * 80, rel=1e-5)
    parts = histogram_of(whole[..., :50]) + histogram_of(whole[..., 50:])
    torch.testing.assert_close(parts, histogram)
    alpha = torch.zeros_like(whole)
    alpha[..., :50] = 1
    torch.testing.assert_close(histogram_of(whole, alpha), histogram_of(whole[..., :50]))


def test_without_limits_it_matches_quantiles(monkeypatch):
    monkeypatch.setattr(tone, "SHARE", 1.0)
    monkeypatch.setattr(tone, "MIN_SLOPE", 0.0)
    monkeypatch.setattr(tone, "MAX_SLOPE", 100.0)
    photo, painting = light(0.6, 1), light(1.5, 2)
    curve = curve_to(distribution_of(histogram_of(painting)), histogram_of(photo))
    result = apply_curve(photo.expand(-1, 3, -1, -1), curve)[0, 0]
    shares = np.linspace(0.1, 0.9, 9)
    np.testing.assert_allclose(np.quantile(result, shares), np.quantile(painting, shares), atol=0.02)


def test_slopes_are_limited_and_the_mean_is_kept():
    photo, painting = 0.4 + 0.05 * light(1.0, 1), light(0.3, 2)
    curve = curve_to(distribution_of(histogram_of(painting)), histogram_of(photo))
    slopes = curve.diff() * (KNOTS - 1)
    assert slopes.min() > MIN_SLOPE - 1e-4
    assert slopes.max() < MAX_SLOPE + 1e-4
    mean = apply_curve(photo.expand(-1, 3, -1, -1), curve).mean()
    assert float(photo.mean()) < float(mean)
    assert float(mean) < float(painting.mean())


def test_no_strength_and_the_same_distribution_change_nothing():
    photo = light(1.3, 4).expand(-1, 3, -1, -1)
    histogram = histogram_of(photo[:, :1])
    for curve in (
        curve_to(no_tone(photo), histogram, 0.0),
        curve_to(distribution_of(histogram), histogram),
    ):
        torch.testing.assert_close(apply_curve(photo, curve), photo, atol=2e-3, rtol=0)


def test_chroma_stays_and_so_does_what_lies_beyond():
    photo = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(3)) * 1.4 - 0.2
    curve = curve_to(distribution_of(histogram_of(light(3.0))), histogram_of(photo[:, :1]))
    change = apply_curve(photo, curve) - photo
    torch.testing.assert_close(change, change[:, :1].expand_as(change))
    steps = torch.linspace(-0.5, 1.5, 41).view(1, 1, 1, -1).expand(1, 3, 1, -1)
    rising = apply_curve(steps, curve)[0, 0, 0].diff()
    assert rising.min() > 0
    torch.testing.assert_close(rising[:10], torch.full((10,), 0.05))
