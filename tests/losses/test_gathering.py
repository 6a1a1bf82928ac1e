"""Position samples: their distribution, the gathering from parts, and the features of the small image."""

from __future__ import annotations

import random

import pytest
import torch
from tests.losses.targets import target_of
from torch import Tensor

from impasto.losses import STYLE_LOSSES, LayerFeatures, Part, PositionSample, RandomDraws, StyleLoss, sample
from impasto.losses.gathering import BLOCK, SIDE, Layout, gather, sampled

SAMPLED = [name for name, factory in STYLE_LOSSES.items() if not factory().additive and not factory().pixels]

SIZE = (150, 131)
"""More than `SIDE`^2 positions, and odd."""


def tensor(seed: int, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def quarters(grid: tuple[int, int], seed: int) -> list[Part]:
    """Nine parts of a grid."""
    draw = random.Random(seed)
    rows, columns = ([0, *sorted(draw.sample(range(1, side), 2)), side] for side in grid)
    return [
        Part(rows[i], columns[j], rows[i + 1] - rows[i], columns[j + 1] - columns[j], grid)
        for i in range(3)
        for j in range(3)
    ]


def numbers(grid: tuple[int, int]) -> Tensor:
    """Features that tell their position: its number, its row, its column."""
    number = torch.arange(grid[0] * grid[1], dtype=torch.float64).view(1, 1, *grid)
    return torch.cat([number, number // grid[1], number % grid[1]], 1)


def left(grid: tuple[int, int], rest: float = 0.0) -> Tensor:
    """A mask of the left half, and `rest` elsewhere."""
    mask = torch.full((1, 1, *grid), rest, dtype=torch.float64)
    mask[..., : grid[1] // 2] = 1
    return mask


def test_what_all_parts_gather_is_what_indexing_gives():
    for seed, grid in enumerate([(9, 14), (20, 5), (3, 3)]):
        x = tensor(seed, 1, 4, *grid).requires_grad_()
        wanted = torch.randint(grid[0] * grid[1], (200,), generator=torch.Generator().manual_seed(seed))
        total = torch.stack([gather(part.of(x), part, wanted) for part in quarters(grid, seed)]).sum(0)
        expected = x.flatten(2)[0].T[wanted]
        assert torch.equal(total, expected)
        slopes = tensor(7, 200, 4)
        result, right = (torch.autograd.grad(y, x, slopes)[0] for y in (total, expected))
        torch.testing.assert_close(result, right, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("side", [1, 3])
@pytest.mark.parametrize("grid", [(5, 7), (SIDE, SIDE), (1, SIDE * SIDE)])
def test_a_layer_of_few_positions_is_taken_whole_in_order(grid, side):
    layout = sample(grid, RandomDraws(3), side, left(grid))
    assert layout.whole
    assert torch.equal(layout.positions, torch.arange(grid[0] * grid[1]).view(grid))


def test_single_positions_are_drawn_from_everywhere_alike():
    layout = sample(SIZE, RandomDraws(3))
    assert (layout.block, layout.whole) == (1, False)
    layout, total = layout.positions, SIZE[0] * SIZE[1]
    assert layout.shape == (SIDE, SIDE)
    assert layout.min() >= 0
    assert layout.max() < total
    # Of n draws from n positions or so, a share of 1 - 1/e is seen.
    assert 1 - len(layout.unique()) / total == pytest.approx((1 - 1 / total) ** SIDE**2, abs=0.01)
    rows, columns = (layout // SIZE[1]).double(), (layout % SIZE[1]).double()
    assert rows.mean().item() == pytest.approx((SIZE[0] - 1) / 2, rel=0.02)
    assert columns.mean().item() == pytest.approx((SIZE[1] - 1) / 2, rel=0.02)


def test_single_positions_follow_the_mask():
    inside = left(SIZE).flatten() > 0
    assert inside[sample(SIZE, RandomDraws(3), 1, left(SIZE)).positions].all()
    soft = left(SIZE, 0.25)
    result = inside[sample(SIZE, RandomDraws(3), 1, soft).positions].double().mean().item()
    assert result == pytest.approx(float(soft.flatten()[inside].sum() / soft.sum()), abs=0.02)


@pytest.mark.parametrize(
    ("grid", "side", "block"),
    [
        (SIZE, 2, BLOCK),
        (SIZE, 3, BLOCK),
        (SIZE, BLOCK // 2, BLOCK),
        (SIZE, 9, 18),
        (SIZE, 40, 80),
        ((10, 2000), 3, 10),
        ((4000, 5), 3, 5),
        ((4000, 5), 2, 5),
    ],
)
@pytest.mark.parametrize("masked", [False, True])
def test_blocks_are_whole_and_lie_inside_the_grid(grid, side, block, masked):
    """Their size is twice the loss's at least, so that most of a block counts, and as the grid allows."""
    layout = sample(grid, RandomDraws(3), side, left(grid) if masked else None)
    count = SIDE // block
    assert (layout.block, layout.whole) == (block, False)
    assert layout.positions.shape == (count * block, count * block)
    along = torch.arange(block)
    corners = layout.positions[::block, ::block]
    assert len(corners.unique()) > 0.75 * count * count
    for i in range(count):
        for j in range(count):
            top, beside = int(corners[i, j]) // grid[1], int(corners[i, j]) % grid[1]
            assert 0 <= top <= grid[0] - block
            assert 0 <= beside <= grid[1] - block
            result = layout.positions[block * i : block * (i + 1), block * j : block * (j + 1)]
            assert torch.equal(result, (top + along)[:, None] * grid[1] + beside + along)


def middles(layout: Layout) -> Tensor:
    """The positions that blocks were drawn about."""
    return layout.positions[layout.block // 2 :: layout.block, layout.block // 2 :: layout.block]


def test_blocks_lie_about_positions_that_count_all_alike():
    mask = torch.zeros(1, 1, *SIZE, dtype=torch.float64)
    mask[..., 20:70, 30:100] = 0.05
    mask[..., 45:70, 30:100] = 1
    result = torch.cat([middles(sample(SIZE, RandomDraws(seed), 3, mask)).flatten() for seed in range(20)])
    assert (mask.flatten()[result] > 0).all()
    upper = (mask.flatten()[result] < 1).double().mean().item()
    assert upper == pytest.approx(0.5, abs=0.05)  # 1280 blocks: 3.5 standard deviations


def offsets(features: LayerFeatures, side: int) -> Tensor:
    """Of every patch that counts, how far the numbers of its positions lie from the first one's, `(M, side^2)`."""
    loss = STYLE_LOSSES["patches"](size=side)
    seen = loss.statistic(features)
    numbers = seen.take(torch.arange(len(seen.corners)), side).view(len(seen.corners), -1, 3)[..., 0]
    return numbers - numbers[:, :1]


@pytest.mark.parametrize("side", [2, 3, 4, 5, 9])
@pytest.mark.parametrize("mask", [None, left(SIZE)])
def test_patches_never_lie_across_blocks(side, mask):
    """Features number their positions: a patch of the large picture shows by its differences."""
    layout = sample(SIZE, RandomDraws(3), side, mask)
    points = numbers(SIZE).flatten(2)[0].T[layout.positions.flatten()]
    real = torch.arange(side)[:, None] * SIZE[1] + torch.arange(side)
    expected = real.flatten().double()
    seen = offsets(sampled(points, layout, mask, None, side), side)
    assert (seen == expected).all()
    if mask is None:
        assert len(seen) == (SIDE // layout.block) ** 2 * (layout.block - side + 1) ** 2
    unaware = offsets(sampled(points, layout, mask, None, 1), side)
    assert (unaware != expected).any()


@pytest.mark.parametrize(
    ("grid", "side"), [((10, 2000), 3), ((4000, 5), 3), ((4000, 5), 2), ((3, 6000), 3), ((9, 2000), 9)]
)
def test_patches_of_a_narrow_grid_lie_inside_its_blocks(grid, side):
    layout = sample(grid, RandomDraws(3), side)
    points = numbers(grid).flatten(2)[0].T[layout.positions.flatten()]
    seen = offsets(sampled(points, layout, None, None, side), side)
    assert len(seen) == (SIDE // min(grid)) ** 2 * (min(grid) - side + 1) ** 2
    assert (seen == (torch.arange(side)[:, None] * grid[1] + torch.arange(side)).flatten()).all()


def test_a_sample_looks_like_the_positions_it_was_drawn_at():
    layout = sample(SIZE, RandomDraws(3))
    points = numbers(SIZE).flatten(2)[0].T[layout.positions.flatten()]
    for mask in (None, left(SIZE, 0.25)):  # single positions were drawn as the mask has it, which is enough
        features = sampled(points, layout, mask, None)
        assert features.weights is None
        assert torch.equal(features.values[0, 0].long(), layout.positions)


def test_the_mask_of_a_layer_taken_whole_is_its_own():
    grid = (12, 17)
    mask = tensor(4, 1, 1, *grid)
    for side in (1, 3):
        features = sampled(numbers(grid).flatten(2)[0].T, sample(grid, RandomDraws(3), side, mask), mask, None, side)
        assert torch.equal(features.weights, mask)
        assert torch.equal(features.values, numbers(grid))


def test_the_mask_of_blocks_is_that_of_their_positions():
    mask = tensor(4, 1, 1, *SIZE)
    layout = sample(SIZE, RandomDraws(3), 3, mask)
    weights = sampled(torch.zeros(SIDE * SIDE, 2, dtype=torch.float64), layout, mask, None, 3).weights
    counted = weights[0, 0] > 0
    assert torch.equal(weights[0, 0][counted], mask.flatten()[layout.positions][counted])
    assert counted.double().mean().item() == pytest.approx(((BLOCK - 2) / BLOCK) ** 2, abs=0.01)


@pytest.mark.parametrize("side", [1, 3])
def test_a_soft_mask_counts_once(side):
    """Left counts 1, right 1/4: of all that counts, 4/5 is on the left. Single positions are drawn so, blocks weighed;
    of 20 samples of 64 blocks 0.03 is three standard deviations."""
    mask = left(SIZE, 0.25)
    features = (numbers(SIZE)[:, 2:] < SIZE[1] // 2).double()
    shares = []
    for seed in range(20):
        drawn = PositionSample(RandomDraws(seed), side, lambda grid: mask)
        seen = drawn.features(drawn.add(features, Part.whole(features)), None)
        shares.append(STYLE_LOSSES["mean"]().statistic(seen).item())
    expected = float((mask * features).sum() / mask.sum())
    assert sum(shares) / 20 == pytest.approx(expected, abs=0.005 if side == 1 else 0.03)


@pytest.mark.parametrize("side", [1, 3])
@pytest.mark.parametrize("fresh", [True, False])
def test_all_parts_of_a_step_see_one_sample_and_fresh_steps_another(side, fresh):
    draws, x = RandomDraws(2, fresh), numbers(SIZE)
    drawn = PositionSample(draws, side, lambda grid: None)

    def seen(seed: int) -> Tensor:
        return torch.stack([drawn.add(part.of(x), part) for part in quarters(SIZE, seed)]).sum(0)

    draws.set_step(1)
    one = seen(0)
    assert torch.equal(one[:, 0], one[:, 1] * SIZE[1] + one[:, 2])  # no position of two parts, or of none
    draws.positions(1000, 10)  # others may draw in between
    assert torch.equal(seen(1), one)
    draws.set_step(2)
    assert torch.equal(seen(0), one) != fresh
    draws.set_step(1)
    assert torch.equal(PositionSample(draws, side, lambda grid: None).add(x, Part.whole(x)), one)


def test_layers_of_different_sizes_have_different_samples():
    draws = RandomDraws(2)
    drawn = PositionSample(draws, 1, lambda grid: None)
    result = [drawn.add(x, Part.whole(x))[:, 0] for x in (numbers(SIZE), numbers((SIZE[1], SIZE[0] + 1)))]
    assert not torch.equal(*result)


@pytest.mark.parametrize("name", SAMPLED)
@pytest.mark.parametrize("mask", [None, 0.0, 0.25])
@pytest.mark.parametrize("wide", [None, 4])
def test_a_small_layer_gives_the_plain_loss(name, mask, wide):
    grid, space = (12, 17), None if wide is None else tensor(3, wide, 4) - 0.5
    loss: StyleLoss = STYLE_LOSSES[name]()
    weights = None if mask is None else left(grid, mask)
    target = target_of(loss, [LayerFeatures(tensor(1, 1, 3, 11, 13) ** 2, None, space)], [1.0])
    x = tensor(0, 1, 3, *grid).requires_grad_()
    drawn = PositionSample(RandomDraws(5), loss.side, lambda grid: weights)
    points = torch.stack([drawn.add(part.of(x), part) for part in quarters(grid, 1)]).sum(0)
    result = loss.distance(loss.statistic(drawn.features(points, space)), target, RandomDraws(5))
    plain = loss.distance(loss.statistic(LayerFeatures(x, weights, space)), target, RandomDraws(5))
    assert plain.item() > 1e-3
    assert result.item() == pytest.approx(plain.item(), rel=1e-12)
    slopes = [torch.autograd.grad(value, x)[0] for value in (result, plain)]
    torch.testing.assert_close(*slopes, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", SAMPLED)
@pytest.mark.parametrize("masked", [False, True])
def test_the_sample_of_a_large_layer_estimates_the_plain_loss(name, masked):
    loss: StyleLoss = STYLE_LOSSES[name]()
    weights = left(SIZE) if masked else None
    x = torch.nn.functional.avg_pool2d(tensor(0, 1, 3, SIZE[0] + 4, SIZE[1] + 4), 5, 1).requires_grad_()
    target = target_of(loss, [LayerFeatures(tensor(1, 1, 3, 60, 70) ** 2)], [1.0])
    values = []
    for seed in range(6):
        drawn = PositionSample(RandomDraws(seed), loss.side, lambda grid: weights)
        result = loss.distance(
            loss.statistic(drawn.features(drawn.add(x, Part.whole(x)), None)), target, RandomDraws(seed)
        )
        plain = loss.distance(loss.statistic(LayerFeatures(x, weights)), target, RandomDraws(seed))
        values.append((result.item(), plain.item()))
    means = torch.tensor(values).mean(0)
    # The losses draw as well: alone, the noisiest of them deviate by 3 to 6 %, from the sample and from everything.
    assert means[0].item() == pytest.approx(means[1].item(), rel=0.06)
    (slope,) = torch.autograd.grad(result, x)
    assert torch.isfinite(slope).all()
    assert slope[..., : SIZE[1] // 2].abs().max() > 0
    if masked and loss.side == 1:
        assert slope[..., SIZE[1] // 2 :].abs().max() == 0
