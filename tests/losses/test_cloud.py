import numpy as np
import torch

from impasto.losses.cloud import Cloud, cloud, mix_clouds
from impasto.losses.sampling import RandomDraws
from impasto.losses.style import LayerFeatures


def points(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_cloud_holds_the_feature_vectors_in_the_encoders_own_coordinates():
    f, space = points(0, 1, 3, 4, 5), points(1, 2, 4)
    result = cloud(LayerFeatures(f, space=space))
    assert torch.equal(result.points[7], f[0, :, 1, 2])
    torch.testing.assert_close(result.draw(RandomDraws(), 20)[7], space[:, :-1] @ f[0, :, 1, 2] + space[:, -1])


def test_few_points_are_all_drawn_and_many_by_chance():
    whole = Cloud(points(2, 12, 3))
    assert whole.exhausted_by(12)
    assert torch.equal(whole.draw(RandomDraws(), 100), whole.points)
    assert not whole.exhausted_by(11)
    assert whole.draw(RandomDraws(), 11).shape == (11, 3)


def test_points_are_drawn_in_proportion_to_their_shares():
    shares = torch.tensor([0.5, 0.0, 0.3, 0.2])
    drawn = Cloud(torch.arange(4.0)[:, None], shares).draw(RandomDraws(3), 20_000)
    counts = np.bincount(drawn[:, 0].int().numpy(), minlength=4) / 20_000
    np.testing.assert_allclose(counts, shares, atol=0.015)
    assert counts[1] == 0


def test_clouds_mix_by_their_shares_whatever_their_sizes():
    small, large = Cloud(torch.zeros(10, 1)), Cloud(torch.ones(90, 1), torch.linspace(1, 2, 90) / 135)
    mixed = mix_clouds([small, large], [0.75, 0.25])
    np.testing.assert_allclose(mixed.draw(RandomDraws(), 20_000).mean(), 0.25, atol=0.015)
    np.testing.assert_allclose(mixed.shares.sum(), 1, rtol=1e-6)
    torch.testing.assert_close(mixed.shares[10:] / large.shares, torch.full((90,), 0.25))


def test_equal_clouds_in_equal_parts_are_their_union():
    mixed = mix_clouds([Cloud(points(4, 6, 2)), Cloud(points(5, 6, 2))], [0.5, 0.5])
    assert mixed.shares is None
    assert len(mixed.points) == 12
    assert mix_clouds([Cloud(points(4, 6, 2)), Cloud(points(5, 6, 2))], [0.4, 0.6]).shares is not None


def test_the_gradient_reaches_the_points_that_were_drawn_and_no_others():
    p = points(6, 50, 2).requires_grad_()
    drawn = Cloud(p).draw(RandomDraws(1), 20)
    drawn.sum().backward()
    hit = torch.bincount(RandomDraws(1).positions(50, 20), minlength=50).double()
    torch.testing.assert_close(p.grad, hit[:, None].expand(50, 2))
