"""Rotated pictures, against numpy and scipy."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from impasto.image import load, rotate


def noise(channels: int, height: int, width: int) -> torch.Tensor:
    return torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("degrees", [-450, -90, 0, 90, 180, 270, 360, 720])
def test_quarter_turns_are_exact(degrees: float) -> None:
    image, mask = noise(3, 5, 7), noise(1, 5, 7)
    turned, inside = rotate(image, degrees, mask)
    for result, given in ((turned, image), (inside, mask)):
        assert result is not None
        np.testing.assert_array_equal(result[0].numpy(), np.rot90(given[0].numpy(), degrees // 90, (1, 2)))
    assert rotate(image, degrees)[1] is None


@pytest.mark.parametrize("degrees", [10, 45, 100, -30, 200.5])
def test_other_turns_as_scipy_makes_them(degrees: float) -> None:
    """Both bilinear; the sheets may differ by a pixel, and so their centres by half of one."""
    image = load("sample:chelsea").pixels[..., 50:250:2, 100:400:2]
    turned, inside = rotate(image, degrees)
    expected = ndimage.rotate(image[0].numpy(), degrees, (2, 1), order=1, mode="nearest")
    assert inside is not None
    assert max(abs(a - b) for a, b in zip(turned.shape[-2:], expected.shape[-2:], strict=True)) <= 1
    top, left = ((a - b) / 2 for a, b in zip(turned.shape[-2:], expected.shape[-2:], strict=True))
    moved = ndimage.shift(expected, (0, top, left), order=1, mode="nearest")
    rows, columns = (min(a, b) for a, b in zip(turned.shape[-2:], moved.shape[-2:], strict=True))
    error = np.abs(turned[0, :, :rows, :columns].numpy() - moved[:, :rows, :columns])
    assert error[:, inside[0, 0, :rows, :columns].numpy() > 0.999].mean() < 0.01


@pytest.mark.parametrize("degrees", [45, 30, -120])
def test_the_bare_corners_are_outside_the_mask(degrees: float) -> None:
    turned, inside = rotate(torch.ones(1, 3, 40, 60), degrees)
    assert inside is not None
    assert inside.shape[-2:] == turned.shape[-2:]
    corners = inside[..., [0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.max() == 0
    assert inside[0, 0, inside.shape[2] // 2, inside.shape[3] // 2] == 1
    assert inside.sum() == pytest.approx(40 * 60, rel=0.01)


def test_nothing_is_cut_off() -> None:
    dot = torch.zeros(1, 3, 40, 60)
    dot[..., :3, :3] = dot[..., -3:, -3:] = dot[..., :3, -3:] = dot[..., -3:, :3] = 1
    turned, inside = rotate(dot, 37)
    assert inside is not None
    assert (turned * inside)[:, 0].sum() == pytest.approx(36, rel=0.1)


def test_a_mask_turns_with_its_picture() -> None:
    mask = torch.zeros(1, 1, 40, 60)
    mask[..., 10:20, 10:30] = 1
    turned, inside = rotate(mask.expand(1, 3, 40, 60), 25, mask)
    assert inside is not None
    torch.testing.assert_close(turned[:, :1], inside)
    assert inside.sum() == pytest.approx(200, rel=0.01)


@pytest.mark.parametrize("degrees", [0, 90, 45])
def test_the_smallest_picture(degrees: float) -> None:
    turned, _ = rotate(torch.full((1, 3, 1, 1), 0.4), degrees)
    torch.testing.assert_close(turned, torch.full_like(turned, 0.4))
