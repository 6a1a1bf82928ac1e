"""A palette: means and covariances of chroma by luma as numpy finds them, the limit, and where detail is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from impasto.networks import palette
from impasto.networks.palette import (
    CODE_SIZE,
    KNOTS,
    LIMIT,
    MIN_CHROMA,
    energy_at,
    limit_chroma,
    no_palette,
    palette_code,
)

YCBCR = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


def picture(seed: int = 0, height: int = 48, width: int = 64) -> Tensor:
    """Colours that depend on the lightness, and vary."""
    generator = torch.Generator().manual_seed(seed)
    light = torch.rand(1, 1, height, width, generator=generator)
    tint = torch.tensor([0.3, 0.0, -0.3]).view(1, 3, 1, 1) * (light - 0.5)
    return (light + tint + 0.1 * torch.randn(1, 3, height, width, generator=generator)).clamp(0, 1)


def luma_and_chroma(colours: Tensor) -> np.ndarray:
    """Luma and chroma, `(3, N)`."""
    return YCBCR @ colours[0].flatten(1).double().numpy()


def test_chroma_at_each_luma_is_numpys(monkeypatch):
    monkeypatch.setattr(palette, "PRIOR", 1e-9)
    luma, *chroma = luma_and_chroma(picture())
    code = palette_code(picture())
    assert code.shape == (1, CODE_SIZE)
    mean, whitening = code[0, : 2 * KNOTS].view(2, KNOTS), code[0, 2 * KNOTS : 5 * KNOTS].view(3, KNOTS)
    middle = np.stack([np.interp(luma, np.linspace(0, 1, KNOTS), row) for row in mean.double().numpy()])
    for k, knot in enumerate(np.linspace(0, 1, KNOTS)):
        weights = np.clip(1 - np.abs(luma - knot) * (KNOTS - 1), 0, None)
        np.testing.assert_allclose(mean[:, k], np.average(chroma, axis=1, weights=weights), atol=1e-4)
        apart = np.array(chroma) - middle
        covariance = (weights * apart) @ apart.T / weights.sum() + MIN_CHROMA * np.eye(2)
        expected = np.linalg.inv(np.linalg.cholesky(covariance))
        np.testing.assert_allclose(whitening[:, k], expected[[0, 1, 1], [0, 0, 1]], rtol=2e-3)


def test_no_chroma_is_farther_than_the_limit():
    code = palette_code(picture())
    other = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(7))
    result = limit_chroma(other, code)
    (luma, *chroma), (before, *_) = luma_and_chroma(result), luma_and_chroma(other)
    np.testing.assert_allclose(luma, before, atol=1e-5)
    table = code[0, : 5 * KNOTS].view(5, KNOTS).double().numpy()
    blue, red, a, b, c = (np.interp(before, np.linspace(0, 1, KNOTS), row) for row in table)
    apart = np.array(chroma) - np.stack([blue, red])
    far = np.hypot(a * apart[0], b * apart[0] + c * apart[1])
    assert far.max() <= LIMIT + 1e-3
    assert far.max() > 0.9 * LIMIT
    assert (result - other).abs().max() > 0.1


def test_what_the_palette_has_stays_and_no_palette_changes_nothing():
    code = palette_code(picture())
    luma = torch.linspace(0.1, 0.9, 64).expand(1, 1, 8, 64)
    blue, red = (
        torch.from_numpy(np.interp(luma.numpy(), np.linspace(0, 1, KNOTS), row.numpy())).float()
        for row in code[0, : 2 * KNOTS].view(2, KNOTS)
    )
    rgb = torch.einsum("ij,bjhw->bihw", torch.from_numpy(np.linalg.inv(YCBCR)).float(), torch.cat([luma, blue, red], 1))
    torch.testing.assert_close(limit_chroma(rgb, code), rgb, atol=1e-4, rtol=0)
    other = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(limit_chroma(other, no_palette(other)), other, atol=1e-4, rtol=0)
    torch.testing.assert_close(limit_chroma(other, code, 0.0), other)


def test_detail_is_where_the_painting_has_it():
    light = torch.full((1, 3, 64, 1024), 0.8)  # few blocks see both
    light[..., :512] = 0.2 + 0.05 * torch.randn(1, 3, 64, 512, generator=torch.Generator().manual_seed(2))
    code = palette_code(light)
    dark, bright = (float(energy_at(torch.full((1, 1, 1, 1), luma), code)) for luma in (0.2, 0.8))
    assert dark == pytest.approx(3 * 0.05**2, rel=0.2)
    assert bright < 0.05 * dark


def test_what_is_hidden_does_not_count():
    alpha = torch.zeros(1, 1, 48, 64)
    alpha[..., :40] = 1
    hidden = picture()
    hidden[..., 40:] = torch.rand(1, 3, 48, 24, generator=torch.Generator().manual_seed(9))
    ours, theirs = (palette_code(each, alpha)[:, : 5 * KNOTS] for each in (hidden, picture()))
    torch.testing.assert_close(ours, theirs)
    assert not torch.allclose(palette_code(hidden)[:, : 5 * KNOTS], theirs, atol=1e-2)
