import pytest
import torch

from impasto.losses.objective import normalised_gradient


def picture(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=dtype).requires_grad_()


def gradient(x: torch.Tensor, scale: float = 1.0, weight: float = 1.0) -> torch.Tensor:
    (result,) = torch.autograd.grad(scale * normalised_gradient(x, weight).pow(4).sum(), x)
    return result


def test_the_value_passes_unchanged():
    x = picture(2, 3, 4, 5)
    assert torch.equal(normalised_gradient(x), x)


def test_the_gradient_keeps_its_direction_and_gets_the_size_asked_for():
    x = picture(2, 3, 4, 5)
    plain = 4 * x.detach() ** 3
    torch.testing.assert_close(gradient(x), plain / plain.square().mean().sqrt())
    torch.testing.assert_close(gradient(x, weight=0.25), 0.25 * plain / plain.square().mean().sqrt())


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e25])
def test_the_scale_of_a_loss_does_not_matter(scale):
    x = picture(1, 3, 4, 5, dtype=torch.float32)
    torch.testing.assert_close(gradient(x, scale), gradient(x))


def test_no_gradient_stays_none():
    assert torch.equal(gradient(picture(1, 3, 4, 5), 0.0), torch.zeros(1, 3, 4, 5, dtype=torch.float64))


def test_gradients_that_reach_the_features_another_way_are_left_alone():
    x = picture(1, 3, 4, 5)
    (result,) = torch.autograd.grad(normalised_gradient(x).square().sum() + 3 * x.sum(), x)
    torch.testing.assert_close(result, x.detach() / x.detach().square().mean().sqrt() + 3)
