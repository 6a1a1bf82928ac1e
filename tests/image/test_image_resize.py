"""Resizing against Pillow, against aliasing, and through its gradient."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from impasto.errors import UsageError
from impasto.image import check_shape, fit, fitted_size, resize, resize_wrapped, same_shape

GENERATOR = torch.Generator().manual_seed(0)


def noise(height: int, width: int) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=GENERATOR)


def by_pillow(image: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Channel by channel in Pillow's mode F, which does not round."""
    planes = [
        np.asarray(Image.fromarray(plane.numpy()).resize((size[1], size[0]), Image.Resampling.BICUBIC))
        for plane in image[0]
    ]
    return torch.from_numpy(np.stack(planes))[None]


@pytest.mark.parametrize("size", [(20, 30), (7, 90), (64, 11), (101, 97), (1, 1), (13, 200)])
def test_as_pillow_does_it(size: tuple[int, int]) -> None:
    image = noise(40, 60)
    torch.testing.assert_close(resize(image, size), by_pillow(image, size), atol=2e-5, rtol=0)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_a_fine_checkerboard_turns_flat_grey(factor: int) -> None:
    board = (torch.arange(64)[:, None] + torch.arange(64)[None]) % 2
    small = resize(board.float().expand(1, 3, 64, 64), (64 // factor, 64 // factor))
    interior = small[..., 1:-1, 1:-1]
    torch.testing.assert_close(interior, torch.full_like(interior, 0.5), atol=0.01, rtol=0)


def test_the_same_size_is_the_same_tensor() -> None:
    image = noise(5, 6)
    assert resize(image, (5, 6)) is image
    assert fit(image, 6) is image


def test_a_flat_image_stays_flat() -> None:
    for size in ((3, 50), (200, 7), (1, 1)):
        torch.testing.assert_close(resize(torch.full((2, 4, 30, 20), 0.3), size), torch.full((2, 4, *size), 0.3))


def test_the_gradient() -> None:
    image = noise(6, 5).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: resize(x, (3, 4)), image)
    assert torch.autograd.gradcheck(lambda x: resize(x, (9, 8)), image)


def test_fit() -> None:
    assert fit(noise(40, 60), 30).shape == (1, 3, 20, 30)
    assert fit(noise(60, 40), 120).shape == (1, 3, 120, 80)
    assert fit(noise(1, 5000), 10).shape == (1, 3, 1, 10)


@given(height=st.integers(1, 20_000), width=st.integers(1, 20_000), longer=st.integers(1, 10_000))
def test_fitted_size(height: int, width: int, longer: int) -> None:
    fitted = fitted_size((height, width), longer)
    assert max(fitted) == longer
    assert fitted[int(width > height)] == longer
    exact = longer * min(height, width) / max(height, width)
    assert min(fitted) == 1 or abs(min(fitted) - exact) <= 0.5
    assert fitted_size((width, height), longer) == fitted[::-1]
    assert fitted_size((height, width), max(height, width)) == (height, width)


def test_what_cannot_be_resized() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        resize(noise(4, 4), (0, 4))
    with pytest.raises(UsageError, match="at least 1 pixel"):
        fit(noise(4, 4), 0)
    with pytest.raises(UsageError, match=r"expected floats \(B, C, H, W\)"):
        resize(torch.zeros(3, 4, 4), (2, 2))
    with pytest.raises(UsageError, match=r"torch.uint8 of shape"):
        resize(torch.zeros(1, 3, 4, 4, dtype=torch.uint8), (2, 2))


@pytest.mark.parametrize("size", [(24, 40), (6, 10), (12, 20)])
def test_a_wrapped_resize_does_not_know_where_the_picture_begins(size):
    image = torch.rand(1, 3, 12, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    there = resize_wrapped(image.roll((4, 6), (2, 3)), size)
    back = there.roll((-4 * size[0] // 12, -6 * size[1] // 20), (2, 3))
    torch.testing.assert_close(back, resize_wrapped(image, size), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("own", "size", "same"),
    [
        ((64, 96), (640, 960), True),
        ((1, 1), (1000, 1000), True),
        ((100, 101), (1000, 1000), True),
        ((100, 104), (1000, 1000), False),
        ((30, 40), (200, 300), False),
        ((301, 37), (80, 120), False),
    ],
)
def test_shapes_are_the_same_within_two_percent_and_a_pixel(
    own: tuple[int, int], size: tuple[int, int], same: bool
) -> None:
    assert same_shape(own, size) == same
    if same:
        check_shape(own, size, "the mask", "photo")
    else:
        with pytest.raises(UsageError, match="the mask has another shape than the photo"):
            check_shape(own, size, "the mask", "photo")
