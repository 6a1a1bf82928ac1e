import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import cosine_distances
from sklearn.neighbors import NearestNeighbors

from impasto.errors import UsageError
from impasto.losses import neighbours
from impasto.losses.neighbours import check_count, check_equal, cosine_distance, nearest, search, unit


def points(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("block", [1, 100, 10_000])
def test_the_nearest_are_found_whatever_the_size_of_blocks(monkeypatch, block):
    monkeypatch.setattr(neighbours, "BLOCK", block)
    a, b = points(0, 40, 5), points(1, 33, 5)
    expected = NearestNeighbors(n_neighbors=1).fit(b.numpy()).kneighbors(a.numpy(), return_distance=False)[:, 0]
    np.testing.assert_array_equal(search(a, 33, lambda part: b[part]), expected)
    np.testing.assert_array_equal(nearest(a, b), b[expected])


def test_no_block_is_larger_than_allowed(monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK", 200)
    seen = []
    search(points(0, 40, 5), 33, lambda part: (seen.append(part), points(1, 33, 5)[part])[1])
    assert all(40 * (part.stop - part.start) <= 200 for part in seen)
    assert [number for part in seen for number in range(part.start, part.stop)] == list(range(33))


def test_the_gradient_goes_to_the_neighbours_that_were_found():
    b = points(1, 5, 3).requires_grad_()
    nearest(b[[2, 2, 4]].detach() + 1e-3, b).sum().backward()
    torch.testing.assert_close(b.grad[:, 0], torch.tensor([0.0, 0, 2, 0, 1], dtype=torch.float64))


def test_distances_of_unit_vectors_are_those_of_cosines():
    a, b = points(2, 30, 6), points(3, 30, 6)
    expected = np.diagonal(cosine_distances(a.numpy(), b.numpy()))
    np.testing.assert_allclose(cosine_distance(unit(a), unit(b)), expected, atol=2e-5)
    np.testing.assert_allclose(unit(a).norm(dim=1), 1)


def test_vectors_of_nothing_are_like_each_other_alone():
    nothing, something = torch.zeros(3, 4), torch.rand(3, 4) + 1
    assert cosine_distance(unit(nothing), unit(nothing)).max() == 0
    assert cosine_distance(unit(nothing), unit(something)).numpy() == pytest.approx(1, abs=1e-3)
    x = torch.zeros(3, 4, requires_grad=True)
    unit(x).sum().backward()
    assert torch.isfinite(x.grad).all()


def test_unequal_shares_are_refused_with_losses_that_take_them():
    check_equal("remd", [1 / 3] * 3)
    with pytest.raises(UsageError, match=r"'remd'.*equal.*sliced"):
        check_equal("remd", [0.4, 0.6])


@pytest.mark.parametrize("value", [0, -1, 2.5])
def test_counts_are_whole_numbers_from_one(value):
    check_count("sliced", 1, "samples")
    with pytest.raises(UsageError, match=f"samples of 'sliced'.*{value}"):
        check_count("sliced", value, "samples")
