"""The optimal transport between normal distributions, against scipy and against its own definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import linalg

from impasto.networks.transport import RIDGE, Normal, apply_affine, newton_schulz, normal_of, transport


def features(channels: int, seed: int, spread: float = 1.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    scales = torch.logspace(0, -spread, channels)
    mixing = torch.randn(channels, channels, generator=generator) * scales
    points = torch.randn(1, channels, 60 * 70, generator=generator) + torch.randn(1, channels, 1, generator=generator)
    return (mixing @ points).view(1, channels, 60, 70)


def test_normal_of_is_numpys_mean_and_covariance():
    normal, points = normal_of(features(5, 0)), features(5, 0)[0].flatten(1).double().numpy()
    np.testing.assert_allclose(normal.mean[0], points.mean(1), atol=1e-5)
    np.testing.assert_allclose(normal.covariance[0], np.cov(points, bias=True), rtol=1e-4, atol=1e-4)


def test_normal_of_by_weights_is_numpys():
    weights = features(1, 4).abs()
    normal, points = normal_of(features(5, 0), weights), features(5, 0)[0].flatten(1).double().numpy()
    counts = weights.flatten().double().numpy()
    np.testing.assert_allclose(normal.mean[0], np.average(points, axis=1, weights=counts), atol=1e-5)
    covariance = np.cov(points, bias=True, aweights=counts)
    np.testing.assert_allclose(normal.covariance[0], covariance, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("channels", [3, 16, 40])
def test_the_map_is_that_of_scipys_roots(channels):
    source, target = normal_of(features(channels, 1)), normal_of(features(channels, 2))
    ridge = 1e-2
    source_matrix, target_matrix = (
        c + (ridge * np.trace(c) / channels + 1e-6) * np.eye(channels)
        for c in (source.covariance[0].double().numpy(), target.covariance[0].double().numpy())
    )
    root = linalg.sqrtm(source_matrix)
    inverse = linalg.inv(root)
    expected = inverse @ linalg.sqrtm(root @ target_matrix @ root) @ inverse
    affine = transport(source, target, ridge)[0]
    np.testing.assert_allclose(affine[:, :-1], expected.real, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(affine[:, :-1] @ source.mean[0] + affine[:, -1], target.mean[0], atol=1e-4)


def test_moved_features_have_the_targets_distribution():
    photo, painting = features(16, 3), features(16, 4)
    target = normal_of(painting)
    result = normal_of(apply_affine(photo, transport(normal_of(photo), target, ridge=1e-6)))
    torch.testing.assert_close(result.mean, target.mean, rtol=0, atol=1e-4)
    error = (result.covariance - target.covariance).norm() / target.covariance.norm()
    assert error < 1e-3


def test_a_distribution_moved_to_itself_stays():
    source = normal_of(features(16, 5))
    torch.testing.assert_close(transport(source, source)[0], torch.eye(16, 17), rtol=0, atol=1e-4)


def test_a_photo_of_one_colour_goes_to_the_mean():
    flat, target = normal_of(torch.full((1, 3, 8, 8), 0.5)), normal_of(features(3, 6))
    affine = transport(flat, target)
    assert affine.isfinite().all()
    colour = affine[0] @ torch.tensor([0.5, 0.5, 0.5, 1.0])
    torch.testing.assert_close(colour, features(3, 6).mean((2, 3))[0], rtol=1e-3, atol=1e-3)
    black = Normal(torch.zeros(1, 3), torch.zeros(1, 3, 3))
    torch.testing.assert_close(transport(black, black)[0], torch.eye(3, 4))


@pytest.mark.parametrize("spread", [1.0, 3.0])
def test_products_alone_find_the_same_roots(spread):
    matrix = normal_of(features(80, 7, spread)).covariance.double()
    matrix += RIDGE * matrix.diagonal(dim1=1, dim2=2).mean() * torch.eye(80)
    root, inverse = newton_schulz(matrix)
    torch.testing.assert_close(root @ root, matrix, rtol=0, atol=1e-9 * float(matrix.norm()))
    torch.testing.assert_close(inverse @ root, torch.eye(80, dtype=torch.float64)[None], rtol=0, atol=1e-6)
