import numpy as np
import ot
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance
from skimage.exposure import match_histograms
from tests.losses.targets import target_of

from impasto.losses import opponent
from impasto.losses.sampling import RandomDraws
from impasto.losses.style import LayerFeatures, StyleLoss
from impasto.losses.transport import histogram, moments, palette, remd, sliced


def picture(seed: int, *shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def compare(loss: StyleLoss, a: torch.Tensor, b: torch.Tensor, space: torch.Tensor | None = None) -> float:
    target = target_of(loss, [LayerFeatures(b, space=space)], [1.0])
    return loss.distance(loss.statistic(LayerFeatures(a, space=space)), target, RandomDraws(5)).item()


def cloud(f: torch.Tensor) -> np.ndarray:
    return f[0].flatten(1).T.numpy()


def test_sliced_is_the_mean_of_transports_along_directions():
    x, y = picture(0, 1, 4, 5, 6), picture(1, 1, 4, 5, 6) ** 2
    along = RandomDraws(5).directions(4, 10)
    size = (cloud(y) @ along.numpy()) ** 2
    expected = ot.sliced_wasserstein_distance(cloud(x), cloud(y), projections=along.numpy(), p=2) ** 2
    assert compare(sliced(directions=10), x, y) == pytest.approx(expected / size.mean())


def test_sliced_sees_the_space_and_not_the_narrow_features():
    x, y, space = picture(0, 1, 4, 5, 6), picture(1, 1, 4, 5, 6) ** 2, picture(2, 3, 5) - 0.5
    wide = [torch.einsum("kc,bchw->bkhw", space[:, :-1], f) + space[:, -1, None, None] for f in (x, y)]
    assert compare(sliced(), x, y, space) == pytest.approx(compare(sliced(), *wide))


def test_populations_of_different_size_are_compared_by_their_quantiles():
    x, y = picture(0, 1, 1, 30, 30), picture(1, 1, 1, 20, 25) ** 2
    expected = ot.wasserstein_1d(cloud(x)[:, 0], cloud(y)[:, 0], p=2)
    assert compare(sliced(), x, y) == pytest.approx(expected / (y**2).mean().item(), rel=0.01)
    assert compare(histogram(), x, y) == pytest.approx(expected / (y**2).mean().item(), rel=0.01)
    assert compare(histogram(), y, x) == pytest.approx(expected / (x**2).mean().item(), rel=0.01)


def test_one_channel_moved_by_a_constant_is_as_far_as_the_constant():
    y = picture(1, 1, 1, 8, 9)
    away = wasserstein_distance(cloud(y + 0.3)[:, 0], cloud(y)[:, 0]) ** 2
    assert compare(sliced(), y + 0.3, y) == pytest.approx(away / (y**2).mean().item())


def test_histogram_is_the_distance_to_the_matched_channels_and_so_is_its_gradient():
    x, y = picture(0, 1, 3, 7, 8), picture(1, 1, 3, 7, 8) ** 2
    matched = torch.from_numpy(match_histograms(x[0].numpy(), y[0].numpy(), channel_axis=0))[None]
    size = y.square().mean()
    assert compare(histogram(), x, y) == pytest.approx(((x - matched).square().mean() / size).item())
    loss, x = histogram(), x.requires_grad_()
    value = loss.distance(loss.statistic(LayerFeatures(x)), target_of(loss, [LayerFeatures(y)], [1.0]), RandomDraws())
    (gradient,) = torch.autograd.grad(value, x)
    torch.testing.assert_close(gradient, 2 * (x - matched).detach() / x.numel() / size)


def test_histograms_are_those_of_the_networks_own_channels():
    x, y, space = picture(0, 1, 4, 5, 6), picture(1, 1, 4, 5, 6) ** 2, picture(2, 3, 5) - 0.5
    assert compare(histogram(), x, y, space) == compare(histogram(), x, y)


@pytest.mark.parametrize("shape", [(5, 6), (3, 4)])
def test_remd_is_the_greater_of_the_mean_nearest_distances(shape):
    x, y = 10 * picture(0, 1, 4, 5, 6) - 5, 10 * picture(1, 1, 4, *shape) - 4
    costs = cdist(cloud(x), cloud(y), "cosine")
    expected = max(costs.min(1).mean(), costs.min(0).mean())
    assert compare(remd(), x, y) == pytest.approx(expected, rel=1e-5)
    assert compare(remd(), y, x) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shape", [(5, 6), (3, 4)])
def test_relaxed_distances_are_bounds_of_the_earth_movers(shape):
    x, y = picture(0, 1, 3, 5, 6), picture(1, 1, 3, *shape) ** 3
    cosine = ot.emd2([], [], cdist(cloud(x), cloud(y), "cosine"))
    assert 0.3 * cosine < compare(remd(), x, y) <= cosine
    a, b = (torch.cat(opponent(f), 1) for f in (x, y))
    length = ot.emd2([], [], cdist(cloud(a), cloud(b))) / np.linalg.norm(cloud(b), axis=1).mean()
    assert 0.3 * length < compare(palette(), x, y) <= length


def test_palette_measures_light_and_colour():
    x, y = picture(0, 1, 3, 5, 6), picture(1, 1, 3, 5, 6) ** 3
    a, b = (cloud(torch.cat(opponent(f), 1)) for f in (x, y))
    costs = cdist(a, b)
    expected = max(costs.min(1).mean(), costs.min(0).mean()) / np.linalg.norm(b, axis=1).mean()
    assert compare(palette(), x, y) == pytest.approx(expected, rel=5e-3)
    assert palette().pixels


def test_moments_are_compared_by_absolute_differences():
    x, y = picture(0, 1, 3, 5, 6), picture(1, 1, 3, 7, 4) ** 2
    (m, c), (n, d) = ((cloud(f).mean(0), np.cov(cloud(f).T, bias=True)) for f in (x, y))
    expected = (abs(m - n).mean() + abs(c - d).mean()) / (abs(n).mean() + abs(d).mean())
    assert compare(moments(), x, y) == pytest.approx(expected)


def test_mixtures_are_matched_in_their_shares():
    """Two paintings of one value each, 0 and 1, in unequal shares: a picture with as many of each is near."""
    dark, light = torch.zeros(1, 1, 20, 20), torch.ones(1, 1, 10, 30)
    mixed = torch.ones(1, 1, 100)
    mixed[..., :70] = 0
    for loss in (sliced(), histogram()):
        target = target_of(loss, [LayerFeatures(dark), LayerFeatures(light)], [0.7, 0.3])
        same, other = (LayerFeatures(f.view(1, 1, 10, 10)) for f in (mixed, 1 - mixed))
        assert loss.distance(loss.statistic(same), target, RandomDraws()).item() < 0.1
        assert loss.distance(loss.statistic(other), target, RandomDraws()).item() > 1
