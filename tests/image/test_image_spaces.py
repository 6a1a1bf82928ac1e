"""Colour spaces against scikit-image and against published values."""

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab, rgb2ycbcr

from impasto.image import SPACES, load

NAMES = list(SPACES)


def noise(dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.rand(2, 3, 20, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)


def last(image: torch.Tensor) -> np.ndarray:
    return image.permute(0, 2, 3, 1).numpy()


def test_ycbcr_as_scikit_image_but_for_its_studio_range() -> None:
    studio = rgb2ycbcr(last(noise()))
    expected = (studio - [16, 128, 128]) / [219, 224, 224]
    np.testing.assert_allclose(last(SPACES["ycbcr"].forward(noise())), expected, atol=2e-4)


def test_lab_as_scikit_image() -> None:
    np.testing.assert_allclose(last(SPACES["lab"].forward(noise())), rgb2lab(last(noise())), atol=0.02)


def test_oklab_as_published() -> None:
    """Ottosson's table of XYZ and OKLab, to its three digits; most of its colours are beyond RGB."""
    xyz = torch.tensor([(0.950, 1.0, 1.089), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)], dtype=torch.float64)
    oklab = np.array([(1.0, 0.0, 0.0), (0.450, 1.236, -0.019), (0.922, -0.671, 0.263), (0.153, -1.415, -0.449)])
    primaries = torch.tensor(
        [(0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041)],
        dtype=torch.float64,
    )
    light = torch.linalg.solve(primaries, xyz.T)
    encoded = torch.where(light > 0.0031308, 1.055 * light.clamp(min=0) ** (1 / 2.4) - 0.055, 12.92 * light)
    np.testing.assert_allclose(SPACES["oklab"].forward(encoded.view(1, 3, 4, 1))[0, :, :, 0].T, oklab, atol=2e-3)


@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 2e-5), (torch.float64, 1e-9)])
@pytest.mark.parametrize("name", NAMES)
def test_there_and_back(name: str, dtype: torch.dtype, error: float) -> None:
    space = SPACES[name]
    corners = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 3).T.reshape(1, 3, 2, 4).to(dtype)
    for image in (noise(dtype), corners, 1.4 * noise(dtype) - 0.2):
        returned = space.backward(space.forward(image))
        assert returned.dtype == dtype
        torch.testing.assert_close(returned, image, atol=error, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_greys_have_no_colour_and_white_is_white(name: str) -> None:
    grey = torch.linspace(0, 1, 256, dtype=torch.float64).expand(1, 3, 1, 256)
    light, *colors = SPACES[name].forward(grey)[0]
    assert max(color.abs().max() for color in colors) < 1e-4
    assert light[0, 0] == pytest.approx(0, abs=1e-6)
    assert light[0, -1] == pytest.approx(SPACES[name].white, rel=1e-6)
    assert (light[0].diff() > 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_additive_says_what_is_so(name: str) -> None:
    space, image = SPACES[name], load("sample:coffee").pixels[..., ::20, ::20].double()
    step = space.white / 10
    lifted = (
        space.backward(space.forward(image) + torch.tensor([step, 0, 0], dtype=torch.float64).view(3, 1, 1)) - image
    )
    assert space.additive == bool((lifted - 0.1).abs().max() < 1e-9)
