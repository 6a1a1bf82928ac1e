"""Masks on the grids of layers, against filters of scipy and receptive fields of networks."""

import numpy as np
import pytest
import torch
from scipy.ndimage import minimum_filter
from torch import nn

from impasto.errors import UsageError
from impasto.image import propagate


def noise(height: int, width: int) -> torch.Tensor:
    return torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("stride", [1, 2, 4, 8])
def test_all_is_the_mean_over_each_square(stride: int) -> None:
    mask = noise(24, 40)
    result = propagate(mask, (24 // stride, 40 // stride), stride, 3)
    expected = mask.view(24 // stride, stride, 40 // stride, stride).mean((1, 3))
    torch.testing.assert_close(result[0, 0], expected)


@pytest.mark.parametrize("mode", ["all", "inside"])
@pytest.mark.parametrize(("size", "rows"), [((3, 5), 24), ((4, 6), 32)])
def test_grids_may_be_rounded_down_or_up(mode: str, size: tuple[int, int], rows: int) -> None:
    mask = noise(31, 47)
    result = propagate(mask, size, 8, 8, mode)
    assert result.shape == (1, 1, *size)
    last = mask[..., rows - 8 : rows, :8]
    expected = last.mean() if mode == "all" else last.min()
    assert result[0, 0, -1, 0] == pytest.approx(float(expected))


@pytest.mark.parametrize("side", [1, 3, 5, 13])
def test_inside_is_an_erosion_by_the_receptive_field(side: int) -> None:
    mask = (noise(30, 44) > 0.05).double()
    expected = minimum_filter(mask[0, 0].numpy(), side, mode="constant", cval=1)
    np.testing.assert_array_equal(propagate(mask, (30, 44), 1, side, "inside")[0, 0].numpy(), expected)


@pytest.mark.parametrize(("stride", "side"), [(2, 6), (2, 10), (4, 24), (8, 8)])
def test_inside_takes_the_erosion_down(stride: int, side: int) -> None:
    """scipy puts the centre of an even square one to the right of its middle; the grid has it between two pixels."""
    mask = noise(32, 48)
    eroded = minimum_filter(mask[0, 0].numpy(), side, mode="constant", cval=1)
    expected = eroded[stride // 2 :: stride, stride // 2 :: stride]
    result = propagate(mask, (32 // stride, 48 // stride), stride, side, "inside")
    np.testing.assert_allclose(result[0, 0].numpy(), expected)


NETWORKS = {
    "pooled": (nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(1, 1, 3, padding=1)), 2, 8),
    "strided": (
        nn.Sequential(nn.Conv2d(1, 1, 7, stride=2, padding=3), nn.MaxPool2d(3, 2, 1), nn.Conv2d(1, 1, 3, padding=1)),
        4,
        19,
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_inside_is_what_sees_no_pixel_outside(name: str) -> None:
    """A change outside the region reaches every position but those inside."""
    network, stride, side = NETWORKS[name]
    for layer in network:
        if isinstance(layer, nn.Conv2d):
            nn.init.ones_(layer.weight)
    region = torch.zeros(1, 1, 48, 64)
    region[..., 9:41, 13:57] = 1
    with torch.no_grad():
        seen = network(1e6 * (1 - region)) - network(torch.zeros_like(region))
    inside = propagate(region, seen.shape[-2:], stride, side, "inside")
    assert torch.equal(inside > 0, seen == 0)
    assert 0 < inside.sum() < inside.numel()


def test_the_border_of_the_picture_is_no_border_of_the_region() -> None:
    assert propagate(torch.ones(1, 1, 32, 32), (2, 2), 16, 252, "inside").min() == 1
    assert propagate(torch.ones(1, 1, 33, 47), (3, 3), 16, 99, "all").min() == 1


def test_a_narrow_region_vanishes_inside() -> None:
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 10:14] = 1
    assert propagate(mask, (16, 16), 2, 10, "inside").sum() == 0
    assert propagate(mask, (16, 16), 2, 10, "all").sum() == 32


def test_what_cannot_be() -> None:
    with pytest.raises(UsageError, match=r"unknown propagation 'insde' \(did you mean 'inside'\?\); allowed: all, ins"):
        propagate(torch.ones(1, 1, 8, 8), (4, 4), 2, 6, "insde")
    with pytest.raises(UsageError, match="a mask of 8x9 does not fit a grid of 3x4 with a stride of 2"):
        propagate(torch.ones(1, 1, 9, 8), (4, 3), 2, 6)
