import numpy as np
import pytest
import torch
from skimage.color import rgb2ycbcr
from skimage.restoration import denoise_tv_chambolle

from impasto.losses import opponent, out_of_range, total_variation


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
    found = torch.cat(opponent(x), 1)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found, (expected - np.array([16, 128, 128])) / scale, atol=1e-4)
