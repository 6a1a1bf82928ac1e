import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.color import rgb2ycbcr
from skimage.measure import block_reduce
from skimage.restoration import denoise_tv_chambolle

from impasto.losses import opponent, out_of_range, total_variation
from impasto.losses.prior import alpha_norm, laplacian, laplacian_of


def picture(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("beta", [1.0, 1.5, 2.0, 3.0])
def test_total_variation_is_the_sum_over_both_differences(beta):
    x = picture(1, 3, 6, 5)
    p = np.pad(x[0].numpy(), ((0, 0), (0, 1), (0, 1)), mode="edge")
    squares = np.diff(p, axis=1)[:, :, :-1] ** 2 + np.diff(p, axis=2)[:, :-1, :] ** 2
    expected = (squares ** (beta / 2)).sum() / x.numel()
    assert total_variation(x, beta).item() == pytest.approx(expected, rel=1e-4)


def test_total_variation_falls_when_a_picture_is_denoised():
    x = picture(1, 3, 16, 16)
    smooth = torch.from_numpy(denoise_tv_chambolle(x[0].numpy(), weight=0.3, channel_axis=0))[None]
    assert total_variation(smooth, 1.0) < 0.7 * total_variation(x, 1.0)


@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_a_flat_picture_has_no_variation_and_a_finite_gradient(beta):
    x = torch.full((1, 3, 8, 8), 0.5, requires_grad=True)
    value = total_variation(x, beta)
    value.backward()
    assert value.item() < 1e-3
    assert torch.isfinite(x.grad).all()


def test_a_single_pixel_has_no_variation():
    assert total_variation(torch.rand(1, 3, 1, 1)).item() == 0


def test_out_of_range_counts_only_what_leaves_the_range():
    x = torch.tensor([-0.5, 0.0, 0.3, 1.0, 1.2]).view(1, 1, 1, 5)
    assert out_of_range(x).item() == pytest.approx((0.25 + 0.04) / 5)


def test_gradients():
    x = (picture(1, 1, 4, 5) * 3 - 1).requires_grad_()
    assert torch.autograd.gradcheck(total_variation, (x,))
    assert torch.autograd.gradcheck(lambda t: total_variation(t, 1.0), (x,))
    assert torch.autograd.gradcheck(out_of_range, (x,))


def test_opponent_colours_are_those_of_the_standard():
    x = picture(1, 3, 4, 5)
    expected = rgb2ycbcr(x[0].permute(1, 2, 0).numpy())
    scale = np.array([219, 224, 224])  # scikit-image's are digital levels
    result = torch.cat(opponent(x), 1)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(result, (expected - np.array([16, 128, 128])) / scale, atol=1e-4)


@pytest.mark.parametrize("beta", [1.0, 2.0, 3.0])
def test_circular_variation_takes_opposite_edges_for_neighbours(beta):
    x = picture(1, 3, 6, 5)
    p = x[0].numpy()
    squares = (np.roll(p, 1, 1) - p) ** 2
    squares = np.roll(squares, -1, 1) + np.roll((np.roll(p, 1, 2) - p) ** 2, -1, 2)
    assert total_variation(x, beta, circular=True).item() == pytest.approx((squares ** (beta / 2)).mean(), rel=1e-4)


@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_circular_variation_does_not_depend_on_where_a_tile_is_cut(beta):
    x = picture(1, 3, 6, 5)
    moved = x.roll((2, 3), (-2, -1))
    assert total_variation(x, beta, True).item() == pytest.approx(total_variation(moved, beta, True).item())
    assert total_variation(x, beta).item() != pytest.approx(total_variation(moved, beta).item())


@pytest.mark.parametrize("alpha", [1.0, 2.0, 6.0])
def test_the_alpha_norm_of_values_spread_over_the_range_is_one(alpha):
    spread = torch.linspace(0, 1, 10_001, dtype=torch.float64).view(1, 1, 1, -1)
    assert alpha_norm(spread, alpha).item() == pytest.approx(1, rel=1e-3)
    assert alpha_norm(spread.round(), alpha).item() == pytest.approx(alpha + 1, rel=1e-3)


def test_the_alpha_norm_is_of_the_mean_subtracted_channels_of_each_picture():
    x = picture(2, 3, 4, 5)
    shift = torch.arange(6.0, dtype=torch.float64).view(2, 3, 1, 1)
    p = x.numpy() - x.numpy().mean((2, 3), keepdims=True)
    assert alpha_norm(x + shift, 4.0).item() == pytest.approx(5 * 16 * (p**4).mean())


@pytest.mark.parametrize("pool", [1, 2, 3])
def test_the_laplacian_is_that_of_the_reduced_picture(pool):
    x = picture(1, 3, 6, 12)
    coarse = block_reduce(x[0].sum(0).numpy(), pool, np.mean)
    np.testing.assert_allclose(laplacian_of(x, pool)[0, 0], -ndimage.laplace(coarse, mode="nearest"), atol=1e-12)


def test_blocks_that_the_edge_cuts_are_averages_of_what_there_is():
    assert laplacian_of(torch.full((1, 3, 7, 9), 0.3, dtype=torch.float64), 4).abs().max() < 1e-12
    assert laplacian_of(picture(1, 3, 1, 2), 4).shape == (1, 1, 1, 1)


def test_the_laplacian_distance_is_zero_for_the_photo_and_one_without_lines():
    photo = picture(1, 3, 12, 12)
    lines = laplacian_of(photo, 2)
    assert laplacian(photo + 0.2, lines, 2).item() == pytest.approx(0, abs=1e-20)
    assert laplacian(torch.full_like(photo, 0.5), lines, 2).item() == pytest.approx(1)


@pytest.mark.parametrize("level", [0.0, 0.5])
def test_priors_of_a_flat_picture_have_finite_gradients(level):
    x = torch.full((1, 3, 8, 8), level, requires_grad=True)
    value = alpha_norm(x, 1.0) + alpha_norm(x) + laplacian(x, laplacian_of(x.detach())) + total_variation(x, 1.0, True)
    value.backward()
    assert torch.isfinite(x.grad).all()


def test_gradients_of_the_further_priors():
    x, photo = (picture(1, 3, 4, 5) * 3 - 1).requires_grad_(), picture(1, 3, 4, 5)
    assert torch.autograd.gradcheck(alpha_norm, (x,))
    assert torch.autograd.gradcheck(lambda t: laplacian(t, laplacian_of(photo, 2), 2), (x,))
    for beta in (1.0, 2.0):
        assert torch.autograd.gradcheck(lambda t, beta=beta: total_variation(t, beta, circular=True), (x,))
