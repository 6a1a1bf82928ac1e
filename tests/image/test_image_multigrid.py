"""The solver against known solutions, and its number of cycles."""

import pytest
import torch
from scipy.sparse import coo_array
from scipy.sparse.linalg import spsolve

from impasto.image import multigrid


def star(size: int, *, border: bool) -> torch.Tensor:
    y, x = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    inside = (x**2 + y**2).sqrt() < 0.7 + 0.5 * torch.sin(7 * torch.atan2(y, x))
    if not border:
        inside[0] = inside[-1] = inside[:, 0] = inside[:, -1] = False
    return inside


def by_scipy(inside: torch.Tensor, right_side: torch.Tensor) -> torch.Tensor:
    """Sparse, by LU."""
    number = torch.full(inside.shape, -1)
    number[inside] = torch.arange(int(inside.sum()))
    entries = []
    for (i, j), k in zip(inside.nonzero().tolist(), range(int(inside.sum())), strict=True):
        for q in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
            if 0 <= q[0] < inside.shape[0] and 0 <= q[1] < inside.shape[1]:
                entries.append((1.0, k, k))
                if number[q] >= 0:
                    entries.append((-1.0, k, int(number[q])))
    values, rows, columns = zip(*entries, strict=True)
    solved = spsolve(coo_array((values, (rows, columns))).tocsc(), right_side[:, 0, inside].T.numpy())
    result = torch.zeros_like(right_side)
    result[:, 0, inside] = torch.from_numpy(solved).T
    return result


@pytest.mark.parametrize("border", [False, True])
@pytest.mark.parametrize("size", [33, 70])
def test_as_scipy_solves_it(size: int, border: bool) -> None:
    inside = star(size, border=border)
    right_side = torch.randn(2, 1, size, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64) / 20
    expected = by_scipy(inside, right_side)
    torch.testing.assert_close(multigrid.solve(inside, right_side), expected, atol=3e-5, rtol=0)
    assert expected.abs().max() > 0.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [64, 255, 400])
def test_a_dozen_cycles_do_for_every_size(size: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, known = star(size, border=True), torch.linspace(-1, 1, size, dtype=dtype).sin()
    expected = (known * known[:, None])[None, None] * inside
    level = multigrid._levels(inside, expected)[0]
    monkeypatch.setattr(multigrid, "MOST", 12)
    result = multigrid.solve(inside, level.apply(expected))
    torch.testing.assert_close(result, expected, atol=1e-4, rtol=0)


def test_the_transfers_are_each_others_transpose() -> None:
    """So that the cycle is symmetric, as conjugate gradients want it, but for the outermost pixels."""
    generator = torch.Generator().manual_seed(0)
    coarse, fine = torch.zeros(1, 1, 8, 10), torch.zeros(1, 1, 16, 20)
    coarse[..., 2:-2, 2:-2] = torch.rand(1, 1, 4, 6, generator=generator)
    fine[..., 3:-3, 3:-3] = torch.rand(1, 1, 10, 14, generator=generator)
    left, right = (multigrid._finer(coarse, fine) * fine).sum(), (coarse * multigrid._coarser(fine)).sum()
    torch.testing.assert_close(left, right)


def test_nothing_to_solve_is_zero() -> None:
    right_side = torch.ones(1, 1, 20, 20)
    assert multigrid.solve(torch.zeros(20, 20, dtype=torch.bool), right_side).abs().max() == 0
    assert multigrid.solve(star(20, border=False), 0 * right_side).abs().max() == 0
