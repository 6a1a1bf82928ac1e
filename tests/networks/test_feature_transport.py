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
    found, points = normal_of(features(5, 0)), features(5, 0)[0].flatten(1).double().numpy()
    np.testing.assert_allclose(found.mean[0], points.mean(1), atol=1e-5)
    np.testing.assert_allclose(found.covariance[0], np.cov(points, bias=True), rtol=1e-4, atol=1e-4)


def test_normal_of_by_weights_is_numpys():
    weights = features(1, 4).abs()
    found, points = normal_of(features(5, 0), weights), features(5, 0)[0].flatten(1).double().numpy()
    counts = weights.flatten().double().numpy()
    np.testing.assert_allclose(found.mean[0], np.average(points, axis=1, weights=counts), atol=1e-5)
    covariance = np.cov(points, bias=True, aweights=counts)
    np.testing.assert_allclose(found.covariance[0], covariance, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("channels", [3, 16, 40])
def test_the_map_is_that_of_scipys_roots(channels):
    own, goal = normal_of(features(channels, 1)), normal_of(features(channels, 2))
    ridge = 1e-2
    source, target = (
        c + (ridge * np.trace(c) / channels + 1e-6) * np.eye(channels)
        for c in (own.covariance[0].double().numpy(), goal.covariance[0].double().numpy())
    )
    root = linalg.sqrtm(source)
    inverse = linalg.inv(root)
    wanted = inverse @ linalg.sqrtm(root @ target @ root) @ inverse
    found = transport(own, goal, ridge)[0]
    np.testing.assert_allclose(found[:, :-1], wanted.real, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())
    np.testing.assert_allclose(found[:, :-1] @ own.mean[0] + found[:, -1], goal.mean[0], atol=1e-4)


def test_moved_features_have_the_goals_distribution():
    photo, painting = features(16, 3), features(16, 4)
    goal = normal_of(painting)
    found = normal_of(apply_affine(photo, transport(normal_of(photo), goal, ridge=1e-6)))
    torch.testing.assert_close(found.mean, goal.mean, rtol=0, atol=1e-4)
    away = (found.covariance - goal.covariance).norm() / goal.covariance.norm()
    assert away < 1e-3


def test_a_distribution_moved_to_itself_stays():
    own = normal_of(features(16, 5))
    torch.testing.assert_close(transport(own, own)[0], torch.eye(16, 17), rtol=0, atol=1e-4)


def test_a_photo_of_one_colour_goes_to_the_mean():
    flat, goal = normal_of(torch.full((1, 3, 8, 8), 0.5)), normal_of(features(3, 6))
    found = transport(flat, goal)
    assert found.isfinite().all()
    moved = found[0] @ torch.tensor([0.5, 0.5, 0.5, 1.0])
    torch.testing.assert_close(moved, features(3, 6).mean((2, 3))[0], rtol=1e-3, atol=1e-3)
    black = Normal(torch.zeros(1, 3), torch.zeros(1, 3, 3))
    torch.testing.assert_close(transport(black, black)[0], torch.eye(3, 4))


@pytest.mark.parametrize("spread", [1.0, 3.0])
def test_products_alone_find_the_same_roots(spread):
    matrix = normal_of(features(80, 7, spread)).covariance.double()
    matrix += RIDGE * matrix.diagonal(dim1=1, dim2=2).mean() * torch.eye(80)
    root, inverse = newton_schulz(matrix)
    torch.testing.assert_close(root @ root, matrix, rtol=0, atol=1e-9 * float(matrix.norm()))
    torch.testing.assert_close(inverse @ root, torch.eye(80, dtype=torch.float64)[None], rtol=0, atol=1e-6)
