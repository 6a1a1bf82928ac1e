import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from impasto.losses.content import self_similarity
from impasto.losses.sampling import RandomDraws


def picture(seed: int, *shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def compare(a: torch.Tensor, b: torch.Tensor, space: torch.Tensor | None = None, samples: int = 1024) -> float:
    return self_similarity(a, b, space, RandomDraws(3), samples).item()


def pattern(f: torch.Tensor) -> np.ndarray:
    points = f[0].flatten(1).T.numpy()
    distances = cdist(points, points, "cosine")
    return len(points) * distances / distances.sum(0)


def test_self_similarity_compares_normalised_distances_within_pictures():
    x, y = 10 * picture(0, 1, 4, 5, 6), 10 * picture(1, 1, 4, 5, 6)
    assert compare(x, y) == pytest.approx(abs(pattern(x) - pattern(y)).mean(), rel=1e-3)


def test_features_turned_and_scaled_have_the_same_pattern():
    x = 10 * picture(0, 1, 4, 5, 6)
    turn = torch.linalg.qr(picture(1, 4, 4)).Q
    assert compare(3 * torch.einsum("dc,bchw->bdhw", turn, x), x) == pytest.approx(0, abs=1e-4)
    assert compare(x.flip(-1), x) > 0.1


def test_it_is_measured_in_the_space():
    x, y, space = 10 * picture(0, 1, 4, 5, 6), 10 * picture(1, 1, 4, 5, 6), picture(2, 3, 5) - 0.5
    wide = [torch.einsum("kc,bchw->bkhw", space[:, :-1], f) + space[:, -1, None, None] for f in (x, y)]
    assert compare(x, y, space) == pytest.approx(compare(*wide))


def test_the_same_positions_are_drawn_in_both_and_their_count_hardly_matters():
    x, y = 10 * picture(0, 1, 4, 20, 20), 10 * picture(1, 1, 4, 20, 20)
    assert compare(x, x, samples=50) == 0
    assert compare(x, y, samples=100) == pytest.approx(compare(x, y, samples=400), rel=0.1)


@pytest.mark.parametrize("level", [0.0, 0.5])
def test_flat_pictures_give_finite_values_and_gradients(level):
    flat, rich = torch.full((1, 3, 6, 6), level), picture(0, 1, 3, 6, 6).float()
    for a, b in ((flat, rich), (rich, flat), (flat, flat)):
        x = a.clone().requires_grad_()
        value = self_similarity(x, b, None, RandomDraws())
        (gradient,) = torch.autograd.grad(value, x)
        assert 0 <= value.item() < 2
        assert torch.isfinite(gradient).all()
    assert compare(flat, flat) < 0.1


def test_gradients():
    x, y, space = picture(0, 1, 3, 3, 4).requires_grad_(), picture(1, 1, 3, 3, 4), picture(2, 4, 4)
    assert torch.autograd.gradcheck(lambda t: self_similarity(t, y, space, RandomDraws(3), 8), (x,))
    assert torch.autograd.gradcheck(lambda t: self_similarity(t, y, None, RandomDraws(3)), (x,))
