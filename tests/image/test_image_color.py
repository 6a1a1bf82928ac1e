import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from skimage.exposure import match_histograms

from impasto.errors import UsageError
from impasto.image import MATCHING, color, load, match_colors


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


@pytest.mark.parametrize("method", MATCHING)
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_flat_pictures_are_finite_both_ways(value, method):
    flat, photo = torch.full((1, 3, 8, 8), value), load("sample:chelsea").pixels[..., ::3, ::3]
    assert torch.isfinite(match_colors(flat, photo, method)).all()
    assert (match_colors(photo, flat, method) - value).abs().max() < 0.05


def normal(seed: int, spread: float = 0.05) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.eye(3, dtype=torch.float64) + 0.5 * torch.rand(3, 3, generator=generator, dtype=torch.float64)
    noise = torch.randn(1, 3, 30, 40, generator=generator, dtype=torch.float64)
    return 0.5 + spread * torch.einsum("ij,bjhw->bihw", mixing, noise) / 2


@pytest.mark.parametrize("method", ["transport", "pca", "cholesky"])
def test_three_methods_match_mean_and_covariance(method):
    a, b = normal(1), normal(2, 0.08)
    matched = colors(match_colors(a, b, method))
    np.testing.assert_allclose(matched.mean(1), colors(b).mean(1), atol=1e-6)
    np.testing.assert_allclose(np.cov(matched, bias=True), np.cov(colors(b), bias=True), atol=5e-5)


def test_the_maps_are_those_of_the_papers():
    a, b = normal(1), normal(2, 0.08)
    s, t = (np.cov(colors(x), bias=True) + 1e-5 * np.eye(3) for x in (a, b))
    maps = {
        "pca": np.real(sqrtm(t)) @ np.linalg.inv(np.real(sqrtm(s))),
        "cholesky": np.linalg.cholesky(t) @ np.linalg.inv(np.linalg.cholesky(s)),
        "mean": np.diag(np.sqrt(np.diag(t) / np.diag(s))),
    }
    for method, matrix in maps.items():
        expected = matrix @ (colors(a) - colors(a).mean(1, keepdims=True)) + colors(b).mean(1, keepdims=True)
        np.testing.assert_allclose(colors(match_colors(a, b, method)), expected, atol=1e-9)


def test_transport_changes_colours_least():
    a, b = normal(1), normal(2, 0.08)
    moved = {method: float(((match_colors(a, b, method) - a) ** 2).mean()) for method in MATCHING}
    assert moved["transport"] <= min(moved["pca"], moved["cholesky"])


def test_histograms_as_scikit_image_matches_them():
    a, b = load("sample:chelsea").pixels[..., ::2, ::2], load("sample:points").pixels[..., ::3, ::3]
    expected = match_histograms(*(x[0].permute(1, 2, 0).numpy() for x in (a, b)), channel_axis=-1)
    np.testing.assert_allclose(match_colors(a, b, "histogram")[0].permute(1, 2, 0).numpy(), expected, atol=1e-5)


def halves(image: torch.Tensor) -> torch.Tensor:
    mask = torch.zeros_like(image[:, :1])
    mask[..., image.shape[-1] // 2 :] = 1
    return mask


@pytest.mark.parametrize("method", MATCHING)
def test_a_mask_is_as_good_as_a_cut(method):
    """Only the right halves count, and only the photo's right half changes."""
    a, b = load("sample:chelsea").pixels[..., ::4, ::4], load("sample:points").pixels[..., ::4, ::4]
    result = match_colors(a, b, method, halves(a), halves(b))
    middle = a.shape[-1] // 2
    assert torch.equal(result[..., :middle], a[..., :middle])
    expected = match_colors(a[..., middle:], b[..., b.shape[-1] // 2 :], method)
    torch.testing.assert_close(result[..., middle:], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("method", MATCHING)
def test_the_change_is_in_proportion_to_the_mask(method):
    a, b = load("sample:coffee").pixels[..., ::4, ::4], load("sample:points").pixels[..., ::4, ::4]
    third = torch.full_like(a[:, :1], 1 / 3)
    expected = a + (match_colors(a, b, method) - a) / 3
    torch.testing.assert_close(match_colors(a, b, method, third), expected, atol=1e-5, rtol=0)


def test_masks_that_cannot_be():
    a = torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    with pytest.raises(UsageError, match=r"weights has shape \(1, 1, 5, 5\); expected \(1, 1, 4, 5\)"):
        match_colors(a, a, weights=torch.ones(1, 1, 5, 5))
    with pytest.raises(UsageError, match="reference_weights is zero everywhere"):
        match_colors(a, a, reference_weights=torch.zeros(1, 1, 4, 5))
    with pytest.raises(UsageError, match=r"unknown method of matching colours 'colesky' \(did you mean 'cholesky'"):
        match_colors(a, a, "colesky")


@pytest.mark.parametrize("method", MATCHING)
@pytest.mark.parametrize("weighted", [False, True])
def test_many_pieces_make_the_same_as_one(method, weighted, monkeypatch):
    a, b = load("sample:chelsea").pixels[..., ::6, ::6], load("sample:points").pixels[..., ::5, ::5]
    weights = torch.rand(1, 1, *a.shape[-2:], generator=torch.Generator().manual_seed(0)) if weighted else None
    at_once = match_colors(a, b, method, weights)
    monkeypatch.setattr(color, "PIECE", 97)
    torch.testing.assert_close(match_colors(a, b, method, weights), at_once, atol=1e-6, rtol=0)
