import numpy as np
import ot
import pytest
import torch
from scipy.linalg import sqrtm
from tests.losses.targets import target_of

from impasto.losses import gram
from impasto.losses.moments import LOSSES, RIDGE, mean_and_covariance, moment
from impasto.losses.sampling import RandomDraws
from impasto.losses.style import LayerFeatures

NAMES = list(LOSSES)


def features(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.5


def heads(wide: int, narrow: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    a, b = features(1, wide, narrow), features(2, wide)
    return a, b, torch.linalg.qr(torch.cat([a, b[:, None]], 1), mode="r").R


def wide(f: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.einsum("kc,bchw->bkhw", a, f) + b[:, None, None]


def compare(name: str, f: LayerFeatures, g: LayerFeatures) -> torch.Tensor:
    loss = LOSSES[name]()
    return loss.distance(loss.statistic(f), target_of(loss, [g], [1.0]), RandomDraws())


def plain(f: torch.Tensor) -> np.ndarray:
    return f[0].flatten(1).numpy()


def squared(x: np.ndarray) -> float:
    return (x**2).sum()


def parts(f: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    x = plain(f)
    return x.mean(1), np.cov(x, bias=True)


def by_gram(f, g):
    a, b = (plain(x) @ plain(x).T / plain(x).shape[1] for x in (f, g))
    return squared(a - b) / squared(b)


def by_mean(f, g):
    return squared(parts(f)[0] - parts(g)[0]) / squared(parts(g)[0])


def by_bn(f, g):
    a, b = (np.concatenate([plain(x).mean(1), plain(x).std(1)]) for x in (f, g))
    return squared(a - b) / squared(b)


def by_coral(f, g):
    return squared(parts(f)[1] - parts(g)[1]) / squared(parts(g)[1])


def by_covariance(f, g):
    return (by_mean(f, g) + by_coral(f, g)) / 2


def by_w2(f, g):
    (m, s), (n, t) = parts(f), parts(g)
    root = sqrtm(t)
    return (squared(m - n) + np.trace(s + t - 2 * sqrtm(root @ s @ root).real)) / (squared(n) + np.trace(t))


BY_HAND = {
    "gram": by_gram,
    "mean": by_mean,
    "bn": by_bn,
    "covariance": by_covariance,
    "coral": by_coral,
    "w2": by_w2,
}
APPROXIMATELY = {"bn": 1e-2, "w2": 1e-2}
"""These root what may be 0, and add a little to it first."""


@pytest.mark.parametrize("name", NAMES)
def test_distances_are_the_formulas(name):
    f, g = features(3, 1, 6, 8, 5), 2 * features(4, 1, 6, 7, 4)
    expected = BY_HAND[name](f, g)
    assert compare(name, LayerFeatures(f), LayerFeatures(g)).item() == pytest.approx(
        expected, rel=APPROXIMATELY.get(name, 1e-10)
    )


@pytest.mark.parametrize("name", [n for n in NAMES if n != "bn"])  # whose axes are others in the space
def test_distances_in_a_space_are_those_of_the_wide_features(name):
    """The narrow computation, against the 40 channels that it stands for."""
    a, b, space = heads(40, 6)
    f, g = features(3, 1, 6, 8, 5), 2 * features(4, 1, 6, 8, 5)
    expected = BY_HAND[name](wide(f, a, b), wide(g, a, b))
    result = compare(name, LayerFeatures(f, space=space), LayerFeatures(g, space=space)).item()
    assert result == pytest.approx(expected, rel=APPROXIMATELY.get(name, 1e-10))


def test_bn_in_a_space_takes_the_rows_of_the_space_for_channels():
    _, _, space = heads(40, 6)
    f, g = features(3, 1, 6, 8, 5), 2 * features(4, 1, 6, 8, 5)
    expected = by_bn(*(wide(x, space[:, :-1], space[:, -1]) for x in (f, g)))
    assert compare("bn", LayerFeatures(f, space=space), LayerFeatures(g, space=space)).item() == pytest.approx(
        expected, rel=1e-2
    )


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_gram_is_the_mean_outer_product_of_each_picture(layout):
    f = features(0, 2, 5, 7, 4).contiguous(memory_format=layout)
    expected = np.einsum("bchw,bdhw->bcd", f.numpy(), f.numpy()) / 28
    np.testing.assert_allclose(gram(f), expected, rtol=1e-12)
    a, b, space = heads(40, 5)
    torch.testing.assert_close(gram(f, space).square().sum((1, 2)), gram(wide(f, a, b)).square().sum((1, 2)))


def test_the_moment_holds_means_and_covariances():
    _, _, space = heads(40, 6)
    f = features(3, 1, 6, 8, 5)
    mean, covariance = mean_and_covariance(moment(LayerFeatures(f, space=space)))
    expected = parts(wide(f, space[:, :-1], space[:, -1]))
    np.testing.assert_allclose(mean, expected[0], rtol=1e-10)
    np.testing.assert_allclose(covariance, expected[1], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("metric", [False, True])
def test_a_mask_cuts_a_part_out(name, metric):
    space = heads(40, 6)[2] if metric else None
    f, mask = features(5, 1, 6, 9, 10), torch.zeros(1, 1, 9, 10, dtype=torch.float64)
    mask[..., 2:7, 3:] = 1
    loss = LOSSES[name]()
    torch.testing.assert_close(
        loss.statistic(LayerFeatures(f, mask, space)), loss.statistic(LayerFeatures(f[..., 2:7, 3:], None, space))
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_position_counts_in_proportion_to_its_weight(name):
    f = features(5, 1, 4, 1, 3)
    weights = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64).view(1, 1, 1, 3)
    loss = LOSSES[name]()
    repeated = f[..., [0, 0, 1, 1, 1, 1, 2]]
    torch.testing.assert_close(loss.statistic(LayerFeatures(f, weights)), loss.statistic(LayerFeatures(repeated)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("metric", [False, True])
def test_statistics_of_parts_add_up_to_that_of_the_whole(name, metric):
    """Tiles of one picture, and populations thrown together."""
    space = heads(40, 6)[2] if metric else None
    loss = LOSSES[name]()
    assert loss.additive
    f = features(5, 1, 6, 9, 10)
    pieces = [LayerFeatures(p, None, space) for p in f.split([3, 7], dim=3)]
    torch.testing.assert_close(target_of(loss, pieces, [0.3, 0.7]), loss.statistic(LayerFeatures(f, None, space)))


@pytest.mark.parametrize("name", NAMES)
def test_distances_are_zero_for_equals_and_one_for_nothing(name):
    g = 3 * features(6, 1, 5, 7, 4)
    nothing = compare(name, LayerFeatures(torch.zeros_like(g)), LayerFeatures(g)).item()
    assert compare(name, LayerFeatures(g), LayerFeatures(g)).item() == pytest.approx(0, abs=1e-12)
    assert nothing == pytest.approx(1, abs=0.02 if name == "w2" else 1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_distances_are_the_same_in_any_unit(name):
    f, g = features(3, 1, 6, 8, 5), 2 * features(4, 1, 6, 7, 4)
    large = compare(name, LayerFeatures(1000 * f), LayerFeatures(1000 * g)).item()
    assert large == pytest.approx(compare(name, LayerFeatures(f), LayerFeatures(g)).item(), rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("metric", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_gradients(name, metric, masked):
    space = heads(9, 3)[2] if metric else None
    weights = features(9, 1, 1, 4, 5).abs() if masked else None
    f, g = features(7, 1, 3, 4, 5).requires_grad_(), features(8, 1, 3, 4, 5)
    assert torch.autograd.gradcheck(
        lambda x: compare(name, LayerFeatures(x, weights, space), LayerFeatures(g, None, space)), (f,)
    )


def test_the_gradient_of_gram_matrices_of_several_pictures():
    assert torch.autograd.gradcheck(lambda x: gram(x).sin(), (features(7, 2, 3, 4, 5).requires_grad_(),))


def test_w2_is_the_distance_of_normal_distributions_with_a_little_noise():
    f, g = features(3, 1, 6, 8, 5), 2 * features(4, 1, 6, 7, 4)
    (m, s), (n, t) = parts(f), parts(g)
    energy = squared(n) + np.trace(t)
    noise = RIDGE * energy / 6 * np.eye(6)
    expected = ot.gaussian.bures_wasserstein_distance(m, n, s + noise, t + noise) ** 2 / energy
    assert compare("w2", LayerFeatures(f), LayerFeatures(g)).item() == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("positions", [2, 5])
def test_w2_of_fewer_positions_than_channels_is_finite_and_descends(positions):
    f, g = features(3, 1, 8, 1, positions).requires_grad_(), features(4, 1, 8, 6, 6)
    before = compare("w2", LayerFeatures(f), LayerFeatures(g))
    (slope,) = torch.autograd.grad(before, f)
    assert torch.isfinite(slope).all()
    assert compare("w2", LayerFeatures(f - 0.1 * slope), LayerFeatures(g)) < before


PICTURES = {
    "black": torch.zeros_like,
    "flat": lambda g: g[..., :1, :1].expand_as(g).clone(),
    "grey": lambda g: g[:, :1].expand_as(g).clone(),
    "varied": lambda g: g,
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("painting", PICTURES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_flat_and_grey_pictures_and_paintings_give_finite_numbers(name, picture, painting, dtype):
    f, g = (100 * features(seed, 1, 16, 24, 24).to(dtype) for seed in (3, 4))
    f, g = PICTURES[picture](f).requires_grad_(), PICTURES[painting](g)
    value = compare(name, LayerFeatures(f), LayerFeatures(g))
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(f.grad).all()
    assert value > -1e-3


@pytest.mark.parametrize("name", NAMES)
def test_a_single_position_has_a_style(name):
    f, g = features(3, 1, 4, 1, 1).requires_grad_(), features(4, 1, 4, 1, 1)
    value = compare(name, LayerFeatures(f), LayerFeatures(g))
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(f.grad).all()
    assert compare(name, LayerFeatures(g), LayerFeatures(g)).item() == pytest.approx(0, abs=1e-12)


def test_only_what_a_loss_looks_at_counts():
    g = features(4, 1, 5, 7, 4)
    shuffled = g.flatten(2)[..., torch.randperm(28, generator=torch.Generator().manual_seed(0))].view_as(g)
    for name in NAMES:
        assert compare(name, LayerFeatures(shuffled), LayerFeatures(g)).item() == pytest.approx(0, abs=1e-12)
    assert compare("coral", LayerFeatures(g + 3), LayerFeatures(g)).item() == pytest.approx(0, abs=1e-12)
    mean = g.mean((2, 3), keepdim=True)
    assert compare("mean", LayerFeatures(mean - (g - mean) * 5), LayerFeatures(g)).item() == pytest.approx(0, abs=1e-12)
    assert compare("bn", LayerFeatures(mean - (g - mean)), LayerFeatures(g)).item() == pytest.approx(0, abs=1e-12)
    assert compare("gram", LayerFeatures(-g), LayerFeatures(g)).item() == pytest.approx(0, abs=1e-12)
