import pytest
import torch

from impasto.losses import distance, energy, relative
from impasto.losses.feature import over


def features(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def heads(wide: int, narrow: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    a, b = features(1, wide, narrow), features(2, wide)
    return a, b, torch.linalg.qr(torch.cat([a, b[:, None]], 1), mode="r").R


def test_distances_in_a_space_are_those_of_the_wide_features():
    """The narrow computation, against the 40 channels that it stands for."""
    a, b, space = heads(40, 6)
    f, g = features(3, 1, 6, 8, 5), features(4, 1, 6, 8, 5)

    def wide(x):
        return torch.einsum("kc,bchw->bkhw", a, x) + b[:, None, None]

    assert distance(f, g, space).item() == pytest.approx((wide(f) - wide(g)).square().sum(1).mean().item(), rel=1e-10)
    assert energy(g, space).item() == pytest.approx(wide(g).square().sum(1).mean().item(), rel=1e-10)


def test_relative_is_zero_at_the_target_and_one_at_nothing():
    target = features(6, 1, 4, 4)
    assert relative(target, target).item() == 0
    assert relative(torch.zeros_like(target), target).item() == 1
    assert relative(2 * target, target).item() == pytest.approx(1)


def test_relative_to_nothing_is_finite_with_a_finite_gradient():
    a = torch.full((1, 3, 3), 0.5, requires_grad=True)
    value = relative(a, torch.zeros(1, 3, 3))
    value.backward()
    assert value.item() == pytest.approx(2.25)
    assert torch.isfinite(a.grad).all()


def test_a_value_over_nothing_is_itself():
    assert over(torch.tensor(6.0), torch.tensor(4.0)).item() == 1.5
    assert over(torch.tensor(6.0), torch.tensor(0.0)).item() == 6


@pytest.mark.parametrize("metric", [False, True])
def test_gradients(metric):
    space = heads(9, 3)[2] if metric else None
    f, g = features(7, 1, 3, 4, 5).requires_grad_(), features(8, 1, 3, 4, 5)
    assert torch.autograd.gradcheck(lambda x: distance(x, g, space), (f,))
    assert torch.autograd.gradcheck(lambda x: relative(x, g), (f,))
