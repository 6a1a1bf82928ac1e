import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from impasto.image import load, match_colors


def colors(image: torch.Tensor) -> np.ndarray:
    return image[0].flatten(1).double().numpy()


def test_the_result_has_the_references_mean_and_covariance():
    a = 0.5 + 0.05 * torch.randn(1, 3, 40, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    b = 0.4 + 0.02 * torch.randn(1, 3, 20, 25, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    b = b + 0.03 * torch.randn(1, 1, 20, 25, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    matched = colors(match_colors(a, b))
    np.testing.assert_allclose(matched.mean(1), colors(b).mean(1), atol=1e-6)
    np.testing.assert_allclose(np.cov(matched, bias=True), np.cov(colors(b), bias=True), atol=2e-5)


def test_it_is_the_optimal_transport_between_normal_distributions():
    """Against the closed form in scipy's matrix roots."""
    a, b = load("sample:chelsea").pixels[..., ::4, ::4], load("sample:points").pixels[..., ::4, ::4]
    s, t = (np.cov(colors(x), bias=True) + 1e-5 * np.eye(3) for x in (a, b))
    root = np.real(sqrtm(s))
    transport = np.linalg.inv(root) @ np.real(sqrtm(root @ t @ root)) @ np.linalg.inv(root)
    means = (colors(x).mean(1, keepdims=True) for x in (a, b))
    mean, target = means
    expected = np.clip(transport @ (colors(a) - mean) + target, 0, 1)
    np.testing.assert_allclose(colors(match_colors(a, b)), expected, atol=1e-5)


def test_a_picture_matched_to_itself_stays():
    a = load("sample:coffee").pixels
    torch.testing.assert_close(match_colors(a, a), a, atol=1e-5, rtol=0)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_flat_pictures_are_finite_both_ways(value):
    flat, photo = torch.full((1, 3, 8, 8), value), load("sample:chelsea").pixels
    assert torch.isfinite(match_colors(flat, photo)).all()
    assert (match_colors(photo, flat) - value).abs().max() < 0.05
