"""Sums over the parts of a picture equal the loss of the whole picture."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from impasto.losses import (
    CONTENT_LOSSES,
    STYLE_LOSSES,
    Additive,
    LayerFeatures,
    Part,
    RandomDraws,
    out_of_range,
    total_variation,
)
from impasto.losses.prior import EPSILON, part_of_variation

CHANNELS = 5

ADDITIVE = {
    **{name: {} for name in ("gram", "mean", "bn", "covariance", "coral", "w2", "moments", "mmd-linear")},
    **{f"mmd-polynomial {n}": settings for n, settings in enumerate([{"degree": 1}, {"degree": 2}, {"c": 0.7}])},
}


def tensor(seed: int, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def cut(length: int, draw: random.Random) -> list[tuple[int, int]]:
    ends = sorted(draw.sample(range(1, length), min(length - 1, draw.randint(0, 4))))
    return list(zip([0, *ends], [*ends, length], strict=True))


def partition(grid: tuple[int, int], seed: int) -> Iterator[Part]:
    """A grid in bands of rows, each cut into columns in its own way."""
    draw = random.Random(seed)
    for top, bottom in cut(grid[0], draw):
        for left, right in cut(grid[1], draw):
            yield Part(top, left, bottom - top, right - left, grid)


def masks(grid: tuple[int, int]) -> dict[str, Tensor | None]:
    hard = torch.zeros(1, 1, *grid, dtype=torch.float64)
    hard[..., : grid[0] // 2, 1:-1] = 1
    return {"none": None, "soft": tensor(9, 1, 1, *grid), "hard": hard}


def test_a_part_knows_its_rectangle_and_its_share():
    x = tensor(0, 2, 3, 6, 8)
    part = Part(1, 2, 3, 4, (6, 8))
    assert part.share == 12 / 48
    assert torch.equal(part.of(x), x[:, :, 1:4, 2:6])
    assert Part.whole(x) == Part(0, 0, 6, 8, (6, 8))
    assert sum(part.share for part in partition((13, 9), 3)) == pytest.approx(1)


def test_these_losses_are_additive_and_no_others():
    tables = {name.split()[0] for name in ADDITIVE}
    assert {name for name, factory in STYLE_LOSSES.items() if factory().additive} == tables
    assert not STYLE_LOSSES["mmd-polynomial"](degree=3).additive


@pytest.mark.parametrize("name", ADDITIVE)
@pytest.mark.parametrize("mask", ["none", "soft", "hard"])
@pytest.mark.parametrize("wide", [None, 7])
def test_statistics_of_parts_add_up_in_proportion_to_what_counts_of_them(name, mask, wide):
    loss = STYLE_LOSSES[name.split()[0]](**ADDITIVE[name])
    space = None if wide is None else tensor(3, wide, CHANNELS + 1) - 0.5
    for seed, grid in enumerate([(7, 11), (12, 5), (2, 3), (9, 9)]):
        x, weights = tensor(seed, 1, CHANNELS, *grid), masks(grid)[mask]
        total: Tensor | float = 0.0
        for part in partition(grid, seed):
            if weights is None:
                total = total + part.share * loss.statistic(LayerFeatures(part.of(x), None, space))
            elif share := float(part.of(weights).sum() / weights.sum()):
                total = total + share * loss.statistic(LayerFeatures(part.of(x), part.of(weights), space))
        torch.testing.assert_close(total, loss.statistic(LayerFeatures(x, weights, space)), rtol=1e-12, atol=1e-12)


def test_a_loss_is_made_from_the_sum_or_is_the_sum():
    x = tensor(0, 1, 2, 6, 8)
    parts = list(partition((6, 8), 1))

    def add(values: Tensor, part: Part) -> Tensor:
        return values.sum(dim=(2, 3)) * (1 + part.left)

    finished = Additive(add, lambda total: total.square().sum())
    assert finished(x).item() == pytest.approx(float((x.sum(dim=(2, 3)) ** 2).sum()))
    total = torch.stack([add(part.of(x), part) for part in parts]).sum(0)
    assert finished.value(total).item() == pytest.approx(float((total**2).sum()))
    bare = Additive(lambda values, part: values.sum())
    assert bare.value(total) is total
    assert bare(x).item() == pytest.approx(float(x.sum()))
    assert Additive(add, whole=lambda values: values.amax())(x) == x.max()


@pytest.mark.parametrize("wide", [None, 7])
def test_the_photos_features_are_compared_part_by_part(wide):
    unit, (x, photo) = 3.0, (tensor(seed, 1, CHANNELS, 13, 10) for seed in (0, 1))
    space = None if wide is None else tensor(3, wide, CHANNELS + 1) - 0.5
    x.requires_grad_()
    loss = CONTENT_LOSSES["features"]()(photo, space, RandomDraws(), unit)
    differences = (x - photo).detach()[0].flatten(1).T.numpy()
    if space is not None:
        differences = differences @ space[:, :-1].T.numpy()
    (whole,) = torch.autograd.grad(loss(x), x)
    for seed in range(5):
        total = torch.stack([loss.add(part.of(x), part) for part in partition((13, 10), seed)]).sum()
        assert loss.finish is None
        assert total.item() == pytest.approx(unit * (differences**2).sum(1).mean(), rel=1e-12)
        torch.testing.assert_close(torch.autograd.grad(total, x)[0], whole, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("wide", [None, 7])
def test_the_correlation_of_parts_is_that_of_the_whole(wide):
    x, photo = (tensor(seed, 1, CHANNELS, 13, 10) for seed in (0, 1))
    space = None if wide is None else tensor(3, wide, CHANNELS + 1) - 0.5
    x.requires_grad_()
    loss = CONTENT_LOSSES["correlation"]()(photo, space, RandomDraws(), 1.0)
    value = loss(x)
    (whole,) = torch.autograd.grad(value, x)
    for seed in range(5):
        parts = partition((13, 10), seed)
        total = loss.value(torch.stack([loss.add(part.of(x), part) for part in parts]).sum(0))
        assert total.item() == pytest.approx(value.item(), rel=1e-12)
        torch.testing.assert_close(torch.autograd.grad(total, x)[0], whole, rtol=1e-10, atol=1e-12)


def variation(picture: np.ndarray, beta: float) -> float:
    """The definition, pixel by pixel."""
    total = 0.0
    height, width = picture.shape[1:]
    for channel in picture:
        for i in range(height):
            for j in range(width):
                steps = [channel[k, m] - channel[i, j] for k, m in ((i + 1, j), (i, j + 1)) if k < height and m < width]
                square = sum(step**2 for step in steps)
                total += (square if beta == 2 else (square + EPSILON) ** (beta / 2)) if steps else 0
    return total / picture.size


@pytest.mark.parametrize("beta", [1.0, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("size", [(9, 7), (1, 6), (5, 1), (1, 1)])
def test_variation_of_parts_adds_up_to_the_definition(beta, size):
    x = tensor(0, 1, 2, *size).requires_grad_()
    expected = variation(x.detach()[0].numpy(), beta)
    assert total_variation(x, beta).item() == pytest.approx(expected, rel=1e-12)
    (whole,) = torch.autograd.grad(total_variation(x, beta), x)
    singles = [Part(i, j, 1, 1, size) for i in range(size[0]) for j in range(size[1])]
    for parts in [*(list(partition(size, seed)) for seed in range(4)), singles]:
        total = torch.zeros((), dtype=torch.float64)
        for part in parts:
            below, right = part.top + part.height + 1, part.left + part.width + 1
            total = total + part_of_variation(x[..., part.top : below, part.left : right], part, beta)
        assert total.item() == pytest.approx(expected, rel=1e-12)
        torch.testing.assert_close(torch.autograd.grad(total, x)[0], whole, rtol=1e-12, atol=1e-14)


def test_values_out_of_range_of_parts_add_up():
    x = 2 * tensor(0, 1, 3, 9, 8) - 0.5
    p = x.numpy()
    expected = (np.maximum(p - 1, 0) ** 2 + np.minimum(p, 0) ** 2).mean()
    total = sum(float(out_of_range(part.of(x))) * part.share for part in partition((9, 8), 2))
    assert total == pytest.approx(expected, rel=1e-12)
